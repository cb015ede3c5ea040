//! Convolution as matrix products with unfolded images (im2col).
//!
//! `Y = W · columns(X)` with `columns(X)` `[channels · taps, output pixels]` (Chellapilla, Puri, Simard 2006).
//! Loops, from outside: images and groups, the tasks of the threads; blocks of output rows, of which at most
//! [`BLOCK`] elements are unfolded at a time, so that the columns stay in the second-level cache; the matrix
//! product of [`gemm`]. It supports every geometry and number type, and is what processors
//! without fused multiply-add use for all but small images and filters of one tap.

use std::ops::Range;

use super::direct::positions;
use super::{ConvGeometry, ConvKernel};
use crate::kernels::gemm::{self, Gemm};
use crate::memory::Scratch;
use crate::{Real, parallel};

/// Unfolds each image into a matrix of columns, one column for each output pixel and one row for each channel
/// and tap, and multiplies it by the filters.
#[derive(Clone, Copy, Debug)]
pub struct Im2col;

/// Most elements of columns that are unfolded at a time, unless a single output row has more.
const BLOCK: usize = 1 << 17;

/// Most partial weight gradients of one call; each is as large as the weights.
const MAX_PARTS: usize = 8;

/// Most elements of all partial weight gradients together, unless a single one has more.
const MAX_PARTIAL_SUMS: usize = 1 << 22;

impl<T: Real> ConvKernel<T> for Im2col {
    fn name(&self) -> &'static str {
        "im2col"
    }

    fn supports(&self, _geometry: &ConvGeometry) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        let sizes = Sizes::of(geometry);
        parallel::for_chunks_mut(y, sizes.y(), sizes.work, |part, y| {
            let x = &x[part * sizes.x()..][..sizes.x()];
            let w = &w[part % geometry.groups * sizes.w()..][..sizes.w()];
            sizes.for_each_block(geometry, x, |rows, columns, n| {
                let task = Gemm {
                    m: sizes.filters,
                    k: sizes.taps,
                    n,
                    a: [sizes.taps, 1],
                    b: [n, 1],
                    c: [sizes.pixels, 1],
                    accumulate: false,
                };
                gemm::multiply(&task, w, columns, &mut y[rows.start * sizes.width..]);
            });
        });
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        let sizes = Sizes::of(geometry);
        parallel::for_chunks_mut(dx, sizes.x(), sizes.work, |part, dx| {
            let dy = &dy[part * sizes.y()..][..sizes.y()];
            let w = &w[part % geometry.groups * sizes.w()..][..sizes.w()];
            let task = |n| Gemm {
                m: sizes.taps,
                k: sizes.filters,
                n,
                a: [1, sizes.taps],
                b: [sizes.pixels, 1],
                c: [n, 1],
                accumulate: false,
            };
            if is_pointwise(geometry) {
                gemm::multiply(&task(sizes.pixels), w, dy, dx);
                return;
            }
            dx.fill(T::zero());
            let mut columns = Scratch::new(sizes.columns());
            for rows in sizes.blocks() {
                let n = rows.len() * sizes.width;
                let columns = &mut columns[..sizes.taps * n];
                gemm::multiply(&task(n), w, &dy[rows.start * sizes.width..], columns);
                fold_add(geometry, columns, &rows, dx);
            }
        });
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        let sizes = Sizes::of(geometry);
        let images = geometry.batch.div_ceil(sizes.parts).max(1);
        let run = |partials: &mut [T]| {
            parallel::for_chunks_mut(partials, sizes.w(), sizes.work, |part, dw| {
                let (first, group) = (part / geometry.groups * images, part % geometry.groups);
                let last = (first + images).min(geometry.batch);
                if first >= last {
                    dw.fill(T::zero());
                }
                for image in first..last {
                    let plane = image * geometry.groups + group;
                    let x = &x[plane * sizes.x()..][..sizes.x()];
                    let dy = &dy[plane * sizes.y()..][..sizes.y()];
                    sizes.for_each_block(geometry, x, |rows, columns, n| {
                        let task = Gemm {
                            m: sizes.filters,
                            k: n,
                            n: sizes.taps,
                            a: [sizes.pixels, 1],
                            b: [1, n],
                            c: [sizes.taps, 1],
                            accumulate: image > first || rows.start > 0,
                        };
                        gemm::multiply(&task, &dy[rows.start * sizes.width..], columns, dw);
                    });
                }
            });
        };
        sum_of_parts(sizes.parts, dw, run);
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let sizes = Sizes::of(geometry);
        let tasks = geometry.batch.saturating_mul(geometry.groups);
        let columns = sizes
            .columns()
            .saturating_mul(tasks.min(parallel::threads()));
        let partials = (sizes.parts - 1).saturating_mul(geometry.w_len());
        columns
            .saturating_add(partials)
            .saturating_mul(size_of::<T>())
    }
}

/// Parts of the sum over images for the weight gradient, of `blocks` that are not divided.
pub(super) fn parts(geometry: &ConvGeometry, blocks: usize) -> usize {
    let affordable = MAX_PARTIAL_SUMS / geometry.w_len().max(1);
    blocks.min(MAX_PARTS).min(affordable).max(1)
}

/// The weight gradient from partial sums, which `run` writes one after the other.
///
/// Images are divided by their number alone and the parts are added in order, so the sum is the same for any number
/// of threads.
pub(super) fn sum_of_parts<T: Real>(parts: usize, dw: &mut [T], run: impl FnOnce(&mut [T])) {
    if parts == 1 || dw.is_empty() {
        run(dw);
        return;
    }
    let mut partials = Scratch::new(parts * dw.len());
    run(&mut partials);
    dw.copy_from_slice(&partials[..dw.len()]);
    for partial in partials.chunks_exact(dw.len()).skip(1) {
        for (sum, &term) in dw.iter_mut().zip(partial) {
            *sum += term;
        }
    }
}

