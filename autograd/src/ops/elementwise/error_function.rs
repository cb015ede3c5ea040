//! The error function and its complement.

use std::f64::consts::FRAC_2_SQRT_PI;

use crate::ops::prelude::*;

smooth! {
    /// The error function `2/√π ∫₀ˣ e^(−t²) dt`; its slope is `2/√π e^(−x²)`.
    erf, Erf,
    sample |draw| (Erf, draw.any()),
    value |f, x| x.erf(),
    slope of X |f, x| (-(x * x)).exp() * T::of(FRAC_2_SQRT_PI),
    curvature |f, x| x * (-x.square()).exp() * (-2.0 * FRAC_2_SQRT_PI),

    /// `1 − erf x`, without its cancellation; its slope is `−2/√π e^(−x²)`.
    erfc, Erfc,
    sample |draw| (Erfc, draw.any()),
    value |f, x| x.erfc(),
    slope of X |f, x| (-(x * x)).exp() * T::of(-FRAC_2_SQRT_PI),
    curvature |f, x| x * (-x.square()).exp() * (2.0 * FRAC_2_SQRT_PI),
}
