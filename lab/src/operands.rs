//! Random operands for timing a kernel.

use std::hint::black_box;

use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direction};

/// `x`, `w` and `y`: each is an operand of two directions and the result of the third.
pub(crate) struct Operands<T> {
    x: Vec<T>,
    w: Vec<T>,
    y: Vec<T>,
}

impl<T: Real> Operands<T> {
    /// Uniform values in (−1, 1).
    pub(crate) fn new(geometry: &ConvGeometry, seed: u64) -> Self {
        let draw = |length: usize, stream: u64| -> Vec<T> {
            // The state must be odd: a multiplicative generator has its full period only then.
            let mut state = (seed << 2 | stream) << 1 | 1;
            let mut value = || {
                state = state.wrapping_mul(0xd134_2543_de82_ef95);
                T::of((state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0)
            };
            (0..length).map(|_| value()).collect()
        };
        Self {
            x: draw(geometry.x_len(), 0),
            w: draw(geometry.w_len(), 1),
            y: draw(geometry.y_len(), 2),
        }
    }

    /// One call. It overwrites one of the three; the time of later calls does not depend on the values.
    pub(crate) fn call(
        &mut self,
        kernel: &dyn ConvKernel<T>,
        direction: Direction,
        geometry: &ConvGeometry,
    ) {
        let Self { x, w, y } = self;
        match direction {
            Direction::Forward => kernel.forward(geometry, black_box(x), black_box(w), y),
            Direction::InputGradient => {
                kernel.input_gradient(geometry, black_box(w), black_box(y), x);
            }
            Direction::WeightGradient => {
                kernel.weight_gradient(geometry, black_box(x), black_box(y), w);
            }
        }
        black_box((x, w, y));
    }
}
