//! Work that is the same in each of the `NR` lanes of a row of a register tile.

use std::marker::PhantomData;

use super::level::{Body, Level};
use super::scalar::{Scalar, WideIsa};
use super::vector::Vector;

/// Work on `NR` lanes: one vector of 512 bits, or two of 256 bits one after the other.
pub(crate) trait Lanewise<T: Scalar> {
    /// Does the work of the lanes of one vector, from `lane` on. Must be `#[inline(always)]`.
    fn run_from<V: Vector<T>, const FMA: bool>(&mut self, isa: V::Isa, lane: usize);
}

impl Level {
    /// Runs lane-wise work compiled for this level, in the codegen unit of the work.
    #[inline]
    pub(crate) fn lanewise<T: Scalar, W: Lanewise<T>>(self, work: W) {
        if let Some(isa) = T::wide(self) {
            T::run_wide_beside::<W, _>(isa, OneVector { work, isa });
        } else {
            self.run_beside::<W, _>(TwoVectors {
                work,
                number: PhantomData,
            });
        }
    }
}

struct OneVector<W, T: Scalar> {
    work: W,
    isa: WideIsa<T>,
}

impl<T: Scalar, W: Lanewise<T>> Body for OneVector<W, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        self.work.run_from::<T::Wide, FMA>(self.isa, 0);
    }
}

struct TwoVectors<W, T> {
    work: W,
    number: PhantomData<T>,
}

impl<T: Scalar, W: Lanewise<T>> Body for TwoVectors<W, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(mut self) {
        // A loop, so that the work is compiled once.
        for half in 0..2 {
            self.work.run_from::<T::Lanes, FMA>((), half * T::LANES);
        }
    }
}
