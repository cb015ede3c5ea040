//! Sorting and top-k along an axis.

use std::cmp::Ordering;

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::kernels::Private;
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
        let indices = self.sorted_indices(op, resolved, length, order);
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
        let indices = self.sorted_indices(op, resolved, k, order);
        (self.gather(axis, &indices), indices)
    }

    /// The indices of the first `length` elements along an axis in some order; of equal elements the first stays
    /// first.
    #[track_caller]
    fn sorted_indices(&self, op: &str, axis: usize, length: usize, order: Order) -> Tensor<i64> {
        let bits = T::float_bits(Private);
        let has_short_rows = u32::try_from(self.shape()[axis]).is_ok();
        self.indices_by_row(op, axis, length, |row, out| {
            let pairs = row.iter().zip(0_i64..);
            // Keys whose lowest bits are the index are compared as integers, without branches.
            if bits == 32 && has_short_rows {
                let keys = pairs.map(|(x, i)| order.key(x.to_f64() as f32) << 32 | i as u64);
                first_of(keys.collect(), out, |key| i64::from(key as u32), Ord::cmp);
            } else if bits > 0 {
                let keys =
                    pairs.map(|(x, i)| u128::from(order.long_key(x.to_f64())) << 64 | i as u128);
                first_of(keys.collect(), out, |key| key as i64, Ord::cmp);
            } else {
                let pairs = pairs.map(|(&x, i)| (x, i)).collect();
                first_of(
                    pairs,
                    out,
                    |(_, i)| i,
                    |a, b| order.compare(a.0, b.0).then(a.1.cmp(&b.1)),
                );
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

/// The indices of the first of some keys, no two of which are equal.
fn first_of<K: Copy>(
    mut keys: Vec<K>,
    out: &mut [i64],
    index: impl Fn(K) -> i64,
    compare: impl Fn(&K, &K) -> Ordering,
) {
    if out.len() < keys.len() {
        keys.select_nth_unstable_by(out.len(), &compare);
        keys.truncate(out.len());
    }
    keys.sort_unstable_by(&compare);
    for (out, key) in out.iter_mut().zip(keys) {
        *out = index(key);
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

    /// A number of 32 bits that is smaller for an element that comes before; equal for equal elements, all NaN among them.
    #[inline]
    fn key(self, x: f32) -> u64 {
        // Neither −0 nor the sign of a NaN counts.
        let bits = if x.is_nan() { f32::NAN } else { x + 0.0 }.to_bits();
        let ascending = if bits >> 31 == 0 {
            bits | 1 << 31
        } else {
            !bits
        };
        u64::from(match self {
            Self::Ascending => ascending,
            Self::Descending => !ascending,
        })
    }

    /// The same of 64 bits.
    #[inline]
    fn long_key(self, x: f64) -> u64 {
        let bits = if x.is_nan() { f64::NAN } else { x + 0.0 }.to_bits();
        let ascending = if bits >> 63 == 0 {
            bits | 1 << 63
        } else {
            !bits
        };
        match self {
            Self::Ascending => ascending,
            Self::Descending => !ascending,
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
