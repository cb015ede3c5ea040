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

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].logsumexp(self.axes.clone()).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let x = call.input(0);
        out.input(0, |g| {
            let [y, g] = [call.output(0), g].map(|y| restored(y, &self.axes, x.shape()));
            (x - y).exp() * g
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
    /// The gradient is the softmax over these axes.
    ///
    /// # Panics
    /// If there is no such axis, or one is named twice.
    #[must_use]
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Self {
        Self::apply(LogSumExp { axes: axes.into() }, [self])
    }
}

pub(super) const ENTRIES: &[Entry] = &[Entry::op::<LogSumExp>("logsumexp")];
