//! The cotangents of softmax and its logarithm, one row at a time while it is in the cache.

use std::f64::consts::LN_2;
use std::marker::PhantomData;

use super::softmax::COLUMNS;
use crate::axes::{keep, resolve_axis};
use crate::block_sum::{BLOCK, BlockSum, LANES, join_lanes};
use crate::create::buffer;
use crate::elementwise::pointwise::{Cost, Costly};
use crate::kernels::simd::{Body, Level};
use crate::{Real, Tensor, parallel, require};

impl<T: Real> Tensor<T> {
    /// The cotangent `y (g − Σ y g)` of the argument of a softmax along an axis, `self` being its result `y` and
    /// `g` the cotangent of `y`.
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
        self.row_cotangent::<Softmax>("softmax_cotangent", g, axis)
            .unwrap_or_else(|| {
                let sum = (self * g).sum(keep(axis));
                self.zip3(g, &sum, |y, g, sum| y * (g - sum))
            })
    }

    /// The cotangent `g − eʸ Σ g` of the argument of a log-softmax along an axis, `self` being its result `y` and
    /// `g` the cotangent of `y`. Where `eʸ` is above ½ it is computed as `g − Σ g − (eʸ − 1) Σ g`, so that a small
    /// difference keeps its digits.
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
        self.row_cotangent::<LogSoftmax>("log_softmax_cotangent", g, axis)
            .unwrap_or_else(|| self.zip3(g, &g.sum(keep(axis)), LogSoftmax::at))
    }

    /// A function of each row, or nothing if the rows are short or not contiguous.
    #[track_caller]
    fn row_cotangent<F: RowCotangent>(&self, op: &str, g: &Self, axis: isize) -> Option<Self> {
        require!(
            self.shape() == g.shape(),
            "{op}: {:?} and a cotangent of {:?}: the shapes differ",
            self.shape(),
            g.shape()
        );
        let axis = resolve_axis(op, axis, self.shape());
        let extent = self.shape()[axis];
        let inner: usize = self.shape()[axis + 1..].iter().product();
        if inner != 1 || extent < COLUMNS || self.is_empty() {
            return None;
        }
        let (y, g) = (self.contiguous(), g.contiguous());
        let [y, g] = [&y, &g].map(|x| x.as_slice().expect("made contiguous"));
        let mut out = buffer(op, self.shape());
        let chunk = extent * (parallel::CHUNK / 4).div_ceil(extent);
        let (level, work) = (Level::best(), 4 * <Costly as Cost>::STEPS * y.len());
        parallel::for_chunks_mut(&mut out, chunk, work, |index, to| {
            let range = index * chunk..index * chunk + to.len();
            let (y, g) = (&y[range.clone()], &g[range]);
            let function = PhantomData::<F>;
            level.run(Rows {
                y,
                g,
                to,
                extent,
                function,
            });
        });
        Some(Self::from_parts(out, self.layout().to_row_major()))
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
    let function = PhantomData::<Softmax>;
    level.run(Rows {
        y,
        g,
        to,
        extent,
        function,
    });
}

/// A cotangent that needs one sum of each row.
trait RowCotangent {
    /// A term of the sum.
    fn term<T: Real>(y: T, g: T) -> T;
    /// The cotangent, given the sum.
    fn at<T: Real>(y: T, g: T, sum: T) -> T;
    /// The cotangents of some elements of a row.
    fn all<T: Real>(y: &[T], g: &[T], sum: T, to: &mut [T]);
}

struct Softmax;

impl RowCotangent for Softmax {
    #[inline(always)]
    fn term<T: Real>(y: T, g: T) -> T {
        y * g
    }

    #[inline(always)]
    fn at<T: Real>(y: T, g: T, sum: T) -> T {
        y * (g - sum)
    }

    #[inline(always)]
    fn all<T: Real>(y: &[T], g: &[T], sum: T, to: &mut [T]) {
        for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
            *to = Self::at(y, g, sum);
        }
    }
}

struct LogSoftmax;

impl LogSoftmax {
    #[inline(always)]
    fn is_near<T: Real>(y: T) -> bool {
        y > T::of(-LN_2)
    }
}

impl RowCotangent for LogSoftmax {
    #[inline(always)]
    fn term<T: Real>(_: T, g: T) -> T {
        g
    }

    #[inline(always)]
    fn at<T: Real>(y: T, g: T, sum: T) -> T {
        // Both are computed, so that a loop uses vectors.
        let (near, far) = ((g - sum) - y.exp_m1() * sum, g - y.exp() * sum);
        if Self::is_near(y) { near } else { far }
    }

    #[inline(always)]
    fn all<T: Real>(y: &[T], g: &[T], sum: T, to: &mut [T]) {
        let mut any_near = false;
        for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
            *to = g - y.exp() * sum;
            any_near |= Self::is_near(y);
        }
        // At most one probability of a row is above one half.
        if any_near {
            for ((to, &y), &g) in to.iter_mut().zip(y).zip(g) {
                if Self::is_near(y) {
                    *to = Self::at(y, g, sum);
                }
            }
        }
    }
}

/// Contiguous rows of length `extent`.
struct Rows<'a, T, F> {
    y: &'a [T],
    g: &'a [T],
    to: &'a mut [T],
    extent: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: RowCotangent> Body for Rows<'_, T, F> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.y.chunks_exact(self.extent);
        let rows = rows.zip(self.g.chunks_exact(self.extent));
        for (to, (y, g)) in self.to.chunks_exact_mut(self.extent).zip(rows) {
            let sum = sum_of_terms::<T, F>(y, g);
            let blocks = y.chunks(BLOCK).zip(g.chunks(BLOCK));
            for (to, (y, g)) in to.chunks_mut(BLOCK).zip(blocks) {
                F::all(y, g, sum, to);
            }
        }
    }
}

/// The sum of the terms of a row, in an order that depends on its length alone.
#[inline(always)]
fn sum_of_terms<T: Real, F: RowCotangent>(y: &[T], g: &[T]) -> T {
    let mut sum = BlockSum::new();
    for (y, g) in y.chunks(BLOCK).zip(g.chunks(BLOCK)) {
        let mut lanes = [T::zero(); LANES];
        let (y, y_tail) = y.as_chunks::<LANES>();
        let (g, g_tail) = g.as_chunks::<LANES>();
        for (y, g) in y.iter().zip(g) {
            for i in 0..LANES {
                lanes[i] += F::term(y[i], g[i]);
            }
        }
        for ((lane, &y), &g) in lanes.iter_mut().zip(y_tail).zip(g_tail) {
            *lane += F::term(y, g);
        }
        sum.add(join_lanes(lanes, |a, b| a + b));
    }
    sum.total()
}
