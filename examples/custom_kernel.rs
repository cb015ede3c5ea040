//! A convolution kernel of your own: proven, timed and compared with the built-in ones.
//!
//!     cargo run --release --example custom_kernel                 proves it
//!     cargo run --release --example custom_kernel -- --bench      and times it; see --help

use wengert::tensor::Real;
use wengert::tensor::kernels::conv::{ConvGeometry, ConvKernel};

/// Output, input gradient and weight gradient, each by a loop over its terms with rows of pixels innermost.
struct Rows;

impl<T: Real> ConvKernel<T> for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }
    fn supports(&self, g: &ConvGeometry) -> Result<(), &'static str> {
        let plain = g.groups == 1 && g.stride == [1; 3] && g.dilation == [1; 3];
        if plain { Ok(()) } else { Err("plain convolutions only") }
    }
    fn workspace(&self, _: &ConvGeometry) -> usize {
        0
    }
    fn forward(&self, g: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        y.fill(T::zero());
        each_row(g, |px, pw, py, length| {
            for (y, &x) in y[py..py + length].iter_mut().zip(&x[px..]) {
                *y += x * w[pw];
            }
        });
    }
    fn input_gradient(&self, g: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        dx.fill(T::zero());
        each_row(g, |px, pw, py, length| {
            for (dx, &dy) in dx[px..px + length].iter_mut().zip(&dy[py..]) {
                *dx += dy * w[pw];
            }
        });
    }
    fn weight_gradient(&self, g: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        dw.fill(T::zero());
        each_row(g, |px, pw, py, length| {
            for (&x, &dy) in x[px..px + length].iter().zip(&dy[py..]) {
                dw[pw] += x * dy;
            }
        });
    }
}

/// Calls `f(x offset, w offset, y offset, length)` for every row of pixels and every tap.
fn each_row(g: &ConvGeometry, mut f: impl FnMut(usize, usize, usize, usize)) {
    let ([d, h, w], [kd, kh, kw], [od, oh, ow]) = (g.input, g.kernel, g.output());
    let meets = |axis: usize, tap: usize, at: usize| {
        (at + tap).checked_sub(g.padding[axis][0]).filter(|&at| at < g.input[axis])
    };
    let outer =
        (0..g.batch * g.filters * g.channels).flat_map(|i| (0..od * oh).map(move |j| (i, j)));
    for (i, j) in outer {
        let (n, o, c) = (i / (g.filters * g.channels), i / g.channels % g.filters, i % g.channels);
        for tap in 0..kd * kh * kw {
            let (Some(z), Some(y)) =
                (meets(0, tap / (kh * kw), j / oh), meets(1, tap / kw % kh, j % oh))
            else {
                continue;
            };
            let (left, shift) = (g.padding[2][0], tap % kw);
            let start = left.saturating_sub(shift).min(ow);
            let end = (w + left).saturating_sub(shift).clamp(start, ow);
            let px = (((n * g.channels + c) * d + z) * h + y) * w;
            let py = ((n * g.filters + o) * od * oh + j) * ow;
            let pw = (o * g.channels + c) * kd * kh * kw + tap;
            if start < end {
                f(px + start + shift - left, pw, py + start, end - start);
            }
        }
    }
}

// [lab]
fn main() -> std::process::ExitCode {
    wengert_lab::Lab::new().kernel(&Rows).run()
}
// [/lab]
