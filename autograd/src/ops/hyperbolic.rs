//! Hyperbolic functions; the tangent has a file of its own.

use super::prelude::*;

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
}
