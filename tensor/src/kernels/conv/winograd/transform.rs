//! The one-dimensional transforms of the minimal algorithms `F(m, k)`.
//!
//! `y = Aᵀ[(G g) ⊙ (Bᵀ d)]` gives `m` outputs of a filter of `k` taps from `a = m + k − 1` inputs with
//! `a` multiplications (Winograd 1980; the matrices as in Lavin and Gray 2016). `F(2, 3)` evaluates
//! at 0, ±1 and ∞; `F(4, 3)`, `F(3, 4)` and `F(2, 5)` at 0, ±1, ±2 and ∞, so they share `Bᵀ`.

use crate::kernels::simd::{Float, Vector};

/// A linear map from `I` numbers to `O` numbers, applied in every lane of vectors.
pub(super) trait Linear<const I: usize, const O: usize>: Send + Sync + 'static {
    /// The image of `x`.
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(x: [V; I]) -> [V; O];
}

/// `F(M, K)` with its `A = M + K − 1` products.
pub(super) trait Scheme<const M: usize, const K: usize, const A: usize>:
    Copy + Send + Sync + 'static
{
    /// `Bᵀ d`
    type Data: Linear<A, A>;
    /// `Aᵀ p`
    type Result: Linear<A, M>;
    /// `A y`, the adjoint of `Result`.
    type Spread: Linear<M, A>;
    /// `G g`
    type Filter: Linear<K, A>;
    /// `Gᵀ u`, the adjoint of `Filter`.
    type Collect: Linear<A, K>;
}

/// `F(2, 3)`: the rounding error of a plain sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Two;

/// `F(4, 3)`: a quarter of the multiplications in two dimensions, ten times the rounding error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Four;

/// `F(3, 4)`: a quarter of the multiplications in two dimensions, the rounding error of `F(4, 3)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreeOfFour;

/// `F(2, 5)`: 9/25 of the multiplications in two dimensions, the rounding error of `F(4, 3)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TwoOfFive;

/// `factor · x + y`
#[inline(always)]
fn add<T: Float, V: Vector<T>, const FMA: bool>(factor: f64, x: V, y: V) -> V {
    x.multiply_add::<FMA>(x.splat_like(T::of(factor)), y)
}

/// `factor · x`
#[inline(always)]
fn scale<T: Float, V: Vector<T>>(factor: f64, x: V) -> V {
    x.multiply(x.splat_like(T::of(factor)))
}

macro_rules! scheme {
    ($scheme:ident<$m:literal, $k:literal, $a:literal>: $($part:ident = $map:ident)*) => {
        impl Scheme<$m, $k, $a> for $scheme {
            $(type $part = $map;)*
        }
    };
}

scheme!(Two<2, 3, 4>: Data = DataOfTwo Result = ResultOfTwo Spread = SpreadOfTwo
    Filter = FilterOfTwo Collect = CollectOfTwo);
scheme!(Four<4, 3, 6>: Data = DataOfFour Result = ResultOfFour Spread = SpreadOfFour
    Filter = FilterOfFour Collect = CollectOfFour);
scheme!(ThreeOfFour<3, 4, 6>: Data = DataOfFour Result = ResultOfThreeOfFour
    Spread = SpreadOfThreeOfFour Filter = FilterOfThreeOfFour Collect = CollectOfThreeOfFour);
scheme!(TwoOfFive<2, 5, 6>: Data = DataOfFour Result = ResultOfTwoOfFive Spread = SpreadOfTwoOfFive
    Filter = FilterOfTwoOfFive Collect = CollectOfTwoOfFive);

pub(super) struct DataOfTwo;

impl Linear<4, 4> for DataOfTwo {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(d: [V; 4]) -> [V; 4] {
        [
            d[0].sub(d[2]),
            d[1].add(d[2]),
            d[2].sub(d[1]),
            d[1].sub(d[3]),
        ]
    }
}

pub(super) struct ResultOfTwo;

impl Linear<4, 2> for ResultOfTwo {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(p: [V; 4]) -> [V; 2] {
        [p[0].add(p[1]).add(p[2]), p[1].sub(p[2]).sub(p[3])]
    }
}

pub(super) struct SpreadOfTwo;

impl Linear<2, 4> for SpreadOfTwo {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(y: [V; 2]) -> [V; 4] {
        [
            y[0],
            y[0].add(y[1]),
            y[0].sub(y[1]),
            scale::<T, V>(-1.0, y[1]),
        ]
    }
}

pub(super) struct FilterOfTwo;

