//! Loops over strided operands of one shape, cut into two-dimensional tiles that fit in the L1 cache.
//!
//! If an operand is transposed with respect to the result, reading it row by row would use one element of each
//! cache line. A tile is packed instead: read along the operand's contiguous axis into a small row-major
//! buffer.

use crate::Element;
use crate::elementwise::inner_loops::StridedSlice;
use crate::elementwise::loop_nest::{LoopNest, advance};
use crate::kernels::Private;
use crate::layout::{Layout, MAX_RANK};
use crate::parallel::CHUNK;

/// Columns of a tile if an operand is transposed: one cache line of `f32`.
const BLOCK: usize = 16;

/// The most elements of a packed tile: a tile of every operand fits in the L1 cache together.
const TILE_ELEMENTS: usize = 64 * BLOCK;

/// Rows shorter than this are joined into one, because an inner loop over each would cost too much.
const SHORT_ROW: usize = 16;

/// A tiled loop nest over `N` operands of one shape. Operand 0 is the result: row-major and contiguous.
///
/// Axes are stored from the innermost outwards; there are at least two.
pub(crate) struct TiledLoop<const N: usize> {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [[isize; N]; MAX_RANK],
    start: [isize; N],
    /// The axis along the rows of a tile; axis 0 is along its columns.
    row: usize,
    /// The distance in operand 0 from one row to the next: the product of the extents of the axes inside.
    row_elements: usize,
    /// Whether an operand has a smaller stride along the rows axis than along axis 0.
    is_transposed: bool,
}

/// A two-dimensional part of the loop nest: position and strides of every operand.
pub(crate) struct Tile<const N: usize> {
    height: usize,
    width: usize,
    /// Whether the rows are short and adjacent in operand 0, so that the tile is processed as one row.
    is_flattened: bool,
    start: [isize; N],
    row_stride: [isize; N],
    column_stride: [isize; N],
}

impl<const N: usize> TiledLoop<N> {
    /// The layouts must have the same shape and at least one element.
    pub(crate) fn new(layouts: [&Layout; N]) -> Self {
        let nest = LoopNest::new(layouts);
        let mut tiled = Self {
            rank: nest.rank.max(2),
            dims: [1; MAX_RANK],
            strides: [[0; N]; MAX_RANK],
            start: nest.start,
            row: 1,
            row_elements: 1,
            is_transposed: false,
        };
        for (axis, outer) in (0..nest.rank).rev().enumerate() {
            tiled.dims[axis] = nest.dims[outer];
            tiled.strides[axis] = nest.strides[outer];
        }
        tiled.choose_row();
        tiled
    }

    /// Chooses the axis of the rows: the one along which the first transposed operand has its smallest stride,
    /// so that a tile uses whole cache lines; axis 1 if no operand is transposed.
    fn choose_row(&mut self) {
        for n in 1..N {
            let step = |axis: usize| self.strides[axis][n].unsigned_abs();
            let nearest = (0..self.rank)
                .filter(|&axis| step(axis) > 0 && self.dims[axis] > 1)
                .min_by_key(|&axis| step(axis));
            if let Some(axis) = nearest
                && axis > 0
                && step(0) > 1
            {
                self.row = axis;
                self.is_transposed = true;
                break;
            }
        }
        self.row_elements = self.dims[..self.row].iter().product();
    }

    /// The number of elements in the chunk of one task; depends on the layouts alone.
    pub(crate) fn chunk(&self) -> usize {
        if self.is_transposed {
            // Whole rows, enough for full tiles, but few enough to leave several tasks.
            let rows = if self.row_elements < CHUNK {
                4 * BLOCK
            } else {
                BLOCK
            };
            self.row_elements * (CHUNK / self.row_elements).max(rows)
        } else {
            CHUNK
        }
    }

    /// Calls `body` for tiles that cover the row-major positions `from..from + count`, which are one chunk.
    ///
    /// `body` is a trait object so that this function is compiled once, not for every operation; the indirect
    /// call costs little compared with a tile.
    pub(crate) fn for_tiles(&self, from: usize, count: usize, body: &mut dyn FnMut(Tile<N>)) {
        let (mut at, end) = (from, from + count);
        while at < end {
            let inside = at % self.row_elements;
            if inside > 0 || end - at < self.row_elements {
                // Part of a row. Chunks of a nest with a transposed operand are whole rows.
                let columns = (self.row_elements - inside).min(end - at);
                body(self.tile(at, 1, columns));
                at += columns;
            } else {
                let row = at / self.row_elements % self.dims[self.row];
                let rows = (end - at) / self.row_elements;
                let rows = rows.min(self.dims[self.row] - row).min(self.max_rows());
                self.for_blocks(at, rows, body);
                at += rows * self.row_elements;
            }
        }
    }

    fn max_rows(&self) -> usize {
        let columns = self.dims[0];
        if self.is_transposed || columns < SHORT_ROW {
            TILE_ELEMENTS / columns.min(BLOCK)
        } else {
            usize::MAX
        }
    }

    /// Tiles that cover whole rows: for each index of the axes between the two axes of a tile, and for each
    /// block of columns.
    fn for_blocks(&self, at: usize, rows: usize, body: &mut dyn FnMut(Tile<N>)) {
        let columns = self.dims[0];
        let width = if self.is_transposed { BLOCK } else { columns };
        for line in (at..at + self.row_elements).step_by(columns) {
            for column in (0..columns).step_by(width) {
                body(self.tile(line + column, rows, width.min(columns - column)));
            }
        }
    }

