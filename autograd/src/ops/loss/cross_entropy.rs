//! Cross entropy with class numbers or with probabilities as targets.

use std::f64::consts::LN_2;
use std::rc::Rc;

use wengert_tensor::ElementFunction;

use super::kl_div_poisson::times;
use crate::ops::norm::LogSoftmaxCotangent;
use crate::ops::prelude::*;
use crate::ops::support::Reduction;
use crate::ops::support::Targets;

/// The losses of all positions, and `ln softmax(x)` over the classes.
///
/// The log-probabilities are an output because the rule reads them. To compute them as `x − ln Σ eˣ` from a
/// saved logarithm would lose their digits if all scores have a large common offset.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    targets: Rc<Targets>,
    smoothing: f64,
}

impl CrossEntropy {
    /// Label smoothing: the part of a target for its own class, and the part for each of all classes.
    fn shares(&self) -> (f64, f64) {
        (
            1.0 - self.smoothing,
            self.smoothing / self.targets.weights.len() as f64,
        )
    }

    /// `q` of the class of a position, and the sum of `q` over the others, where the loss is
    /// `−Σ q · ln softmax`.
    fn masses(&self, class: usize) -> (f64, f64) {
        let (own, each) = self.shares();
        let weights = &self.targets.weights;
        let others = if each == 0.0 {
            0.0
        } else {
            let other = |&(c, _): &(usize, &f64)| c != class;
            let weights = weights.iter().enumerate().filter(other);
            each * weights.map(|(_, weight)| weight).sum::<f64>()
        };
        ((own + each) * weights[class], others)
    }

    /// `q` itself, of the shape of the scores.
    fn distribution<T: Real>(&self, shape: &[usize]) -> Tensor<T> {
        let (own, each) = self.shares();
        let mut q = Tensor::zeros(shape);
        let values = q.as_mut_slice();
        for (position, class) in self.targets.class.iter().enumerate() {
            let Some(class) = *class else { continue };
            for (c, &weight) in self.targets.weights.iter().enumerate() {
                values[self.targets.place(position, c)] = T::of(each * weight);
            }
            let own = T::of(own * self.targets.weights[class]);
            values[self.targets.place(position, class)] += own;
        }
        q
    }

    /// `g · (Σ q · softmax − q)`.
    fn gradient<T: Real>(&self, log_p: &Tensor<T>, g: &Tensor<T>) -> Tensor<T> {
        let targets = &*self.targets;
        let (_, each) = self.shares();
        let masses: Vec<_> = (0..targets.weights.len())
            .map(|class| self.masses(class))
            .collect();
        let g = g.to_vec();
        let of_positions = |f: &dyn Fn(T, usize) -> T| {
            let values = g.iter().zip(&targets.class);
            let values = values.map(|(&g, class)| class.map_or(T::zero(), |class| f(g, class)));
            Tensor::from_vec(values.collect(), &targets.shape).unsqueeze(1)
        };
        // Every position's `g · Σ q`, times the softmax.
        let total = of_positions(&|g, class| {
            let (own, others) = masses[class];
            g * T::of(own + others)
        });
        let mut dx = log_p.zip_costly(&total, Weighted);
        if each != 0.0 {
            let mut along = vec![1; log_p.rank()];
            along[1] = targets.weights.len();
            let share = targets.weights.iter().map(|&weight| T::of(each * weight));
            let share = Tensor::from_vec(share.collect(), along);
            dx = dx.zip3(&of_positions(&|g, _| g), &share, |dx, g, share| {
                dx - g * share
            });
        }
        let log_p = log_p.contiguous();
        let log_p = log_p.as_slice().expect("made contiguous");
        let values = dx.as_mut_slice();
        for (position, (&g, class)) in g.iter().zip(&targets.class).enumerate() {
            if let Some(class) = *class {
                let (at, (own, others)) = (targets.place(position, class), masses[class]);
                let (log_p, all) = (log_p[at], g * T::of(own + others));
                // `p − 1` where p is near 1, without its cancellation.
                values[at] = if log_p > T::of(-LN_2) {
                    all * log_p.exp_m1() + g * T::of(others)
                } else {
                    all * log_p.exp() - g * T::of(own)
                };
            }
        }
        dx
    }
}

/// `a eʸ`, as part of a loop.
struct Weighted;

impl<T: Real> ElementFunction<(T, T), T> for Weighted {
    #[inline(always)]
    fn at(&self, (y, a): (T, T)) -> T {
        a * y.exp()
    }
}

