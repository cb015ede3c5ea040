//! Exponentials.

use std::f64::consts::LN_2;

use crate::ops::prelude::*;

smooth! {
    /// The exponential `eˣ`, its own slope.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0));
    /// let y = x.exp();
    /// assert!((y.item() - std::f64::consts::E).abs() < 1e-15);
    /// assert_eq!(y.backward().wrt(&x).item(), y.item());
    /// ```
    exp, Exp,
    sample |draw| (Exp, draw.any()),
    value |f, x| x.exp(),
    slope of Y |f, y| y,
    curvature |f, y| Var::full(y.shape(), 1.0),

    /// `2ˣ`; its slope is `ln 2 · y`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(3.0_f64));
    /// let y = x.exp2();
    /// assert!((y.item() - 8.000_000_000_000).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 5.545_177_444_480).abs() < 1e-11);
    /// ```
    exp2, Exp2,
    sample |draw| (Exp2, draw.any()),
    value |f, x| x.exp2(),
    slope of Y |f, y| y * T::of(LN_2),
    curvature |f, y| Var::full(y.shape(), LN_2),

    /// `eˣ − 1`, exact near 0; its slope is `eˣ`, for which `y + 1` has too few digits in the tail.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1e-20, 0.0], [2]));
    /// let y = x.exp_m1();
    /// assert_eq!(y.value().to_vec(), [1e-20, 0.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [1.0, 1.0]);
    /// ```
    exp_m1, ExpM1,
    sample |draw| (ExpM1, draw.any()),
    value |f, x| x.exp_m1(),
    slope of X |f, x| x.exp(),
    curvature |f, x| x.exp(),
}
