//! Trigonometric functions and their inverses.

use crate::ops::prelude::*;

smooth! {
    /// sin x
    sin, Sin,
    sample |draw| (Sin, draw.any()),
    value |f, x| x.sin(),
    slope of X |f, x| x.cos(),
    curvature |f, x| -x.sin(),

    /// cos x
    cos, Cos,
    sample |draw| (Cos, draw.any()),
    value |f, x| x.cos(),
    slope of X |f, x| -x.sin(),
    curvature |f, x| -x.cos(),

    /// tan x; its slope is `1 + y²`.
    tan, Tan,
    sample |draw| (Tan, draw.any_within(-1.2, 1.2)),
    value |f, x| x.tan(),
    slope of Y |f, y| T::one() + y * y,
    curvature |f, y| y * 2.0,

    /// The inverse sine, in [−π/2, π/2]; NaN outside [−1, 1]. Its slope is `1 / √(1 − x²)`.
    asin, Asin,
    sample |draw| (Asin, draw.any_within(-0.9, 0.9)),
    value |f, x| x.atan2(cosine_of_asin(x)),
    slope of X |f, x| T::one() / cosine_of_asin(x),
    curvature |f, x| x * (1.0 - x.square()).pow(-1.5),

    /// The inverse cosine, in [0, π]; NaN outside [−1, 1]. Its slope is `−1 / √(1 − x²)`.
    acos, Acos,
    sample |draw| (Acos, draw.any_within(-0.9, 0.9)),
    value |f, x| cosine_of_asin(x).atan2(x),
    slope of X |f, x| -T::one() / cosine_of_asin(x),
    curvature |f, x| -x * (1.0 - x.square()).pow(-1.5),

    /// The inverse tangent, in (−π/2, π/2); its slope is `1 / (1 + x²)`.
    atan, Atan,
    sample |draw| (Atan, draw.any()),
    value |f, x| x.atan(),
    slope of X |f, x| {
        // For |x| > 1 the slope is computed from 1/x, because x² may overflow.
        let (size, one) = (x.abs(), T::one());
        if size > one {
            let inverse = one / size;
            inverse / (one + inverse * inverse) * inverse
        } else {
            one / (one + x * x)
        }
    },
    curvature |f, x| x * -2.0 * (1.0 + x.square()).pow(-2.0),
}

/// `√(1 − x²)`, factored so that it keeps its digits near ±1.
fn cosine_of_asin<T: Real>(x: T) -> T {
    ((T::one() - x) * (T::one() + x)).sqrt()
}
