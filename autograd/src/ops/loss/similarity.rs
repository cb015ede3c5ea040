//! Similarities and distances of vectors, and losses of them.

use crate::ops::prelude::*;
use crate::ops::reduce::is_moderate;
use crate::ops::support::{Reduction, require_equal_shapes};

impl<T: Real> Var<T> {
    /// Vectors of norm 1: `x / max(‖x‖ₚ, eps)` along an axis.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![3.0_f64, 4.0], [1, 2]));
    /// let y = x.normalize(2.0, 1, 1e-12);
    /// assert!((y.value().get([0, 0]) - 0.6).abs() < 1e-12 && (y.value().get([0, 1]) - 0.8).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn normalize(&self, p: f64, axis: isize, eps: f64) -> Self {
        self / self.norm(p, keep(axis)).clamp(eps, f64::INFINITY)
    }

    /// The cosine of the angle between vectors along an axis, `x·y / (max(‖x‖, eps)·max(‖y‖, eps))`;
    /// the operands broadcast.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let a = Var::constant(Tensor::from_vec(vec![1.0_f64, 0.0, 2.0, 2.0], [2, 2]));
    /// let b = Var::constant(Tensor::from_vec(vec![0.0, 1.0, 5.0, 5.0], [2, 2]));
    /// let y = a.cosine_similarity(&b, 1, 1e-8);
    /// assert!(y.value().get([0]) == 0.0 && (y.value().get([1]) - 1.0).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other, or there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn cosine_similarity(&self, other: &Self, axis: isize, eps: f64) -> Self {
        let shape =
            wengert_tensor::broadcast_shapes("cosine_similarity", self.shape(), other.shape());
        let [x, y] = [self, other].map(|x| x.broadcast_to(&shape).normalize(2.0, axis, eps));
        (x * y).sum(axis)
    }

    /// The distance `‖x − y + eps‖ₚ` of vectors along the last axis; the operands broadcast. The `eps`
    /// keeps the distance of equal vectors off the kink at 0, as in `PyTorch`.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Var::constant(Tensor::zeros([1, 2])), Var::constant(Tensor::from_vec(vec![3.0, 4.0], [1, 2])));
    /// assert_eq!(a.pairwise_distance(&b, 2.0, 0.0).value().to_vec(), [5.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast to each other, or are empty.
    #[must_use]
    #[track_caller]
    pub fn pairwise_distance(&self, other: &Self, p: f64, eps: f64) -> Self {
        (self - other + eps).norm(p, -1)
    }

    /// A loss that is small for similar vectors with target 1 and dissimilar ones with target −1: `1 −
    /// cos(x, y)` where the target is 1, `max(0, cos(x, y) − margin)` where it is −1. The squared norms
    /// are increased by 10⁻¹².
    ///
    /// * `self`, `other`: `[.., width]`; `target`: `[..]` of 1 and −1
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let a = Var::constant(Tensor::from_vec(vec![1.0_f64, 0.0, 1.0, 0.0], [2, 2]));
    /// let b = Var::constant(Tensor::from_vec(vec![0.0, 1.0, 1.0, 0.0], [2, 2]));
    /// // Similar and not, different and not: 1 − 0, and max(0, 1).
    /// let loss = a.cosine_embedding_loss(&b, &Tensor::from_vec(vec![1, -1], [2]));
    /// assert!((loss.item() - 1.0).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn cosine_embedding_loss(&self, other: &Self, target: &Tensor<i64>) -> Self {
        self.cosine_embedding_loss_with(other, target, 0.0, Reduction::Mean)
    }

    /// [`cosine_embedding_loss`](Self::cosine_embedding_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::Reduction;
    ///
    /// let a = Var::constant(Tensor::from_vec(vec![1.0_f64, 0.0], [1, 2]));
    /// let target = Tensor::from_vec(vec![-1], [1]);
    /// let loss = a.cosine_embedding_loss_with(&a, &target, 0.25, Reduction::Sum);
    /// assert!((loss.item() - 0.75).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn cosine_embedding_loss_with(
        &self,
        other: &Self,
        target: &Tensor<i64>,
        margin: f64,
        reduction: Reduction,
    ) -> Self {
        let [(x, x_room), (y, y_room)] = [self, other].map(Self::scaled_down);
        let squares = |x: &Self, room: &Self| x.square().sum(-1) + room;
        let lengths = (squares(&x, &x_room) * squares(&y, &y_room)).sqrt();
        let cosine = (x * y).sum(-1) / lengths;
        let apart = (&cosine - margin).relu();
        reduction.of(&by_sign(target, &(1.0 - cosine), &apart))
    }

    /// The vectors along the last axis, each times a power of two `s` if products of squares would
    /// overflow, and `10⁻¹²·s²`.
    #[track_caller]
    fn scaled_down(&self) -> (Self, Self) {
        let width = self.size(-1);
        let scales = self.value().unit_scales(keep(-1)).map(|scale| {
            let is_small = scale < T::one() && !is_moderate(scale, 4.0, width);
            if is_small { scale } else { T::one() }
        });
        let room = scales.map(|scale| T::of(1e-12 * scale.to_f64() * scale.to_f64()));
        let room = Self::constant(room.squeeze(-1));
        if scales.iter().all(|scale| scale == T::one()) {
            return (self.clone(), room);
        }
        (self * Self::constant(scales), room)
    }

    /// The loss of an anchor that should be nearer to its positive than to its negative:
    /// `max(0, d(a, p) − d(a, n) + margin)`, `d` the [`pairwise_distance`](Self::pairwise_distance).
    ///
    /// With `swap` the negative's distance is the smaller of its distances to anchor and positive
    /// (Balntas et al. 2016).
    ///
    /// * `self` (anchor), `positive`, `negative`: `[.., width]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let anchor = Var::constant(Tensor::<f64>::zeros([1, 2]));
    /// let positive = Var::constant(Tensor::from_vec(vec![3.0, 4.0], [1, 2]));
    /// let negative = Var::constant(Tensor::from_vec(vec![0.0, 2.0], [1, 2]));
    /// // 5 − 2 + margin 1
    /// assert!((anchor.triplet_margin_loss(&positive, &negative).item() - 4.0).abs() < 1e-5);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn triplet_margin_loss(&self, positive: &Self, negative: &Self) -> Self {
        self.triplet_margin_loss_with(positive, negative, &TripletOptions::default())
    }

    /// [`triplet_margin_loss`](Self::triplet_margin_loss) with options.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::TripletOptions;
    ///
    /// let anchor = Var::constant(Tensor::<f64>::zeros([1, 2]));
    /// let positive = Var::constant(Tensor::from_vec(vec![3.0, 4.0], [1, 2]));
    /// let negative = Var::constant(Tensor::from_vec(vec![0.0, 2.0], [1, 2]));
    /// let options = TripletOptions { margin: 0.5, ..Default::default() };
    /// assert!((anchor.triplet_margin_loss_with(&positive, &negative, &options).item() - 3.5).abs() < 1e-5);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn triplet_margin_loss_with(
        &self,
        positive: &Self,
        negative: &Self,
        options: &TripletOptions,
    ) -> Self {
        let name = "triplet_margin_loss";
        require_equal_shapes(name, self.shape(), positive.shape());
        require_equal_shapes(name, self.shape(), negative.shape());
        let distance = |x: &Self, y: &Self| x.pairwise_distance(y, options.p, options.eps);
        let mut far = distance(self, negative);
        if options.swap {
            far = far.minimum(&distance(positive, negative));
        }
        let losses = (distance(self, positive) - far + options.margin).relu();
        options.reduction.of(&losses)
    }
}

