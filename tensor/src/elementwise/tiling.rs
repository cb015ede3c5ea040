//! How the elementwise engine walks its operands: plane by plane.

use crate::Element;
use crate::elementwise::inner_loops::Run;
use crate::elementwise::loop_nest::{Nest, advance};
use crate::kernels::Private;
use crate::layout::{Layout, MAX_RANK};
use crate::parallel::CHUNK;

/// Columns of a block where an operand runs across the order of the others: a cache line.
const BLOCK: usize = 16;

/// Elements of a block at most: it fits in the first cache, with every operand.
const TILE: usize = 64 * BLOCK;

/// Shorter rows are not worth an inner loop of their own.
const SHORT: usize = 16;

/// A loop nest over `N` operands of one shape, of which operand 0 is row-major without gaps.
///
/// The axes are kept from the innermost outwards, and there are always two of them.
pub(crate) struct Planes<const N: usize> {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [[isize; N]; MAX_RANK],
    start: [isize; N],
    /// The axis that goes down a plane, while axis 0 goes to the right.
    row: usize,
    /// Elements of operand 0 from one row to the next.
    slab: usize,
    /// Whether some operand is read down the plane rather than to the right.
    is_crossed: bool,
}

/// A rectangle of elements with the steps of every operand.
pub(crate) struct Plane<const N: usize> {
    height: usize,
    width: usize,
    /// Whether its short rows follow each other, so that all of it is worked on as one row.
    is_flat: bool,
    start: [isize; N],
    down: [isize; N],
    right: [isize; N],
}

impl<const N: usize> Planes<N> {
    /// The layouts have the same shape, without an empty axis.
    pub(crate) fn new(layouts: [&Layout; N]) -> Self {
        let nest = Nest::new(layouts);
        let mut planes = Self {
            rank: nest.rank.max(2),
            dims: [1; MAX_RANK],
            strides: [[0; N]; MAX_RANK],
            start: nest.start,
            row: 1,
            slab: 1,
            is_crossed: false,
        };
        for (axis, outer) in (0..nest.rank).rev().enumerate() {
            planes.dims[axis] = nest.dims[outer];
            planes.strides[axis] = nest.strides[outer];
        }
        planes.choose_row();
        planes
    }

    /// Rows go down the axis on which the first crossed operand has its neighbours in memory, so
    /// that a block uses all of a cache line; down the next axis if no operand is crossed.
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
                self.is_crossed = true;
                break;
            }
        }
        self.slab = self.dims[..self.row].iter().product();
    }

    /// Elements of a chunk that one task works on; depends on the layouts alone.
    pub(crate) fn chunk(&self) -> usize {
        if self.is_crossed {
            // Whole rows, and enough of them for blocks; but not so many that one task has it all.
            let rows = if self.slab < CHUNK { 4 * BLOCK } else { BLOCK };
            self.slab * (CHUNK / self.slab).max(rows)
        } else {
            CHUNK
        }
    }

    /// Covers the row-major places `from..from + count`, a chunk, with planes.
    ///
    /// The walk is compiled once, not for every body: a call through a pointer costs little beside
    /// a plane.
    pub(crate) fn for_planes(&self, from: usize, count: usize, body: &mut dyn FnMut(Plane<N>)) {
        let (mut at, end) = (from, from + count);
        while at < end {
            let inside = at % self.slab;
            if inside > 0 || end - at < self.slab {
                // The end or the beginning of a row; chunks of a crossed nest have none.
                let columns = (self.slab - inside).min(end - at);
                body(self.plane(at, 1, columns));
                at += columns;
            } else {
                let row = at / self.slab % self.dims[self.row];
                let rows = (end - at) / self.slab;
                let rows = rows.min(self.dims[self.row] - row).min(self.most_rows());
                self.for_blocks(at, rows, body);
                at += rows * self.slab;
            }
        }
    }

    fn most_rows(&self) -> usize {
        let columns = self.dims[0];
        if self.is_crossed || columns < SHORT {
            TILE / columns.min(BLOCK)
        } else {
            usize::MAX
        }
    }

    /// Whole rows, one plane for each place between the axes of the plane.
    fn for_blocks(&self, at: usize, rows: usize, body: &mut dyn FnMut(Plane<N>)) {
        let columns = self.dims[0];
        let width = if self.is_crossed { BLOCK } else { columns };
        for line in (at..at + self.slab).step_by(columns) {
            for column in (0..columns).step_by(width) {
                body(self.plane(line + column, rows, width.min(columns - column)));
            }
        }
    }

    fn plane(&self, at: usize, rows: usize, columns: usize) -> Plane<N> {
        let mut start = self.start;
        let mut rest = at;
        for (&extent, strides) in self.dims[..self.rank].iter().zip(&self.strides) {
            advance(&mut start, *strides, (rest % extent) as isize);
            rest /= extent;
        }
        Plane {
            height: rows,
            width: columns,
            is_flat: rows > 1 && columns < SHORT && columns == self.slab,
            start,
            down: self.strides[self.row],
            right: self.strides[0],
        }
    }
}

