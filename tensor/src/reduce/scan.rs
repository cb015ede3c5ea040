//! Cumulative sums and products.

use crate::axes::resolve_axis;
use crate::block_sum::BlockSum;
use crate::create::buffer;
use crate::elementwise::outer_loops;
use crate::parallel::Rows;
use crate::{Number, Tensor, parallel, require};

impl<T: Number> Tensor<T> {
    /// The cumulative sum along an axis: `y[…, i, …] = x[…, 0, …] + … + x[…, i, …]`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1, 2, 3], [3]).cumsum(0).to_vec(), [1, 3, 6]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Self {
        let axis = resolve_axis("cumsum", axis, self.shape());
        let mut out = buffer("cumsum", self.shape());
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let (block, length) = (self.shape()[axis] * inner, out.len());
        if inner == 1 {
            let x = self.contiguous();
            let x = x.as_slice().expect("made contiguous");
            parallel::for_chunks_mut(&mut out, block, length, |row, out| {
                running_sums(&x[row * block..][..block], out);
            });
        } else {
            outer_loops::copy(self, &mut out);
            let size = [self.shape()[axis], inner];
            parallel::for_columns_mut(&mut out, size, COLUMNS, length, |_, _, rows| {
                running_sums_of_rows(rows);
            });
        }
        Self::from_parts(out, self.layout().to_row_major())
    }

    /// The cumulative product along an axis: `y[…, i, …] = x[…, 0, …] · … · x[…, i, …]`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1, 2, 3], [3]).cumprod(0).to_vec(), [1, 2, 6]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn cumprod(&self, axis: isize) -> Self {
        self.scan("cumprod", axis, |a, b| a * b)
    }

    #[track_caller]
    fn scan(&self, op: &str, axis: isize, join: impl Fn(T, T) -> T + Sync) -> Self {
        let axis = resolve_axis(op, axis, self.shape());
        let mut out = buffer(op, self.shape());
        outer_loops::copy(self, &mut out);
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let block = self.shape()[axis] * inner;
        let length = out.len();
        if inner == 1 {
            let (several, rest) = rows_together(&mut out, block);
            parallel::for_chunks_mut(several, ROWS * block, length, |_, rows| {
                scan_rows::<T, ROWS>(rows, &join);
            });
            parallel::for_chunks_mut(rest, block, length, |_, row| {
                scan_rows::<T, 1>(row, &join);
            });
            return Self::from_parts(out, self.layout().to_row_major());
        }
        let size = [self.shape()[axis], inner];
        parallel::for_columns_mut(&mut out, size, COLUMNS, length, |_, _, rows| {
            for at in 1..rows.len() {
                let (before, row) = rows.neighbours(at - 1);
                for (x, &last) in row.iter_mut().zip(&*before) {
                    *x = join(last, *x);
                }
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// Columns of a task are a multiple of this: whole cache lines.
const COLUMNS: usize = 64;

/// Rows that are scanned together: each element waits for the one before it in its row, but for none of the others.
const ROWS: usize = 8;

/// `x[i] ← join(x[i − 1], x[i])` along `R` rows, one after the other in memory.
fn scan_rows<T: Number, const R: usize>(rows: &mut [T], join: &impl Fn(T, T) -> T) {
    let length = rows.len() / R;
    let mut rows = split_rows::<T, R>(rows);
    let mut last: [T; R] = std::array::from_fn(|r| rows[r][0]);
    for i in 1..length {
        for (row, last) in rows.iter_mut().zip(&mut last) {
            *last = join(*last, row[i]);
            row[i] = *last;
        }
    }
}

impl<T: Number> Tensor<T> {
    /// The linear recurrence `y[…, i, …] = factors[…, i, …] · y[…, i − 1, …] + x[…, i, …]` along an axis, with 0
    /// before the first element.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// let factors = Tensor::from_vec(vec![5, 10, 100], [3]);
    /// assert_eq!(x.linear_recurrence(&factors, 0).to_vec(), [1, 12, 1203]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn linear_recurrence(&self, factors: &Self, axis: isize) -> Self {
        self.recurrence::<false>("linear_recurrence", factors, axis)
    }

    /// The adjoint of [`linear_recurrence`](Self::linear_recurrence) in `x`, which runs backwards:
    /// `y[…, i, …] = factors[…, i + 1, …] · y[…, i + 1, …] + x[…, i, …]`, with 0 after the last element.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2, 3], [3]);
    /// let factors = Tensor::from_vec(vec![5, 10, 100], [3]);
    /// assert_eq!(x.linear_recurrence_adjoint(&factors, 0).to_vec(), [3021, 302, 3]);
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist or the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn linear_recurrence_adjoint(&self, factors: &Self, axis: isize) -> Self {
        self.recurrence::<true>("linear_recurrence_adjoint", factors, axis)
    }

    #[track_caller]
    fn recurrence<const ADJOINT: bool>(&self, op: &str, factors: &Self, axis: isize) -> Self {
        let axis = resolve_axis(op, axis, self.shape());
        require!(
            factors.shape() == self.shape(),
            "{op}: {:?}: factors are {:?}",
            self.shape(),
            factors.shape()
        );
        let mut out = buffer(op, self.shape());
        outer_loops::copy(self, &mut out);
        let factors = factors.contiguous();
        let factors = factors.as_slice().expect("made contiguous");
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let block = self.shape()[axis] * inner;
        let length = out.len();
        if inner > 1 {
            let size = [self.shape()[axis], inner];
            parallel::for_columns_mut(&mut out, size, COLUMNS, length, |matrix, first, y| {
                recurrence_of_columns::<T, ADJOINT>(y, &factors[matrix * block + first..], inner);
            });
            return Self::from_parts(out, self.layout().to_row_major());
        }
        let (several, rest) = rows_together(&mut out, block);
        let (of_several, of_rest) = factors.split_at(several.len());
        parallel::for_chunks_mut(several, ROWS * block, length, |task, rows| {
            recurrence_of_rows::<T, ROWS, ADJOINT>(rows, &of_several[task * ROWS * block..]);
        });
        parallel::for_chunks_mut(rest, block, length, |task, y| {
            recurrence_of_rows::<T, 1, ADJOINT>(y, &of_rest[task * block..][..block]);
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// [`linear_recurrence`](Tensor::linear_recurrence) or its adjoint along columns; rows of `a` are `stride` apart.
fn recurrence_of_columns<T: Number, const ADJOINT: bool>(
    y: &mut Rows<'_, T>,
    a: &[T],
    stride: usize,
) {
    for at in 1..y.len() {
        let at = if ADJOINT { y.len() - at } else { at };
        let (before, now) = y.neighbours(at - 1);
        for ((before, now), &a) in before.iter_mut().zip(now).zip(&a[at * stride..]) {
            if ADJOINT {
                *before = a * *now + *before;
            } else {
                *now = a * *before + *now;
            }
        }
    }
}

/// The same for `R` rows, one after the other in memory, of single elements.
fn recurrence_of_rows<T: Number, const R: usize, const ADJOINT: bool>(rows: &mut [T], a: &[T]) {
    let length = rows.len() / R;
    let rows = split_rows::<T, R>(rows);
    let a: [&[T]; R] = std::array::from_fn(|r| &a[r * length..][..length]);
    let first = if ADJOINT { length - 1 } else { 0 };
    let mut last: [T; R] = std::array::from_fn(|r| rows[r][first]);
    for at in 1..length {
        let (at, factor) = if ADJOINT {
            (length - 1 - at, length - at)
        } else {
            (at, at)
        };
        for r in 0..R {
            last[r] = a[r][factor] * last[r] + rows[r][at];
            rows[r][at] = last[r];
        }
    }
}

/// The rows that are scanned [`ROWS`] at a time, and the rest.
fn rows_together<T>(rows: &mut [T], length: usize) -> (&mut [T], &mut [T]) {
    let unit = (ROWS * length).max(1);
    rows.split_at_mut(rows.len() / unit * unit)
}

/// `R` rows that lie one after the other.
fn split_rows<T, const R: usize>(rows: &mut [T]) -> [&mut [T]; R] {
    let length = rows.len() / R;
    let mut rest = rows;
    std::array::from_fn(|_| {
        let (row, after) = std::mem::take(&mut rest).split_at_mut(length);
        rest = after;
        row
    })
}

/// Elements that are summed without compensation. The sums within neighbouring pieces do not depend on each other, so
/// that the processor computes them at the same time.
const PIECE: usize = 16;

/// `y[i] = x[0] + … + x[i]`, with the error of a few additions however long the row is.
fn running_sums<T: Number>(x: &[T], y: &mut [T]) {
    let mut before = BlockSum::new();
    let (pieces, rest) = x.as_chunks::<PIECE>();
    let (y_pieces, y_rest) = y.as_chunks_mut::<PIECE>();
    for (&x, y) in pieces.iter().zip(y_pieces) {
        let mut sums = x;
        for i in 1..PIECE {
            sums[i] = sums[i - 1] + sums[i];
        }
        for (y, sum) in y.iter_mut().zip(sums) {
            *y = before.with(sum);
        }
        before.add(sums[PIECE - 1]);
    }
    let mut sum = T::zero();
    for (y, &x) in y_rest.iter_mut().zip(rest) {
        sum += x;
        *y = before.with(sum);
    }
}

/// The same for columns.
fn running_sums_of_rows<T: Number>(rows: &mut Rows<'_, T>) {
    let mut sums: Vec<_> = (0..rows.width()).map(|_| BlockSum::new()).collect();
    for at in 0..rows.len() {
        for (x, sum) in rows.row(at).iter_mut().zip(&mut sums) {
            sum.add(*x);
            *x = sum.total();
        }
    }
}
