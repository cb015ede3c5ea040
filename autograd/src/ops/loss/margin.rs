//! Margin losses: logistic, hinge embedding, ranking and multi-class.

use super::similarity::by_sign;
use crate::ops::prelude::*;
use crate::ops::support::{Reduction, require_equal_shapes};

impl<T: Real> Var<T> {
    /// The logistic loss `ln(1 + e^(−t·x))` of targets 1 and −1, of operands of one shape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![0.0_f64, 0.0], [2]));
    /// let loss = x.soft_margin_loss(&Var::constant(Tensor::from_vec(vec![1.0, -1.0], [2])));
    /// assert!((loss.item() - 2_f64.ln()).abs() < 1e-12);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [-0.25, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn soft_margin_loss(&self, target: &Self) -> Self {
        self.soft_margin_loss_with(target, Reduction::Mean)
    }

    /// [`soft_margin_loss`](Self::soft_margin_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let (x, target) = (Var::constant(Tensor::zeros([3])), Var::constant(Tensor::<f64>::ones([3])));
    /// assert!((x.soft_margin_loss_with(&target, Reduction::Sum).item() - 3.0 * 2_f64.ln()).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn soft_margin_loss_with(&self, target: &Self, reduction: Reduction) -> Self {
        require_equal_shapes("soft_margin_loss", self.shape(), target.shape());
        reduction.of(&-(target * self).logsigmoid())
    }

    /// The loss of distances `x`: `x` where the target is 1, `max(0, margin − x)` where it is −1.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![2.0, 0.25], [2]));
    /// let loss = x.hinge_embedding_loss(&Tensor::from_vec(vec![1, -1], [2]));
    /// assert_eq!(loss.item(), (2.0 + 0.75) / 2.0);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [0.5, -0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or a target is neither 1 nor −1.
    #[must_use]
    #[track_caller]
    pub fn hinge_embedding_loss(&self, target: &Tensor<i64>) -> Self {
        self.hinge_embedding_loss_with(target, 1.0, Reduction::Mean)
    }

    /// [`hinge_embedding_loss`](Self::hinge_embedding_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![2.0, 0.25], [2]));
    /// let target = Tensor::from_vec(vec![1, -1], [2]);
    /// assert_eq!(x.hinge_embedding_loss_with(&target, 2.0, Reduction::None).value().to_vec(), [2.0, 1.75]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or a target is neither 1 nor −1.
    #[must_use]
    #[track_caller]
    pub fn hinge_embedding_loss_with(
        &self,
        target: &Tensor<i64>,
        margin: f64,
        reduction: Reduction,
    ) -> Self {
        require_equal_shapes("hinge_embedding_loss", self.shape(), target.shape());
        reduction.of(&by_sign(target, self, &(margin - self).relu()))
    }

    /// `max(0, −t·(x − y) + margin)`: target 1 means that `x` should exceed `y`, −1 the
    /// opposite. The operands have one shape.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 3.0], [2]));
    /// let loss = x.margin_ranking_loss(&Var::constant(Tensor::full([2], 2.0)), &Var::constant(Tensor::ones([2])));
    /// // The first is 1 too small, the second large enough.
    /// assert_eq!(loss.item(), 0.5);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [-0.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn margin_ranking_loss(&self, other: &Self, target: &Self) -> Self {
        self.margin_ranking_loss_with(other, target, 0.0, Reduction::Mean)
    }

    /// [`margin_ranking_loss`](Self::margin_ranking_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let (x, y) = (Var::constant(Tensor::from_vec(vec![1.0, 3.0], [2])), Var::constant(Tensor::full([2], 2.0)));
    /// let loss = x.margin_ranking_loss_with(&y, &Var::constant(Tensor::ones([2])), 0.5, Reduction::None);
    /// assert_eq!(loss.value().to_vec(), [1.5, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn margin_ranking_loss_with(
        &self,
        other: &Self,
        target: &Self,
        margin: f64,
        reduction: Reduction,
    ) -> Self {
        let name = "margin_ranking_loss";
        require_equal_shapes(name, self.shape(), other.shape());
        require_equal_shapes(name, self.shape(), target.shape());
        reduction.of(&(target * (other - self) + margin).relu())
    }

    /// The hinge loss of several classes:
    /// `Σ_{j ≠ t} weight[t]·max(0, margin − x[t] + x[j])ᵖ / classes`.
    ///
    /// * `self`: scores `[batch, classes]`, or `[classes]`; `target`: class numbers `[batch]`, or one
    /// * returns one number, or with [`Reduction::None`] the shape of the target
    ///
    /// Source: Crammer & Singer 2001.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![2.0, 1.5, -1.0, 0.0], [1, 4]));
    /// let loss = x.multi_margin_loss(&Tensor::from_vec(vec![0], [1]));
    /// // Class 1 is nearer to class 0 than the margin 1, by 0.5; divided by four classes.
    /// assert_eq!(loss.item(), 0.125);
    /// assert_eq!(loss.backward().wrt(&x).to_vec(), [-0.25, 0.25, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a target is no class, `p` is neither 1 nor 2, or there is not one
    /// weight per class.
    #[must_use]
    #[track_caller]
    pub fn multi_margin_loss(&self, target: &Tensor<i64>) -> Self {
        self.multi_margin_loss_with(target, &MultiMarginOptions::default())
    }

    /// [`multi_margin_loss`](Self::multi_margin_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::MultiMarginOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![2.0, 1.5, -1.0, 0.0], [1, 4]));
    /// let options = MultiMarginOptions { p: 2, ..Default::default() };
    /// assert_eq!(x.multi_margin_loss_with(&Tensor::from_vec(vec![0], [1]), &options).item(), 0.0625);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a target is no class, `p` is neither 1 nor 2, or there is not one
    /// weight per class.
    #[must_use]
    #[track_caller]
    pub fn multi_margin_loss_with(
        &self,
        target: &Tensor<i64>,
        options: &MultiMarginOptions,
    ) -> Self {
        let shape = self.shape();
        require!(
            matches!(shape.len(), 1 | 2) && target.shape() == &shape[..shape.len() - 1],
            "multi_margin_loss: {shape:?}: targets {:?}: [batch, classes] and [batch], or [classes] \
             and one number, are needed",
            target.shape()
        );
        let p = options.p;
        require!(
            p == 1 || p == 2,
            "multi_margin_loss: {shape:?}: p is {p}, neither 1 nor 2"
        );
        let classes = shape[shape.len() - 1];
        let places = target.unsqueeze(-1);
        let own: Tensor<bool> = target.one_hot::<f64>(classes).map(|one| one != 0.0);
        let hinge = (self - self.gather(-1, &places) + options.margin).relu();
        let mut hinge = hinge.masked_fill(&own, 0.0);
        if p == 2 {
            hinge = hinge.square();
        }
        if let Some(weight) = &options.weight {
            require!(
                weight.shape() == [classes],
                "multi_margin_loss: {shape:?}: weights {:?} for {classes} classes",
                weight.shape()
            );
            let weights = target.map(|t| weight.get([t as usize]));
            hinge = hinge * Self::constant(weights.unsqueeze(-1).cast());
        }
        options.reduction.of(&(hinge.sum(-1) / classes as f64))
    }
}

