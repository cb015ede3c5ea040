//! The weight gradient: dot products of rows of the output's gradient with shifted rows of the input. A sum is
//! a vector of partial sums until all rows are added; then its lanes are added.

use std::ops::Range;

use super::lines::{Blocks, Lines, Shape, for_extents};
use crate::kernels::conv::phases::AxisPhase;
use crate::kernels::simd::{Array, Body, Float, Level, Vector};

/// Rows of a plane of gradients.
#[derive(Clone, Copy)]
pub(super) struct Gradient<'a, T> {
    pub head: &'a [T],
    /// Stride from one row to the next, at least [`LANES`](crate::kernels::simd::Scalar::LANES).
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
}

impl<'a, T: Float> Gradient<'a, T> {
    /// The last vector of a row, if the width is not a multiple of `LANES`: where it begins, and the lanes that
    /// do not overlap the vector before it.
    #[inline(always)]
    fn tail(&self) -> Option<(usize, Range<usize>)> {
        let rest = self.width % T::LANES;
        if rest == 0 {
            None
        } else if self.width < T::LANES {
            Some((0, 0..rest))
        } else {
            Some((self.width - T::LANES, T::LANES - rest..T::LANES))
        }
    }

    /// The first `length` numbers of `O` rows.
    #[inline(always)]
    fn some_rows<const O: usize>(&self, first: usize, length: usize) -> [&'a [T]; O] {
        let mut rows = [&self.head[..0]; O];
        for o in 0..O {
            rows[o] = &self.head[(first + o) * self.row..][..length];
        }
        rows
    }

    fn some(self, rows: Range<usize>) -> Self {
        Self {
            head: &self.head[rows.start * self.row..],
            rows: rows.len(),
            ..self
        }
    }
}

/// Adds `lines[i · step + δ(t) + j] · dy[i, j]` to the lanes of tap `t`.
pub(super) fn dots<T: Float>(
    level: Level,
    [down, across]: [&AxisPhase; 2],
    lines: &Lines,
    from: &[T],
    dy: Gradient<'_, T>,
    lanes: &mut [T],
) {
    let kernel_width = across.taps.len();
    let mut blocks = Blocks::of(down, across, lines).peekable();
    if blocks.peek().is_none() {
        any(level, [down, across], lines, from, dy, lanes);
        return;
    }
    for block in blocks {
        let from = &from[block.at..];
        let lanes = &mut lanes[block.first * kernel_width * T::LANES..];
        macro_rules! run {
            ($h:literal, $w:literal, $parts:literal, $rows:literal, $range:expr) => {
                level.run(Dots::<T, $h, $w, $parts, $rows, { $h + $rows - 1 }> {
                    from: &from[$range.start * lines.step()..],
                    shape: Shape::new(lines, &block),
                    dy: dy.some($range),
                    lanes: &mut *lanes,
                })
            };
        }
        for_extents!(run, block, lines, dy.rows);
    }
}

struct Dots<'a, T, const H: usize, const W: usize, const P: usize, const O: usize, const I: usize> {
    from: &'a [T],
    shape: Shape,
    dy: Gradient<'a, T>,
    lanes: &'a mut [T],
}

/// Adds the products of one vector of each of `O` rows to the sums; only those of `lanes`, if it is `Some`.
#[inline(always)]
fn add<
    T: Float,
    const FMA: bool,
    const H: usize,
    const W: usize,
    const P: usize,
    const O: usize,
    const I: usize,
>(
    sums: &mut [[T::Vector; W]; H],
    windows: &[[&[T]; P]; I],
    dy: &[&[T]; O],
    j: usize,
    lanes: Option<Range<usize>>,
) {
    let mut parts = [[&windows[0][0][..0]; P]; I];
    for r in 0..I {
        for part in 0..P {
            parts[r][part] = &windows[r][part][j..][..T::LANES + (W - 1) / P];
        }
    }
    let mut factors = [T::Vector::splat(T::zero()); O];
    for o in 0..O {
        factors[o] = T::Vector::load(&dy[o][j..][..T::LANES]);
        if let Some(lanes) = &lanes {
            factors[o] = factors[o].keep(lanes.clone());
        }
    }
    for r in 0..I {
        for x in 0..W {
            let mut value = T::Vector::load(&parts[r][x % P][x / P..][..T::LANES]);
            if let Some(lanes) = &lanes {
                // Both factors are set to zero: zero times infinity would be NaN.
                value = value.keep(lanes.clone());
            }
            for o in 0..O {
                if r >= o && r - o < H {
                    sums[r - o][x] = value.multiply_add::<FMA>(factors[o], sums[r - o][x]);
                }
            }
        }
    }
}

