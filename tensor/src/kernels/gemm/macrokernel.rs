//! The macrokernel: a block of rows of A times a block of B, whose panels are packed or read in place.
//!
//! The loop over the panels of B is outside, so that a panel stays in the first-level cache while it is
//! multiplied with all rows of the block (BLIS: the second loop around the microkernel).

use super::microkernel::{self, Columns, LeftOperand, MR, MR_512, Next, OutputRows, Panel, Rows};
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
        // Slices of constant length are compiled to vector instructions without a loop.
        let whole = to.len() / T::NR * T::NR;
        let (head, tail) = to.split_at_mut(whole);
        for (to, sums) in head.chunks_exact_mut(T::NR).zip(sums.chunks_exact(T::NR)) {
            if add {
                for (to, &sum) in to[..T::NR].iter_mut().zip(&sums[..T::NR]) {
                    *to += sum;
                }
            } else {
                to[..T::NR].copy_from_slice(&sums[..T::NR]);
            }
        }
        for (to, &sum) in tail.iter_mut().zip(&sums[whole..]) {
            *to = if add { *to + sum } else { sum };
        }
    }
}

/// The product for one block of `KC` steps of the sum and `NC` columns of B.
pub(super) struct Macrokernel<'a, T> {
    pub level: Level,
    pub task: &'a Gemm,
    pub order: LeftOrder,
    /// Most rows of a tile that reads A in place with registers of 512 bits.
    pub rows_in_place: usize,
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
        let mut buffer = Scratch::<T>::new(if apart { block * 2 * width } else { 0 });
        let mut j = 0;
        while j < self.across {
            // Two panels at once, if they are packed or whole.
            let rest = self.across - j;
            let is_pair = rest >= 2 * width || rest > width && !self.b_in_place;
            let next = is_pair.then_some(Next {
                panel: if self.b_in_place {
                    width
                } else {
                    width * depth
                },
                output: width,
            });
            let stored = if is_pair { 2 * width } else { width };
            let across = stored.min(rest);
            match &mut c {
                Target::Matrix(head, stride) if across == stored => {
                    let to = OutputRows {
                        head: &mut head[j..],
                        stride: *stride,
                        add: self.add,
                    };
                    self.panel(i0, block, left, self.vectors(j), to, next);
                }
                _ => {
                    let to = OutputRows {
                        head: &mut buffer,
                        stride: stored,
                        add: false,
                    };
                    self.panel(i0, block, left, self.vectors(j), to, next);
                    let buffer = buffer.chunks_exact(stored);
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
            j += stored;
        }
    }

    /// The panel of B from column `j` on.
    fn vectors(&self, j: usize) -> Panel<'_, T> {
        let width = T::NR;
        if self.b_in_place && j + width <= self.across {
            return Panel {
                panel: &self.b[j..],
                stride: self.task.b[0],
            };
        }
        let slot = if self.b_in_place { 0 } else { j * self.depth };
        Panel {
            panel: &self.right[slot..],
            stride: width,
        }
    }

    /// Rows of A times one panel of B, or two.
    fn panel(
        &self,
        i0: usize,
        block: usize,
        left: &[T],
        vectors: Panel<'_, T>,
        to: OutputRows<'_, T>,
        next: Option<Next>,
    ) {
        let matrix = &self.a[i0 * self.task.a[0]..];
        let [row, column] = self.task.a;
        let size = [block, self.depth];
        match self.order {
            LeftOrder::Rows => {
                let rows = Rows {
                    matrix,
                    stride: row,
                    most: self.rows_in_place,
                };
                self.multiply(size, rows, vectors, to, next);
            }
            LeftOrder::Columns => {
                self.multiply(size, Columns::in_place(matrix, column), vectors, to, next);
            }
            LeftOrder::Packed => {
                let height = if self.level.has_512_bits() {
                    MR_512
                } else {
                    MR
                };
                let panels = Columns::packed(left, height, self.depth);
                self.multiply(size, panels, vectors, to, next);
            }
        }
    }

    fn multiply(
        &self,
        size: [usize; 2],
        left: impl LeftOperand<T>,
        vectors: Panel<'_, T>,
        to: OutputRows<'_, T>,
        next: Option<Next>,
    ) {
        match next {
            Some(next) => microkernel::run_pair(self.level, size, left, vectors, to, next),
            None => microkernel::run(self.level, size, left, vectors, to),
        }
    }
}
