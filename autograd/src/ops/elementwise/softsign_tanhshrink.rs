//! Softsign and tanhshrink.

use super::piecewise_slope::Gate;
use super::tanh::Tanh;
use crate::ops::prelude::*;
use crate::ops::support::slope;

smooth! {
    /// `x / (1 + |x|)`; its slope is `1 / (1 + |x|)²`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-1.0, 0.0, 3.0], [3]));
    /// let y = x.softsign();
    /// assert_eq!(y.value().to_vec(), [-0.5, 0.0, 0.75]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.25, 1.0, 0.0625]);
    /// ```
    softsign, Softsign,
    sample |draw| (Softsign, draw.any_off_zero()),
    value |f, x| x / (T::one() + x.abs()),
    slope of X |f, x| {
        let n = T::one() / (T::one() + x.abs());
        n * n
    },
    curvature |f, x| Gate::at_zero(2.0, 0.0, -2.0).apply(&(1.0 + x.abs()).pow(-3.0), x),

    /// `x − tanh x`; its slope is `tanh² x`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(1.0_f64));
    /// let y = x.tanhshrink();
    /// assert!((y.item() - 0.238_405_844_044).abs() < 1e-11);
    /// assert!((y.backward().wrt(&x).item() - 0.580_025_658_386).abs() < 1e-11);
    /// ```
    tanhshrink, Tanhshrink,
    sample |draw| (Tanhshrink, draw.any()),
    value |f, x| {
        // x is near 0 where this is used: cosh x = (eˣ + e⁻ˣ) / 2 does not overflow.
        let e = x.exp();
        let near = near(x) * T::of(2.0) / (e + T::one() / e);
        let far = x - x.tanh();
        if x.abs() < T::of(1.5) { near } else { far }
    },
    slope of X |f, x| {
        let t = x.tanh();
        t * t
    },
    curvature |f, x| {
        slope(Tanh, x) * x.tanh() * 2.0
    },
}

/// `x cosh x − sinh x` for |x| < 1.5 by its series `Σ 2k x²ᵏ⁺¹ / (2k + 1)!`, whose terms have one sign.
#[inline(always)]
fn near<T: Real>(x: T) -> T {
    const TERMS: u32 = 12;
    let square = x * x;
    // Horner's scheme in the ratios of successive terms, from the last one.
    let mut sum = T::one();
    for k in (1..TERMS).rev() {
        let k = f64::from(k);
        sum = T::one() + sum * square * T::of(1.0 / (2.0 * k * (2.0 * k + 3.0)));
    }
    sum * square * x * T::of(1.0 / 3.0)
}
