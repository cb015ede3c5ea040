//! Matrix products and convolutions by their definitions, one element of a result at a time.
//!
//! They share no index arithmetic with the kernels, so that no mistake is in both. Nothing here is generic, so that it is
//! compiled in this crate: optimised also where the caller is not.

use crate::kernels::conv::{ConvGeometry, Direction};
use crate::kernels::gemm::Gemm;

/// The elements of a matrix product, row by row: `Σ aᵢₚ·bₚⱼ` and `Σ |aᵢₚ·bₚⱼ|`.
#[must_use]
pub fn product(task: &Gemm, a: &[f64], b: &[f64]) -> Vec<[f64; 2]> {
    let element = |i, j| {
        let term = |p| a[i * task.a[0] + p * task.a[1]] * b[p * task.b[0] + j * task.b[1]];
        (0..task.k).fold([0.0; 2], |[sum, size], p| {
            let term: f64 = term(p);
            [sum + term, size + term.abs()]
        })
    };
    let rows = (0..task.m).flat_map(|i| (0..task.n).map(move |j| (i, j)));
    rows.map(|(i, j)| element(i, j)).collect()
}

/// `Σ a[i]·b[j]` and `Σ |a[i]·b[j]|` of the elements of the result at these positions. The operands are `(x, w)`,
/// `(w, dy)` or `(x, dy)`.
pub(super) fn elements(
    geometry: &ConvGeometry,
    direction: Direction,
    a: &[f64],
    b: &[f64],
    positions: &[usize],
) -> Vec<[f64; 2]> {
    let shape = match direction {
        Direction::Forward => geometry.y_shape(),
        Direction::InputGradient => geometry.x_shape(),
        Direction::WeightGradient => geometry.w_shape(),
    };
    let element = |&position: &usize| {
        let index = unravel(position, shape);
        let (mut sum, mut size) = (0.0, 0.0);
        let term = |i: usize, j: usize| {
            let term = a[i] * b[j];
            sum += term;
            size += term.abs();
        };
        match direction {
            Direction::Forward => terms_of_y(geometry, index, term),
            Direction::InputGradient => terms_of_dx(geometry, index, term),
            Direction::WeightGradient => terms_of_dw(geometry, index, term),
        }
        [sum, size]
    };
    positions.iter().map(element).collect()
}

fn terms_of_y(g: &ConvGeometry, index: [usize; 5], mut term: impl FnMut(usize, usize)) {
    let [image, filter, at @ ..] = index;
    let (x, w) = (g.x_shape(), g.w_shape());
    let first = filter / g.group_filters() * g.group_channels();
    for channel in 0..g.group_channels() {
        for tap in grid(g.kernel) {
            if let Some(pixel) = pixel_at(g, at, tap) {
                let pixel = ravel([image, first + channel], pixel, x);
                term(pixel, ravel([filter, channel], tap, w));
            }
        }
    }
}

fn terms_of_dx(g: &ConvGeometry, index: [usize; 5], mut term: impl FnMut(usize, usize)) {
    let [image, channel, pixel @ ..] = index;
    let (w, y) = (g.w_shape(), g.y_shape());
    let (group, inner) = (channel / g.group_channels(), channel % g.group_channels());
    for tap in grid(g.kernel) {
        if let Some(at) = output_at(g, pixel, tap) {
            for filter in group * g.group_filters()..(group + 1) * g.group_filters() {
                term(
                    ravel([filter, inner], tap, w),
                    ravel([image, filter], at, y),
                );
            }
        }
    }
}

fn terms_of_dw(g: &ConvGeometry, index: [usize; 5], mut term: impl FnMut(usize, usize)) {
    let [filter, channel, tap @ ..] = index;
    let (x, y) = (g.x_shape(), g.y_shape());
    let channel = filter / g.group_filters() * g.group_channels() + channel;
    for at in grid(g.output()) {
        if let Some(pixel) = pixel_at(g, at, tap) {
            for image in 0..g.batch {
                term(
                    ravel([image, channel], pixel, x),
                    ravel([image, filter], at, y),
                );
            }
        }
    }
}

/// The pixel `s·i + d·k − p` of a tap at an output position, unless it is padding.
#[inline]
fn pixel_at(g: &ConvGeometry, at: [usize; 3], tap: [usize; 3]) -> Option<[usize; 3]> {
    let pixel = [0, 1, 2].map(|axis| {
        let padded = g.stride[axis] * at[axis] + g.dilation[axis] * tap[axis];
        padded as i64 - g.padding[axis][0] as i64
    });
    let inside = (0..3).all(|axis| (0..g.input[axis] as i64).contains(&pixel[axis]));
    inside.then_some(pixel.map(|p| p as usize))
}

/// The output position at which a tap reads a pixel, if there is one: `(j + p − d·k) / s`.
fn output_at(g: &ConvGeometry, pixel: [usize; 3], tap: [usize; 3]) -> Option<[usize; 3]> {
    let reach = [0, 1, 2].map(|axis| {
        let padded = pixel[axis] + g.padding[axis][0];
        padded as i64 - (g.dilation[axis] * tap[axis]) as i64
    });
    let output = g.output();
    let inside = (0..3).all(|axis| {
        let stride = g.stride[axis] as i64;
        reach[axis] % stride == 0 && (0..output[axis] as i64).contains(&(reach[axis] / stride))
    });
    inside.then(|| [0, 1, 2].map(|axis| reach[axis] as usize / g.stride[axis]))
}

fn grid([depth, height, width]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..depth).flat_map(move |z| (0..height).flat_map(move |y| (0..width).map(move |x| [z, y, x])))
}

#[inline]
fn ravel([outer, inner]: [usize; 2], [z, y, x]: [usize; 3], shape: [usize; 5]) -> usize {
    let [_, inners, depth, height, width] = shape;
    (((outer * inners + inner) * depth + z) * height + y) * width + x
}

/// The index of a position in a row-major array.
pub(super) fn unravel(mut position: usize, shape: [usize; 5]) -> [usize; 5] {
    let mut index = [0; 5];
    for axis in (0..5).rev() {
        index[axis] = position % shape[axis];
        position /= shape[axis];
    }
    index
}
