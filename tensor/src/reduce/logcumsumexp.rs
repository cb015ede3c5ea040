//! The logarithm of a running sum of exponentials.

use crate::axes::resolve_axis;
use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Real, Tensor, parallel};

/// Running sums that are computed together, one in each lane of a vector. Within a sum each element depends on the one
/// before it; different sums are independent.
const LANES: usize = 16;

/// The fewest sums for which a vector is faster than one sum after the other.
const MIN_TOGETHER: usize = 3;

/// Elements of each sum that are copied to a block, replaced there by the running sums, and copied back.
const BLOCK: usize = 16;

/// An exponential and a logarithm for each element, in vectors.
const STEPS: usize = 8;

impl<T: Real> Tensor<T> {
    /// The logarithm of the running sum of exponentials along an axis, without overflow:
    /// `y[…, i, …] = ln(e^x[…, 0, …] + … + e^x[…, i, …])`.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let y = Tensor::from_vec(vec![0.0_f64, 0.0, 0.0], [3]).logcumsumexp(0);
    /// assert_eq!(y.exp().map(f64::round).to_vec(), [1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn logcumsumexp(&self, axis: isize) -> Self {
        self.logcumsumexp_with_logits(axis).0
    }

    /// [`logcumsumexp`](Self::logcumsumexp) `y`, and `x − y`: the logarithm of the part that each
    /// element has in the sum up to it. The difference keeps its digits beside a large offset. It is −∞
    /// for an element −∞.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let (y, logits) = Tensor::from_vec(vec![0.0_f64, 0.0], [2]).logcumsumexp_with_logits(0);
    /// // The last element is half of the sum.
    /// assert!((y.get([1]) - 2_f64.ln()).abs() < 1e-15 && (logits.get([1]) + 2_f64.ln()).abs() < 1e-15);
    /// ```
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn logcumsumexp_with_logits(&self, axis: isize) -> (Self, Self) {
        const OP: &str = "logcumsumexp";
        let axis = resolve_axis(OP, axis, self.shape());
        let mut y = buffer(OP, self.shape());
        let mut logits = buffer(OP, self.shape());
        let inner: usize = self.shape()[axis + 1..].iter().product();
        let (count, level) = (self.shape()[axis], Level::best());
        if !self.is_empty() {
            let x = self.contiguous();
            let x = x.as_slice().expect("made contiguous");
            // A task is several rows if the axis is the last one; otherwise it is one index of the axes before it.
            let rows = if inner == 1 { x.len() / count } else { 1 };
            let block = count * inner * if rows < MIN_TOGETHER { 1 } else { LANES };
            let outputs = y.chunks_mut(block).zip(logits.chunks_mut(block));
            let mut tasks: Vec<_> = x.chunks(block).zip(outputs).collect();
            let work = x.len().saturating_mul(STEPS);
            parallel::for_chunks_mut(&mut tasks, 1, work, |_, tasks| {
                let (x, (y, logits)) = &mut tasks[0];
                let (sums, between) = if inner == 1 {
                    (x.len() / count, count)
                } else {
                    (inner, 1)
                };
                let mut run = |first: usize, sums| {
                    let start = first * between;
                    let (x, y, logits) = (&x[start..], &mut y[start..], &mut logits[start..]);
                    let [extents, steps] = [[sums, count], [between, inner]];
                    if sums == 1 {
                        level.run(RunningSums::<T, 1> {
                            x,
                            y,
                            logits,
                            extents,
                            steps,
                        });
                    } else {
                        level.run(RunningSums::<T, LANES> {
                            x,
                            y,
                            logits,
                            extents,
                            steps,
                        });
                    }
                };
                for first in (0..sums).step_by(LANES) {
                    match sums - first {
                        few if few < MIN_TOGETHER => (first..sums).for_each(|sum| run(sum, 1)),
                        several => run(first, several.min(LANES)),
                    }
                }
            });
        }
        let layout = self.layout().to_row_major();
        (
            Self::from_parts(y, layout),
            Self::from_parts(logits, layout),
        )
    }
}

/// At most `L` sums that run together.
struct RunningSums<'a, T, const L: usize> {
    x: &'a [T],
    y: &'a mut [T],
    logits: &'a mut [T],
    /// The number of sums, and of the elements of each.
    extents: [usize; 2],
    /// The distances from one sum to the next, and from one of its elements to the next.
    steps: [usize; 2],
}

impl<T: Real, const L: usize> Body for RunningSums<'_, T, L> {
    type Output = ();

    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let ([sums, count], [between, step]) = (self.extents, self.steps);
        let nothing = T::of(f64::NEG_INFINITY);
        let (mut tops, mut logs) = ([nothing; L], [nothing; L]);
        let (mut x, mut logits) = ([[nothing; L]; BLOCK], [[nothing; L]; BLOCK]);
        for first in (0..count).step_by(BLOCK) {
            let block = BLOCK.min(count - first);
            for sum in 0..sums {
                for (position, x) in x[..block].iter_mut().enumerate() {
                    x[sum] = self.x[sum * between + (first + position) * step];
                }
            }
            for (x, logits) in x[..block].iter_mut().zip(&mut logits) {
                for lane in 0..L {
                    (tops[lane], logs[lane], x[lane], logits[lane]) =
                        added(tops[lane], logs[lane], x[lane]);
                }
            }
            for sum in 0..sums {
                for position in 0..block {
                    let at = sum * between + (first + position) * step;
                    (self.y[at], self.logits[at]) = (x[position][sum], logits[position][sum]);
                }
            }
        }
    }
}

/// Adds `eˣ` to a sum whose logarithm is `top + log`, with the largest exponent `top`: the new `top` and `log`, the
/// logarithm of the sum, and `x` minus that. Without branches, which would keep it from vectors.
#[inline(always)]
fn added<T: Real>(top: T, log: T, x: T) -> (T, T, T, T) {
    let nothing = T::of(f64::NEG_INFINITY);
    let (adds_nothing, is_first) = (x == nothing, top == nothing);
    let is_largest = x > top;
    let new_log = if is_largest { log + (top - x) } else { log };
    let new_top = if is_largest { x } else { top };
    let relative = x - new_top;
    let is_larger = relative > new_log;
    let larger = if is_larger { relative } else { new_log };
    let smaller = if is_larger { new_log } else { relative };
    let new_log = larger + (smaller - larger).exp_nonpositive().ln_1p();
    let (y, logit) = (new_top + new_log, relative - new_log);
    // The first element is the sum; the difference is NaN if it is infinite or NaN.
    #[allow(clippy::eq_op)]
    let zero = x - x;
    let new_log = if is_first { T::zero() } else { new_log };
    let new_top = if is_first { x } else { new_top };
    let y = if is_first { x } else { y };
    let logit = if is_first { zero } else { logit };
    if adds_nothing {
        (top, log, top + log, nothing)
    } else {
        (new_top, new_log, y, logit)
    }
}
