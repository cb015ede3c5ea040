//! Pooling over whole images.

use crate::ops::prelude::*;

impl<T: Real> Var<T> {
    /// The mean of every channel of every image, the spatial axes kept as extent 1.
    ///
    /// * `self`: `[batch, channels, ..]`; returns `[batch, channels, 1, ..]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2]));
    /// let y = x.global_avg_pool();
    /// assert_eq!((y.shape(), y.value().to_vec()), (&[1, 1, 1, 1][..], vec![2.5]));
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.25, 0.25, 0.25, 0.25]);
    /// ```
    ///
    /// # Panics
    /// If there are less than two axes.
    #[must_use]
    #[track_caller]
    pub fn global_avg_pool(&self) -> Self {
        require!(
            self.rank() >= 2,
            "global_avg_pool: {:?}: there is no channel axis",
            self.shape()
        );
        self.mean(keep((2..self.rank() as isize).collect::<Vec<_>>()))
    }

    /// The largest element of every channel of every image, the spatial axes kept as extent 1. Of
    /// equal elements the first in row-major order gets the cotangent.
    ///
    /// * `self`: `[batch, channels, ..]`; returns `[batch, channels, 1, ..]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2]));
    /// let y = x.global_max_pool();
    /// assert_eq!((y.shape(), y.value().to_vec()), (&[1, 1, 1, 1][..], vec![4.0]));
    /// assert_eq!(y.sum(..).backward().wrt(&x).to_vec(), [0.0, 0.0, 0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there are less than two axes, or an image has no pixels.
    #[must_use]
    #[track_caller]
    pub fn global_max_pool(&self) -> Self {
        let mut shape = self.shape().to_vec();
        require!(
            shape.len() >= 2,
            "global_max_pool: {shape:?}: there is no channel axis"
        );
        let pixels = shape[2..].iter().product();
        require!(
            pixels > 0,
            "global_max_pool: {shape:?}: an image has no pixels"
        );
        let rows = self.reshape([shape[0], shape[1], pixels]);
        shape[2..].fill(1);
        rows.adaptive_max_pool1d(1).reshape(shape)
    }
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("global_avg_pool", |draw| {
        let rank = draw.within(2, 5);
        let shape = draw.filled_shape(rank);
        Case::new(
            "global_avg_pool",
            generic!(|x| x.global_avg_pool()),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("global_max_pool", |draw| {
        let rank = draw.within(2, 5);
        let shape = draw.filled_shape(rank);
        Case::new(
            "global_max_pool",
            generic!(|x| x.global_max_pool()),
            [draw.apart(shape)],
        )
    }),
];
