//! Comparisons, Boolean operations, and selection by a mask.

use crate::{Element, Number, Tensor};

impl<T: Element> Tensor<T> {
    /// Where the elements are equal, broadcast. NaN equals nothing.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, f64::NAN], [2]);
    /// assert_eq!(x.eq(&x).to_vec(), [true, false]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn eq(&self, other: &Self) -> Tensor<bool> {
        self.zip_named("eq", other, |a, b| a == b)
    }

    /// Where the elements differ, broadcast. NaN differs from everything.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.ne(&Tensor::scalar(1)).to_vec(), [false, true]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn ne(&self, other: &Self) -> Tensor<bool> {
        self.zip_named("ne", other, |a, b| a != b)
    }

    /// `a` where the mask is true, `b` elsewhere, with all three broadcast to one shape (`torch.where`).
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let mask = Tensor::from_vec(vec![true, false], [2]);
    /// let (a, b) = (Tensor::from_vec(vec![1, 2], [2]), Tensor::scalar(9));
    /// assert_eq!(Tensor::where_(&mask, &a, &b).to_vec(), [1, 9]);
    /// ```
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
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, -2, 3], [3]);
    /// assert_eq!(x.masked_fill(&x.lt(&Tensor::scalar(0)), 0).to_vec(), [1, 0, 3]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor<bool>, value: T) -> Self {
        self.zip_named("masked_fill", mask, move |x, mask| {
            // A reference to the value would be selected instead, and then loaded: no vectors.
            let filled = value;
            if mask { filled } else { x }
        })
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
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// assert_eq!(x.lt(&Tensor::scalar(2)).to_vec(), [true, false, false]);
    /// ```
    lt <;
    /// Where `self ≤ other`, broadcast; false if either is NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// assert_eq!(x.le(&Tensor::scalar(2)).to_vec(), [true, true, false]);
    /// ```
    le <=;
    /// Where `self > other`, broadcast; false if either is NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// assert_eq!(x.gt(&Tensor::scalar(2)).to_vec(), [false, false, true]);
    /// ```
    gt >;
    /// Where `self ≥ other`, broadcast; false if either is NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// assert_eq!(x.ge(&Tensor::scalar(2)).to_vec(), [false, true, true]);
    /// ```
    ge >=;
}

impl<T: Number> Tensor<T> {
    /// Where the element is NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, f64::NAN, f64::INFINITY], [3]);
    /// assert_eq!(x.is_nan().to_vec(), [false, true, false]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_nan(&self) -> Tensor<bool> {
        self.map(T::is_nan)
    }

    /// Where the element is neither infinite nor NaN.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, f64::NAN, f64::INFINITY], [3]);
    /// assert_eq!(x.is_finite().to_vec(), [true, false, false]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_finite(&self) -> Tensor<bool> {
        // ∞ · 0 is NaN.
        self.map(|x| !(x * T::zero()).is_nan())
    }

    /// Where the element is +∞ or −∞.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, f64::NAN, f64::INFINITY], [3]);
    /// assert_eq!(x.is_infinite().to_vec(), [false, false, true]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_infinite(&self) -> Tensor<bool> {
        self.map(|x| (x * T::zero()).is_nan() && !x.is_nan())
    }
}

impl Tensor<bool> {
    /// Where the mask is false.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![true, false], [2]).not().to_vec(), [false, true]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn not(&self) -> Self {
        self.map(|x| !x)
    }

    /// Where both are true, broadcast.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![true, true, false], [3]), Tensor::from_vec(vec![true, false, false], [3]));
    /// assert_eq!(a.and(&b).to_vec(), [true, false, false]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn and(&self, other: &Self) -> Self {
        self.zip_named("and", other, |a, b| a & b)
    }

    /// Where at least one is true, broadcast.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![true, true, false], [3]), Tensor::from_vec(vec![true, false, false], [3]));
    /// assert_eq!(a.or(&b).to_vec(), [true, true, false]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn or(&self, other: &Self) -> Self {
        self.zip_named("or", other, |a, b| a | b)
    }

    /// Where exactly one is true, broadcast.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![true, true, false], [3]), Tensor::from_vec(vec![true, false, false], [3]));
    /// assert_eq!(a.xor(&b).to_vec(), [false, true, false]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn xor(&self, other: &Self) -> Self {
        self.zip_named("xor", other, |a, b| a ^ b)
    }

    /// 1 where true, 0 where false.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![true, false], [2]).to_number::<f64>().to_vec(), [1.0, 0.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn to_number<T: Number>(&self) -> Tensor<T> {
        self.map(|x| if x { T::one() } else { T::zero() })
    }
}
