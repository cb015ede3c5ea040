//! The mean of each window, and its adjoint.

use super::{Windows, for_each_plane};
use crate::Real;

/// `y[i] = Σ x / divisor` over window `i`; 0 for a window without a pixel.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn average<T: Real>(windows: &Windows, x: &[T], y: &mut [T]) {
    windows.check_lengths(x.len(), y.len());
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let [_, height, width] = windows.input();
    let tiles = windows.are_two_by_two();
    for_each_plane(y, cells, windows.work(), |plane, y| {
        let x = &x[plane * pixels..][..pixels];
        if tiles {
            average_of_tiles(windows, x, y);
            return;
        }
        for (y, spans) in y.iter_mut().zip(windows.iter()) {
            let [depth, rows, columns] = spans;
            let mut sum = T::zero();
            for z in depth.pixels() {
                for row in rows.pixels() {
                    let start = (z * height + row) * width;
                    // Each row is summed by itself: a sum of short sums has a smaller rounding error.
                    let pixels = columns.pixels().map(|column| x[start + column]);
                    sum += pixels.fold(T::zero(), |sum, pixel| sum + pixel);
                }
            }
            *y = divide(sum, windows.divisor(spans));
        }
    });
}

/// The adjoint of [`average`]: every window adds `dy[i] / divisor` to its pixels; `dx` is
/// overwritten completely.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn average_adjoint<T: Real>(windows: &Windows, dy: &[T], dx: &mut [T]) {
    windows.check_lengths(dx.len(), dy.len());
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let [_, height, width] = windows.input();
    let tiles = windows.are_two_by_two();
    for_each_plane(dx, pixels, pixels + windows.work(), |plane, dx| {
        dx.fill(T::zero());
        if tiles {
            spread_over_tiles(windows, &dy[plane * cells..][..cells], dx);
            return;
        }
        for (&dy, spans) in dy[plane * cells..].iter().zip(windows.iter()) {
            let [depth, rows, columns] = spans;
            let share = divide(dy, windows.divisor(spans));
            for z in depth.pixels() {
                for row in rows.pixels() {
                    let start = (z * height + row) * width;
                    for column in columns.pixels() {
                        dx[start + column] += share;
                    }
                }
            }
        }
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
