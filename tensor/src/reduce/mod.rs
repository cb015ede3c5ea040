//! Reductions over some axes, cumulative sums, and softmax.
//!
//! `x.sum(..)` reduces all axes, `x.sum(1)` one, `x.sum([0, 2])` several; `x.sum(keep(1))` keeps them with extent
//! 1. An empty list `[]` reduces no axis.

mod accumulate;
mod extremum;
mod fold;
mod lanes;
mod logcumsumexp;
mod moments;
mod plan;
mod products_of_others;
mod row;
mod scale;
mod scan;
mod softmax;
mod softmax_cotangent;
mod standardize;
mod task;

use accumulate::{Accumulate, Fold, sum_of};
use fold::{fold, result_layout};
pub use row::{MAX_ROWS, sum_of_rows, sum_of_slice};
pub use scale::unit_scale;
pub(crate) use softmax::softmax_rows;
pub(crate) use softmax_cotangent::softmax_rows_cotangent;

use crate::{Axes, Element, Number, Tensor, require};

/// The number of elements that are reduced to one result.
#[track_caller]
fn count(op: &str, shape: &[usize], axes: &Axes) -> usize {
    let reduced = axes.resolve(op, shape);
    let extents = shape.iter().enumerate();
    extents
        .filter(|&(axis, _)| reduced.contains(axis))
        .map(|(_, &extent)| extent)
        .product()
}

/// The parameters of a fold that has none: one `()` per result.
#[track_caller]
fn no_params(op: &str, shape: &[usize], axes: &Axes) -> Vec<()> {
    vec![(); result_layout(op, shape, axes).len()]
}

/// A [`fold`] without parameters.
#[track_caller]
fn fold_without_params<T: Element, F: Accumulate<T, ()>>(
    op: &str,
    x: &Tensor<T>,
    axes: &Axes,
    function: &F,
) -> Tensor<F::Output> {
    fold(op, x, axes, &no_params(op, x.shape(), axes), function)
}

impl<T: Number> Tensor<T> {
    /// The sum over some axes, `y = Σ x`; 0 over no elements.
    ///
    /// The order of the additions depends on the shape alone (lanes within blocks of 1024 elements, blocks
    /// joined as a tree), so the result has the same bits for any layout and any number of threads, and its
    /// rounding error grows with the logarithm of the number of elements.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::keep;
    ///
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!((x.sum(..).item(), x.sum(0).to_vec()), (10.0, vec![4.0, 6.0]));
    /// assert_eq!(x.sum(keep(1)).shape(), [2, 1]);
    /// ```
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
        let function = sum_of(|x: T, ()| x);
        fold_without_params(op, self, axes, &function)
    }

    /// The product over some axes; 1 over no elements. The order of the multiplications is that of
    /// [`sum`](Self::sum).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!((x.prod(..).item(), x.prod(1).to_vec()), (24.0, vec![2.0, 12.0]));
    /// ```
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
        fold_without_params("prod", self, &axes, &function)
    }

    /// The sum over the axes that broadcasting from `shape` to the shape of `self` repeats: the adjoint of
    /// [`broadcast_to`](Self::broadcast_to).
    ///
    /// * returns a tensor of shape `shape`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.sum_to([2]).to_vec(), [4.0, 6.0]);
    /// assert_eq!(x.sum_to([2, 1]).to_vec(), [3.0, 7.0]);
    /// ```
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
    /// Whether at least one element is true; false over no elements.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![true, false, false, false], [2, 2]);
    /// assert_eq!(x.any(1).to_vec(), [true, false]);
    /// ```
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
        fold_without_params("any", self, &axes, &function)
    }

    /// Whether every element is true; true over no elements.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![true, true, true, false], [2, 2]);
    /// assert_eq!(x.all(1).to_vec(), [true, false]);
    /// ```
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
        fold_without_params("all", self, &axes, &function)
    }

    /// The number of true elements over some axes.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![true, true, true, false], [2, 2]);
    /// assert_eq!(x.count_true(1).to_vec(), [2, 1]);
    /// ```
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
        fold_without_params("count_true", self, &axes, &function)
    }
}
