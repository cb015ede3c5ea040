//! The one inner loop of products and convolutions: an outer-product tile held in registers.
//!
//! `tile[r][v] = Σₜ scalars(t)[r] · vectors(t)[v]` with up to 6 rows and 2 vectors: 12 accumulators
//! hide the latency of two multiply-adds a cycle, and with 2 vectors and a broadcast scalar fill 15
//! of 16 registers. A tile that needs all 16 spills and runs at half the speed.

use super::simd::{Body, Float, Level, Vector};

/// Most rows of a tile.
pub(crate) const ROWS: usize = 6;

/// A tile's sums; rows beyond those asked for are left as they are.
pub(crate) type Tile<T> = [[<T as Float>::Vector; 2]; ROWS];

/// A tile of zeros.
pub(crate) fn zeros<T: Float>() -> Tile<T> {
    [[T::Vector::splat(T::zero()); 2]; ROWS]
}

/// How many columns a tile has.
pub(crate) const fn columns<T: Float>() -> usize {
    2 * T::LANES
}

/// The scalar factors of each step.
pub(crate) trait Scalars<T>: Copy {
    /// Where one step's factors are.
    type Step: Copy;
    /// The same factors, in a form that shows the compiler that steps below `depth` are in bounds.
    fn within<const R: usize>(self, depth: usize) -> Self;
    /// Step `t` of `R` rows.
    fn step<const R: usize>(&self, t: usize) -> Self::Step;
    /// The factor of row `r`.
    fn factor(&self, step: Self::Step, r: usize) -> T;
}

/// The vector factors of each step.
pub(crate) trait Vectors<T: Float>: Copy {
    /// As for the scalars.
    fn within(self, depth: usize) -> Self;
    /// The two vectors of step `t`.
    fn at(&self, t: usize) -> [T::Vector; 2];
}

/// Row `r` at step `t` is `rows[r][t]`: a matrix in place.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T>([&'a [T]; ROWS]);

impl<'a, T> Rows<'a, T> {
    /// `count` rows of a matrix from `start`, `stride` apart, `depth` long.
    #[inline(always)]
    pub fn of(matrix: &'a [T], start: usize, stride: usize, count: usize, depth: usize) -> Self {
        let mut rows = [&matrix[..0]; ROWS];
        for (r, row) in rows.iter_mut().enumerate().take(count) {
            *row = &matrix[start + r * stride..][..depth];
        }
        Self(rows)
    }
}

// Loops rather than closures below: a closure is a function of the baseline until it is inlined.
impl<T: Float> Scalars<T> for Rows<'_, T> {
    type Step = usize;

    #[inline(always)]
    fn within<const R: usize>(mut self, depth: usize) -> Self {
        for r in 0..R {
            self.0[r] = &self.0[r][..depth];
        }
        self
    }
    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> usize {
        t
    }
    #[inline(always)]
    fn factor(&self, t: usize, r: usize) -> T {
        self.0[r][t]
    }
}

/// Row `r` at step `t` is `panel[t · stride + r]`: packed, or a transposed matrix in place.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a, T> {
    pub panel: &'a [T],
    pub stride: usize,
}

impl<'a, T: Float> Scalars<T> for Panel<'a, T> {
    type Step = &'a [T];

    #[inline(always)]
    fn within<const R: usize>(self, _: usize) -> Self {
        self
    }
    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> &'a [T] {
        &self.panel[t * self.stride..][..R]
    }
    #[inline(always)]
    fn factor(&self, step: &'a [T], r: usize) -> T {
        step[r]
    }
}

impl<T: Float> Vectors<T> for Panel<'_, T> {
    #[inline(always)]
    fn within(self, _: usize) -> Self {
        self
    }
    #[inline(always)]
    fn at(&self, t: usize) -> [T::Vector; 2] {
        let step = &self.panel[t * self.stride..][..columns::<T>()];
        [Vector::load(step), Vector::load(&step[T::LANES..])]
    }
}

/// Distances from a point of an image to the taps that meet there.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    list: Vec<usize>,
    reach: usize,
}

impl Offsets {
    /// Takes a list of distances.
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
}

/// Points of an image: at step `t` the numbers from `image[points[r] + offsets[t]]`.
#[derive(Clone, Copy)]
pub(crate) struct Points<'a, T, const N: usize> {
    windows: [&'a [T]; N],
    offsets: &'a [usize],
    span: usize,
}

impl<'a, T, const N: usize> Points<'a, T, N> {
    /// The `width` numbers at each of the first `count` points, shifted by the offsets of `steps`.
    #[inline(always)]
    pub fn new(
        image: &'a [T],
        points: [usize; N],
        [count, width]: [usize; 2],
        offsets: &'a Offsets,
        steps: std::ops::Range<usize>,
    ) -> Self {
        let span = offsets.reach + width;
        let mut windows = [&image[..0]; N];
        for (window, &point) in windows.iter_mut().zip(&points).take(count) {
            *window = &image[point..][..span];
        }
        let offsets = &offsets.list[steps];
        Self {
            windows,
            offsets,
            span,
        }
    }

