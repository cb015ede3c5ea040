//! The windows of pooling: their options by name, their reach, and how samples draw them.

use wengert_tensor::kernels::pooling::{Span, Windows};
use wengert_tensor::pooling::adaptive_windows;
use wengert_tensor::{Divisor, PoolOptions};

use crate::ops::prelude::*;

/// The options of the windows by name; those of adaptive windows are the extents before and after alone.
pub(in crate::ops) fn windows_attributes(windows: &Windows) -> Attributes {
    let mut all = vec![
        ("spatial_axes", windows.axes().into()),
        ("input", windows.input().as_slice().into()),
        ("output", windows.output().as_slice().into()),
    ];
    if let Some((geometry, divisor)) = windows.geometry() {
        let fixed = match divisor {
            Divisor::Fixed(number) => vec![number as i64],
            Divisor::Padded | Divisor::Image => Vec::new(),
        };
        all.extend([
            ("kernel", geometry.kernel.as_slice().into()),
            ("stride", geometry.stride.as_slice().into()),
            ("padding", geometry.padding.as_flattened().into()),
            ("dilation", geometry.dilation.as_slice().into()),
            ("counts_padding", (divisor != Divisor::Image).into()),
            ("divisor", Attribute::Integers(fixed)),
        ]);
    }
    all
}

/// The window that an element of the result depends on: the largest size and the largest step along each
/// axis, because windows at a border may be clipped.
pub(in crate::ops) fn reach(windows: &Windows) -> Reach {
    let [_, height, width] = windows.input();
    let whole =
        |axis: usize, pixels: usize| matches!(windows.spans(axis), [span] if span.taps == pixels);
    if whole(1, height) && whole(2, width) && height * width > 1 {
        return Reach::Whole;
    }
    let largest = |each: fn(&[Span]) -> Option<usize>| {
        [1, 2].map(|axis| each(windows.spans(axis)).unwrap_or(1).max(1))
    };
    Reach::Window(Window {
        kernel: largest(|spans| spans.iter().map(|span| span.taps.max(span.counted)).max()),
        stride: largest(|spans| {
            let end = |span: &Span| span.start + span.taps * span.step;
            // A window that begins in the padding may have its first pixel behind that of the next one.
            let after = |first: usize, second: usize| second.saturating_sub(first);
            let step = |pair: &[Span]| {
                after(pair[0].start, pair[1].start).max(after(end(&pair[0]), end(&pair[1])))
            };
            spans.windows(2).map(step).max()
        }),
        dilation: largest(|spans| spans.iter().map(|span| span.step).max()),
    })
}

/// Windows over one to three axes, with different sizes for each axis, and a shape that they fit. Every
/// window contains a pixel.
pub(in crate::ops) fn draw_windows(draw: &mut Draw) -> (Windows, Vec<usize>) {
    let axes = draw.pick(&[1, 2, 2, 3]);
    loop {
        let mut shape = vec![draw.within(1, 2), draw.within(1, 2)];
        if draw.once_in(12) {
            shape[draw.within(0, 1)] = 0;
        }
        let largest = if axes == 3 { 4 } else { 7 };
        shape.extend((0..axes).map(|_| draw.within(1, largest)));
        let windows = if draw.once_in(4) {
            let output: Vec<_> = (0..axes).map(|_| draw.within(1, 4)).collect();
            adaptive_windows(&shape, axes, output.as_slice().into())
        } else {
            draw_options(draw, axes).windows(&shape, axes)
        };
        let Ok(windows) = windows else { continue };
        let filled = |axis| windows.spans(axis).iter().all(|span| span.taps > 0);
        if (0..3).all(filled) {
            return (windows, shape);
        }
    }
}

pub(in crate::ops) fn draw_options(draw: &mut Draw, axes: usize) -> PoolOptions {
    let mut each = |low, high| {
        (0..axes)
            .map(|_| draw.within(low, high))
            .collect::<Vec<_>>()
    };
    let (kernel, stride, dilation) = (each(1, 3), each(1, 3), each(1, 2));
    let mut options = PoolOptions::new(kernel.as_slice()).dilation(dilation.as_slice());
    if !draw.once_in(3) {
        options = options.stride(stride.as_slice());
    }
    let sides: Vec<_> = kernel
        .iter()
        .zip(dilation)
        .map(|(kernel, dilation)| (dilation * (kernel - 1)).div_ceil(2))
        .map(|most| [draw.within(0, most), draw.within(0, most)])
        .collect();
    options = options.padding(sides.as_slice());
    if draw.once_in(2) {
        options = options.ceil();
    }
    options.divisor(draw.pick(&[Divisor::Padded, Divisor::Image, Divisor::Fixed(3)]))
}
