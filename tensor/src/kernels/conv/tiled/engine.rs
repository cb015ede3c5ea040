//! Runs a correlation: its blocks and tasks.

use super::lanes::Lanes;
use super::lanes_of_channels::MAX_WINDOWS;
use super::lanes_of_pixels::BLOCK;
use super::part::Part;
use super::plan::{Correlation, Span};
use super::{lanes_of_channels, lanes_of_pixels, packed};
use crate::kernels::gemm::microkernel::MR;
use crate::kernels::simd::{Float, Level};
use crate::memory::Scratch;
use crate::{Element, parallel};

/// With fewer tasks than this, planes are divided into [`SPANS`] spans of rows.
const MIN_TASKS: usize = 4;

/// Spans of rows of a plane if there are few tasks.
const SPANS: usize = 8;

/// A block of output channels of one group of one image, and a span of the rows of their planes.
struct Task<'a> {
    image: usize,
    group: usize,
    /// The first channel, in the group.
    first: usize,
    span: &'a Span,
}

/// Packed weights of one phase.
enum Weights<T: Element> {
    Pixels(lanes_of_pixels::Weights<T>),
    Channels(packed::Weights<T>),
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
    let work = sums / T::NR;
    run_tasks(level, lanes, plan, src, w, dst, work);
}

/// Packs the weights of every phase, for tasks of `block` output channels and planes of `spans` spans.
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
            // With one image, one span and few windows, each block of weights is used once: packing it right
            // before its use keeps it in a cache.
            let once = plan.batch * spans == 1 && phase.count() <= MAX_WINDOWS;
            Weights::Channels(packed::Weights::new(level, plan, phase, w, once))
        }
    });
    weights.collect()
}

/// Output channels of a task, a multiple of `unit`, and spans of the rows of its planes: about `parts` blocks of
/// channels, and at least `wanted` tasks in all, if the image has as many.
fn blocks_and_spans(
    plan: &Correlation,
    parts: usize,
    unit: usize,
    wanted: usize,
) -> (usize, Vec<Span>) {
    let ([_, outputs], images) = (plan.channels, plan.batch * plan.groups);
    let few = images * parts < MIN_TASKS;
    let parts = if images * parts < wanted {
        wanted.div_ceil(images)
    } else {
        parts
    };
    let block = outputs.div_ceil(parts).next_multiple_of(unit);
    let tasks = images * outputs.div_ceil(block);
    let spans = (wanted / tasks).max(if few { SPANS } else { 1 });
    (block, plan.spans(spans))
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
        Lanes::Pixels => MR,
        Lanes::Channels => 2 * T::NR,
    };
    // No sum depends on the partition. Tasks are whole images, so that each is padded once; if there
    // are few images, tasks are blocks of channels.
    let parts = 16_usize
        .div_ceil(plan.batch * plan.groups)
        .min(outputs.div_ceil(unit));
    let [src_pixels, dst_pixels] = plan.pixels;
    let images = plan.batch * plan.groups;
    // With channels in the lanes an image is re-read once per several blocks of channels, with pixels in the
    // lanes once per `MR` channels, so that banding saves more reads.
    let (tile, saved) = match lanes {
        Lanes::Pixels => (BLOCK * T::LANES, 3 * parts),
        Lanes::Channels => (MAX_WINDOWS, parts),
    };
    let wanted = parallel::tasks_for_threads(work);
    let bands = plan.bands::<T>(saved, tile);
    let bands = bands.filter(|bands| images * bands.len() >= wanted);
    let banded = bands.is_some();
    let (block, spans) = match bands {
        Some(bands) => (outputs, bands),
        None => blocks_and_spans(plan, parts, unit, wanted),
    };
    let weights = pack(level, lanes, plan, [block, spans.len()], w);
    // If several tasks read an image, it is padded before the tasks start.
    let length = plan.image.len();
    let shared = !banded && (block < outputs || spans.len() > 1);
    let mut padded = Scratch::<T>::new(if shared { images * length } else { 0 });
    let of_group = inputs * src_pixels;
    if shared {
        plan.image.fill(level, src, of_group, &mut padded);
    }
    let compute = |task: &Task<'_>, dst: &mut [T]| {
        let index = task.image * plan.groups + task.group;
        let mut band;
        let image = if shared {
            &padded[index * length..][..length]
        } else {
            band = Scratch::new(plan.image.band_len(task.span.band));
            let src = &src[index * of_group..][..of_group];
            let to = &mut band;
            plan.image
                .fill_band(level, task.span.band, src, of_group, to);
            &band
        };
        for (phase, weights) in plan.phases.iter().zip(&weights) {
            let part = Part {
                level,
                plan,
                phase,
                image,
                group: task.group,
                first: task.first,
                span: task.span,
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
    let mut tasks = Vec::new();
    for (index, dst) in dst.chunks_mut(outputs * dst_pixels).enumerate() {
        for (part, dst) in dst.chunks_mut(block * dst_pixels).enumerate() {
            for (span, planes) in spans.iter().zip(cut(dst, dst_pixels, &spans)) {
                let task = Task {
                    image: index / plan.groups,
                    group: index % plan.groups,
                    first: part * block,
                    span,
                };
                tasks.push((task, planes));
            }
        }
    }
    parallel::for_chunks_mut(&mut tasks, 1, work, |_, tasks| {
        let (task, planes) = &mut tasks[0];
        if let [all] = &mut planes[..] {
            return compute(task, all);
        }
        // The rows of a span in several planes are not contiguous: they are computed in a buffer and copied.
        let pixels = task.span.pixels().len();
        let mut dst = Scratch::<T>::new(planes.len() * pixels);
        compute(task, &mut dst);
        for (plane, dst) in planes.iter_mut().zip(dst.chunks(pixels)) {
            plane.copy_from_slice(dst);
        }
    });
}

/// For every span its rows of each plane, or all planes in one slice if there is one span.
fn cut<'a, T>(dst: &'a mut [T], pixels: usize, spans: &[Span]) -> Vec<Vec<&'a mut [T]>> {
    if spans.len() == 1 {
        return vec![vec![dst]];
    }
    let mut cut: Vec<Vec<&mut [T]>> = spans.iter().map(|_| Vec::new()).collect();
    for mut plane in dst.chunks_mut(pixels) {
        for (span, cut) in spans.iter().zip(&mut cut) {
            let rows;
            (rows, plane) = plane.split_at_mut(span.pixels().len());
            cut.push(rows);
        }
    }
    cut
}

/// Writes zeros to the positions of a phase without taps.
fn clear<T: Float>(part: &Part<'_, T>, dst: &mut [T]) {
    let pieces = part.pieces(1);
    for channel in dst.chunks_mut(part.span.pixels().len()) {
        for run in &pieces {
            channel[run.target] = T::zero();
        }
    }
}
