//! The microkernel: a register tile of `MR × NR` sums, the innermost loop of products and convolutions.
//!
//! `tile[r][v] = Σₜ a(t)[r] · b(t)[v]`: each step broadcasts `MR` numbers of A, multiplies each with the
//! `NR` numbers of a row of B's panel, and adds to accumulators that stay in registers.
//!
//! | level | registers | `MR` | `NR` | accumulators |
//! |---|---|---|---|---|
//! | 256 bits | 16 | [`MR`] = 6 | two vectors | 12, with 2 of B and 1 broadcast 15 of 16 |
//! | 512 bits | 32 | [`MR_512`] = 12 in place, [`MR`] packed | one vector | 12 |
//!
//! Twelve accumulators hide the latency of two multiply-adds a cycle. A tile that needs all 16 registers
//! spills and runs at half the speed. [`Scalar::NR`](crate::kernels::simd::Scalar::NR) is the same number
//! at both levels, so that packed panels of B and the order of every sum are too.
//!
//! Sums are short in convolutions, and setting up a tile takes as long as thirty of its steps. So [`run`]
//! contains BLIS's first loop around the microkernel too: the loop over the tiles of rows that are multiplied
//! with one panel of B.

use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Array, Body, Float, Level, Vector, WideIsa};
use crate::memory::Scratch;

/// Rows of a register tile, and of a packed panel of A.
pub(crate) const MR: usize = 6;

/// Rows of a register tile with registers of 512 bits, if A is read in place.
const MR_512: usize = 12;

/// With sums of at least this many steps, the rows of C that they are added to are prefetched: they arrive
/// before the sums are complete.
const MIN_STEPS_TO_PREFETCH: usize = 64;

/// Divides `rows` into the fewest tiles of at most `most` rows and nearly equal height. Returns
/// `[tiles, height, larger]`: the first `larger` of the tiles have `height + 1` rows, the others `height`.
fn split(rows: usize, most: usize) -> [usize; 3] {
    let tiles = rows.div_ceil(most).max(1);
    [tiles, rows / tiles, rows % tiles]
}

/// First row and height of each tile of at most [`MR`] rows, in the order of packed panels.
pub(crate) fn row_tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let [count, height, larger] = split(rows, MR);
    (0..if rows == 0 { 0 } else { count }).map(move |tile| {
        let first = tile * height + tile.min(larger);
        (first, height + usize::from(tile < larger))
    })
}

/// The operand whose numbers are broadcast: A of a product, weights or pixels of a convolution.
pub(crate) trait LeftOperand<T>: Copy {
    /// The rows of one tile.
    type Rows: LeftRows<T>;
    /// Most rows of a tile with registers of 512 bits.
    const MR_512: usize = MR_512;
    /// The rows of tile `index`: `R` rows from `first` on, for `depth` steps.
    fn rows<const R: usize>(&self, index: usize, first: usize, depth: usize) -> Self::Rows;
}

/// The rows of A that one tile reads.
pub(crate) trait LeftRows<T>: Copy {
    /// The location of the numbers of one step.
    type Step: Copy;
    /// Step `t` of `R` rows.
    fn step<const R: usize>(&self, t: usize) -> Self::Step;
    /// The number of row `r`.
    fn factor(&self, step: Self::Step, r: usize) -> T;
}

/// A matrix in place, contiguous along the sum: row `r` at step `t` is `matrix[r · stride + t]`.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub matrix: &'a [T],
    pub stride: usize,
}

/// The rows of [`Rows`] in one tile.
#[derive(Clone, Copy)]
pub(crate) struct TileRows<'a, T>([&'a [T]; MR_512]);

// Loops rather than closures below: a closure that is not inlined is compiled without the level's instructions.
impl<'a, T: Float> LeftOperand<T> for Rows<'a, T> {
    type Rows = TileRows<'a, T>;

    #[inline(always)]
    fn rows<const R: usize>(&self, _: usize, first: usize, depth: usize) -> TileRows<'a, T> {
        let mut rows = [&self.matrix[..0]; MR_512];
        for r in 0..R {
            rows[r] = &self.matrix[(first + r) * self.stride..][..depth];
        }
        TileRows(rows)
    }
}

impl<T: Float> LeftRows<T> for TileRows<'_, T> {
    type Step = usize;

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> usize {
        t
    }
    #[inline(always)]
    fn factor(&self, t: usize, r: usize) -> T {
        self.0[r][t]
    }
}

/// A matrix whose step `t` begins at `panel[t · stride]`: a packed panel, or columns in place.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a, T> {
    pub panel: &'a [T],
    pub stride: usize,
}

