//! Functions of the lines of elements along an axis, such as a softmax.

use std::marker::PhantomData;

use crate::axes::resolve_axis;
use crate::block_sum::BlockSum;
use crate::create::buffer;
use crate::kernels::simd::{Body, Level};
use crate::{Number, Real, Tensor, parallel};

/// The number of columns computed together: a row of them fills whole vectors.
pub(super) const COLUMNS: usize = 32;

/// A function from `N` lines along the axis to one.
pub(super) trait LineFunction<const N: usize> {
    /// Computes the function of contiguous rows `from` into `to`.
    fn row<T: Real>(from: [&[T]; N], to: &mut [T]);
    /// Computes the function of each column; the result takes the place of the first operand.
    fn columns<T: Real>(rows: [&mut [[T; COLUMNS]]; N]);
}

/// Applies a function to every line along an axis of operands of one shape; `steps` estimates the cost of an element.
#[track_caller]
pub(super) fn along_axis<F: LineFunction<N>, T: Real, const N: usize>(
    op: &str,
    operands: [&Tensor<T>; N],
    axis: isize,
    steps: usize,
) -> Tensor<T> {
    let first = operands[0];
    let axis = resolve_axis(op, axis, first.shape());
    if first.is_empty() {
        return first.clone();
    }
    let operands = operands.map(Tensor::contiguous);
    let values = operands
        .each_ref()
        .map(|x| x.as_slice().expect("made contiguous"));
    let extent = first.shape()[axis];
    let inner: usize = first.shape()[axis + 1..].iter().product();
    let mut out = buffer(op, first.shape());
    let block = extent * inner;
    let chunk = block * (parallel::CHUNK / 4).div_ceil(block);
    let level = Level::best();
    parallel::for_chunks_mut(&mut out, chunk, steps * first.len(), |index, to| {
        let start = index * chunk;
        let from = values.map(|values| &values[start..start + to.len()]);
        let function = PhantomData::<F>;
        if inner > 1 {
            for (i, to) in to.chunks_exact_mut(block).enumerate() {
                let from = from.map(|from| &from[i * block..(i + 1) * block]);
                let strides = [inner, 1];
                level.run(Columns {
                    from,
                    to,
                    extent,
                    strides,
                    function,
                });
            }
        } else if extent < COLUMNS {
            let strides = [1, extent];
            level.run(Columns {
                from,
                to,
                extent,
                strides,
                function,
            });
        } else {
            rows_in::<F, T, N>(level, from, to, extent);
        }
    });
    Tensor::from_parts(out, first.layout().to_row_major())
}

/// Applies a function to every contiguous row of length `extent`.
pub(super) fn rows_in<F: LineFunction<N>, T: Real, const N: usize>(
    level: Level,
    from: [&[T]; N],
    to: &mut [T],
    extent: usize,
) {
    let function = PhantomData::<F>;
    level.run(Rows {
        from,
        to,
        extent,
        function,
    });
}

/// The sums of columns of any length: blocks of rows are added, and the rounding errors of these additions.
pub(super) struct ColumnSums<T>([BlockSum<T>; COLUMNS]);

impl<T: Number> ColumnSums<T> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([(); COLUMNS].map(|()| BlockSum::new()))
    }

    /// Adds the sums of a block of rows.
    #[inline(always)]
    pub(super) fn add(&mut self, block: [T; COLUMNS]) {
        for (sum, x) in self.0.iter_mut().zip(block) {
            sum.add(x);
        }
    }

    #[inline(always)]
    pub(super) fn total(&self) -> [T; COLUMNS] {
        self.0.each_ref().map(BlockSum::total)
    }
}

/// Contiguous rows of length `extent`.
struct Rows<'a, T, F, const N: usize> {
    from: [&'a [T]; N],
    to: &'a mut [T],
    extent: usize,
    function: PhantomData<F>,
}

impl<T: Real, F: LineFunction<N>, const N: usize> Body for Rows<'_, T, F, N> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let extent = self.extent;
        for (i, to) in self.to.chunks_exact_mut(extent).enumerate() {
            F::row(
                self.from.map(|from| &from[i * extent..(i + 1) * extent]),
                to,
            );
        }
    }
}

/// Applies a function to every column of length `extent`, `COLUMNS` at a time.
struct Columns<'a, T, F, const N: usize> {
    from: [&'a [T]; N],
    to: &'a mut [T],
    extent: usize,
    /// Distance between neighbours of a column, and between the starts of neighbouring columns.
    strides: [usize; 2],
    function: PhantomData<F>,
}

impl<T: Real, F: LineFunction<N>, const N: usize> Body for Columns<'_, T, F, N> {
    type Output = ();
    const USES_512_BITS: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let [along, across] = self.strides;
        let count = self.to.len() / self.extent;
        let mut operands = [(); N].map(|()| vec![[T::zero(); COLUMNS]; self.extent]);
        for first in (0..count).step_by(COLUMNS) {
            let width = COLUMNS.min(count - first);
            for (rows, from) in operands.iter_mut().zip(self.from) {
                for (i, row) in rows.iter_mut().enumerate() {
                    let from = &from[i * along + first * across..];
                    if across == 1 {
                        row[..width].copy_from_slice(&from[..width]);
                        continue;
                    }
                    for (j, x) in row[..width].iter_mut().enumerate() {
                        *x = from[j * across];
                    }
                }
            }
            F::columns(operands.each_mut().map(Vec::as_mut_slice));
            for (i, row) in operands[0].iter().enumerate() {
                let to = &mut self.to[i * along + first * across..];
                if across == 1 {
                    to[..width].copy_from_slice(&row[..width]);
                    continue;
                }
                for (j, &y) in row[..width].iter().enumerate() {
                    to[j * across] = y;
                }
            }
        }
    }
}
