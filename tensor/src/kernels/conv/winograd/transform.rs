//! The one-dimensional transforms of the minimal algorithms `F(m, 3)`.
//!
//! `y = Aᵀ[(G g) ⊙ (Bᵀ d)]` gives `m` outputs of a filter of 3 taps from `m + 2` inputs with
//! `m + 2` multiplications (Winograd 1980; the matrices as in Lavin and Gray 2016). `F(2, 3)`
//! evaluates at 0, ±1 and ∞, `F(4, 3)` at 0, ±1, ±2 and ∞.

use crate::kernels::simd::{Float, Vector};

/// A linear map of some numbers, in every lane of vectors.
pub(super) trait Linear<const I: usize, const O: usize>: Send + Sync + 'static {
    /// The image of `x`.
    fn apply<T: Float, const FMA: bool>(x: [T::Vector; I]) -> [T::Vector; O];
}

/// `F(M, 3)` with its `A = M + 2` products.
pub(super) trait Scheme<const M: usize, const A: usize>:
    Copy + Send + Sync + 'static
{
    /// `Bᵀ d`
    type Data: Linear<A, A>;
    /// `Aᵀ p`
    type Result: Linear<A, M>;
    /// `A y`, the adjoint of `Result`.
    type Spread: Linear<M, A>;
    /// `G g`
    type Filter: Linear<3, A>;
    /// `Gᵀ u`, the adjoint of `Filter`.
    type Collect: Linear<A, 3>;
}

/// `F(2, 3)`: the rounding error of a plain sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Two;

/// `F(4, 3)`: a quarter of the multiplications in two dimensions, ten times the rounding error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Four;

/// `factor · x + y`
#[inline(always)]
fn add<T: Float, const FMA: bool>(factor: f64, x: T::Vector, y: T::Vector) -> T::Vector {
    x.multiply_add::<FMA>(T::Vector::splat(T::of(factor)), y)
}

/// `factor · x`
#[inline(always)]
fn scale<T: Float>(factor: f64, x: T::Vector) -> T::Vector {
    x.multiply(T::Vector::splat(T::of(factor)))
}

macro_rules! scheme {
    ($scheme:ident<$m:literal, $a:literal>: $($part:ident = $map:ident)*) => {
        impl Scheme<$m, $a> for $scheme {
            $(type $part = $map;)*
        }
    };
}

scheme!(Two<2, 4>: Data = DataOfTwo Result = ResultOfTwo Spread = SpreadOfTwo
    Filter = FilterOfTwo Collect = CollectOfTwo);
scheme!(Four<4, 6>: Data = DataOfFour Result = ResultOfFour Spread = SpreadOfFour
    Filter = FilterOfFour Collect = CollectOfFour);

pub(super) struct DataOfTwo;

