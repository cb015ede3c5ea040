//! The one inner loop of products and convolutions: an outer-product tile held in registers.
//!
//! `tile[r][v] = Σₜ scalars(t)[r] · vectors(t)[v]` with up to 6 rows and 2 vectors: 12 accumulators
//! hide the latency of two multiply-adds a cycle, and with 2 vectors and a broadcast scalar fill 15
//! of 16 registers. A tile that needs all 16 spills and runs at half the speed.
//!
//! Sums are short in convolutions, and setting up a tile costs as much as thirty steps of one. So
//! the loop over tiles is inside too: [`sweep`] runs down the rows that meet one pair of vectors.
//!
//! With registers of 512 bits the pair is one vector, and 32 registers hold up to 12 rows: half as
//! many tiles to set up. Each sum adds the same products in the same order at either size.

use crate::kernels::simd::prefetch;
use crate::kernels::simd::{Body, Float, Level, Vector};
use crate::memory::scratch;

/// Most rows of a tile, and of a packed panel.
pub(crate) const ROWS: usize = 6;

/// Most rows of a tile with registers of 512 bits, where rows are not packed.
const WIDE_ROWS: usize = 12;

/// Sums of so many steps leave time to fetch what they are added to.
const LONG: usize = 64;

/// How many columns a tile has.
pub(crate) const fn columns<T: Float>() -> usize {
    2 * T::LANES
}

/// Rows in the fewest tiles of nearly equal height: how many tiles, the height of the lower ones, and how
/// many come before them that are one row higher.
fn split(rows: usize, most: usize) -> [usize; 3] {
    let tiles = rows.div_ceil(most).max(1);
    [tiles, rows / tiles, rows % tiles]
}

/// First row and height of each tile of at most [`ROWS`] rows, as [`sweep`] goes through packed panels.
pub(crate) fn groups(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let [count, height, larger] = split(rows, ROWS);
    (0..if rows == 0 { 0 } else { count }).map(move |group| {
        let first = group * height + group.min(larger);
        (first, height + usize::from(group < larger))
    })
}

/// The scalar factors of a tile.
pub(crate) trait Scalars<T>: Copy {
    /// Where one step's factors are.
    type Step: Copy;
    /// Step `t` of `R` rows.
    fn step<const R: usize>(&self, t: usize) -> Self::Step;
    /// The factor of row `r`.
    fn factor(&self, step: Self::Step, r: usize) -> T;
}

/// The scalar factors of many rows.
pub(crate) trait Groups<T>: Copy {
    /// Those of one tile.
    type Scalars: Scalars<T>;
    /// Most rows of a tile with registers of 512 bits.
    const WIDE_ROWS: usize = WIDE_ROWS;
    /// The factors of tile `index`, which has the `R` rows from `first`, for `depth` steps.
    fn group<const R: usize>(&self, index: usize, first: usize, depth: usize) -> Self::Scalars;
}

/// Row `r` at step `t` is `matrix[r · stride + t]`: a matrix in place.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    pub matrix: &'a [T],
    pub stride: usize,
}

/// Some of [`Rows`].
#[derive(Clone, Copy)]
pub(crate) struct SomeRows<'a, T>([&'a [T]; WIDE_ROWS]);

// Loops rather than closures below: a closure is a function of the baseline until it is inlined.
impl<'a, T: Float> Groups<T> for Rows<'a, T> {
    type Scalars = SomeRows<'a, T>;

    #[inline(always)]
    fn group<const R: usize>(&self, _: usize, first: usize, depth: usize) -> SomeRows<'a, T> {
        let mut rows = [&self.matrix[..0]; WIDE_ROWS];
        for r in 0..R {
            rows[r] = &self.matrix[(first + r) * self.stride..][..depth];
        }
        SomeRows(rows)
    }
}

impl<T: Float> Scalars<T> for SomeRows<'_, T> {
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

/// Step `t` begins at `panel[t · stride]`: a packed panel, or the columns of a matrix in place.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a, T> {
    pub panel: &'a [T],
    pub stride: usize,
}

