//! Addition.

use crate::ops::prelude::*;
use crate::ops::shape::pair;

/// The sum of two tensors of one shape.
#[derive(Clone, Debug)]
pub struct Add;

impl Op for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] + &x[1]).into()
    }

    fn forward_owned<T: Real>(&self, x: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        (x + &others[0]).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(1, Var::clone);
        out.input_owned(0, |g| g);
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let sum = OnSlices::pointwise(|x, y| slices::zip(x[0], x[1], y, |a, b| a + b));
        Some(sum.input_unchanged(1).input_unchanged(0))
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.normal(&shape), draw.normal(&shape)])
    }
}

impl<T: Real> Var<T> {
    /// `self + other`, broadcasting.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::scalar(4.0)));
    /// let y = &a + &b;
    /// assert_eq!(y.value().to_vec(), [5.0, 6.0]);
    /// let gradients = y.sum(..).backward();
    /// assert_eq!((gradients.wrt(&a).to_vec(), gradients.wrt(&b).item()), (vec![1.0, 1.0], 2.0));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other.
    #[must_use]
    #[track_caller]
    #[allow(
        clippy::should_implement_trait,
        reason = "the operator calls this method"
    )]
    pub fn add(&self, other: &Self) -> Self {
        pair("add", Add, self, other)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Add>("add"),
    OpInfo::function("add", |draw| {
        Case::broadcasting(draw, "add, broadcasting", generic!(|a, b| a + b))
    }),
];