impl Linear<4, 4> for DataOfTwo {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(d: [T::Vector; 4]) -> [T::Vector; 4] {
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
    fn apply<T: Float, const FMA: bool>(p: [T::Vector; 4]) -> [T::Vector; 2] {
        [p[0].add(p[1]).add(p[2]), p[1].sub(p[2]).sub(p[3])]
    }
}

pub(super) struct SpreadOfTwo;

impl Linear<2, 4> for SpreadOfTwo {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(y: [T::Vector; 2]) -> [T::Vector; 4] {
        [y[0], y[0].add(y[1]), y[0].sub(y[1]), scale::<T>(-1.0, y[1])]
    }
}

pub(super) struct FilterOfTwo;

impl Linear<3, 4> for FilterOfTwo {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(g: [T::Vector; 3]) -> [T::Vector; 4] {
        let even = scale::<T>(0.5, g[0].add(g[2]));
        let odd = scale::<T>(0.5, g[1]);
        [g[0], even.add(odd), even.sub(odd), g[2]]
    }
}

pub(super) struct CollectOfTwo;

impl Linear<4, 3> for CollectOfTwo {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(u: [T::Vector; 4]) -> [T::Vector; 3] {
        let even = scale::<T>(0.5, u[1].add(u[2]));
        let odd = scale::<T>(0.5, u[1].sub(u[2]));
        [u[0].add(even), odd, even.add(u[3])]
    }
}

pub(super) struct DataOfFour;

impl Linear<6, 6> for DataOfFour {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(d: [T::Vector; 6]) -> [T::Vector; 6] {
        let even = add::<T, FMA>(-4.0, d[2], d[4]);
        let odd = add::<T, FMA>(-4.0, d[1], d[3]);
        let even_2 = d[4].sub(d[2]);
        let odd_2 = d[3].sub(d[1]);
        [
            add::<T, FMA>(4.0, d[0], add::<T, FMA>(-5.0, d[2], d[4])),
            even.add(odd),
            even.sub(odd),
            add::<T, FMA>(2.0, odd_2, even_2),
            add::<T, FMA>(-2.0, odd_2, even_2),
            add::<T, FMA>(4.0, d[1], add::<T, FMA>(-5.0, d[3], d[5])),
        ]
    }
}

pub(super) struct ResultOfFour;

impl Linear<6, 4> for ResultOfFour {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(p: [T::Vector; 6]) -> [T::Vector; 4] {
        let (even, odd) = (p[1].add(p[2]), p[1].sub(p[2]));
        let (even_2, odd_2) = (p[3].add(p[4]), p[3].sub(p[4]));
        [
            p[0].add(even).add(even_2),
            add::<T, FMA>(2.0, odd_2, odd),
            add::<T, FMA>(4.0, even_2, even),
            add::<T, FMA>(8.0, odd_2, odd).add(p[5]),
        ]
    }
}

pub(super) struct SpreadOfFour;

impl Linear<4, 6> for SpreadOfFour {
    #[inline(always)]
    fn apply<T: Float, const FMA: bool>(y: [T::Vector; 4]) -> [T::Vector; 6] {
        let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
        let even_2 = add::<T, FMA>(4.0, y[2], y[0]);
        let odd_2 = scale::<T>(2.0, add::<T, FMA>(4.0, y[3], y[1]));
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
    fn apply<T: Float, const FMA: bool>(g: [T::Vector; 3]) -> [T::Vector; 6] {
        let even = scale::<T>(-1.0 / 6.0, g[0].add(g[2]));
        let odd = scale::<T>(-1.0 / 6.0, g[1]);
        let even_2 = add::<T, FMA>(1.0 / 24.0, g[0], scale::<T>(1.0 / 6.0, g[2]));
        let odd_2 = scale::<T>(1.0 / 12.0, g[1]);
        [
            scale::<T>(0.25, g[0]),
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
    fn apply<T: Float, const FMA: bool>(u: [T::Vector; 6]) -> [T::Vector; 3] {
        let (even, odd) = (u[1].add(u[2]), u[1].sub(u[2]));
        let (even_2, odd_2) = (u[3].add(u[4]), u[3].sub(u[4]));
        let sixth = scale::<T>(-1.0 / 6.0, even);
        [
            add::<T, FMA>(0.25, u[0], add::<T, FMA>(1.0 / 24.0, even_2, sixth)),
            add::<T, FMA>(-1.0 / 6.0, odd, scale::<T>(1.0 / 12.0, odd_2)),
            add::<T, FMA>(1.0 / 6.0, even_2, sixth).add(u[5]),
        ]
    }
}

/// A map along both axes of a square: columns, then rows.
#[inline(always)]
pub(super) fn twice<T: Float, L: Linear<I, O>, const FMA: bool, const I: usize, const O: usize>(
    square: [[T::Vector; I]; I],
) -> [[T::Vector; O]; O] {
    let zero = T::Vector::splat(T::zero());
    let mut half = [[zero; I]; O];
    for j in 0..I {
        let mut column = [zero; I];
        for i in 0..I {
            column[i] = square[i][j];
        }
        let column = L::apply::<T, FMA>(column);
        for i in 0..O {
            half[i][j] = column[i];
        }
    }
    let mut whole = [[zero; O]; O];
    for i in 0..O {
        whole[i] = L::apply::<T, FMA>(half[i]);
    }
    whole
}
