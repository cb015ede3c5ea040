//! Finding the op that produced a NaN or an infinity.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use wengert_tensor::{Real, Tensor, fail};

use crate::var::Var;

/// An op that produced a NaN or an infinity from finite operands, on a tape made by
/// [`Tape::watch`](crate::Tape::watch).
///
/// ```
/// use wengert_autograd::Tape;
/// use wengert_tensor::Tensor;
///
/// let tape = Tape::watch();
/// let x = tape.leaf(Tensor::from_vec(vec![1.0, -1.0], [2]));
/// let y = (x.ln() * 2.0).sum(..);
/// let origin = tape.origin_of(&y).expect("ln(−1) is NaN");
/// assert_eq!((origin.op, origin.direction.to_string()), ("ln", "forward".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFiniteOp {
    /// The name of the op.
    pub op: &'static str,
    /// Where it was called.
    pub location: &'static Location<'static>,
    /// The path of the layer that was running; `None` outside of a layer.
    pub layer: Option<Arc<str>>,
    /// Whether its value or its rule is not finite.
    pub direction: Direction,
    /// The operands that are untracked and not finite already, by number.
    pub constants: Vec<usize>,
}

/// Which part of an op is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The value of the op.
    Forward,
    /// The cotangents of its inputs, as its rule computes them.
    Backward,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        })
    }
}

impl fmt::Display for NonFiniteOp {
    /// Such as "`ln` (src/model.rs:10:5) in layer `fc`".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.op, self.location)?;
        if let Some(layer) = &self.layer {
            write!(f, " in layer `{layer}`")?;
        }
        if let Some(constant) = self.constants.first() {
            write!(
                f,
                ", whose operand {constant}, a constant, is not finite already"
            )?;
        }
        Ok(())
    }
}

/// What a watching tape knows of its ops.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// By entry. Leaves are absent.
    ops: RefCell<BTreeMap<usize, Watched>>,
    /// Entries whose cotangent is not finite, and the entry whose rule made it so.
    backward: RefCell<BTreeMap<usize, usize>>,
}

#[derive(Debug)]
struct Watched {
    op: NonFiniteOp,
    is_finite: bool,
    sources: Vec<usize>,
}

impl Watch {
    /// Notes an op that was recorded.
    pub(crate) fn record<T: Real>(
        &self,
        entry: usize,
        op: &'static str,
        location: &'static Location<'static>,
        inputs: &[&Var<T>],
        is_finite: bool,
    ) {
        let constants = inputs.iter().enumerate();
        let constants = constants.filter(|(_, x)| !x.is_tracked() && !finite(x.value()));
        let op = NonFiniteOp {
            op,
            location,
            layer: fail::scope(),
            direction: Direction::Forward,
            constants: constants.map(|(i, _)| i).collect(),
        };
        let sources = inputs.iter().filter_map(|x| x.entry()).collect();
        let watched = Watched {
            op,
            is_finite,
            sources,
        };
        self.ops.borrow_mut().insert(entry, watched);
    }

    /// The first op on the way to an entry whose value is not finite.
    pub(crate) fn origin(&self, entry: usize) -> Option<NonFiniteOp> {
        let ops = self.ops.borrow();
        let wrong = |entry: &usize| ops.get(entry).filter(|watched| !watched.is_finite);
        let mut origin = wrong(&entry)?;
        while let Some(earlier) = origin.sources.iter().find_map(wrong) {
            origin = earlier;
        }
        Some(origin.op.clone())
    }

    /// Notes that a cotangent of a source of an entry is not finite after the rule of the entry has run.
    pub(crate) fn record_backward(&self, entry: usize, source: usize) {
        self.backward.borrow_mut().entry(source).or_insert(entry);
    }

    /// The op whose rule made the cotangent of an entry not finite, from a finite one of its own.
    pub(crate) fn gradient_origin(&self, entry: usize) -> Option<NonFiniteOp> {
        let made_by = self.backward.borrow();
        let mut origin = made_by.get(&entry)?;
        while let Some(later) = made_by.get(origin) {
            origin = later;
        }
        let ops = self.ops.borrow();
        let op = ops.get(origin)?.op.clone();
        Some(NonFiniteOp {
            direction: Direction::Backward,
            constants: Vec::new(),
            ..op
        })
    }
}

pub(crate) fn finite<T: Real>(x: &Tensor<T>) -> bool {
    x.is_finite().all(..).item()
}
