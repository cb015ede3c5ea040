//! Runs a correlation: which vectors, which blocks, which tasks.

use std::ops::Range;

use super::lanes_of_channels::POINTS;
use super::plan::{Correlation, Phase, Run};
use super::{lanes_of_channels, lanes_of_pixels, packed, steps};
use crate::kernels::simd::{Float, Level};
use crate::kernels::tile::{ROWS, columns};
use crate::{parallel, pool};

/// With fewer tasks than this, planes are cut into so many spans of rows.
const FEW: usize = 4;
const SPANS: usize = 8;

/// What lies in the lanes of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    /// Neighbouring pixels of a row; the scalars are weights. No lane idles where rows fill vectors.
    Pixels,
    /// Output channels; the scalars are pixels. Rows may have any length.
    Channels,
}

impl Lanes {
    /// The choice with fewer idle lanes and rows, for output channels of one group.
    pub fn choose<T: Float>(plan: &Correlation) -> Self {
        let channels = plan.channels[1];
        let panels = channels.div_ceil(ROWS);
        let rows = channels as f64 / panels as f64;
        let (mut pixels, mut points) = (0.0, 0.0);
        for phase in &plan.phases {
            let pieces = phase.width().div_ceil(T::LANES) * phase.count() / phase.width().max(1);
            let depth = phase.offsets.len() as f64;
            // Pixels that do not lie as vectors in the result are written one by one.
            let whole = phase.step() == 1 && phase.width() >= T::LANES;
            let store = if whole { 2.0 } else { T::LANES as f64 };
            pixels += (pieces * panels) as f64 * rows * (depth / 2.0 + store);
            // Six broadcasts a step instead of two loads cost a little; so does turning the result,
            // and a lot where its pixels are apart.
            let blocks = channels.div_ceil(columns::<T>());
            let store = if phase.step() == 1 { 10.0 } else { 40.0 };
            points += (phase.count() * blocks) as f64 * (1.07 * steps::mean(phase) + store);
            // Weights are turned in squares; panels of pixels read them in place, without asking for
            // them ahead, or copy them one by one.
            let weights = depth * channels as f64 / plan.batch.max(1) as f64;
            points += 0.4 * weights;
            let in_place = lanes_of_pixels::in_place(plan, phase);
            pixels += if in_place { 0.5 } else { 2.0 } * weights;
        }
        if pixels < points {
            Self::Pixels
        } else {
            Self::Channels
        }
    }
}

/// A block of output channels of one group of one image, and some rows of their planes.
struct Task {
    image: usize,
    group: usize,
    /// The first channel, in the group, and how many.
    first: usize,
    channels: usize,
    pixels: Range<usize>,
}

/// Weights of one phase as its tiles read them.
enum Weights<T> {
    Pixels(lanes_of_pixels::Weights<T>),
    Channels(packed::Weights<T>),
}

impl<T: Float> Weights<T> {
    fn recycle(self) {
        match self {
            Self::Pixels(weights) => weights.recycle(),
            Self::Channels(weights) => weights.recycle(),
        }
    }
}

/// Computes `dst` from `src` and the weights.
pub(super) fn run<T: Float>(
    level: Level,
    lanes: Lanes,
    plan: &Correlation,
    src: &[T],
    w: &[T],
    dst: &mut [T],
) {
    if dst.is_empty() {
        return;
    }
    if src.is_empty() || w.is_empty() {
        dst.fill(T::zero());
        return;
    }
    let sums = plan
        .phases
        .iter()
        .map(|phase| phase.count() * phase.offsets.len());
    let sums = sums.sum::<usize>() * plan.batch * plan.groups * plan.channels[1];
    let work = sums / columns::<T>();
    run_tasks(level, lanes, plan, src, w, dst, work);
}

/// The weights of every phase, for tasks of so many output channels and planes in so many parts.
fn pack<T: Float>(
    level: Level,
    lanes: Lanes,
    plan: &Correlation,
    [block, spans]: [usize; 2],
    w: &[T],
) -> Vec<Weights<T>> {
    let phases = plan.phases.iter();
    let weights = phases.map(|phase| match lanes {
        Lanes::Pixels => Weights::Pixels(lanes_of_pixels::Weights::new(plan, phase, block, w)),
        Lanes::Channels => {
            // Then each block is needed by one task, for one list of pixels.
            let once = plan.batch * spans == 1 && phase.count() <= POINTS;
            Weights::Channels(packed::Weights::new(level, plan, phase, w, once))
        }
    });
    weights.collect()
}

