//! Lanes of neighbouring pixels: vectors from the image, broadcast weights of up to `MR` output channels.

use super::part::Part;
use super::plan::{Correlation, Phase, Run};
use crate::kernels::gemm::microkernel::{
    LeftOperand, LeftRows, MR, Offsets, Packed, Rows, row_tiles,
};
use crate::kernels::simd::{Body, Float, Level, Vector};
use crate::memory::Scratch;
use crate::{Element, parallel};

/// Vectors of `LANES` pixels in one block: the image under them stays in the first-level cache for all output
/// channels (as `NC`).
pub(super) const BLOCK: usize = 32;

/// Whether the order of the sum is that of `w` in memory.
pub(super) fn in_place(plan: &Correlation, phase: &Phase) -> bool {
    plan.weight[1] == phase.taps.len() && phase.taps_in_order()
}

/// Weights of one phase in panels of up to `MR` channels; each block of channels starts a new panel.
pub(super) struct Weights<T: Element> {
    /// Empty where the weights are read in place.
    packed: Scratch<T>,
    /// Elements of one group.
    group: usize,
}

impl<T: Float> Weights<T> {
    pub fn new(plan: &Correlation, phase: &Phase, block: usize, w: &[T]) -> Self {
        let depth = phase.offsets.len();
        if in_place(plan, phase) || depth == 0 {
            return Self {
                packed: Scratch::new(0),
                group: 0,
            };
        }
        let outputs = plan.channels[1];
        let panels = || {
            (0..outputs).step_by(block).flat_map(move |first| {
                row_tiles(block.min(outputs - first)).map(move |(r, rows)| (first + r, rows))
            })
        };
        let group = panels().count() * depth * MR;
        let mut packed = Scratch::<T>::new(plan.groups * group);
        let taps = phase.taps.len();
        let panels: Vec<(usize, usize)> = panels().collect();
        parallel::for_chunks_mut(&mut packed, depth * MR, plan.groups * group, |index, to| {
            let (g, (first, rows)) = (index / panels.len(), panels[index % panels.len()]);
            let start = g * plan.weight[2] + first * plan.weight[0];
            for (channel, to) in to.chunks_mut(taps * MR).enumerate() {
                let from = &w[start + channel * plan.weight[1]..];
                if rows == MR {
                    let from: [&[T]; MR] = std::array::from_fn(|r| &from[r * plan.weight[0]..]);
                    for (to, &tap) in to.chunks_exact_mut(MR).zip(&phase.taps) {
                        for r in 0..MR {
                            to[r] = from[r][tap];
                        }
                    }
                    continue;
                }
                for (to, &tap) in to.chunks_mut(MR).zip(&phase.taps) {
                    for (r, to) in to.iter_mut().enumerate().take(rows) {
                        *to = from[r * plan.weight[0] + tap];
                    }
                }
            }
        });
        Self { packed, group }
    }
}

pub(super) fn run<T: Float>(part: &Part<'_, T>, weights: &Weights<T>, dst: &mut [T]) {
    let Part {
        level,
        plan,
        phase,
        image,
        ..
    } = *part;
    let pixels = part.span.pixels().len();
    let depth = phase.offsets.len();
    let channels = dst.len() / pixels;
    // Vectors of 512 bits, if rows fill them: then column blocks do too.
    let vector = if level.has_512_bits() && phase.width() >= T::NR {
        T::NR
    } else {
        T::LANES
    };
    let pieces = part.pieces(vector);
    let offsets = &phase.offsets;
    for pieces in pieces.chunks(BLOCK * T::LANES / vector) {
        let to = Planes {
            dst: &mut *dst,
            pixels,
            vector,
            lanes: phase.width().min(vector),
            step: phase.step(),
        };
        if weights.packed.is_empty() {
            let start = part.group * plan.weight[2] + part.first * plan.weight[0];
            let rows = Rows {
                matrix: &part.w[start..],
                stride: plan.weight[0],
                most: MR,
            };
            run_block(level, [channels, depth], rows, image, offsets, pieces, to);
        } else {
            // Panels before this block of channels: every block but the last is full.
            let before = part.first / MR * depth * MR;
            let panels = &weights.packed[part.group * weights.group + before..];
            run_block(
                level,
                [channels, depth],
                Packed(panels),
                image,
                offsets,
                pieces,
                to,
            );
        }
    }
}

/// Output planes.
struct Planes<'a, T> {
    dst: &'a mut [T],
    pixels: usize,
    /// Lanes of a vector.
    vector: usize,
    /// Those that are used.
    lanes: usize,
    /// Stride in `dst` between the pixels of neighbouring lanes.
    step: usize,
}

