//! Rows of windows: the windows of a row that differ by their start alone, several at a time, one in each lane.

use super::windows::{Regular, Span, Windows};

/// The most lanes of a block of windows.
const LANES: usize = 16;

/// A row of windows of one plane.
pub(super) struct Row<'a> {
    /// Where the rows of pixels under the windows begin in the plane.
    pub(super) starts: &'a [usize],
    /// The windows that are computed in lanes.
    pub(super) regular: &'a Regular,
}

/// Calls `f(row, spans, first)` for each row of windows in row-major order: where its rows of pixels begin, the spans
/// of the first two axes, and the number of its first window.
pub(super) fn for_each_row(windows: &Windows, mut f: impl FnMut(&[usize], [Span; 2], usize)) {
    let [_, height, width] = windows.input();
    let columns = windows.spans(2).len();
    let (mut starts, mut first) = (Vec::new(), 0);
    for &depth in windows.spans(0) {
        for &rows in windows.spans(1) {
            starts.clear();
            for z in depth.pixels() {
                starts.extend(rows.pixels().map(|row| (z * height + row) * width));
            }
            f(&starts, [depth, rows], first);
            first += columns;
        }
    }
}

/// What is computed for a block of windows.
pub(super) trait Block {
    /// Windows `first..first + L` of the regular ones; `STRIDE` is their distance, or 0 if it is another one.
    fn block<const L: usize, const STRIDE: usize>(&mut self, first: usize);
}

/// Computes all regular windows in blocks; the last one overlaps the one before.
#[inline(always)]
pub(super) fn for_blocks(regular: &Regular, block: &mut impl Block) {
    match regular.stride {
        1 => by_width::<1>(regular, block),
        2 => by_width::<2>(regular, block),
        _ => by_width::<0>(regular, block),
    }
}

#[inline(always)]
fn by_width<const STRIDE: usize>(regular: &Regular, block: &mut impl Block) {
    if regular.range.len() >= LANES {
        blocks::<LANES, STRIDE>(regular, block);
    } else if regular.range.len() >= 4 {
        blocks::<4, STRIDE>(regular, block);
    } else {
        blocks::<1, STRIDE>(regular, block);
    }
}

#[inline(always)]
fn blocks<const L: usize, const STRIDE: usize>(regular: &Regular, block: &mut impl Block) {
    let Some(last) = regular.range.len().checked_sub(L) else {
        return;
    };
    let mut first = 0;
    while first < last {
        block.block::<L, STRIDE>(first);
        first += L;
    }
    block.block::<L, STRIDE>(last);
}

impl Row<'_> {
    /// The pixels of one tap under windows `first..first + L`, given where the row of pixels begins.
    #[inline(always)]
    pub(super) fn pixels<const L: usize, const STRIDE: usize, T: Copy>(
        &self,
        x: &[T],
        start: usize,
        tap: usize,
        first: usize,
    ) -> [T; L] {
        let Regular {
            start: before,
            stride,
            step,
            ..
        } = *self.regular;
        let stride = if STRIDE == 0 { stride } else { STRIDE };
        let at = start + before + first * stride + tap * step;
        let x = &x[at..=at + (L - 1) * stride];
        let mut pixels = [x[0]; L];
        for lane in 0..L {
            pixels[lane] = x[lane * stride];
        }
        pixels
    }
}
