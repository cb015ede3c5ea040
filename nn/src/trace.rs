//! What a model computes, recorded op by op for a program that translates it.

use std::collections::BTreeMap;

use wengert_autograd::{RecordedCall, Var};
use wengert_tensor::{Real, Tensor};

use crate::param::IdMap;
use crate::parameters::{Parameters, ParametersExt, Slot};
use crate::pass::Pass;

/// A computation in evaluation mode: every call of an op, and where the values come from that no op made.
#[derive(Clone, Debug)]
pub struct Trace<T: Real> {
    /// The calls in order.
    pub calls: Vec<RecordedCall<T>>,
    /// The entries of the tape that are no calls, by number.
    pub leaves: BTreeMap<usize, TracedLeaf<T>>,
    /// The results, each with the entry of the tape that made it and the number of the result there; `None` for a
    /// result that depends on no input and no parameter.
    pub outputs: Vec<(Tensor<T>, Option<(usize, usize)>)>,
}

/// A value that no op made.
#[derive(Clone, Debug, PartialEq)]
pub enum TracedLeaf<T: Real> {
    /// An input, by number.
    Input(usize),
    /// A parameter or a buffer.
    Stored {
        /// Its path in the model.
        path: String,
        /// Its value.
        value: Tensor<T>,
    },
}

/// Runs a computation once in evaluation mode and records all of it, frozen parameters and buffers included.
///
/// `compute` gets the inputs as variables, and returns the results. The trace of a model is that of
/// `|x, pass| vec![model.call(&x[0], pass)]`. Every value is kept, which takes more memory than a forward pass.
///
/// ```
/// use wengert_nn::{Linear, Module, trace};
/// use wengert_tensor::Tensor;
///
/// let layer: Linear = Linear::new(3, 2, &mut wengert_nn::rng(0));
/// let trace = trace(&layer, &[Tensor::ones([4, 3])], |x, pass| vec![layer.call(&x[0], pass)]);
/// assert_eq!((trace.calls.len(), trace.calls[0].op), (1, "linear"));
/// assert_eq!(trace.leaves.len(), 3); // the input, `weight` and `bias`
/// ```
///
/// # Panics
/// As `compute` does.
#[must_use]
#[track_caller]
pub fn trace<T: Real>(
    model: &(impl Parameters<T> + ?Sized),
    inputs: &[Tensor<T>],
    compute: impl FnOnce(&[Var<T>], &mut Pass<T>) -> Vec<Var<T>>,
) -> Trace<T> {
    let mut pass = Pass::trace(model);
    let mut variables = Vec::new();
    for input in inputs {
        variables.push(pass.tape().leaf(input.clone()));
    }
    let outputs = compute(&variables, &mut pass);
    let calls = pass.tape().calls();

    let mut leaves = BTreeMap::new();
    let entry = |leaf: &Var<T>| leaf.entry().expect("a leaf is on the tape");
    for (number, input) in variables.iter().enumerate() {
        leaves.insert(entry(input), TracedLeaf::Input(number));
    }
    let stored = |path: &str, leaf: &Var<T>| TracedLeaf::Stored {
        path: path.to_owned(),
        value: leaf.value().clone(),
    };
    for (path, leaf) in pass.leaves() {
        leaves.insert(entry(leaf), stored(path, leaf));
    }
    let mut paths = IdMap::default();
    model.each(|path, slot| {
        if let Slot::Buffer(buffer) = slot {
            paths.entry(buffer.id()).or_insert_with(|| path.to_owned());
        }
    });
    for (id, leaf) in pass.traced_buffers() {
        // A buffer that the model does not list has no path; it is told apart by its entry.
        let unlisted = || format!("unlisted.{}", entry(leaf));
        let path = paths.get(&id).cloned().unwrap_or_else(unlisted);
        leaves.insert(entry(leaf), stored(&path, leaf));
    }
    let outputs = outputs.iter().map(|y| (y.value().clone(), y.source()));
    Trace {
        calls,
        leaves,
        outputs: outputs.collect(),
    }
}