impl Op for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn reads(&self) -> Reads {
        Reads::outputs([1])
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let targets = &self.targets;
        let log_p = x[0].log_softmax(1).contiguous();
        let values = log_p.as_slice().expect("made contiguous");
        let (own, each) = self.shares();
        let losses = targets.class.iter().enumerate().map(|(position, class)| {
            let Some(class) = *class else {
                return T::zero();
            };
            // A term with weight 0 is 0, even if the class has probability 0.
            let term = |class: usize, weight: f64| {
                if weight == 0.0 {
                    T::zero()
                } else {
                    -values[targets.place(position, class)] * T::of(weight)
                }
            };
            let mut loss = term(class, own * targets.weights[class]);
            if each != 0.0 {
                for (c, &weight) in targets.weights.iter().enumerate() {
                    loss += term(c, each * weight);
                }
            }
            loss
        });
        let losses = Tensor::from_vec(losses.collect(), &targets.shape);
        [losses, log_p].into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        let log_p = call.output(1);
        let (of_losses, of_log_p) = (out.take(0), out.take(1));
        let dx = match (of_losses, of_log_p) {
            (Some(g), None) if !g.is_tracked() && !log_p.is_tracked() => {
                Var::constant(self.gradient(log_p.value(), g.value()))
            }
            (of_losses, of_log_p) => {
                let of_losses = of_losses.map(|g| {
                    let q = Var::constant(self.distribution(log_p.shape()));
                    -(q * g.unsqueeze(1))
                });
                let total = match (of_losses, of_log_p) {
                    (Some(a), Some(b)) => a + b,
                    (Some(a), None) | (None, Some(a)) => a,
                    (None, None) => return,
                };
                LogSoftmaxCotangent::of(log_p, &total, 1)
            }
        };
        out.add(0, dx);
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let scores = Targets::draw_scores(draw);
        let targets = Rc::new(Targets::draw(draw, &scores));
        let op = Self {
            targets,
            smoothing: draw.pick(&[0.0, 0.0, 0.1, 1.0]),
        };
        Sample::new(op, [draw.uniform(scores, -3.0, 3.0)])
    }
}

/// Options of [`Var::cross_entropy_with`].
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropyOptions {
    /// A weight for each class, `[classes]`; none by default.
    pub weight: Option<Tensor<f64>>,
    /// Targets of this number do not count; −100 by default.
    pub ignore_index: i64,
    /// The part of every target that is distributed evenly over all classes, from 0 (the default) to 1.
    pub label_smoothing: f64,
    /// What is done with the losses; their mean by default.
    pub reduction: Reduction,
}

impl Default for CrossEntropyOptions {
    fn default() -> Self {
        Self {
            weight: None,
            ignore_index: -100,
            label_smoothing: 0.0,
            reduction: Reduction::Mean,
        }
    }
}

impl CrossEntropyOptions {
    #[track_caller]
    fn check(&self) {
        require!(
            (0.0..=1.0).contains(&self.label_smoothing),
            "cross_entropy: a label smoothing of {} is not between 0 and 1",
            self.label_smoothing
        );
    }
}

