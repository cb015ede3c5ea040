//! The hyperbolic tangent.

use crate::ops::prelude::*;

smooth! {
    /// The hyperbolic tangent `(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)`; its slope is `1 − y²`.
    tanh, Tanh,
    sample |draw| (Tanh, draw.any()),
    value |f, x| x.tanh(),
    slope of Y |f, y| T::one() - y * y,
    curvature |f, y| y * -2.0,
}