impl<'a, T: Float> Scalars<T> for Panel<'a, T> {
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
        let step = &self.panel[t * self.stride..][..columns::<T>()];
        [Vector::load(step), Vector::load(&step[T::LANES..])]
    }
}

/// Row `r` at step `t` is `matrix[t · stride + r]`: the columns of a matrix in place.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a, T> {
    pub matrix: &'a [T],
    pub stride: usize,
}

impl<'a, T: Float> Groups<T> for Columns<'a, T> {
    type Scalars = Panel<'a, T>;

    #[inline(always)]
    fn group<const R: usize>(&self, _: usize, first: usize, _: usize) -> Panel<'a, T> {
        Panel {
            panel: &self.matrix[first..],
            stride: self.stride,
        }
    }
}

/// Packed panels: row `r` of tile `i` at step `t` is `panels[(i · depth + t) · ROWS + r]`.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a, T>(pub &'a [T]);

impl<'a, T: Float> Groups<T> for Packed<'a, T> {
    type Scalars = Panel<'a, T>;
    const WIDE_ROWS: usize = ROWS;

    #[inline(always)]
    fn group<const R: usize>(&self, index: usize, _: usize, depth: usize) -> Panel<'a, T> {
        Panel {
            panel: &self.0[index * depth * ROWS..][..depth * ROWS],
            stride: ROWS,
        }
    }
}

/// Distances from a point of an image to the taps that meet there.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    list: Vec<usize>,
    reach: usize,
}

impl Offsets {
    /// So many distances.
    pub fn of(count: usize, distances: impl Iterator<Item = usize>) -> Self {
        let mut list = scratch::stale(count);
        list.clear();
        list.extend(distances);
        Self::new(list)
    }

    /// Takes a list of distances, which goes to the pool in the end.
    pub fn new(list: Vec<usize>) -> Self {
        let reach = list.iter().copied().max().unwrap_or(0);
        Self { list, reach }
    }

    /// The distances.
    pub fn list(&self) -> &[usize] {
        &self.list
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Numbers that a vector of `width` reads from a point, from first to last tap.
    pub fn span(&self, width: usize) -> usize {
        self.reach + width
    }
}

impl Drop for Offsets {
    fn drop(&mut self) {
        scratch::recycle(std::mem::take(&mut self.list));
    }
}

/// Points of an image: row `r` at step `t` is `image[at[r] + offsets[first + t]]`.
#[derive(Clone, Copy)]
pub(crate) struct Points<'a, T> {
    pub image: &'a [T],
    pub at: &'a [usize],
    pub offsets: &'a Offsets,
    /// The first offset.
    pub first: usize,
}

/// Some [`Points`], as the parts of the image from each to its last tap.
#[derive(Clone, Copy)]
pub(crate) struct SomePoints<'a, T> {
    windows: [&'a [T]; WIDE_ROWS],
    offsets: &'a [usize],
}

impl<'a, T: Float> Groups<T> for Points<'a, T> {
    type Scalars = SomePoints<'a, T>;
    const WIDE_ROWS: usize = ROWS;

    #[inline(always)]
    fn group<const R: usize>(&self, _: usize, first: usize, depth: usize) -> SomePoints<'a, T> {
        // All windows have the same length, so one comparison a step serves them all.
        let span = self.offsets.span(1);
        let points = &self.at[first..][..R];
        let mut windows = [&self.image[..0]; WIDE_ROWS];
        for r in 0..R {
            windows[r] = &self.image[points[r]..][..span];
        }
        let offsets = &self.offsets.list[self.first..][..depth];
        SomePoints { windows, offsets }
    }
}

impl<T: Float> Scalars<T> for SomePoints<'_, T> {
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

struct Sweep<'a, T, G, const R: usize, const ADD: bool> {
    depth: usize,
    groups: G,
    vectors: Panel<'a, T>,
    to: &'a mut [T],
    stride: usize,
    /// Index and first row of the first tile, and how many tiles.
    index: usize,
    first: usize,
    count: usize,
}

