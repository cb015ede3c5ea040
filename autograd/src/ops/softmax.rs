//! Softmax and its logarithm.

use super::prelude::*;

/// `eˣ / Σ eˣ` along an axis, or its logarithm.
#[derive(Clone, Debug)]
pub struct Softmax {
    axis: isize,
    log: bool,
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn reads(&self) -> Reads {
        Reads::Outputs
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        if self.log {
            x[0].log_softmax(self.axis)
        } else {
            x[0].softmax(self.axis)
        }
        .into()
    }

    fn vjp<T: Real>(&self, _i: usize, call: &Call<T>, grad: &Cotangents<T>) -> Var<T> {
        let (y, g) = (call.output(0), &**grad);
        if self.log {
            g - y.exp() * g.sum(keep(self.axis))
        } else {
            y * (g - (y * g).sum(keep(self.axis)))
        }
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 4);
        let shape = draw.shape(rank);
        let op = Self {
            axis: draw.axis(rank),
            log: draw.once_in(2),
        };
        Sample::new(op, [draw.uniform(shape, -3.0, 3.0)])
    }
}

impl<T: Real> Var<T> {
    /// `y = eˣ / Σ eˣ` along an axis, without overflow. NaN where every element is −∞.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Self {
        Self::custom(Softmax { axis, log: false }, &[self])
    }

    /// `y = x − ln Σ eˣ` along an axis: the logarithm of [`softmax`](Self::softmax), exact where
    /// that underflows.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Self {
        Self::custom(Softmax { axis, log: true }, &[self])
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::op::<Softmax>("softmax"),
    Entry::op::<Softmax>("log_softmax"),
];
