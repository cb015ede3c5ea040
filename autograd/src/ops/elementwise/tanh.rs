//! The hyperbolic tangent.

use crate::ops::prelude::*;
use crate::ops::support::slope;

smooth! {
    /// The hyperbolic tangent `(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)`; its slope is `4 e^(−2|x|) / (1 + e^(−2|x|))²`.
    ///
    /// The slope is a function of `x`: `1 − y²` would lose its digits where `|y|` is near 1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.0));
    /// let y = x.tanh();
    /// assert_eq!(y.item(), 0.0);
    /// assert_eq!(y.backward().wrt(&x).item(), 1.0);
    /// ```
    tanh, Tanh,
    sample |draw| (Tanh, draw.any()),
    value |f, x| x.tanh(),
    slope of X |f, x| x.tanh_slope(),
    curvature |f, x| slope(Tanh, x) * x.tanh() * -2.0,
}
