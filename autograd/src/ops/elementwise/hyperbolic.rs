//! Hyperbolic functions and their inverses; the tangent has a file of its own.

use crate::ops::prelude::*;

smooth! {
    /// The hyperbolic sine `(eˣ − e⁻ˣ) / 2`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.sinh();
    /// assert!((y.item() - 1.175_201_193_644).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.543_080_634_815).abs() < 1e-11);
    /// ```
    sinh, Sinh,
    sample |draw| (Sinh, draw.any()),
    value |f, x| x.sinh(),
    slope of X |f, x| x.cosh(),
    curvature |f, x| x.sinh(),

    /// The hyperbolic cosine `(eˣ + e⁻ˣ) / 2`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.cosh();
    /// assert!((y.item() - 1.543_080_634_815).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.175_201_193_644).abs() < 1e-11);
    /// ```
    cosh, Cosh,
    sample |draw| (Cosh, draw.any()),
    value |f, x| x.cosh(),
    slope of X |f, x| x.sinh(),
    curvature |f, x| x.cosh(),

    /// The inverse hyperbolic sine `ln(x + √(x² + 1))`; its slope is `1 / √(x² + 1)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.asinh();
    /// assert!((y.item() - 0.881_373_587_020).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.707_106_781_187).abs() < 1e-11);
    /// ```
    asinh, Asinh,
    sample |draw| (Asinh, draw.any()),
    value |f, x| x.asinh(),
    slope of X |f, x| {
        // For |x| > 1 the slope is computed from 1/x, because x² may overflow.
        let (size, one) = (x.abs(), T::one());
        if size > one {
            let inverse = one / size;
            inverse / (one + inverse * inverse).sqrt()
        } else {
            one / (one + x * x).sqrt()
        }
    },
    curvature |f, x| -x * (x.square() + 1.0).pow(-1.5),

    /// The inverse hyperbolic cosine `ln(x + √(x² − 1))`, in [0, ∞); NaN below 1. Its slope is
    /// `1 / √(x² − 1)`, infinite at 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(2.0_f64));
    /// let y = x.acosh();
    /// assert!((y.item() - 1.316_957_896_925).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.577_350_269_190).abs() < 1e-11);
    /// ```
    acosh, Acosh,
    sample |draw| (Acosh, draw.any_within(1.3, 4.0)),
    value |f, x| x.acosh(),
    slope of X |f, x| T::one() / ((x - T::one()).sqrt() * (x + T::one()).sqrt()),
    curvature |f, x| -x * (x.square() - 1.0).pow(-1.5),

    /// The inverse hyperbolic tangent `½ ln((1 + x) / (1 − x))`; ±∞ at ±1, NaN outside [−1, 1]. Its
    /// slope is `1 / (1 − x²)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.5_f64));
    /// let y = x.atanh();
    /// assert!((y.item() - 0.549_306_144_334).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 1.333_333_333_333).abs() < 1e-11);
    /// ```
    atanh, Atanh,
    sample |draw| (Atanh, draw.any_within(-0.9, 0.9)),
    value |f, x| x.atanh(),
    slope of X |f, x| T::one() / ((T::one() - x) * (T::one() + x)),
    curvature |f, x| x * 2.0 * (1.0 - x.square()).pow(-2.0),
}
