//! Cross entropy of two classes.

use wengert_tensor::ElementFunction;

use super::kl_div_poisson::times;
use crate::ops::elementwise::{Sigmoid, sigmoid_of_both_signs};
use crate::ops::prelude::*;
use crate::ops::support::slope;
use crate::ops::support::{Reduction, require_equal_shapes};

/// Logarithms of probabilities are clamped to at least this.
const LOWEST: f64 = -100.0;

/// `−(t·ln x + (1 − t)·ln(1 − x))`, no logarithm below −100.
#[derive(Clone, Debug)]
pub struct BinaryCrossEntropy;

/// A logarithm, at least [`LOWEST`].
#[inline(always)]
fn clamped<T: Real>(logarithm: T) -> T {
    let lowest = T::of(LOWEST);
    if logarithm < lowest {
        lowest
    } else {
        logarithm
    }
}

/// `ln(1 − x) − ln x`, as part of a loop. A closure with two logarithms would be a call for each element.
struct LogOdds;

impl<T: Real> ElementFunction<T, T> for LogOdds {
    #[inline(always)]
    fn at(&self, x: T) -> T {
        clamped((-x).ln_1p()) - clamped(x.ln())
    }
}

/// The loss of a pair, as part of a loop.
struct LossOfProbability;

impl<T: Real> ElementFunction<(T, T), T> for LossOfProbability {
    #[inline(always)]
    fn at(&self, (x, t): (T, T)) -> T {
        -(t * clamped(x.ln()) + (T::one() - t) * clamped((-x).ln_1p()))
    }
}

/// The smallest divisor of [`ProbabilitySlope`]: where the slope is infinite, it is limited to 1e12 as in PyTorch.
const MIN_PRODUCT: f64 = 1e-12;

/// `(x − t) / (x·(1 − x))`, the slope of [`BinaryCrossEntropy`] in `x`.
#[derive(Clone, Debug)]
pub struct ProbabilitySlope;

impl Op for ProbabilitySlope {
    fn name(&self) -> &'static str {
        "slope of binary_cross_entropy"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip(&x[1], |x, t| {
            let product = x * (T::one() - x);
            (x - t)
                / if product < T::of(MIN_PRODUCT) {
                    T::of(MIN_PRODUCT)
                } else {
                    product
                }
        })
        .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, t) = (call.input(0), call.input(1));
        let product = x * (1.0 - x);
        let is_least = product.value().map(|product| product < T::of(MIN_PRODUCT));
        let divisor = product.clamp(MIN_PRODUCT, f64::INFINITY);
        out.input(0, |h| {
            let bent = (x - t) * (1.0 - x * 2.0) / &divisor;
            h * (1.0 - bent.masked_fill(&is_least, 0.0)) / &divisor
        });
        out.input(1, |h| -(h / &divisor));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        let x = draw.uniform(&shape, 0.05, 0.95);
        Sample::new(Self, [x, draw.uniform(&shape, 0.0, 1.0)])
    }
}

/// `ln(1 − x) − ln x`, the logarithms clamped: the slope of [`BinaryCrossEntropy`] in `t`.
#[derive(Clone, Debug)]
pub struct ClampedLogOdds;

impl Op for ClampedLogOdds {
    fn name(&self) -> &'static str {
        "slope of binary_cross_entropy"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map_costly(LogOdds).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let x = call.input(0);
        let slope = |x: &Var<T>| {
            let is_lowest = x.value().map_costly(|x: T| x.ln() < T::of(LOWEST));
            x.reciprocal().masked_fill(&is_lowest, 0.0)
        };
        out.input(0, |h| -(h * (slope(&(1.0 - x)) + slope(x))));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.uniform(&shape, 0.05, 0.95)])
    }
}

impl Op for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip_costly(&x[1], LossOfProbability).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, t) = (call.input(0), call.input(1));
        out.input(0, |g| g * Var::apply(ProbabilitySlope, [x, t]));
        out.input(1, |g| g * Var::apply(ClampedLogOdds, [x]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        let (x, t) = (
            draw.uniform(&shape, 0.05, 0.95),
            draw.uniform(&shape, 0.0, 1.0),
        );
        Sample::new(Self, [x, t])
    }
}

/// `(1 − t)·ln(1 + eˣ) + t·ln(1 + e⁻ˣ)`, of scores `x` and targets `t`.
#[derive(Clone, Debug)]
pub struct LogitCrossEntropy;

