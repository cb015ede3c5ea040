//! The largest element of each window, and gather and scatter by its position.

use std::hint::select_unpredictable;

use super::rows::{Block, Row, for_blocks, for_each_row};
use super::windows::Regular;
use super::{Span, Windows, for_each_plane};
use crate::Number;
use crate::kernels::simd::{Body, Level};

/// `y[i] = max x` over window `i`, and its position in the plane; the first of equal ones in
/// row-major order, the first NaN before any number.
///
/// A window without a pixel has the value −∞ and the position −1.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn max<T: Number>(windows: &Windows, x: &[T], y: &mut [T], positions: &mut [i64]) {
    windows.check_lengths(x.len(), y.len());
    assert_eq!(
        y.len(),
        positions.len(),
        "pooling: positions and y differ in length"
    );
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let mut planes: Vec<_> = y
        .chunks_mut(cells.max(1))
        .zip(positions.chunks_mut(cells.max(1)))
        .collect();
    let plane_of = Planes::new(windows);
    for_each_plane(&mut planes, 1, windows.work(), |plane, out| {
        let (y, positions) = &mut out[0];
        plane_of.max(&x[plane * pixels..][..pixels], y, positions);
    });
}

/// `y[i] = max x` over window `i`: the same bits as [`max`], without positions, for a result that needs no gradient.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn max_values<T: Number>(windows: &Windows, x: &[T], y: &mut [T]) {
    windows.check_lengths(x.len(), y.len());
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let plane_of = Planes::new(windows);
    for_each_plane(y, cells, windows.work(), |plane, y| {
        plane_of.max(&x[plane * pixels..][..pixels], y, &mut []);
    });
}

/// The windows of each plane.
struct Planes<'a> {
    windows: &'a Windows,
    tiles: bool,
    regular: Regular,
}

impl<'a> Planes<'a> {
    fn new(windows: &'a Windows) -> Self {
        Self {
            windows,
            tiles: windows.are_two_by_two(),
            regular: windows.regular(),
        }
    }

    /// The largest elements of a plane, and their positions unless there is no room for them.
    fn max<T: Number>(&self, x: &[T], y: &mut [T], positions: &mut [i64]) {
        if self.tiles {
            max_of_tiles(self.windows, x, y, positions);
        } else {
            max_of_windows(self.windows, &self.regular, x, y, positions);
        }
    }
}

/// Whether a later element replaces the largest so far: it is larger, or the first NaN.
#[inline(always)]
fn replaces<T: Number>(new: T, best: T) -> bool {
    // Without branches: the processor could not predict which element is the largest.
    let at_most = new <= best;
    !at_most & !best.is_nan()
}

fn max_of_windows<T: Number>(
    windows: &Windows,
    regular: &Regular,
    x: &[T],
    y: &mut [T],
    positions: &mut [i64],
) {
    let finds_positions = !positions.is_empty();
    let (level, columns) = (Level::best(), windows.spans(2));
    // A window of all columns has adjacent rows. Lanes hold positions in 32 bits.
    let is_alone = columns.len() == 1;
    let is_small = u32::try_from(x.len()).is_ok();
    for_each_row(windows, |starts, _, first| {
        let range = first..first + columns.len();
        let no_positions = 0..0;
        let of_positions = if finds_positions {
            range.clone()
        } else {
            no_positions
        };
        let (y, positions) = (&mut y[range], &mut positions[of_positions]);
        let in_lanes = !starts.is_empty() && regular.taps < LONG && !is_alone && is_small;
        let lanes = if in_lanes {
            regular.range.clone()
        } else {
            0..0
        };
        for window in (0..lanes.start).chain(lanes.end..columns.len()) {
            let (value, position) = level.run(Window {
                x,
                starts,
                span: columns[window],
                finds_position: finds_positions,
            });
            y[window] = value;
            if finds_positions {
                positions[window] = position;
            }
        }
        if !lanes.is_empty() {
            let row = Row { starts, regular };
            let of_positions = if finds_positions { lanes.clone() } else { 0..0 };
            let (y, positions) = (&mut y[lanes], &mut positions[of_positions]);
            level.run(RowOfWindows {
                x,
                row,
                y,
                positions,
            });
        }
    });
}

/// From this number of taps on, a row under a window is compared in vectors.
const LONG: usize = 32;

/// One window.
struct Window<'a, T> {
    x: &'a [T],
    /// Where its rows begin in the plane.
    starts: &'a [usize],
    span: Span,
    /// If not, the position may be any.
    finds_position: bool,
}

