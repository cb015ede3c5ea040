//! Copies of operands in the order in which tiles read them.

use crate::kernels::simd::Float;
use crate::kernels::tile::ROWS;

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

/// Copies `depth × columns` elements of B into `panel[t · width + j]`, zeros beyond the columns.
pub(crate) fn vectors<T: Float>(
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
    // In squares, so that both the rows read and the lines written stay in the first cache.
    for first in (0..depth).step_by(SIDE) {
        let steps = SIDE.min(depth - first);
        for left in (0..columns).step_by(SIDE) {
            let across = SIDE.min(columns - left);
            if steps == SIDE && across == SIDE && row == 1 {
                let mut block = [[T::zero(); SIDE]; SIDE];
                for (j, lanes) in block.iter_mut().enumerate() {
                    let from: &[T] = &b[first + (left + j) * column..][..SIDE];
                    lanes.copy_from_slice(from);
                }
                for i in 0..SIDE {
                    let to = &mut panel[(first + i) * width + left..][..SIDE];
                    for j in 0..SIDE {
                        to[j] = block[j][i];
                    }
                }
            } else {
                for i in first..first + steps {
                    for j in left..left + across {
                        panel[i * width + j] = b[i * row + j * column];
                    }
                }
            }
        }
    }
}
