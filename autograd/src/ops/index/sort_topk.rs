//! Elements in order.

use crate::ops::prelude::*;

impl<T: Real> Var<T> {
    /// The elements along an axis in order, and the places they come from; equal ones stay in their
    /// order, NaN counts as larger than every number.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Self, Tensor<i64>) {
        let places = self.value().sort(axis, descending).1;
        (self.gather(axis, &places), places)
    }

    /// The `k` largest or smallest elements along an axis, the most extreme first, and their places;
    /// NaN counts as larger than every number.
    ///
    /// # Panics
    /// If there is no such axis or it has fewer than `k` places.
    #[must_use]
    #[track_caller]
    pub fn topk(&self, axis: isize, k: usize, largest: bool) -> (Self, Tensor<i64>) {
        let places = self.value().topk(axis, k, largest).1;
        (self.gather(axis, &places), places)
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::function("sort", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis, descending) = (draw.shape(rank), draw.axis(rank), draw.once_in(2));
        let f = generic!([axis, descending] | x | x.sort(axis, descending).0);
        Case::new(
            format!("sort({axis}, {descending})"),
            f,
            [draw.apart(shape)],
        )
    }),
    Entry::function("topk", |draw| {
        let rank = draw.within(1, 3);
        let (shape, axis, largest) = (draw.shape(rank), draw.axis(rank), draw.once_in(2));
        let k = draw.within(0, shape[axis.rem_euclid(rank as isize) as usize]);
        let f = generic!([axis, k, largest] | x | x.topk(axis, k, largest).0);
        Case::new(
            format!("topk({axis}, {k}, {largest})"),
            f,
            [draw.apart(shape)],
        )
    }),
];
