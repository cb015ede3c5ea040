//! The logistic function.

use super::prelude::*;

unary! {
    /// The logistic function `1 / (1 + e⁻ˣ)`, without overflow; its slope is `y (1 − y)`.
    sigmoid, Sigmoid, reads Outputs,
    sample |draw| (Sigmoid, draw.any()),
    forward |op, x| x.sigmoid(),
    vjp |op, grad, x, y| grad * (y * (1.0 - y)),
}
