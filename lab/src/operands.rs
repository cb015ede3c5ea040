//! Random operands for timing a kernel.

use std::hint::black_box;

use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, Direction};

use crate::cache;
use crate::timing::Subject;

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

    /// Some calls. They overwrite one of the three; the time of later calls does not depend on the values.
    pub(crate) fn call_times(&mut self, calls: u64, subject: &Subject<'_, T>) {
        let (kernel, geometry) = (subject.candidate.kernel, subject.geometry);
        for _ in 0..calls {
            let Self { x, w, y } = self;
            match subject.direction {
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

    /// Reads the images and results into the caches, not the weights.
    pub(crate) fn read_images(&self) {
        cache::read(&self.x);
        cache::read(&self.y);
    }
}
