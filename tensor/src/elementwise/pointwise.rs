//! Elementwise loops over contiguous slices, compiled for each instruction set.
//!
//! The function is inlined into its loop, and LLVM vectorises the loop over both. Loops, from outside:
//!
//! 1. chunks of [`CHUNK`](crate::parallel::CHUNK) elements, from the length alone: the tasks of the threads
//!    (`zip`);
//! 2. one vector at the first element, if it is not at the beginning of a cache line (in place, the elements up to the
//!    next line), and from the next line on aligned ones, since a vector stored across two lines takes twice as long;
//! 3. vectors: of 256 bits for functions that are bound by memory ([`Cheap`]), of 512 bits where there are any
//!    for functions that are bound by arithmetic ([`Costly`]).
//!
//! Memory-bound results larger than any cache use non-temporal stores
//! ([`non_temporal`](crate::kernels::simd::non_temporal)).

use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::Range;

use crate::Element;
use crate::kernels::simd::non_temporal;
use crate::kernels::simd::{Level, Loop, Loop4};

/// A function that is inlined into the loop over it: any `Fn(A) -> R`, or a type of yours whose `at` is
/// `#[inline(always)]`, so that even a long function is compiled for each instruction set.
pub trait ElementFunction<A, R>: Sync {
    /// Whether the function has rare arguments, such as angles that need a long reduction. A loop computes blocks
    /// by [`common`](Self::common) and then the rare arguments by [`at`](Self::at), because a loop with a branch
    /// or a call would not use vectors.
    const HAS_RARE: bool = false;
    /// The function's value.
    fn at(&self, argument: A) -> R;
    /// The function's value, or anything for a rare argument.
    #[inline(always)]
    fn common(&self, argument: A) -> R {
        self.at(argument)
    }
    /// Whether an argument is rare.
    #[inline(always)]
    fn is_rare(&self, _argument: &A) -> bool {
        false
    }
}

impl<A, R, F: Fn(A) -> R + Sync> ElementFunction<A, R> for F {
    #[inline(always)]
    fn at(&self, argument: A) -> R {
        self(argument)
    }
}

/// What bounds the loop over a function.
pub(crate) trait Cost {
    /// The cost of the function, in additions.
    const STEPS: usize;
    /// Whether it is compiled for registers of 512 bits too.
    const USES_512_BITS: bool;
}

/// Bound by memory.
pub(crate) struct Cheap;

/// Bound by arithmetic, such as an exponential.
pub(crate) struct Costly;

impl Cost for Cheap {
    const STEPS: usize = 1;
    const USES_512_BITS: bool = false;
}

impl Cost for Costly {
    const STEPS: usize = 4;
    const USES_512_BITS: bool = true;
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// How many elements come before the first that begins a cache line; 0 for short slices, where aligning costs
/// more than it saves.
#[inline]
fn unaligned<U>(out: &[U]) -> usize {
    if out.len() < 4 * LINE {
        return 0;
    }
    let before = out.as_ptr().align_offset(LINE);
    if before < LINE { before } else { 0 }
}

/// The elements of a result in two parts: those before the first one that begins a cache line, as a whole vector that
/// overlaps the second part, and the rest. Elements of a smaller part would be computed one by one.
#[inline]
fn head_and_rest<U>(out: &[U]) -> (Range<usize>, Range<usize>) {
    let before = unaligned(out);
    let vector = if before > 0 {
        before.max(LINE / size_of::<U>().max(1))
    } else {
        0
    };
    (0..vector, before..out.len())
}

/// Elements that are computed before the rare ones among them are computed again.
const RARE_BLOCK: usize = 256;

/// The loops over slices of one length, with one function.
struct Each<C, F, S>(PhantomData<(C, F, S)>);

/// `out[i] = f(x[i])`
#[inline]
pub(crate) fn map<C: Cost, T, U, F>(level: Level, f: &F, out: &mut [U], x: &[T])
where
    T: Copy,
    F: ElementFunction<T, U>,
{
    let (head, rest) = head_and_rest(out);
    if !head.is_empty() {
        level.run_loop::<Each<C, F, (T, U)>>(f, &mut out[head.clone()], &x[head], &[]);
    }
    level.run_loop::<Each<C, F, (T, U)>>(f, &mut out[rest.clone()], &x[rest], &[]);
}

impl<C: Cost, T: Copy, U, F: ElementFunction<T, U>> Loop for Each<C, F, (T, U)> {
    type Function = F;
    type Out = U;
    type A = T;
    type B = ();
    const USES_512_BITS: bool = C::USES_512_BITS;

