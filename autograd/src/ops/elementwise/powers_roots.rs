//! Powers to constant exponents, roots and reciprocals.

use wengert_tensor::ElementFunction;

use crate::ops::prelude::*;

/// `g · e·xᵉ⁻¹`, as part of a loop.
struct SlopeOfPower {
    exponent: f64,
}

impl<T: Real> ElementFunction<(T, T), T> for SlopeOfPower {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn at(&self, (g, x): (T, T)) -> T {
        g * (x.powf(self.exponent - 1.0) * T::of(self.exponent))
    }

    #[inline(always)]
    fn common(&self, (g, x): (T, T)) -> T {
        g * (x.plain_powf(self.exponent - 1.0) * T::of(self.exponent))
    }

    #[inline(always)]
    fn is_rare(&self, (_, x): &(T, T)) -> bool {
        x.is_special_power(T::of(self.exponent - 1.0))
    }
}

smooth! {
    /// `x` to a constant power, for every real exponent; `x⁰` is 1 everywhere.
    ///
    /// The slope is `e·xᵉ⁻¹`: at 0 it is infinite for exponents below 1, and 0 for the exponent 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let y = x.pow(3.0);
    /// assert_eq!(y.value().to_vec(), [1.0, 8.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [3.0, 12.0]);
    /// ```
    pow, Pow { exponent: f64 },
    sample |draw| {
        let exponent = draw.pick(&[2.0, 3.0, 0.5, -1.0, -1.5, 1.0, 0.0, 2.7]);
        let whole = exponent % 1.0 == 0.0;
        let x = if whole { draw.any_off_zero() } else { draw.any_within(0.2, 2.0) };
        (Pow { exponent }, x)
    },
    value |f, x| x.powf(f.exponent),
    slope of X |f, x| {
        if f.exponent == 0.0 { T::zero() } else { x.powf(f.exponent - 1.0) * T::of(f.exponent) }
    },
    curvature |f, x| match f.exponent {
        0.0 | 1.0 => Var::full(x.shape(), 0.0),
        e => x.pow(e - 2.0) * (e * (e - 1.0)),
    },
    @loops {
        fn values<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
            x.pow(self.exponent)
        }
        // There is a loop for each of some exponents, and no function that has the bits of all.
        fn on_slices<T: Real>(&self) -> Option<OnSlices<T>> {
            None
        }
        fn slopes<T: Real>(&self, grad: &Tensor<T>, x: &Tensor<T>) -> Tensor<T> {
            let e = self.exponent;
            let (one, factor) = (T::one(), T::of(e));
            if e == 1.0 {
                grad.clone()
            } else if e == 2.0 {
                grad.zip(x, |g, x| g * (x + x))
            } else if e == 3.0 {
                grad.zip(x, move |g, x| g * (x * x * factor))
            } else if e == 4.0 {
                grad.zip(x, move |g, x| g * (x * x * x * factor))
            } else if e == -1.0 {
                grad.zip_costly(x, move |(g, x): (T, T)| {
                    let reciprocal = one / x;
                    g * -(reciprocal * reciprocal)
                })
            } else if e == -2.0 {
                grad.zip_costly(x, move |(g, x): (T, T)| {
                    let reciprocal = one / x;
                    g * (reciprocal * reciprocal * reciprocal * factor)
                })
            } else if e == 0.0 {
                Tensor::zeros(x.shape())
            } else {
                grad.zip_costly(x, SlopeOfPower { exponent: e })
            }
        }
    },

    /// `x²`; its slope is `2x`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, -3.0], [2]));
    /// let y = x.square();
    /// assert_eq!(y.value().to_vec(), [1.0, 9.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [2.0, -6.0]);
    /// ```
    square, Square,
    sample |draw| (Square, draw.any()),
    value |f, x| x * x,
    slope of X |f, x| x + x,
    curvature |f, x| Var::full(x.shape(), 2.0),

    /// `√x`; NaN below 0. Its slope is `1 / 2√x`, infinite at 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let y = x.sqrt();
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.5, 0.25]);
    /// ```
    sqrt, Sqrt,
    sample |draw| (Sqrt, draw.any_within(0.1, 3.0)),
    value |f, x| x.sqrt(),
    slope of Y |f, y| T::of(0.5) / y,
    curvature |f, y| y.square().reciprocal() * -0.5,

    /// `1 / √x`; infinite at 0, NaN below. Its slope is `−y³ / 2`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let y = x.rsqrt();
    /// assert_eq!(y.value().to_vec(), [1.0, 0.5]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [-0.5, -0.0625]);
    /// ```
    rsqrt, Rsqrt,
    sample |draw| (Rsqrt, draw.any_within(0.1, 3.0)),
    value |f, x| T::one() / x.sqrt(),
    slope of Y |f, y| y * y * y * T::of(-0.5),
    curvature |f, y| y.square() * -1.5,

    /// `1 / x`; its slope is `−y²`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, -2.0], [2]));
    /// let y = x.reciprocal();
    /// assert_eq!(y.value().to_vec(), [1.0, -0.5]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [-1.0, -0.25]);
    /// ```
    reciprocal, Reciprocal,
    sample |draw| (Reciprocal, draw.any_off_zero()),
    value |f, x| T::one() / x,
    slope of Y |f, y| -(y * y),
    curvature |f, y| y * -2.0,
}
