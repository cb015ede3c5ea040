//! The parametric rectifier (`prelu`) and the gated linear unit (`glu`).

use super::sigmoid_family::Sigmoid;
use crate::ops::prelude::*;
use crate::ops::support::slope;

/// The op of [`Var::prelu`]: `x` above 0, else `w·x`; the slopes `w` broadcast to `x`.
#[derive(Clone, Debug)]
pub struct Prelu;

impl Op for Prelu {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip(&x[1], |x, w| if x > T::zero() { x } else { x * w })
            .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, w) = (call.input(0), call.input(1));
        let above = x.value().map(|x| x > T::zero());
        out.input(0, |g| Var::where_(&above, g, &(g * w)));
        out.input(1, |g| (g * x).masked_fill(&above, 0.0).sum_to(w.shape()));
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let rank = draw.within(1, 3);
        let shape = draw.shape(rank);
        let slopes = draw.broadcastable(&shape);
        Sample::new(Self, [draw.off_zero(&shape), draw.normal(slopes)])
    }
}

/// The op of [`Var::glu`]: `a σ(b)` with the halves `a` and `b` of an axis.
#[derive(Clone, Debug)]
pub struct Glu {
    axis: isize,
}

impl Op for Glu {
    fn name(&self) -> &'static str {
        "glu"
    }

    fn attributes(&self) -> Attributes {
        vec![("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].glu(self.axis).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            Var::apply(GluGradient { axis: self.axis }, [call.input(0), g])
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis) = with_halves(draw);
        Sample::new(Self { axis }, [draw.normal(shape)])
    }
}

/// The rule of [`Glu`], of the inputs `x` and `g`: `[g σ(b), g a σ′(b)]` joined along the axis.
#[derive(Clone, Debug)]
pub struct GluGradient {
    axis: isize,
}

impl Op for GluGradient {
    fn name(&self) -> &'static str {
        "gradient of glu"
    }

    fn attributes(&self) -> Attributes {
        vec![("axis", self.axis.into())]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].glu_gradient(&x[1], self.axis).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, g, axis) = (call.input(0), call.input(1), self.axis);
        let half = x.size(axis) as isize / 2;
        let halves = |x: &Var<T>| [x.slice(axis, ..half), x.slice(axis, half..)];
        let [a, b] = halves(x);
        out.input(0, |h| {
            let ([ha, hb], bend) = (halves(h), slope(Sigmoid, &b) * g);
            let db = &ha - &hb * &a * (&b * 0.5).tanh();
            Var::concat(&[&(hb * &bend), &(db * &bend)], axis)
        });
        out.input(1, |h| {
            let [ha, hb] = halves(h);
            ha * b.sigmoid() + hb * &a * slope(Sigmoid, &b)
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (shape, axis) = with_halves(draw);
        let mut halved = shape.clone();
        halved[axis.rem_euclid(shape.len() as isize) as usize] /= 2;
        Sample::new(Self { axis }, [draw.normal(shape), draw.normal(halved)])
    }
}

/// A shape, and an axis of it with an even extent.
fn with_halves(draw: &mut Draw) -> (Vec<usize>, isize) {
    let rank = draw.within(1, 3);
    let (mut shape, axis) = (draw.shape(rank), draw.axis(rank));
    shape[axis.rem_euclid(rank as isize) as usize] *= 2;
    (shape, axis)
}

impl<T: Real> Var<T> {
    /// `x` above 0, `w · x` below, with a learned slope per channel (He et al., 2015); at 0 the slope
    /// is `w`.
    ///
    /// * `self`: `[batch, channels, …]`
    /// * `weight`: `[channels]`, or one element for all
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from_vec(vec![-2.0, 3.0], [1, 2]));
    /// let weight = tape.leaf(Tensor::scalar(0.25));
    /// let y = x.prelu(&weight);
    /// assert_eq!(y.value().to_vec(), [-0.5, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&weight).item(), -2.0);
    /// ```
    ///
    /// # Panics
    /// If `weight` has neither one element nor one per channel.
    #[must_use]
    #[track_caller]
    pub fn prelu(&self, weight: &Self) -> Self {
        let channels = self.shape().get(1).copied().unwrap_or(1);
        let slopes = weight.len();
        require!(
            weight.rank() <= 1 && (slopes == 1 || slopes == channels),
            "prelu: {:?} with slopes {:?}: {channels} channels need as many slopes, or one",
            self.shape(),
            weight.shape()
        );
        let mut aligned = vec![1; self.rank()];
        if self.rank() > 1 {
            aligned[1] = slopes;
        }
        Self::apply(Prelu, [self, &weight.reshape(aligned)])
    }

    /// The gated linear unit `a σ(b)`, `a` and `b` being the halves of an axis (Dauphin et al., 2016).
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![4.0, 6.0, 0.0, 1000.0], [4]));
    /// assert_eq!(x.glu(0).value().to_vec(), [2.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or its extent is odd.
    #[must_use]
    #[track_caller]
    pub fn glu(&self, axis: isize) -> Self {
        Self::apply(Glu { axis }, [self])
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Prelu>("prelu"),
    OpInfo::function("prelu", |draw| {
        let rank = draw.within(2, 4);
        let shape = draw.shape(rank);
        let slopes = if draw.once_in(3) { 1 } else { shape[1] };
        let inputs = [draw.off_zero(shape), draw.normal([slopes])];
        Case::new("prelu", generic!(|x, w| x.prelu(w)), inputs)
    }),
    OpInfo::op::<Glu>("glu"),
    OpInfo::op::<GluGradient>("gradient of glu"),
];
