//! Limited-memory BFGS.

mod state;
mod wolfe;

use std::collections::{HashSet, VecDeque};

use wengert_nn::{Gradients, Parameters, ParametersExt, Slot, SlotMut};
use wengert_tensor::{Real, Tensor, require};

use crate::schedule::{Rate, Rates};
use wolfe::{Point, strong_wolfe};

/// How far to go along a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineSearch {
    /// Until the strong Wolfe conditions hold, by cubic interpolation.
    StrongWolfe,
}

/// The options of [`Lbfgs`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsOptions {
    /// The learning rate: the length of a step, or the first that a line search tries.
    pub lr: f64,
    /// How many directions a step takes.
    pub max_iter: usize,
    /// After how many evaluations a step ends; `None` for `5/4 · max_iter`.
    pub max_eval: Option<usize>,
    /// A step ends where no element of the gradient is larger.
    pub tolerance_grad: f64,
    /// A step ends where loss and parameters change by less.
    pub tolerance_change: f64,
    /// How many past directions are remembered.
    pub history_size: usize,
    /// The line search; `None` goes `lr` along each direction.
    pub line_search: Option<LineSearch>,
    /// Whether to climb instead.
    pub maximize: bool,
}

impl Default for LbfgsOptions {
    fn default() -> Self {
        Self {
            lr: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: None,
            maximize: false,
        }
    }
}

/// Limited-memory BFGS (Nocedal 1980; Liu & Nocedal 1989): directions `−Hg`, `H` the inverse Hessian as
/// the last steps tell it.
///
/// `H` is never formed: with `s` the past steps and `y` the changes of the gradient over them,
/// `Hg` takes two passes over the memory (Nocedal & Wright 2006, algorithm 7.4). A pair enters it if
/// `yᵀs > 10⁻¹⁰`.
///
/// A step needs the loss at more than one place, so it takes a closure. It is for losses without noise:
/// small problems, the whole data at once.
///
/// ```
/// use wengert_nn::{Linear, Module, Pass};
/// use wengert_optim::{Lbfgs, LbfgsOptions, LineSearch};
/// use wengert_tensor::Tensor;
///
/// let mut rng = wengert_nn::rng(0);
/// let mut model: Linear = Linear::new(3, 1, &mut rng);
/// let x = Tensor::normal([16, 3], 0.0, 1.0, &mut rng);
/// let line_search = Some(LineSearch::StrongWolfe);
/// let mut optimizer = Lbfgs::new(LbfgsOptions { line_search, ..LbfgsOptions::default() });
/// let mut loss = || {
///     optimizer.step(&mut model, |model| {
///         let mut pass = Pass::train(model, 0);
///         let y = model.forward(&pass.input(x.clone()), &mut pass);
///         let loss = y.mul(&y).sum(..);
///         (loss.item(), pass.backward(&loss))
///     })
/// };
/// assert!(loss() > 0.1);
/// assert!(loss() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<T: Real = f32> {
    options: LbfgsOptions,
    lr: f64,
    initial: Option<f64>,
    evaluations: u64,
    iterations: u64,
    /// In the order of their age.
    memory: VecDeque<Pair<T>>,
    last: Option<Last<T>>,
}

/// A change of the gradient, the step that made it, and one over their product.
#[derive(Clone, Debug)]
struct Pair<T: Real> {
    y: Tensor<T>,
    s: Tensor<T>,
    rho: T,
}

/// The last direction, how far it was gone, and what was there before.
#[derive(Clone, Debug)]
struct Last<T: Real> {
    direction: Tensor<T>,
    t: f64,
    /// The inverse Hessian before any pair.
    scale: T,
    gradient: Tensor<T>,
    loss: f64,
}

impl<T: Real> Lbfgs<T> {
    /// An optimizer of all parameters that are not frozen.
    ///
    /// # Panics
    /// If the learning rate is negative or NaN, or the memory has no room.
    #[must_use]
    #[track_caller]
    pub fn new(options: LbfgsOptions) -> Self {
        require!(options.lr >= 0.0, "lbfgs: lr = {}", options.lr);
        require!(options.history_size > 0, "lbfgs: history_size = 0");
        Self {
            options,
            lr: options.lr,
            initial: None,
            evaluations: 0,
            iterations: 0,
            memory: VecDeque::new(),
            last: None,
        }
    }