/// Computes some vectors of pixels of all channels.
fn run_block<T: Float, G: LeftOperand<T>>(
    level: Level,
    [channels, depth]: [usize; 2],
    weights: G,
    image: &[T],
    offsets: &Offsets,
    pieces: &[Run],
    to: Planes<'_, T>,
) {
    let Planes {
        dst,
        pixels,
        vector,
        lanes,
        step,
    } = to;
    // Vectors whose pixels are not contiguous in the result are stored to a buffer first.
    let buffered = lanes < vector || step != 1;
    let length = pieces.len() * vector;
    let mut buffer = Scratch::<T>::new(if buffered { MR * length } else { 0 });
    for (index, (first, rows)) in row_tiles(channels).enumerate() {
        let dst = &mut dst[first * pixels..];
        let to = if buffered { &mut buffer } else { &mut *dst };
        let task = Block {
            depth,
            weights,
            index,
            first,
            image,
            offsets,
            pieces,
            to,
            pixels: if buffered { length } else { pixels },
            buffered,
        };
        // With fewer channels, more vectors: at least 8 accumulators, at most 15 registers of 16. Of 32 registers,
        // at most 29: the compiler broadcasts all weights of a step before it multiplies.
        macro_rules! tiles {
            ($($r:literal: $narrow:literal $wide:literal;)*) => {
                match (T::wide(level), rows) {
                    $((Some(isa), $r) if vector == T::NR => T::run_wide(
                        isa,
                        PixelTiles::<T, T::Wide, G, $r, $wide> { task, isa },
                    ),
                    (_, $r) => level.run(PixelTiles::<T, T::Vector, G, $r, $narrow> {
                        task,
                        isa: (),
                    }),)*
                    _ => unreachable!("tiles have at most 6 rows"),
                }
            };
        }
        tiles!(1: 8 8; 2: 4 8; 3: 3 6; 4: 2 5; 5: 2 4; 6: 2 3;);
        if buffered {
            for (r, sums) in buffer.chunks(length).enumerate().take(rows) {
                for (piece, sums) in pieces.iter().zip(sums.chunks(vector)) {
                    let to = dst[r * pixels + piece.target..].iter_mut().step_by(step);
                    for (to, &sum) in to.zip(&sums[..lanes]) {
                        *to = sum;
                    }
                }
            }
        }
    }
}

/// Some vectors of pixels of up to `MR` output channels.
struct Block<'a, T, G> {
    depth: usize,
    weights: G,
    /// Index and first channel of the panel of weights.
    index: usize,
    first: usize,
    image: &'a [T],
    offsets: &'a Offsets,
    pieces: &'a [Run],
    /// Planes of `pixels` elements: of the result, or of a buffer in which vectors lie one after the other.
    to: &'a mut [T],
    pixels: usize,
    buffered: bool,
}

/// Tiles of `R` output channels by `V` vectors of pixels.
struct PixelTiles<'a, T: Float, X: Vector<T>, G, const R: usize, const V: usize> {
    task: Block<'a, T, G>,
    isa: X::Isa,
}

impl<T: Float, X: Vector<T>, G: LeftOperand<T>, const R: usize, const V: usize> Body
    for PixelTiles<'_, T, X, G, R, V>
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { task, isa } = self;
        let Block { depth, pieces, .. } = task;
        let weights = task.weights.rows::<R>(task.index, task.first, depth, false);
        let span = task.offsets.span(X::LANES);
        let offsets = &task.offsets.list()[..depth];
        let mut at = 0;
        while at < pieces.len() {
            // If fewer vectors are left than a tile has, the last one is computed several times.
            let mut targets = [0; V];
            let mut windows = [&task.image[..0]; V];
            for v in 0..V {
                let index = (at + v).min(pieces.len() - 1);
                windows[v] = &task.image[pieces[index].origin..][..span];
                targets[v] = if task.buffered {
                    index * X::LANES
                } else {
                    pieces[index].target
                };
            }
            let mut sums = [[X::splat_with(isa, T::zero()); V]; R];
            for t in 0..depth {
                let offset = offsets[t];
                let mut vectors = [X::splat_with(isa, T::zero()); V];
                for v in 0..V {
                    vectors[v] = X::load_with(isa, &windows[v][offset..][..X::LANES]);
                }
                let step = weights.step::<R>(t);
                for r in 0..R {
                    let weight = X::splat_with(isa, weights.factor::<R>(step, r));
                    for v in 0..V {
                        sums[r][v] = weight.multiply_add::<FMA>(vectors[v], sums[r][v]);
                    }
                }
            }
            // Each loop does one thing, so that the compiler unrolls them and keeps `sums` in registers.
            for r in 0..R {
                let row = &mut task.to[r * task.pixels..];
                for v in 0..V {
                    sums[r][v].store(&mut row[targets[v]..][..X::LANES]);
                }
            }
            at += V;
        }
    }
}