impl<T: Real> Var<T> {
    /// Cross entropy of class scores with class numbers.
    ///
    /// With `p = softmax(x)` over the classes, the target `t`, class weights `w` and label smoothing
    /// `ε`, a position's loss is `−(1 − ε)·w_t·ln p_t − ε/C·Σ w_c·ln p_c`. The mean divides by the
    /// sum of the weights `w_t` of the targets that count; if none does, it is NaN and its gradient 0.
    ///
    /// * `self`: scores (logits) `[batch, classes, ..]`, or `[classes]`
    /// * `target`: class numbers, the shape of the scores without the class axis
    /// * returns one number, or with [`Reduction::None`] the shape of the target
    ///
    /// ```
    /// use wengert_autograd::Tape;
    /// use wengert_tensor::Tensor;
    ///
    /// let tape = Tape::new();
    /// let scores = tape.leaf(Tensor::<f64>::zeros([3, 5]));
    /// let target = Tensor::from_vec(vec![4, 0, -100], [3]);
    /// let loss = scores.cross_entropy(&target);
    /// assert!((loss.item() - 5.0_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a target that is not ignored is no class, there is not one weight
    /// per class, or the smoothing is not between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn cross_entropy(&self, target: &Tensor<i64>) -> Self {
        self.cross_entropy_with(target, &CrossEntropyOptions::default())
    }

    /// [`cross_entropy`](Self::cross_entropy) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{CrossEntropyOptions, Reduction};
    ///
    /// let scores = Var::constant(Tensor::<f64>::zeros([2, 4]));
    /// let options = CrossEntropyOptions { ignore_index: 3, reduction: Reduction::Sum, ..Default::default() };
    /// // The second target is ignored.
    /// let loss = scores.cross_entropy_with(&Tensor::from_vec(vec![0, 3], [2]), &options);
    /// assert!((loss.item() - 4_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a target that is not ignored is no class, there is not one weight
    /// per class, or the smoothing is not between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn cross_entropy_with(&self, target: &Tensor<i64>, options: &CrossEntropyOptions) -> Self {
        options.check();
        if self.rank() == 1 {
            let loss = self
                .unsqueeze(0)
                .cross_entropy_with(&target.unsqueeze(0), options);
            return if options.reduction == Reduction::None {
                loss.squeeze(0)
            } else {
                loss
            };
        }
        require!(
            self.rank() > 1,
            "cross_entropy: {:?}: there is no class axis",
            self.shape()
        );
        let (weight, ignored) = (options.weight.as_ref(), options.ignore_index);
        let targets = Targets::new("cross_entropy", self.shape(), target, weight, ignored);
        let (total, smoothing) = (targets.total(), options.label_smoothing);
        let op = CrossEntropy {
            targets: Rc::new(targets),
            smoothing,
        };
        let [losses, _] = Self::apply_array(op, [self]);
        options.reduction.over(&losses, total)
    }

    /// Cross entropy of class scores with probabilities.
    ///
    /// With `p = softmax(x)` over the classes, class weights `w` and label smoothing `ε`, a
    /// position's loss is `−Σ w_c·((1 − ε)·t_c + ε/C)·ln p_c`. A term with target 0 is 0, even if `p_c`
    /// is 0 too. The mean divides by the number of positions.
    ///
    /// * `self`: scores (logits) `[batch, classes, ..]`, or `[classes]`
    /// * `target`: probabilities of the same shape; gradients flow to them too
    /// * returns one number, or with [`Reduction::None`] the shape without the class axis
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let scores = Tape::new().leaf(Tensor::<f64>::zeros([1, 2]));
    /// let loss = scores.cross_entropy_soft(&Var::constant(Tensor::from_vec(vec![0.75, 0.25], [1, 2])));
    /// assert!((loss.item() - 2_f64.ln()).abs() < 1e-12);
    /// // p − y
    /// assert_eq!(loss.backward().wrt(&scores).to_vec(), [-0.25, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, there is no class axis, there is not one weight per class, or the
    /// smoothing is not between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn cross_entropy_soft(&self, target: &Self) -> Self {
        self.cross_entropy_soft_with(target, &CrossEntropyOptions::default())
    }

    /// [`cross_entropy_soft`](Self::cross_entropy_soft) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{CrossEntropyOptions, Reduction};
    ///
    /// let (scores, target) = (Var::constant(Tensor::<f64>::zeros([3, 2])), Var::constant(Tensor::full([3, 2], 0.5)));
    /// let options = CrossEntropyOptions { reduction: Reduction::Sum, ..Default::default() };
    /// assert!((scores.cross_entropy_soft_with(&target, &options).item() - 3.0 * 2_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, there is no class axis, there is not one weight per class, or the
    /// smoothing is not between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn cross_entropy_soft_with(&self, target: &Self, options: &CrossEntropyOptions) -> Self {
        options.check();
        let (shape, rank) = (self.shape(), self.rank());
        require!(
            rank > 0 && shape == target.shape(),
            "cross_entropy_soft: {shape:?}, {:?}: two equal shapes with a class axis are needed",
            target.shape()
        );
        let axis = isize::from(rank > 1);
        let classes = self.size(axis);
        let smoothing = options.label_smoothing;
        let mut target = target.clone();
        if smoothing != 0.0 {
            target = target * (1.0 - smoothing) + smoothing / classes as f64;
        }
        if let Some(weight) = &options.weight {
            require!(
                weight.len() == classes,
                "cross_entropy_soft: {shape:?}: {} weights for {classes} classes",
                weight.len()
            );
            let mut along = vec![1; rank];
            along[axis as usize] = classes;
            let weight = weight.map(T::of).reshape(along);
            target = target * Self::constant(weight);
        }
        let losses = -times(&target, &self.log_softmax(axis)).sum(axis);
        options.reduction.of(&losses)
    }
}

/// Options, scores, and the shape of the scores without classes.
fn draw_call(draw: &mut Draw) -> (CrossEntropyOptions, Tensor<f64>, Vec<usize>) {
    let scores = if draw.once_in(4) {
        vec![draw.extent()]
    } else {
        Targets::draw_scores(draw)
    };
    let mut shape = scores.clone();
    let classes = shape.remove(usize::from(scores.len() > 1));
    let reduction = draw.reduction(&shape);
    let options = CrossEntropyOptions {
        weight: draw.once_in(2).then(|| draw.uniform([classes], 0.2, 2.0)),
        label_smoothing: draw.pick(&[0.0, 0.2]),
        reduction,
        ..CrossEntropyOptions::default()
    };
    (options, draw.uniform(scores, -3.0, 3.0), shape)
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<CrossEntropy>("cross_entropy"),
    OpInfo::function("cross_entropy", |draw| {
        let (options, x, shape) = draw_call(draw);
        let classes = x.size(isize::from(x.rank() > 1));
        let mut target = draw.indices(&shape, classes);
        if target.len() > 1 {
            target.as_mut_slice()[1] = options.ignore_index;
        }
        let f = generic!([target, options] | x | x.cross_entropy_with(&target, &options));
        Case::new(format!("{options:?}, {target:?}"), f, [x])
    }),
    OpInfo::function("cross_entropy_soft", |draw| {
        let (options, x, _) = draw_call(draw);
        let target = draw.uniform(x.shape(), 0.0, 1.0);
        let f = generic!([options] | x, t | x.cross_entropy_soft_with(t, &options));
        Case::new(format!("{options:?}"), f, [x, target])
    }),
];
