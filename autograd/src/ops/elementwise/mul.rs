//! Multiplication.

use crate::ops::prelude::*;
use crate::ops::shape::pair;

/// The product, element by element, of two tensors of one shape.
#[derive(Clone, Debug)]
pub struct Mul;

impl Op for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] * &x[1]).into()
    }

    fn forward_owned<T: Real>(&self, x: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        (x * &others[0]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g.mul(call.input(1)));
        out.input(1, |g| g.mul(call.input(0)));
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let product = OnSlices::pointwise(|x, y| slices::zip(x[0], x[1], y, |a, b| a * b));
        let product = product.input(0, |at, out| {
            slices::zip(at.grad, at.x[1], out, |g, b| g * b);
        });
        Some(product.input(1, |at, out| {
            slices::zip(at.grad, at.x[0], out, |g, a| g * a);
        }))
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
    /// `self · other`, element by element, broadcasting.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::scalar(4.0)));
    /// let y = &a * &b;
    /// assert_eq!(y.value().to_vec(), [4.0, 8.0]);
    /// let gradients = y.sum(..).backward();
    /// assert_eq!((gradients.wrt(&a).to_vec(), gradients.wrt(&b).item()), (vec![4.0, 4.0], 3.0));
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
    pub fn mul(&self, other: &Self) -> Self {
        pair("mul", Mul, self, other)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Mul>("mul"),
    OpInfo::function("mul", |draw| {
        Case::broadcasting(draw, "mul, broadcasting", generic!(|a, b| a * b))
    }),
];
