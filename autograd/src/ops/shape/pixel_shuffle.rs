//! Pixel shuffle, which moves channels into pixels, and its inverse.

use crate::ops::prelude::*;

impl<T: Real> Var<T> {
    /// Channels into pixels, as sub-pixel convolution does (Shi et al., 2016):
    /// `y[…, c, i·r + k, j·r + l] = x[…, (c·r + k)·r + l, i, j]`.
    ///
    /// * `self`: `[…, channels · r², height, width]`
    /// * returns `[…, channels, height · r, width · r]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [1, 4, 1, 1]));
    /// let y = x.pixel_shuffle(2);
    /// assert_eq!((y.shape(), y.value().to_vec()), (&[1, 1, 2, 2][..], vec![1.0, 2.0, 3.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If the rank is below 3 or `r²` does not divide the channels.
    #[must_use]
    #[track_caller]
    pub fn pixel_shuffle(&self, r: usize) -> Self {
        let (front, [channels, height, width]) = self.image("pixel_shuffle");
        require!(
            r > 0 && channels.is_multiple_of(r * r),
            "pixel_shuffle: {:?}: {channels} channels are no multiple of {r} × {r}",
            self.shape()
        );
        let split = [front, &[channels / (r * r), r, r, height, width]].concat();
        let whole = [front, &[channels / (r * r), height * r, width * r]].concat();
        self.reshape(split)
            .permute(order(front.len(), [0, 3, 1, 4, 2]))
            .reshape(whole)
    }

    /// Pixels into channels, the inverse of [`pixel_shuffle`](Self::pixel_shuffle).
    ///
    /// * `self`: `[…, channels, height · r, width · r]`
    /// * returns `[…, channels · r², height, width]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::<f64>::zeros([1, 3, 8, 8]));
    /// assert_eq!(x.pixel_unshuffle(2).shape(), [1, 12, 4, 4]);
    /// ```
    ///
    /// # Panics
    /// If the rank is below 3 or `r` does not divide height and width.
    #[must_use]
    #[track_caller]
    pub fn pixel_unshuffle(&self, r: usize) -> Self {
        let (front, [channels, height, width]) = self.image("pixel_unshuffle");
        require!(
            r > 0 && height.is_multiple_of(r) && width.is_multiple_of(r),
            "pixel_unshuffle: {:?}: {height} × {width} pixels do not fall into squares of {r} × {r}",
            self.shape()
        );
        let split = [front, &[channels, height / r, r, width / r, r]].concat();
        let whole = [front, &[channels * r * r, height / r, width / r]].concat();
        self.reshape(split)
            .permute(order(front.len(), [0, 2, 4, 1, 3]))
            .reshape(whole)
    }

    /// The leading extents, and the last three.
    #[track_caller]
    fn image(&self, op: &str) -> (&[usize], [usize; 3]) {
        match self.shape().split_last_chunk() {
            Some((front, &image)) => (front, image),
            None => wengert_tensor::fail::fail(format_args!(
                "{op}: {:?}: not [.., channels, height, width]",
                self.shape()
            )),
        }
    }
}

/// A permutation of the last five axes; the leading ones stay.
fn order(front: usize, last: [isize; 5]) -> Vec<isize> {
    let front = front as isize;
    (0..front).chain(last.map(|axis| front + axis)).collect()
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::function("pixel_shuffle", |draw| {
        let (r, front) = (draw.within(1, 3), draw.within(0, 2));
        let shape = [
            draw.shape(front),
            vec![
                r * r * draw.within(1, 2),
                draw.within(1, 3),
                draw.within(1, 2),
            ],
        ];
        let f = generic!([r] | x | x.pixel_shuffle(r));
        Case::new(
            format!("pixel_shuffle({r})"),
            f,
            [draw.normal(shape.concat())],
        )
    }),
    OpInfo::function("pixel_unshuffle", |draw| {
        let (r, front) = (draw.within(1, 3), draw.within(0, 2));
        let shape = [
            draw.shape(front),
            vec![
                draw.within(1, 2),
                r * draw.within(1, 3),
                r * draw.within(1, 2),
            ],
        ];
        let f = generic!([r] | x | x.pixel_unshuffle(r));
        Case::new(
            format!("pixel_unshuffle({r})"),
            f,
            [draw.normal(shape.concat())],
        )
    }),
];