fn run_tasks<T: Float>(
    level: Level,
    lanes: Lanes,
    plan: &Correlation,
    src: &[T],
    w: &[T],
    dst: &mut [T],
    work: usize,
) {
    let [inputs, outputs] = plan.channels;
    let unit = match lanes {
        Lanes::Pixels => ROWS,
        Lanes::Channels => columns::<T>(),
    };
    // From the shape alone. Images first, since each is padded once; blocks of channels where
    // there are few images.
    let parts = 16_usize
        .div_ceil(plan.batch * plan.groups)
        .min(outputs.div_ceil(unit));
    let block = outputs.div_ceil(parts).next_multiple_of(unit);
    let [src_pixels, dst_pixels] = plan.pixels;
    let images = plan.batch * plan.groups;
    let spans = plan.spans(if images * parts < FEW { SPANS } else { 1 });
    let weights = pack(level, lanes, plan, [block, spans.len()], w);
    let length = plan.image.len();
    let shared = block < outputs || spans.len() > 1;
    let mut padded = pool::stale::<T>(if shared { images * length } else { 0 });
    if shared {
        plan.image
            .fill(level, src, inputs * src_pixels, &mut padded);
    }
    let compute = |image: &[T], task: &Task, dst: &mut [T]| {
        for (phase, weights) in plan.phases.iter().zip(&weights) {
            let part = Part {
                level,
                plan,
                phase,
                image,
                group: task.group,
                first: task.first,
                pixels: task.pixels.clone(),
                w,
            };
            if phase.offsets.len() == 0 {
                clear(&part, dst);
                continue;
            }
            match weights {
                Weights::Pixels(weights) => lanes_of_pixels::run(&part, weights, dst),
                Weights::Channels(weights) => lanes_of_channels::run(&part, weights, dst),
            }
        }
    };
    let task = |index: usize, part: usize, pixels: &Range<usize>| Task {
        image: index / plan.groups,
        group: index % plan.groups,
        first: part * block,
        channels: block.min(outputs - part * block),
        pixels: pixels.clone(),
    };
    if spans.len() == 1 {
        let mut tasks = Vec::new();
        for (index, dst) in dst.chunks_mut(outputs * dst_pixels).enumerate() {
            for (part, dst) in dst.chunks_mut(block * dst_pixels).enumerate() {
                tasks.push((task(index, part, &spans[0]), dst));
            }
        }
        parallel::for_chunks_mut(&mut tasks, 1, work, |_, tasks| {
            let (task, dst) = &mut tasks[0];
            let index = task.image * plan.groups + task.group;
            if shared {
                compute(&padded[index * length..][..length], task, dst);
            } else {
                let mut padded = pool::stale::<T>(length);
                let src = &src[index * inputs * src_pixels..][..inputs * src_pixels];
                plan.image.fill(level, src, src.len(), &mut padded);
                compute(&padded, task, dst);
                pool::recycle(padded);
            }
        });
    } else {
        // Rows of several planes are not one slice: they are made apart and copied.
        let mut tasks = Vec::new();
        for index in 0..images {
            for part in 0..outputs.div_ceil(block) {
                tasks.extend(spans.iter().map(|span| task(index, part, span)));
            }
        }
        let results = parallel::map_chunks(tasks.len(), work, |at| {
            let task = &tasks[at];
            let index = task.image * plan.groups + task.group;
            let mut dst = pool::stale::<T>(task.channels * task.pixels.len());
            compute(&padded[index * length..][..length], task, &mut dst);
            dst
        });
        for (task, result) in tasks.iter().zip(results) {
            let channel = (task.image * plan.groups + task.group) * outputs + task.first;
            let planes = dst[channel * dst_pixels..].chunks_mut(dst_pixels);
            for (plane, result) in planes.zip(result.chunks(task.pixels.len())) {
                plane[task.pixels.clone()].copy_from_slice(result);
            }
            pool::recycle(result);
        }
    }
    pool::recycle(padded);
    for weights in weights {
        weights.recycle();
    }
}

/// Zeros at the positions of a phase that no tap meets.
fn clear<T: Float>(part: &Part<'_, T>, dst: &mut [T]) {
    let pieces = part.pieces(1);
    for channel in dst.chunks_mut(part.pixels.len()) {
        for run in &pieces {
            channel[run.target] = T::zero();
        }
    }
}

/// What one task does in one phase.
pub(super) struct Part<'a, T> {
    pub level: Level,
    pub plan: &'a Correlation,
    pub phase: &'a Phase,
    pub image: &'a [T],
    pub group: usize,
    pub first: usize,
    /// The pixels of the output planes that the task makes: whole rows.
    pub pixels: Range<usize>,
    pub w: &'a [T],
}

impl<T> Part<'_, T> {
    /// The pieces of the part's rows, their targets counted from its first pixel.
    pub fn pieces(&self, lanes: usize) -> Vec<Run> {
        let mut pieces = self.plan.pieces(self.phase, lanes);
        pieces.retain(|piece| self.pixels.contains(&piece.target));
        for piece in &mut pieces {
            piece.target -= self.pixels.start;
        }
        pieces
    }
}
