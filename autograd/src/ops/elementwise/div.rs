//! Division.

use crate::ops::prelude::*;
use crate::ops::shape::pair;

/// The quotient, element by element, of two tensors of one shape.
#[derive(Clone, Debug)]
pub struct Div;

impl Op for Div {
    fn name(&self) -> &'static str {
        "div"
    }

    fn reads(&self) -> Reads {
        Reads::ALL
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        (&x[0] / &x[1]).into()
    }

    fn forward_owned<T: Real>(&self, x: Tensor<T>, others: &Inputs<'_, T>) -> Outputs<T> {
        (x / &others[0]).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let Some(g) = out.grad(0) else { return };
        let da = g.div(call.input(1));
        if out.wants(1) {
            // The operator, which negates in place.
            out.add(1, -da.mul(call.output(0)));
        }
        out.add(0, da);
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let quotient = OnSlices::pointwise(|x, y| slices::zip(x[0], x[1], y, |a, b| a / b));
        let quotient = quotient.input(1, |at, out| {
            slices::zip(at.grad, at.x[1], out, |g, b| g / b);
            slices::zip_in_place(out, at.y, |da: T, y| -(da * y));
        });
        Some(quotient.input(0, |at, out| {
            slices::zip(at.grad, at.x[1], out, |g, b| g / b);
        }))
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        Outline::elementwise(inputs)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.normal(&shape), draw.off_zero(&shape)])
    }
}

impl<T: Real> Var<T> {
    /// `self / other`, element by element, broadcasting.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let (a, b) = (tape.leaf(Tensor::from_vec(vec![1.0, 2.0], [2])), tape.leaf(Tensor::scalar(4.0)));
    /// let y = &a / &b;
    /// assert_eq!(y.value().to_vec(), [0.25, 0.5]);
    /// let gradients = y.sum(..).backward();
    /// assert_eq!((gradients.wrt(&a).to_vec(), gradients.wrt(&b).item()), (vec![0.25, 0.25], -0.1875));
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
    pub fn div(&self, other: &Self) -> Self {
        pair("div", Div, self, other)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Div>("div"),
    OpInfo::function("div", |draw| {
        Case::broadcasting(
            draw,
            "div, broadcasting",
            generic!(|a, b| a / (b * b + 0.5)),
        )
    }),
];
