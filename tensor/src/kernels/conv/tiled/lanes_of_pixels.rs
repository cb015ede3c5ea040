//! Lanes of neighbouring pixels: vectors from the image, broadcast weights of up to `MR` output channels.

use super::part::Part;
use super::plan::{Correlation, Phase, Run};
use crate::kernels::gemm::microkernel::{
    LeftOperand, LeftRows, MR, Offsets, Packed, Rows, row_tiles,
};
use crate::kernels::simd::{Array, Body, Float, Level, Vector};
use crate::memory::Scratch;
use crate::{Element, parallel};

/// Vectors of pixels in one block: the image under them stays in the first-level cache for all output
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
    let pieces = part.pieces(T::LANES);
    let offsets = &phase.offsets;
    for pieces in pieces.chunks(BLOCK) {
        let to = Planes {
            dst: &mut *dst,
            pixels,
            lanes: phase.width().min(T::LANES),
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
            let panels = Packed::<T, MR>(&weights.packed[part.group * weights.group + before..]);
            run_block(level, [channels, depth], panels, image, offsets, pieces, to);
        }
    }
}

/// Output planes.
struct Planes<'a, T> {
    dst: &'a mut [T],
    pixels: usize,
    /// Lanes of a vector that are used.
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
        lanes,
        step,
    } = to;
    let whole = lanes == T::LANES && step == 1;
    // Vectors whose pixels are not contiguous in the result are stored to a buffer first.
    let mut buffer = Scratch::<T>::new(if whole {
        0
    } else {
        pieces.len() * MR * T::LANES
    });
    for (index, (first, rows)) in row_tiles(channels).enumerate() {
        let dst = &mut dst[first * pixels..];
        macro_rules! with {
            ($r:literal, $v:literal) => {
                if whole {
                    level.run(PixelTiles::<T, G, $r, $v, false> {
                        depth,
                        weights,
                        index,
                        first,
                        image,
                        offsets,
                        pieces,
                        dst,
                        pixels,
                    });
                } else {
                    level.run(PixelTiles::<T, G, $r, $v, true> {
                        depth,
                        weights,
                        index,
                        first,
                        image,
                        offsets,
                        pieces,
                        dst: &mut buffer,
                        pixels: pieces.len() * T::LANES,
                    });
                }
            };
        }
        // With fewer channels, more vectors: at least 8 accumulators, at most 15 registers.
        match rows {
            1 => with!(1, 8),
            2 => with!(2, 4),
            3 => with!(3, 3),
            4 => with!(4, 2),
            5 => with!(5, 2),
            _ => with!(6, 2),
        }
        if !whole {
            for (r, sums) in buffer
                .chunks(pieces.len() * T::LANES)
                .enumerate()
                .take(rows)
            {
                for (piece, sums) in pieces.iter().zip(sums.chunks(T::LANES)) {
                    let to = dst[r * pixels + piece.target..].iter_mut().step_by(step);
                    for (to, &sum) in to.zip(&sums[..lanes]) {
                        *to = sum;
                    }
                }
            }
        }
    }
}

/// Tiles of `R` output channels by `V` vectors of pixels.
struct PixelTiles<'a, T, G, const R: usize, const V: usize, const BUFFERED: bool> {
    depth: usize,
    weights: G,
    index: usize,
    first: usize,
    image: &'a [T],
    offsets: &'a Offsets,
    pieces: &'a [Run],
    dst: &'a mut [T],
    pixels: usize,
}

impl<T: Float, G: LeftOperand<T>, const R: usize, const V: usize, const BUFFERED: bool> Body
    for PixelTiles<'_, T, G, R, V, BUFFERED>
{
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let weights = self
            .weights
            .rows::<R>(self.index, self.first, self.depth, false);
        let span = self.offsets.span(T::LANES);
        let offsets = &self.offsets.list()[..self.depth];
        let mut at = 0;
        while at < self.pieces.len() {
            // If fewer vectors are left than a tile has, the last one is computed several times.
            let mut pieces = [self.pieces[at]; V];
            let mut windows = [&self.image[..0]; V];
            for v in 0..V {
                pieces[v] = self.pieces[(at + v).min(self.pieces.len() - 1)];
                windows[v] = &self.image[pieces[v].origin..][..span];
            }
            let mut sums = [[T::Vector::splat(T::zero()); V]; R];
            for t in 0..self.depth {
                let offset = offsets[t];
                let mut vectors = [T::Vector::splat(T::zero()); V];
                for v in 0..V {
                    vectors[v] = Array::load(&windows[v][offset..][..T::LANES]);
                }
                let step = weights.step::<R>(t);
                for r in 0..R {
                    let weight = T::Vector::splat(weights.factor::<R>(step, r));
                    for v in 0..V {
                        sums[r][v] = weight.multiply_add::<FMA>(vectors[v], sums[r][v]);
                    }
                }
            }
            for r in 0..R {
                for v in 0..V {
                    let target = if BUFFERED {
                        (at + v).min(self.pieces.len() - 1) * T::LANES
                    } else {
                        pieces[v].target
                    };
                    sums[r][v].store(&mut self.dst[r * self.pixels + target..][..T::LANES]);
                }
            }
            at += V;
        }
    }
}
