//! Elements in order.

use crate::ops::prelude::*;

impl<T: Real> Var<T> {
    /// The elements along an axis in order, the smallest first, and the indices they come from; equal ones stay in their
    /// order, NaN counts as larger than every number.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![3.0, 1.0, 2.0], [3]));
    /// let (y, index) = x.sort(0);
    /// assert_eq!((y.value().to_vec(), index.to_vec()), (vec![1.0, 2.0, 3.0], vec![1, 2, 0]));
    /// assert_eq!(y.select(0, 0).backward().wrt(&x).to_vec(), [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn sort(&self, axis: isize) -> (Self, Tensor<i64>) {
        let indices = self.value().sort(axis).1;
        (self.gather(axis, &indices), indices)
    }

    /// The elements along an axis in order, the largest first, and the indices they come from; equal ones stay in their
    /// order, NaN counts as larger than every number.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![3.0, 1.0, 2.0], [3]));
    /// let (y, index) = x.sort_descending(0);
    /// assert_eq!((y.value().to_vec(), index.to_vec()), (vec![3.0, 2.0, 1.0], vec![0, 2, 1]));
    /// assert_eq!(y.select(0, 0).backward().wrt(&x).to_vec(), [1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn sort_descending(&self, axis: isize) -> (Self, Tensor<i64>) {
        let indices = self.value().sort_descending(axis).1;
        (self.gather(axis, &indices), indices)
    }

    /// The `k` largest elements along an axis, the largest first, and their indices; NaN counts as larger than every
    /// number.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![3.0, 1.0, 2.0], [3]));
    /// let (y, index) = x.topk(0, 2);
    /// assert_eq!((y.value().to_vec(), index.to_vec()), (vec![3.0, 2.0], vec![0, 2]));
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or it has fewer than `k` elements.
    #[must_use]
    #[track_caller]
    pub fn topk(&self, axis: isize, k: usize) -> (Self, Tensor<i64>) {
        let indices = self.value().topk(axis, k).1;
        (self.gather(axis, &indices), indices)
    }

    /// The `k` smallest elements along an axis, the smallest first, and their indices; NaN counts as larger than every
    /// number.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![3.0, 1.0, 2.0], [3]));
    /// let (y, index) = x.bottomk(0, 2);
    /// assert_eq!((y.value().to_vec(), index.to_vec()), (vec![1.0, 2.0], vec![1, 2]));
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or it has fewer than `k` elements.
    #[must_use]
    #[track_caller]
    pub fn bottomk(&self, axis: isize, k: usize) -> (Self, Tensor<i64>) {
        let indices = self.value().bottomk(axis, k).1;
        (self.gather(axis, &indices), indices)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("sort", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        let f = generic!([axis] | x | x.sort(axis).0);
        Case::new(format!("sort({axis})"), f, [draw.apart(shape)])
    }),
    OpInfo::function("sort_descending", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        let f = generic!([axis] | x | x.sort_descending(axis).0);
        Case::new(format!("sort_descending({axis})"), f, [draw.apart(shape)])
    }),
    OpInfo::function("topk", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        let k = draw.within(0, shape[axis.rem_euclid(rank as isize) as usize]);
        let f = generic!([axis, k] | x | x.topk(axis, k).0);
        Case::new(format!("topk({axis}, {k})"), f, [draw.apart(shape)])
    }),
    OpInfo::function("bottomk", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis) = (draw.shape(rank), draw.axis(rank));
        let k = draw.within(0, shape[axis.rem_euclid(rank as isize) as usize]);
        let f = generic!([axis, k] | x | x.bottomk(axis, k).0);
        Case::new(format!("bottomk({axis}, {k})"), f, [draw.apart(shape)])
    }),
];
