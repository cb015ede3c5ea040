//! Comparisons, Boolean operations, and selection by a mask.

use crate::{Element, Number, Tensor};

impl<T: Element> Tensor<T> {
    /// Where the elements are equal, broadcast. NaN equals nothing.
    #[must_use]
    #[track_caller]
    pub fn eq(&self, other: &Self) -> Tensor<bool> {
        self.zip_named("eq", other, |a, b| a == b)
    }

    /// Where the elements differ, broadcast. NaN differs from everything.
    #[must_use]
    #[track_caller]
    pub fn ne(&self, other: &Self) -> Tensor<bool> {
        self.zip_named("ne", other, |a, b| a != b)
    }

    /// `a` where the mask is true, `b` elsewhere, with all three broadcast to one shape (`torch.where`).
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn where_(mask: &Tensor<bool>, a: &Self, b: &Self) -> Self {
        mask.zip3_named("where", a, b, |mask, a, b| if mask { a } else { b })
    }

    /// `value` where the mask is true, the element of `self` elsewhere, broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor<bool>, value: T) -> Self {
        self.zip_named("masked_fill", mask, |x, mask| if mask { value } else { x })
    }
}

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident $op:tt;)*) => {
        impl<T: Number> Tensor<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, other: &Self) -> Tensor<bool> {
                self.zip_named(stringify!($name), other, |a, b| a $op b)
            }
        )*}
    };
}

orders! {
    /// Where `self < other`, broadcast; false if either is NaN.
    lt <;
    /// Where `self ≤ other`, broadcast; false if either is NaN.
    le <=;
    /// Where `self > other`, broadcast; false if either is NaN.
    gt >;
    /// Where `self ≥ other`, broadcast; false if either is NaN.
    ge >=;
}

impl<T: Number> Tensor<T> {
    /// Where the element is NaN.
    #[must_use]
    #[track_caller]
    pub fn is_nan(&self) -> Tensor<bool> {
        self.map(T::is_nan)
    }

    /// Where the element is neither infinite nor NaN.
    #[must_use]
    #[track_caller]
    pub fn is_finite(&self) -> Tensor<bool> {
        // ∞ · 0 is NaN.
        self.map(|x| !(x * T::zero()).is_nan())
    }

    /// Where the element is +∞ or −∞.
    #[must_use]
    #[track_caller]
    pub fn is_infinite(&self) -> Tensor<bool> {
        self.map(|x| (x * T::zero()).is_nan() && !x.is_nan())
    }
}

impl Tensor<bool> {
    /// Where the mask is false.
    #[must_use]
    #[track_caller]
    pub fn not(&self) -> Self {
        self.map(|x| !x)
    }

    /// Where both are true, broadcast.
    #[must_use]
    #[track_caller]
    pub fn and(&self, other: &Self) -> Self {
        self.zip_named("and", other, |a, b| a & b)
    }

    /// Where at least one is true, broadcast.
    #[must_use]
    #[track_caller]
    pub fn or(&self, other: &Self) -> Self {
        self.zip_named("or", other, |a, b| a | b)
    }

    /// Where exactly one is true, broadcast.
    #[must_use]
    #[track_caller]
    pub fn xor(&self, other: &Self) -> Self {
        self.zip_named("xor", other, |a, b| a ^ b)
    }

    /// 1 where true, 0 where false.
    #[must_use]
    #[track_caller]
    pub fn to_number<T: Number>(&self) -> Tensor<T> {
        self.map(|x| if x { T::one() } else { T::zero() })
    }
}
