//! Softmax and its logarithm.

use crate::ops::prelude::*;

/// `eˣ / Σ eˣ` along an axis, or its logarithm.
#[derive(Clone, Debug)]
pub struct Softmax {
    axis: isize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    /// Zeros where every element is −∞.
    OrZero,
    Log,
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.kind == Kind::Log {
            "log_softmax"
        } else {
            "softmax"
        }
    }

    fn reads(&self) -> Reads {
        Reads::OUTPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (x, axis) = (&x[0], self.axis);
        match self.kind {
            Kind::Log => x.log_softmax(axis),
            Kind::OrZero if x.size(axis) > 0 => {
                let nothing = T::of(f64::NEG_INFINITY);
                let top = x.max(keep(axis));
                x.softmax(axis)
                    .zip(&top, |y, top| if top == nothing { T::zero() } else { y })
            }
            Kind::Plain | Kind::OrZero => x.softmax(axis),
        }
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let y = call.output(0);
        out.input(0, |g| {
            if self.kind == Kind::Log {
                g - y.exp() * g.sum(keep(self.axis))
            } else {
                y * (g - (y * g).sum(keep(self.axis)))
            }
        });
    }

    fn outline(&self, _inputs: &[&[usize]]) -> Outline {
        Outline::run().reach(Reach::Whole)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 4);
        let shape = draw.shape(rank);
        let op = Self {
            axis: draw.axis(rank),
            kind: draw.pick(&[Kind::Plain, Kind::OrZero, Kind::Log]),
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
        Self::apply(
            Softmax {
                axis,
                kind: Kind::Plain,
            },
            [self],
        )
    }

    /// As [`softmax`](Self::softmax), with 0 where every element is −∞: the share of what is not there.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn softmax_or_zero(&self, axis: isize) -> Self {
        Self::apply(
            Softmax {
                axis,
                kind: Kind::OrZero,
            },
            [self],
        )
    }

    /// `y = x − ln Σ eˣ` along an axis: the logarithm of [`softmax`](Self::softmax), exact where
    /// that underflows.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Self {
        Self::apply(
            Softmax {
                axis,
                kind: Kind::Log,
            },
            [self],
        )
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::op::<Softmax>("softmax"),
    Entry::op::<Softmax>("softmax_or_zero"),
    Entry::op::<Softmax>("log_softmax"),
];
