//! The cotangents of softmax and its logarithm.

use std::f64::consts::LN_2;
use std::hint::select_unpredictable;
use std::marker::PhantomData;

use crate::axes::resolve_axis;
use crate::block_sum::{BLOCK, BlockSum, ColumnSums, LANES, join_lanes};
use crate::create::buffer;
use crate::elementwise::pointwise::{Cost, Costly};
use crate::kernels::simd::{Body, Level};
use crate::parallel::Rows;
use crate::{Real, Tensor, parallel, require};

impl<T: Real> Tensor<T> {
    /// The cotangent of the argument of a softmax along an axis, `self` being its result `y` and `g` the cotangent
    /// of `y`: `dxᵢ = yᵢ Σⱼ yⱼ (gᵢ − gⱼ)`, which is `yᵢ (gᵢ − Σⱼ yⱼ gⱼ)` as `Σ y = 1`.
    ///
    /// No element above ½ is subtracted from itself, so that small slopes keep their digits where one probability is
    /// nearly 1.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::from_vec(vec![0.5, 0.5], [2]);
    /// assert_eq!(y.softmax_cotangent(&Tensor::from_vec(vec![1.0, 0.0], [2]), 0).to_vec(), [0.25, -0.25]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ or the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn softmax_cotangent(&self, g: &Self, axis: isize) -> Self {
        self.cotangent::<Softmax>("softmax_cotangent", g, axis)
    }

    /// The cotangent `g − eʸ Σ g` of the argument of a log-softmax along an axis, `self` being its result `y` and
    /// `g` the cotangent of `y`. Where `eʸ` is above ½, `g` is not subtracted from a sum that it is part of, so that a
    /// small difference keeps its digits.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::from_vec(vec![0.0_f64, f64::NEG_INFINITY], [2]);
    /// assert_eq!(y.log_softmax_cotangent(&Tensor::from_vec(vec![1.0, 0.0], [2]), 0).to_vec(), [0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ or the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn log_softmax_cotangent(&self, g: &Self, axis: isize) -> Self {
        self.cotangent::<LogSoftmax>("log_softmax_cotangent", g, axis)
    }

    #[track_caller]
    fn cotangent<F: Cotangent>(&self, op: &str, g: &Self, axis: isize) -> Self {
        require!(
            self.shape() == g.shape(),
            "{op}: {:?} and a cotangent of {:?}: the shapes differ",
            self.shape(),
            g.shape()
        );
        let axis = resolve_axis(op, axis, self.shape());
        if self.is_empty() {
            return self.clone();
        }
        let (y, g) = (self.contiguous(), g.contiguous());
        let [y, g] = [&y, &g].map(|x| x.as_slice().expect("made contiguous"));
        let extent = self.shape()[axis];
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let mut out = buffer(op, self.shape());
        let (level, work) = (Level::best(), F::STEPS * y.len());
        if inner > 1 {
            let size = [extent, inner];
            parallel::for_columns_mut(&mut out, size, COLUMNS, work, |matrix, first, to| {
                let of_matrix = matrix * extent * inner..(matrix + 1) * extent * inner;
                let (y, g) = (&y[of_matrix.clone()][first..], &g[of_matrix][first..]);
                let function = PhantomData::<F>;
                match to {
                    Rows::Whole { out, .. } => level.run(Columns {
                        y,
                        g,
                        stride: inner,
                        to: &mut **out,
                        function,
                    }),
                    Rows::Pieces(rows) => level.run(Columns {
                        y,
                        g,
                        stride: inner,
                        to: &mut rows[..],
                        function,
                    }),
                }
            });
            return Self::from_parts(out, self.layout().to_row_major());
        }
        let chunk = extent * (parallel::CHUNK / 4).div_ceil(extent);
        parallel::for_chunks_mut(&mut out, chunk, work, |index, to| {
            let range = index * chunk..index * chunk + to.len();
            level.run(Lines {
                y: &y[range.clone()],
                g: &g[range],
                to,
                extent,
                function: PhantomData::<F>,
            });
        });
        Self::from_parts(out, self.layout().to_row_major())
    }
}

