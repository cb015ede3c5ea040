//! Square roots.

use super::prelude::*;

unary! {
    /// `√x`; NaN below 0. Its slope is `1 / 2√x`, infinite at 0.
    sqrt, Sqrt, reads Outputs,
    sample |draw| (Sqrt, draw.any_within(0.1, 3.0)),
    forward |op, x| x.sqrt(),
    vjp |op, grad, x, y| grad / (y * 2.0),
}
