//! Weighted sums of shifted rows: forward and input gradient.

use std::ops::Range;

use super::lines::{Blocks, Lines, Shape, adjacent, for_extents};
use crate::kernels::conv::phases::AxisPhase;
use crate::kernels::simd::{Array, Body, Float, Level, Vector};

/// Output rows.
pub(super) struct Target<'a, T> {
    pub head: &'a mut [T],
    /// Stride from one row to the next.
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
}

impl<T> Target<'_, T> {
    /// Some of the rows.
    fn rows(&mut self, range: Range<usize>) -> Target<'_, T> {
        Target {
            head: &mut self.head[range.start * self.row..],
            rows: range.len(),
            ..*self
        }
    }
}

/// The taps of a filter that contribute to the results of one phase.
#[derive(Clone, Copy)]
pub(super) struct Taps<'a, T> {
    pub down: &'a AxisPhase,
    pub across: &'a AxisPhase,
    pub weights: &'a [T],
    pub kernel_width: usize,
}

impl<T: Float> Taps<'_, T> {
    /// The weights of `H` rows of the phase's taps, from row `first` on, sorted by distance.
    fn weights<const H: usize, const W: usize>(&self, first: usize) -> [[T; W]; H] {
        let mut weights = [[T::zero(); W]; H];
        for (weights, [y, _]) in weights.iter_mut().zip(&self.down.taps[first..]) {
            for (weight, [x, _]) in weights.iter_mut().zip(&self.across.taps) {
                *weight = self.weights[y * self.kernel_width + x];
            }
        }
        weights
    }

    /// For every tap its offset in the lines and its weight.
    fn list(&self, lines: &Lines) -> Vec<(usize, T)> {
        let mut list = Vec::new();
        for [y, down] in &self.down.taps {
            for [x, across] in &self.across.taps {
                let weight = self.weights[y * self.kernel_width + x];
                list.push((lines.at(*down, *across), weight));
            }
        }
        list
    }
}

/// Whether the results are computed in one pass over the taps. Then nothing is added to them later, so that
/// the last vector of a row may overlap the one before it instead of extending past the row.
pub(super) fn is_whole(down: &AxisPhase, across: &AxisPhase, lines: &Lines) -> bool {
    let first = Blocks::of(down, across, lines).next();
    first.is_none_or(|block| block.height == down.taps.len())
}

/// `to[i, j] = Σₜ weights[t] · lines[i · step + δ(t) + j]`
///
/// Unless the sum [is whole](is_whole), the width of the target must be a multiple of a vector.
pub(super) fn sum<T: Float>(
    level: Level,
    taps: Taps<'_, T>,
    lines: &Lines,
    from: &[T],
    mut to: Target<'_, T>,
) {
    let mut blocks = Blocks::of(taps.down, taps.across, lines).peekable();
    if blocks.peek().is_none() {
        level.run(AnySum {
            from,
            step: lines.step(),
            taps: &taps.list(lines),
            to,
        });
        return;
    }
    for block in blocks {
        let (from, add) = (&from[block.at..], block.first > 0);
        macro_rules! run {
            ($h:literal, $w:literal, $parts:literal, $rows:literal, $range:expr) => {
                level.run(Sum::<T, $h, $w, $parts, $rows, { $h + $rows - 1 }> {
                    from: &from[$range.start * lines.step()..],
                    shape: Shape::new(lines, &block),
                    weights: &taps.weights(block.first),
                    add,
                    to: to.rows($range),
                })
            };
        }
        for_extents!(run, block, lines, to.rows);
    }
}

struct Sum<'a, T, const H: usize, const W: usize, const P: usize, const O: usize, const I: usize> {
    from: &'a [T],
    shape: Shape,
    weights: &'a [[T; W]; H],
    add: bool,
    to: Target<'a, T>,
}

impl<T: Float, const H: usize, const W: usize, const P: usize, const O: usize, const I: usize> Body
    for Sum<'_, T, H, W, P, O, I>
{
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut weights = [[T::Vector::splat(T::zero()); W]; H];
        for y in 0..H {
            for x in 0..W {
                weights[y][x] = T::Vector::splat(self.weights[y][x]);
            }
        }
        let Target {
            head,
            row,
            rows,
            width,
        } = self.to;
        for group in 0..rows / O {
            let from = &self.from[group * O * self.shape.step..];
            let windows = self.shape.windows::<T, P, I>(from);
            let to = &mut head[group * O * row..];
            let mut j = 0;
            loop {
                let mut parts = [[&from[..0]; P]; I];
                for r in 0..I {
                    for part in 0..P {
                        parts[r][part] = &windows[r][part][j..][..T::LANES + (W - 1) / P];
                    }
                }
                let mut sums = [T::Vector::splat(T::zero()); O];
                for o in 0..O {
                    for y in 0..H {
                        for x in 0..W {
                            let value = T::Vector::load(&parts[o + y][x % P][x / P..][..T::LANES]);
                            sums[o] = weights[y][x].multiply_add::<FMA>(value, sums[o]);
                        }
                    }
                }
                for o in 0..O {
                    let to = &mut to[o * row + j..][..T::LANES];
                    if self.add {
                        sums[o] = sums[o].add(Array::load(to));
                    }
                    sums[o].store(to);
                }
                if j + T::LANES >= width {
                    break;
                }
                // The last vector of a row overlaps the one before it, so that no element needs a scalar loop.
                j = (j + T::LANES).min(width - T::LANES);
            }
        }
    }
}