impl<T: Float, const H: usize, const W: usize, const P: usize, const O: usize, const I: usize> Body
    for Dots<'_, T, H, W, P, O, I>
{
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (dy, tail) = (self.dy, self.dy.tail());
        let length = dy.width.max(T::LANES);
        let mut sums = [[T::Vector::splat(T::zero()); W]; H];
        for y in 0..H {
            for x in 0..W {
                sums[y][x] = T::Vector::load(&self.lanes[(y * W + x) * T::LANES..]);
            }
        }
        for first in (0..dy.rows).step_by(O) {
            let windows = self.shape.windows(&self.from[first * self.shape.step..]);
            let rows = dy.some_rows(first, length);
            let mut j = 0;
            while j + T::LANES <= dy.width {
                add::<T, FMA, H, W, P, O, I>(&mut sums, &windows, &rows, j, None);
                j += T::LANES;
            }
        }
        // A separate loop: in the loop above, the masks of the tail would need registers.
        if let Some((j, lanes)) = &tail {
            for first in (0..dy.rows).step_by(O) {
                let windows = self.shape.windows(&self.from[first * self.shape.step..]);
                let rows = dy.some_rows(first, length);
                add::<T, FMA, H, W, P, O, I>(&mut sums, &windows, &rows, *j, Some(lanes.clone()));
            }
        }
        for y in 0..H {
            for x in 0..W {
                sums[y][x].store(&mut self.lanes[(y * W + x) * T::LANES..]);
            }
        }
    }
}

/// Taps of any filter whose sums are kept in registers at once.
const TAPS_AT_ONCE: usize = 9;

fn any<T: Float>(
    level: Level,
    [down, across]: [&AxisPhase; 2],
    lines: &Lines,
    from: &[T],
    dy: Gradient<'_, T>,
    lanes: &mut [T],
) {
    let mut taps = Vec::new();
    for [_, y] in &down.taps {
        taps.extend(across.taps.iter().map(|[_, x]| lines.at(*y, *x)));
    }
    let lanes = lanes.chunks_mut(TAPS_AT_ONCE * T::LANES);
    for (taps, lanes) in taps.chunks(TAPS_AT_ONCE).zip(lanes) {
        let mut padded = [taps[0]; TAPS_AT_ONCE];
        padded[..taps.len()].copy_from_slice(taps);
        level.run(AnyDots {
            from,
            step: lines.step(),
            taps: padded,
            dy,
            lanes,
        });
    }
}

/// Dot products for any taps; results beyond the number of taps are discarded.
struct AnyDots<'a, T> {
    from: &'a [T],
    step: usize,
    taps: [usize; TAPS_AT_ONCE],
    dy: Gradient<'a, T>,
    lanes: &'a mut [T],
}

impl<T: Float> Body for AnyDots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (dy, tail) = (self.dy, self.dy.tail());
        let length = dy.width.max(T::LANES);
        let mut sums = [T::Vector::splat(T::zero()); TAPS_AT_ONCE];
        for i in 0..dy.rows {
            let row = &dy.head[i * dy.row..][..length];
            let mut windows = [&self.from[..0]; TAPS_AT_ONCE];
            for t in 0..TAPS_AT_ONCE {
                windows[t] = &self.from[i * self.step + self.taps[t]..][..length];
            }
            let mut j = 0;
            while j + T::LANES <= dy.width {
                let factor = T::Vector::load(&row[j..][..T::LANES]);
                for t in 0..TAPS_AT_ONCE {
                    let value = T::Vector::load(&windows[t][j..][..T::LANES]);
                    sums[t] = value.multiply_add::<FMA>(factor, sums[t]);
                }
                j += T::LANES;
            }
            if let Some((j, lanes)) = &tail {
                let factor = T::Vector::load(&row[*j..][..T::LANES]).keep(lanes.clone());
                for t in 0..TAPS_AT_ONCE {
                    let value = T::Vector::load(&windows[t][*j..][..T::LANES]);
                    sums[t] = value
                        .keep(lanes.clone())
                        .multiply_add::<FMA>(factor, sums[t]);
                }
            }
        }
        for (sum, lanes) in sums.iter().zip(self.lanes.chunks_exact_mut(T::LANES)) {
            sum.add(Array::load(lanes)).store(lanes);
        }
    }
}
