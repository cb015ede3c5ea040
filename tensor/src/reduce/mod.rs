//! Reductions: many elements to one, along some of the axes.
//!
//! `x.sum(..)` takes all axes, `x.sum(1)` one, `x.sum([0, 2])` several; `x.sum(keep(1))` keeps them
//! as extent 1. Naming no axis, `[]`, reduces nothing.

mod accumulate;
mod extremum;
mod fold;
mod lanes;
mod moments;
mod plan;
mod scale;
mod scan;
mod softmax;
mod work;

use accumulate::{Accumulate, Fold};
use fold::{fold, result_layout};
pub use scale::unit_scale;

use crate::{Axes, Element, Number, Tensor, require};

/// How many elements make one result.
fn count(op: &str, shape: &[usize], axes: &Axes) -> usize {
    let reduced = axes.resolve(op, shape);
    let extents = shape.iter().enumerate();
    extents
        .filter(|&(axis, _)| reduced.contains(axis))
        .map(|(_, &extent)| extent)
        .product()
}

/// One parameter of no content per result.
fn nothing(op: &str, shape: &[usize], axes: &Axes) -> Vec<()> {
    vec![(); result_layout(op, shape, axes).len()]
}

/// Folds some axes, every result with the same function.
#[track_caller]
fn fold_alike<T: Element, F: Accumulate<T, ()>>(
    op: &str,
    x: &Tensor<T>,
    axes: &Axes,
    function: &F,
) -> Tensor<F::Output> {
    fold(op, x, axes, &nothing(op, x.shape(), axes), function)
}

impl<T: Number> Tensor<T> {
    /// The sum over some axes, `y = Σ x`; of no elements 0.
    ///
    /// The order of the additions depends on the shape alone (lanes within blocks of 1024
    /// elements, blocks as a tree), so the result has the same bits for any layout and any number
    /// of threads, and its error grows with the logarithm of the count.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn sum(&self, axes: impl Into<Axes>) -> Self {
        self.sum_named("sum", &axes.into())
    }

    #[track_caller]
    fn sum_named(&self, op: &str, axes: &Axes) -> Self {
        let function = Fold {
            identity: T::zero(),
            term: |x: T, ()| x,
            join: |a: T, b: T| a + b,
        };
        fold_alike(op, self, axes, &function)
    }

    /// The product over some axes; of no elements 1. The order is that of [`sum`](Self::sum).
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn prod(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        let function = Fold {
            identity: T::one(),
            term: |x: T, ()| x,
            join: |a: T, b: T| a * b,
        };
        fold_alike("prod", self, &axes, &function)
    }

    /// The sum over every axis that broadcasting to the shape of `self` would have repeated: the
    /// adjoint of [`broadcast_to`](Self::broadcast_to).
    ///
    /// # Panics
    /// If `shape` does not broadcast to the shape of `self`.
    #[must_use]
    #[track_caller]
    pub fn sum_to(&self, shape: impl AsRef<[usize]>) -> Self {
        let (from, to) = (self.shape(), shape.as_ref());
        if from == to {
            return self.clone();
        }
        let added = from.len().wrapping_sub(to.len());
        let fits = to.len() <= from.len()
            && from[added..]
                .iter()
                .zip(to)
                .all(|(&f, &t)| f == t || t == 1);
        require!(fits, "sum_to: {from:?}: {to:?} does not broadcast to it");
        let repeated = |&axis: &usize| axis < added || to[axis - added] != from[axis];
        let axes: Vec<isize> = (0..from.len())
            .filter(repeated)
            .map(|a| a as isize)
            .collect();
        self.sum_named("sum_to", &axes.into()).reshape(to)
    }
}

impl Tensor<bool> {
    /// Whether one element at least is true; of no elements false.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn any(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        let function = Fold {
            identity: false,
            term: |x: bool, ()| x,
            join: |a: bool, b: bool| a | b,
        };
        fold_alike("any", self, &axes, &function)
    }

    /// Whether every element is true; of no elements true.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn all(&self, axes: impl Into<Axes>) -> Self {
        let axes = axes.into();
        let function = Fold {
            identity: true,
            term: |x: bool, ()| x,
            join: |a: bool, b: bool| a & b,
        };
        fold_alike("all", self, &axes, &function)
    }

    /// How many elements are true.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn count_true(&self, axes: impl Into<Axes>) -> Tensor<i64> {
        let axes = axes.into();
        let function = Fold {
            identity: 0,
            term: |x: bool, ()| i64::from(x),
            join: |a: i64, b: i64| a + b,
        };
        fold_alike("count_true", self, &axes, &function)
    }
}
