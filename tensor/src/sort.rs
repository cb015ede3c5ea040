//! Elements in order along an axis.

use std::cmp::Ordering;

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::{Number, Tensor, parallel, require};

impl<T: Number> Tensor<T> {
    /// The elements in order along an axis, and the places they come from. Equal elements keep
    /// their order; NaN counts as larger than every number.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Self, Tensor<i64>) {
        let place = resolve_axis("sort", axis, self.shape());
        let length = self.shape()[place];
        let places = self.places("sort", place, length, |row| {
            row.sort_by(|a, b| by_value(a.0, b.0, descending));
        });
        (self.gather(axis, &places), places)
    }

    /// The `k` largest elements along an axis, or the `k` smallest, the most extreme first, and the
    /// places they come from. Of equal elements the first comes first; NaN counts as larger than
    /// every number.
    ///
    /// # Panics
    /// If there is no such axis or it has fewer than `k` places.
    #[must_use]
    #[track_caller]
    pub fn topk(&self, axis: isize, k: usize, largest: bool) -> (Self, Tensor<i64>) {
        let place = resolve_axis("topk", axis, self.shape());
        let extent = self.shape()[place];
        require!(
            k <= extent,
            "topk: {:?}: axis {place} has fewer than {k} places",
            self.shape()
        );
        let places = self.places("topk", place, k, |row| {
            let order =
                |a: &(T, i64), b: &(T, i64)| by_value(a.0, b.0, largest).then(a.1.cmp(&b.1));
            if k < row.len() {
                row.select_nth_unstable_by(k, order);
            }
            row[..k].sort_unstable_by(order);
        });
        (self.gather(axis, &places), places)
    }

    /// The first `length` places of each row along an axis after `arrange` has ordered its elements.
    #[track_caller]
    fn places(
        &self,
        op: &str,
        axis: usize,
        length: usize,
        arrange: impl Fn(&mut [(T, i64)]) + Sync,
    ) -> Tensor<i64> {
        let rows = self.transpose(axis as isize, -1).contiguous();
        let values = rows.as_slice().expect("made contiguous");
        let mut shape = rows.shape().to_vec();
        let extent = std::mem::replace(&mut shape[self.rank() - 1], length);
        let mut out = buffer(op, &shape);
        // Comparisons dominate: about twice the logarithm of the length for each element.
        let work = values.len() * 2 * (extent.max(1).ilog2() as usize + 1);
        parallel::for_chunks_mut(&mut out, length, work, |row, out| {
            let values = &values[row * extent..(row + 1) * extent];
            let mut pairs: Vec<(T, i64)> = values.iter().copied().zip(0..).collect();
            arrange(&mut pairs);
            for (out, (_, place)) in out.iter_mut().zip(pairs) {
                *out = place;
            }
        });
        let places = Tensor::from_vec(out, shape);
        places.transpose(axis as isize, -1).contiguous()
    }
}

/// NaN is larger than every number, and equal to itself.
fn by_value<T: Number>(a: T, b: T, descending: bool) -> Ordering {
    let order = a
        .partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    if descending { order.reverse() } else { order }
}