    #[inline(always)]
    fn run(f: &F, out: &mut [U], x: &[T], _: &[()]) {
        if F::HAS_RARE {
            for (out, x) in out.chunks_mut(RARE_BLOCK).zip(x.chunks(RARE_BLOCK)) {
                let mut is_rare = false;
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = f.common(x);
                    is_rare |= f.is_rare(&x);
                }
                if is_rare {
                    for (out, &x) in out.iter_mut().zip(x).filter(|(_, x)| f.is_rare(x)) {
                        *out = f.at(x);
                    }
                }
            }
            return;
        }
        for (out, &x) in out.iter_mut().zip(x) {
            *out = f.at(x);
        }
    }
}

/// `out[i] = f((x[i], y[i]))`
#[inline]
pub(crate) fn zip<C: Cost, T, U, V, F>(level: Level, f: &F, out: &mut [V], x: &[T], y: &[U])
where
    T: Copy,
    U: Copy,
    F: ElementFunction<(T, U), V>,
{
    let (head, rest) = head_and_rest(out);
    if !head.is_empty() {
        let (x, y) = (&x[head.clone()], &y[head.clone()]);
        level.run_loop::<Each<C, F, (T, U, V)>>(f, &mut out[head], x, y);
    }
    let (x, y) = (&x[rest.clone()], &y[rest.clone()]);
    level.run_loop::<Each<C, F, (T, U, V)>>(f, &mut out[rest], x, y);
}

impl<C: Cost, T: Copy, U: Copy, V, F: ElementFunction<(T, U), V>> Loop for Each<C, F, (T, U, V)> {
    type Function = F;
    type Out = V;
    type A = T;
    type B = U;
    const USES_512_BITS: bool = C::USES_512_BITS;

    #[inline(always)]
    fn run(f: &F, out: &mut [V], x: &[T], y: &[U]) {
        if F::HAS_RARE {
            let operands = x.chunks(RARE_BLOCK).zip(y.chunks(RARE_BLOCK));
            for (out, (x, y)) in out.chunks_mut(RARE_BLOCK).zip(operands) {
                let mut is_rare = false;
                for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                    *out = f.common((x, y));
                    is_rare |= f.is_rare(&(x, y));
                }
                if is_rare {
                    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                        if f.is_rare(&(x, y)) {
                            *out = f.at((x, y));
                        }
                    }
                }
            }
            return;
        }
        for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
            *out = f.at((x, y));
        }
    }
}

/// Loops over three and four slices, with one function.
struct Each4<F, S>(PhantomData<(F, S)>);

/// `out[i] = f(a[i], b[i], c[i])`
#[inline]
pub(crate) fn zip3<A: Copy, B: Copy, C: Copy, R, F: Fn(A, B, C) -> R>(
    level: Level,
    f: &F,
    out: &mut [R],
    (a, b, c): (&[A], &[B], &[C]),
) {
    level.run_loop4::<Each4<F, (A, B, C, R)>>(f, out, (a, b, c, &[]));
}

impl<F: Fn(A, B, C) -> R, A: Copy, B: Copy, C: Copy, R> Loop4 for Each4<F, (A, B, C, R)> {
    type Function = F;
    type Out = R;
    type A = A;
    type B = B;
    type C = C;
    type D = ();

    #[inline(always)]
    fn run(f: &F, out: &mut [R], a: &[A], b: &[B], c: &[C], _: &[()]) {
        let operands = a.iter().zip(b).zip(c);
        for (out, ((&a, &b), &c)) in out.iter_mut().zip(operands) {
            *out = f(a, b, c);
        }
    }
}

/// `out[i] = f(a[i], b[i], c[i], d[i])`
#[inline]
pub(crate) fn zip4<A: Copy, B: Copy, C: Copy, D: Copy, R, F: Fn(A, B, C, D) -> R>(
    level: Level,
    f: &F,
    out: &mut [R],
    reads: (&[A], &[B], &[C], &[D]),
) {
    level.run_loop4::<Each4<F, (A, B, C, D, R)>>(f, out, reads);
}

impl<F, A, B, C, D, R> Loop4 for Each4<F, (A, B, C, D, R)>
where
    F: Fn(A, B, C, D) -> R,
    A: Copy,
    B: Copy,
    C: Copy,
    D: Copy,
{
    type Function = F;
    type Out = R;
    type A = A;
    type B = B;
    type C = C;
    type D = D;

    #[inline(always)]
    fn run(f: &F, out: &mut [R], a: &[A], b: &[B], c: &[C], d: &[D]) {
        let operands = a.iter().zip(b).zip(c).zip(d);
        for (out, (((&a, &b), &c), &d)) in out.iter_mut().zip(operands) {
            *out = f(a, b, c, d);
        }
    }
}