/// The loss of a pair, as part of a loop.
struct Loss;

impl<T: Real> ElementFunction<(T, T), T> for Loss {
    #[inline(always)]
    fn at(&self, (x, t): (T, T)) -> T {
        let zero = T::zero();
        let share = if x > zero { T::one() - t } else { -t };
        // A term with factor 0 is 0, even if the score is infinite.
        let linear = if share == zero && !x.is_nan() && x.abs() == T::of(f64::INFINITY) {
            zero
        } else {
            x * share
        };
        linear + x.exp_neg_abs().ln_1p()
    }
}

impl Op for LogitCrossEntropy {
    fn name(&self) -> &'static str {
        "logit_cross_entropy"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip_costly(&x[1], Loss).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (x, t) = (call.input(0), call.input(1));
        out.input(0, |g| g * Var::apply(LogitSlope, [x, t]));
        out.input(1, |g| -(g * x));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        let (x, t) = (draw.off_zero(&shape), draw.uniform(&shape, 0.0, 1.0));
        Sample::new(Self, [x, t])
    }
}

/// The slope of [`LogitCrossEntropy`] in `x`, `σ(x) − t` without its cancellation at targets 0 and 1.
#[derive(Clone, Debug)]
pub struct LogitSlope;

/// The slope of a pair, as part of a loop.
struct SlopeOfLoss;

impl<T: Real> ElementFunction<(T, T), T> for SlopeOfLoss {
    #[inline(always)]
    fn at(&self, (x, t): (T, T)) -> T {
        let [p, rest] = sigmoid_of_both_signs(x);
        (T::one() - t) * p - t * rest
    }
}

impl Op for LogitSlope {
    fn name(&self) -> &'static str {
        "slope of logit_cross_entropy"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].zip_costly(&x[1], SlopeOfLoss).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| g * slope(Sigmoid, call.input(0)));
        out.input(1, |g| -g);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        let (x, t) = (draw.off_zero(&shape), draw.uniform(&shape, 0.0, 1.0));
        Sample::new(Self, [x, t])
    }
}

/// Options of [`Var::binary_cross_entropy_with`] and [`Var::binary_cross_entropy_with_logits_with`].
#[derive(Clone, Debug, Default)]
pub struct BinaryCrossEntropyOptions {
    /// What each loss is multiplied by, broadcast; 1 by default.
    pub weight: Option<Tensor<f64>>,
    /// How the losses add up; their mean by default.
    pub reduction: Reduction,
}

impl BinaryCrossEntropyOptions {
    #[track_caller]
    fn of<T: Real>(&self, losses: Var<T>) -> Var<T> {
        let losses = match &self.weight {
            Some(weight) => losses * Var::constant(weight.cast()),
            None => losses,
        };
        self.reduction.of(&losses)
    }
}