    /// Gives every window the same length in the compiler's eyes: one comparison serves them all.
    #[inline(always)]
    fn cut(mut self, depth: usize, count: usize) -> Self {
        self.offsets = &self.offsets[..depth];
        for r in 0..count {
            self.windows[r] = &self.windows[r][..self.span];
        }
        self
    }
}

impl<T: Float> Scalars<T> for Points<'_, T, ROWS> {
    type Step = usize;

    #[inline(always)]
    fn within<const R: usize>(self, depth: usize) -> Self {
        self.cut(depth, R)
    }
    #[inline(always)]
    fn step<const R: usize>(&self, t: usize) -> usize {
        self.offsets[t]
    }
    #[inline(always)]
    fn factor(&self, offset: usize, r: usize) -> T {
        self.windows[r][offset]
    }
}

impl<T: Float> Vectors<T> for Points<'_, T, 2> {
    #[inline(always)]
    fn within(self, depth: usize) -> Self {
        self.cut(depth, 2)
    }
    #[inline(always)]
    fn at(&self, t: usize) -> [T::Vector; 2] {
        let offset = self.offsets[t];
        [
            Vector::load(&self.windows[0][offset..][..T::LANES]),
            Vector::load(&self.windows[1][offset..][..T::LANES]),
        ]
    }
}

/// Where a tile's sums go.
pub(crate) trait Sink<T: Float> {
    /// Takes the sums of a tile's rows.
    fn take<const R: usize>(self, sums: [[T::Vector; 2]; R]);
}

impl<T: Float> Sink<T> for &mut Tile<T> {
    #[inline(always)]
    fn take<const R: usize>(self, sums: [[T::Vector; 2]; R]) {
        // Whole rows: written lane by lane, the sums would live in memory.
        self[..R].copy_from_slice(&sums);
    }
}

/// A tile that the sums are added to.
pub(crate) struct AddTo<'a, T: Float>(pub &'a mut Tile<T>);

impl<T: Float> Sink<T> for AddTo<'_, T> {
    #[inline(always)]
    fn take<const R: usize>(self, sums: [[T::Vector; 2]; R]) {
        for r in 0..R {
            for v in 0..2 {
                self.0[r][v] = sums[r][v].add(self.0[r][v]);
            }
        }
    }
}

/// Rows of a matrix with contiguous columns, overwritten or added to.
pub(crate) struct Matrix<'a, T, const ADD: bool> {
    pub head: &'a mut [T],
    pub stride: usize,
}

impl<T: Float, const ADD: bool> Sink<T> for Matrix<'_, T, ADD> {
    #[inline(always)]
    fn take<const R: usize>(self, sums: [[T::Vector; 2]; R]) {
        for r in 0..R {
            let row = &mut self.head[r * self.stride..][..columns::<T>()];
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

struct Multiply<S, V, O, const R: usize> {
    depth: usize,
    scalars: S,
    vectors: V,
    sink: O,
}

/// A [`Multiply`] over some number type.
struct Over<T, M>(M, std::marker::PhantomData<T>);

impl<T: Float, S: Scalars<T>, V: Vectors<T>, O: Sink<T>, const R: usize> Body
    for Over<T, Multiply<S, V, O, R>>
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Multiply {
            depth,
            scalars,
            vectors,
            sink,
        } = self.0;
        let (scalars, vectors) = (scalars.within::<R>(depth), vectors.within(depth));
        let mut sums = [[T::Vector::splat(T::zero()); 2]; R];
        for t in 0..depth {
            let vectors = vectors.at(t);
            let step = scalars.step::<R>(t);
            for r in 0..R {
                let scalar = T::Vector::splat(scalars.factor(step, r));
                for v in 0..2 {
                    sums[r][v] = scalar.multiply_add::<FMA>(vectors[v], sums[r][v]);
                }
            }
        }
        sink.take(sums);
    }
}

/// Computes `rows` rows of a tile over `depth` steps.
#[inline]
pub(crate) fn multiply<T: Float, S: Scalars<T>, V: Vectors<T>, O: Sink<T>>(
    level: Level,
    rows: usize,
    depth: usize,
    scalars: S,
    vectors: V,
    sink: O,
) {
    macro_rules! with_rows {
        ($($count:literal)*) => {
            match rows {
                $($count => level.run(Over::<T, _>(
                    Multiply::<S, V, O, $count> { depth, scalars, vectors, sink },
                    std::marker::PhantomData,
                )),)*
                _ => unreachable!("a tile has 1 to {ROWS} rows, not {rows}"),
            }
        };
    }
    with_rows!(1 2 3 4 5 6);
}
