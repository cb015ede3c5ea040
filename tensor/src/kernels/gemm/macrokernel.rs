//! The macrokernel: a block of rows of A times a block of B, whose panels are packed or read in place.
//!
//! The loop over the panels of B is outside, so that a panel stays in the first-level cache while it is
//! multiplied with all rows of the block (BLIS: the second loop around the microkernel).

use super::microkernel::{self, Columns, OutputRows, Packed, Panel, Rows};
use super::task::Gemm;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;

/// How tiles read A.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOrder {
    /// In place; the elements of a row are contiguous.
    Rows,
    /// In place; the elements of a column are contiguous.
    Columns,
    /// From packed panels.
    Packed,
}

/// How the rows of C are passed.
pub(super) enum Target<'a, 'b, T> {
    /// In one slice, with this stride.
    Matrix(&'a mut [T], usize),
    /// Each in a slice of its own.
    Rows(&'a mut [&'b mut [T]]),
}

/// Copies or adds the rows of a buffer to rows of C.
fn store_rows<'a, T: Float>(
    buffer: impl Iterator<Item = &'a [T]>,
    rows: impl Iterator<Item = &'a mut [T]>,
    add: bool,
) {
    for (sums, to) in buffer.zip(rows) {
        let count = T::NR;
        if to.len() < count {
            for (to, &sum) in to.iter_mut().zip(sums) {
                *to = if add { *to + sum } else { sum };
            }
        } else if add {
            // Slices of constant length are compiled to vector instructions without a loop.
            for (to, &sum) in to[..count].iter_mut().zip(&sums[..count]) {
                *to += sum;
            }
        } else {
            to[..count].copy_from_slice(&sums[..count]);
        }
    }
}

/// The product for one block of `KC` steps of the sum and `NC` columns of B.
pub(super) struct Macrokernel<'a, T> {
    pub level: Level,
    pub task: &'a Gemm,
    pub order: LeftOrder,
    /// Whether tiles read B in place, except its last columns if they do not fill a panel.
    pub b_in_place: bool,
    /// A, from the first step of the block.
    pub a: &'a [T],
    /// B, from the first element of the block.
    pub b: &'a [T],
    /// The packed panels of B: all of them, or only the incomplete last one.
    pub right: &'a [T],
    /// Steps of the sum (BLIS: `KC`).
    pub depth: usize,
    /// Columns of B (BLIS: `NC`).
    pub across: usize,
    /// Whether sums are added to the values of C.
    pub add: bool,
}

impl<T: Float> Macrokernel<'_, T> {
    /// Rows `i0..i0 + block` of A times every panel of B. `c` starts at row `i0`; `left` holds the packed
    /// panels of these rows if the order is [`LeftOrder::Packed`].
    pub fn run(&self, i0: usize, block: usize, left: &[T], mut c: Target<'_, '_, T>) {
        let (depth, width) = (self.depth, T::NR);
        // The microkernel stores whole panels with one stride. If columns do not fill a panel, or each row is
        // a slice of its own, it stores to a buffer.
        let partial = !self.across.is_multiple_of(width);
        let apart = partial || matches!(c, Target::Rows(_));
        let mut buffer = Scratch::<T>::new(if apart { block * width } else { 0 });
        for j in (0..self.across).step_by(width) {
            let across = width.min(self.across - j);
            let vectors = if self.b_in_place && across == width {
                Panel {
                    panel: &self.b[j..],
                    stride: self.task.b[0],
                }
            } else {
                let slot = if self.b_in_place { 0 } else { j * depth };
                Panel {
                    panel: &self.right[slot..],
                    stride: width,
                }
            };
            match &mut c {
                Target::Matrix(head, stride) if across == width => {
                    let to = OutputRows {
                        head: &mut head[j..],
                        stride: *stride,
                        add: self.add,
                    };
                    self.panel(i0, block, left, vectors, to);
                }
                _ => {
                    let to = OutputRows {
                        head: &mut buffer,
                        stride: width,
                        add: false,
                    };
                    self.panel(i0, block, left, vectors, to);
                    let buffer = buffer.chunks_exact(width);
                    match &mut c {
                        Target::Matrix(head, stride) => {
                            let rows = head.chunks_mut(*stride).take(block);
                            let rows = rows.map(|row| &mut row[j..][..across]);
                            store_rows(buffer, rows, self.add);
                        }
                        Target::Rows(rows) => {
                            let rows = rows.iter_mut().map(|row| &mut row[j..][..across]);
                            store_rows(buffer, rows, self.add);
                        }
                    }
                }
            }
        }
    }

    /// Rows of A times one panel of B.
    fn panel(
        &self,
        i0: usize,
        block: usize,
        left: &[T],
        vectors: Panel<'_, T>,
        to: OutputRows<'_, T>,
    ) {
        let (level, task) = (self.level, self.task);
        let matrix = &self.a[i0 * task.a[0]..];
        let [row, column] = task.a;
        let size = [block, self.depth];
        match self.order {
            LeftOrder::Rows => {
                let rows = Rows {
                    matrix,
                    stride: row,
                };
                microkernel::run(level, size, rows, vectors, to);
            }
            LeftOrder::Columns => {
                let columns = Columns {
                    matrix,
                    stride: column,
                };
                microkernel::run(level, size, columns, vectors, to);
            }
            LeftOrder::Packed => {
                microkernel::run(level, size, Packed(left), vectors, to);
            }
        }
    }
}