impl<T: Number> Body for Window<'_, T> {
    type Output = (T, i64);
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> (T, i64) {
        let mut best = (T::of(f64::NEG_INFINITY), -1);
        let Span {
            start, taps, step, ..
        } = self.span;
        if step == 1 && are_adjacent(self.starts, taps) && taps * self.starts.len() >= LONG {
            let at = self.starts[0] + start;
            let row = &self.x[at..at + taps * self.starts.len()];
            // Equal dual numbers may have other tangents: the first counts.
            if !self.finds_position
                && T::PLAIN
                && let Some(value) = largest_value(row)
            {
                return (value, -1);
            }
            let (place, largest) = largest(row);
            return (largest, (at + place) as i64);
        }
        for row in self.starts {
            if step == 1 && taps >= LONG {
                let at = row + start;
                let (place, largest) = largest(&self.x[at..at + taps]);
                if best.1 < 0 || replaces(largest, best.0) {
                    best = (largest, (at + place) as i64);
                }
                continue;
            }
            for at in self.span.pixels().map(|column| row + column) {
                if best.1 < 0 || replaces(self.x[at], best.0) {
                    best = (self.x[at], at as i64);
                }
            }
        }
        best
    }
}

/// Whether rows of this length follow each other without a gap.
#[inline(always)]
fn are_adjacent(starts: &[usize], length: usize) -> bool {
    starts.windows(2).all(|pair| pair[0] + length == pair[1])
}

/// The place of the largest of at least [`LONG`] elements, the first NaN if there is one, and the element.
#[inline(always)]
fn largest<T: Number>(row: &[T]) -> (usize, T) {
    let better = |new: T, best: T| if replaces(new, best) { new } else { best };
    let (chunks, _) = row.as_chunks::<LONG>();
    let (_, last) = row.as_rchunks::<LONG>();
    let mut lanes = chunks[0];
    // Two loops: those of a chain would keep the lanes in memory.
    for chunks in [&chunks[1..], &last[last.len() - 1..]] {
        for chunk in chunks {
            for lane in 0..LONG {
                lanes[lane] = better(chunk[lane], lanes[lane]);
            }
        }
    }
    let mut width = LONG;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = better(lanes[lane + width], lanes[lane]);
        }
    }
    let largest = lanes[0];
    let is_it = |x: T| (x == largest) | (largest.is_nan() & x.is_nan());
    // A chunk at a time, in vectors; then the place in it.
    let has_it = |chunk: &[T; LONG]| chunk.iter().fold(false, |any, &x| any | is_it(x));
    let first = chunks.iter().position(has_it).unwrap_or(chunks.len());
    let rest = row[first * LONG..].iter();
    let place = first * LONG + rest.clone().position(|&x| is_it(x)).unwrap_or(0);
    (place, row[place])
}

/// The largest of at least [`LONG`] elements; `None` if it is NaN, or a zero, of which the first is wanted.
#[inline(always)]
fn largest_value<T: Number>(row: &[T]) -> Option<T> {
    let larger = |new: T, best: T| select_unpredictable(new > best, new, best);
    let (chunks, _) = row.as_chunks::<LONG>();
    let (_, last) = row.as_rchunks::<LONG>();
    // The NaNs apart: then one instruction, a maximum that keeps its second operand if one is NaN, waits for the chunk
    // before.
    let (mut lanes, mut nans) = (chunks[0], [T::zero(); LONG]);
    for chunks in [chunks, &last[last.len() - 1..]] {
        for chunk in chunks {
            for lane in 0..LONG {
                lanes[lane] = larger(chunk[lane], lanes[lane]);
                nans[lane] = select_unpredictable(chunk[lane].is_nan(), chunk[lane], nans[lane]);
            }
        }
    }
    let has_nan = nans.iter().any(|x| x.is_nan());
    let value = lanes.into_iter().fold(lanes[0], |best, x| larger(x, best));
    (!has_nan && value != T::zero()).then_some(value)
}

/// The regular windows of a row.
struct RowOfWindows<'a, T> {
    x: &'a [T],
    row: Row<'a>,
    y: &'a mut [T],
    /// Empty if no position is wanted.
    positions: &'a mut [i64],
}

impl<T: Number> Body for RowOfWindows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        for_blocks(self.row.regular, &mut self);
    }
}

impl<T: Number> Block for RowOfWindows<'_, T> {
    #[inline(always)]
    fn block<const L: usize, const STRIDE: usize>(&mut self, first: usize) {
        let Regular {
            start,
            stride,
            taps,
            step,
            ..
        } = *self.row.regular;
        // How far behind its window's first pixel each maximum lies, in lanes as wide as an `f32`.
        let head = self.row.starts[0];
        let mut best: [T; L] = self.row.pixels::<L, STRIDE, T>(self.x, head, 0, first);
        if self.positions.is_empty() {
            for &row in self.row.starts {
                for tap in 0..taps {
                    let pixels: [T; L] = self.row.pixels::<L, STRIDE, T>(self.x, row, tap, first);
                    for lane in 0..L {
                        let better = replaces(pixels[lane], best[lane]);
                        best[lane] = if better { pixels[lane] } else { best[lane] };
                    }
                }
            }
            self.y[first..][..L].copy_from_slice(&best);
            return;
        }
        let mut behind = [0_u32; L];
        for &row in self.row.starts {
            for tap in 0..taps {
                let pixels: [T; L] = self.row.pixels::<L, STRIDE, T>(self.x, row, tap, first);
                let distance = (row - head + tap * step) as u32;
                for lane in 0..L {
                    let better = replaces(pixels[lane], best[lane]);
                    best[lane] = if better { pixels[lane] } else { best[lane] };
                    behind[lane] = if better { distance } else { behind[lane] };
                }
            }
        }
        self.y[first..][..L].copy_from_slice(&best);
        let positions = &mut self.positions[first..][..L];
        for lane in 0..L {
            let pixel = head + start + (first + lane) * stride;
            positions[lane] = (pixel + behind[lane] as usize) as i64;
        }
    }
}

