//! Sorting and top-k along an axis.

use std::cmp::Ordering;

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::{Number, Tensor, parallel, require};

impl<T: Number> Tensor<T> {
    /// The elements sorted along an axis, and the index of each in `self`. The sort is stable; NaN counts as
    /// larger than every number.
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Self, Tensor<i64>) {
        let resolved = resolve_axis("sort", axis, self.shape());
        let length = self.shape()[resolved];
        let indices = self.sorted_indices("sort", resolved, length, |row| {
            row.sort_by(|a, b| by_value(a.0, b.0, descending));
        });
        (self.gather(axis, &indices), indices)
    }

    /// The `k` largest elements along an axis (with `largest` false, the `k` smallest), sorted from the most
    /// extreme one, and the index of each in `self`. Of equal elements the first comes first; NaN counts as
    /// larger than every number.
    ///
    /// * `self`: any shape; both results have extent `k` on the axis
    ///
    /// # Panics
    /// If the axis does not exist or has fewer than `k` elements.
    #[must_use]
    #[track_caller]
    pub fn topk(&self, axis: isize, k: usize, largest: bool) -> (Self, Tensor<i64>) {
        let resolved = resolve_axis("topk", axis, self.shape());
        let extent = self.shape()[resolved];
        require!(
            k <= extent,
            "topk: {:?}: axis {resolved} has fewer than {k} elements",
            self.shape()
        );
        let indices = self.sorted_indices("topk", resolved, k, |row| {
            let order =
                |a: &(T, i64), b: &(T, i64)| by_value(a.0, b.0, largest).then(a.1.cmp(&b.1));
            if k < row.len() {
                row.select_nth_unstable_by(k, order);
            }
            row[..k].sort_unstable_by(order);
        });
        (self.gather(axis, &indices), indices)
    }

    /// The indices of the first `length` elements along an axis after `arrange` has ordered each row of
    /// `(element, index)` pairs.
    #[track_caller]
    fn sorted_indices(
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
        // Comparisons dominate: about 2·log₂ n for each element of a row of n.
        let work = values.len() * 2 * (extent.max(1).ilog2() as usize + 1);
        parallel::for_chunks_mut(&mut out, length, work, |row, out| {
            let values = &values[row * extent..(row + 1) * extent];
            let mut pairs: Vec<(T, i64)> = values.iter().copied().zip(0..).collect();
            arrange(&mut pairs);
            for (out, (_, index)) in out.iter_mut().zip(pairs) {
                *out = index;
            }
        });
        let indices = Tensor::from_vec(out, shape);
        indices.transpose(axis as isize, -1).contiguous()
    }
}

/// A total order: NaN is larger than every number and equal to itself.
fn by_value<T: Number>(a: T, b: T, descending: bool) -> Ordering {
    let order = a
        .partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    if descending { order.reverse() } else { order }
}