    /// The learning rate of the next step.
    #[must_use]
    pub const fn lr(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate.
    pub const fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// How often a loss has been evaluated.
    #[must_use]
    pub const fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// How many directions have been taken.
    #[must_use]
    pub const fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Goes along up to `max_iter` directions, and returns the loss before.
    ///
    /// `evaluate` gives the loss of a model and its gradients; where a model has buffers that a pass
    /// changes, it may commit the pass. A parameter without gradient has the gradient 0.
    ///
    /// # Panics
    /// If a gradient belongs to no parameter of the model, or the parameters that train are not those of
    /// the last step.
    #[track_caller]
    pub fn step<M: Parameters<T> + ?Sized>(
        &mut self,
        model: &mut M,
        mut evaluate: impl FnMut(&mut M) -> (T, Gradients<T>),
    ) -> T {
        let sign = if self.options.maximize { -1.0 } else { 1.0 };
        let mut count = 0;
        let mut before = None;
        let mut evaluate = |model: &mut M| {
            let (loss, gradients) = evaluate(model);
            before.get_or_insert(loss);
            count += 1;
            let gradient = flat(model, &gradients).map(|g| T::of(sign) * g);
            (sign * loss.to_f64(), gradient)
        };
        let (loss, gradient) = evaluate(model);
        if let Some(last) = &self.last {
            let (now, then) = (gradient.len(), last.gradient.len());
            require!(
                now == then,
                "lbfgs: {now} numbers to train, {then} at the last step"
            );
        }
        // `>`, turned, would stop at a NaN.
        if !(largest(&gradient).to_f64() <= self.options.tolerance_grad) && !gradient.is_empty() {
            self.descend(model, loss, gradient, &mut evaluate);
        }
        self.evaluations += count;
        before.expect("evaluated above")
    }

    fn descend<M: Parameters<T> + ?Sized>(
        &mut self,
        model: &mut M,
        mut loss: f64,
        mut gradient: Tensor<T>,
        evaluate: &mut impl FnMut(&mut M) -> (f64, Tensor<T>),
    ) {
        let options = self.options;
        let max_eval = options.max_eval.unwrap_or(options.max_iter * 5 / 4);
        let mut evaluations = 1;
        for iteration in 1..=options.max_iter {
            self.iterations += 1;
            let first = self.iterations == 1;
            let (direction, scale) = self.direction(&gradient);
            let start = Point {
                t: 0.0,
                loss,
                slope: dot(&gradient, &direction).to_f64(),
                gradient,
            };
            let whole = if first {
                let sum = start.gradient.map(Real::abs).sum(..).item().to_f64();
                if 1.0 / sum < 1.0 { 1.0 / sum } else { 1.0 }
            } else {
                1.0
            };
            let last = self.last.insert(Last {
                direction,
                t: whole * self.lr,
                scale,
                gradient: start.gradient.clone(),
                loss,
            });
            if start.slope > -options.tolerance_change {
                return;
            }
            if options.line_search.is_some() {
                let here = values(model);
                let (point, used) = strong_wolfe(
                    &start,
                    last.t,
                    &last.direction,
                    options.tolerance_change,
                    max_eval.saturating_sub(evaluations),
                    |t| {
                        advance(model, t, &last.direction);
                        let result = evaluate(model);
                        restore(model, &here);
                        result
                    },
                );
                evaluations += used;
                last.t = point.t;
                (loss, gradient) = (point.loss, point.gradient);
                advance(model, last.t, &last.direction);
            } else {
                advance(model, last.t, &last.direction);
                if iteration == options.max_iter {
                    return;
                }
                (loss, gradient) = evaluate(model);
                evaluations += 1;
            }
            let step = largest(&last.direction.map(|d| d * T::of(last.t))).to_f64();
            if evaluations >= max_eval
                || largest(&gradient).to_f64() <= options.tolerance_grad
                || step <= options.tolerance_change
                || (loss - last.loss).abs() < options.tolerance_change
            {
                return;
            }
        }
    }

    /// `−Hg`, and the scale of `H`, with the last step taken into the memory.
    fn direction(&mut self, gradient: &Tensor<T>) -> (Tensor<T>, T) {
        let mut d = gradient.map(|g| -g);
        let Some(last) = &self.last else {
            return (d, T::one());
        };
        let mut scale = last.scale;
        let y = gradient.zip(&last.gradient, |new, old| new - old);
        let t = T::of(last.t);
        let s = last.direction.map(|d| d * t);
        let ys = dot(&y, &s);
        if ys.to_f64() > 1e-10 {
            scale = ys / dot(&y, &y);
            if self.memory.len() == self.options.history_size {
                self.memory.pop_front();
            }
            let rho = T::one() / ys;
            self.memory.push_back(Pair { y, s, rho });
        }
        let mut parts = Vec::with_capacity(self.memory.len());
        for pair in self.memory.iter().rev() {
            let part = dot(&pair.s, &d) * pair.rho;
            d.zip_in_place(&pair.y, |d, y| d - part * y);
            parts.push(part);
        }
        d.map_in_place(|d| d * scale);
        for (pair, part) in self.memory.iter().zip(parts.into_iter().rev()) {
            let rest = part - dot(&pair.y, &d) * pair.rho;
            d.zip_in_place(&pair.s, |d, s| d + rest * s);
        }
        (d, scale)
    }
}

impl<T: Real> Rates for Lbfgs<T> {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        vec![Rate {
            lr: &mut self.lr,
            momentum: None,
            initial: &mut self.initial,
        }]
    }
}