/// Rows of [`AnySum`] that share the loop over the taps.
const ROWS_AT_ONCE: usize = 4;

/// A sum over any taps.
struct AnySum<'a, T> {
    from: &'a [T],
    step: usize,
    taps: &'a [(usize, T)],
    to: Target<'a, T>,
}

impl<T: Float> Body for AnySum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Target {
            head,
            row,
            rows,
            width,
        } = self.to;
        let reach = self.taps.iter().map(|(at, _)| *at).max().unwrap_or(0);
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            // If fewer rows are left, the last one is computed several times: the loop has a constant length.
            let mut windows = [&self.from[..0]; ROWS_AT_ONCE];
            for r in 0..ROWS_AT_ONCE {
                let at = (first + r).min(rows - 1) * self.step;
                windows[r] = &self.from[at..][..reach + width];
            }
            let mut j = 0;
            loop {
                let mut sums = [T::Vector::splat(T::zero()); ROWS_AT_ONCE];
                for &(at, weight) in self.taps {
                    let weight = T::Vector::splat(weight);
                    for r in 0..ROWS_AT_ONCE {
                        let value = T::Vector::load(&windows[r][at + j..][..T::LANES]);
                        sums[r] = weight.multiply_add::<FMA>(value, sums[r]);
                    }
                }
                for r in 0..ROWS_AT_ONCE {
                    let at = (first + r).min(rows - 1) * row + j;
                    sums[r].store(&mut head[at..][..T::LANES]);
                }
                if j + T::LANES >= width {
                    break;
                }
                j = (j + T::LANES).min(width - T::LANES);
            }
        }
    }
}

/// The sums of even and of odd columns, interleaved: the input gradient at stride 2. Returns false if there is
/// no loop for these taps. `to.width` is the number of pairs of columns.
pub(super) fn interleaved<T: Float>(
    level: Level,
    taps: [Taps<'_, T>; 2],
    lines: &Lines,
    from: &[T],
    to: Target<'_, T>,
) -> bool {
    let down = &taps[0].down.taps;
    let across = taps.map(|taps| &taps.across.taps);
    let is_adjacent = [down, across[0], across[1]]
        .iter()
        .all(|taps| !taps.is_empty() && adjacent(taps) == taps.len());
    if !is_adjacent {
        return false;
    }
    macro_rules! with {
        ($($h:literal $a:literal $b:literal),*) => {
            match (down.len(), across[0].len(), across[1].len()) {
                $(($h, $a, $b) => level.run(Pairs::<T, $h, $a, $b> {
                    from: &from[lines.at(down[0][1], 0)..],
                    shape: Shape::whole(lines),
                    left: across.map(|taps| taps[0][1]),
                    even: &taps[0].weights(0),
                    odd: &taps[1].weights(0),
                    to,
                }),)*
                _ => return false,
            }
        };
    }
    with!(1 1 2, 1 2 1, 2 1 2, 2 2 1, 2 2 3, 2 3 2, 3 2 3, 3 3 2);
    true
}

struct Pairs<'a, T, const H: usize, const A: usize, const B: usize> {
    from: &'a [T],
    shape: Shape,
    left: [usize; 2],
    even: &'a [[T; A]; H],
    odd: &'a [[T; B]; H],
    to: Target<'a, T>,
}

impl<T: Float, const H: usize, const A: usize, const B: usize> Body for Pairs<'_, T, H, A, B> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut even = [[T::Vector::splat(T::zero()); A]; H];
        let mut odd = [[T::Vector::splat(T::zero()); B]; H];
        for y in 0..H {
            for x in 0..A {
                even[y][x] = T::Vector::splat(self.even[y][x]);
            }
            for x in 0..B {
                odd[y][x] = T::Vector::splat(self.odd[y][x]);
            }
        }
        let Target {
            head,
            row,
            rows,
            width,
        } = self.to;
        for i in 0..rows {
            let windows = self
                .shape
                .windows::<T, 1, H>(&self.from[i * self.shape.step..]);
            let to = &mut head[i * row..];
            let mut j = 0;
            loop {
                let mut sums = [T::Vector::splat(T::zero()); 2];
                for y in 0..H {
                    let part = &windows[y][0][j + self.left[0]..][..T::LANES + A - 1];
                    for x in 0..A {
                        let value = T::Vector::load(&part[x..][..T::LANES]);
                        sums[0] = even[y][x].multiply_add::<FMA>(value, sums[0]);
                    }
                    let part = &windows[y][0][j + self.left[1]..][..T::LANES + B - 1];
                    for x in 0..B {
                        let value = T::Vector::load(&part[x..][..T::LANES]);
                        sums[1] = odd[y][x].multiply_add::<FMA>(value, sums[1]);
                    }
                }
                let to = &mut to[2 * j..][..2 * T::LANES];
                let [left, right] = sums[0].interleave(sums[1]);
                left.store(to);
                right.store(&mut to[T::LANES..]);
                if j + T::LANES >= width {
                    break;
                }
                j = (j + T::LANES).min(width - T::LANES);
            }
        }
    }
}
