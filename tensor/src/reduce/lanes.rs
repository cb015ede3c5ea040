//! The inner loops of the reduction engine: elements dealt to lanes.

use super::fold::{Fold, TILE};
use super::plan::LANES;
use crate::kernels::simd::Body;

/// Values dealt to lanes, the first to `lane`.
pub(super) struct Deal<'a, T, P, A, Term, Join> {
    pub(super) fold: &'a Fold<A, Term, Join>,
    pub(super) lanes: &'a mut [A; LANES],
    pub(super) lane: usize,
    pub(super) values: &'a [T],
    pub(super) param: P,
}

impl<T, P, A, Term, Join> Body for Deal<'_, T, P, A, Term, Join>
where
    T: Copy,
    P: Copy,
    A: Copy,
    Term: Fn(T, P) -> A,
    Join: Fn(A, A) -> A,
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Fold { term, join, .. } = self.fold;
        let head = (LANES - self.lane) % LANES;
        let (head, body) = self.values.split_at(head.min(self.values.len()));
        for (lane, &x) in self.lanes[self.lane..].iter_mut().zip(head) {
            *lane = join(*lane, term(x, self.param));
        }
        let (chunks, tail) = body.as_chunks::<LANES>();
        // A copy, so that the lanes stay in registers.
        let mut local = *self.lanes;
        for chunk in chunks {
            for (lane, &x) in local.iter_mut().zip(chunk) {
                *lane = join(*lane, term(x, self.param));
            }
        }
        *self.lanes = local;
        for (lane, &x) in self.lanes.iter_mut().zip(tail) {
            *lane = join(*lane, term(x, self.param));
        }
    }
}

/// Results at equal distances in memory, with their parameters.
pub(super) struct Columns<'a, T, P> {
    pub(super) buffer: &'a [T],
    pub(super) base: isize,
    pub(super) step: isize,
    pub(super) params: &'a [P],
}

/// Rows of values, one for each column, dealt to lanes of columns, the first to `lane`.
pub(super) struct DealColumns<'a, T, P, A, Term, Join> {
    pub(super) fold: &'a Fold<A, Term, Join>,
    pub(super) columns: &'a Columns<'a, T, P>,
    pub(super) tile: &'a mut [[A; TILE]],
    pub(super) lane: usize,
    pub(super) position: isize,
    pub(super) stride: isize,
    pub(super) count: usize,
}

impl<T, P, A, Term, Join> Body for DealColumns<'_, T, P, A, Term, Join>
where
    T: Copy,
    P: Copy,
    A: Copy,
    Term: Fn(T, P) -> A,
    Join: Fn(A, A) -> A,
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Fold { term, join, .. } = self.fold;
        let Columns {
            buffer,
            step,
            params,
            ..
        } = *self.columns;
        for i in 0..self.count {
            let start = self.position + i as isize * self.stride;
            let lane = &mut self.tile[(self.lane + i) % LANES][..params.len()];
            if step == 1 {
                let values = &buffer[start as usize..start as usize + params.len()];
                for ((lane, &x), &param) in lane.iter_mut().zip(values).zip(params) {
                    *lane = join(*lane, term(x, param));
                }
            } else {
                for (j, (lane, &param)) in lane.iter_mut().zip(params).enumerate() {
                    let x = buffer[(start + j as isize * step) as usize];
                    *lane = join(*lane, term(x, param));
                }
            }
        }
    }
}
