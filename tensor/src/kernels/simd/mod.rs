//! Instruction sets, detected once, and the vectors that one safe body is compiled for each of them with.
//!
//! A body is written once, over arrays of constant size, and inlined into a function that enables
//! the instructions; LLVM turns the arrays into registers. The vectors of 512 bits alone are intrinsics.

use std::marker::PhantomData;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod deinterleave;
pub(crate) mod non_temporal;
pub(crate) mod prefetch;
pub(crate) mod transpose;

use deinterleave::Halves;
use transpose::Spread;

use crate::Real;

/// The instructions that a kernel may use.
///
/// A value other than [`PORTABLE`](Self::PORTABLE) exists only where the machine has been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2Fma,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Whether the baseline of this target multiplies and adds in one instruction.
///
/// Elsewhere `mul_add` is a call into the C library, forty times slower than the two instructions.
const BASELINE_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

impl Level {
    /// What every machine of the target can do.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The best level of this machine.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                let wide = has!("avx512f") && has!("avx512vl") && has!("avx512bw");
                return Self(if wide && has!("avx512dq") {
                    Set::Avx512
                } else {
                    Set::Avx2Fma
                });
            }
        }
        Self::PORTABLE
    }

    /// Every level of this machine, best first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let best = Self::best();
        let mut levels = vec![best];
        #[cfg(target_arch = "x86_64")]
        if best.0 == Set::Avx512 {
            levels.push(Self(Set::Avx2Fma));
        }
        if best != Self::PORTABLE {
            levels.push(Self::PORTABLE);
        }
        levels
    }

    /// Whether there are registers of 512 bits, and 32 of them.
    #[must_use]
    pub fn is_wide(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.0 == Set::Avx512;
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }

    /// The level without registers of 512 bits.
    #[must_use]
    pub(crate) fn narrow(self) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => Self(Set::Avx2Fma),
            _ => self,
        }
    }

    /// Whether products are added without a rounding in between, at full speed.
    #[must_use]
    pub fn fuses(self) -> bool {
        self != Self::PORTABLE || BASELINE_FMA
    }

    /// The level's name, as reports print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Fma => "avx2+fma",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// Runs work on a line of lanes compiled for this level: as one wide vector or as two.
    #[inline]
    pub(crate) fn line<T: Float, W: Lanewise<T>>(self, work: W) {
        if self.is_wide() {
            self.run(One(work, PhantomData));
        } else {
            self.run(Pair(work, PhantomData));
        }
    }

    /// Runs a body compiled for this level.
    #[inline]
    pub(crate) fn run<B: Body>(self, body: B) -> B::Output {
        match self.0 {
            Set::Portable => body.run::<BASELINE_FMA>(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the only requirement is that the machine has AVX-512 F, VL, BW and DQ. `Set` is
            // private and `best`, which makes the first value with `Avx512`, has detected them.
            Set::Avx512 if B::WIDE => unsafe { avx512(body) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the only requirement is that the machine has AVX2 and FMA. `Set` is private
            // and `best`, which makes the first value with either, has detected both.
            Set::Avx2Fma | Set::Avx512 => unsafe { avx2_fma(body) },
        }
    }

    /// Runs a loop over slices compiled for this level.
    #[inline]
    pub(crate) fn run_loop<L: Loop>(self, body: &L, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
        match self.0 {
            Set::Portable => body.run(out, a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run`.
            Set::Avx512 if L::WIDE => unsafe { avx512_loop(body, out, a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run`.
            Set::Avx2Fma | Set::Avx512 => unsafe { avx2_fma_loop(body, out, a, b) },
        }
    }
}

/// Work that is compiled once per level. `run` must be `#[inline(always)]`, and so must what it
/// calls in its loops: a function of its own would be compiled for the baseline.
pub(crate) trait Body {
    /// What the work returns.
    type Output;

    /// Whether it is compiled for registers of 512 bits too; otherwise machines that have them run
    /// what is compiled for 256.
    const WIDE: bool = false;

    /// Does the work; `FMA` says whether `mul_add` is an instruction here.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Work that is the same in each of the `2 · LANES` lanes of a line. `at` must be
/// `#[inline(always)]`.
pub(crate) trait Lanewise<T: Float> {
    /// Does the work of the lanes of one vector, from `lane` on.
    fn at<V: Vector<T>, const FMA: bool>(&mut self, lane: usize);
}

struct One<W, T>(W, PhantomData<T>);

impl<T: Float, W: Lanewise<T>> Body for One<W, T> {
    type Output = ();
    const WIDE: bool = true;

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        self.0.at::<T::Wide, FMA>(0);
    }
}

struct Pair<W, T>(W, PhantomData<T>);

impl<T: Float, W: Lanewise<T>> Body for Pair<W, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        self.0.at::<T::Vector, FMA>(0);
        self.0.at::<T::Vector, FMA>(T::LANES);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_fma<B: Body>(body: B) -> B::Output {
    body.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512<B: Body>(body: B) -> B::Output {
    body.run::<true>()
}

/// A loop over slices that is compiled once per level. `run` must be `#[inline(always)]`, and so must
/// what it calls.
///
/// The slices are arguments, unlike those in a [`Body`]: so LLVM knows that writing one changes nothing
/// that the loop reads, such as the variables that a closure has borrowed.
pub(crate) trait Loop {
    /// What is written.
    type Out;
    /// What is read.
    type A;
    /// What else is read.
    type B;

    /// Whether it is compiled for registers of 512 bits too.
    const WIDE: bool;

    /// Does the work.
    fn run(&self, out: &mut [Self::Out], a: &[Self::A], b: &[Self::B]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_fma_loop<L: Loop>(body: &L, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
    body.run(out, a, b);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512_loop<L: Loop>(body: &L, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
    body.run(out, a, b);
}

/// A number type with vector instructions: `f32` and `f64`.
pub(crate) trait Float: Real {
    /// One register of 256 bits.
    type Vector: Array<Self>;
    /// Twice as many numbers, for bodies that run where [`Level::is_wide`]: one register of 512 bits.
    type Wide: Vector<Self>;
    /// How many numbers a [`Vector`](Self::Vector) holds.
    const LANES: usize;

    /// `self · a + b` with one rounding.
    fn fused(self, a: Self, b: Self) -> Self;
    /// Transposes at least `LANES × LANES` numbers whose rows are `from_row` and `to_row` apart.
    fn turn_squares(
        level: Level,
        size: [usize; 2],
        from: &[Self],
        from_row: usize,
        to: &mut [Self],
        to_row: usize,
    );
    /// Transposes at least `LANES × LANES` numbers into a slice for each column, from `at` on.
    fn turn_squares_apart(
        level: Level,
        rows: usize,
        from: &[Self],
        from_row: usize,
        to: &mut [&mut [Self]],
        at: usize,
    );
    /// Transposes matrices of at least `LANES × LANES` numbers.
    fn spread_squares(level: Level, task: Spread<'_, Self>);
    /// Copies the even and the odd elements of rows apart.
    fn halve(level: Level, rows: Halves<'_, Self>);
}

macro_rules! float {
    ($t:ty, $lanes:literal, $wide:ident, $turn:ident, $apart:ident, $spread:ident, $halve:ident) => {
        impl Float for $t {
            type Vector = [$t; $lanes];
            #[cfg(target_arch = "x86_64")]
            type Wide = avx512::$wide;
            #[cfg(not(target_arch = "x86_64"))]
            type Wide = [$t; 2 * $lanes];
            const LANES: usize = $lanes;

            #[inline(always)]
            fn fused(self, a: Self, b: Self) -> Self {
                self.mul_add(a, b)
            }

            fn turn_squares(
                level: Level,
                size: [usize; 2],
                from: &[Self],
                from_row: usize,
                to: &mut [Self],
                to_row: usize,
            ) {
                match level.0 {
                    Set::Portable => {
                        transpose::portable::<Self, $lanes>(size, from, from_row, to, to_row);
                    }
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: AVX2, which `best` has detected where this value was made, includes AVX.
                    Set::Avx2Fma | Set::Avx512 => unsafe {
                        transpose::avx::$turn(size, from, from_row, to, to_row);
                    },
                }
            }

            fn turn_squares_apart(
                level: Level,
                rows: usize,
                from: &[Self],
                from_row: usize,
                to: &mut [&mut [Self]],
                at: usize,
            ) {
                match level.0 {
                    Set::Portable => transpose::portable_apart(rows, from, from_row, to, at),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: AVX2, which `best` has detected where this value was made, includes AVX.
                    Set::Avx2Fma | Set::Avx512 => unsafe {
                        transpose::avx::$apart(rows, from, from_row, to, at);
                    },
                }
            }

            fn spread_squares(level: Level, task: Spread<'_, Self>) {
                match level.0 {
                    Set::Portable => task.portable(),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: AVX2, which `best` has detected where this value was made, includes AVX.
                    Set::Avx2Fma | Set::Avx512 => unsafe { transpose::avx::$spread(task) },
                }
            }

            fn halve(level: Level, rows: Halves<'_, Self>) {
                match level.0 {
                    Set::Portable => rows.copy(),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: AVX2, which `best` has detected where this value was made.
                    Set::Avx2Fma | Set::Avx512 => unsafe { deinterleave::avx2::$halve(rows) },
                }
            }
        }
    };
}

float!(f32, 8, F32x16, turn_f32, apart_f32, spread_f32, halve_f32);
float!(f64, 4, F64x8, turn_f64, apart_f64, spread_f64, halve_f64);

/// `a · b + c`, in one instruction or in two.
#[inline(always)]
pub(crate) fn multiply_add<const FMA: bool, T: Float>(a: T, b: T, c: T) -> T {
    if FMA { a.fused(b, c) } else { a * b + c }
}

/// Lane-wise arithmetic.
pub(crate) trait Vector<T>: Copy + Send + Sync {
    /// The same number in every lane.
    fn splat(value: T) -> Self;
    /// The first lanes of a slice.
    fn load(from: &[T]) -> Self;
    /// A slice that has at most as many numbers, with zeros behind.
    fn load_head(from: &[T]) -> Self;
    /// Writes the lanes to the head of a slice.
    fn store(self, to: &mut [T]);
    /// `self · factor + addend`
    fn multiply_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self;
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self − other`
    fn sub(self, other: Self) -> Self;
    /// `self · other`
    fn multiply(self, other: Self) -> Self;
}

/// A vector whose lanes lie in memory like those of a slice.
pub(crate) trait Array<T>: Vector<T> {
    /// A slice as whole vectors, and the rest.
    fn split(slice: &[T]) -> (&[Self], &[T]);
    /// The lanes.
    fn lanes(&self) -> &[T];
    /// The lanes of two vectors by turns: `a₀ b₀ a₁ b₁ …`
    fn interleave(self, other: Self) -> [Self; 2];
    /// Zeros but in a range of lanes.
    fn keep(self, lanes: Range<usize>) -> Self;
}

impl<T: Float, const L: usize> Vector<T> for [T; L] {
    #[inline(always)]
    fn splat(value: T) -> Self {
        [value; L]
    }
    #[inline(always)]
    fn load(from: &[T]) -> Self {
        let mut lanes = [T::zero(); L];
        lanes.copy_from_slice(&from[..L]);
        lanes
    }
    #[inline(always)]
    fn load_head(from: &[T]) -> Self {
        // Not a copy of so many: that is a call, around which all registers are saved.
        let mut lanes = [T::zero(); L];
        for lane in 0..L {
            if lane < from.len() {
                lanes[lane] = from[lane];
            }
        }
        lanes
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..L].copy_from_slice(&self);
    }
    #[inline(always)]
    fn multiply_add<const FMA: bool>(mut self, factor: Self, addend: Self) -> Self {
        for lane in 0..L {
            self[lane] = multiply_add::<FMA, T>(self[lane], factor[lane], addend[lane]);
        }
        self
    }
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for lane in 0..L {
            self[lane] += other[lane];
        }
        self
    }
    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for lane in 0..L {
            self[lane] -= other[lane];
        }
        self
    }
    #[inline(always)]
    fn multiply(mut self, other: Self) -> Self {
        for lane in 0..L {
            self[lane] *= other[lane];
        }
        self
    }
}

impl<T: Float, const L: usize> Array<T> for [T; L] {
    #[inline(always)]
    fn split(slice: &[T]) -> (&[Self], &[T]) {
        slice.as_chunks()
    }
    #[inline(always)]
    fn lanes(&self) -> &[T] {
        self
    }
    #[inline(always)]
    fn interleave(self, other: Self) -> [Self; 2] {
        let mut both = [self; 2];
        for lane in 0..L / 2 {
            for half in 0..2 {
                both[half][2 * lane] = self[half * L / 2 + lane];
                both[half][2 * lane + 1] = other[half * L / 2 + lane];
            }
        }
        both
    }
    #[inline(always)]
    fn keep(mut self, lanes: Range<usize>) -> Self {
        for lane in 0..L {
            if lane < lanes.start || lane >= lanes.end {
                self[lane] = T::zero();
            }
        }
        self
    }
}