    fn tile(&self, at: usize, rows: usize, columns: usize) -> Tile<N> {
        let mut start = self.start;
        let mut rest = at;
        for (&extent, strides) in self.dims[..self.rank].iter().zip(&self.strides) {
            advance(&mut start, *strides, (rest % extent) as isize);
            rest /= extent;
        }
        Tile {
            height: rows,
            width: columns,
            is_flattened: rows > 1 && columns < SHORT_ROW && columns == self.row_elements,
            start,
            row_stride: self.strides[self.row],
            column_stride: self.strides[0],
        }
    }
}

impl<const N: usize> Tile<N> {
    /// The number of rows to process.
    #[inline]
    pub(crate) fn rows(&self) -> usize {
        if self.is_flattened { 1 } else { self.height }
    }

    /// The length of a row.
    #[inline]
    fn columns(&self) -> usize {
        if self.is_flattened {
            self.height * self.width
        } else {
            self.width
        }
    }

    /// The part of `out` that a row is written to; `out[0]` is row-major position `from` of the result.
    #[inline]
    pub(crate) fn target<'a, U>(&self, out: &'a mut [U], from: usize, row: usize) -> &'a mut [U] {
        let first = (self.start[0] + row as isize * self.row_stride[0]) as usize - from;
        &mut out[first..first + self.columns()]
    }

    /// Copies operand 1 to `out`, whose element 0 is row-major position `from`, by transposing blocks. Returns
    /// false, without copying, if the columns of operand 1 are not contiguous.
    #[inline]
    pub(crate) fn copy_transposed<T: Element>(
        &self,
        out: &mut [T],
        from: usize,
        buffer: &[T],
    ) -> bool {
        let (row_stride, column_stride) = (self.row_stride[1], self.column_stride[1]);
        if self.is_flattened || row_stride != 1 || column_stride <= 1 || self.height < 2 {
            return false;
        }
        let source = &buffer[self.start[1] as usize..];
        let (column_stride, stride) = (column_stride as usize, self.row_stride[0] as usize);
        let target = &mut out[self.start[0] as usize - from..];
        // In blocks that read and write whole cache lines.
        for row in (0..self.height).step_by(BLOCK) {
            let rows = BLOCK.min(self.height - row);
            let target = &mut target[row * stride..];
            T::transpose(
                Private,
                [self.width, rows],
                &source[row..],
                column_stride,
                target,
                stride,
            );
        }
        true
    }

    /// Operand `n` of the tile; copied to `packed` first if it is transposed, or if the tile is flattened and
    /// the operand is not contiguous in it.
    #[inline]
    pub(crate) fn operand<'a, T: Element>(
        &self,
        n: usize,
        buffer: &'a [T],
        packed: &'a mut Vec<T>,
    ) -> Operand<'a, T> {
        let operand = Operand {
            buffer,
            start: self.start[n],
            row_stride: self.row_stride[n],
            column_stride: self.column_stride[n],
        };
        let (row_stride, column_stride) = (
            operand.row_stride.unsigned_abs(),
            operand.column_stride.unsigned_abs(),
        );
        let is_packed = if self.is_flattened {
            (operand.row_stride, operand.column_stride) != (self.width as isize, 1)
        } else {
            self.height > 1
                && 0 < row_stride
                && row_stride < column_stride
                && self.height * self.width <= TILE_ELEMENTS
        };
        if is_packed {
            operand.pack(self.height, self.width, packed)
        } else {
            operand
        }
    }
}

/// One operand of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    buffer: &'a [T],
    start: isize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a, T: Element> Operand<'a, T> {
    /// Row `row` of the operand.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> StridedSlice<'a, T> {
        StridedSlice {
            buffer: self.buffer,
            start: self.start + row as isize * self.row_stride,
            stride: self.column_stride,
        }
    }

    /// Copies the operand's elements into `packed`, row-major and contiguous.
    fn pack(self, rows: usize, columns: usize, packed: &'a mut Vec<T>) -> Self {
        packed.resize(rows * columns, T::default());
        if self.row_stride == 0 {
            self.pack_repeated(rows, columns, packed);
        } else if self.column_stride == 0 {
            for (row, cells) in packed.chunks_exact_mut(columns).enumerate() {
                cells.fill(self.row(row).at(0));
            }
        } else {
            self.pack_columns(rows, columns, packed);
        }
        Self {
            buffer: packed,
            start: 0,
            row_stride: columns as isize,
            column_stride: 1,
        }
    }

    /// Packs an operand with equal rows: fills one and copies it.
    fn pack_repeated(&self, rows: usize, columns: usize, packed: &mut [T]) {
        for (i, cell) in packed[..columns].iter_mut().enumerate() {
            *cell = self.row(0).at(i);
        }
        let mut filled = columns;
        while filled < rows * columns {
            let more = filled.min(rows * columns - filled);
            packed.copy_within(..more, filled);
            filled += more;
        }
    }

    /// Packs column by column, the order of a transposed operand in memory.
    fn pack_columns(&self, rows: usize, columns: usize, packed: &mut [T]) {
        if self.row_stride == 1 && self.column_stride > 0 {
            let from = &self.buffer[self.start as usize..];
            let stride = self.column_stride as usize;
            T::transpose(Private, [columns, rows], from, stride, packed, columns);
            return;
        }
        for column in 0..columns {
            let run = StridedSlice {
                buffer: self.buffer,
                start: self.start + column as isize * self.column_stride,
                stride: self.row_stride,
            };
            let cells = packed[column..].iter_mut().step_by(columns);
            match run.as_contiguous(rows) {
                Some(values) => cells.zip(values).for_each(|(cell, &value)| *cell = value),
                None => cells.enumerate().for_each(|(i, cell)| *cell = run.at(i)),
            }
        }
    }
}
