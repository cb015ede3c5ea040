//! The Kullback–Leibler divergence and the Poisson negative log-likelihood.

use crate::ops::prelude::*;
use crate::ops::shape::pair;
use crate::ops::support::{Reduction, require_equal_shapes};

/// `x·ln x`, 0 at 0.
#[derive(Clone, Debug)]
pub struct XLogX;

impl Op for XLogX {
    fn name(&self) -> &'static str {
        "xlogx"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        // The product is computed for zeros too: a branch around a logarithm would keep LLVM from using vectors.
        let product = |x: T| {
            let product = x * x.ln();
            if x == T::zero() { x } else { product }
        };
        x[0].map_costly(product).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| grad * (call.input(0).ln() + 1.0));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self, [draw.any_within(0.1, 2.0)])
    }
}

/// `t·x` of weights `t`, but 0 where `t` is 0 and `x` infinite: a class with probability 0 and target 0
/// contributes 0 to a loss.
#[derive(Clone, Debug)]
pub struct WeightTimes;

/// Whether `t·x` is 0 by convention.
fn is_void<T: Real>(t: T, x: T) -> bool {
    t == T::zero() && x.abs() == T::of(f64::INFINITY)
}

/// [`WeightTimes`] of operands that broadcast.
#[track_caller]
pub(crate) fn times<T: Real>(t: &Var<T>, x: &Var<T>) -> Var<T> {
    pair("weight_times", WeightTimes, t, x)
}

impl Op for WeightTimes {
    fn name(&self) -> &'static str {
        "weight_times"
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let product = |t, x| if is_void(t, x) { T::zero() } else { t * x };
        x[0].zip(&x[1], product).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let (t, x) = (call.input(0), call.input(1));
        out.input(0, |g| {
            let void = t.value().zip(x.value(), is_void);
            g * x.masked_fill(&void, 0.0)
        });
        out.input(1, |g| times(t, g));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let shape = draw.any_shape();
        Sample::new(Self, [draw.normal(&shape), draw.normal(&shape)])
    }
}

/// Options of [`Var::kl_div_with`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KlDivOptions {
    /// Whether the target is given as logarithms; not by default.
    pub log_target: bool,
    /// How the elements are reduced; their mean by default. For distributions along rows, the mean
    /// divergence is [`Reduction::BatchMean`].
    pub reduction: Reduction,
}

/// Options of [`Var::poisson_nll_loss_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonOptions {
    /// Whether the input is the logarithm of the rate; yes by default.
    pub log_input: bool,
    /// Whether Stirling's approximation of `ln t!` is added where `t > 1`; not by default.
    pub full: bool,
    /// What is added to a rate before its logarithm; 1e-8 by default.
    pub eps: f64,
    /// What is done with the losses; their mean by default.
    pub reduction: Reduction,
}

impl Default for PoissonOptions {
    fn default() -> Self {
        Self {
            log_input: true,
            full: false,
            eps: 1e-8,
            reduction: Reduction::Mean,
        }
    }
}

