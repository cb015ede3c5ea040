//! Exponentials.

use std::f64::consts::LN_2;

use crate::ops::prelude::*;

smooth! {
    /// The exponential `eˣ`, its own slope.
    exp, Exp,
    sample |draw| (Exp, draw.any()),
    value |f, x| x.exp(),
    slope of Y |f, y| y,
    curvature |f, y| Var::full(y.shape(), 1.0),

    /// `2ˣ`; its slope is `ln 2 · y`.
    exp2, Exp2,
    sample |draw| (Exp2, draw.any()),
    value |f, x| x.exp2(),
    slope of Y |f, y| y * T::of(LN_2),
    curvature |f, y| Var::full(y.shape(), LN_2),

    /// `eˣ − 1`, exact near 0; its slope is `eˣ`, for which `y + 1` has too few digits in the tail.
    exp_m1, ExpM1,
    sample |draw| (ExpM1, draw.any()),
    value |f, x| x.exp_m1(),
    slope of X |f, x| x.exp(),
    curvature |f, x| x.exp(),
}