/// Options of [`Var::multi_margin_loss_with`].
#[derive(Clone, Debug)]
pub struct MultiMarginOptions {
    /// The power of each hinge, 1 or 2; 1 by default.
    pub p: usize,
    /// By how much the target's score is to exceed the others; 1 by default.
    pub margin: f64,
    /// What the losses of each class of targets are multiplied by, `[classes]`; 1 by default.
    pub weight: Option<Tensor<f64>>,
    /// How the losses add up; their mean by default.
    pub reduction: Reduction,
}

impl Default for MultiMarginOptions {
    fn default() -> Self {
        Self {
            p: 1,
            margin: 1.0,
            weight: None,
            reduction: Reduction::Mean,
        }
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("soft_margin_loss", |draw| {
        let shape = draw.any_shape();
        let reduction = draw.reduction(&shape);
        let f = generic!([reduction] | x, t | x.soft_margin_loss_with(t, reduction));
        Case::new(
            format!("{reduction:?}"),
            f,
            [draw.normal(&shape), draw.normal(&shape)],
        )
    }),
    OpInfo::function("hinge_embedding_loss", |draw| {
        let shape = draw.any_shape();
        let (reduction, target) = (draw.reduction(&shape), draw.signs(&shape));
        // No input near the margin.
        let x = draw.off_zero(&shape).map(|x| 1.0 + x);
        let description = format!("{reduction:?}, {target:?}");
        let f = generic!(
            [target, reduction] | x | x.hinge_embedding_loss_with(&target, 1.0, reduction)
        );
        Case::new(description, f, [x])
    }),
    OpInfo::function("margin_ranking_loss", |draw| {
        let shape = draw.any_shape();
        let reduction = draw.reduction(&shape);
        let t = draw
            .mask(&shape)
            .map(|positive| if positive { 1.0 } else { -1.0 });
        // t·(y − x) + margin stays off 0.
        let y = draw.normal(&shape);
        let x = draw
            .off_zero(&shape)
            .zip3(&y, &t, |d, y, t| y + t * (d + 0.5));
        let f = generic!(
            [reduction] | x,
            y,
            t | x.margin_ranking_loss_with(y, t, 0.5, reduction)
        );
        Case::new(format!("{reduction:?}"), f, [x, y, t])
    }),
    OpInfo::function("multi_margin_loss", |draw| {
        let (batch, classes) = (draw.within(0, 4), draw.within(2, 5));
        let target = draw.indices([batch], classes);
        let options = MultiMarginOptions {
            p: draw.pick(&[1, 2]),
            // Between the differences of scores, which are near whole numbers.
            margin: 0.5,
            weight: draw.once_in(2).then(|| draw.uniform([classes], 0.2, 2.0)),
            reduction: draw.reduction(&[batch]),
        };
        let near = draw.uniform([batch, classes], -0.1, 0.1);
        let x = draw
            .indices([batch, classes], 4)
            .zip(&near, |whole, near| whole as f64 + near);
        let description = format!("{options:?}, {target:?}");
        let f = generic!([target, options] | x | x.multi_margin_loss_with(&target, &options));
        Case::new(description, f, [x])
    }),
];
