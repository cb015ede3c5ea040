//! The logarithm of a sum of exponentials.

use super::mean_variance::restored;
use crate::ops::prelude::*;

/// The logarithm of the sum of exponentials over some axes.
#[derive(Clone, Debug)]
pub struct LogSumExp {
    axes: Axes,
}

impl Op for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn attributes(&self) -> Attributes {
        vec![("axes", self.axes.clone().into())]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].logsumexp(self.axes.clone()).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let x = call.input(0);
        out.input(0, |g| {
            if x.is_empty() {
                return Var::full(x.shape(), 0.0);
            }
            let kept = keep(self.axes.clone());
            // The exponents are taken relative to the largest element: `x − y` would lose what is
            // small beside a large offset. It is a constant because the softmax does not depend on it.
            let shift = x.value().max(kept.clone()).map(|m| {
                if m.primal().to_f64().is_finite() {
                    m.primal()
                } else {
                    T::zero()
                }
            });
            let e = (x - Var::constant(shift)).exp();
            let sum = e.sum(kept);
            // If all elements are −∞ their exponentials sum to 0; the gradients are 0 by convention.
            let none = sum.value().map(|sum| sum == T::zero());
            e * (restored(g, &self.axes, x.shape()) / sum.masked_fill(&none, 1.0))
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(0, 3);
        let (shape, axes) = (draw.filled_shape(rank), draw.axes(rank));
        Sample::new(Self { axes }, [draw.normal(shape)])
    }
}

impl<T: Real> Var<T> {
    /// `ln Σ eˣ` over some axes, without overflow; −∞ of elements that are all −∞.
    ///
    /// The gradient is the softmax over these axes; 0 if all elements are −∞.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1000.0_f64, 1000.0], [2]));
    /// let y = x.logsumexp(..);
    /// assert!((y.item() - (1000.0 + 2_f64.ln())).abs() < 1e-12);
    /// // The gradient is the softmax.
    /// assert!(y.backward().wrt(&x).iter().all(|dx| (dx - 0.5).abs() < 1e-12));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[must_use]
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(LogSumExp { axes: axes.into() }, [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[OpInfo::op::<LogSumExp>("logsumexp")];
