//! Standardization row by row: the value and the gradient of `y = (x − mean)·rstd·w + b`, each row read while it is in
//! the cache.
//!
//! There are two kinds of rows. For layer normalization a row has one mean, and weights along it. For batch, group and
//! instance normalization mean and weight are the same for a row, the pixels of a channel, and the sums of several
//! rows belong together; so the sums of rows and the gradient are two calls.
//!
//! Rows are tasks in chunks that depend on the shape alone; sums over rows add the rows of a group one after the other,
//! then groups, then chunks as a tree.

use super::accumulate::join_rows;
use crate::block_sum::{BLOCK, BlockSum, LANES, join_lanes};
use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Real, Tensor, parallel, require};

/// Rows that are summed one after the other: a group.
const ROWS_IN_GROUP: usize = 32;

/// Rows whose gradients are computed together: the sums over rows are read and written once for all of them.
const ROWS_TOGETHER: usize = 4;

/// Columns of several rows that are computed together.
const COLUMNS: usize = 16;

/// The most rows of a chunk.
const MAX_ROWS: usize = ROWS_IN_GROUP * ROWS_IN_GROUP;

/// Elements per elementary step of work.
const PER_STEP: usize = 2;

impl<T: Real> Tensor<T> {
    /// `y[r, i] = (x[r, i] − mean[r])·rstd[r]·w[i] + b[i]`
    ///
    /// * `mean`, `rstd`: any shapes with one element for each row `r`, the leading axes of `self`
    /// * `w`, `b`: any shapes with one element for each element `i` of a row
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [1, 2]);
    /// let [mean, rstd] = [2.0, 1.0].map(Tensor::scalar);
    /// let [w, b] = [10.0, 1.0].map(|value| Tensor::full([2], value));
    /// assert_eq!(x.standardized_rows(&mean, &rstd, &w, &b).to_vec(), [-9.0, 11.0]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of elements do not fit.
    #[must_use]
    #[track_caller]
    pub fn standardized_rows(&self, mean: &Self, rstd: &Self, w: &Self, b: &Self) -> Self {
        let op = "standardized_rows";
        let extent = self.row_extent(op, &[mean, rstd], &[w, b]);
        if self.is_empty() {
            return self.clone();
        }
        let operands = [self, mean, rstd, w, b].map(Tensor::contiguous);
        let [x, mean, rstd, w, b] = [0, 1, 2, 3, 4].map(|i| dense(&operands[i]));
        let mut out = buffer(op, self.shape());
        let (each, level) = ((parallel::CHUNK / extent).max(1), Level::best());
        parallel::for_chunks_mut(&mut out, each * extent, x.len() / PER_STEP, |chunk, out| {
            for (row, y) in (chunk * each..).zip(out.chunks_mut(extent)) {
                let x = &x[row * extent..][..extent];
                let (mean, rstd) = (mean[row], rstd[row]);
                level.run(Affine {
                    x,
                    mean,
                    rstd,
                    w,
                    b,
                    y,
                });
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }

    /// The gradients in `x`, `w` and `b` of [`standardized_rows`](Self::standardized_rows) of rows by their own mean
    /// and reciprocal deviation, given the cotangent `g` of its result. With `s = (x − mean)·rstd`:
    /// `dx = rstd·(g w − mean(g w) − s·mean(g w s))`, `dw = Σ g s` and `db = Σ g` over the rows. Without `centred`,
    /// the mean is a constant, and the term `mean(g w)` is missing.
    ///
    /// ```
    /// # use wengert_tensor::{Tensor, keep};
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [1, 2]);
    /// let [mean, _, rstd] = x.mean_var_rstd(keep(1), 0.0);
    /// let g = Tensor::from_vec(vec![1.0, 0.0], [1, 2]);
    /// let [dx, dw, db] = x.standardized_rows_gradient(&g, &mean, &rstd, &Tensor::ones([2]), true);
    /// assert_eq!((dx.to_vec(), dw.to_vec(), db.to_vec()), (vec![0.0, 0.0], vec![-1.0, 0.0], vec![1.0, 0.0]));
    /// ```
    ///
    /// # Panics
    /// If the numbers of elements do not fit.
    #[must_use]
    #[track_caller]
    pub fn standardized_rows_gradient(
        &self,
        g: &Self,
        mean: &Self,
        rstd: &Self,
        w: &Self,
        centred: bool,
    ) -> [Self; 3] {
        let op = "standardized_rows_gradient";
        let extent = self.row_extent(op, &[mean, rstd], &[w]);
        self.require_shape_of(op, g);
        if self.is_empty() {
            return [self.clone(), Self::zeros(w.shape()), Self::zeros(w.shape())];
        }
        let operands = [self, g, mean, rstd, w].map(Tensor::contiguous);
        let [x, g, mean, rstd, weight] = [0, 1, 2, 3, 4].map(|i| dense(&operands[i]));
        let mut dx = buffer(op, self.shape());
        let each = (parallel::CHUNK / extent).clamp(1, MAX_ROWS);
        let chunks = mean.len().div_ceil(each);
        let mut partial = buffer(op, &[chunks, 2 * extent]);
        let mut tasks: Vec<_> = dx
            .chunks_mut(each * extent)
            .zip(partial.chunks_mut(2 * extent))
            .collect();
        let (level, work) = (Level::best(), 2 * x.len() / PER_STEP);
        parallel::for_chunks_mut(&mut tasks, 1, work, |chunk, task| {
            let (dx, partial) = &mut task[0];
            partial.fill(T::zero());
            let mut group = vec![T::zero(); 2 * extent];
            for (number, dx) in dx.chunks_mut(ROWS_TOGETHER * extent).enumerate() {
                let first = chunk * each + number * ROWS_TOGETHER;
                let (dw, db) = group.split_at_mut(extent);
                let mut gradients = RowGradients {
                    x: &x[first * extent..],
                    g: &g[first * extent..],
                    mean: &mean[first..],
                    rstd: &rstd[first..],
                    weight,
                    centred,
                    dx,
                    dw,
                    db,
                };
                if gradients.dx.len() == ROWS_TOGETHER * extent {
                    level.run(Together::<_, ROWS_TOGETHER>(&mut gradients, 0));
                } else {
                    for row in 0..gradients.dx.len() / extent {
                        level.run(Together::<_, 1>(&mut gradients, row));
                    }
                }
                if ((number + 1) * ROWS_TOGETHER).is_multiple_of(ROWS_IN_GROUP) {
                    flush(&mut group, partial);
                }
            }
            flush(&mut group, partial);
        });
        join_rows(&mut partial, 2 * extent, |a, b| a + b);
        let db = Self::from_slice(&partial[extent..], w.shape());
        partial.truncate(extent);
        [
            Self::from_parts(dx, self.layout().to_row_major()),
            Self::from_vec(partial, w.shape()),
            db,
        ]
    }

    /// `[Σ g, Σ g·(x − mean)·rstd]` over each row.
    ///
    /// * `g`: the shape of `self`
    /// * `mean`, `rstd`: any shape with one element for each row, the leading axes of `self`; the results have the
    ///   shape of `mean`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [1, 2]);
    /// let [sum, along] = x.standardized_sums(&x, &Tensor::full([1], 1.0), &Tensor::full([1], 0.5));
    /// assert_eq!((sum.item(), along.item()), (4.0, 3.0));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn standardized_sums(&self, g: &Self, mean: &Self, rstd: &Self) -> [Self; 2] {
        let op = "standardized_sums";
        let extent = self.row_extent(op, &[mean, rstd], &[]);
        self.require_shape_of(op, g);
        if self.is_empty() {
            return [(); 2].map(|()| Self::zeros(mean.shape()));
        }
        let shape = mean.shape();
        let operands = [self, g, mean, rstd].map(Tensor::contiguous);
        let [x, g, mean, rstd] = [0, 1, 2, 3].map(|i| dense(&operands[i]));
        let mut sums = vec![[T::zero(); 2]; mean.len()];
        let (each, level) = ((parallel::CHUNK / extent).max(1), Level::best());
        parallel::for_chunks_mut(&mut sums, each, x.len() / PER_STEP, |chunk, sums| {
            for (row, sums) in (chunk * each..).zip(sums) {
                let range = row * extent..(row + 1) * extent;
                *sums = level.run(Sums {
                    x: &x[range.clone()],
                    g: &g[range],
                    mean: mean[row],
                    rstd: rstd[row],
                });
            }
        });
        [0, 1].map(|i| Self::from_vec(sums.iter().map(|sums| sums[i]).collect(), shape))
    }

    /// `y[r, i] = g[r, i]·slope[r] + shift[r] + (x[r, i] − mean[r])·rstd[r]·correction[r]`, the gradient of a
    /// standardization by statistics of several rows.
    ///
    /// * `g`: the shape of `self`
    /// * `rows`: `[mean, rstd, slope, shift, correction]`, any shapes with one element for each row
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [1, 2]);
    /// let rows = [2.0, 1.0, 10.0, 0.5, 4.0].map(Tensor::scalar);
    /// assert_eq!(x.standardized_gradient(&x, &rows).to_vec(), [6.5, 34.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn standardized_gradient(&self, g: &Self, rows: &[Self; 5]) -> Self {
        let op = "standardized_gradient";
        let extent = self.row_extent(op, &rows.each_ref(), &[]);
        self.require_shape_of(op, g);
        if self.is_empty() {
            return self.clone();
        }
        let (x, g) = (self.contiguous(), g.contiguous());
        let (x, g) = (dense(&x), dense(&g));
        let rows = rows.each_ref().map(Tensor::contiguous);
        let rows = rows.each_ref().map(dense);
        let mut out = buffer(op, self.shape());
        let (each, level) = ((parallel::CHUNK / extent).max(1), Level::best());
        parallel::for_chunks_mut(&mut out, each * extent, x.len() / PER_STEP, |chunk, out| {
            for (row, y) in (chunk * each..).zip(out.chunks_mut(extent)) {
                let range = row * extent..(row + 1) * extent;
                level.run(Gradient {
                    x: &x[range.clone()],
                    g: &g[range],
                    row: rows.map(|values| values[row]),
                    y,
                });
            }
        });
        Self::from_parts(out, self.layout().to_row_major())
    }

    /// The elements of a row, if each of `by_row` has one element a row and each of `along` one for each element of a
    /// row.
    #[track_caller]
    fn row_extent(&self, op: &str, by_row: &[&Self], along: &[&Self]) -> usize {
        let rows = by_row[0].len();
        let extent = self.len().checked_div(rows).unwrap_or(0);
        let fits = by_row.iter().all(|x| x.len() == rows)
            && extent * rows == self.len()
            && along.iter().all(|x| x.len() == extent);
        require!(
            fits,
            "{op}: {:?}: {rows} rows, and operands that do not fit them",
            self.shape()
        );
        extent
    }

    #[track_caller]
    fn require_shape_of(&self, op: &str, g: &Self) {
        require!(
            self.shape() == g.shape(),
            "{op}: {:?} and a cotangent of {:?}: the shapes differ",
            self.shape(),
            g.shape()
        );
    }
}

