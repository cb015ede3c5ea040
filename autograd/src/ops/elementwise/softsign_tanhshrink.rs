//! Soft steps and what they leave.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

smooth! {
    /// `x / (1 + |x|)`; its slope is `1 / (1 + |x|)²`.
    softsign, Softsign,
    sample |draw| (Softsign, draw.any_off_zero()),
    value |f, x| x / (T::one() + x.abs()),
    slope of X |f, x| {
        let n = T::one() + x.abs();
        T::one() / (n * n)
    },
    curvature |f, x| Gate::at_zero(2.0, 0.0, -2.0).apply(&(1.0 + x.abs()).pow(-3.0), x),

    /// `x − tanh x`; its slope is `tanh² x`.
    tanhshrink, Tanhshrink,
    sample |draw| (Tanhshrink, draw.any()),
    value |f, x| x - x.tanh(),
    slope of X |f, x| {
        let t = x.tanh();
        t * t
    },
    curvature |f, x| {
        let t = x.tanh();
        &t * (1.0 - t.square()) * 2.0
    },
}
