//! Hyperbolic functions and their inverses; the tangent has a file of its own.

use crate::ops::prelude::*;

smooth! {
    /// The hyperbolic sine `(eˣ − e⁻ˣ) / 2`.
    sinh, Sinh,
    sample |draw| (Sinh, draw.any()),
    value |f, x| x.sinh(),
    slope of X |f, x| x.cosh(),
    curvature |f, x| x.sinh(),

    /// The hyperbolic cosine `(eˣ + e⁻ˣ) / 2`.
    cosh, Cosh,
    sample |draw| (Cosh, draw.any()),
    value |f, x| x.cosh(),
    slope of X |f, x| x.sinh(),
    curvature |f, x| x.cosh(),

    /// The inverse hyperbolic sine `ln(x + √(x² + 1))`; its slope is `1 / √(x² + 1)`.
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
    acosh, Acosh,
    sample |draw| (Acosh, draw.any_within(1.3, 4.0)),
    value |f, x| x.acosh(),
    slope of X |f, x| T::one() / ((x - T::one()).sqrt() * (x + T::one()).sqrt()),
    curvature |f, x| -x * (x.square() - 1.0).pow(-1.5),

    /// The inverse hyperbolic tangent `½ ln((1 + x) / (1 − x))`; ±∞ at ±1, NaN outside [−1, 1]. Its
    /// slope is `1 / (1 − x²)`.
    atanh, Atanh,
    sample |draw| (Atanh, draw.any_within(-0.9, 0.9)),
    value |f, x| x.atanh(),
    slope of X |f, x| T::one() / ((T::one() - x) * (T::one() + x)),
    curvature |f, x| x * 2.0 * (1.0 - x.square()).pow(-2.0),
}
