//! Logarithms.

use std::f64::consts::{LOG2_E, LOG10_E};

use crate::ops::prelude::*;

smooth! {
    /// The natural logarithm; −∞ at 0, NaN below. Its slope is `1 / x`.
    ln, Ln,
    sample |draw| (Ln, draw.any_within(0.4, 3.0)),
    value |f, x| x.ln(),
    slope of X |f, x| T::one() / x,
    curvature |f, x| -x.square().reciprocal(),

    /// `ln(1 + x)`, exact near 0; −∞ at −1, NaN below. Its slope is `1 / (1 + x)`.
    ln_1p, Ln1p,
    sample |draw| (Ln1p, draw.any_within(-0.8, 3.0)),
    value |f, x| x.ln_1p(),
    slope of X |f, x| T::one() / (T::one() + x),
    curvature |f, x| -(1.0 + x).square().reciprocal(),

    /// The logarithm to base 2; −∞ at 0, NaN below. Its slope is `1 / (x ln 2)`.
    log2, Log2,
    sample |draw| (Log2, draw.any_within(0.4, 3.0)),
    value |f, x| x.log2(),
    slope of X |f, x| T::of(LOG2_E) / x,
    curvature |f, x| x.square().reciprocal() * -LOG2_E,

    /// The logarithm to base 10; −∞ at 0, NaN below. Its slope is `1 / (x ln 10)`.
    log10, Log10,
    sample |draw| (Log10, draw.any_within(0.4, 3.0)),
    value |f, x| x.log10(),
    slope of X |f, x| T::of(LOG10_E) / x,
    curvature |f, x| x.square().reciprocal() * -LOG10_E,
}