impl<T: Float, G: Groups<T>, const R: usize, const ADD: bool> Body for Sweep<'_, T, G, R, ADD> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for tile in 0..self.count {
            let first = self.first + tile * R;
            let scalars = self.groups.group::<R>(self.index + tile, first, self.depth);
            if self.depth >= LONG {
                for r in 0..R {
                    prefetch::line(&self.to[(first + r) * self.stride..]);
                }
            }
            let mut sums = [[T::Vector::splat(T::zero()); 2]; R];
            for t in 0..self.depth {
                let vectors = self.vectors.vectors(t);
                let step = scalars.step::<R>(t);
                for r in 0..R {
                    let scalar = T::Vector::splat(scalars.factor(step, r));
                    for v in 0..2 {
                        sums[r][v] = scalar.multiply_add::<FMA>(vectors[v], sums[r][v]);
                    }
                }
            }
            for r in 0..R {
                let row = &mut self.to[(first + r) * self.stride..][..columns::<T>()];
                let [mut left, mut right] = sums[r];
                if ADD {
                    left = left.add(Vector::load(row));
                    right = right.add(Vector::load(&row[T::LANES..]));
                }
                left.store(row);
                right.store(&mut row[T::LANES..]);
            }
        }
    }
}

/// The same with one vector of twice the width.
struct WideSweep<'a, T, G, const R: usize> {
    sweep: Sweep<'a, T, G, R, false>,
    /// Whether to add to what is there; tiles are larger here, and a jump for each costs nothing.
    add: bool,
}

impl<T: Float, G: Groups<T>, const R: usize> Body for WideSweep<'_, T, G, R> {
    type Output = ();
    const WIDE: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { sweep, add } = self;
        for tile in 0..sweep.count {
            let first = sweep.first + tile * R;
            let scalars = sweep
                .groups
                .group::<R>(sweep.index + tile, first, sweep.depth);
            if sweep.depth >= LONG {
                for r in 0..R {
                    prefetch::line(&sweep.to[(first + r) * sweep.stride..]);
                }
            }
            let mut sums = [T::Wide::splat(T::zero()); R];
            for t in 0..sweep.depth {
                let vector = T::Wide::load(&sweep.vectors.panel[t * sweep.vectors.stride..]);
                let step = scalars.step::<R>(t);
                for r in 0..R {
                    let scalar = T::Wide::splat(scalars.factor(step, r));
                    sums[r] = scalar.multiply_add::<FMA>(vector, sums[r]);
                }
            }
            for r in 0..R {
                let row = &mut sweep.to[(first + r) * sweep.stride..];
                if add {
                    sums[r] = sums[r].add(Vector::load(row));
                }
                sums[r].store(row);
            }
        }
    }
}

/// Rows of a matrix as wide as a tile, overwritten or added to.
pub(crate) struct Matrix<'a, T> {
    pub head: &'a mut [T],
    pub stride: usize,
    pub add: bool,
}

/// Computes `rows` rows over `depth` steps: `to[r] = Σₜ scalar(r, t) · vectors(t)`.
pub(crate) fn sweep<T: Float, G: Groups<T>>(
    level: Level,
    [rows, depth]: [usize; 2],
    groups: G,
    vectors: Panel<'_, T>,
    to: Matrix<'_, T>,
) {
    if rows == 0 {
        return;
    }
    let Matrix { head, stride, add } = to;
    let most = if level.is_wide() { G::WIDE_ROWS } else { ROWS };
    let [tiles, height, larger] = split(rows, most);
    let mut run = |height: usize, index: usize, first: usize, count: usize| {
        macro_rules! part {
            ($r:literal, $add:literal) => {
                Sweep::<T, G, $r, $add> {
                    depth,
                    groups,
                    vectors,
                    to: &mut *head,
                    stride,
                    index,
                    first,
                    count,
                }
            };
        }
        macro_rules! heights {
            ($($r:literal)* | $($wide:literal)*) => {
                if level.is_wide() {
                    match height {
                        $($r => level.run(WideSweep { sweep: part!($r, false), add }),)*
                        $($wide => level.run(WideSweep { sweep: part!($wide, false), add }),)*
                        _ => unreachable!("tiles have at most 12 rows"),
                    }
                } else {
                    match (height, add) {
                        $(($r, false) => level.run(part!($r, false)),
                        ($r, true) => level.run(part!($r, true)),)*
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
