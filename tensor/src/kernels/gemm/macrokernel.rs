//! One block of depth and columns of the blocked product, swept with rows of A.

use super::blocked::{Order, Product};
use crate::kernels::gemm::microkernel::{self, Columns, Matrix, Packed, Panel, Rows, columns};
use crate::kernels::simd::Float;
use crate::memory::scratch;

/// Where rows of C are.
pub(super) enum Target<'a, 'b, T> {
    /// Side by side, so many elements apart.
    Matrix(&'a mut [T], usize),
    /// Each by itself.
    Rows(&'a mut [&'b mut [T]]),
}

/// Puts the rows of a strip where they belong.
fn unload<'a, T: Float>(
    strip: impl Iterator<Item = &'a [T]>,
    rows: impl Iterator<Item = &'a mut [T]>,
    add: bool,
) {
    for (sums, to) in strip.zip(rows) {
        let count = columns::<T>();
        if to.len() < count {
            for (to, &sum) in to.iter_mut().zip(sums) {
                *to = if add { *to + sum } else { sum };
            }
        } else if add {
            // Constant lengths: vectors instead of a loop.
            for (to, &sum) in to[..count].iter_mut().zip(&sums[..count]) {
                *to += sum;
            }
        } else {
            to[..count].copy_from_slice(&sums[..count]);
        }
    }
}

/// One block of depth and columns: what is common to its rows.
pub(super) struct Pass<'a, T> {
    pub product: &'a Product<'a, T>,
    /// A, from the first step of the block.
    pub a: &'a [T],
    /// B, from the first element of the block.
    pub b: &'a [T],
    /// The packed panels of B: all of them, or only the last and incomplete one.
    pub right: &'a [T],
    pub depth: usize,
    pub across: usize,
    pub add: bool,
}

impl<T: Float> Pass<'_, T> {
    /// Rows `i0..i0 + block` of A with every panel of B; `c` starts at row `i0`, and `left` has their packed
    /// panels, if the order is [`Order::Packed`].
    pub fn rows(&self, i0: usize, block: usize, left: &[T], mut c: Target<'_, '_, T>) {
        let Product { task, in_place, .. } = *self.product;
        let (depth, width) = (self.depth, columns::<T>());
        // What does not lie as a tile stores it goes through a strip of one panel's width.
        let partial = !self.across.is_multiple_of(width);
        let apart = partial || matches!(c, Target::Rows(_));
        let mut strip = scratch::stale::<T>(if apart { block * width } else { 0 });
        for j in (0..self.across).step_by(width) {
            let across = width.min(self.across - j);
            let vectors = if in_place && across == width {
                Panel {
                    panel: &self.b[j..],
                    stride: task.b[0],
                }
            } else {
                let slot = if in_place { 0 } else { j * depth };
                Panel {
                    panel: &self.right[slot..],
                    stride: width,
                }
            };
            match &mut c {
                Target::Matrix(head, stride) if across == width => {
                    let to = Matrix {
                        head: &mut head[j..],
                        stride: *stride,
                        add: self.add,
                    };
                    self.sweep(i0, block, left, vectors, to);
                }
                _ => {
                    let to = Matrix {
                        head: &mut strip,
                        stride: width,
                        add: false,
                    };
                    self.sweep(i0, block, left, vectors, to);
                    let strip = strip.chunks_exact(width);
                    match &mut c {
                        Target::Matrix(head, stride) => {
                            let rows = head.chunks_mut(*stride).take(block);
                            let rows = rows.map(|row| &mut row[j..][..across]);
                            unload(strip, rows, self.add);
                        }
                        Target::Rows(rows) => {
                            let rows = rows.iter_mut().map(|row| &mut row[j..][..across]);
                            unload(strip, rows, self.add);
                        }
                    }
                }
            }
        }
        scratch::recycle(strip);
    }

    /// Rows of A with one panel of B.
    fn sweep(&self, i0: usize, block: usize, left: &[T], vectors: Panel<'_, T>, to: Matrix<'_, T>) {
        let Product {
            level, task, order, ..
        } = *self.product;
        let matrix = &self.a[i0 * task.a[0]..];
        let [row, column] = task.a;
        let size = [block, self.depth];
        match order {
            Order::Rows => {
                let rows = Rows {
                    matrix,
                    stride: row,
                };
                microkernel::sweep(level, size, rows, vectors, to);
            }
            Order::Columns => {
                let columns = Columns {
                    matrix,
                    stride: column,
                };
                microkernel::sweep(level, size, columns, vectors, to);
            }
            Order::Packed => {
                microkernel::sweep(level, size, Packed(left), vectors, to);
            }
        }
    }
}
