//! Joining, splitting, padding and repeating tensors.

use std::ops::Range;

use crate::axes::{Slice, resolve_axis};
use crate::create::{buffer, require_memory};
use crate::elementwise;
use crate::layout::Layout;
use crate::{Element, Number, Tensor, parallel, require};

impl<T: Element> Tensor<T> {
    /// The tensors joined along an existing axis; all other extents must be equal.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1, 2], [1, 2]), Tensor::from_vec(vec![3, 4], [1, 2]));
    /// assert_eq!(Tensor::concat(&[&a, &b], 0).shape(), [2, 2]);
    /// assert_eq!(Tensor::concat(&[&a, &b], 1).to_vec(), [1, 2, 3, 4]);
    /// ```
    ///
    /// # Panics
    /// If the list is empty, the axis does not exist or the extents of another axis differ.
    #[must_use]
    #[track_caller]
    pub fn concat(parts: &[&Self], axis: isize) -> Self {
        require!(!parts.is_empty(), "concat: no tensors");
        let first = parts[0].shape();
        let axis = resolve_axis("concat", axis, first);
        let mut shape = first.to_vec();
        shape[axis] = 0;
        for (index, part) in parts.iter().enumerate() {
            let fits = part.rank() == first.len()
                && (0..first.len()).all(|a| a == axis || part.shape()[a] == first[a]);
            require!(
                fits,
                "concat: {first:?} and, at index {index}, {:?}: may differ on axis {axis} only",
                part.shape()
            );
            shape[axis] = shape[axis].saturating_add(part.shape()[axis]);
        }
        let layout = Layout::row_major("concat", &shape);
        let mut out = buffer("concat", &shape);
        if let Some(rows) = rows_of(parts, axis) {
            join_rows(&rows, &mut out);
            return Self::from_parts(out, layout);
        }
        let mut start = 0;
        for part in parts {
            let end = start + part.shape()[axis] as isize;
            let view = layout.slice(axis as isize, (start..end).into());
            elementwise::update(&mut out, &[(view, Self::clone(part))], |_, new| new);
            start = end;
        }
        Self::from_parts(out, layout)
    }

    /// Tensors of equal shapes joined along a new axis, which becomes axis `axis` of the result.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1, 2], [2]), Tensor::from_vec(vec![3, 4], [2]));
    /// assert_eq!(Tensor::stack(&[&a, &b], 0).shape(), [2, 2]);
    /// assert_eq!(Tensor::stack(&[&a, &b], 1).to_vec(), [1, 3, 2, 4]);
    /// ```
    ///
    /// # Panics
    /// If the list is empty, the shapes differ or the result has no such axis.
    #[must_use]
    #[track_caller]
    pub fn stack(parts: &[&Self], axis: isize) -> Self {
        require!(!parts.is_empty(), "stack: no tensors");
        let first = parts[0].shape();
        for (index, part) in parts.iter().enumerate() {
            require!(
                part.shape() == first,
                "stack: {first:?} and, at index {index}, {:?}: the shapes differ",
                part.shape()
            );
        }
        let parts: Vec<Self> = parts.iter().map(|part| part.unsqueeze(axis)).collect();
        let axis = if axis < 0 {
            axis + parts[0].rank() as isize
        } else {
            axis
        };
        Self::concat(&parts.iter().collect::<Vec<_>>(), axis)
    }

    /// Views of consecutive ranges of an axis, one per element of `sizes`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let parts = Tensor::from_vec(vec![1, 2, 3, 4, 5], [5]).split(0, [2, 3]);
    /// assert_eq!((parts[0].to_vec(), parts[1].to_vec()), (vec![1, 2], vec![3, 4, 5]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the sizes do not add up to its extent.
    #[must_use]
    #[track_caller]
    pub fn split(&self, axis: isize, sizes: impl AsRef<[usize]>) -> Vec<Self> {
        let sizes = sizes.as_ref();
        let extent = self.shape()[resolve_axis("split", axis, self.shape())];
        let total = sizes.iter().fold(0, |sum: usize, &n| sum.saturating_add(n));
        require!(
            total == extent,
            "split: {:?}: {sizes:?} add up to {total}, axis {axis} has extent {extent}",
            self.shape()
        );
        let mut start = 0;
        let mut parts = Vec::with_capacity(sizes.len());
        for &size in sizes {
            let end = start + size as isize;
            parts.push(self.slice(axis, start..end));
            start = end;
        }
        parts
    }

