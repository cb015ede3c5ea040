//! [`Plan`]: the order in which a reduction takes the elements of a tensor, and their positions.

use crate::Axes;
use crate::elementwise::loop_nest::LoopNest;
use crate::layout::Layout;

/// Partial results accumulated independently: 8 vectors of 4 `f32`, enough to hide the latency of an addition.
pub(super) const LANES: usize = 32;
/// Elements folded into one partial result of all lanes; a multiple of [`LANES`].
pub(super) const BLOCK: usize = 1024;

/// Three loop nests, one for each group of axes of the input: kept axes, and reduced axes in two groups.
pub(super) struct Plan {
    /// Over the results: the kept axes.
    pub(super) kept: LoopNest<1>,
    /// Over the segments of one result: the reduced axes that come before a kept one.
    outer: LoopNest<1>,
    /// Over one segment: the last neighbouring reduced axes.
    inner: LoopNest<1>,
    /// The number of segments of one result.
    segments: usize,
    /// The number of elements of a segment.
    segment: usize,
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
            segments: 1,
            segment: 1,
        };
        let last = (0..shape.len())
            .rev()
            .find(|&axis| reduced.contains(axis) && shape[axis] > 1);
        // The first axis of the segment: no kept axis is between it and the last reduced one.
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
                (&mut plan.inner, &mut plan.segment)
            } else {
                (&mut plan.outer, &mut plan.segments)
            };
            *count *= extent;
            if extent > 1 {
                nest.push(extent, [stride]);
            }
        }
        plan
    }

    /// The number of elements of one result.
    pub(super) fn count(&self) -> usize {
        self.segments * self.segment
    }

    /// The number of blocks of one result. A long segment is several blocks; short segments share one.
    pub(super) fn blocks(&self) -> usize {
        if self.segment >= BLOCK {
            self.segments * self.segment.div_ceil(BLOCK)
        } else {
            self.segments.div_ceil(self.segments_per_block())
        }
    }

    fn segments_per_block(&self) -> usize {
        (BLOCK / self.segment).max(1)
    }

    pub(super) fn range(&self, block: usize) -> BlockRange {
        if self.segment >= BLOCK {
            let per_segment = self.segment.div_ceil(BLOCK);
            let first = block % per_segment * BLOCK;
            return BlockRange {
                segments: 1,
                first_segment: block / per_segment,
                first,
                count: BLOCK.min(self.segment - first),
            };
        }
        let first_segment = block * self.segments_per_block();
        BlockRange {
            segments: self.segments_per_block().min(self.segments - first_segment),
            first_segment,
            first: 0,
            count: self.segment,
        }
    }

    /// Calls `f(lane, position, stride, count)` for the strided ranges of memory that one block of the result
    /// at `base` reads; `lane` is that of the first element.
    #[inline]
    pub(super) fn for_ranges(
        &self,
        range: &BlockRange,
        base: isize,
        mut f: impl FnMut(usize, isize, isize, usize),
    ) {
        let ([step], [stride]) = (self.outer.inner(), self.inner.inner());
        self.outer.for_inner_loops(
            range.first_segment,
            range.segments,
            |_, [start], segments| {
                for segment in 0..segments as isize {
                    let start = base + start + segment * step;
                    self.inner
                        .for_inner_loops(range.first, range.count, |done, [at], count| {
                            f(done % LANES, start + at, stride, count);
                        });
                }
            },
        );
    }

    /// Whether neighbouring results read neighbouring elements, but one result does not.
    pub(super) fn has_columns(&self) -> bool {
        self.kept.inner() == [1] && self.inner.inner() != [1]
    }

    /// Whether a segment has fewer elements than there are lanes.
    pub(super) fn has_short_segments(&self) -> bool {
        self.segment < LANES
    }

    /// Whether each result reads one contiguous range.
    pub(super) fn has_contiguous_rows(&self) -> bool {
        self.segments == 1 && self.inner.rank <= 1 && self.inner.inner() == [1]
    }

    /// Whether the order of the fold strides through memory although the tensor is dense in another order of
    /// axes: a contiguous copy is faster then.
    pub(super) fn should_copy_first(&self) -> bool {
        let jumps = ![0, 1].contains(&self.inner.inner()[0]) && self.kept.inner()[0] != 1;
        let nests = [&self.kept, &self.outer, &self.inner];
        let strides = || {
            nests
                .into_iter()
                .flat_map(|nest| &nest.strides[..nest.rank])
        };
        jumps && strides().any(|&s| s == [1]) && strides().all(|&s| s != [0])
    }

    /// The number of lanes that are used, rounded up to a power of two so that they can be joined as a tree.
    pub(super) fn lanes(&self) -> usize {
        self.segment.min(LANES).next_power_of_two()
    }
}

/// The elements of a result that belong to one block: several whole segments, or a part of one.
pub(super) struct BlockRange {
    segments: usize,
    first_segment: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}