impl Linear<3, 4> for FilterOfTwo {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(g: [V; 3]) -> [V; 4] {
        let even = scale::<T, V>(0.5, g[0].add(g[2]));
        let odd = scale::<T, V>(0.5, g[1]);
        [g[0], even.add(odd), even.sub(odd), g[2]]
    }
}

pub(super) struct CollectOfTwo;

impl Linear<4, 3> for CollectOfTwo {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(u: [V; 4]) -> [V; 3] {
        let even = scale::<T, V>(0.5, u[1].add(u[2]));
        let odd = scale::<T, V>(0.5, u[1].sub(u[2]));
        [u[0].add(even), odd, even.add(u[3])]
    }
}

pub(super) struct DataOfFour;

impl Linear<6, 6> for DataOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(d: [V; 6]) -> [V; 6] {
        let even = add::<T, V, FMA>(-4.0, d[2], d[4]);
        let odd = add::<T, V, FMA>(-4.0, d[1], d[3]);
        let even_2 = d[4].sub(d[2]);
        let odd_2 = d[3].sub(d[1]);
        [
            add::<T, V, FMA>(4.0, d[0], add::<T, V, FMA>(-5.0, d[2], d[4])),
            even.add(odd),
            even.sub(odd),
            add::<T, V, FMA>(2.0, odd_2, even_2),
            add::<T, V, FMA>(-2.0, odd_2, even_2),
            add::<T, V, FMA>(4.0, d[1], add::<T, V, FMA>(-5.0, d[3], d[5])),
        ]
    }
}

pub(super) struct ResultOfFour;

impl Linear<6, 4> for ResultOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(p: [V; 6]) -> [V; 4] {
        let (even, odd) = (p[1].add(p[2]), p[1].sub(p[2]));
        let (even_2, odd_2) = (p[3].add(p[4]), p[3].sub(p[4]));
        [
            p[0].add(even).add(even_2),
            add::<T, V, FMA>(2.0, odd_2, odd),
            add::<T, V, FMA>(4.0, even_2, even),
            add::<T, V, FMA>(8.0, odd_2, odd).add(p[5]),
        ]
    }
}

pub(super) struct SpreadOfFour;

impl Linear<4, 6> for SpreadOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(y: [V; 4]) -> [V; 6] {
        let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
        let even_2 = add::<T, V, FMA>(4.0, y[2], y[0]);
        let odd_2 = scale::<T, V>(2.0, add::<T, V, FMA>(4.0, y[3], y[1]));
        [
            y[0],
            even.add(odd),
            even.sub(odd),
            even_2.add(odd_2),
            even_2.sub(odd_2),
            y[3],
        ]
    }
}

pub(super) struct FilterOfFour;

impl Linear<3, 6> for FilterOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(g: [V; 3]) -> [V; 6] {
        let even = scale::<T, V>(-1.0 / 6.0, g[0].add(g[2]));
        let odd = scale::<T, V>(-1.0 / 6.0, g[1]);
        let even_2 = add::<T, V, FMA>(1.0 / 24.0, g[0], scale::<T, V>(1.0 / 6.0, g[2]));
        let odd_2 = scale::<T, V>(1.0 / 12.0, g[1]);
        [
            scale::<T, V>(0.25, g[0]),
            even.add(odd),
            even.sub(odd),
            even_2.add(odd_2),
            even_2.sub(odd_2),
            g[2],
        ]
    }
}

pub(super) struct CollectOfFour;

impl Linear<6, 3> for CollectOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(u: [V; 6]) -> [V; 3] {
        let (even, odd) = (u[1].add(u[2]), u[1].sub(u[2]));
        let (even_2, odd_2) = (u[3].add(u[4]), u[3].sub(u[4]));
        let sixth = scale::<T, V>(-1.0 / 6.0, even);
        [
            add::<T, V, FMA>(0.25, u[0], add::<T, V, FMA>(1.0 / 24.0, even_2, sixth)),
            add::<T, V, FMA>(-1.0 / 6.0, odd, scale::<T, V>(1.0 / 12.0, odd_2)),
            add::<T, V, FMA>(1.0 / 6.0, even_2, sixth).add(u[5]),
        ]
    }
}

pub(super) struct ResultOfThreeOfFour;

impl Linear<6, 3> for ResultOfThreeOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(p: [V; 6]) -> [V; 3] {
        let (even, odd) = (p[1].add(p[2]), p[1].sub(p[2]));
        let (even_2, odd_2) = (p[3].add(p[4]), p[3].sub(p[4]));
        [
            p[0].add(even).add(even_2),
            add::<T, V, FMA>(2.0, odd_2, odd),
            add::<T, V, FMA>(4.0, even_2, even).add(p[5]),
        ]
    }
}