impl<T: Real> Var<T> {
    /// The Kullback–Leibler divergence of log-probabilities from a target, element by element:
    /// `t·(ln t − x)`, 0 where `t` is 0, even if `x` is −∞, of operands of one shape.
    /// The gradient of a target 0 is 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let target = Var::constant(Tensor::from_vec(vec![0.5_f64, 0.5], [2]));
    /// assert!(target.ln().kl_div(&target).item().abs() < 1e-12);
    /// let log_q = Var::constant(Tensor::from_vec(vec![0.25_f64, 0.75], [2])).ln();
    /// // The mean of t (ln t − ln q)
    /// assert!((log_q.kl_div(&target).item() - 0.071_920_518_112_9).abs() < 1e-11);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn kl_div(&self, target: &Self) -> Self {
        self.kl_div_with(target, &KlDivOptions::default())
    }

    /// [`kl_div`](Self::kl_div) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{KlDivOptions, Reduction};
    ///
    /// let target = Var::constant(Tensor::from_vec(vec![0.5_f64, 0.5], [1, 2]));
    /// let log_q = Var::constant(Tensor::from_vec(vec![0.25_f64, 0.75], [1, 2])).ln();
    /// let options = KlDivOptions { reduction: Reduction::BatchMean, ..Default::default() };
    /// assert!((log_q.kl_div_with(&target, &options).item() - 0.143_841_036_225_9).abs() < 1e-11);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn kl_div_with(&self, target: &Self, options: &KlDivOptions) -> Self {
        require_equal_shapes("kl_div", self.shape(), target.shape());
        let losses = if options.log_target {
            let none = T::of(f64::NEG_INFINITY);
            let void = target.value().map(|t| t == none);
            times(&target.exp(), &(target.masked_fill(&void, 0.0) - self))
        } else {
            let zero = target.value().map(|t| t == T::zero());
            if zero.any(..).item() {
                // As in PyTorch, the gradient of a target 0 is 0, not −∞.
                let held = target.masked_fill(&zero, 1.0);
                let own = Self::apply(XLogX, [&held]);
                own - times(&target.masked_fill(&zero, 0.0), self)
            } else {
                Self::apply(XLogX, [target]) - times(target, self)
            }
        };
        options.reduction.of(&losses)
    }

    /// The negative log-likelihood of counts `t` under Poisson distributions: `eˣ − t·x` for the
    /// logarithm `x` of a rate, `x − t·ln(x + eps)` for the rate, of operands of one shape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(0.0_f64));
    /// let loss = x.poisson_nll_loss(&Var::scalar(3.0));
    /// // eˣ − t·x, with the slope eˣ − t
    /// assert_eq!((loss.item(), loss.backward().wrt(&x).item()), (1.0, -2.0));
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn poisson_nll_loss(&self, target: &Self) -> Self {
        self.poisson_nll_loss_with(target, &PoissonOptions::default())
    }

    /// [`poisson_nll_loss`](Self::poisson_nll_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::PoissonOptions;
    ///
    /// let options = PoissonOptions { log_input: false, ..Default::default() };
    /// // The input is the rate itself: x − t ln x
    /// let loss = Var::scalar(1.0).poisson_nll_loss_with(&Var::<f64>::scalar(3.0), &options);
    /// assert!((loss.item() - 1.0).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn poisson_nll_loss_with(&self, target: &Self, options: &PoissonOptions) -> Self {
        require_equal_shapes("poisson_nll_loss", self.shape(), target.shape());
        let mut losses = if options.log_input {
            self.exp() - target * self
        } else {
            self - target * (self + options.eps).ln()
        };
        if options.full {
            let few = target.value().map(|t| t <= T::one());
            // Where t ≤ 1 Stirling's formula is not used. There t is replaced by 1, to keep its
            // logarithm finite.
            let t = target.masked_fill(&few, 1.0);
            let stirling = &t * t.ln() - &t + (&t * std::f64::consts::TAU).ln() * 0.5;
            losses = losses + stirling.masked_fill(&few, 0.0);
        }
        options.reduction.of(&losses)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<XLogX>("kl_div"),
    OpInfo::op::<WeightTimes>("weight_times"),
    OpInfo::function("kl_div", |draw| {
        let shape = draw.any_shape();
        let log_target = draw.once_in(2);
        let target = draw.uniform(&shape, 0.05, 1.0);
        let target = if log_target {
            target.map(f64::ln)
        } else {
            target
        };
        let mut options = KlDivOptions {
            log_target,
            reduction: draw.reduction(&shape),
        };
        if !shape.is_empty() && !shape.contains(&0) && draw.once_in(3) {
            options.reduction = Reduction::BatchMean;
        }
        let f = generic!([options] | x, t | x.kl_div_with(t, &options));
        Case::new(format!("{options:?}"), f, [draw.normal(shape), target])
    }),
    OpInfo::function("poisson_nll_loss", |draw| {
        let shape = draw.any_shape();
        let t = draw
            .uniform(&shape, 0.1, 4.0)
            .map(|t| if (t - 1.0).abs() < 0.1 { 1.2 } else { t });
        let options = PoissonOptions {
            log_input: draw.once_in(2),
            full: draw.once_in(2),
            reduction: draw.reduction(&shape),
            ..PoissonOptions::default()
        };
        let f = generic!([options] | x, t | x.poisson_nll_loss_with(t, &options));
        Case::new(
            format!("{options:?}"),
            f,
            [draw.uniform(shape, 0.2, 2.0), t],
        )
    }),
];