/// Options of [`Var::triplet_margin_loss_with`].
#[derive(Clone, Copy, Debug)]
pub struct TripletOptions {
    /// By how much the negative is to be farther than the positive; 1 by default.
    pub margin: f64,
    /// The order of the norm; 2 by default.
    pub p: f64,
    /// What the differences are increased by; 10⁻⁶ by default.
    pub eps: f64,
    /// Whether the positive's distance to the negative counts too; not by default.
    pub swap: bool,
    /// How the losses add up; their mean by default.
    pub reduction: Reduction,
}

impl Default for TripletOptions {
    fn default() -> Self {
        Self {
            margin: 1.0,
            p: 2.0,
            eps: 1e-6,
            swap: false,
            reduction: Reduction::Mean,
        }
    }
}

/// `positive` where the target is 1, `negative` where it is −1.
#[track_caller]
pub(crate) fn by_sign<T: Real>(
    target: &Tensor<i64>,
    positive: &Var<T>,
    negative: &Var<T>,
) -> Var<T> {
    // In vectors, on all threads.
    let is_sign = target.map(|t| t.unsigned_abs() == 1);
    require!(
        is_sign.all(..).item(),
        "loss: {:?}: a target is neither 1 nor -1",
        target.shape()
    );
    Var::where_(&target.map(|t| t == 1), positive, negative)
}

