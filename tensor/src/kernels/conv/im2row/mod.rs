//! Convolution of many small images as one matrix product (im2row).
//!
//! `Y = rows(X) · Wᵀ` with `rows(X)` `[images · output pixels, channels · taps]`: a window of an image is a row (in
//! `im2col` a column; Chellapilla, Puri, Simard 2006). With few output pixels the product of a single image has no
//! rows to fill a microkernel with; here the rows of many images are those of one matrix.
//!
//! Loops, from outside: blocks of images, the tasks of the threads (in the weight gradient parts of the images, and
//! groups); groups; the matrix product of [`gemm`]. Where the elements of windows lie in an image is a list that is made
//! once for all images. Where a window is the whole image, nothing is copied.

mod windows;

use super::im2col::{parts, sum_of_parts};
use super::{ConvGeometry, ConvKernel, Direction};
use crate::kernels::Private;
use crate::kernels::gemm::{self, Gemm};
use crate::memory::Scratch;
use crate::{Real, parallel};
use windows::Windows;

/// Copies the windows of a block of images into the rows of a matrix and multiplies it by the filters.
#[derive(Clone, Copy, Debug)]
pub struct Im2row;

/// Fewest rows of a block, unless there are fewer in all: enough for the cost of packing the weights.
const MIN_ROWS: usize = 192;

/// Most elements of an image's windows for each of its own that are copied, and how many are always.
const MAX_COPIES: usize = 64;
const ALWAYS_COPIED: usize = 1 << 10;

/// The same for automatic choice: with more, windows are mostly padding.
const MAX_PROFITABLE_COPIES: usize = 16;

/// Most elements of an image's windows, in all channels of a group. An image is not divided.
const MAX_WINDOWS: usize = 1 << 20;

/// Most output pixels of an image for which a product of its own, in place, is not profitable.
pub(super) const MAX_PIXELS_IN_PLACE: usize = 12;

/// Most output pixels for which the windows may overlap at will.
const MAX_PIXELS_OVERLAPPING: usize = 9;

/// Most output pixels of windows that hardly overlap, by the stride: each axis at least 1, 2 and 3.
const MAX_PIXELS_APART: [usize; 3] = [64, 64, 256];

/// Fewest filters for a product with more pixels, unless there is one: then it is a dot product for each window.
const MIN_FILTERS: usize = 8;

/// Whether most of a Winograd kernel's tiles would be empty: results of a pixel or two, or of a single column, and
/// the full correlation with windows that just fit into a small image.
pub(super) fn leaves_tiles_empty(geometry: &ConvGeometry, direction: Direction) -> bool {
    let pixels = geometry.output_pixels();
    let is_full = direction == Direction::InputGradient && geometry.padding == [[0; 2]; 3];
    let [_, _, width] = geometry.output();
    pixels <= 2
        || width == 1
        || (pixels <= 4 && geometry.batch < 16)
        || (is_full && pixels <= MAX_PIXELS_OVERLAPPING)
}

