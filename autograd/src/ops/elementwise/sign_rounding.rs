//! Functions that are constant between their steps: the gradient is 0 everywhere.

use crate::ops::prelude::*;

unary! {
    /// −1, 0 or 1 by the sign; 0 for NaN, as in PyTorch. The gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.0, 3.0], [3]));
    /// let y = x.sign();
    /// assert_eq!(y.value().to_vec(), [-1.0, 0.0, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0, 0.0]);
    /// ```
    sign, Sign, reads SHAPES,
    sample |draw| (Sign, draw.any_off_zero()),
    forward |op, x| x.sign(),
    vjp |op, grad, x, y| Var::full(x.shape(), 0.0),

    /// The largest integer not above x. The gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-1.5, 1.5], [2]));
    /// let y = x.floor();
    /// assert_eq!(y.value().to_vec(), [-2.0, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0]);
    /// ```
    floor, Floor, reads SHAPES,
    sample |draw| (Floor, between(draw, 0.0)),
    forward |op, x| x.floor(),
    vjp |op, grad, x, y| Var::full(x.shape(), 0.0),

    /// The smallest integer not below x. The gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-1.5, 1.5], [2]));
    /// let y = x.ceil();
    /// assert_eq!(y.value().to_vec(), [-1.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0]);
    /// ```
    ceil, Ceil, reads SHAPES,
    sample |draw| (Ceil, between(draw, 0.0)),
    forward |op, x| x.ceil(),
    vjp |op, grad, x, y| Var::full(x.shape(), 0.0),

    /// The nearest integer, halves to the even one. The gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![0.5, 1.5, 2.4], [3]));
    /// let y = x.round();
    /// assert_eq!(y.value().to_vec(), [0.0, 2.0, 2.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0, 0.0]);
    /// ```
    round, Round, reads SHAPES,
    sample |draw| (Round, between(draw, 0.5)),
    forward |op, x| x.round(),
    vjp |op, grad, x, y| Var::full(x.shape(), 0.0),

    /// The integer part. The gradient is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-1.5, 1.5], [2]));
    /// let y = x.trunc();
    /// assert_eq!(y.value().to_vec(), [-1.0, 1.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0]);
    /// ```
    trunc, Trunc, reads SHAPES,
    sample |draw| (Trunc, between(draw, 0.0)),
    forward |op, x| x.trunc(),
    vjp |op, grad, x, y| Var::full(x.shape(), 0.0),
}

/// Numbers at least 0.1 from `step + n` for every integer `n`.
fn between(draw: &mut Draw, step: f64) -> Tensor<f64> {
    draw.any_within(-2.5, 2.5)
        .map(|x| x.floor() + step + 0.1 + 0.8 * (x - x.floor()))
}
