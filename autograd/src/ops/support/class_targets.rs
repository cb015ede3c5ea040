//! Class targets: used by all losses of class numbers.

use wengert_tensor::{Tensor, require};

use crate::sample::Draw;

/// The class of every position `[batch, ..]` of scores `[batch, classes, ..]`, and its weight.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    /// In row-major order; `None` where the position does not count.
    pub(crate) class: Vec<Option<usize>>,
    /// The weight of each class, 1 by default.
    pub(crate) weights: Vec<f64>,
    /// The extents of the positions.
    pub(crate) shape: Vec<usize>,
}

impl Targets {
    /// The positions of `scores`, whose class axis is 1.
    #[track_caller]
    pub(crate) fn new(
        op: &str,
        scores: &[usize],
        target: &Tensor<i64>,
        weights: Option<&Tensor<f64>>,
        ignored: i64,
    ) -> Self {
        let shape = [&scores[..1], &scores[2..]].concat();
        let classes = scores[1];
        require!(
            target.shape() == shape,
            "{op}: {scores:?}: targets are {:?}, {shape:?} is needed",
            target.shape()
        );
        let weights = weights.map_or_else(|| vec![1.0; classes], Tensor::to_vec);
        require!(
            weights.len() == classes,
            "{op}: {scores:?}: {} weights for {classes} classes",
            weights.len()
        );
        // A loop, not a closure, which would be reported as the caller.
        let mut class = Vec::with_capacity(target.len());
        for number in target {
            let known = usize::try_from(number).ok().filter(|&k| k < classes);
            require!(
                known.is_some() || number == ignored,
                "{op}: {scores:?}: target {number} is outside the {classes} classes"
            );
            class.push(known.filter(|_| number != ignored));
        }
        Self {
            class,
            weights,
            shape,
        }
    }

    /// Positions of one element of the batch.
    pub(crate) fn inner(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// The weight of a position: that of its class, or 0 if the position is ignored.
    pub(crate) fn weight(&self, position: usize) -> f64 {
        self.class[position].map_or(0.0, |class| self.weights[class])
    }

    /// The sum of the weights of all positions.
    pub(crate) fn total(&self) -> f64 {
        (0..self.class.len())
            .map(|position| self.weight(position))
            .sum()
    }

    /// Where the score of the class of a position is.
    pub(crate) fn place(&self, position: usize, class: usize) -> usize {
        let inner = self.inner();
        let (outer, within) = (position / inner, position % inner);
        (outer * self.weights.len() + class) * inner + within
    }

    /// Targets for some scores, one in four ignored, with or without weights.
    pub(crate) fn draw(draw: &mut Draw, scores: &[usize]) -> Self {
        let shape = [&scores[..1], &scores[2..]].concat();
        let target = draw.indices(&shape, scores[1]);
        let ignored = if draw.once_in(2) { 0 } else { -100 };
        let weights = draw.uniform([scores[1]], 0.2, 2.0);
        let weights = Some(&weights).filter(|_| draw.once_in(2));
        Self::new("draw", scores, &target, weights, ignored)
    }

    /// Extents of scores of rank 2 to 4.
    pub(crate) fn draw_scores(draw: &mut Draw) -> Vec<usize> {
        let rank = draw.pick(&[2, 2, 3, 4]);
        let mut shape = draw.filled_shape(rank);
        if draw.once_in(12) {
            shape[0] = 0;
        }
        shape
    }
}