impl<T: Real> ConvKernel<T> for Im2row {
    fn name(&self) -> &'static str {
        "im2row"
    }

    fn supports(&self, geometry: &ConvGeometry) -> Result<(), &'static str> {
        let [image, windows] = [geometry.input_pixels(), window_elements(geometry)];
        if windows
            > MAX_COPIES
                .saturating_mul(image)
                .saturating_add(ALWAYS_COPIED)
        {
            return Err("its windows have far more elements than the image");
        }
        let largest = windows.max(image).saturating_mul(geometry.group_channels());
        if i32::try_from(largest).is_err() {
            return Err("an image or its windows have more than 2³¹ elements");
        }
        Ok(())
    }

    fn is_profitable(
        &self,
        geometry: &ConvGeometry,
        direction: Direction,
    ) -> Result<(), &'static str> {
        let pixels = geometry.output_pixels();
        let [_, _, width] = geometry.output();
        let [image, windows] = [geometry.input_pixels(), window_elements(geometry)];
        if windows > MAX_PROFITABLE_COPIES * image {
            return Err("windows are mostly padding");
        }
        if windows.saturating_mul(geometry.group_channels()) > MAX_WINDOWS {
            return Err("an image with large windows in all, which are copied at once");
        }
        let is_pointwise = geometry.taps() == 1 && geometry.stride == [1; 3];
        let in_place = is_pointwise && direction != Direction::WeightGradient;
        if in_place && pixels > MAX_PIXELS_IN_PLACE {
            return Err("many pixels in an image, which is a matrix in place");
        }
        let is_tiny = pixels <= MAX_PIXELS_OVERLAPPING || (width <= 2 && !is_pointwise);
        if is_tiny {
            return Ok(());
        }
        let filters = geometry.group_filters();
        if filters < MIN_FILTERS && filters != 1 && !is_pointwise {
            return Err("few filters");
        }
        // Axes of one pixel do not count.
        let strides = (0..3).filter(|&axis| geometry.input[axis] > 1);
        let stride = strides.map(|axis| geometry.stride[axis]).min().unwrap_or(1);
        let most = MAX_PIXELS_APART[stride.clamp(1, 3) - 1];
        let hardly_overlap = 2 * windows <= 3 * image && pixels <= most;
        let overlap_little = windows <= 3 * image && pixels <= if stride < 3 { 16 } else { 64 };
        let are_narrow = windows <= 2 * image && width <= 4;
        if hardly_overlap || overlap_little || are_narrow {
            return Ok(());
        }
        Err("many pixels, or windows that overlap")
    }

    fn forward(&self, geometry: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        geometry.check_lengths(x.len(), w.len(), y.len());
        if x.is_empty() {
            return y.fill(T::zero());
        }
        let sizes = Sizes::of(geometry);
        let windows = Windows::of(geometry);
        parallel::for_chunks_mut(y, sizes.images * sizes.y(), sizes.work, |block, y| {
            let x = &x[block * sizes.images * sizes.x()..];
            let rows = y.len() / sizes.y() * sizes.pixels;
            let mut copies = windows.scratch(rows);
            let mut products = Scratch::new(sizes.products(rows));
            for group in 0..sizes.groups {
                let (windows, stride) = windows.rows(x, group, rows, &mut copies);
                let w = &w[group * sizes.w()..];
                let task = |c| Gemm {
                    m: rows,
                    k: sizes.taps,
                    n: sizes.filters,
                    a: [stride, 1],
                    b: [1, sizes.taps],
                    c: [c, 1],
                    accumulate: false,
                };
                if sizes.pixels == 1 {
                    let y = &mut y[group * sizes.filters..];
                    gemm::multiply(&task(sizes.y()), windows, w, y);
                } else {
                    gemm::multiply(&task(sizes.filters), windows, w, &mut products);
                    sizes.transpose_back(&products, group, y);
                }
            }
        });
    }

    fn input_gradient(&self, geometry: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        geometry.check_lengths(dx.len(), w.len(), dy.len());
        let sizes = Sizes::of(geometry);
        let windows = Windows::of(geometry);
        parallel::for_chunks_mut(dx, sizes.images * sizes.x(), sizes.work, |block, dx| {
            let dy = &dy[block * sizes.images * sizes.y()..];
            let rows = dx.len() / sizes.x() * sizes.pixels;
            let mut copies = windows.scratch(rows);
            let mut products = Scratch::new(sizes.products(rows));
            if !windows.are_images {
                dx.fill(T::zero());
            }
            for group in 0..sizes.groups {
                let (dy, stride) = sizes.by_pixel(dy, group, rows, &mut products);
                let w = &w[group * sizes.w()..];
                let task = |c| Gemm {
                    m: rows,
                    k: sizes.filters,
                    n: sizes.taps,
                    a: [stride, 1],
                    b: [sizes.taps, 1],
                    c: [c, 1],
                    accumulate: false,
                };
                if windows.are_images {
                    gemm::multiply(&task(sizes.x()), dy, w, &mut dx[group * sizes.image..]);
                } else {
                    gemm::multiply(&task(sizes.taps), dy, w, &mut copies);
                    windows.add(&copies, group, dx);
                }
            }
        });
    }

    fn weight_gradient(&self, geometry: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        geometry.check_lengths(x.len(), dw.len(), dy.len());
        if x.is_empty() {
            return dw.fill(T::zero());
        }
        let sizes = Sizes::of(geometry);
        let windows = Windows::of(geometry);
        let blocks = geometry.batch.div_ceil(sizes.images);
        let parts = parts(geometry, blocks);
        let part_images = blocks.div_ceil(parts) * sizes.images;
        sum_of_parts(parts, dw, |partials| {
            parallel::for_chunks_mut(partials, sizes.w(), sizes.work, |index, dw| {
                let (part, group) = (index / geometry.groups, index % geometry.groups);
                let last = ((part + 1) * part_images).min(geometry.batch);
                let first = (part * part_images).min(last);
                if first == last {
                    dw.fill(T::zero());
                }
                let most = sizes.images.min(last - first) * sizes.pixels;
                let mut copies = windows.scratch(most);
                let mut products = Scratch::new(sizes.products(most));
                for image in (first..last).step_by(sizes.images) {
                    let rows = sizes.images.min(last - image) * sizes.pixels;
                    let (x, dy) = (&x[image * sizes.x()..], &dy[image * sizes.y()..]);
                    let (windows, window_stride) = windows.rows(x, group, rows, &mut copies);
                    let (dy, stride) = sizes.by_pixel(dy, group, rows, &mut products);
                    let task = Gemm {
                        m: sizes.filters,
                        k: rows,
                        n: sizes.taps,
                        a: [1, stride],
                        b: [window_stride, 1],
                        c: [sizes.taps, 1],
                        accumulate: image > first,
                    };
                    gemm::multiply(&task, dy, windows, dw);
                }
            });
        });
    }

    fn workspace(&self, geometry: &ConvGeometry) -> usize {
        let sizes = Sizes::of(geometry);
        let blocks = geometry.batch.div_ceil(sizes.images);
        let rows = sizes.images.saturating_mul(sizes.pixels);
        let block = rows.saturating_mul(sizes.taps.saturating_add(sizes.filters));
        let parts = parts(geometry, blocks);
        // Those of the weight gradient are parts of the images and groups.
        let tasks = blocks.max(parts.saturating_mul(geometry.groups));
        let partials = (parts - 1).saturating_mul(geometry.w_len());
        let indices = sizes.pixels.saturating_mul(sizes.taps);
        block
            .saturating_mul(tasks.min(parallel::threads()))
            .saturating_add(partials)
            .saturating_mul(size_of::<T>())
            .saturating_add(indices.saturating_mul(size_of::<i32>()))
    }
}