/// The cotangents of the softmax of contiguous rows.
pub(crate) fn softmax_rows_cotangent<T: Real>(
    level: Level,
    y: &[T],
    g: &[T],
    to: &mut [T],
    extent: usize,
) {
    level.run(Lines {
        y,
        g,
        to,
        extent,
        function: PhantomData::<Softmax>,
    });
}

/// A cotangent along a line that needs sums over the line.
trait Cotangent {
    /// Estimate of the steps per element.
    const STEPS: usize;
    /// Whether a line with a probability above ½ is computed anew from `g − shift`, the shift being the cotangent of
    /// that probability.
    const SHIFTS: bool;
    /// Whether the probability is above ½.
    fn is_near<T: Real>(y: T) -> bool;
    /// Terms of the sums.
    fn terms<T: Real>(y: T, g: T) -> [T; 2];
    /// The cotangent, given the sums.
    fn at<T: Real>(y: T, g: T, sums: [T; 2]) -> T;
    /// The same, more accurate for a probability above ½.
    fn at_near<T: Real>(y: T, g: T, sums: [T; 2]) -> T;
}

/// `yᵢ Σⱼ yⱼ (gᵢ − gⱼ) = yᵢ ((gᵢ − shift) Σ y − Σⱼ yⱼ (gⱼ − shift))` with any shift. With that of a probability above ½
/// the last sum has small terms only.
struct Softmax;

impl Cotangent for Softmax {
    const STEPS: usize = 8;
    const SHIFTS: bool = true;

    #[inline(always)]
    fn is_near<T: Real>(y: T) -> bool {
        y > T::of(0.5)
    }

    #[inline(always)]
    fn terms<T: Real>(y: T, g: T) -> [T; 2] {
        [y, y * g]
    }

    #[inline(always)]
    fn at<T: Real>(y: T, g: T, [total, weighted]: [T; 2]) -> T {
        y * (g * total - weighted)
    }

    #[inline(always)]
    fn at_near<T: Real>(y: T, g: T, sums: [T; 2]) -> T {
        Self::at(y, g, sums)
    }
}

/// `g − eʸ Σ g = (g − near) − (eʸ − 1) near − eʸ others`, where `near` is the sum over probabilities above ½, of which
/// there is one at most.
struct LogSoftmax;

impl Cotangent for LogSoftmax {
    const STEPS: usize = 4 * <Costly as Cost>::STEPS;
    const SHIFTS: bool = false;

    #[inline(always)]
    fn is_near<T: Real>(y: T) -> bool {
        y > T::of(-LN_2)
    }

    #[inline(always)]
    fn terms<T: Real>(y: T, g: T) -> [T; 2] {
        let is_near = Self::is_near(y);
        [
            select_unpredictable(is_near, T::zero(), g),
            select_unpredictable(is_near, g, T::zero()),
        ]
    }

    #[inline(always)]
    fn at<T: Real>(y: T, g: T, [others, near]: [T; 2]) -> T {
        g - y.exp() * (near + others)
    }

    #[inline(always)]
    fn at_near<T: Real>(y: T, g: T, [others, near]: [T; 2]) -> T {
        (g - near) - (y.exp_m1() * near + y.exp() * others)
    }
}

/// Lines computed side by side: a block of columns, or short rows as columns.
const COLUMNS: usize = 128;
/// Rows shorter than this are computed side by side.
const SHORT: usize = 32;

/// Columns whose elements are `stride` apart; the result is a matrix or a slice for each of its rows.
struct Columns<'a, T, R, F> {
    y: &'a [T],
    g: &'a [T],
    stride: usize,
    to: R,
    function: PhantomData<F>,
}