fn dense<T: Real>(x: &Tensor<T>) -> &[T] {
    x.as_slice().expect("made contiguous")
}

/// `sum += group`, and the group is 0 again.
fn flush<T: Real>(group: &mut [T], sum: &mut [T]) {
    for (sum, x) in sum.iter_mut().zip(&mut *group) {
        *sum += *x;
        *x = T::zero();
    }
}

/// `y = (x − mean)·rstd·w + b` of one row.
struct Affine<'a, T> {
    x: &'a [T],
    mean: T,
    rstd: T,
    w: &'a [T],
    b: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Body for Affine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let operands = self.x.iter().zip(self.w).zip(self.b);
        for (y, ((&x, &w), &b)) in self.y.iter_mut().zip(operands) {
            *y = (x - self.mean) * self.rstd * w + b;
        }
    }
}

/// Sums of two terms of the elements of `N` slices, in an order that depends on their length alone.
#[inline(always)]
fn two_sums<T: Real, const N: usize>(
    slices: [&[T]; N],
    terms: impl Fn([T; N]) -> [T; 2],
) -> [T; 2] {
    let mut sums = [BlockSum::new(), BlockSum::new()];
    let length = slices[0].len();
    for start in (0..length).step_by(BLOCK) {
        let end = length.min(start + BLOCK);
        let parts = slices.map(|slice| slice[start..end].as_chunks::<LANES>());
        let mut lanes = [[T::zero(); LANES]; 2];
        for chunk in 0..parts[0].0.len() {
            let chunks = parts.map(|(chunks, _)| &chunks[chunk]);
            for lane in 0..LANES {
                let [a, b] = terms(chunks.map(|chunk| chunk[lane]));
                lanes[0][lane] += a;
                lanes[1][lane] += b;
            }
        }
        for lane in 0..parts[0].1.len() {
            let [a, b] = terms(parts.map(|(_, tail)| tail[lane]));
            lanes[0][lane] += a;
            lanes[1][lane] += b;
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            sum.add(join_lanes(lanes, |a, b| a + b));
        }
    }
    sums.map(|sum| sum.total())
}

