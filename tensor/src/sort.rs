//! Sorting and top-k along an axis.

use std::cmp::Ordering;

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::{Number, Tensor, parallel, require};

impl<T: Number> Tensor<T> {
    /// The elements sorted along an axis, the smallest first, and the index of each in `self`. The sort is stable; NaN counts
    /// as larger than every number.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![3, 1, 2], [3]).sort(0);
    /// assert_eq!((values.to_vec(), index.to_vec()), (vec![1, 2, 3], vec![1, 2, 0]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn sort(&self, axis: isize) -> (Self, Tensor<i64>) {
        self.sort_by("sort", axis, Order::Ascending)
    }

    /// The elements sorted along an axis, the largest first, and the index of each in `self`. The sort is stable; NaN counts
    /// as larger than every number.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![3, 1, 2], [3]).sort_descending(0);
    /// assert_eq!((values.to_vec(), index.to_vec()), (vec![3, 2, 1], vec![0, 2, 1]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn sort_descending(&self, axis: isize) -> (Self, Tensor<i64>) {
        self.sort_by("sort_descending", axis, Order::Descending)
    }

    /// The `k` largest elements along an axis, the largest first, and the index of each in `self`. Of equal elements
    /// the first comes first; NaN counts as larger than every number.
    ///
    /// * `self`: any shape; both results have extent `k` on the axis
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![3, 1, 2], [3]).topk(0, 2);
    /// assert_eq!((values.to_vec(), index.to_vec()), (vec![3, 2], vec![0, 2]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or has fewer than `k` elements.
    #[must_use]
    #[track_caller]
    pub fn topk(&self, axis: isize, k: usize) -> (Self, Tensor<i64>) {
        self.first_by("topk", axis, k, Order::Descending)
    }

    /// The `k` smallest elements along an axis, the smallest first, and the index of each in `self`. Of equal elements
    /// the first comes first; NaN counts as larger than every number.
    ///
    /// * `self`: any shape; both results have extent `k` on the axis
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![3, 1, 2], [3]).bottomk(0, 2);
    /// assert_eq!((values.to_vec(), index.to_vec()), (vec![1, 2], vec![1, 2]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or has fewer than `k` elements.
    #[must_use]
    #[track_caller]
    pub fn bottomk(&self, axis: isize, k: usize) -> (Self, Tensor<i64>) {
        self.first_by("bottomk", axis, k, Order::Ascending)
    }

    #[track_caller]
    fn sort_by(&self, op: &str, axis: isize, order: Order) -> (Self, Tensor<i64>) {
        let resolved = resolve_axis(op, axis, self.shape());
        let length = self.shape()[resolved];
        let indices = self.sorted_indices(op, resolved, length, |row| {
            row.sort_by(|a, b| order.compare(a.0, b.0));
        });
        (self.gather(axis, &indices), indices)
    }

    #[track_caller]
    fn first_by(&self, op: &str, axis: isize, k: usize, order: Order) -> (Self, Tensor<i64>) {
        let resolved = resolve_axis(op, axis, self.shape());
        let extent = self.shape()[resolved];
        require!(
            k <= extent,
            "{op}: {:?}: axis {resolved} has fewer than {k} elements",
            self.shape()
        );
        if k <= MAX_KEPT && k < extent / 4 {
            let indices = self.indices_by_row(op, resolved, k, |row, out| {
                first_indices(row, out, order);
            });
            return (self.gather(axis, &indices), indices);
        }
        let indices = self.sorted_indices(op, resolved, k, |row| {
            let compare = |a: &(T, i64), b: &(T, i64)| order.compare(a.0, b.0).then(a.1.cmp(&b.1));
            if k < row.len() {
                row.select_nth_unstable_by(k, compare);
            }
            row[..k].sort_unstable_by(compare);
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
        self.indices_by_row(op, axis, length, |row, out| {
            let mut pairs: Vec<(T, i64)> = row.iter().copied().zip(0..).collect();
            arrange(&mut pairs);
            for (out, (_, index)) in out.iter_mut().zip(pairs) {
                *out = index;
            }
        })
    }

    /// `length` indices for each row along an axis, which `choose(row, indices)` writes.
    #[track_caller]
    fn indices_by_row(
        &self,
        op: &str,
        axis: usize,
        length: usize,
        choose: impl Fn(&[T], &mut [i64]) + Sync,
    ) -> Tensor<i64> {
        let rows = self.transpose(axis as isize, -1).contiguous();
        let values = rows.as_slice().expect("made contiguous");
        let mut shape = rows.shape().to_vec();
        let extent = std::mem::replace(&mut shape[self.rank() - 1], length);
        let mut out = buffer(op, &shape);
        // Comparisons dominate: about 2·log₂ n for each element of a row of n.
        let work = values.len() * 2 * (extent.max(1).ilog2() as usize + 1);
        parallel::for_chunks_mut(&mut out, length, work, |row, out| {
            choose(&values[row * extent..(row + 1) * extent], out);
        });
        let indices = Tensor::from_vec(out, shape);
        indices.transpose(axis as isize, -1).contiguous()
    }
}

/// The most elements that [`first_indices`] keeps in a sorted list.
const MAX_KEPT: usize = 64;

/// The indices of the first elements of a row in some order. A list of the best ones so far stays sorted: most
/// elements of a long row are only compared with the last of them.
fn first_indices<T: Number>(row: &[T], indices: &mut [i64], order: Order) {
    let count = indices.len();
    if count == 0 {
        return;
    }
    let (first, rest) = row.split_at(count);
    let mut best: Vec<(T, i64)> = first.iter().copied().zip(0..).collect();
    // Stable: of equal elements the first stays first.
    best.sort_by(|a, b| order.compare(a.0, b.0));
    let mut last = best[count - 1].0;
    for (x, index) in rest.iter().copied().zip(count as i64..) {
        if order.is_before(x, last) {
            let at = best.partition_point(|&(kept, _)| !order.is_before(x, kept));
            best.pop();
            best.insert(at, (x, index));
            last = best[count - 1].0;
        }
    }
    for (to, (_, index)) in indices.iter_mut().zip(best) {
        *to = index;
    }
}

#[derive(Clone, Copy)]
enum Order {
    Ascending,
    Descending,
}

impl Order {
    /// Whether `a` comes before `b` and is not equal to it.
    #[inline]
    fn is_before<T: Number>(self, a: T, b: T) -> bool {
        // The usual case first: both are numbers, and `a` stays outside.
        match self {
            Self::Ascending if a >= b => false,
            Self::Descending if a <= b => false,
            _ => self.compare(a, b).is_lt(),
        }
    }

    /// A total order: NaN is larger than every number and equal to itself.
    fn compare<T: Number>(self, a: T, b: T) -> Ordering {
        let ascending = a
            .partial_cmp(&b)
            .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
        match self {
            Self::Ascending => ascending,
            Self::Descending => ascending.reverse(),
        }
    }
}
