//! The rectifier; value and gradient may be computed in place.

use super::piecewise_slope::Gate;
use crate::ops::prelude::*;

/// `max(x, 0)`
#[derive(Clone, Debug)]
pub struct Relu;

/// `max(x, 0)` of one element; NaN stays NaN.
fn positive<T: Real>(x: T) -> T {
    if x <= T::zero() { T::zero() } else { x }
}

impl Op for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn reads(&self) -> Reads {
        Reads::OUTPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(positive).into()
    }

    fn forward_owned<T: Real>(&self, mut x: Tensor<T>, _: &Inputs<'_, T>) -> Outputs<T> {
        x.map_in_place(positive);
        x.into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let gate = Gate::at_zero(0.0, 0.0, 1.0);
        out.input_owned(0, |g| gate.apply_owned(g, call.output(0)));
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        Some(Gate::at_zero(0.0, 0.0, 1.0).pointwise_output(positive))
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.any_off_zero()])
    }
}

impl<T: Real> Var<T> {
    /// `max(x, 0)`; its slope at 0 is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0, 0.0, 3.0], [3]));
    /// let y = x.relu();
    /// assert_eq!(y.value().to_vec(), [0.0, 0.0, 3.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0, 1.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn relu(&self) -> Self {
        Self::apply(Relu, [self])
    }

    /// As [`relu`](Self::relu), and takes the variable by value: in place if the buffer is uniquely
    /// owned. It is not if there is a clone, or if the rule of the op that made it reads its output.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![-2.0, 3.0], [2]));
    /// assert_eq!(x.into_relu().value().to_vec(), [0.0, 3.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn into_relu(self) -> Self {
        Self::apply(Relu, self)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Relu>("relu"),
    OpInfo::function("into_relu", |draw| {
        let x = draw.any_off_zero();
        Case::new("into_relu", generic!(|x| (x * 1.5).into_relu()), [x])
    }),
];
