//! Powers.

use super::prelude::*;

unary! {
    /// `x` to a constant power, for every real exponent; `x⁰` is 1 everywhere.
    ///
    /// The slope is `e·xᵉ⁻¹`: at 0 it is infinite for exponents below 1, and 0 for the exponent 0.
    pow, PowScalar { exponent: f64 }, reads Inputs,
    sample |draw| {
        let exponent = draw.pick(&[2.0, 3.0, 0.5, -1.0, -1.5, 1.0, 0.0, 2.7]);
        let whole = exponent % 1.0 == 0.0;
        let x = if whole { draw.any_off_zero() } else { draw.any_within(0.2, 2.0) };
        (PowScalar { exponent }, x)
    },
    forward |op, x| match op.exponent {
        1.0 => x.clone(),
        2.0 => x * x,
        exponent => x.powf(exponent),
    },
    vjp |op, grad, x, y| match op.exponent {
        0.0 => Var::full(x.shape(), 0.0),
        1.0 => grad.clone(),
        exponent => grad * x.pow(exponent - 1.0) * exponent,
    },
}