/// [`zip`] with non-temporal stores.
#[inline]
pub(crate) fn zip_non_temporal<T, U, V, F>(level: Level, f: &F, out: &mut [V], x: &[T], y: &[U])
where
    T: Copy,
    U: Copy,
    V: Element,
    F: ElementFunction<(T, U), V>,
{
    let (head, rest) = head_and_rest(out);
    if !head.is_empty() {
        let (x, y) = (&x[head.clone()], &y[head.clone()]);
        level.run_loop::<Each<Cheap, F, (T, U, V)>>(f, &mut out[head], x, y);
    }
    let (x, y) = (&x[rest.clone()], &y[rest.clone()]);
    level.run_loop::<NonTemporal<F, (T, U, V)>>(f, &mut out[rest], x, y);
}

/// The loop of [`zip_non_temporal`].
struct NonTemporal<F, S>(PhantomData<(F, S)>);

impl<T: Copy, U: Copy, V: Element, F: ElementFunction<(T, U), V>> Loop
    for NonTemporal<F, (T, U, V)>
{
    type Function = F;
    type Out = V;
    type A = T;
    type B = U;
    const USES_512_BITS: bool = false;

    #[inline(always)]
    fn run(f: &F, out: &mut [V], x: &[T], y: &[U]) {
        non_temporal::zip(out, x, y, |x, y| f.at((x, y)));
    }
}

/// Elements that are read before any of them is overwritten, through an index that the compiler cannot know to
/// be the same: otherwise it compiles a function that leaves some elements unchanged to masked stores, which
/// take several times as long on some processors.
const BLOCK: usize = 32;

/// `x ← f(x)`
#[inline]
pub(crate) fn map_in_place<C: Cost, T, F>(level: Level, f: &F, x: &mut [T])
where
    T: Copy,
    F: ElementFunction<T, T>,
{
    let (head, x) = x.split_at_mut(unaligned(x));
    if !head.is_empty() {
        level.run_loop::<Each<C, F, [T; 1]>>(f, head, &[], &[]);
    }
    level.run_loop::<Each<C, F, [T; 1]>>(f, x, &[], &[]);
}

impl<C: Cost, T: Copy, F: ElementFunction<T, T>> Loop for Each<C, F, [T; 1]> {
    type Function = F;
    type Out = T;
    type A = ();
    type B = ();
    const USES_512_BITS: bool = C::USES_512_BITS;

    #[inline(always)]
    fn run(f: &F, x: &mut [T], _: &[()], _: &[()]) {
        let nothing = black_box(0);
        let mut at = 0;
        while let Some(&(mut values)) = x[at..].get(nothing..).and_then(<[T]>::first_chunk::<BLOCK>)
        {
            for value in &mut values {
                *value = f.at(*value);
            }
            x[at..at + BLOCK].copy_from_slice(&values);
            at += BLOCK;
        }
        for x in &mut x[at..] {
            *x = f.at(*x);
        }
    }
}

/// `x ← f((x, y[i]))`
#[inline]
pub(crate) fn zip_in_place<C: Cost, T, U, F>(level: Level, f: &F, x: &mut [T], y: &[U])
where
    T: Copy,
    U: Copy,
    F: ElementFunction<(T, U), T>,
{
    let (head, x) = x.split_at_mut(unaligned(x));
    let (y_head, y) = y.split_at(head.len());
    if !head.is_empty() {
        level.run_loop::<Each<C, F, (T, U, (), ())>>(f, head, y_head, &[]);
    }
    level.run_loop::<Each<C, F, (T, U, (), ())>>(f, x, y, &[]);
}

impl<C: Cost, T: Copy, U: Copy, F: ElementFunction<(T, U), T>> Loop for Each<C, F, (T, U, (), ())> {
    type Function = F;
    type Out = T;
    type A = U;
    type B = ();
    const USES_512_BITS: bool = C::USES_512_BITS;

