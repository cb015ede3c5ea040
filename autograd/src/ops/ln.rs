//! Logarithms.

use super::prelude::*;

unary! {
    /// The natural logarithm; −∞ at 0, NaN below. Its slope is `1 / x`.
    ln, Ln, reads Inputs,
    sample |draw| (Ln, draw.any_within(0.1, 3.0)),
    forward |op, x| x.ln(),
    vjp |op, grad, x, y| grad / x,
}