impl Draw {
    /// Targets of 1 and −1.
    pub(crate) fn signs(&mut self, shape: impl AsRef<[usize]>) -> Tensor<i64> {
        self.mask(shape)
            .map(|positive| if positive { 1 } else { -1 })
    }

    /// Vectors that are not 0.
    fn vectors(&mut self) -> Vec<usize> {
        let rank = self.within(0, 2);
        let mut shape = self.shape(rank);
        shape.push(self.within(2, 5));
        shape
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("normalize", |draw| {
        let shape = draw.vectors();
        let p = draw.pick(&[1.0, 2.0, 3.0]);
        let f = generic!([p] | x | x.normalize(p, -1, 1e-12));
        Case::new(format!("normalize({p})"), f, [draw.off_zero(shape)])
    }),
    OpInfo::function("cosine_similarity", |draw| {
        let shape = draw.vectors();
        let f = generic!(|x, y| x.cosine_similarity(y, -1, 1e-8));
        Case::new(
            "cosine_similarity",
            f,
            [draw.off_zero(&shape), draw.off_zero(&shape)],
        )
    }),
    OpInfo::function("pairwise_distance", |draw| {
        let shape = draw.vectors();
        let p = draw.pick(&[1.0, 2.0, 3.0]);
        let y = draw.normal(&shape);
        let x = draw.off_zero(&shape).zip(&y, |d, y| y + d);
        let f = generic!([p] | x, y | x.pairwise_distance(y, p, 1e-6));
        Case::new(format!("pairwise_distance({p})"), f, [x, y])
    }),
    OpInfo::function("cosine_embedding_loss", |draw| {
        let shape = draw.vectors();
        // A margin that no cosine comes near to, on either side.
        let (margin, target) = (
            draw.pick(&[-1.5, 1.5]),
            draw.signs(&shape[..shape.len() - 1]),
        );
        let reduction = draw.reduction(&shape[..shape.len() - 1]);
        let description = format!("cosine_embedding_loss({margin}, {reduction:?}), {target:?}");
        let f = generic!(
            [target, margin, reduction] | x,
            y | x.cosine_embedding_loss_with(y, &target, margin, reduction)
        );
        Case::new(
            description,
            f,
            [draw.off_zero(&shape), draw.off_zero(&shape)],
        )
    }),
    OpInfo::function("triplet_margin_loss", |draw| {
        let shape = draw.vectors();
        let options = TripletOptions {
            // So large that no loss comes near 0, where the kink is.
            margin: 30.0,
            p: draw.pick(&[2.0, 3.0]),
            swap: draw.once_in(2),
            reduction: draw.reduction(&shape[..shape.len() - 1]),
            ..TripletOptions::default()
        };
        let a = draw.normal(&shape);
        // The distances of the three pairs stay apart: about 1, 4 and 3 in every coordinate.
        let (p, n) = (
            draw.uniform(&shape, 0.9, 1.1),
            draw.uniform(&shape, 3.9, 4.1),
        );
        let [p, n] = [p, n].map(|d| d.zip(&a, |d, a| d + a));
        let f = generic!(
            [options] | a,
            p,
            n | a.triplet_margin_loss_with(p, n, &options)
        );
        Case::new(format!("{options:?}"), f, [a, p, n])
    }),
];
