//! Lane-wise arithmetic on registers.

use std::ops::Range;

/// A register of numbers.
///
/// The constructors take a proof that the processor has the instructions; every other method takes a vector,
/// which cannot exist without that proof.
pub(crate) trait Vector<T>: Copy + Send + Sync {
    /// Proof that the processor has the instructions: `()` for arrays, which need none.
    type Isa: Copy + Send + Sync;
    /// Numbers in a register.
    const LANES: usize;
    /// The same number in every lane.
    fn splat_with(isa: Self::Isa, value: T) -> Self;
    /// The first lanes of a slice.
    fn load_with(isa: Self::Isa, from: &[T]) -> Self;
    /// A slice with at most as many numbers as there are lanes, then zeros.
    fn load_head_with(isa: Self::Isa, from: &[T]) -> Self;
    /// Writes the lanes to the head of a slice.
    fn store(self, to: &mut [T]);
    /// The same number in every lane of another vector.
    fn splat_like(self, value: T) -> Self;
    /// `self · factor + addend`
    fn multiply_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self;
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self − other`
    fn sub(self, other: Self) -> Self;
    /// `self · other`
    fn multiply(self, other: Self) -> Self;
}

/// A vector that is an array: its lanes lie in memory like those of a slice, and it needs no proof.
pub(crate) trait Array<T>: Vector<T, Isa = ()> {
    /// The same number in every lane.
    #[inline(always)]
    fn splat(value: T) -> Self {
        Self::splat_with((), value)
    }
    /// The first lanes of a slice.
    #[inline(always)]
    fn load(from: &[T]) -> Self {
        Self::load_with((), from)
    }
    /// A slice as whole vectors, and the rest.
    fn split(slice: &[T]) -> (&[Self], &[T]);
    /// The lanes.
    fn lanes(&self) -> &[T];
    /// The lanes of two vectors in alternation: `a₀ b₀ a₁ b₁ …`
    fn interleave(self, other: Self) -> [Self; 2];
    /// The vector with zeros outside a range of lanes.
    fn keep(self, lanes: Range<usize>) -> Self;
}
