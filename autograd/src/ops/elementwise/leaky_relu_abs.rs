//! Functions that are linear below 0 and above it: the leaky rectifier and the absolute value.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

unary! {
    /// `x` above 0, `negative_slope · x` below; its slope at 0 is `negative_slope`.
    leaky_relu, LeakyRelu { negative_slope: f64 }, reads INPUTS,
    sample |draw| (LeakyRelu { negative_slope: draw.pick(&[0.01, 0.2, -0.5]) }, draw.any_off_zero()),
    forward |op, x| {
        let (zero, slope) = (T::zero(), T::of(op.negative_slope));
        x.map(|x| if x > zero { x } else { x * slope })
    },
    vjp |op, grad, x, y| Gate::at_zero(op.negative_slope, op.negative_slope, 1.0).apply(grad, x),

    /// The absolute value; its slope at 0 is 0.
    abs, Abs, reads INPUTS,
    sample |draw| (Abs, draw.any_off_zero()),
    forward |op, x| x.abs(),
    vjp |op, grad, x, y| Gate::at_zero(-1.0, 0.0, 1.0).apply(grad, x),
}
