//! The exponential.

use super::prelude::*;

unary! {
    /// The exponential `eˣ`, its own slope.
    exp, Exp, reads Outputs,
    sample |draw| (Exp, draw.any()),
    forward |op, x| x.exp(),
    vjp |op, grad, x, y| grad * y,
}
