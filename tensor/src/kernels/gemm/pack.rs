//! Copies of operands in the order in which tiles read them.

use super::blocked::balanced;
use crate::kernels::gemm::microkernel::ROWS;
use crate::kernels::simd::transpose;
use crate::kernels::simd::{Float, Level};

/// Copies `rows × depth` elements of A into `panel[t · ROWS + r]`.
pub(crate) fn scalars<T: Float>(
    a: &[T],
    [row, column]: [usize; 2],
    rows: usize,
    depth: usize,
    panel: &mut [T],
) {
    let panel = &mut panel[..depth * ROWS];
    if row == 1 {
        for (t, step) in panel.chunks_exact_mut(ROWS).enumerate() {
            let from = &a[t * column..][..rows];
            if rows == ROWS {
                step.copy_from_slice(&from[..ROWS]);
            } else {
                step[..rows].copy_from_slice(from);
            }
        }
    } else if column == 1 && rows == ROWS {
        let [r0, r1, r2, r3, r4, r5] = std::array::from_fn(|r| &a[r * row..][..depth]);
        for (t, step) in panel.chunks_exact_mut(ROWS).enumerate() {
            step.copy_from_slice(&[r0[t], r1[t], r2[t], r3[t], r4[t], r5[t]]);
        }
    } else {
        for r in 0..rows {
            for t in 0..depth {
                panel[t * ROWS + r] = a[r * row + t * column];
            }
        }
    }
}

/// Side of the squares in which a transposing copy goes.
const SIDE: usize = 8;

/// Copies `depth × columns` elements of B into panels of `width`, one after the other.
///
/// Contiguous rows are read along all panels: for one panel alone every line would be in another page.
pub(crate) fn panels<T: Float>(
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
    if column == 1 && width == 2 * T::LANES {
        whole = columns / width * width;
        for t in 0..depth {
            let from = b[t * row..][..whole].chunks_exact(2 * T::LANES);
            for (from, to) in from.zip(to.chunks_mut(depth * width)) {
                // A constant length: moves instead of a call.
                to[t * width..][..2 * T::LANES].copy_from_slice(from);
            }
        }
    }
    for j in (whole..columns).step_by(width) {
        let columns = width.min(columns - j);
        let to = &mut to[j * depth..];
        vectors(level, &b[j * column..], strides, depth, columns, width, to);
    }
}

/// Copies `depth × columns` elements of B into `panel[t · width + j]`, zeros beyond the columns.
pub(crate) fn vectors<T: Float>(
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
            if columns == 2 * T::LANES && width == 2 * T::LANES {
                // A constant length: moves instead of a call.
                step[..2 * T::LANES].copy_from_slice(&from[..2 * T::LANES]);
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
        transpose::turn(level, [columns, depth], b, column, panel, width);
        return;
    }
    // In squares, so that both the rows read and the lines written stay in the first cache.
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
