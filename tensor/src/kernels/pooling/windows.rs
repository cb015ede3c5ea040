//! Which pixels each window of a pooling covers.

use std::ops::Range;

use crate::kernels::conv::GeometryError;
use crate::require_memory;

/// Extents and options of one pooling over up to three spatial axes; with fewer axes the first ones have
/// extent, kernel, stride and dilation 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolGeometry {
    /// Spatial extents of the input.
    pub input: [usize; 3],
    /// Extents of a window, in taps.
    pub kernel: [usize; 3],
    /// Distance between neighbouring windows.
    pub stride: [usize; 3],
    /// Pixels around the input, before and after each axis.
    pub padding: [[usize; 2]; 3],
    /// Distance between neighbouring taps of a window.
    pub dilation: [usize; 3],
    /// Whether a last window may reach beyond the padded input. A window that would start after the
    /// input, in its padding, is dropped.
    pub ceil_mode: bool,
}

/// The divisor of an average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Divisor {
    /// The taps of the window that lie in the image or its padding. `PyTorch`: `count_include_pad`.
    #[default]
    Padded,
    /// The taps that lie in the image; the average of a window without one is 0.
    Image,
    /// This number; with 1 the result is the sum. `PyTorch`: `divisor_override`.
    Fixed(usize),
}

/// The taps of one window that lie in the image, along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first of them.
    pub start: usize,
    /// Their number.
    pub taps: usize,
    /// Pixels from one to the next.
    pub step: usize,
    /// The number of taps that [`Divisor`] counts along this axis.
    pub counted: usize,
}

impl Span {
    /// The pixels, in order.
    pub fn pixels(self) -> impl Iterator<Item = usize> {
        (0..self.taps).map(move |tap| self.start + tap * self.step)
    }
}

/// The windows of a pooling: a product of spans along the three spatial axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    input: [usize; 3],
    spans: [Vec<Span>; 3],
    fixed: Option<usize>,
    axes: usize,
    /// What they were made from; `None` for adaptive windows.
    source: Option<(PoolGeometry, Divisor)>,
}

/// Windows along the last axis that differ by their start alone.
pub(super) struct Regular {
    /// Which windows.
    pub(super) range: Range<usize>,
    /// The first pixel of the first one.
    pub(super) start: usize,
    /// The distance from one to the next.
    pub(super) stride: usize,
    /// The taps of each.
    pub(super) taps: usize,
    /// Pixels from one tap to the next.
    pub(super) step: usize,
}

/// As for convolutions: sums of a few extents fit in an `isize`.
const LARGEST_EXTENT: usize = i32::MAX as usize;

impl PoolGeometry {
    /// The windows, with the divisors of averages.
    ///
    /// The number of windows along an axis is `⌊(padded − window) / stride⌋ + 1`, in ceil mode with
    /// `⌈ ⌉` and without a window that would start after the input.
    ///
    /// # Errors
    /// If an extent or the divisor is 0, the padding exceeds half of the window, or the window exceeds the padded
    /// input.
    pub fn windows(&self, divisor: Divisor) -> Result<Windows, GeometryError> {
        for (what, extents) in [
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ] {
            if extents.contains(&0) {
                return Err(GeometryError::Zero { what, extents });
            }
            if let Some(&value) = extents.iter().find(|&&extent| extent > LARGEST_EXTENT) {
                let largest = LARGEST_EXTENT;
                return Err(GeometryError::Extent {
                    what,
                    value,
                    largest,
                });
            }
        }
        if divisor == Divisor::Fixed(0) {
            return Err(GeometryError::Divisor);
        }
        let spans = [0, 1, 2].map(|axis| self.spans(axis, divisor));
        let [depth, height, width] = spans;
        Ok(Windows {
            input: self.input,
            spans: [depth?, height?, width?],
            fixed: match divisor {
                Divisor::Fixed(number) => Some(number),
                Divisor::Padded | Divisor::Image => None,
            },
            axes: 3,
            source: Some((self.clone(), divisor)),
        })
    }

