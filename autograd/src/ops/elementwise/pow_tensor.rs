//! Powers with a tensor as exponent.

use crate::ops::prelude::*;
use crate::ops::shape::pair;

/// `xᵉ`, element by element, of two tensors of one shape.
#[derive(Clone, Debug)]
pub struct PowTensor;

impl Op for PowTensor {
    fn name(&self) -> &'static str {
        "pow_tensor"
    }

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].pow_tensor(&x[1]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, e) = (call.input(0), call.input(1));
        let zero = T::zero();
        // Where the slope is 0 by convention, the operands are replaced too: the formula would give 0·∞.
        out.input(0, |g| {
            let flat = e.value().map(|e| e == zero);
            let slope = e * x.masked_fill(&flat, 1.0).pow_tensor(&(e - 1.0));
            g * slope
        });
        out.input(1, |g| {
            let flat = x.value().zip(e.value(), |x, e| x == zero && e >= zero);
            let log = x.masked_fill(&flat, 1.0).ln();
            g * (call.output(0) * log)
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(
            Self,
            [
                draw.uniform(&shape, 0.3, 2.0),
                draw.uniform(&shape, 0.2, 2.0),
            ],
        )
    }
}

impl<T: Real> Var<T> {
    /// `selfᵉ`, element by element, broadcasting.
    ///
    /// The slope with respect to the base is `e·xᵉ⁻¹`, 0 where `e` is 0; with respect to the exponent
    /// it is `y ln x`, 0 where `x` is 0 and `e ≥ 0`, NaN where `x` is negative.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let exponent = Tape::new().leaf(Tensor::scalar(3.0_f64));
    /// let y = Var::scalar(2.0).pow_tensor(&exponent);
    /// assert_eq!(y.item(), 8.0);
    /// // xʸ ln x
    /// assert!((y.backward().wrt(&exponent).item() - 8.0 * 2_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    pub fn pow_tensor(&self, exponent: &Self) -> Self {
        pair("pow_tensor", PowTensor, self, exponent)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<PowTensor>("pow_tensor"),
    OpInfo::function("pow_tensor", |draw| {
        Case::broadcasting(
            draw,
            "pow_tensor, broadcasting",
            generic!(|a, b| (a.square() + 0.2).pow_tensor(b)),
        )
    }),
];