impl<'a, T: Float> LeftRows<T> for Panel<'a, T> {
    type Step = &'a [T];

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> &'a [T] {
        &self.panel[t * self.stride..][..R]
    }
    #[inline(always)]
    fn factor(&self, step: &'a [T], r: usize) -> T {
        step[r]
    }
}

impl<T: Float> Panel<'_, T> {
    /// The two vectors of step `t`.
    #[inline(always)]
    fn vectors(&self, t: usize) -> [T::Vector; 2] {
        let step = &self.panel[t * self.stride..][..T::NR];
        [Array::load(step), Array::load(&step[T::LANES..])]
    }
}

/// A matrix in place, contiguous across the sum: row `r` at step `t` is `matrix[t · stride + r]`.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a, T> {
    pub matrix: &'a [T],
    pub stride: usize,
}

impl<'a, T: Float> LeftOperand<T> for Columns<'a, T> {
    type Rows = Panel<'a, T>;

    #[inline(always)]
    fn rows<const R: usize>(&self, _: usize, first: usize, _: usize) -> Panel<'a, T> {
        Panel {
            panel: &self.matrix[first..],
            stride: self.stride,
        }
    }
}

/// Packed panels: row `r` of tile `i` at step `t` is `panels[(i · depth + t) · MR + r]`.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a, T>(pub &'a [T]);

impl<'a, T: Float> LeftOperand<T> for Packed<'a, T> {
    type Rows = Panel<'a, T>;
    const MR_512: usize = MR;

    #[inline(always)]
    fn rows<const R: usize>(&self, index: usize, _: usize, depth: usize) -> Panel<'a, T> {
        Panel {
            panel: &self.0[index * depth * MR..][..depth * MR],
            stride: MR,
        }
    }
}

/// Distances from the first element of a window to the elements under its taps.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    list: Scratch<usize>,
    largest: usize,
}

impl Offsets {
    /// From `count` distances.
    pub fn collect(count: usize, distances: impl Iterator<Item = usize>) -> Self {
        Self::new(Scratch::collect(count, distances))
    }

    /// From a list of distances.
    pub fn new(list: Scratch<usize>) -> Self {
        let largest = list.iter().copied().max().unwrap_or(0);
        Self { list, largest }
    }

    /// The distances.
    pub fn list(&self) -> &[usize] {
        &self.list
    }

    /// The number of distances.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Elements from the first of a window to the last that a vector of `width` at any tap reads.
    pub fn span(&self, width: usize) -> usize {
        self.largest + width
    }
}

/// Windows of an image as rows: row `r` at step `t` is `image[origins[r] + offsets[first + t]]`.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a, T> {
    pub image: &'a [T],
    /// The index in the image of the first element of each row's window.
    pub origins: &'a [usize],
    pub offsets: &'a Offsets,
    /// The first offset.
    pub first: usize,
}

/// The [`Windows`] of one tile, each as the part of the image from its first to its last tap.
#[derive(Clone, Copy)]
pub(crate) struct TileWindows<'a, T> {
    windows: [&'a [T]; MR_512],
    offsets: &'a [usize],
}

impl<'a, T: Float> LeftOperand<T> for Windows<'a, T> {
    type Rows = TileWindows<'a, T>;
    const MR_512: usize = MR;

    #[inline(always)]
    fn rows<const R: usize>(&self, _: usize, first: usize, depth: usize) -> TileWindows<'a, T> {
        // All windows have the same length, so that one comparison a step checks all bounds.
        let span = self.offsets.span(1);
        let origins = &self.origins[first..][..R];
        let mut windows = [&self.image[..0]; MR_512];
        for r in 0..R {
            windows[r] = &self.image[origins[r]..][..span];
        }
        let offsets = &self.offsets.list[self.first..][..depth];
        TileWindows { windows, offsets }
    }
}

impl<T: Float> LeftRows<T> for TileWindows<'_, T> {
    type Step = usize;

    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> usize {
        self.offsets[t]
    }
    #[inline(always)]
    fn factor(&self, offset: usize, r: usize) -> T {
        self.windows[r][offset]
    }
}

/// Tiles of `R` rows with two vectors of 256 bits each, one below the other.
struct Tiles<'a, T, A, const R: usize, const ADD: bool> {
    depth: usize,
    a: A,
    b: Panel<'a, T>,
    c: &'a mut [T],
    stride: usize,
    /// Index and first row of the first tile, and the number of tiles.
    index: usize,
    first: usize,
    count: usize,
}