    fn spans(&self, axis: usize, divisor: Divisor) -> Result<Vec<Span>, GeometryError> {
        let (input, stride) = (self.input[axis], self.stride[axis]);
        let (kernel, dilation) = (self.kernel[axis], self.dilation[axis]);
        let padding @ [before, after] = self.padding[axis];
        let window = dilation.saturating_mul(kernel - 1).saturating_add(1);
        if before.max(after) > window / 2 {
            return Err(GeometryError::PoolPadding {
                axis,
                window,
                padding,
            });
        }
        let padded = input.saturating_add(before).saturating_add(after);
        let spare = if self.ceil_mode { stride - 1 } else { 0 };
        let Some(room) = padded.saturating_add(spare).checked_sub(window) else {
            return Err(GeometryError::Window {
                axis,
                kernel,
                dilation,
                input,
                padding,
            });
        };
        let count = (0..=room / stride).take_while(|i| *i == 0 || i * stride < input + before);
        let span = |i: usize| {
            let first = i * stride;
            // The first taps, which lie in the padding before the image.
            let lost = before.saturating_sub(first).div_ceil(dilation).min(kernel);
            let until = |end: usize| end.saturating_sub(first).div_ceil(dilation).min(kernel);
            let taps = until(input + before).saturating_sub(lost);
            Span {
                start: (first + lost * dilation).saturating_sub(before),
                taps,
                step: dilation,
                counted: match divisor {
                    Divisor::Image => taps,
                    Divisor::Padded | Divisor::Fixed(_) => until(padded),
                },
            }
        };
        Ok(count.map(span).collect())
    }
}

impl Windows {
    /// Windows that divide an input evenly: window `i` of `n` along an axis of extent `m` covers the pixels from
    /// `⌊i·m/n⌋` to `⌈(i + 1)·m/n⌉`.
    ///
    /// # Errors
    /// If there are windows but no pixels along an axis, or an extent is above `i32::MAX`.
    ///
    /// # Panics
    /// If the list of windows does not fit in memory.
    pub fn adaptive(input: [usize; 3], output: [usize; 3]) -> Result<Self, GeometryError> {
        if input.contains(&0) && !output.contains(&0) {
            let what = "input";
            return Err(GeometryError::Zero {
                what,
                extents: input,
            });
        }
        for (what, extents) in [("input", input), ("output", output)] {
            // A list of spans has this many elements.
            if let Some(&value) = extents.iter().find(|&&extent| extent > LARGEST_EXTENT) {
                let largest = LARGEST_EXTENT;
                return Err(GeometryError::Extent {
                    what,
                    value,
                    largest,
                });
            }
        }
        for &bins in &output {
            require_memory::<Span>("adaptive pooling", &output, bins);
        }
        let spans = [0, 1, 2].map(|axis| {
            let (pixels, bins) = (input[axis], output[axis]);
            let span = |bin: usize| {
                let start = bin * pixels / bins;
                let taps = ((bin + 1) * pixels).div_ceil(bins) - start;
                Span {
                    start,
                    taps,
                    step: 1,
                    counted: taps,
                }
            };
            (0..bins).map(span).collect()
        });
        Ok(Self {
            input,
            spans,
            fixed: None,
            axes: 3,
            source: None,
        })
    }

    /// The same windows, for tensors with the last `axes` of the three axes; the others have extent 1 and one
    /// window.
    #[must_use]
    pub fn over(self, axes: usize) -> Self {
        Self { axes, ..self }
    }

    /// The geometry and the divisor that the windows were made from; `None` for adaptive windows.
    #[must_use]
    pub fn geometry(&self) -> Option<(&PoolGeometry, Divisor)> {
        self.source
            .as_ref()
            .map(|(geometry, divisor)| (geometry, *divisor))
    }

    /// The number of spatial axes of tensors.
    #[must_use]
    pub fn axes(&self) -> usize {
        self.axes
    }