pub(super) struct SpreadOfThreeOfFour;

impl Linear<3, 6> for SpreadOfThreeOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(y: [V; 3]) -> [V; 6] {
        let even = y[0].add(y[2]);
        let even_2 = add::<T, V, FMA>(4.0, y[2], y[0]);
        [
            y[0],
            even.add(y[1]),
            even.sub(y[1]),
            add::<T, V, FMA>(2.0, y[1], even_2),
            add::<T, V, FMA>(-2.0, y[1], even_2),
            y[2],
        ]
    }
}

pub(super) struct FilterOfThreeOfFour;

impl Linear<4, 6> for FilterOfThreeOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(g: [V; 4]) -> [V; 6] {
        let even = scale::<T, V>(-1.0 / 6.0, g[0].add(g[2]));
        let odd = scale::<T, V>(-1.0 / 6.0, g[1].add(g[3]));
        let even_2 = scale::<T, V>(1.0 / 24.0, add::<T, V, FMA>(4.0, g[2], g[0]));
        let odd_2 = scale::<T, V>(1.0 / 12.0, add::<T, V, FMA>(4.0, g[3], g[1]));
        [
            scale::<T, V>(0.25, g[0]),
            even.add(odd),
            even.sub(odd),
            even_2.add(odd_2),
            even_2.sub(odd_2),
            g[3],
        ]
    }
}

pub(super) struct CollectOfThreeOfFour;

impl Linear<6, 4> for CollectOfThreeOfFour {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(u: [V; 6]) -> [V; 4] {
        let even = scale::<T, V>(-1.0 / 6.0, u[1].add(u[2]));
        let odd = scale::<T, V>(-1.0 / 6.0, u[1].sub(u[2]));
        let (even_2, odd_2) = (u[3].add(u[4]), u[3].sub(u[4]));
        [
            add::<T, V, FMA>(0.25, u[0], add::<T, V, FMA>(1.0 / 24.0, even_2, even)),
            add::<T, V, FMA>(1.0 / 12.0, odd_2, odd),
            add::<T, V, FMA>(1.0 / 6.0, even_2, even),
            add::<T, V, FMA>(1.0 / 3.0, odd_2, odd).add(u[5]),
        ]
    }
}

pub(super) struct ResultOfTwoOfFive;

impl Linear<6, 2> for ResultOfTwoOfFive {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(p: [V; 6]) -> [V; 2] {
        let (even, odd) = (p[1].add(p[2]), p[1].sub(p[2]));
        let (even_2, odd_2) = (p[3].add(p[4]), p[3].sub(p[4]));
        [
            p[0].add(even).add(even_2),
            add::<T, V, FMA>(2.0, odd_2, odd).add(p[5]),
        ]
    }
}

pub(super) struct SpreadOfTwoOfFive;

impl Linear<2, 6> for SpreadOfTwoOfFive {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(y: [V; 2]) -> [V; 6] {
        [
            y[0],
            y[0].add(y[1]),
            y[0].sub(y[1]),
            add::<T, V, FMA>(2.0, y[1], y[0]),
            add::<T, V, FMA>(-2.0, y[1], y[0]),
            y[1],
        ]
    }
}

pub(super) struct FilterOfTwoOfFive;

impl Linear<5, 6> for FilterOfTwoOfFive {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(g: [V; 5]) -> [V; 6] {
        let even = scale::<T, V>(-1.0 / 6.0, g[0].add(g[2]).add(g[4]));
        let odd = scale::<T, V>(-1.0 / 6.0, g[1].add(g[3]));
        let even_2 = add::<T, V, FMA>(4.0, g[4], g[2]);
        let even_2 = scale::<T, V>(1.0 / 24.0, add::<T, V, FMA>(4.0, even_2, g[0]));
        let odd_2 = scale::<T, V>(1.0 / 12.0, add::<T, V, FMA>(4.0, g[3], g[1]));
        [
            scale::<T, V>(0.25, g[0]),
            even.add(odd),
            even.sub(odd),
            even_2.add(odd_2),
            even_2.sub(odd_2),
            g[4],
        ]
    }
}

pub(super) struct CollectOfTwoOfFive;

