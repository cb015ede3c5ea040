//! In which order a reduction takes the elements of a tensor, and where they lie.

use crate::Axes;
use crate::elementwise::loop_nest::LoopNest;
use crate::layout::Layout;

/// Partial results side by side: 8 vectors of 4 `f32`, enough to hide the latency of an addition.
pub(super) const LANES: usize = 32;
/// Elements folded into one partial result; a multiple of [`LANES`].
pub(super) const BLOCK: usize = 1024;

/// One loop nest for each group of axes of the input.
pub(super) struct Plan {
    /// Over the results.
    pub(super) kept: LoopNest<1>,
    /// Over the runs that make one result: the reduced axes before a kept one.
    outer: LoopNest<1>,
    /// Over one run: the last neighbouring reduced axes.
    inner: LoopNest<1>,
    /// How many runs make one result.
    runs: usize,
    /// The length of a run.
    run: usize,
}

impl Plan {
    #[track_caller]
    pub(super) fn new(op: &str, layout: &Layout, axes: &Axes) -> Self {
        let shape = layout.shape();
        let reduced = axes.resolve(op, shape);
        let mut plan = Self {
            kept: LoopNest::starting_at([layout.offset() as isize]),
            outer: LoopNest::starting_at([0]),
            inner: LoopNest::starting_at([0]),
            runs: 1,
            run: 1,
        };
        let last = (0..shape.len())
            .rev()
            .find(|&axis| reduced.contains(axis) && shape[axis] > 1);
        // The first axis of the run: no kept axis lies between it and the last reduced one.
        let first = last.map_or(0, |last| {
            (0..=last)
                .rev()
                .find(|&axis| !reduced.contains(axis) && shape[axis] > 1)
                .map_or(0, |kept| kept + 1)
        });
        for (axis, (&extent, &stride)) in shape.iter().zip(layout.strides()).enumerate() {
            if !reduced.contains(axis) {
                if extent > 1 {
                    plan.kept.push(extent, [stride]);
                }
                continue;
            }
            let (nest, count) = if axis >= first {
                (&mut plan.inner, &mut plan.run)
            } else {
                (&mut plan.outer, &mut plan.runs)
            };
            *count *= extent;
            if extent > 1 {
                nest.push(extent, [stride]);
            }
        }
        plan
    }

    /// How many elements make one result.
    pub(super) fn count(&self) -> usize {
        self.runs * self.run
    }

    /// Blocks per run; or, if runs are short, a part of a block per run.
    pub(super) fn blocks(&self) -> usize {
        if self.run >= BLOCK {
            self.runs * self.run.div_ceil(BLOCK)
        } else {
            self.runs.div_ceil(self.runs_per_block())
        }
    }

    fn runs_per_block(&self) -> usize {
        (BLOCK / self.run).max(1)
    }

    pub(super) fn piece(&self, block: usize) -> Piece {
        if self.run >= BLOCK {
            let per_run = self.run.div_ceil(BLOCK);
            let first = block % per_run * BLOCK;
            return Piece {
                runs: 1,
                first_run: block / per_run,
                first,
                count: BLOCK.min(self.run - first),
            };
        }
        let first_run = block * self.runs_per_block();
        Piece {
            runs: self.runs_per_block().min(self.runs - first_run),
            first_run,
            first: 0,
            count: self.run,
        }
    }

    /// Calls `f(lane, position, stride, count)` for the stretches of memory that make a piece of
    /// the result at `base`; the lane is that of the first element.
    #[inline]
    pub(super) fn for_stretches(
        &self,
        piece: &Piece,
        base: isize,
        mut f: impl FnMut(usize, isize, isize, usize),
    ) {
        let ([step], [stride]) = (self.outer.inner(), self.inner.inner());
        self.outer
            .for_inner_loops(piece.first_run, piece.runs, |_, [start], runs| {
                for run in 0..runs as isize {
                    let start = base + start + run * step;
                    self.inner
                        .for_inner_loops(piece.first, piece.count, |done, [at], count| {
                            f(done % LANES, start + at, stride, count);
                        });
                }
            });
    }

    /// Whether neighbouring results are made of neighbouring elements.
    pub(super) fn has_columns(&self) -> bool {
        self.kept.inner() == [1] && self.inner.inner() != [1]
    }

    /// Whether runs do not even fill the lanes.
    pub(super) fn has_short_runs(&self) -> bool {
        self.run < LANES
    }

    /// Whether each block of a result is one stretch of memory.
    pub(super) fn has_plain_rows(&self) -> bool {
        self.runs == 1 && self.inner.rank <= 1 && self.inner.inner() == [1]
    }

    /// Whether the order of the fold jumps through memory although another one would not.
    pub(super) fn is_scattered(&self) -> bool {
        let jumps = ![0, 1].contains(&self.inner.inner()[0]) && self.kept.inner()[0] != 1;
        let nests = [&self.kept, &self.outer, &self.inner];
        let strides = || {
            nests
                .into_iter()
                .flat_map(|nest| &nest.strides[..nest.rank])
        };
        jumps && strides().any(|&s| s == [1]) && strides().all(|&s| s != [0])
    }

    /// How many lanes ever hold more than the identity, rounded up so that they fold as a tree.
    pub(super) fn lanes(&self) -> usize {
        self.run.min(LANES).next_power_of_two()
    }
}

/// The part of a result's elements that one block takes: a few whole runs, or a part of one.
pub(super) struct Piece {
    runs: usize,
    first_run: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}