impl<T: Real, F: Cotangent> Body for Columns<'_, T, &mut [T], F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for first in (0..self.stride).step_by(COLUMNS) {
            let width = COLUMNS.min(self.stride - first);
            let (y, g) = (&self.y[first..], &self.g[first..]);
            let to = self.to[first..].chunks_mut(self.stride);
            columns::<T, F, true>(y, g, to, self.stride, width);
        }
    }
}

impl<T: Real, F: Cotangent> Body for Columns<'_, T, &mut [&mut [T]], F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let count = self.to[0].len();
        for first in (0..count).step_by(COLUMNS) {
            let width = COLUMNS.min(count - first);
            let (y, g) = (&self.y[first..], &self.g[first..]);
            let to = self.to.iter_mut().map(|to| &mut to[first..]);
            columns::<T, F, false>(y, g, to, self.stride, width);
        }
    }
}

/// Contiguous lines of `extent` elements.
struct Lines<'a, T, F> {
    y: &'a [T],
    g: &'a [T],
    to: &'a mut [T],
    extent: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: Cotangent> Body for Lines<'_, T, F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let extent = self.extent;
        if extent < SHORT {
            return self.short_rows();
        }
        let from = self.y.chunks_exact(extent).zip(self.g.chunks_exact(extent));
        for (to, (y, g)) in self.to.chunks_exact_mut(extent).zip(from) {
            row::<T, F>(y, g, to);
        }
    }
}

impl<T: Real, F: Cotangent> Lines<'_, T, F> {
    #[inline(always)]
    fn short_rows(self) {
        let extent = self.extent;
        let mut turned = [(); 3].map(|()| vec![T::zero(); extent * COLUMNS]);
        let from = self.y.chunks(extent * COLUMNS);
        let from = from.zip(self.g.chunks(extent * COLUMNS));
        for (to, (y, g)) in self.to.chunks_mut(extent * COLUMNS).zip(from) {
            let count = y.len() / extent;
            let [y_turned, g_turned, to_turned] = &mut turned;
            for (turned, rows) in [(&mut *y_turned, y), (&mut *g_turned, g)] {
                for (j, row) in rows.chunks_exact(extent).enumerate() {
                    for (i, &x) in row.iter().enumerate() {
                        turned[i * COLUMNS + j] = x;
                    }
                }
            }
            let rows = to_turned.chunks_mut(COLUMNS);
            columns::<T, F, true>(y_turned, g_turned, rows, COLUMNS, count);
            for (j, row) in to.chunks_exact_mut(extent).enumerate() {
                for (i, x) in row.iter_mut().enumerate() {
                    *x = to_turned[i * COLUMNS + j];
                }
            }
        }
    }
}

/// One contiguous line.
#[inline(always)]
fn row<T: Real, F: Cotangent>(y: &[T], g: &[T], to: &mut [T]) {
    let (mut sums, any_near) = sums_of_row::<T, F>(y, g, T::zero());
    let mut shift = T::zero();
    if any_near && F::SHIFTS {
        let near = y.iter().zip(g).filter(|(y, _)| F::is_near(**y));
        shift = near.fold(shift, |sum, (_, &g)| sum + g);
        (sums, _) = sums_of_row::<T, F>(y, g, shift);
    }
    for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
        *to = F::at(y, g - shift, sums);
    }
    if any_near && !F::SHIFTS {
        for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
            if F::is_near(y) {
                *to = F::at_near(y, g, sums);
            }
        }
    }
}