    /// Views of at most `count` consecutive ranges of an axis. Each has `⌈extent / count⌉` elements, the last
    /// one possibly fewer.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let parts = Tensor::from_vec(vec![1, 2, 3, 4, 5], [5]).chunk(0, 2);
    /// assert_eq!((parts[0].to_vec(), parts[1].to_vec()), (vec![1, 2, 3], vec![4, 5]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or `count` is 0.
    #[must_use]
    #[track_caller]
    pub fn chunk(&self, axis: isize, count: usize) -> Vec<Self> {
        require!(count > 0, "chunk: {:?}: into 0 parts", self.shape());
        let extent = self.shape()[resolve_axis("chunk", axis, self.shape())];
        let size = extent.div_ceil(count).max(1);
        crate::require_memory::<Self>("chunk", self.shape(), extent.div_ceil(size));
        let mut sizes = vec![size; extent / size];
        if !extent.is_multiple_of(size) || extent == 0 {
            sizes.push(extent % size);
        }
        self.split(axis, sizes)
    }

    /// The tensor padded with `value`: `widths` has one pair `[before, after]` per axis; a negative number
    /// crops.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// // A column of zeros before; the last row cropped.
    /// assert_eq!(x.pad(&[[0, -1], [1, 0]], 0).to_vec(), [0, 1, 2]);
    /// ```
    ///
    /// # Panics
    /// If the number of pairs is not the rank, or an axis is cropped by more than its extent.
    #[must_use]
    #[track_caller]
    pub fn pad(&self, widths: &[[isize; 2]], value: T) -> Self {
        require!(
            widths.len() == self.rank(),
            "pad: {:?}: {} pairs for {} axes",
            self.shape(),
            widths.len(),
            self.rank()
        );
        let mut shape = self.shape().to_vec();
        let mut inner = self.clone();
        let mut region = Vec::with_capacity(widths.len());
        for (axis, &[before, after]) in widths.iter().enumerate() {
            let extent = shape[axis] as isize;
            let (from, to) = (before.saturating_neg().max(0), extent + after.min(0));
            require!(
                from <= to,
                "pad: {:?}: {before} before and {after} after crop more than the extent {extent} \
                 of axis {axis}",
                self.shape()
            );
            inner = inner.slice(axis as isize, from..to);
            let start = before.max(0);
            let end = start.saturating_add(to - from);
            shape[axis] = end.saturating_add(after.max(0)) as usize;
            region.push(Slice::from(start..end));
        }
        if shape == inner.shape() {
            return inner;
        }
        inner.placed("pad", &region, &shape, value)
    }

    /// The elements moved along an axis by `shift` with wrap-around:
    /// `y[…, (i + shift) mod n, …] = x[…, i, …]`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1, 2, 3, 4], [4]).roll(1, 0).to_vec(), [4, 1, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn roll(&self, shift: isize, axis: isize) -> Self {
        let extent = self.size(axis) as isize;
        if extent == 0 {
            return self.clone();
        }
        let cut = (extent - shift.rem_euclid(extent)) % extent;
        Self::concat(&[&self.slice(axis, cut..), &self.slice(axis, ..cut)], axis)
    }

    /// The whole tensor repeated `counts[k]` times along axis `k` (`np.tile`); if there are more counts than
    /// axes, new axes are added in front.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.repeat([2, 2]).to_vec(), [1, 2, 1, 2, 1, 2, 1, 2]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer counts than axes.
    #[must_use]
    #[track_caller]
    pub fn repeat(&self, counts: impl AsRef<[usize]>) -> Self {
        let counts = counts.as_ref();
        require!(
            counts.len() >= self.rank(),
            "repeat: {:?}: {counts:?} has fewer counts than axes",
            self.shape()
        );
        let mut shape = vec![1; counts.len() - self.rank()];
        shape.extend_from_slice(self.shape());
        let extent = |(&n, &count): (&usize, &usize)| n.saturating_mul(count);
        let extents: Vec<usize> = shape.iter().zip(counts).map(extent).collect();
        let layout = Layout::row_major("repeat", &extents);
        if layout.is_empty() {
            return Self::from_parts(Vec::new(), layout);
        }
        require_memory::<T>("repeat", &extents, layout.len());
        // From the last axis to the first, so that later copies move longer contiguous ranges.
        let mut repeated = self.reshape(shape);
        for (axis, &count) in counts.iter().enumerate().rev() {
            if count > 1 {
                repeated = Self::concat(&vec![&repeated; count], axis as isize);
            }
        }
        repeated
    }
}