    /// Spatial extents of the input.
    #[must_use]
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// Spatial extents of the result: the windows along each axis.
    #[must_use]
    pub fn output(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.spans[axis].len())
    }

    /// The windows along one axis.
    #[must_use]
    pub fn spans(&self, axis: usize) -> &[Span] {
        &self.spans[axis]
    }

    /// Pixels of an input plane.
    #[must_use]
    pub fn input_pixels(&self) -> usize {
        self.input.iter().product()
    }

    /// Windows of a plane.
    #[must_use]
    pub fn output_pixels(&self) -> usize {
        self.output().iter().product()
    }

    /// The divisor of an average over the window of three spans; 0 if the window covers nothing.
    pub(super) fn divisor(&self, spans: [Span; 3]) -> usize {
        self.fixed
            .unwrap_or_else(|| spans.iter().map(|span| span.counted).product())
    }

    /// The windows along the last axis that differ by their start alone, at equal distances.
    pub(super) fn regular(&self) -> Regular {
        let spans = &self.spans[2];
        let alike = |a: &Span, b: &Span| {
            (a.taps, a.step, a.counted) == (b.taps, b.step, b.counted) && a.taps > 0
        };
        let middle = spans.len() / 2;
        let none = Regular {
            range: 0..0,
            start: 0,
            stride: 1,
            taps: 1,
            step: 1,
        };
        let Some([a, b]) = spans.get(middle.saturating_sub(1)..=middle) else {
            return none;
        };
        let Some(stride) = b
            .start
            .checked_sub(a.start)
            .filter(|&s| s > 0 && alike(a, b))
        else {
            return none;
        };
        let follows = |i: usize| {
            let (a, b) = (&spans[i], &spans[i + 1]);
            alike(a, b) && b.start == a.start + stride
        };
        let mut range = middle - 1..middle + 1;
        while range.start > 0 && follows(range.start - 1) {
            range.start -= 1;
        }
        while range.end < spans.len() && follows(range.end - 1) {
            range.end += 1;
        }
        Regular {
            start: spans[range.start].start,
            range,
            stride,
            taps: a.taps,
            step: a.step,
        }
    }

    /// Whether the windows are 2 × 2 tiles of the two last axes, at least one: the common case.
    pub(super) fn are_two_by_two(&self) -> bool {
        let tiles = |axis: usize, size: usize| {
            self.spans[axis].iter().enumerate().all(|(i, span)| {
                *span
                    == Span {
                        start: i * size,
                        taps: size,
                        step: 1,
                        counted: size,
                    }
            })
        };
        self.output_pixels() > 0 && tiles(0, 1) && tiles(1, 2) && tiles(2, 2)
    }

    /// The first pixel of every row of tiles in a plane of 2 × 2 tiles.
    pub(super) fn tile_rows(&self) -> impl Iterator<Item = usize> {
        let [_, height, width] = self.input;
        let [depth, rows, _] = self.output();
        (0..depth).flat_map(move |z| (0..rows).map(move |row| (z * height + 2 * row) * width))
    }

    /// The divisor of an average over 2 × 2 tiles.
    pub(super) fn tile_divisor(&self) -> usize {
        self.fixed.unwrap_or(4)
    }

    /// Asserts that slices are whole planes of input and result.
    #[track_caller]
    pub(super) fn check_lengths(&self, input: usize, output: usize) {
        let (pixels, cells) = (self.input_pixels(), self.output_pixels());
        // A plane of the input or of the result may have no elements; then the other gives the number of planes.
        let planes = output.checked_div(cells).or(input.checked_div(pixels));
        let planes = planes.unwrap_or(0);
        assert!(
            planes * cells == output && planes * pixels == input,
            "pooling: {input} pixels and {output} windows are not planes of {:?} and {:?}",
            self.input,
            self.output()
        );
    }

    /// Steps of one plane.
    pub(super) fn work(&self) -> usize {
        let taps = |axis: usize| -> usize { self.spans[axis].iter().map(|span| span.taps).sum() };
        taps(0) * taps(1) * taps(2)
    }
}
