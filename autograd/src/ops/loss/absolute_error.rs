//! Losses that grow with the absolute error: L1, Huber and smooth L1.

use crate::ops::prelude::*;
use crate::ops::support::{Reduction, require_equal_shapes};

/// With the error `e = x − t`: `scale·e²/2` where `|e| < width`, `scale·width·(|e| − width/2)` elsewhere.
#[derive(Clone, Debug)]
pub struct Huber {
    width: f64,
    scale: f64,
}

impl Huber {
    /// Its gradient in `x`, times `g`.
    fn slope<T: Real>(&self, g: &Var<T>, x: &Var<T>, t: &Var<T>) -> Var<T> {
        Var::apply(HuberSlope(self.clone()), [g, x, t])
    }
}

impl Op for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (width, scale, half) = (T::of(self.width), T::of(self.scale), T::of(0.5));
        x[0].zip(&x[1], |x, t| {
            let error = x - t;
            let size = error.abs();
            let (near, far) = (error * error * half, (size - width * half) * width);
            (if size < width { near } else { far }) * scale
        })
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, t) = (call.input(0), call.input(1));
        if out.wants(0) && out.wants(1) {
            if let Some(g) = out.take(0) {
                let slope = self.slope(&g, x, t);
                out.add(1, -&slope);
                out.add(0, slope);
            }
            return;
        }
        out.input(0, |g| self.slope(g, x, t));
        out.input(1, |g| -self.slope(g, x, t));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (op, [x, t]) = Self::draw(draw);
        Sample::new(op, [x, t])
    }
}

impl Huber {
    /// Operands with no error near the width.
    fn draw(draw: &mut Draw) -> (Self, [Tensor<f64>; 2]) {
        let (width, scale) = (draw.pick(&[0.5, 1.0]), draw.pick(&[1.0, 2.0]));
        let t = draw.any();
        let error = draw.normal(t.shape()).map(|e| {
            if (e.abs() - width).abs() < 0.01 {
                1.3 * e
            } else {
                e
            }
        });
        (Self { width, scale }, [error + &t, t])
    }
}

/// `g · scale · e`, the error `e = x − t` limited to the width on both sides.
#[derive(Clone, Debug)]
pub struct HuberSlope(Huber);

impl Op for HuberSlope {
    fn name(&self) -> &'static str {
        "slope of huber"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (width, scale) = (T::of(self.0.width), T::of(self.0.scale));
        x[0].zip3(&x[1], &x[2], move |g, x, t| {
            let error = x - t;
            let limited = if error > width { width } else { error };
            let limited = if limited < -width { -width } else { limited };
            g * (limited * scale)
        })
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let [g, x, t] = [0, 1, 2].map(|i| call.input(i));
        let width = T::of(self.0.width);
        out.input(0, |h| self.0.slope(h, x, t));
        let is_far = x.value().zip(t.value(), |x, t| (x - t).abs() >= width);
        let bent = |h: &Var<T>| (h * g * self.0.scale).masked_fill(&is_far, 0.0);
        out.input(1, bent);
        out.input(2, |h| -bent(h));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (op, [x, t]) = Huber::draw(draw);
        let g = draw.normal(x.shape());
        Sample::new(Self(op), [g, x, t])
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
        let op = Huber {
            width: delta,
            scale: 1.0,
        };
        reduction.of(&Self::apply(op, [self, target]))
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
        let op = Huber {
            width: beta,
            scale: 1.0 / beta,
        };
        reduction.of(&Self::apply(op, [self, target]))
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

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Huber>("huber_loss"),
    OpInfo::op::<HuberSlope>("slope of huber_loss"),
    OpInfo::function("l1_loss", |draw| {
        let (reduction, inputs) = draw_operands(draw);
        Case::new(
            "l1_loss",
            generic!([reduction] | x, t | x.l1_loss_with(t, reduction)),
            inputs,
        )
    }),
    OpInfo::function("huber_loss", |draw| {
        let (reduction, inputs) = draw_operands(draw);
        let f = generic!([reduction] | x, t | x.huber_loss_with(t, 1.0, reduction));
        Case::new("huber_loss", f, inputs)
    }),
    OpInfo::function("smooth_l1_loss", |draw| {
        let (reduction, inputs) = draw_operands(draw);
        let beta = draw.pick(&[0.0, 1.0]);
        let f = generic!(
            [reduction, beta] | x,
            t | x.smooth_l1_loss_with(t, beta, reduction)
        );
        Case::new("smooth_l1_loss", f, inputs)
    }),
];