    #[inline(always)]
    fn run(f: &F, x: &mut [T], y: &[U], _: &[()]) {
        let nothing = black_box(0);
        let mut at = 0;
        while let Some(&(mut values)) = x[at..].get(nothing..).and_then(<[T]>::first_chunk::<BLOCK>)
        {
            for (value, &y) in values.iter_mut().zip(&y[at..at + BLOCK]) {
                *value = f.at((*value, y));
            }
            x[at..at + BLOCK].copy_from_slice(&values);
            at += BLOCK;
        }
        for (x, &y) in x[at..].iter_mut().zip(&y[at..]) {
            *x = f.at((*x, y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cheap, Costly, map, map_in_place, zip, zip_in_place};
    use crate::kernels::simd::Level;
    use crate::{Real, Tensor};

    /// Every level gives the bits of a function called on its own.
    fn same_bits<T: Real>(f: impl Fn(T) -> T + Sync, bits: fn(T) -> u64) {
        let x: Vec<T> = (-2000..2000)
            .map(|i| T::of(f64::from(i) * 0.0737))
            .collect();
        let expected: Vec<T> = x.iter().map(|&x| f(x)).collect();
        for level in Level::all() {
            let mut y = vec![T::zero(); x.len()];
            map::<Costly, _, _, _>(level, &f, &mut y, &x);
            for (&y, &expected) in y.iter().zip(&expected) {
                assert_eq!(bits(y), bits(expected), "{}", level.name());
            }
            let mut sums = y.clone();
            zip::<Costly, _, _, _, _>(level, &|(x, y): (T, T)| f(y) * x + y, &mut sums, &x, &y);
            for (i, &sum) in sums.iter().enumerate() {
                assert_eq!(bits(sum), bits(f(y[i]) * x[i] + y[i]), "{}", level.name());
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        macro_rules! check {
            ($($f:ident)*) => {$(
                same_bits::<f32>(Real::$f, |x| u64::from(x.to_bits()));
                same_bits::<f64>(Real::$f, f64::to_bits);
            )*};
        }
        check! { exp exp_m1 exp2 tanh sigmoid ln ln_1p log2 log10 erf erfc sqrt sin cos tan atan }
        same_bits::<f32>(
            |x| x * (x * -0.7).exp() + Real::erfc(x),
            |x| u64::from(x.to_bits()),
        );
        same_bits::<f64>(|x| x * (x * -0.7).exp() + Real::tanh(x), f64::to_bits);
        same_bits::<f32>(
            |x| (x.abs() + 0.01).plain_powf(2.5),
            |x| u64::from(x.to_bits()),
        );
        same_bits::<f64>(|x| (x.abs() + 0.01).plain_powf(2.5), f64::to_bits);
        same_bits::<f64>(|x| (x.abs() + 0.01).plain_pow(x * -0.9), f64::to_bits);
    }

    #[test]
    fn constant_operands_give_the_bits_of_repeated_ones() {
        let f = |(x, y): (f32, f32)| (x - y).exp() * x.sin();
        for columns in [1, 7, 256, 257, 1000] {
            let x = Tensor::from_fn([3, columns], |i| (i[0] * 37 + i[1]) as f32 * 0.01 - 4.0);
            let column = Tensor::from_vec(vec![0.3_f32, -1.7, 5.0], [3, 1]);
            let repeated = column.broadcast_to([3, columns]).contiguous();
            let bits = |x: Tensor<f32>| x.to_vec().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let expected = bits(x.zip_costly(&repeated, f));
            assert_eq!(bits(x.zip_costly(&column, f)), expected, "{columns}");
            let expected = bits(repeated.zip_costly(&x, f));
            assert_eq!(bits(column.zip_costly(&x, f)), expected, "{columns}");
        }
    }

    #[test]
    fn large_angles_among_small_ones_are_reduced_exactly() {
        let angle = |i: usize| if i % 300 == 7 { 1e30 } else { i as f32 * 0.1 };
        for count in [1, 8, 255, 256, 700, 5000] {
            let x = Tensor::from_fn([count], |i| angle(i[0]));
            for (name, y, f) in [
                ("sin", x.sin(), f64::sin as fn(f64) -> f64),
                ("cos", x.cos(), f64::cos),
                ("tan", x.tan(), f64::tan),
            ] {
                for (i, y) in y.to_vec().into_iter().enumerate() {
                    let exact = f(f64::from(angle(i)));
                    let error = (f64::from(y) - exact).abs();
                    assert!(error <= 2e-7 * exact.abs(), "{name} {}: {y}", angle(i));
                }
            }
        }
    }

    #[test]
    fn in_place_gives_the_bits_of_out_of_place_around_every_block() {
        let keep_some = |x: f32| if x <= 0.0 { 0.0 } else { x };
        let gate = |(x, y): (f32, f32)| if y <= 0.0 { 0.0 } else { x };
        for count in (0..3 * super::BLOCK).chain([1000]) {
            let x: Vec<f32> = (0..count)
                .map(|i| {
                    if i % 7 == 3 {
                        f32::NAN
                    } else {
                        2.0 - (i % 5) as f32
                    }
                })
                .collect();
            let y: Vec<f32> = (0..count).map(|i| (i % 3) as f32 - 1.0).collect();
            for level in Level::all() {
                let (mut made, mut over) = (vec![0.0; count], x.clone());
                map::<Cheap, _, _, _>(level, &keep_some, &mut made, &x);
                map_in_place::<Cheap, _, _>(level, &keep_some, &mut over);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&over), bits(&made), "{count}, {}", level.name());
                let mut over = x.clone();
                zip::<Cheap, _, _, _, _>(level, &gate, &mut made, &x, &y);
                zip_in_place::<Cheap, _, _, _>(level, &gate, &mut over, &y);
                assert_eq!(bits(&over), bits(&made), "{count}, {}", level.name());
            }
        }
    }
}
