//! [`NonFinite`]: where a NaN or an infinity came from.

use std::fmt;
use std::sync::Arc;

use wengert_autograd::{Direction, NonFiniteOp, Var};
use wengert_nn::{Gradients, Module, ParametersExt, Pass, ShardSums, Slot};
use wengert_tensor::{Number, Real, Tensor};

/// A step with a NaN or infinite loss or gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The number of the batch in its epoch, from 0.
    pub step: usize,
    /// The number of updates before it.
    pub updates: u64,
    /// The process that computed it, if there are several.
    pub process: Option<usize>,
    /// What produced the first number that is not finite.
    pub origin: Origin,
}

/// What produced the first number that is not finite.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// It is in the input of the batch.
    Input {
        /// The number of the example in the batch.
        example: usize,
    },
    /// It is in a parameter or a buffer, so the last update produced it.
    Parameter {
        /// Its path.
        path: String,
    },
    /// An operation made it from finite numbers.
    Op(NonFiniteOp),
    /// Neither of these: a loss without a tape, or an update that overflows.
    Unknown,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            epoch,
            step,
            updates,
            process,
            origin,
        } = self;
        let process = process.map_or_else(String::new, |process| format!(" in process {process}"));
        write!(
            f,
            "training stopped at step {} of epoch {} (after {updates} updates){process}: ",
            step + 1,
            epoch + 1
        )?;
        match origin {
            Origin::Input { example } => {
                write!(
                    f,
                    "example {example} of the batch has a NaN or infinite input; correct the data"
                )
            }
            Origin::Parameter { path } => write!(
                f,
                "the last update made `{path}` NaN or infinite; choose a smaller learning rate, or clip the gradients"
            ),
            Origin::Op(op) => {
                let (what, remedy) = match op.direction {
                    Direction::Forward => ("the value", "its operands"),
                    Direction::Backward => {
                        ("the derivative", "its operands, or clip the gradients")
                    }
                };
                write!(
                    f,
                    "{what} of {op} is NaN or infinite; choose a smaller learning rate, or bound {remedy}"
                )
            }
            Origin::Unknown => f.write_str("the loss or a gradient is NaN or infinite"),
        }
    }
}

impl std::error::Error for NonFinite {}

/// Whether all elements are finite.
fn is_finite<T: Real>(x: &Tensor<T>) -> bool {
    // The sum of magnitudes is a cheap pass over memory; it may also overflow for finite elements.
    x.norm2(..).item().to_f64().is_finite() || x.iter().all(|x| x.to_f64().is_finite())
}

/// Whether all gradients are finite.
pub(super) fn are_finite<T: Real>(gradients: &Gradients<T>) -> bool {
    gradients.iter().all(|(_, gradient)| is_finite(gradient))
}

/// Finds out what made the loss or a gradient of a step not finite, by running it again on a tape that watches.
/// `None` if both are finite.
#[track_caller]
pub(super) fn find<T: Real, M: Module<T>>(
    model: &M,
    input: &Tensor<T>,
    seed: u64,
    sums: Option<Arc<dyn ShardSums<T>>>,
    loss: impl Fn(&Var<T>) -> Var<T>,
) -> Option<Origin> {
    // No closure: it would hide the caller's line.
    match outside(model, input) {
        Some(origin) => Some(origin),
        None => op(model, input, seed, sums, loss),
    }
}

/// An input or a parameter that is not finite before the step.
fn outside<T: Real, M: Module<T>>(model: &M, input: &Tensor<T>) -> Option<Origin> {
    let wrong = input.iter().position(|x| !x.to_f64().is_finite());
    if let Some(place) = wrong {
        let examples = input.shape().first().copied().unwrap_or(1);
        return Some(Origin::Input {
            example: place / (input.len() / examples),
        });
    }
    let mut found = None;
    model.each(|path, slot| {
        let is_wrong = match slot {
            Slot::Param(param) => !is_finite(param.value()),
            // A buffer may be infinite on purpose, such as a mask of attention.
            Slot::Buffer(buffer) => buffer.value().iter().any(Number::is_nan),
            Slot::Counter(_) => false,
        };
        if found.is_none() && is_wrong {
            found = Some(Origin::Parameter {
                path: path.to_owned(),
            });
        }
    });
    found
}

#[track_caller]
fn op<T: Real, M: Module<T>>(
    model: &M,
    input: &Tensor<T>,
    seed: u64,
    sums: Option<Arc<dyn ShardSums<T>>>,
    loss: impl Fn(&Var<T>) -> Var<T>,
) -> Option<Origin> {
    let mut pass = Pass::watch(model, seed);
    if let Some(sums) = sums {
        pass = pass.with_shard_sums(sums);
    }
    let output = model.call(&pass.input(input.clone()), &mut pass);
    let loss = loss(&output);
    if !loss.item().to_f64().is_finite() {
        let found = pass.tape().origin_of(&loss);
        return Some(found.map_or(Origin::Unknown, Origin::Op));
    }
    let gradients = pass.backward(&loss);
    if let Some(found) = pass.gradient_origin() {
        return Some(Origin::Op(found));
    }
    (!are_finite(&gradients)).then_some(Origin::Unknown)
}
