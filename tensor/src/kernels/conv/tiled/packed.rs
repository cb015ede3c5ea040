//! Packed weights for lanes of output channels.

use std::ops::Range;

use super::plan::{Correlation, Phase};
use super::steps::Steps;
use crate::kernels::simd::prefetch;
use crate::kernels::simd::transpose::ScatteredTranspose;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;
use crate::{Element, parallel};

/// Weights of one phase in blocks of output channels as wide as a tile:
/// `packed[((group · blocks + block) · depth + t) · columns + lane]`.
pub(super) struct Weights<T: Element> {
    pub steps: Steps,
    /// Empty if each block is used once: then [`Group::pack`] packs it chunk by chunk before its use.
    packed: Scratch<T>,
}

impl<T: Float> Weights<T> {
    /// Packs the weights, unless each block is used only `once`.
    pub fn new(level: Level, plan: &Correlation, phase: &Phase, w: &[T], once: bool) -> Self {
        let mut weights = Self {
            steps: Steps::new(phase),
            packed: Scratch::new(0),
        };
        if once || phase.offsets.len() == 0 {
            return weights;
        }
        let width = T::NR;
        let blocks = plan.channels[1].div_ceil(width);
        let block = phase.offsets.len() * width;
        let length = plan.groups * blocks * block;
        let mut packed = Scratch::<T>::new(length);
        parallel::for_chunks_mut(&mut packed, block, length, |index, mut to| {
            let filters = Filters::new(plan, phase, &weights.steps, w, index / blocks);
            for &chunk in &weights.steps.chunks {
                let part;
                (part, to) = to.split_at_mut(chunk.1 * phase.taps.len() * width);
                filters.pack(level, index % blocks, chunk, part);
            }
        });
        weights.packed = packed;
        weights
    }
}

/// The weights of one group, as one task uses them.
pub(super) struct Group<'a, T: Element> {
    filters: Filters<'a, T>,
    packed: &'a [T],
    /// The packed weights of two blocks and one chunk, if `packed` is empty.
    buffer: Scratch<T>,
}

impl<'a, T: Float> Group<'a, T> {
    pub fn new(
        plan: &'a Correlation,
        phase: &'a Phase,
        weights: &'a Weights<T>,
        w: &'a [T],
        group: usize,
    ) -> Self {
        let filters = Filters::new(plan, phase, &weights.steps, w, group);
        let (packed, mut longest) = if weights.packed.is_empty() {
            let counts = weights.steps.chunks.iter().map(|&(_, count)| count);
            (&[][..], counts.max().unwrap_or(0))
        } else {
            let length = weights.packed.len() / plan.groups;
            (&weights.packed[group * length..][..length], 0)
        };
        longest *= phase.taps.len() * T::NR;
        Self {
            filters,
            packed,
            buffer: Scratch::new(2 * longest),
        }
    }

    /// Packs the weights of one or two blocks of output channels and one chunk of input channels, unless all
    /// weights are packed already.
    pub fn pack(&mut self, level: Level, blocks: Range<usize>, chunk: (usize, usize)) {
        if self.packed.is_empty() {
            let each = self.buffer.len() / 2;
            for (block, to) in blocks.zip(self.buffer.chunks_mut(each)) {
                self.filters.pack(level, block, chunk, to);
            }
        }
    }

    /// The packed weights of a chunk, from one block on; after [`pack`](Self::pack) of the same block and chunk.
    pub fn panel(&self, block: usize, chunk: (usize, usize)) -> &[T] {
        if self.packed.is_empty() {
            return &self.buffer;
        }
        let step = chunk.0 * self.filters.phase.taps.len();
        &self.packed[block * self.distance() + step * T::NR..]
    }

    /// Elements from the packed weights of a block to those of the next.
    pub fn distance(&self) -> usize {
        if self.packed.is_empty() {
            self.buffer.len() / 2
        } else {
            self.filters.phase.offsets.len() * T::NR
        }
    }

