//! The microkernel: a register tile of `MR × NR` sums, the innermost loop of products and convolutions.
//!
//! `tile[r][v] = Σₜ a(t)[r] · b(t)[v]`: each step broadcasts `MR` numbers of A, multiplies each with the
//! `NR` numbers of a row of B's panel, and adds to accumulators that stay in registers.
//!
//! | level | registers | rows | columns | accumulators |
//! |---|---|---|---|---|
//! | 256 bits | 16 | [`MR`] = 6 | one panel of B: two vectors | 12, with 2 of B and 1 broadcast 15 of 16 |
//! | 512 bits | 32 | [`MR_512`] = 12, windows of an image 10 | two panels of B: two vectors | 24, windows 20 |
//!
//! Two multiply-adds a cycle with a latency of four cycles need eight accumulators, and more hide the loads.
//! With two vectors, each broadcast is used twice: with one, a processor that loads twice a cycle would do
//! nothing but load. A tile that needs all 16 registers spills and runs at half the speed.
//!
//! Panels of B have [`Scalar::NR`](crate::kernels::simd::Scalar::NR) columns at both levels, so that packing is
//! the same; the order of every sum is too, so that results have the same bits. At 512 bits [`run_pair`]
//! multiplies two panels at a time.
//!
//! Sums are short in convolutions, and setting up a tile takes as long as thirty of its steps. So [`run`]
//! contains BLIS's first loop around the microkernel too: the loop over the tiles of rows that are multiplied
//! with one panel of B.

pub(crate) use super::operands::{
    Columns, LeftOperand, LeftRows, Offsets, Packed, Panel, Rows, Windows,
};
use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Array, Body, Float, Level, Vector, WideIsa};

/// Rows of a register tile, and of a packed panel of A.
pub(crate) const MR: usize = 6;

/// Rows of a register tile with registers of 512 bits.
pub(crate) const MR_512: usize = 12;

/// With sums of at least this many steps, the rows of C that they are added to are prefetched: they arrive
/// before the sums are complete.
const MIN_STEPS_TO_PREFETCH: usize = 64;

/// How rows are divided into tiles of nearly equal height: the first `larger` of the `count` tiles have
/// `height + step` rows, the others `height`.
#[derive(Clone, Copy)]
struct Split {
    count: usize,
    height: usize,
    step: usize,
    larger: usize,
}

/// Divides `rows` into the fewest tiles of at most `most` rows.
fn split(rows: usize, most: usize) -> Split {
    let count = rows.div_ceil(most);
    Split {
        count,
        height: rows / count.max(1),
        step: 1,
        larger: rows % count.max(1),
    }
}

/// The same at 512 bits: more than three rows are divided into tiles of even height, so that fewer heights are
/// compiled. If the number of rows is odd, the last tile has a row that does not exist.
fn split_512(rows: usize, most: usize) -> Split {
    if rows <= 3 {
        return split(rows, most);
    }
    let pairs = split(rows.div_ceil(2), most / 2);
    Split {
        height: 2 * pairs.height,
        step: 2,
        ..pairs
    }
}

impl Split {
    /// First row and height of each tile, where `rows` are divided.
    fn tiles(self, rows: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).map(move |tile| {
            let first = tile * self.height + tile.min(self.larger) * self.step;
            let height = self.height + if tile < self.larger { self.step } else { 0 };
            (first, height.min(rows - first))
        })
    }
}

/// First row and height of each tile of at most [`MR`] rows, in the order of packed panels.
pub(crate) fn row_tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    split(rows, MR).tiles(rows)
}

/// The same for tiles of at most [`MR_512`] rows at 512 bits.
pub(super) fn row_tiles_512(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    split_512(rows, MR_512).tiles(rows)
}

/// Tiles of `R` rows with two vectors of 256 bits each, one below the other.
struct Tiles<'a, T, A, const R: usize> {
    depth: usize,
    a: A,
    b: Panel<'a, T>,
    c: OutputRows<'a, T>,
    /// Index and first row of the first tile, and the number of tiles.
    index: usize,
    first: usize,
    count: usize,
}

