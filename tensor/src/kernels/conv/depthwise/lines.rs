//! Lines: the rows of a plane that a band of results reads, copied with their padding into half of the
//! first-level cache.

use crate::kernels::conv::ConvGeometry;
use crate::kernels::conv::phases::{self, AxisPhase};
use crate::kernels::simd::deinterleave::{self, PairRows};
use crate::kernels::simd::{Float, Level};

/// One axis of `dst[i] = Σₖ src[step · q + δ(k)] · w[k]`, where `src` has padding before it.
#[derive(Debug)]
pub(super) struct Axis {
    pub extent: usize,
    pub before: usize,
    pub step: usize,
    /// Distance between neighbouring results of one phase.
    pub apart: usize,
    /// The phases; the taps of each are sorted by distance.
    pub phases: Vec<AxisPhase>,
}

impl Axis {
    /// The axis of the convolution itself.
    pub fn forward(geometry: &ConvGeometry, axis: usize) -> Self {
        let taps = 0..geometry.kernel[axis];
        let all = AxisPhase {
            first: 0,
            count: geometry.output()[axis],
            taps: taps.map(|k| [k, k * geometry.dilation[axis]]).collect(),
        };
        Self {
            extent: geometry.input[axis],
            before: geometry.padding[axis][0],
            step: geometry.stride[axis],
            apart: 1,
            phases: vec![all],
        }
    }

    /// The axis of its input gradient.
    pub fn input_gradient(geometry: &ConvGeometry, axis: usize) -> Self {
        let (before, mut phases) = phases::of_input_gradient(geometry, axis);
        for phase in &mut phases {
            phase.taps.sort_unstable_by_key(|[_, distance]| *distance);
        }
        Self {
            extent: geometry.output()[axis],
            before,
            step: 1,
            apart: geometry.stride[axis],
            phases,
        }
    }

    /// Results of the largest phase.
    pub fn count(&self) -> usize {
        self.phases.iter().map(|r| r.count).max().unwrap_or(0)
    }

    /// Extent of the largest window: positions of the padded source from the first tap of a result to its last.
    fn window(&self) -> usize {
        let windows = self.phases.iter().map(AxisPhase::window);
        windows.max().unwrap_or(1)
    }
}

/// Bytes of a band: half of a first-level cache of 32 KB.
const BAND_BYTES: usize = 1 << 14;

/// The layout of the lines: each is deinterleaved into `parts` parts of `columns` elements, one for each phase
/// of the column modulo the step, so that a tap reads contiguous elements for neighbouring results.
#[derive(Debug)]
pub(super) struct Lines {
    extents: [usize; 2],
    before: [usize; 2],
    step: usize,
    window: usize,
    pub parts: usize,
    pub columns: usize,
    /// Results of a row, rounded up to whole vectors; the lines are long enough to compute that many.
    pub width: usize,
    /// Most rows of results in a band.
    pub band: usize,
}

impl Lines {
    pub fn new<T: Float>([down, across]: &[Axis; 2]) -> Self {
        let width = across.count().next_multiple_of(T::LANES);
        let columns = width + (across.window() - 1) / across.step;
        let columns = columns.next_multiple_of(T::LANES);
        let rows = BAND_BYTES / size_of::<T>() / (columns * across.step).max(1);
        let band = (rows.saturating_sub(down.window()) + 1) / down.step;
        Self {
            extents: [down.extent, across.extent],
            before: [down.before, across.before],
            step: down.step,
            window: down.window(),
            parts: across.step,
            columns,
            width,
            band: band.max(4),
        }
    }

    /// Elements of a line.
    pub fn row(&self) -> usize {
        self.parts * self.columns
    }

    /// Stride in the lines between the windows of vertically neighbouring results.
    pub fn step(&self) -> usize {
        self.step * self.row()
    }

    /// Whether the results of two neighbouring rows read neighbouring lines.
    pub fn is_dense(&self) -> bool {
        self.step == 1
    }

    /// Offset in the lines of a tap at these distances.
    pub fn at(&self, down: usize, across: usize) -> usize {
        down * self.row() + across % self.parts * self.columns + across / self.parts
    }

    /// Elements of the lines from which `rows` rows of results are computed.
    pub fn len(&self, rows: usize) -> usize {
        ((rows.max(1) - 1) * self.step + self.window) * self.row()
    }