    /// Prefetches part `index` of `parts` of the weights of blocks and a chunk that will be packed next, unless
    /// all weights are packed already.
    pub fn prefetch(
        &self,
        blocks: Range<usize>,
        (first, count): (usize, usize),
        [index, parts]: [usize; 2],
    ) {
        if !self.packed.is_empty() {
            return;
        }
        let filters = &self.filters;
        let taps = filters.phase.taps.len();
        let lanes: usize = blocks.clone().map(|block| filters.lanes(block)).sum();
        let [output, input, _] = filters.plan.weight;
        let w = &filters.w[blocks.start * T::NR * output + first * input..];
        let (runs, distance, length) = if input == taps {
            (lanes, output, count * taps)
        } else {
            (count, input, lanes * output)
        };
        for run in index * runs / parts..(index + 1) * runs / parts {
            let run = &w[run * distance..];
            prefetch::lines(&run[..length.min(run.len())]);
        }
    }
}

/// The weights of one group in place.
#[derive(Clone, Copy)]
struct Filters<'a, T> {
    plan: &'a Correlation,
    phase: &'a Phase,
    steps: &'a Steps,
    w: &'a [T],
}

impl<'a, T: Float> Filters<'a, T> {
    fn new(
        plan: &'a Correlation,
        phase: &'a Phase,
        steps: &'a Steps,
        w: &'a [T],
        group: usize,
    ) -> Self {
        let w = &w[group * plan.weight[2]..];
        Self {
            plan,
            phase,
            steps,
            w,
        }
    }

    /// Output channels in a block.
    fn lanes(&self, block: usize) -> usize {
        let width = T::NR;
        width.min(self.plan.channels[1] - block * width)
    }

    /// Packs the weights of one block of output channels and one chunk of input channels.
    fn pack(&self, level: Level, block: usize, (first, count): (usize, usize), to: &mut [T]) {
        let (width, taps, lanes) = (T::NR, self.phase.taps.len(), self.lanes(block));
        let [output, input, _] = self.plan.weight;
        let w = &self.w[block * width * output + first * input..];
        let to = &mut to[..count * taps * width];
        if lanes < width {
            to.fill(T::zero());
        }
        if !self.phase.taps_in_order() {
            let mut to = to.chunks_exact_mut(width);
            for row in &self.steps.rows {
                for channel in 0..count {
                    let taps = &self.phase.taps[row.taps.clone()];
                    for (tap, to) in taps.iter().zip(to.by_ref()) {
                        let from = &w[channel * input + tap..];
                        for (lane, to) in to[..lanes].iter_mut().enumerate() {
                            *to = from[lane * output];
                        }
                    }
                }
            }
            return;
        }
        // A matrix is the filters of one input channel, or of `LANES` input channels if they are adjacent in
        // memory: its width is then a multiple of a block of the transpose.
        let each = if input == taps { T::LANES } else { 1 };
        let row = self.steps.rows[0].taps.len();
        let mut channel = 0;
        while channel < count {
            let left = count - channel;
            let each = each.min(left);
            let matrices = left / each;
            let places = self.places(count, each);
            let task = ScatteredTranspose {
                count: matrices,
                size: [lanes, each * taps],
                from: &w[channel * input..],
                from_step: each * input,
                from_stride: output,
                to: &mut to[channel * row * width..],
                to_step: each * row * width,
                places: &places,
            };
            task.run(level);
            channel += matrices * each;
        }
    }

    /// Offsets in a packed chunk of `count` channels of the taps of its first `channels` channels.
    fn places(&self, count: usize, channels: usize) -> Vec<usize> {
        let mut places = Vec::with_capacity(channels * self.phase.taps.len());
        for channel in 0..channels {
            for row in &self.steps.rows {
                let first = count * row.taps.start + channel * row.taps.len();
                let steps = first..first + row.taps.len();
                places.extend(steps.map(|step| step * T::NR));
            }
        }
        places
    }
}