impl<T: Number> Tensor<T> {
    /// The lower triangle of each matrix, 0 elsewhere: keeps the elements `[…, i, j]` with `j − i ≤ k`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.tril(0).to_vec(), [1, 0, 3, 4]);
    /// assert_eq!(x.tril(-1).to_vec(), [0, 0, 3, 0]);
    /// ```
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn tril(&self, k: isize) -> Self {
        self.triangle("tril", |row, columns| {
            let kept = (row as isize).saturating_add(k).saturating_add(1);
            kept.clamp(0, columns as isize) as usize..columns
        })
    }

    /// The upper triangle of each matrix, 0 elsewhere: keeps the elements `[…, i, j]` with `j − i ≥ k`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3, 4], [2, 2]);
    /// assert_eq!(x.triu(0).to_vec(), [1, 2, 0, 4]);
    /// assert_eq!(x.triu(1).to_vec(), [0, 2, 0, 0]);
    /// ```
    ///
    /// # Panics
    /// If the rank is below 2.
    #[must_use]
    #[track_caller]
    pub fn triu(&self, k: isize) -> Self {
        self.triangle("triu", |row, columns| {
            let first = (row as isize).saturating_add(k);
            0..first.clamp(0, columns as isize) as usize
        })
    }

    /// A copy with the range of columns `zeroed(row, columns)` of every row set to 0.
    #[track_caller]
    fn triangle(&self, op: &str, zeroed: impl Fn(usize, usize) -> Range<usize> + Sync) -> Self {
        require!(
            self.rank() >= 2,
            "{op}: {:?}: not a matrix or a batch of them",
            self.shape()
        );
        let (rows, columns) = (self.size(-2), self.size(-1));
        if self.is_empty() {
            return self.clone();
        }
        let x = self.contiguous();
        let x = x.as_slice().expect("made contiguous");
        let mut out = buffer(op, self.shape());
        let each = (parallel::CHUNK / columns).max(1);
        parallel::for_chunks_mut(&mut out, each * columns, x.len() / 4, |chunk, out| {
            for (row, out) in (chunk * each..).zip(out.chunks_mut(columns)) {
                let Range { start, end } = zeroed(row % rows, columns);
                let x = &x[row * columns..][..columns];
                out[..start].copy_from_slice(&x[..start]);
                out[start..end].fill(T::zero());
                out[end..].copy_from_slice(&x[end..]);
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// The elements of contiguous tensors, and how many of them each index of the axes before `axis` has.
fn rows_of<'a, T: Element>(parts: &[&'a Tensor<T>], axis: usize) -> Option<Vec<(&'a [T], usize)>> {
    let rows = parts.iter().map(|part| {
        let length = part.shape()[axis..].iter().product();
        part.as_slice().map(|values| (values, length))
    });
    // A part without elements has no rows to take.
    rows.filter(|row| row.is_none_or(|(_, length)| length > 0))
        .collect()
}

/// Rows of the result, each of which has a row of every part one after the other.
fn join_rows<T: Element>(parts: &[(&[T], usize)], out: &mut [T]) {
    let total: usize = parts.iter().map(|(_, length)| length).sum();
    // Copies are bound by memory, as other memory-bound loops.
    let work = out.len() / 4;
    parallel::for_chunks_mut(out, parallel::CHUNK, work, |index, mut out| {
        let first = index * parallel::CHUNK;
        let (mut row, mut column, mut number) = (first / total, first % total, 0);
        while column >= parts[number].1 {
            column -= parts[number].1;
            number += 1;
        }
        while !out.is_empty() {
            let (values, length) = parts[number];
            let count = (length - column).min(out.len());
            let (now, rest) = std::mem::take(&mut out).split_at_mut(count);
            now.copy_from_slice(&values[row * length + column..][..count]);
            (out, column, number) = (rest, 0, number + 1);
            if number == parts.len() {
                (row, number) = (row + 1, 0);
            }
        }
    });
}
