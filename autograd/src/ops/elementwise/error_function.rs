//! The error function and its complement.

use std::f64::consts::FRAC_2_SQRT_PI;

use crate::ops::prelude::*;
use crate::ops::support::slope;

smooth! {
    /// The error function `2/√π ∫₀ˣ e^(−t²) dt`; its slope is `2/√π e^(−x²)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.erf();
    /// assert!((y.item() - 0.842_700_792_950).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.415_107_497_421).abs() < 1e-11);
    /// ```
    erf, Erf,
    sample |draw| (Erf, draw.any()),
    value |f, x| x.erf(),
    slope of X |f, x| x.exp_square(-1.0) * T::of(FRAC_2_SQRT_PI),
    curvature |f, x| x * slope(Erf, x) * -2.0,

    /// `1 − erf x`, without its cancellation; its slope is `−2/√π e^(−x²)`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.erfc();
    /// assert!((y.item() - 0.157_299_207_050).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() + 0.415_107_497_421).abs() < 1e-11);
    /// ```
    erfc, Erfc,
    sample |draw| (Erfc, draw.any()),
    value |f, x| x.erfc(),
    slope of X |f, x| x.exp_square(-1.0) * T::of(-FRAC_2_SQRT_PI),
    curvature |f, x| x * slope(Erfc, x) * -2.0,
}