/// Prefetches the `R` rows of C that a tile of long sums stores.
#[inline(always)]
fn prefetch_rows<T, const R: usize>(depth: usize, c: &OutputRows<'_, T>, first: usize) {
    if depth >= MIN_STEPS_TO_PREFETCH {
        for r in 0..R {
            // The last row of a short tile does not exist.
            let at = ((first + r) * c.stride).min(c.head.len());
            prefetch::line(&c.head[at..]);
        }
    }
}

impl<T: Float, A: LeftOperand<T>, const R: usize> Body for Tiles<'_, T, A, R> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for tile in 0..self.count {
            let first = self.first + tile * R;
            let rows = self
                .a
                .rows::<R>(self.index + tile, first, self.depth, false);
            prefetch_rows::<T, R>(self.depth, &self.c, first);
            let mut sums = [[T::Vector::splat(T::zero()); 2]; R];
            for t in 0..self.depth {
                let vectors = self.b.vectors(t);
                let step = rows.step::<R>(t);
                for r in 0..R {
                    let factor = T::Vector::splat(rows.factor::<R>(step, r));
                    for v in 0..2 {
                        sums[r][v] = factor.multiply_add::<FMA>(vectors[v], sums[r][v]);
                    }
                }
            }
            for r in 0..R {
                let row = &mut self.c.head[(first + r) * self.c.stride..][..T::NR];
                let [mut left, mut right] = sums[r];
                if self.c.add {
                    left = left.add(Array::load(row));
                    right = right.add(Array::load(&row[T::LANES..]));
                }
                left.store(row);
                right.store(&mut row[T::LANES..]);
            }
        }
    }
}

/// A loop with constant indices. LLVM unrolls a loop over so many registers only after it has decided to keep
/// them in memory.
macro_rules! unroll {
    ($index:ident < $end:ident: $($value:literal)* => $body:block) => {
        $(if const { $value < $end } {
            let $index = $value;
            $body
        })*
    };
}

/// Tiles of `R` rows with `V` vectors of 512 bits each, each of another panel of B.
struct WideTiles<'a, T: Float, A, const R: usize, const V: usize> {
    tiles: Tiles<'a, T, A, R>,
    next: Next,
    /// Rows of the last tile.
    rows_of_last: usize,
    isa: WideIsa<T>,
}

impl<T: Float, A: LeftOperand<T>, const R: usize, const V: usize> Body
    for WideTiles<'_, T, A, R, V>
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { tiles, isa, .. } = self;
        let Tiles { depth, b, c, .. } = tiles;
        for tile in 0..tiles.count {
            let first = tiles.first + tile * R;
            let count = if tile + 1 == tiles.count {
                self.rows_of_last
            } else {
                R
            };
            let rows = tiles
                .a
                .rows::<R>(tiles.index + tile, first, depth, count < R);
            prefetch_rows::<T, R>(depth, &c, first);
            let mut sums = [[T::Wide::splat_with(isa, T::zero()); V]; R];
            for t in 0..depth {
                let mut vectors = [sums[0][0]; V];
                unroll!(v < V: 0 1 => {
                    let at = t * b.stride + v * self.next.panel;
                    vectors[v] = T::Wide::load_with(isa, &b.panel[at..]);
                });
                let step = rows.step::<R>(t);
                unroll!(r < R: 0 1 2 3 4 5 6 7 8 9 10 11 => {
                    let factor = T::Wide::splat_with(isa, rows.factor::<R>(step, r));
                    unroll!(v < V: 0 1 => {
                        sums[r][v] = factor.multiply_add::<FMA>(vectors[v], sums[r][v]);
                    });
                });
            }
            unroll!(r < R: 0 1 2 3 4 5 6 7 8 9 10 11 => {
                if r < count {
                    let row = &mut c.head[(first + r) * c.stride..];
                    unroll!(v < V: 0 1 => {
                        let to = &mut row[v * self.next.output..];
                        if c.add {
                            sums[r][v] = sums[r][v].add(T::Wide::load_with(isa, to));
                        }
                        sums[r][v].store(to);
                    });
                }
            });
        }
    }
}

/// Rows of C that are `NR` columns wide.
pub(crate) struct OutputRows<'a, T> {
    pub head: &'a mut [T],
    pub stride: usize,
    /// Whether sums are added to the values there.
    pub add: bool,
}

