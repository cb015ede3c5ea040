//! Wrong geometry: padding, dilation, stride, groups.

use crate::prelude::*;
use wengert_tensor::{ConvOptions, ConvTransposeOptions, Slice};

/// The cotangent of an image `[height, width]` correlated with a filter, tap by tap.
///
/// The taps lie `dilation` apart; `skipped` rows and columns of the padded image are cut off.
fn image_gradient<T: Real>(
    grad: &Var<T>,
    w: &Var<T>,
    image: &[usize],
    padding: [usize; 2],
    dilation: [usize; 2],
    skipped: [usize; 2],
) -> Var<T> {
    let padded = [image[0] + 2 * padding[0], image[1] + 2 * padding[1]];
    let range = |start: usize, count: usize| Slice::from(start as isize..(start + count) as isize);
    let mut sum = Var::full(padded, 0.0);
    for k in 0..w.size(0) {
        for l in 0..w.size(1) {
            let tap = w.select(0, k as isize).select(0, l as isize);
            let region = [
                range(dilation[0] * k, grad.size(0)),
                range(dilation[1] * l, grad.size(1)),
            ];
            sum = sum + (grad * tap).unslice(&region, padded);
        }
    }
    sum.region(&[range(skipped[0], image[0]), range(skipped[1], image[1])])
}

/// The cotangent of the filter.
fn filter_gradient<T: Real>(
    x: &Var<T>,
    grad: &Var<T>,
    kernel: &[usize],
    padding: [usize; 2],
    dilation: [usize; 2],
) -> Var<T> {
    let padded = [x.size(0) + 2 * padding[0], x.size(1) + 2 * padding[1]];
    let range = |start: usize, count: usize| Slice::from(start as isize..(start + count) as isize);
    let x = x.unslice(
        &[range(padding[0], x.size(0)), range(padding[1], x.size(1))],
        padded,
    );
    let taps: Vec<_> = (0..kernel[0] * kernel[1])
        .map(|tap| {
            [
                dilation[0] * (tap / kernel[1]),
                dilation[1] * (tap % kernel[1]),
            ]
        })
        .map(|[k, l]| (x.region(&[range(k, grad.size(0)), range(l, grad.size(1))]) * grad).sum(..))
        .collect();
    Var::stack(&taps.iter().collect::<Vec<_>>(), 0).reshape(kernel)
}

fn correlated<T: Real>(x: &Inputs<'_, T>, options: &ConvOptions) -> Tensor<T> {
    let (image, filter) = (x[0].unsqueeze(0), x[1].unsqueeze(0).unsqueeze(0));
    image.conv2d(&filter, options).squeeze(0)
}

/// An image and a filter of different extents per axis.
fn draw_image(draw: &mut Draw) -> [Tensor<f64>; 2] {
    let image = [draw.within(3, 5), draw.within(3, 5)];
    let kernel = [draw.within(1, 2), draw.within(1, 2)];
    [draw.normal(image), draw.normal(kernel)]
}

bug! {
    /// The padding of the height used for the width as well.
    padding_computed_from_the_height_only, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, draw_image(draw)),
    forward |op, x| correlated(x, &ConvOptions::default().padding([0, 1])),
    vjp |op, i, call, grad| {
        let (x, w) = (call.input(0), call.input(1));
        if i == 1 {
            return filter_gradient(x, grad, w.shape(), [0, 1], [1, 1]);
        }
        let skipped = if wrong() { [0, 0] } else { [0, 1] };
        image_gradient(grad, w, x.shape(), [0, 1], [1, 1], skipped)
    },
}

bug! {
    /// The dilation of the height used for the width as well.
    dilation_of_one_axis_used_for_both, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, draw_image(draw)),
    forward |op, x| correlated(x, &ConvOptions::default().dilation([1, 2])),
    vjp |op, i, call, grad| {
        let (x, w) = (call.input(0), call.input(1));
        let dilation = if wrong() { [1, 1] } else { [1, 2] };
        if i == 0 {
            image_gradient(grad, w, x.shape(), [0, 0], dilation, [0, 0])
        } else {
            filter_gradient(x, grad, w.shape(), [0, 0], dilation)
        }
    },
}

bug! {
    /// The gradient of an image with the filter flipped, as if the forward pass were a true convolution
    /// and not a cross-correlation; a symmetric filter hides the bug.
    a_flipped_filter, reads Reads::INPUTS,
    sample |draw| Sample::new(Self {}, draw_image(draw)),
    forward |op, x| correlated(x, &ConvOptions::default()),
    vjp |op, i, call, grad| {
        let (x, w) = (call.input(0), call.input(1));
        if i == 1 {
            return filter_gradient(x, grad, w.shape(), [0, 0], [1, 1]);
        }
        let back = Slice::from(..).step(-1);
        let w = if wrong() { w.region(&[back, back]) } else { w.clone() };
        image_gradient(grad, &w, x.shape(), [0, 0], [1, 1], [0, 0])
    },
}

bug! {
    /// Stride and dilation in each other's place (candle #2337); as many pixels as taps hide it from
    /// the shapes.
    conv_transpose_with_stride_and_dilation_swapped, reads Reads::INPUTS,
    sample |draw| {
        let n = draw.within(2, 4);
        Sample::new(Self {}, [draw.normal([1, 1, n]), draw.normal([1, 1, n])])
    },
    forward |op, x| {
        x[0].conv_transpose1d(&x[1], &ConvTransposeOptions::default().stride(3).dilation(2))
    },
    vjp |op, i, call, grad| {
        // Pixel and tap play the same part: y[3·i + 2·k] += x[i]·w[k].
        let (stride, dilation) = if (i == 0) == wrong() { (2, 3) } else { (3, 2) };
        grad.conv1d(call.input(1 - i), &ConvOptions::default().stride(stride).dilation(dilation))
    },
}

bug! {
    /// The weights of grouped channels, whose gradient forgets the stride (burn #1891).
    grouped_weight_gradient_with_stride { groups: usize }, reads Reads::INPUTS,
    sample |draw| {
        let (groups, taps) = (draw.within(1, 3), draw.within(2, 3));
        let width = taps + 2 * draw.within(1, 2);
        Sample::new(Self { groups }, [draw.normal([1, groups, width]), draw.normal([groups, 1, taps])])
    },
    forward |op, x| x[0].conv1d(&x[1], &ConvOptions::default().stride(2).groups(op.groups)),
    vjp |op, i, call, grad| {
        let (x, w) = (call.input(0), call.input(1));
        if i == 0 {
            let options = ConvTransposeOptions::default().stride(2).groups(op.groups);
            return grad.conv_transpose1d(w, &options);
        }
        // dw[k] = Σᵢ x[2·i + k]·dy[i]: the cotangent is the filter, and the stride its dilation.
        let apart = if wrong() && op.groups > 1 { 1 } else { 2 };
        let options = ConvOptions::default().dilation(apart).groups(op.groups);
        let taps = x.conv1d(&grad.transpose(0, 1), &options);
        taps.slice(2, ..w.size(2) as isize).transpose(0, 1)
    },
}
