//! The squared error.

use crate::ops::prelude::*;
use crate::ops::support::{Reduction, require_equal_shapes};

/// `(x − t)²` element by element, of two tensors of one shape.
#[derive(Clone, Debug)]
pub struct SquaredError;

impl Op for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let square = |x: T, t: T| (x - t) * (x - t);
        x[0].zip(&x[1], square).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, target) = (call.input(0), call.input(1));
        out.input(0, |g| (x - target) * g * 2.0);
        out.input(1, |g| (x - target) * g * -2.0);
    }

    fn on_slices<T: Real>(&self, _: &[&[usize]]) -> Option<OnSlices<T>> {
        let error = OnSlices::pointwise(|x, y| {
            slices::zip(x[0], x[1], y, |x, t| (x - t) * (x - t));
        });
        let slope = |factor: f64| {
            let factor = T::of(factor);
            move |at: &SliceCall<'_, T>, out: &mut [T]| {
                slices::zip(at.x[0], at.x[1], out, |x, t| x - t);
                slices::zip_in_place(out, at.grad, |difference: T, g| difference * g * factor);
            }
        };
        Some(error.input(0, slope(2.0)).input(1, slope(-2.0)))
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.normal(&shape), draw.normal(&shape)])
    }
}

impl<T: Real> Var<T> {
    /// The squared error `(x − t)²`, of operands of one shape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// let loss = x.mse_loss(&target);
    /// assert_eq!(loss.item(), (0.25 + 9.0) / 2.0);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [0.5, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn mse_loss(&self, target: &Self) -> Self {
        self.mse_loss_with(target, Reduction::Mean)
    }

    /// [`mse_loss`](Self::mse_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// assert_eq!(x.mse_loss_with(&target, Reduction::Sum).item(), 9.25);
    /// assert_eq!(x.mse_loss_with(&target, Reduction::None).value().to_vec(), [0.25, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn mse_loss_with(&self, target: &Self, reduction: Reduction) -> Self {
        require_equal_shapes("mse_loss", self.shape(), target.shape());
        let losses = Self::apply(SquaredError, [self, target]);
        reduction.of(&losses)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<SquaredError>("mse_loss"),
    OpInfo::function("mse_loss", |draw| {
        let shape = draw.any_shape();
        let reduction = draw.reduction(&shape);
        let f = generic!([reduction] | x, t | x.mse_loss_with(t, reduction));
        Case::new(
            format!("{reduction:?}"),
            f,
            [draw.normal(&shape), draw.normal(&shape)],
        )
    }),
];