impl<const N: usize> Plane<N> {
    /// The rows to be worked on.
    #[inline]
    pub(crate) fn rows(&self) -> usize {
        if self.is_flat { 1 } else { self.height }
    }

    /// The length of a row.
    #[inline]
    fn columns(&self) -> usize {
        if self.is_flat {
            self.height * self.width
        } else {
            self.width
        }
    }

    /// The part of `out`, which holds the places from `from` on, that a row is written to.
    #[inline]
    pub(crate) fn target<'a, U>(&self, out: &'a mut [U], from: usize, row: usize) -> &'a mut [U] {
        let first = (self.start[0] + row as isize * self.down[0]) as usize - from;
        &mut out[first..first + self.columns()]
    }

    /// Copies operand 1 to `out`, which holds the places from `from` on, if its columns lie in memory
    /// side by side.
    #[inline]
    pub(crate) fn copy_transposed<T: Element>(
        &self,
        out: &mut [T],
        from: usize,
        buffer: &[T],
    ) -> bool {
        let (down, right) = (self.down[1], self.right[1]);
        if self.is_flat || down != 1 || right <= 1 || self.height < 2 {
            return false;
        }
        let source = &buffer[self.start[1] as usize..];
        let (right, stride) = (right as usize, self.down[0] as usize);
        let target = &mut out[self.start[0] as usize - from..];
        // Square by square, each with whole cache lines on both sides.
        for row in (0..self.height).step_by(BLOCK) {
            let rows = BLOCK.min(self.height - row);
            let target = &mut target[row * stride..];
            T::transpose(
                Private,
                [self.width, rows],
                &source[row..],
                right,
                target,
                stride,
            );
        }
        true
    }

    /// Operand `n`, by way of `tile` where it does not lie in the order of the plane.
    #[inline]
    pub(crate) fn operand<'a, T: Element>(
        &self,
        n: usize,
        buffer: &'a [T],
        tile: &'a mut Vec<T>,
    ) -> Operand<'a, T> {
        let operand = Operand {
            buffer,
            start: self.start[n],
            down: self.down[n],
            right: self.right[n],
        };
        let (down, right) = (operand.down.unsigned_abs(), operand.right.unsigned_abs());
        let is_gathered = if self.is_flat {
            (operand.down, operand.right) != (self.width as isize, 1)
        } else {
            self.height > 1 && 0 < down && down < right && self.height * self.width <= TILE
        };
        if is_gathered {
            operand.gather(self.height, self.width, tile)
        } else {
            operand
        }
    }
}

/// One operand of a plane.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    buffer: &'a [T],
    start: isize,
    down: isize,
    right: isize,
}

impl<'a, T: Element> Operand<'a, T> {
    /// A row of an operand.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> Run<'a, T> {
        Run {
            buffer: self.buffer,
            start: self.start + row as isize * self.down,
            stride: self.right,
        }
    }

    /// Copies a block into rows side by side.
    fn gather(self, rows: usize, columns: usize, tile: &'a mut Vec<T>) -> Self {
        tile.resize(rows * columns, T::default());
        if self.down == 0 {
            self.gather_repeated(rows, columns, tile);
        } else if self.right == 0 {
            for (row, cells) in tile.chunks_exact_mut(columns).enumerate() {
                cells.fill(self.row(row).at(0));
            }
        } else {
            self.gather_columns(rows, columns, tile);
        }
        Self {
            buffer: tile,
            start: 0,
            down: columns as isize,
            right: 1,
        }
    }

    /// One row over and over.
    fn gather_repeated(&self, rows: usize, columns: usize, tile: &mut [T]) {
        for (i, cell) in tile[..columns].iter_mut().enumerate() {
            *cell = self.row(0).at(i);
        }
        let mut filled = columns;
        while filled < rows * columns {
            let more = filled.min(rows * columns - filled);
            tile.copy_within(..more, filled);
            filled += more;
        }
    }

    /// Column by column, as a crossed operand lies in memory.
    fn gather_columns(&self, rows: usize, columns: usize, tile: &mut [T]) {
        if self.down == 1 && self.right > 0 {
            let from = &self.buffer[self.start as usize..];
            let stride = self.right as usize;
            T::transpose(Private, [columns, rows], from, stride, tile, columns);
            return;
        }
        for column in 0..columns {
            let run = Run {
                buffer: self.buffer,
                start: self.start + column as isize * self.right,
                stride: self.down,
            };
            let cells = tile[column..].iter_mut().step_by(columns);
            match run.dense(rows) {
                Some(values) => cells.zip(values).for_each(|(cell, &value)| *cell = value),
                None => cells.enumerate().for_each(|(i, cell)| *cell = run.at(i)),
            }
        }
    }
}