fn max_of_tiles<T: Number>(windows: &Windows, x: &[T], y: &mut [T], positions: &mut [i64]) {
    let (width, out_width) = (windows.input()[2], windows.output()[2]);
    let level = Level::best();
    let mut positions = positions.chunks_exact_mut(out_width);
    for (start, y) in windows.tile_rows().zip(y.chunks_exact_mut(out_width)) {
        level.run(TileRow {
            above: &x[start..start + width],
            below: &x[start + width..start + 2 * width],
            start,
            y,
            positions: positions.next().unwrap_or_default(),
        });
    }
}

/// A row of tiles of 2 × 2.
struct TileRow<'a, T> {
    above: &'a [T],
    below: &'a [T],
    /// Position of the first pixel.
    start: usize,
    y: &'a mut [T],
    /// Empty if no position is wanted.
    positions: &'a mut [i64],
}

impl<T: Number> Body for TileRow<'_, T> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        if self.y.len() >= 8 {
            self.blocks::<8>();
        } else if self.y.len() >= 4 {
            self.blocks::<4>();
        } else {
            self.blocks::<1>();
        }
    }
}

impl<T: Number> TileRow<'_, T> {
    /// Compares `L` tiles at a time; the last block overlaps the one before it.
    #[inline(always)]
    fn blocks<const L: usize>(&mut self) {
        let last = self.y.len() - L;
        let mut first = 0;
        while first < last {
            self.block::<L>(first);
            first += L;
        }
        self.block::<L>(last);
    }

    #[inline(always)]
    fn block<const L: usize>(&mut self, first: usize) {
        let width = self.above.len();
        let above = &self.above[2 * first..][..2 * L];
        let below = &self.below[2 * first..][..2 * L];
        // Positions in a tile are 0 to 3, in lanes as wide as an `f32`.
        let (mut best, mut at) = ([above[0]; L], [0_u32; L]);
        for lane in 0..L {
            best[lane] = above[2 * lane];
        }
        for place in 1..4 {
            let row = if place < 2 { above } else { below };
            for lane in 0..L {
                let value = row[2 * lane + place % 2];
                let better = replaces(value, best[lane]);
                best[lane] = if better { value } else { best[lane] };
                at[lane] = if better { place as u32 } else { at[lane] };
            }
        }
        self.y[first..][..L].copy_from_slice(&best);
        if self.positions.is_empty() {
            return;
        }
        let positions = &mut self.positions[first..][..L];
        for lane in 0..L {
            let (right, down) = (at[lane] as usize % 2, at[lane] as usize / 2);
            positions[lane] = (self.start + 2 * (first + lane) + right + down * width) as i64;
        }
    }
}

/// The adjoint of [`gather`]: `x[position[i]] += y[i]`, plane by plane; `x` is overwritten completely.
///
/// # Panics
/// If the slices are not planes of the windows' extents, or a position is outside its plane.
pub fn scatter<T: Number>(windows: &Windows, y: &[T], positions: &[i64], x: &mut [T]) {
    windows.check_lengths(x.len(), y.len());
    assert_eq!(
        y.len(),
        positions.len(),
        "pooling: positions and y differ in length"
    );
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    for_each_plane(x, pixels, pixels + cells, |plane, x| {
        let range = plane * cells..(plane + 1) * cells;
        let (y, positions) = (&y[range.clone()], &positions[range]);
        x.fill(T::zero());
        for (&value, &position) in y.iter().zip(positions) {
            if position >= 0 {
                x[position as usize] += value;
            }
        }
    });
}

/// `y[i] = x[position[i]]`, plane by plane; 0 where there is no position.
///
/// # Panics
/// If the slices are not planes of the windows' extents, or a position is outside its plane.
pub fn gather<T: Number>(windows: &Windows, x: &[T], positions: &[i64], y: &mut [T]) {
    windows.check_lengths(x.len(), y.len());
    assert_eq!(
        y.len(),
        positions.len(),
        "pooling: positions and y differ in length"
    );
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    for_each_plane(y, cells, cells, |plane, y| {
        let x = &x[plane * pixels..][..pixels];
        for (y, &position) in y.iter_mut().zip(&positions[plane * cells..]) {
            *y = if position < 0 {
                T::zero()
            } else {
                x[position as usize]
            };
        }
    });
}
