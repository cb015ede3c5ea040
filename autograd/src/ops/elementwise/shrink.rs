//! Hard and soft shrinkage (thresholding).

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

unary! {
    /// `x` outside ±λ, 0 inside and at the bounds, where the slope is 0 too.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.25, 3.0], [3]));
    /// let y = x.hardshrink(0.5);
    /// assert_eq!(y.value().to_vec(), [-2.0, 0.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0, 1.0]);
    /// ```
    hardshrink, Hardshrink { lambda: f64 }, reads OUTPUTS,
    sample |draw| (Hardshrink { lambda: 0.5 }, away_from(draw, 0.5)),
    forward |op, x| {
        let (zero, lambda) = (T::zero(), T::of(op.lambda));
        x.map(move |x| {
            let y = if x <= lambda { zero } else { x };
            // NaN is neither, and is kept.
            if x < -lambda { x } else { y }
        })
    },
    vjp |op, grad, x, y| Gate::at_zero(1.0, 0.0, 1.0).apply_owned(grad, y),

    /// `x` moved by λ towards 0, 0 where it would cross; the slope at ±λ is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.25, 3.0], [3]));
    /// let y = x.softshrink(0.5);
    /// assert_eq!(y.value().to_vec(), [-1.5, 0.0, 2.5]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 0.0, 1.0]);
    /// ```
    softshrink, Softshrink { lambda: f64 }, reads OUTPUTS,
    sample |draw| (Softshrink { lambda: 0.5 }, away_from(draw, 0.5)),
    forward |op, x| {
        let (zero, lambda) = (T::zero(), T::of(op.lambda));
        x.map(move |x| {
            let above = x - lambda;
            // NaN is neither, and is kept.
            let y = if x <= lambda { zero } else { above };
            if x < -lambda { x + lambda } else { y }
        })
    },
    vjp |op, grad, x, y| Gate::at_zero(1.0, 0.0, 1.0).apply_owned(grad, y),
}

/// Numbers at least 0.1 from `place` and from `−place`.
fn away_from(draw: &mut Draw, place: f64) -> Tensor<f64> {
    draw.any().map(|x| {
        let distance = x.abs() - place;
        if distance.abs() < 0.1 {
            x + x.signum() * distance.signum() * 0.1
        } else {
            x
        }
    })
}