impl<T> OutputRows<'_, T> {
    /// The same rows, from another element of C on.
    fn from(&mut self, first: usize) -> OutputRows<'_, T> {
        OutputRows {
            head: &mut self.head[first..],
            stride: self.stride,
            add: self.add,
        }
    }
}

/// Where the second of two panels lies.
#[derive(Clone, Copy)]
pub(crate) struct Next {
    /// Elements of B from the first panel to the second.
    pub panel: usize,
    /// Elements of C from the columns of the first to those of the second.
    pub output: usize,
}

/// `C[r] = Σₜ a(r, t) · b(t)` for `rows` rows, sums of `depth` steps, and one panel of B.
pub(crate) fn run<T: Float, A: LeftOperand<T>>(
    level: Level,
    size: [usize; 2],
    a: A,
    b: Panel<'_, T>,
    mut c: OutputRows<'_, T>,
) {
    let next = Next {
        panel: 0,
        output: 0,
    };
    match T::wide(level) {
        Some(isa) => run_512::<T, A, 1>(isa, size, a, b, c.from(0), next),
        None => run_256(level, size, a, b, c.from(0)),
    }
}

/// The same for two panels of B, at 512 bits at once.
pub(crate) fn run_pair<T: Float, A: LeftOperand<T>>(
    level: Level,
    size: [usize; 2],
    a: A,
    b: Panel<'_, T>,
    mut c: OutputRows<'_, T>,
    next: Next,
) {
    if let Some(isa) = T::wide(level) {
        return run_512::<T, A, 2>(isa, size, a, b, c, next);
    }
    run_256(level, size, a, b, c.from(0));
    let second = Panel {
        panel: &b.panel[next.panel..],
        stride: b.stride,
    };
    run_256(level, size, a, second, c.from(next.output));
}

fn run_256<T: Float, A: LeftOperand<T>>(
    level: Level,
    [rows, depth]: [usize; 2],
    a: A,
    b: Panel<'_, T>,
    mut c: OutputRows<'_, T>,
) {
    let split = split(rows, MR);
    let mut run = |height: usize, index: usize, first: usize, count: usize| {
        macro_rules! tiles {
            ($($r:literal)*) => {
                match height {
                    $($r => level.run(Tiles::<T, A, $r> {
                        depth,
                        a,
                        b,
                        c: c.from(0),
                        index,
                        first,
                        count,
                    }),)*
                    _ => unreachable!("tiles have at most 6 rows"),
                }
            };
        }
        tiles!(1 2 3 4 5 6);
    };
    let Split { height, larger, .. } = split;
    if larger > 0 {
        run(height + 1, 0, 0, larger);
    }
    if split.count > larger {
        run(height, larger, larger * (height + 1), split.count - larger);
    }
}

fn run_512<T: Float, A: LeftOperand<T>, const V: usize>(
    isa: WideIsa<T>,
    [rows, depth]: [usize; 2],
    a: A,
    b: Panel<'_, T>,
    mut c: OutputRows<'_, T>,
    next: Next,
) {
    let split = split_512(rows, a.most_512());
    let mut run = |height: usize, index: usize, first: usize, count: usize| {
        macro_rules! tiles {
            ($($r:literal)*) => {
                match height {
                    // A constant condition: heights that the operand does not have are not compiled.
                    $($r if const { A::MR_512 >= $r } => T::run_wide(isa, WideTiles::<T, A, $r, V> {
                        tiles: Tiles { depth, a, b, c: c.from(0), index, first, count },
                        next,
                        rows_of_last: (rows - first - (count - 1) * $r).min($r),
                        isa,
                    }),)*
                    _ => unreachable!("tiles have 1, 3 or an even number of rows, at most 12"),
                }
            };
        }
        tiles!(1 2 3 4 6 8 10 12);
    };
    let Split {
        height,
        step,
        larger,
        ..
    } = split;
    if larger > 0 {
        run(height + step, 0, 0, larger);
    }
    if split.count > larger {
        let first = larger * (height + step);
        run(height, larger, first, split.count - larger);
    }
}
