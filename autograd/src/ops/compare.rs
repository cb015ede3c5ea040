//! Comparisons and places: piecewise constant, so plain tensors come out and no gradient flows.

use super::prelude::*;

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident)*) => {
        impl<T: Real> Var<T> {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// If the shapes do not broadcast to each other.
            #[must_use]
            #[track_caller]
            pub fn $name(&self, other: &Self) -> Tensor<bool> {
                self.value().$name(other.value())
            }
        )*}
    };
}

comparisons! {
    /// Where the elements are equal, broadcast. NaN equals nothing.
    eq
    /// Where the elements differ, broadcast. NaN differs from everything.
    ne
    /// Where `self < other`, broadcast; false where one is NaN.
    lt
    /// Where `self ≤ other`, broadcast; false where one is NaN.
    le
    /// Where `self > other`, broadcast; false where one is NaN.
    gt
    /// Where `self ≥ other`, broadcast; false where one is NaN.
    ge
}

impl<T: Real> Var<T> {
    /// Where along an axis the largest element is: the first of equal ones; the first NaN wins. The
    /// axis disappears.
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[must_use]
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<i64> {
        self.value().argmax(axis)
    }

    /// Where along an axis the smallest element is: the first of equal ones; the first NaN wins. The
    /// axis disappears.
    ///
    /// # Panics
    /// If there is no such axis, or it is empty.
    #[must_use]
    #[track_caller]
    pub fn argmin(&self, axis: isize) -> Tensor<i64> {
        self.value().argmin(axis)
    }
}

pub(super) const ENTRIES: &[Entry] = &[];