/// The sums over a row with the shift subtracted from `g`, in an order that depends on the row's length alone, and
/// whether a probability is above ½.
#[inline(always)]
fn sums_of_row<T: Real, F: Cotangent>(y: &[T], g: &[T], shift: T) -> ([T; 2], bool) {
    let (mut all_first, mut all_second) = (BlockSum::new(), BlockSum::new());
    let mut any_near = false;
    for (y, g) in y.chunks(BLOCK).zip(g.chunks(BLOCK)) {
        let (mut first, mut second) = ([T::zero(); LANES], [T::zero(); LANES]);
        let (y, y_tail) = y.as_chunks::<LANES>();
        let (g, g_tail) = g.as_chunks::<LANES>();
        for (y, g) in y.iter().zip(g) {
            for i in 0..LANES {
                let [a, b] = F::terms(y[i], g[i] - shift);
                first[i] += a;
                second[i] += b;
                any_near |= F::is_near(y[i]);
            }
        }
        for (i, (&y, &g)) in y_tail.iter().zip(g_tail).enumerate() {
            let [a, b] = F::terms(y, g - shift);
            first[i] += a;
            second[i] += b;
            any_near |= F::is_near(y);
        }
        all_first.add(join_lanes(first, |a, b| a + b));
        all_second.add(join_lanes(second, |a, b| a + b));
    }
    ([all_first.total(), all_second.total()], any_near)
}

/// Neighbouring lines, whose elements are `stride` apart; `to` has a slice of at least `width` elements for each row.
///
/// If LLVM knows that the slices are apart from all that is read (`DIRECT`), results are written to them in vectors;
/// otherwise they are collected first.
#[inline(always)]
fn columns<'a, T: Real, F: Cotangent, const DIRECT: bool>(
    y: &[T],
    g: &[T],
    to: impl Iterator<Item = &'a mut [T]>,
    stride: usize,
    width: usize,
) {
    let mut shift = [T::zero(); COLUMNS];
    let (mut sums, any_near) = sums_of_columns::<T, F>(y, g, &shift, stride, width);
    if any_near && F::SHIFTS {
        for (y, g) in y.chunks(stride).zip(g.chunks(stride)) {
            for ((shift, &y), &g) in shift.iter_mut().zip(&y[..width]).zip(g) {
                *shift += if F::is_near(y) { g } else { T::zero() };
            }
        }
        (sums, _) = sums_of_columns::<T, F>(y, g, &shift, stride, width);
    }
    let [first, second] = sums;
    let rows = y.chunks(stride).zip(g.chunks(stride));
    let mut results = [T::zero(); COLUMNS];
    for (to, (y, g)) in to.zip(rows) {
        let (y, g) = (&y[..width], &g[..width]);
        let to = &mut to[..width];
        let at = if DIRECT {
            &mut *to
        } else {
            &mut results[..width]
        };
        for j in 0..width {
            at[j] = F::at(y[j], g[j] - shift[j], [first[j], second[j]]);
        }
        if any_near && !F::SHIFTS {
            for j in 0..width {
                if F::is_near(y[j]) {
                    at[j] = F::at_near(y[j], g[j], [first[j], second[j]]);
                }
            }
        }
        if DIRECT {
            continue;
        }
        if let Some(to) = to.first_chunk_mut() {
            // Of constant length: vector moves, not a call.
            *to = results;
        } else {
            to.copy_from_slice(&results[..width]);
        }
    }
}

/// As [`sums_of_row`], over columns.
#[inline(always)]
fn sums_of_columns<T: Real, F: Cotangent>(
    y: &[T],
    g: &[T],
    shift: &[T; COLUMNS],
    stride: usize,
    width: usize,
) -> ([[T; COLUMNS]; 2], bool) {
    let (mut all_first, mut all_second) = (ColumnSums::new(), ColumnSums::new());
    let mut any_near = false;
    for (y, g) in y.chunks(BLOCK * stride).zip(g.chunks(BLOCK * stride)) {
        let (mut first, mut second) = ([T::zero(); COLUMNS], [T::zero(); COLUMNS]);
        for (y, g) in y.chunks(stride).zip(g.chunks(stride)) {
            let (y, g) = (&y[..width], &g[..width]);
            for j in 0..width {
                let [a, b] = F::terms(y[j], g[j] - shift[j]);
                first[j] += a;
                second[j] += b;
                any_near |= F::is_near(y[j]);
            }
        }
        all_first.add(first);
        all_second.add(second);
    }
    ([all_first.total(), all_second.total()], any_near)
}
