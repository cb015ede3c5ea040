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
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.eq(&Var::scalar(2.0)).to_vec(), [false, true, false]);
    /// ```
    eq
    /// Where the elements differ, broadcast. NaN differs from everything.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.ne(&Var::scalar(2.0)).to_vec(), [true, false, true]);
    /// ```
    ne
    /// Where `self < other`, broadcast; false where one is NaN.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.lt(&Var::scalar(2.0)).to_vec(), [true, false, false]);
    /// ```
    lt
    /// Where `self ≤ other`, broadcast; false where one is NaN.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.le(&Var::scalar(2.0)).to_vec(), [true, true, false]);
    /// ```
    le
    /// Where `self > other`, broadcast; false where one is NaN.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.gt(&Var::scalar(2.0)).to_vec(), [false, false, true]);
    /// ```
    gt
    /// Where `self ≥ other`, broadcast; false where one is NaN.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.ge(&Var::scalar(2.0)).to_vec(), [false, true, true]);
    /// ```
    ge
}

// Masks have no gradient.
pub(super) const OPS: &[OpInfo] = &[];
