//! Powers, with one exponent for all elements or one for each.

use crate::{ElementFunction, Real, Tensor};

/// A power with a constant exponent: vectors for positive bases, then the others one by one.
struct Power {
    exponent: f64,
}

impl<T: Real> ElementFunction<T, T> for Power {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn at(&self, x: T) -> T {
        x.powf(self.exponent)
    }

    #[inline(always)]
    fn common(&self, x: T) -> T {
        x.plain_powf(self.exponent)
    }

    #[inline(always)]
    fn is_rare(&self, x: &T) -> bool {
        x.is_special_power(T::of(self.exponent))
    }
}

/// A base to the power of an exponent.
struct PowerOfPair;

impl<T: Real> ElementFunction<(T, T), T> for PowerOfPair {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn at(&self, (x, exponent): (T, T)) -> T {
        x.pow(exponent)
    }

    #[inline(always)]
    fn common(&self, (x, exponent): (T, T)) -> T {
        x.plain_pow(exponent)
    }

    #[inline(always)]
    fn is_rare(&self, (x, exponent): &(T, T)) -> bool {
        x.is_special_power(*exponent)
    }
}

impl<T: Real> Tensor<T> {
    /// `xᵃ` for every element, with a constant exponent.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![2.0, 3.0], [2]).pow(2.0).to_vec(), [4.0, 9.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn pow(&self, exponent: f64) -> Self {
        // Outside the loop: a branch in it would keep LLVM from using vectors.
        if exponent == 1.0 {
            self.clone()
        } else if exponent == 2.0 {
            self.map(|x| x * x)
        } else if exponent == 3.0 {
            self.map(|x| x * x * x)
        } else if exponent == 4.0 {
            self.map(|x| (x * x) * (x * x))
        } else if exponent == -1.0 {
            // A division takes longer than memory, and where a divider is that wide, half as long in the widest vectors.
            self.map_costly(|x: T| T::one() / x)
        } else if exponent == -2.0 {
            self.map_costly(|x: T| {
                let reciprocal = T::one() / x;
                reciprocal * reciprocal
            })
        } else if exponent == -3.0 {
            self.map_costly(|x: T| {
                let reciprocal = T::one() / x;
                reciprocal * reciprocal * reciprocal
            })
        } else {
            self.map_costly(Power { exponent })
        }
    }

    /// `xʸ`, broadcast, with exponents from a tensor.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (x, exponent) = (Tensor::scalar(2.0), Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]));
    /// assert_eq!(x.pow_tensor(&exponent).to_vec(), [2.0, 4.0, 8.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn pow_tensor(&self, exponent: &Self) -> Self {
        self.zip_costly_named("pow_tensor", exponent, PowerOfPair)
    }
}
