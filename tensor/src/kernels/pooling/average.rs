//! The mean of each window, and its adjoint.

use super::rows::{Block, Row, for_blocks, for_each_row};
use super::windows::Regular;
use super::{Span, Windows, for_each_plane};
use crate::Real;
use crate::block_sum::{BlockSum, LANES, sum_of_row};
use crate::kernels::simd::{Body, Level};

/// `y[i] = Σ x / divisor` over window `i`; 0 for a window without a pixel.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn average<T: Real>(windows: &Windows, x: &[T], y: &mut [T]) {
    windows.check_lengths(x.len(), y.len());
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let (tiles, regular) = (windows.are_two_by_two(), windows.regular());
    for_each_plane(y, cells, windows.work(), |plane, y| {
        let x = &x[plane * pixels..][..pixels];
        if tiles {
            average_of_tiles(windows, x, y);
            return;
        }
        average_of_windows(windows, &regular, x, y);
    });
}

fn average_of_windows<T: Real>(windows: &Windows, regular: &Regular, x: &[T], y: &mut [T]) {
    let (level, columns) = (Level::best(), windows.spans(2));
    for_each_row(windows, |starts, [depth, rows], first| {
        let y = &mut y[first..first + columns.len()];
        let lanes = if regular.taps * starts.len() > LONG {
            0..0
        } else {
            regular.range.clone()
        };
        for window in (0..lanes.start).chain(lanes.end..columns.len()) {
            let span = columns[window];
            let sum = level.run(Window { x, starts, span });
            y[window] = divide(sum, windows.divisor([depth, rows, span]));
        }
        if !lanes.is_empty() {
            let divisor = windows.divisor([depth, rows, columns[lanes.start]]);
            let y = &mut y[lanes];
            level.run(RowOfWindows {
                x,
                row: Row { starts, regular },
                y: &mut *y,
            });
            for y in y {
                *y = divide(*y, divisor);
            }
        }
    });
}

/// Windows with more pixels are summed one by one, in lanes along their rows.
const LONG: usize = 128;

/// The sum of one window.
struct Window<'a, T> {
    x: &'a [T],
    /// Where its rows begin in the plane.
    starts: &'a [usize],
    span: Span,
}

impl<T: Real> Body for Window<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> T {
        let mut sum = BlockSum::new();
        if self.span.taps == 0 {
            return sum.total();
        }
        for start in self.starts {
            // Each row is summed by itself: a sum of short sums has a smaller rounding error.
            sum.add(if self.span.step == 1 && self.span.taps >= LANES {
                let at = start + self.span.start;
                sum_of_row(&self.x[at..at + self.span.taps])
            } else {
                self.sum_of_few(start + self.span.start)
            });
        }
        sum.total()
    }
}

impl<T: Real> Window<'_, T> {
    /// The sum of a row of pixels that is short or has gaps: a sum of plain sums of at most [`LANES`] pixels.
    #[inline(always)]
    fn sum_of_few(&self, start: usize) -> T {
        let Span { taps, step, .. } = self.span;
        let mut sum = BlockSum::new();
        for first in (0..taps).step_by(LANES) {
            let mut few = T::zero();
            for tap in first..taps.min(first + LANES) {
                few += self.x[start + tap * step];
            }
            sum.add(few);
        }
        sum.total()
    }
}

/// The sums of the regular windows of a row.
struct RowOfWindows<'a, T> {
    x: &'a [T],
    row: Row<'a>,
    y: &'a mut [T],
}

impl<T: Real> Body for RowOfWindows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        for_blocks(self.row.regular, &mut self);
    }
}

impl<T: Real> Block for RowOfWindows<'_, T> {
    #[inline(always)]
    fn block<const L: usize, const STRIDE: usize>(&mut self, first: usize) {
        let mut sums = [T::zero(); L];
        for &row in self.row.starts {
            let mut of_row = [T::zero(); L];
            for tap in 0..self.row.regular.taps {
                let pixels: [T; L] = self.row.pixels::<L, STRIDE, T>(self.x, row, tap, first);
                for lane in 0..L {
                    of_row[lane] += pixels[lane];
                }
            }
            for lane in 0..L {
                sums[lane] += of_row[lane];
            }
        }
        self.y[first..][..L].copy_from_slice(&sums);
    }
}

/// The adjoint of [`average`]: every window adds `dy[i] / divisor` to its pixels; `dx` is
/// overwritten completely.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn average_adjoint<T: Real>(windows: &Windows, dy: &[T], dx: &mut [T]) {
    windows.check_lengths(dx.len(), dy.len());
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let tiles = windows.are_two_by_two();
    for_each_plane(dx, pixels, pixels + windows.work(), |plane, dx| {
        dx.fill(T::zero());
        if tiles {
            spread_over_tiles(windows, &dy[plane * cells..][..cells], dx);
            return;
        }
        let dy = &dy[plane * cells..][..cells];
        for_each_row(windows, |starts, [depth, rows], first| {
            for (&dy, &span) in dy[first..].iter().zip(windows.spans(2)) {
                if span.taps == 0 {
                    continue;
                }
                let share = divide(dy, windows.divisor([depth, rows, span]));
                for start in starts {
                    let row = &mut dx[start + span.start..];
                    if span.step == 1 {
                        for dx in &mut row[..span.taps] {
                            *dx += share;
                        }
                    } else {
                        for tap in 0..span.taps {
                            row[tap * span.step] += share;
                        }
                    }
                }
            }
        });
    });
}

fn average_of_tiles<T: Real>(windows: &Windows, x: &[T], y: &mut [T]) {
    let width = windows.input()[2];
    let divisor = T::of(windows.tile_divisor() as f64);
    for (start, y) in windows
        .tile_rows()
        .zip(y.chunks_exact_mut(windows.output()[2]))
    {
        let above = x[start..start + width].chunks_exact(2);
        let below = x[start + width..start + 2 * width].chunks_exact(2);
        for (y, (above, below)) in y.iter_mut().zip(above.zip(below)) {
            *y = (above[0] + above[1] + (below[0] + below[1])) / divisor;
        }
    }
}

fn spread_over_tiles<T: Real>(windows: &Windows, dy: &[T], dx: &mut [T]) {
    let width = windows.input()[2];
    let divisor = T::of(windows.tile_divisor() as f64);
    for (start, dy) in windows
        .tile_rows()
        .zip(dy.chunks_exact(windows.output()[2]))
    {
        let (above, below) = dx[start..start + 2 * width].split_at_mut(width);
        let pairs = above.chunks_exact_mut(2).zip(below.chunks_exact_mut(2));
        for (&dy, (above, below)) in dy.iter().zip(pairs) {
            let share = dy / divisor;
            above.fill(share);
            below.fill(share);
        }
    }
}

fn divide<T: Real>(sum: T, divisor: usize) -> T {
    if divisor == 0 {
        return T::zero();
    }
    sum / T::of(divisor as f64)
}
