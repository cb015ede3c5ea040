//! Logarithms.

use std::f64::consts::{LOG2_E, LOG10_E};

use crate::ops::prelude::*;

smooth! {
    /// The natural logarithm; −∞ at 0, NaN below. Its slope is `1 / x`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0));
    /// let y = x.ln();
    /// assert_eq!(y.item(), 0.0);
    /// assert_eq!(y.backward().wrt(&x).item(), 1.0);
    /// ```
    ln, Ln,
    sample |draw| (Ln, draw.any_within(0.4, 3.0)),
    value |f, x| x.ln(),
    slope of X |f, x| T::one() / x,
    curvature |f, x| -x.square().reciprocal(),

    /// `ln(1 + x)`, exact near 0; −∞ at −1, NaN below. Its slope is `1 / (1 + x)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1e-20, 0.0], [2]));
    /// let y = x.ln_1p();
    /// assert_eq!(y.value().to_vec(), [1e-20, 0.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 1.0]);
    /// ```
    ln_1p, Ln1p,
    sample |draw| (Ln1p, draw.any_within(-0.8, 3.0)),
    value |f, x| x.ln_1p(),
    slope of X |f, x| T::one() / (T::one() + x),
    curvature |f, x| -(1.0 + x).square().reciprocal(),

    /// The logarithm to base 2; −∞ at 0, NaN below. Its slope is `1 / (x ln 2)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(8.0_f64));
    /// let y = x.log2();
    /// assert!((y.item() - 3.000_000_000_000).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.180_336_880_111).abs() < 1e-11);
    /// ```
    log2, Log2,
    sample |draw| (Log2, draw.any_within(0.4, 3.0)),
    value |f, x| x.log2(),
    slope of X |f, x| T::of(LOG2_E) / x,
    curvature |f, x| x.square().reciprocal() * -LOG2_E,

    /// The logarithm to base 10; −∞ at 0, NaN below. Its slope is `1 / (x ln 10)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(100.0_f64));
    /// let y = x.log10();
    /// assert!((y.item() - 2.000_000_000_000).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.004_342_944_819).abs() < 1e-11);
    /// ```
    log10, Log10,
    sample |draw| (Log10, draw.any_within(0.4, 3.0)),
    value |f, x| x.log10(),
    slope of X |f, x| T::of(LOG10_E) / x,
    curvature |f, x| x.square().reciprocal() * -LOG10_E,
}
