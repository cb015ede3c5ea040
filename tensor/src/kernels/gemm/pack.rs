//! Packing: copies of operands in the order in which the microkernel reads them.

use super::microkernel::{MR, MR_512};
use crate::kernels::partition::balanced;
use crate::kernels::simd::transpose::transpose;
use crate::kernels::simd::{Float, Level};

/// Packs `rows × depth` elements of A, `rows ≤ height`: `panel[t · height + r]`, zeros beyond the rows.
pub(super) fn left_panel<T: Float>(
    level: Level,
    a: &[T],
    [row, column]: [usize; 2],
    [rows, height]: [usize; 2],
    depth: usize,
    panel: &mut [T],
) {
    let panel = &mut panel[..depth * height];
    if row == 1 {
        match (rows == height, height) {
            (true, MR) => copy_steps::<T, MR>(a, column, panel),
            (true, MR_512) => copy_steps::<T, MR_512>(a, column, panel),
            _ => {
                for (t, step) in panel.chunks_exact_mut(height).enumerate() {
                    step[..rows].copy_from_slice(&a[t * column..][..rows]);
                    step[rows..].fill(T::zero());
                }
            }
        }
        return;
    }
    // A tile computes with rows that do not exist, and denormal numbers would make it slow.
    if rows < height {
        panel.fill(T::zero());
    }
    if column == 1 {
        if rows == MR && height == MR {
            let [r0, r1, r2, r3, r4, r5] = std::array::from_fn(|r| &a[r * row..][..depth]);
            for (t, step) in panel.chunks_exact_mut(MR).enumerate() {
                step.copy_from_slice(&[r0[t], r1[t], r2[t], r3[t], r4[t], r5[t]]);
            }
        } else {
            transpose(level, [rows, depth], a, row, panel, height);
        }
        return;
    }
    for r in 0..rows {
        for t in 0..depth {
            panel[t * height + r] = a[r * row + t * column];
        }
    }
}

/// Copies `H` contiguous elements for each step. A slice of constant length is copied by vector moves, without a
/// call of `memcpy`.
fn copy_steps<T: Float, const H: usize>(a: &[T], column: usize, panel: &mut [T]) {
    for (t, step) in panel.as_chunks_mut::<H>().0.iter_mut().enumerate() {
        step.copy_from_slice(&a[t * column..][..H]);
    }
}

/// Side of the blocks in which elements are copied between two arbitrary layouts.
const SIDE: usize = 8;

/// Packs `depth × columns` elements of B into panels of `width` columns, one after the other.
///
/// Contiguous rows are read across all panels: in one panel alone, each cache line would lie in another page.
pub(super) fn right_panels<T: Float>(
    level: Level,
    b: &[T],
    strides: [usize; 2],
    depth: usize,
    columns: usize,
    width: usize,
    to: &mut [T],
) {
    let [row, column] = strides;
    let mut whole = 0;
    if column == 1 && width == T::NR {
        whole = columns / width * width;
        for t in 0..depth {
            let from = b[t * row..][..whole].chunks_exact(T::NR);
            for (from, to) in from.zip(to.chunks_mut(depth * width)) {
                // A slice of constant length is copied by vector moves, without a call of `memcpy`.
                to[t * width..][..T::NR].copy_from_slice(from);
            }
        }
    }
    for j in (whole..columns).step_by(width) {
        let columns = width.min(columns - j);
        let to = &mut to[j * depth..];
        right_panel(level, &b[j * column..], strides, depth, columns, width, to);
    }
}

/// Packs `depth × columns` elements of B, `columns ≤ width`: `panel[t · width + j]`, zeros beyond the columns.
pub(crate) fn right_panel<T: Float>(
    level: Level,
    b: &[T],
    [row, column]: [usize; 2],
    depth: usize,
    columns: usize,
    width: usize,
    panel: &mut [T],
) {
    let panel = &mut panel[..depth * width];
    if column == 1 {
        for (t, step) in panel.chunks_exact_mut(width).enumerate() {
            let from = &b[t * row..][..columns];
            if columns == T::NR && width == T::NR {
                // A slice of constant length is copied by vector moves, without a call of `memcpy`.
                step[..T::NR].copy_from_slice(&from[..T::NR]);
            } else {
                step[..columns].copy_from_slice(from);
                step[columns..].fill(T::zero());
            }
        }
        return;
    }
    if columns < width {
        panel.fill(T::zero());
    }
    if row == 1 {
        transpose(level, [columns, depth], b, column, panel, width);
        return;
    }
    // In blocks, so that the lines read and the lines written stay in the first-level cache.
    for (first, steps) in balanced(depth, SIDE) {
        for (left, across) in balanced(columns, SIDE) {
            for i in first..first + steps {
                for j in left..left + across {
                    panel[i * width + j] = b[i * row + j * column];
                }
            }
        }
    }
}