impl<T: Real> Var<T> {
    /// The cross entropy of probabilities: `−w·(t·ln x + (1 − t)·ln(1 − x))`, of operands of one shape.
    ///
    /// No logarithm is below −100, and no slope above 10¹², so that probabilities of 0 and 1 have
    /// finite losses and gradients.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![0.5_f64, 0.25], [2]));
    /// let loss = x.binary_cross_entropy(&Var::constant(Tensor::from_vec(vec![1.0, 0.0], [2])));
    /// assert!((loss.item() - (2_f64.ln() - 0.75_f64.ln()) / 2.0).abs() < 1e-12);
    /// // −1 / (2p) and 1 / (2 (1 − p))
    /// let dx = loss.backward().wrt(&x).to_vec();
    /// assert!((dx[0] + 1.0).abs() < 1e-12 && (dx[1] - 2.0 / 3.0).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn binary_cross_entropy(&self, target: &Self) -> Self {
        self.binary_cross_entropy_with(target, &BinaryCrossEntropyOptions::default())
    }

    /// [`binary_cross_entropy`](Self::binary_cross_entropy) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{BinaryCrossEntropyOptions, Reduction};
    ///
    /// let (x, target) = (Var::constant(Tensor::full([3], 0.5_f64)), Var::constant(Tensor::ones([3])));
    /// let options = BinaryCrossEntropyOptions { reduction: Reduction::Sum, ..Default::default() };
    /// assert!((x.binary_cross_entropy_with(&target, &options).item() - 3.0 * 2_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn binary_cross_entropy_with(
        &self,
        target: &Self,
        options: &BinaryCrossEntropyOptions,
    ) -> Self {
        require_equal_shapes("binary_cross_entropy", self.shape(), target.shape());
        options.of(Self::apply(BinaryCrossEntropy, [self, target]))
    }

    /// The cross entropy of the probabilities `σ(x)`, stable for every `x`:
    /// `w·((1 − t)·ln(1 + eˣ) + pos_weight·t·ln(1 + e⁻ˣ))`, of operands of one shape.
    ///
    /// A factor of 0 makes a term 0, even of an infinite score.
    ///
    /// * `pos_weight`: what the losses of positive targets are multiplied by, broadcast
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![0.0_f64, 0.0], [2]));
    /// let loss = x.binary_cross_entropy_with_logits(&Var::constant(Tensor::from_vec(vec![1.0, 0.0], [2])));
    /// assert!((loss.item() - 2_f64.ln()).abs() < 1e-12);
    /// // (σ(x) − t) / 2
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [-0.25, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(&self, target: &Self) -> Self {
        self.binary_cross_entropy_with_logits_with(
            target,
            None,
            &BinaryCrossEntropyOptions::default(),
        )
    }

    /// [`binary_cross_entropy_with_logits`](Self::binary_cross_entropy_with_logits) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let (x, target) = (Var::constant(Tensor::zeros([2])), Var::constant(Tensor::from_vec(vec![1.0_f64, 0.0], [2])));
    /// // The label 1 counts three times.
    /// let three = Tensor::scalar(3.0);
    /// let loss = x.binary_cross_entropy_with_logits_with(&target, Some(&three), &Default::default());
    /// assert!((loss.item() - 2.0 * 2_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn binary_cross_entropy_with_logits_with(
        &self,
        target: &Self,
        pos_weight: Option<&Tensor<f64>>,
        options: &BinaryCrossEntropyOptions,
    ) -> Self {
        let name = "binary_cross_entropy_with_logits";
        require_equal_shapes(name, self.shape(), target.shape());
        options.of(match pos_weight {
            Some(weight) => {
                let softplus = |x: &Self| x.softplus(1.0, f64::INFINITY);
                let positive = target * Self::constant(weight.cast());
                times(&(1.0 - target), &softplus(self)) + times(&positive, &softplus(&-self))
            }
            None => Self::apply(LogitCrossEntropy, [self, target]),
        })
    }
}

/// Options, and the shape of the inputs, to which the weight broadcasts.
fn draw_options(draw: &mut Draw) -> (BinaryCrossEntropyOptions, Vec<usize>) {
    let shape = draw.any_shape();
    let weight = draw.once_in(2).then(|| {
        let weight = draw.broadcastable(&shape);
        draw.uniform(weight, 0.2, 2.0)
    });
    let reduction = draw.reduction(&shape);
    (BinaryCrossEntropyOptions { weight, reduction }, shape)
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<BinaryCrossEntropy>("binary_cross_entropy"),
    OpInfo::op::<LogitCrossEntropy>("binary_cross_entropy_with_logits"),
    OpInfo::op::<ProbabilitySlope>("slope of binary_cross_entropy"),
    OpInfo::op::<ClampedLogOdds>("slope of binary_cross_entropy in the target"),
    OpInfo::op::<LogitSlope>("slope of binary_cross_entropy_with_logits"),
    OpInfo::function("binary_cross_entropy", |draw| {
        let (options, shape) = draw_options(draw);
        let inputs = [
            draw.uniform(&shape, 0.05, 0.95),
            draw.uniform(&shape, 0.0, 1.0),
        ];
        let f = generic!([options] | x, t | x.binary_cross_entropy_with(t, &options));
        Case::new(format!("{options:?}"), f, inputs)
    }),
    OpInfo::function("binary_cross_entropy_with_logits", |draw| {
        let (options, shape) = draw_options(draw);
        let positive = draw.once_in(2).then(|| {
            let weight = draw.broadcastable(&shape);
            draw.uniform(weight, 0.2, 3.0)
        });
        let inputs = [draw.normal(&shape), draw.uniform(&shape, 0.0, 1.0)];
        let description = format!("{options:?}, {positive:?}");
        let f = generic!(
            [options, positive] | x,
            t | x.binary_cross_entropy_with_logits_with(t, positive.as_ref(), &options)
        );
        Case::new(description, f, inputs)
    }),
];
