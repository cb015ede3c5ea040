//! The hyperbolic tangent.

use super::prelude::*;

unary! {
    /// The hyperbolic tangent `(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)`; its slope is `1 − y²`.
    tanh, Tanh, reads Outputs,
    sample |draw| (Tanh, draw.any()),
    forward |op, x| x.tanh(),
    vjp |op, grad, x, y| grad * (1.0 - y * y),
}
