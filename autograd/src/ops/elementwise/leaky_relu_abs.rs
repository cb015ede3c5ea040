//! Functions that are linear below 0 and above it: the leaky rectifier and the absolute value.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

unary! {
    /// `x` above 0, `negative_slope · x` below; its slope at 0 is `negative_slope`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 3.0], [2]));
    /// let y = x.leaky_relu(0.25);
    /// assert_eq!(y.value().to_vec(), [-0.5, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.25, 1.0]);
    /// ```
    leaky_relu, LeakyRelu { negative_slope: f64 }, reads INPUTS,
    sample |draw| (LeakyRelu { negative_slope: draw.pick(&[0.01, 0.2, -0.5]) }, draw.any_off_zero()),
    forward |op, x| {
        let (zero, slope) = (T::zero(), T::of(op.negative_slope));
        x.map(move |x| if x > zero { x } else { x * slope })
    },
    vjp |op, grad, x, y| Gate::at_zero(op.negative_slope, op.negative_slope, 1.0).apply_owned(grad, x),

    /// The absolute value; its slope at 0 is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.0, 3.0], [3]));
    /// let y = x.abs();
    /// assert_eq!(y.value().to_vec(), [2.0, 0.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [-1.0, 0.0, 1.0]);
    /// ```
    abs, Abs, reads INPUTS,
    sample |draw| (Abs, draw.any_off_zero()),
    forward |op, x| x.abs(),
    vjp |op, grad, x, y| Gate::at_zero(-1.0, 0.0, 1.0).apply_owned(grad, x),
}