/// Elements of all windows of a channel.
fn window_elements(geometry: &ConvGeometry) -> usize {
    geometry.output_pixels().saturating_mul(geometry.taps())
}

/// Extents of the matrices of one image and group.
struct Sizes {
    groups: usize,
    filters: usize,
    /// Channels times spatial taps: the length of a window.
    taps: usize,
    /// Pixels of the result: windows of an image.
    pixels: usize,
    /// Elements of the image.
    image: usize,
    /// Images of a block.
    images: usize,
    /// Elementary steps of the whole call.
    work: usize,
}

impl Sizes {
    fn of(geometry: &ConvGeometry) -> Self {
        let pixels = geometry.output_pixels();
        Self {
            groups: geometry.groups,
            filters: geometry.group_filters(),
            taps: geometry.group_channels() * geometry.taps(),
            pixels,
            image: geometry.group_channels() * geometry.input_pixels(),
            images: MIN_ROWS.div_ceil(pixels).min(geometry.batch).max(1),
            work: usize::try_from(geometry.multiply_adds()).unwrap_or(usize::MAX),
        }
    }

    /// Elements of an image with all groups.
    fn x(&self) -> usize {
        self.groups * self.image
    }

    /// Elements of a group's filters.
    fn w(&self) -> usize {
        self.filters * self.taps
    }

    /// Elements of an image's result with all groups.
    fn y(&self) -> usize {
        self.groups * self.filters * self.pixels
    }

    /// Elements of a block's results, pixel by pixel; none if they have this order in `y`.
    fn products(&self, rows: usize) -> usize {
        if self.pixels == 1 {
            0
        } else {
            rows * self.filters
        }
    }

    /// The group's results of all images, from `[images · pixels, filters]`.
    fn transpose_back<T: Real>(&self, products: &[T], group: usize, y: &mut [T]) {
        let (filters, pixels) = (self.filters, self.pixels);
        for (products, y) in products
            .chunks_exact((pixels * filters).max(1))
            .zip(y.chunks_exact_mut(self.y()))
        {
            let y = &mut y[group * filters * pixels..];
            T::transpose(Private, [pixels, filters], products, filters, y, pixels);
        }
    }

    /// The group's results as `[images · pixels, filters]`, with the stride of the rows.
    fn by_pixel<'a, T: Real>(
        &self,
        y: &'a [T],
        group: usize,
        rows: usize,
        products: &'a mut [T],
    ) -> (&'a [T], usize) {
        let (filters, pixels) = (self.filters, self.pixels);
        if pixels == 1 {
            return (&y[group * filters..], self.y());
        }
        let products = &mut products[..rows * filters];
        for (products, y) in products
            .chunks_exact_mut((pixels * filters).max(1))
            .zip(y.chunks_exact(self.y().max(1)))
        {
            let y = &y[group * filters * pixels..];
            T::transpose(Private, [filters, pixels], y, pixels, products, filters);
        }
        (products, filters)
    }
}
