//! Comparisons. The results are masks, which have no gradient.

use crate::ops::prelude::*;

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

pub(super) const ENTRIES: &[Entry] = &[];
