//! Runs a correlation: which vectors, which blocks, which tasks.

use super::lanes_of_channels::POINTS;
use super::lanes_of_pixels::PIECES;
use super::plan::{Correlation, Phase, Run, Span};
use super::{lanes_of_channels, lanes_of_pixels, packed, steps};
use crate::kernels::gemm::microkernel::{ROWS, columns};
use crate::kernels::simd::{Float, Level};
use crate::memory::scratch;
use crate::parallel;

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
struct Task<'a> {
    image: usize,
    group: usize,
    /// The first channel, in the group.
    first: usize,
    span: &'a Span,
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
    // Points read an image once for several blocks of channels, pixels for each six channels: these
    // wait longer for one that lies in the third cache.
    let (tile, saved) = match lanes {
        Lanes::Pixels => (PIECES * T::LANES, 3 * parts),
        Lanes::Channels => (POINTS, parts),
    };
    let bands = plan.bands::<T>(saved, tile);
    let banded = bands.is_some();
    let block = if banded { outputs } else { block };
    let few = images * parts < FEW;
    let spans = bands.unwrap_or_else(|| plan.spans(if few { SPANS } else { 1 }));
    let weights = pack(level, lanes, plan, [block, spans.len()], w);
    // Where several tasks read an image, it is padded before.
    let length = plan.image.len();
    let shared = !banded && (block < outputs || spans.len() > 1);
    let mut padded = scratch::stale::<T>(if shared { images * length } else { 0 });
    let of_group = inputs * src_pixels;
    if shared {
        plan.image.fill(level, src, of_group, &mut padded);
    }
    let compute = |task: &Task<'_>, dst: &mut [T]| {
        let index = task.image * plan.groups + task.group;
        let mut band = scratch::stale::<T>(0);
        let image = if shared {
            &padded[index * length..][..length]
        } else {
            band = scratch::stale(plan.image.band_len(task.span.band));
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
        scratch::recycle(band);
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
        // Rows of several planes are not one slice: they are made apart and copied.
        let pixels = task.span.pixels().len();
        let mut dst = scratch::stale::<T>(planes.len() * pixels);
        compute(task, &mut dst);
        for (plane, dst) in planes.iter_mut().zip(dst.chunks(pixels)) {
            plane.copy_from_slice(dst);
        }
        scratch::recycle(dst);
    });
    scratch::recycle(padded);
    for weights in weights {
        weights.recycle();
    }
}

/// For every span its rows of each plane; a span that is everything has all planes in one.
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

/// Zeros at the positions of a phase that no tap meets.
fn clear<T: Float>(part: &Part<'_, T>, dst: &mut [T]) {
    let pieces = part.pieces(1);
    for channel in dst.chunks_mut(part.span.pixels().len()) {
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
    /// What the task makes of the output planes.
    pub span: &'a Span,
    pub w: &'a [T],
}

impl<T> Part<'_, T> {
    /// The pieces of the part's rows.
    pub fn pieces(&self, lanes: usize) -> Vec<Run> {
        self.plan.pieces(self.phase, self.span, lanes)
    }
}