/// `Σ aᵢbᵢ`
fn dot<T: Real>(a: &Tensor<T>, b: &Tensor<T>) -> T {
    a.zip(b, |a, b| a * b).sum(..).item()
}

/// The largest absolute value; NaN if there is one.
fn largest<T: Real>(x: &Tensor<T>) -> T {
    if x.is_empty() {
        return T::zero();
    }
    x.map(Real::abs).max(..).item()
}

/// The gradients of the parameters that train, end to end.
#[track_caller]
fn flat<T: Real>(model: &(impl Parameters<T> + ?Sized), gradients: &Gradients<T>) -> Tensor<T> {
    let mut all = Vec::new();
    let mut matched = 0;
    let mut seen = HashSet::new();
    model.each(|_, slot| {
        let Slot::Param(param) = slot else { return };
        if !seen.insert(param.id()) {
            return;
        }
        let gradient = gradients.get(param);
        matched += usize::from(gradient.is_some());
        if !param.is_frozen() {
            match gradient {
                Some(gradient) => all.extend(gradient.to_vec()),
                None => all.resize(all.len() + param.value().len(), T::zero()),
            }
        }
    });
    let given = gradients.iter().count();
    require!(
        matched == given,
        "lbfgs: {given} gradients, {matched} of them for parameters of this model"
    );
    Tensor::from_slice(&all, [all.len()])
}

/// Calls `f` once with each parameter that trains.
fn each_trained<T: Real>(
    model: &mut (impl Parameters<T> + ?Sized),
    mut f: impl FnMut(&mut Tensor<T>),
) {
    let mut seen = HashSet::new();
    model.each_mut(|_, slot| {
        if let SlotMut::Param(param) = slot
            && !param.is_frozen()
            && seen.insert(param.id())
        {
            f(param.value_mut());
        }
    });
}

/// `p ← p + td`
fn advance<T: Real>(model: &mut (impl Parameters<T> + ?Sized), t: f64, direction: &Tensor<T>) {
    let t = T::of(t);
    let mut rest = direction
        .as_slice()
        .expect("made by this optimizer, in one piece");
    each_trained(model, |value| {
        let (part, others) = rest.split_at(value.len());
        for (p, &d) in value.as_mut_slice().iter_mut().zip(part) {
            *p += t * d;
        }
        rest = others;
    });
}

fn values<T: Real>(model: &mut (impl Parameters<T> + ?Sized)) -> Vec<Tensor<T>> {
    let mut all = Vec::new();
    each_trained(model, |value| all.push(value.clone()));
    all
}

fn restore<T: Real>(model: &mut (impl Parameters<T> + ?Sized), values: &[Tensor<T>]) {
    let mut values = values.iter();
    each_trained(model, |value| {
        if let Some(old) = values.next() {
            *value = old.clone();
        }
    });
}
