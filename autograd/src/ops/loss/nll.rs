//! The negative log-likelihood of class numbers.

use std::rc::Rc;

use crate::ops::prelude::*;
use crate::ops::support::Reduction;
use crate::ops::support::Targets;

/// The weighted score of the class of every position, or the adjoint: a score written at its class, 0
/// elsewhere.
#[derive(Clone, Debug)]
pub struct ClassPick {
    targets: Rc<Targets>,
    back: bool,
}

impl ClassPick {
    /// The weighted score of its class for every position; 0 where the position does not count.
    #[track_caller]
    pub(crate) fn of<T: Real>(targets: Targets, scores: &Var<T>) -> Var<T> {
        Var::apply(
            Self {
                targets: Rc::new(targets),
                back: false,
            },
            [scores],
        )
    }
}

impl Op for ClassPick {
    fn name(&self) -> &'static str {
        if self.back {
            "class_place"
        } else {
            "class_pick"
        }
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let (x, targets) = (x[0].contiguous(), &*self.targets);
        let values = x.as_slice().expect("made contiguous");
        let counted = targets
            .class
            .iter()
            .enumerate()
            .filter_map(|(position, class)| {
                let weight = T::of(targets.weight(position));
                Some((position, targets.place(position, (*class)?), weight))
            });
        let mut y = if self.back {
            let mut scores = targets.shape.clone();
            scores.insert(1, targets.weights.len());
            Tensor::zeros(scores)
        } else {
            Tensor::zeros(&targets.shape)
        };
        let out = y.as_mut_slice();
        for (position, place, weight) in counted {
            let (to, from) = if self.back {
                (place, position)
            } else {
                (position, place)
            };
            out[to] = values[from] * weight;
        }
        y.into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            Var::apply(
                Self {
                    targets: Rc::clone(&self.targets),
                    back: !self.back,
                },
                [grad],
            )
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let scores = Targets::draw_scores(draw);
        let targets = Rc::new(Targets::draw(draw, &scores));
        let back = draw.once_in(2);
        let shape = if back { targets.shape.clone() } else { scores };
        Sample::new(Self { targets, back }, [draw.normal(shape)])
    }
}

/// Options of [`Var::nll_loss_with`].
#[derive(Clone, Debug, PartialEq)]
pub struct NllOptions {
    /// A weight for each class, `[classes]`; none by default.
    pub weight: Option<Tensor<f64>>,
    /// Targets of this number do not count; −100 by default.
    pub ignore_index: i64,
    /// What is done with the losses; their mean by default.
    pub reduction: Reduction,
}

impl Default for NllOptions {
    fn default() -> Self {
        Self {
            weight: None,
            ignore_index: -100,
            reduction: Reduction::Mean,
        }
    }
}

impl<T: Real> Var<T> {
    /// The negative log-likelihood of class numbers: `−w_t · x_t` for every position.
    ///
    /// The mean divides by the sum of the weights `w_t` of the targets that count; if none does, it
    /// is NaN and its gradient 0.
    ///
    /// * `self`: log-probabilities `[batch, classes, ..]`, or `[classes]`
    /// * `target`: class numbers, the shape of `self` without the class axis
    /// * returns one number, or with [`Reduction::None`] the shape of the target
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let log_p = Tape::new().leaf(Tensor::from_vec(vec![-1.0, -2.0, -3.0, -4.0], [2, 2]));
    /// let loss = log_p.nll_loss(&Tensor::from_vec(vec![0, 1], [2]));
    /// assert_eq!(loss.item(), 2.5);
    /// assert_eq!(loss.backward().wrt(&log_p).to_vec(), [-0.5, 0.0, 0.0, -0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a target that is not ignored is no class, or there is not one
    /// weight per class.
    #[must_use]
    #[track_caller]
    pub fn nll_loss(&self, target: &Tensor<i64>) -> Self {
        self.nll_loss_with(target, &NllOptions::default())
    }

    /// [`nll_loss`](Self::nll_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::{NllOptions, Reduction};
    ///
    /// let log_p = Var::constant(Tensor::from_vec(vec![-1.0, -2.0, -3.0, -4.0], [2, 2]));
    /// let options = NllOptions { reduction: Reduction::None, ..Default::default() };
    /// assert_eq!(log_p.nll_loss_with(&Tensor::from_vec(vec![0, 1], [2]), &options).value().to_vec(), [1.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a target that is not ignored is no class, or there is not one
    /// weight per class.
    #[must_use]
    #[track_caller]
    pub fn nll_loss_with(&self, target: &Tensor<i64>, options: &NllOptions) -> Self {
        if self.rank() == 1 {
            let loss = self
                .unsqueeze(0)
                .nll_loss_with(&target.unsqueeze(0), options);
            return if options.reduction == Reduction::None {
                loss.squeeze(0)
            } else {
                loss
            };
        }
        require!(
            self.rank() > 1,
            "nll_loss: {:?}: there is no class axis",
            self.shape()
        );
        let (weight, ignored) = (options.weight.as_ref(), options.ignore_index);
        let targets = Targets::new("nll_loss", self.shape(), target, weight, ignored);
        let total = targets.total();
        options
            .reduction
            .over(&-ClassPick::of(targets, self), total)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<ClassPick>("nll_loss"),
    OpInfo::function("nll_loss", |draw| {
        let scores = if draw.once_in(4) {
            vec![draw.extent()]
        } else {
            Targets::draw_scores(draw)
        };
        let mut shape = scores.clone();
        let classes = shape.remove(usize::from(scores.len() > 1));
        let mut target = draw.indices(&shape, classes);
        if target.len() > 1 {
            target.as_mut_slice()[0] = -100;
        }
        let options = NllOptions {
            weight: draw.once_in(2).then(|| draw.uniform([classes], 0.2, 2.0)),
            reduction: draw.reduction(&shape),
            ..NllOptions::default()
        };
        let description = format!("{options:?}, {target:?}");
        let f = generic!([target, options] | x | x.nll_loss_with(&target, &options));
        Case::new(description, f, [draw.normal(scores)])
    }),
];