impl Linear<6, 5> for CollectOfTwoOfFive {
    #[inline(always)]
    fn apply<T: Float, V: Vector<T>, const FMA: bool>(u: [V; 6]) -> [V; 5] {
        let even = scale::<T, V>(-1.0 / 6.0, u[1].add(u[2]));
        let odd = scale::<T, V>(-1.0 / 6.0, u[1].sub(u[2]));
        let (even_2, odd_2) = (u[3].add(u[4]), u[3].sub(u[4]));
        [
            add::<T, V, FMA>(0.25, u[0], add::<T, V, FMA>(1.0 / 24.0, even_2, even)),
            add::<T, V, FMA>(1.0 / 12.0, odd_2, odd),
            add::<T, V, FMA>(1.0 / 6.0, even_2, even),
            add::<T, V, FMA>(1.0 / 3.0, odd_2, odd),
            add::<T, V, FMA>(2.0 / 3.0, even_2, even).add(u[5]),
        ]
    }
}

/// `$body` for each `$i` below `$n`, at most 6, unrolled by the macro: with an index that is not a constant the
/// compiler would keep all vectors on the stack. Loops that the compiler unrolls give the same code, and took a
/// third of the time in which the crate is compiled.
macro_rules! unrolled {
    ($i:ident < $n:expr => $body:block) => {
        unrolled!($i < $n => $body: 0 1 2 3 4 5)
    };
    ($i:ident < $n:expr => $body:block: $($k:literal)*) => {
        $(if const { $k < $n } {
            let $i = $k;
            $body
        })*
    };
}
pub(super) use unrolled;

/// The input of [`twice`]: a square matrix of vectors.
pub(super) trait Square<T, V: Vector<T>, const I: usize> {
    /// The vectors of column `j`. Must be `#[inline(always)]`.
    fn column(&self, isa: V::Isa, j: usize) -> [V; I];
}

/// A matrix of vectors in memory, with the strides of rows and columns.
#[derive(Clone, Copy)]
pub(super) struct From<'a, T> {
    pub vectors: &'a [T],
    pub row: usize,
    pub column: usize,
}

impl<T: Float, V: Vector<T>, const I: usize> Square<T, V, I> for From<'_, T> {
    #[inline(always)]
    fn column(&self, isa: V::Isa, j: usize) -> [V; I] {
        let mut column = [V::splat_with(isa, T::zero()); I];
        unrolled!(i < I => {
            column[i] = V::load_with(isa, &self.vectors[i * self.row + j * self.column..]);
        });
        column
    }
}

/// A matrix of vectors in memory that is written, with the strides of rows and columns.
pub(super) struct To<'a, T> {
    pub vectors: &'a mut [T],
    pub row: usize,
    pub column: usize,
}

/// Applies a linear map along both axes of a square matrix: to its columns, then to the rows of the result.
///
/// Each vector is loaded right before it is used and stored right after it is computed. An array of all input
/// or output vectors would not fit in registers, so it would be copied to the stack.
///
/// The portable level has [loops](twice_in_loops): no measured processor runs it, and it is a tenth of the crate to compile.
#[inline(always)]
pub(super) fn twice<
    T: Float,
    V: Vector<T>,
    L: Linear<I, O>,
    S: Square<T, V, I>,
    const FMA: bool,
    const I: usize,
    const O: usize,
>(
    isa: V::Isa,
    square: S,
    to: To<'_, T>,
) {
    if !FMA {
        return twice_in_loops::<T, V, L, S, FMA, I, O>(isa, square, to);
    }
    let zero = V::splat_with(isa, T::zero());
    let mut half = [[zero; I]; O];
    unrolled!(j < I => {
        let column = L::apply::<T, V, FMA>(square.column(isa, j));
        unrolled!(i < O => {
            half[i][j] = column[i];
        });
    });
    unrolled!(i < O => {
        let row = L::apply::<T, V, FMA>(half[i]);
        unrolled!(j < O => {
            row[j].store(&mut to.vectors[i * to.row + j * to.column..]);
        });
    });
}

/// The same with loops over columns and rows, so that the result of the first map is on the stack. At the other levels
/// data, results and many filters took 3 to 10 % longer this way (AMD EPYC, Zen 5).
#[inline(always)]
fn twice_in_loops<
    T: Float,
    V: Vector<T>,
    L: Linear<I, O>,
    S: Square<T, V, I>,
    const FMA: bool,
    const I: usize,
    const O: usize,
>(
    isa: V::Isa,
    square: S,
    to: To<'_, T>,
) {
    let zero = V::splat_with(isa, T::zero());
    let mut half = [[zero; I]; O];
    for j in 0..I {
        let column = L::apply::<T, V, FMA>(square.column(isa, j));
        unrolled!(i < O => {
            half[i][j] = column[i];
        });
    }
    for i in 0..O {
        let row = L::apply::<T, V, FMA>(half[i]);
        unrolled!(j < O => {
            row[j].store(&mut to.vectors[i * to.row + j * to.column..]);
        });
    }
}