    /// Copies the lines that the results from row `first` on need.
    ///
    /// `to` must be zero in the columns of the padding, which are not written.
    pub fn fill<T: Float>(&self, level: Level, first: usize, plane: &[T], to: &mut [T]) {
        let [height, width] = self.extents;
        let [top, left] = self.before;
        let count = width.min(self.row().saturating_sub(left));
        let rows = to.chunks_exact(self.row()).len();
        let first = first * self.step;
        // The lines that lie in the image.
        let start = top.saturating_sub(first).min(rows);
        let end = (top + height).saturating_sub(first).min(rows).max(start);
        let (head, rest) = to.split_at_mut(start * self.row());
        let (inside, tail) = rest.split_at_mut((end - start) * self.row());
        head.fill(T::zero());
        tail.fill(T::zero());
        if inside.is_empty() || count == 0 {
            return;
        }
        let from = &plane[(first + start - top) * width..];
        if self.parts == 2 {
            let rows = PairRows {
                from,
                from_stride: width,
                count,
                to: inside,
                to_stride: self.row(),
                starts: deinterleave::starts_of_pairs(left, self.columns),
            };
            return T::deinterleave_pairs(level, rows);
        }
        let lines = inside.chunks_exact_mut(self.row());
        for (to, from) in lines.zip(from.chunks_exact(width)) {
            deinterleave::split(level, &from[..count], left, self.parts, to, self.columns);
        }
    }
}

/// How many of the first taps have consecutive distances.
pub(super) fn adjacent(taps: &[[usize; 2]]) -> usize {
    let first = taps.first().map_or(0, |[_, distance]| *distance);
    let distances = taps.iter().zip(first..);
    distances
        .take_while(|([_, at], distance)| at == distance)
        .count()
}

/// Taps that one loop keeps in registers: neighbouring rows of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// Index of its first row of taps, in [`AxisPhase::taps`] of the height axis.
    pub first: usize,
    pub height: usize,
    pub width: usize,
    /// Offset of its first tap in the lines.
    pub at: usize,
    left: usize,
}

/// The blocks of a filter; none if there is no special loop for it.
pub(super) struct Blocks<'a> {
    down: &'a [[usize; 2]],
    lines: &'a Lines,
    first: usize,
    width: usize,
    left: usize,
}

impl<'a> Blocks<'a> {
    pub fn of(down: &'a AxisPhase, across: &AxisPhase, lines: &'a Lines) -> Self {
        let (taps, width) = (&across.taps, across.taps.len());
        let left = taps.first().map_or(0, |[_, distance]| *distance);
        let fits = (width == 3 || width == 5)
            && adjacent(taps) == width
            && lines.parts <= 2
            && left.is_multiple_of(lines.parts);
        Self {
            down: if fits { &down.taps } else { &[] },
            lines,
            first: 0,
            width,
            left,
        }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let rest = &self.down[self.first..];
        let [_, top] = rest.first()?;
        // Ten weights and two sums leave four registers for inputs.
        let most = if self.width == 3 { 3 } else { 2 };
        let height = if adjacent(rest) >= most { most } else { 1 };
        let block = Block {
            first: self.first,
            height,
            width: self.width,
            at: self.lines.at(*top, self.left),
            left: self.left / self.lines.parts,
        };
        self.first += height;
        Some(block)
    }
}

/// Strides in the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Between the windows of vertically neighbouring results.
    pub step: usize,
    /// From one line to the next.
    row: usize,
    /// From one part of a line to the next.
    part: usize,
    /// Elements of a part from the first tap on.
    columns: usize,
}

impl Shape {
    pub fn whole(lines: &Lines) -> Self {
        Self {
            step: lines.step(),
            row: lines.row(),
            part: lines.columns,
            columns: lines.columns,
        }
    }

    pub fn new(lines: &Lines, block: &Block) -> Self {
        Self {
            columns: lines.columns - block.left,
            ..Self::whole(lines)
        }
    }

    /// The parts of a range of lines.
    #[inline(always)]
    pub fn windows<'a, T, const P: usize, const I: usize>(
        &self,
        from: &'a [T],
    ) -> [[&'a [T]; P]; I] {
        let mut windows = [[&from[..0]; P]; I];
        for r in 0..I {
            for part in 0..P {
                windows[r][part] = &from[r * self.row + part * self.part..][..self.columns];
            }
        }
        windows
    }
}

/// Runs `$run!(height, width, parts, rows at once, range of rows)` for a block of taps: its extents become
/// constants. At stride 1 two rows of results are computed at once and share the lines that both read.
macro_rules! for_extents {
    ($run:ident, $block:expr, $lines:expr, $rows:expr) => {
        match ($block.height, $block.width) {
            (1, 3) => for_extents!(@rows $run, 1, 3, $lines, $rows),
            (3, 3) => for_extents!(@rows $run, 3, 3, $lines, $rows),
            (1, 5) => for_extents!(@rows $run, 1, 5, $lines, $rows),
            (2, 5) => for_extents!(@rows $run, 2, 5, $lines, $rows),
            _ => unreachable!("blocks have these extents"),
        }
    };
    (@rows $run:ident, $h:literal, $w:literal, $lines:expr, $rows:expr) => {{
        let rows = $rows;
        if $lines.parts == 2 {
            $run!($h, $w, 2, 1, (0..rows));
        } else {
            let shared = if $lines.is_dense() { rows / 2 * 2 } else { 0 };
            if shared > 0 {
                $run!($h, $w, 1, 2, (0..shared));
            }
            if shared < rows {
                $run!($h, $w, 1, 1, (shared..rows));
            }
        }
    }};
}
pub(super) use for_extents;