/// `[Σ g, Σ g·(x − mean)·rstd]` of one row.
struct Sums<'a, T> {
    x: &'a [T],
    g: &'a [T],
    mean: T,
    rstd: T,
}

impl<T: Real> Body for Sums<'_, T> {
    type Output = [T; 2];

    #[inline(always)]
    fn run<const FMA: bool>(self) -> [T; 2] {
        let (mean, rstd) = (self.mean, self.rstd);
        two_sums([self.x, self.g], |[x, g]| [g, g * ((x - mean) * rstd)])
    }
}

/// One row of [`Tensor::standardized_gradient`].
struct Gradient<'a, T> {
    x: &'a [T],
    g: &'a [T],
    row: [T; 5],
    y: &'a mut [T],
}

impl<T: Real> Body for Gradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let [mean, rstd, slope, shift, correction] = self.row;
        for (y, (&x, &g)) in self.y.iter_mut().zip(self.x.iter().zip(self.g)) {
            *y = g * slope + shift + (x - mean) * rstd * correction;
        }
    }
}

/// Some rows of [`Tensor::standardized_rows_gradient`].
struct RowGradients<'a, T> {
    x: &'a [T],
    g: &'a [T],
    mean: &'a [T],
    rstd: &'a [T],
    weight: &'a [T],
    centred: bool,
    /// The gradients of all rows.
    dx: &'a mut [T],
    /// Sums over rows, to which those of these rows are added.
    dw: &'a mut [T],
    db: &'a mut [T],
}

