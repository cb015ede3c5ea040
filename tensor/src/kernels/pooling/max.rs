//! The largest element of each window, and the two maps that its position makes.

use super::{Windows, for_each_plane};
use crate::Number;

/// `y[i] = max x` over window `i`, and its position in the plane; the first of equal ones in
/// row-major order, the first NaN before any number.
///
/// A window without a pixel has the value −∞ and the position −1.
///
/// # Panics
/// If the slices are not planes of the windows' extents.
pub fn max<T: Number>(windows: &Windows, x: &[T], y: &mut [T], positions: &mut [i64]) {
    windows.check_lengths(x.len(), y.len());
    assert_eq!(y.len(), positions.len(), "pooling: positions are not as y");
    let (pixels, cells) = (windows.input_pixels(), windows.output_pixels());
    let mut planes: Vec<_> = y
        .chunks_mut(cells.max(1))
        .zip(positions.chunks_mut(cells.max(1)))
        .collect();
    let tiles = windows.are_two_by_two();
    for_each_plane(&mut planes, 1, windows.work(), |plane, out| {
        let x = &x[plane * pixels..][..pixels];
        let (y, positions) = &mut out[0];
        if tiles {
            max_of_tiles(windows, x, y, positions);
        } else {
            max_of_windows(windows, x, y, positions);
        }
    });
}

/// Whether a later element takes the place of the largest so far.
#[inline]
fn wins<T: Number>(new: T, best: T) -> bool {
    new > best || (new.is_nan() && !best.is_nan())
}

fn max_of_windows<T: Number>(windows: &Windows, x: &[T], y: &mut [T], positions: &mut [i64]) {
    let [_, height, width] = windows.input();
    for ((y, position), [depth, rows, columns]) in y.iter_mut().zip(positions).zip(windows.iter()) {
        let mut best = (T::of(f64::NEG_INFINITY), -1);
        for z in depth.pixels() {
            for row in rows.pixels() {
                let start = (z * height + row) * width;
                for at in columns.pixels().map(|column| start + column) {
                    if best.1 < 0 || wins(x[at], best.0) {
                        best = (x[at], at as i64);
                    }
                }
            }
        }
        (*y, *position) = best;
    }
}

fn max_of_tiles<T: Number>(windows: &Windows, x: &[T], y: &mut [T], positions: &mut [i64]) {
    let (width, out_width) = (windows.input()[2], windows.output()[2]);
    let rows = y
        .chunks_exact_mut(out_width)
        .zip(positions.chunks_exact_mut(out_width));
    for (start, (y, positions)) in windows.tile_rows().zip(rows) {
        let above = x[start..start + width].chunks_exact(2);
        let below = x[start + width..start + 2 * width].chunks_exact(2);
        let cells = y.iter_mut().zip(positions).zip(above.zip(below));
        for (column, ((y, position), (above, below))) in cells.enumerate() {
            let (mut best, mut at) = (above[0], 0);
            // Selects rather than jumps: which of four is largest is not predictable.
            for (value, offset) in [(above[1], 1), (below[0], width), (below[1], width + 1)] {
                let better = wins(value, best);
                best = if better { value } else { best };
                at = if better { offset } else { at };
            }
            *y = best;
            *position = (start + 2 * column + at) as i64;
        }
    }
}

/// The adjoint of [`gather`]: `x[position[i]] += y[i]`, plane by plane; `x` is overwritten whole.
///
/// # Panics
/// If the slices are not planes of the windows' extents, or a position is outside its plane.
pub fn scatter<T: Number>(windows: &Windows, y: &[T], positions: &[i64], x: &mut [T]) {
    windows.check_lengths(x.len(), y.len());
    assert_eq!(y.len(), positions.len(), "pooling: positions are not as y");
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
    assert_eq!(y.len(), positions.len(), "pooling: positions are not as y");
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
