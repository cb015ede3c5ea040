//! Losses that grow with the absolute error: L1, Huber and smooth L1.

use super::reduction::{Reduction, require_equal_shapes};
use crate::ops::prelude::*;

/// `x²/2` where `|x| < width`, `width·(|x| − width/2)` elsewhere.
#[derive(Clone, Debug)]
pub struct Huber {
    width: f64,
}

impl Op for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (width, half) = (T::of(self.width), T::of(0.5));
        x[0].map(|x| {
            let size = x.abs();
            if size < width {
                x * x * half
            } else {
                (size - width * half) * width
            }
        })
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let (x, width) = (call.input(0), T::of(self.width));
            let inner = x.value().map(|x| x.abs() < width);
            let outer = x
                .value()
                .map(|x| if x.is_nan() { x } else { x.sign() * width });
            grad * Var::where_(&inner, x, &Var::constant(outer))
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let width = draw.pick(&[0.5, 1.0]);
        let x = draw.any().map(|x| {
            if (x.abs() - width).abs() < 0.01 {
                1.3 * x
            } else {
                x
            }
        });
        Sample::new(Self { width }, [x])
    }
}

impl<T: Real> Var<T> {
    /// The absolute error `|x − t|`, of operands of one shape. At 0 the slope is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// let loss = x.l1_loss(&target);
    /// assert_eq!(loss.item(), 1.75);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn l1_loss(&self, target: &Self) -> Self {
        self.l1_loss_with(target, Reduction::Mean)
    }

    /// [`l1_loss`](Self::l1_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// assert_eq!(x.l1_loss_with(&target, Reduction::Sum).item(), 3.5);
    /// assert_eq!(x.l1_loss_with(&target, Reduction::None).value().to_vec(), [0.5, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn l1_loss_with(&self, target: &Self, reduction: Reduction) -> Self {
        require_equal_shapes("l1_loss", self.shape(), target.shape());
        reduction.of(&(self - target).abs())
    }

    /// With the error `e = x − t`: `e²/2` where `|e| < delta`, `delta·(|e| − delta/2)` elsewhere.
    ///
    /// Source: Huber 1964.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// let loss = x.huber_loss(&target);
    /// assert_eq!(loss.item(), (0.125 + 2.5) / 2.0);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [0.25, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or `delta` is not positive.
    #[must_use]
    #[track_caller]
    pub fn huber_loss(&self, target: &Self) -> Self {
        self.huber_loss_with(target, 1.0, Reduction::Mean)
    }

    /// [`huber_loss`](Self::huber_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// assert_eq!(x.huber_loss_with(&target, 2.0, Reduction::None).value().to_vec(), [0.125, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or `delta` is not positive.
    #[must_use]
    #[track_caller]
    pub fn huber_loss_with(&self, target: &Self, delta: f64, reduction: Reduction) -> Self {
        require!(
            delta > 0.0,
            "huber_loss: a delta of {delta} is not positive"
        );
        require_equal_shapes("huber_loss", self.shape(), target.shape());
        reduction.of(&Self::apply(Huber { width: delta }, [&(self - target)]))
    }

    /// With the error `e = x − t`: `e²/(2·beta)` where `|e| < beta`, `|e| − beta/2` elsewhere. For `beta` 0 it is [`l1_loss`](Self::l1_loss).
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// let loss = x.smooth_l1_loss(&target);
    /// assert_eq!(loss.item(), (0.125 + 2.5) / 2.0);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [0.25, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or `beta` is negative.
    #[must_use]
    #[track_caller]
    pub fn smooth_l1_loss(&self, target: &Self) -> Self {
        self.smooth_l1_loss_with(target, 1.0, Reduction::Mean)
    }

    /// [`smooth_l1_loss`](Self::smooth_l1_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 4.0], [2]));
    /// let target = Var::constant(Tensor::from_vec(vec![0.5, 1.0], [2]));
    /// assert_eq!(x.smooth_l1_loss_with(&target, 2.0, Reduction::None).value().to_vec(), [0.0625, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or `beta` is negative.
    #[must_use]
    #[track_caller]
    pub fn smooth_l1_loss_with(&self, target: &Self, beta: f64, reduction: Reduction) -> Self {
        require!(beta >= 0.0, "smooth_l1_loss: a beta of {beta} is negative");
        require_equal_shapes("smooth_l1_loss", self.shape(), target.shape());
        if beta == 0.0 {
            return self.l1_loss_with(target, reduction);
        }
        let losses = Self::apply(Huber { width: beta }, [&(self - target)]) / beta;
        reduction.of(&losses)
    }
}

/// An input and a target, no error near `±1` or 0.
fn draw_operands(draw: &mut Draw) -> (Reduction, [Tensor<f64>; 2]) {
    let shape = draw.any_shape();
    let t = draw.normal(&shape);
    let error = draw.off_zero(&shape).map(|e| {
        if (e.abs() - 1.0).abs() < 0.02 {
            1.1 * e
        } else {
            e
        }
    });
    (draw.reduction(&shape), [error + &t, t])
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::op::<Huber>("huber_loss"),
    Entry::function("l1_loss", |draw| {
        let (reduction, inputs) = draw_operands(draw);
        Case::new(
            "l1_loss",
            generic!([reduction] | x, t | x.l1_loss_with(t, reduction)),
            inputs,
        )
    }),
    Entry::function("huber_loss", |draw| {
        let (reduction, inputs) = draw_operands(draw);
        let f = generic!([reduction] | x, t | x.huber_loss_with(t, 1.0, reduction));
        Case::new("huber_loss", f, inputs)
    }),
    Entry::function("smooth_l1_loss", |draw| {
        let (reduction, inputs) = draw_operands(draw);
        let beta = draw.pick(&[0.0, 1.0]);
        let f = generic!(
            [reduction, beta] | x,
            t | x.smooth_l1_loss_with(t, beta, reduction)
        );
        Case::new("smooth_l1_loss", f, inputs)
    }),
];