/// Rows `.1..` of some rows, `R` of them.
struct Together<'a, 'b, T, const R: usize>(&'a mut RowGradients<'b, T>, usize);

impl<T: Real, const R: usize> Body for Together<'_, '_, T, R> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self(rows, first) = self;
        let extent = rows.weight.len();
        let (weight, dw, db) = (rows.weight, &mut rows.dw[..extent], &mut rows.db[..extent]);
        let x: [&[T]; R] = std::array::from_fn(|r| &rows.x[(first + r) * extent..][..extent]);
        let g: [&[T]; R] = std::array::from_fn(|r| &rows.g[(first + r) * extent..][..extent]);
        let mean: [T; R] = std::array::from_fn(|r| rows.mean[first + r]);
        let rstd: [T; R] = std::array::from_fn(|r| rows.rstd[first + r]);
        let count = T::of(extent as f64);
        let (mut shift, mut slope) = ([T::zero(); R], [T::zero(); R]);
        for r in 0..R {
            let (mean, rstd) = (mean[r], rstd[r]);
            let [sum, along] = two_sums([x[r], g[r], weight], |[x, g, w]| {
                let weighted = g * w;
                [weighted, weighted * ((x - mean) * rstd)]
            });
            shift[r] = if rows.centred { sum / count } else { T::zero() };
            slope[r] = along / count;
        }
        let mut rest = &mut rows.dx[first * extent..];
        let dx: [&mut [T]; R] = std::array::from_fn(|_| {
            let (row, after) = std::mem::take(&mut rest).split_at_mut(extent);
            rest = after;
            row
        });
        // Through arrays, not slices: LLVM would have to compare every pair of them to see that they do not overlap.
        let whole = extent - extent % COLUMNS;
        for start in (0..whole).step_by(COLUMNS) {
            let w: [T; COLUMNS] = columns(weight, start);
            let (mut along, mut sum): ([T; COLUMNS], [T; COLUMNS]) =
                (columns(dw, start), columns(db, start));
            for r in 0..R {
                let (x, g): ([T; COLUMNS], [T; COLUMNS]) =
                    (columns(x[r], start), columns(g[r], start));
                let mut y = [T::zero(); COLUMNS];
                for j in 0..COLUMNS {
                    let s = (x[j] - mean[r]) * rstd[r];
                    y[j] = (g[j] * w[j] - shift[r] - s * slope[r]) * rstd[r];
                    along[j] += g[j] * s;
                    sum[j] += g[j];
                }
                dx[r][start..start + COLUMNS].copy_from_slice(&y);
            }
            dw[start..start + COLUMNS].copy_from_slice(&along);
            db[start..start + COLUMNS].copy_from_slice(&sum);
        }
        for (r, dx) in dx.into_iter().enumerate() {
            let sums = dw[whole..].iter_mut().zip(&mut db[whole..]);
            let operands = x[r][whole..]
                .iter()
                .zip(&g[r][whole..])
                .zip(&weight[whole..]);
            for ((dx, (dw, db)), ((&x, &g), &w)) in dx[whole..].iter_mut().zip(sums).zip(operands) {
                let s = (x - mean[r]) * rstd[r];
                *dx = (g * w - shift[r] - s * slope[r]) * rstd[r];
                *dw += g * s;
                *db += g;
            }
        }
    }
}

/// Some columns of a row.
#[inline(always)]
fn columns<T: Real>(row: &[T], start: usize) -> [T; COLUMNS] {
    *row[start..].first_chunk().expect("whole chunks")
}