impl<T: Float, A: LeftOperand<T>, const R: usize, const ADD: bool> Body
    for Tiles<'_, T, A, R, ADD>
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for tile in 0..self.count {
            let first = self.first + tile * R;
            let rows = self.a.rows::<R>(self.index + tile, first, self.depth);
            if self.depth >= MIN_STEPS_TO_PREFETCH {
                for r in 0..R {
                    prefetch::line(&self.c[(first + r) * self.stride..]);
                }
            }
            let mut sums = [[T::Vector::splat(T::zero()); 2]; R];
            for t in 0..self.depth {
                let vectors = self.b.vectors(t);
                let step = rows.step::<R>(t);
                for r in 0..R {
                    let factor = T::Vector::splat(rows.factor(step, r));
                    for v in 0..2 {
                        sums[r][v] = factor.multiply_add::<FMA>(vectors[v], sums[r][v]);
                    }
                }
            }
            for r in 0..R {
                let row = &mut self.c[(first + r) * self.stride..][..T::NR];
                let [mut left, mut right] = sums[r];
                if ADD {
                    left = left.add(Array::load(row));
                    right = right.add(Array::load(&row[T::LANES..]));
                }
                left.store(row);
                right.store(&mut row[T::LANES..]);
            }
        }
    }
}

/// [`Tiles`] with one vector of 512 bits a row.
struct WideTiles<'a, T: Float, A, const R: usize> {
    tiles: Tiles<'a, T, A, R, false>,
    /// Whether to add to C. Not a constant: these tiles are larger, and one branch per tile takes no time beside
    /// them.
    add: bool,
    isa: WideIsa<T>,
}

impl<T: Float, A: LeftOperand<T>, const R: usize> Body for WideTiles<'_, T, A, R> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { tiles, add, isa } = self;
        for tile in 0..tiles.count {
            let first = tiles.first + tile * R;
            let rows = tiles.a.rows::<R>(tiles.index + tile, first, tiles.depth);
            if tiles.depth >= MIN_STEPS_TO_PREFETCH {
                for r in 0..R {
                    prefetch::line(&tiles.c[(first + r) * tiles.stride..]);
                }
            }
            let mut sums = [T::Wide::splat_with(isa, T::zero()); R];
            for t in 0..tiles.depth {
                let vector = T::Wide::load_with(isa, &tiles.b.panel[t * tiles.b.stride..]);
                let step = rows.step::<R>(t);
                for r in 0..R {
                    let factor = T::Wide::splat_with(isa, rows.factor(step, r));
                    sums[r] = factor.multiply_add::<FMA>(vector, sums[r]);
                }
            }
            for r in 0..R {
                let row = &mut tiles.c[(first + r) * tiles.stride..];
                if add {
                    sums[r] = sums[r].add(T::Wide::load_with(isa, row));
                }
                sums[r].store(row);
            }
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

/// `C[r] = Σₜ a(r, t) · b(t)` for `rows` rows, sums of `depth` steps, and one panel of B.
pub(crate) fn run<T: Float, A: LeftOperand<T>>(
    level: Level,
    [rows, depth]: [usize; 2],
    a: A,
    b: Panel<'_, T>,
    c: OutputRows<'_, T>,
) {
    if rows == 0 {
        return;
    }
    let OutputRows { head, stride, add } = c;
    let wide = T::wide(level);
    let most = if wide.is_some() { A::MR_512 } else { MR };
    let [tiles, height, larger] = split(rows, most);
    let mut run = |height: usize, index: usize, first: usize, count: usize| {
        macro_rules! tiles {
            ($r:literal, $add:literal) => {
                Tiles::<T, A, $r, $add> {
                    depth,
                    a,
                    b,
                    c: &mut *head,
                    stride,
                    index,
                    first,
                    count,
                }
            };
        }
        macro_rules! wide_tiles {
            ($r:literal, $isa:ident) => {
                WideTiles {
                    tiles: tiles!($r, false),
                    add,
                    isa: $isa,
                }
            };
        }
        macro_rules! heights {
            ($($r:literal)* | $($only_512:literal)*) => {
                if let Some(isa) = wide {
                    match height {
                        $($r => T::run_wide(isa, wide_tiles!($r, isa)),)*
                        // A constant condition, so that these are not compiled for operands with fewer rows.
                        $($only_512 if const { A::MR_512 >= $only_512 } => {
                            T::run_wide(isa, wide_tiles!($only_512, isa));
                        })*
                        _ => unreachable!("tiles have at most 12 rows"),
                    }
                } else {
                    match (height, add) {
                        $(($r, false) => level.run(tiles!($r, false)),
                        ($r, true) => level.run(tiles!($r, true)),)*
                        _ => unreachable!("tiles have at most 6 rows"),
                    }
                }
            };
        }
        heights!(1 2 3 4 5 6 | 7 8 9 10 11 12);
    };
    if larger > 0 {
        run(height + 1, 0, 0, larger);
    }
    run(height, larger, larger * (height + 1), tiles - larger);
}
