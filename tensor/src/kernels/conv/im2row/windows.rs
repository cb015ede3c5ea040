//! The windows of images as the rows of a matrix.

use std::ops::Range;

use crate::Real;
use crate::kernels::conv::ConvGeometry;
use crate::kernels::conv::direct::positions;
use crate::memory::Scratch;

/// Where the elements of the windows lie in an image.
pub(super) struct Windows {
    /// For each window and tap of each channel the index in the image of a group; negative in the padding.
    indices: Scratch<i32>,
    taps: usize,
    /// How many elements are copied at once if they are neighbours: a row of a filter, or 8 of it if that divides it.
    /// For other lengths, and for copies of 2 and 3, looking whether they are neighbours costs more than it saves.
    run: usize,
    groups: usize,
    /// Elements of the image of a group.
    image: usize,
    /// Whether the only window is the image.
    pub(super) are_images: bool,
}

impl Windows {
    pub(super) fn of(geometry: &ConvGeometry) -> Self {
        let (taps, channels) = (geometry.taps(), geometry.group_channels());
        let [_, height, width] = geometry.input;
        let pixels = geometry.output_pixels();
        let mut indices = Scratch::new(pixels * channels * taps);
        let windows = positions(geometry.output()).flat_map(|(_, window)| {
            positions(geometry.kernel).map(move |(_, tap)| {
                let [z, y, x] =
                    [0, 1, 2].map(|axis| geometry.input_position(axis, window[axis], tap[axis]));
                Some((z? * height + y?) * width + x?)
            })
        });
        for (at, index) in windows.enumerate() {
            let (window, tap) = (at / taps, at % taps);
            for channel in 0..channels {
                let index = index.map_or(-1, |index| {
                    (channel * geometry.input_pixels() + index) as i32
                });
                indices[(window * channels + channel) * taps + tap] = index;
            }
        }
        let image = channels * geometry.input_pixels();
        let are_images = pixels == 1
            && indices.len() == image
            && indices.iter().zip(0..).all(|(&index, at)| index == at);
        Self {
            indices,
            taps: channels * taps,
            run: match (geometry.dilation[2], geometry.kernel[2]) {
                (1, row) if row % 8 == 0 => 8,
                (1, row) => row,
                _ => 1,
            },
            groups: geometry.groups,
            image,
            are_images,
        }
    }

    /// Memory for `rows` windows; none if they are the images.
    pub(super) fn scratch<T: Real>(&self, rows: usize) -> Scratch<T> {
        Scratch::new(if self.are_images { 0 } else { rows * self.taps })
    }

    /// The windows of a group as a matrix of `rows` rows, with the stride of the rows.
    pub(super) fn rows<'a, T: Real>(
        &self,
        x: &'a [T],
        group: usize,
        rows: usize,
        copies: &'a mut [T],
    ) -> (&'a [T], usize) {
        let stride = self.groups * self.image;
        if self.are_images {
            return (&x[group * self.image..], stride);
        }
        let copies = &mut copies[..rows * self.taps];
        for (copies, x) in copies
            .chunks_exact_mut(self.indices.len().max(1))
            .zip(x.chunks_exact(stride.max(1)))
        {
            let image = &x[group * self.image..][..self.image];
            match self.run {
                4 => self.copy_runs::<T, 4>(image, copies),
                5 => self.copy_runs::<T, 5>(image, copies),
                7 => self.copy_runs::<T, 7>(image, copies),
                8 => self.copy_runs::<T, 8>(image, copies),
                _ => self.copy_runs::<T, 1>(image, copies),
            }
        }
        (copies, self.taps)
    }

    /// Copies the elements of an image's windows, `K` at a time if they are neighbours: rows of filters.
    fn copy_runs<T: Real, const K: usize>(&self, image: &[T], copies: &mut [T]) {
        let (copies, _) = copies.as_chunks_mut::<K>();
        let (indices, _) = self.indices.as_chunks::<K>();
        for (copies, indices) in copies.iter_mut().zip(indices) {
            if let Some(pixels) = neighbours(indices).and_then(|run| image.get(run)) {
                copies.copy_from_slice(pixels);
                continue;
            }
            for (copy, &index) in copies.iter_mut().zip(indices) {
                // A negative index is beyond the end.
                *copy = image.get(index as usize).copied().unwrap_or_else(T::zero);
            }
        }
    }

    /// Adds to the pixels what [`copy_runs`](Self::copy_runs) copied.
    fn add_runs<T: Real, const K: usize>(&self, copies: &[T], image: &mut [T]) {
        let (copies, _) = copies.as_chunks::<K>();
        let (indices, _) = self.indices.as_chunks::<K>();
        for (copies, indices) in copies.iter().zip(indices) {
            if let Some(pixels) = neighbours(indices).and_then(|run| image.get_mut(run)) {
                for (pixel, &copy) in pixels.iter_mut().zip(copies) {
                    *pixel += copy;
                }
                continue;
            }
            for (&copy, &index) in copies.iter().zip(indices) {
                if let Some(pixel) = image.get_mut(index as usize) {
                    *pixel += copy;
                }
            }
        }
    }

    /// The adjoint of [`rows`](Self::rows): adds every element of the matrix to the pixel of which it is a copy.
    pub(super) fn add<T: Real>(&self, copies: &[T], group: usize, dx: &mut [T]) {
        let stride = self.groups * self.image;
        for (copies, dx) in copies
            .chunks_exact(self.indices.len().max(1))
            .zip(dx.chunks_exact_mut(stride))
        {
            let image = &mut dx[group * self.image..][..self.image];
            match self.run {
                3 => self.add_runs::<T, 3>(copies, image),
                4 => self.add_runs::<T, 4>(copies, image),
                5 => self.add_runs::<T, 5>(copies, image),
                7 => self.add_runs::<T, 7>(copies, image),
                8 => self.add_runs::<T, 8>(copies, image),
                _ => self.add_runs::<T, 1>(copies, image),
            }
        }
    }
}

/// The range of `K` elements of an image if they are neighbours and none lies in the padding.
#[inline]
fn neighbours<const K: usize>(indices: &[i32; K]) -> Option<Range<usize>> {
    let start = indices[0];
    let is_run = start >= 0 && indices[K - 1] - start == K as i32 - 1;
    is_run.then(|| start as usize..start as usize + K)
}
