//! Softmax and its logarithm.

use std::f64::consts::LN_2;
use std::hint::select_unpredictable;

use wengert_tensor::ElementFunction;

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

    fn attributes(&self) -> Attributes {
        vec![
            ("axis", self.axis.into()),
            ("zero_if_nothing", (self.kind == Kind::OrZero).into()),
        ]
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
                let y = x.softmax(axis);
                // A row without a finite element is NaN.
                if y.sum(..).item().is_nan() {
                    let top = x.max(keep(axis));
                    y.zip(&top, |y, top| if top == nothing { T::zero() } else { y })
                } else {
                    y
                }
            }
            Kind::Plain | Kind::OrZero => x.softmax(axis),
        }
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let y = call.output(0);
        out.input(0, |g| {
            if self.kind == Kind::Log {
                LogSoftmaxCotangent::of(y, g, self.axis)
            } else {
                Var::apply(SoftmaxCotangent { axis: self.axis }, [y, g])
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

/// The rule of `y = softmax(x)`: `dxᵢ = yᵢ Σⱼ yⱼ (gᵢ − gⱼ)` along an axis, of the inputs `y` and `g`; see
/// [`Tensor::softmax_cotangent`]. In `g` it is its own adjoint.
#[derive(Clone, Debug)]
pub struct SoftmaxCotangent {
    axis: isize,
}

/// [`SoftmaxCotangent`] along the last axis.
pub(crate) fn softmax_cotangent<T: Real>(y: &Var<T>, g: &Var<T>) -> Var<T> {
    Var::apply(SoftmaxCotangent { axis: -1 }, [y, g])
}

impl Op for SoftmaxCotangent {
    fn name(&self) -> &'static str {
        "cotangent of softmax"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].softmax_cotangent(&x[1], self.axis).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (y, g, axis) = (call.input(0), call.input(1), self.axis);
        // Σⱼ yⱼ (hᵢ − hⱼ) (gᵢ − gⱼ)
        out.input(0, |h| {
            // A number subtracted from all elements along the axis changes no difference.
            let [g, h] = [g, h].map(|x| x - x.slice(axis, 0..1));
            let sum = |terms: Var<T>| terms.sum(keep(axis));
            let crossed = &h * sum(y * &g) + &g * sum(y * &h);
            let gh = g * h;
            &gh * sum(y.clone()) - crossed + sum(y * &gh)
        });
        out.input(1, |h| Var::apply(self.clone(), [y, h]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 4);
        let shape = draw.shape(rank);
        let axis = draw.axis(rank);
        Sample::new(Self { axis }, [draw.normal(&shape), draw.normal(&shape)])
    }
}

/// The rule of `y = log_softmax(x)`: `g − eʸ Σ g` along an axis, or its adjoint `g − Σ eʸ g`.
///
/// Inputs are `y` and `g`. Where `eʸ` is above ½, the difference is taken as `−g (eʸ − 1)` and what
/// the other elements contribute, so that a gradient in the tail keeps its digits.
#[derive(Clone, Debug)]
pub struct LogSoftmaxCotangent {
    axis: isize,
    adjoint: bool,
}

impl LogSoftmaxCotangent {
    /// `g − eʸ Σ g` along an axis.
    pub(crate) fn of<T: Real>(y: &Var<T>, g: &Var<T>, axis: isize) -> Var<T> {
        let adjoint = false;
        Var::apply(Self { axis, adjoint }, [y, g])
    }
}

/// `eʸ g` where `eʸ` is at most ½, and `(eʸ − 1) g` elsewhere.
struct Weighted;

impl<T: Real> ElementFunction<(T, T), T> for Weighted {
    #[inline(always)]
    fn at(&self, (y, g): (T, T)) -> T {
        select_unpredictable(is_near(y), y.exp_m1(), y.exp()) * g
    }
}

/// Whether a logarithmic probability is that of more than ½.
fn is_near<T: Real>(y: T) -> bool {
    y > T::of(-LN_2)
}

impl Op for LogSoftmaxCotangent {
    fn name(&self) -> &'static str {
        "cotangent of log_softmax"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (y, g, axis) = (&x[0], &x[1], self.axis);
        if self.adjoint {
            // (g − Σ g over eʸ > ½) − Σ (eʸ − 1 or eʸ) g
            let near = y.zip(g, |y, g| if is_near(y) { g } else { T::zero() });
            let near = near.sum(keep(axis));
            let sum = y.zip_costly(g, Weighted).sum(keep(axis));
            return g.zip3(&near, &sum, |g, near, sum| (g - near) - sum).into();
        }
        y.log_softmax_cotangent(g, axis).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (y, g, axis) = (call.input(0), call.input(1), self.axis);
        out.input(0, |h| {
            let (inside, summed) = if self.adjoint { (g, h) } else { (h, g) };
            -(y.exp() * inside * summed.sum(keep(axis)))
        });
        out.input(1, |h| {
            let adjoint = !self.adjoint;
            Var::apply(Self { axis, adjoint }, [y, h])
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 4);
        let shape = draw.shape(rank);
        let op = Self {
            axis: draw.axis(rank),
            adjoint: draw.once_in(2),
        };
        let y = draw.off_zero(&shape).map(|y| y - LN_2);
        Sample::new(op, [y, draw.normal(&shape)])
    }
}

impl<T: Real> Var<T> {
    /// `y = eˣ / Σ eˣ` along an axis, without overflow. NaN where every element is −∞.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1000.0, 1000.0], [2]));
    /// let y = x.softmax(0);
    /// assert_eq!(y.value().to_vec(), [0.5, 0.5]);
    /// assert_eq!(y.select(0, 0).backward().wrt(&x).to_vec(), [0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
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

    /// As [`softmax`](Self::softmax), but 0 where every element is −∞, as in a row of attention scores
    /// that are all masked.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0, 0.0], [2, 2]));
    /// assert_eq!(x.softmax_or_zero(1).value().to_vec(), [0.0, 0.0, 0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
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
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![0.0_f64, 0.0], [2]));
    /// let y = x.log_softmax(0).select(0, 0);
    /// assert!((y.item() + 2_f64.ln()).abs() < 1e-15);
    /// assert_eq!(y.backward().wrt(&x).to_vec(), [0.5, -0.5]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
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

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Softmax>("softmax"),
    OpInfo::op::<Softmax>("softmax_or_zero"),
    OpInfo::op::<Softmax>("log_softmax"),
    OpInfo::op::<SoftmaxCotangent>("cotangent of softmax"),
    OpInfo::op::<LogSoftmaxCotangent>("cotangent of log_softmax"),
];
