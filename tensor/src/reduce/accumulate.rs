//! How a reduction combines elements and partial results.

use super::plan::LANES;
use crate::{Element, Number};

/// How a fold combines elements of type `T`, given a parameter of type `P` for each result.
pub(super) trait Accumulate<T, P>: Sync {
    /// Whether rows are folded in registers of 512 bits where there are any: for functions that are bound by arithmetic.
    const USES_512_BITS: bool = false;
    /// The type of a result.
    type Output: Element;

    /// The result of no elements: the neutral element of [`join`](Self::join).
    fn identity(&self) -> Self::Output;
    /// A partial result with one more element.
    fn add(&self, sum: Self::Output, x: T, param: P) -> Self::Output;
    /// Two partial results combined.
    fn join(&self, a: Self::Output, b: Self::Output) -> Self::Output;

    /// The result of all lanes, joined as a tree.
    #[inline(always)]
    fn join_lanes(&self, mut lanes: [Self::Output; LANES]) -> Self::Output {
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for lane in 0..width {
                lanes[lane] = self.join(lanes[lane], lanes[lane + width]);
            }
        }
        lanes[0]
    }

    /// Lanes with one more element each, for each of `chunks`.
    #[inline(always)]
    fn add_chunks(
        &self,
        mut lanes: [Self::Output; LANES],
        chunks: &[[T; LANES]],
        param: P,
    ) -> [Self::Output; LANES]
    where
        T: Copy,
        P: Copy,
    {
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = self.add(*lane, x, param);
            }
        }
        lanes
    }
}

/// A fold given by two functions.
pub(super) struct Fold<A, Term, Join> {
    /// The result of no elements.
    pub identity: A,
    /// The contribution of one element.
    pub term: Term,
    /// Two contributions combined.
    pub join: Join,
}

impl<T, P, A, Term, Join> Accumulate<T, P> for Fold<A, Term, Join>
where
    A: Element,
    Term: Fn(T, P) -> A + Sync,
    Join: Fn(A, A) -> A + Sync,
{
    type Output = A;

    #[inline(always)]
    fn identity(&self) -> A {
        self.identity
    }
    #[inline(always)]
    fn add(&self, sum: A, x: T, param: P) -> A {
        (self.join)(sum, (self.term)(x, param))
    }
    #[inline(always)]
    fn join(&self, a: A, b: A) -> A {
        (self.join)(a, b)
    }
}

/// The sum of the terms of all elements.
pub(super) fn sum_of<T: Number, P>(
    term: impl Fn(T, P) -> T + Sync,
) -> Fold<T, impl Fn(T, P) -> T + Sync, impl Fn(T, T) -> T + Sync> {
    Fold {
        identity: T::zero(),
        term,
        join: |a: T, b: T| a + b,
    }
}

/// Joins rows of partial results as a tree, neighbours first, until one row is left.
pub(super) fn join_rows<A: Copy>(partial: &mut Vec<A>, length: usize, join: impl Fn(A, A) -> A) {
    let mut rows = partial.len() / length;
    while rows > 1 {
        for row in 0..rows / 2 {
            let [first, second] = [2 * row * length, (2 * row + 1) * length];
            for i in 0..length {
                partial[row * length + i] = join(partial[first + i], partial[second + i]);
            }
        }
        if rows % 2 == 1 {
            let last = (rows - 1) * length;
            partial.copy_within(last..last + length, rows / 2 * length);
        }
        rows = rows.div_ceil(2);
    }
    partial.truncate(length);
}