/// Extents of the matrices of one image and group.
struct Sizes {
    /// Rows of the filters' matrix.
    filters: usize,
    /// Its columns: channels times spatial taps.
    taps: usize,
    /// Columns of the result.
    pixels: usize,
    /// Pixels of one row of the result.
    width: usize,
    /// Elements of the image.
    image: usize,
    /// Parts that the images are divided into for the weight gradient.
    parts: usize,
    /// Elementary steps of the whole call.
    work: usize,
}

impl Sizes {
    fn of(geometry: &ConvGeometry) -> Self {
        Self {
            filters: geometry.group_filters(),
            taps: geometry.group_channels() * geometry.taps(),
            pixels: geometry.output_pixels(),
            width: geometry.output()[2],
            image: geometry.group_channels() * geometry.input_pixels(),
            parts: parts(geometry, geometry.batch),
            work: usize::try_from(geometry.multiply_adds()).unwrap_or(usize::MAX),
        }
    }

    fn x(&self) -> usize {
        self.image
    }

    fn w(&self) -> usize {
        self.filters * self.taps
    }

    fn y(&self) -> usize {
        self.filters * self.pixels
    }

    /// Output rows, over depth and height, that are unfolded at a time.
    fn rows(&self) -> usize {
        let all = self.pixels / self.width;
        (BLOCK / self.taps.saturating_mul(self.width).max(1)).clamp(1, all)
    }

    fn columns(&self) -> usize {
        let row = self.taps.saturating_mul(self.width);
        row.saturating_mul(self.rows())
    }

    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let (all, step) = (self.pixels / self.width, self.rows());
        (0..all)
            .step_by(step)
            .map(move |start| start..(start + step).min(all))
    }

    /// Runs `f(rows, columns, n)` on blocks of output rows with their `n` columns, in order.
    fn for_each_block<T: Real>(
        &self,
        geometry: &ConvGeometry,
        image: &[T],
        mut f: impl FnMut(Range<usize>, &[T], usize),
    ) {
        if is_pointwise(geometry) {
            f(0..self.pixels / self.width, image, self.pixels);
            return;
        }
        let mut columns = Scratch::new(self.columns());
        for rows in self.blocks() {
            let n = rows.len() * self.width;
            let columns = &mut columns[..self.taps * n];
            unfold(geometry, image, &rows, columns);
            f(rows, columns, n);
        }
    }
}

/// Whether the matrix of columns equals the image, so that nothing has to be unfolded.
fn is_pointwise(geometry: &ConvGeometry) -> bool {
    geometry.kernel == [1; 3] && geometry.stride == [1; 3] && geometry.padding == [[0; 2]; 3]
}

/// `columns[c·taps + k, i] = image[c, s·i + d·k − p]` for the output pixels `i` of `rows`.
fn unfold<T: Real>(geometry: &ConvGeometry, image: &[T], rows: &Range<usize>, columns: &mut [T]) {
    let stride = geometry.stride[2];
    for_each_line(geometry, rows, |line, inside, source| {
        let line = &mut columns[line];
        line[..inside.start].fill(T::zero());
        line[inside.end..].fill(T::zero());
        let source = image.get(source..).unwrap_or_default();
        let line = &mut line[inside];
        if stride == 1 {
            line.copy_from_slice(&source[..line.len()]);
        } else {
            for (cell, &pixel) in line.iter_mut().zip(source.iter().step_by(stride)) {
                *cell = pixel;
            }
        }
    });
}

/// The adjoint of [`unfold`]: adds every element of the matrix to the pixel of which it is a copy.
fn fold_add<T: Real>(geometry: &ConvGeometry, columns: &[T], rows: &Range<usize>, image: &mut [T]) {
    let stride = geometry.stride[2];
    for_each_line(geometry, rows, |line, inside, source| {
        let line = &columns[line][inside];
        let pixels = image.get_mut(source..).unwrap_or_default();
        for (&cell, pixel) in line.iter().zip(pixels.iter_mut().step_by(stride)) {
            *pixel += cell;
        }
    });
}

/// Calls `line(elements, inside, pixel)` for each channel, tap and output row: the range of the row's elements
/// in the matrix of columns, the part of it whose pixels are not padding, and the index of the first such
/// pixel in the image.
fn for_each_line(
    geometry: &ConvGeometry,
    rows: &Range<usize>,
    mut line: impl FnMut(Range<usize>, Range<usize>, usize),
) {
    let [_, out_height, out_width] = geometry.output();
    let [depth, height, width] = geometry.input;
    let mut start = 0;
    for channel in 0..geometry.group_channels() {
        for (_, [dz, dy, dx]) in positions(geometry.kernel) {
            let inside = geometry.inside(2, dx);
            let x = geometry.input_position(2, inside.start, dx).unwrap_or(0);
            for row in rows.clone() {
                let z = geometry.input_position(0, row / out_height, dz);
                let y = geometry.input_position(1, row % out_height, dy);
                let cells = start..start + out_width;
                start = cells.end;
                match (z, y) {
                    (Some(z), Some(y)) if !inside.is_empty() => {
                        let source = ((channel * depth + z) * height + y) * width + x;
                        line(cells, inside.clone(), source);
                    }
                    _ => line(cells, 0..0, 0),
                }
            }
        }
    }
}
