//! Local response normalization.

use wengert_tensor::{Divisor, PoolOptions};

use crate::ops::prelude::*;
use crate::ops::reduce::is_moderate;

/// Options of [`Var::local_response_norm`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseOptions {
    /// The number of neighbouring channels that are averaged; 5 by default.
    pub size: usize,
    /// What their mean square is multiplied by; 1e-4 by default.
    pub alpha: f64,
    /// The exponent; 0.75 by default.
    pub beta: f64,
    /// What is added before the power; 1 by default.
    pub k: f64,
}

impl Default for ResponseOptions {
    fn default() -> Self {
        Self {
            size: 5,
            alpha: 1e-4,
            beta: 0.75,
            k: 1.0,
        }
    }
}

impl<T: Real> Var<T> {
    /// Divides every channel by a power of the mean square of its neighbours:
    /// `y_c = x_c / (k + alpha/size · Σ x_j²)^beta`, the sum over the channels `j` from `c − size/2` to
    /// `c + (size − 1)/2`, both rounded down.
    ///
    /// * `self`: `[batch, channels, ..]`
    ///
    /// Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3, with the mean square as `PyTorch`
    /// has it.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::ops::ResponseOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![3.0_f64], [1, 1, 1, 1]));
    /// let options = ResponseOptions { size: 1, alpha: 1.0, beta: 0.5, k: 7.0 };
    /// // 3 / √(7 + 9)
    /// assert!((x.local_response_norm(&options).item() - 0.75).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If there is no channel axis, or the size is 0.
    #[must_use]
    #[track_caller]
    pub fn local_response_norm(&self, options: &ResponseOptions) -> Self {
        let ResponseOptions {
            size,
            alpha,
            beta,
            k,
        } = *options;
        let (shape, rank) = (self.shape(), self.rank());
        require!(
            rank >= 2,
            "local_response_norm: {shape:?}: there is no channel axis"
        );
        require!(
            size > 0,
            "local_response_norm: {shape:?}: a neighbourhood of size 0"
        );
        let inner = shape[2..].iter().product();
        let windows = PoolOptions::new([size, 1])
            .stride(1)
            .padding([[size / 2, (size - 1) / 2], [0, 0]])
            .divisor(Divisor::Fixed(size));
        let mean_square = |x: &Self| {
            let square = (x * x).reshape([shape[0], 1, shape[1], inner]);
            square.avg_pool2d(windows).reshape(shape)
        };
        // Pixels whose squares would overflow are scaled; with k = 0 also those whose squares would
        // underflow.
        let scales = self.value().unit_scales(keep(1));
        let most = if k == 0.0 { f64::INFINITY } else { 1.0 };
        let scales = scales.map(|scale| {
            if scale.to_f64() <= most {
                scale
            } else {
                T::one()
            }
        });
        if scales.iter().all(|scale| is_moderate(scale, 2.0, size)) {
            return self / (mean_square(self) * alpha + k).pow(beta);
        }
        // x / (k + α m)^β = s^(2β−1) · sx / (s²k + s²α m)^β
        let of = |f: &(dyn Fn(f64) -> f64 + Sync)| {
            Self::constant(scales.map(|scale| T::of(f(scale.to_f64()))))
        };
        let (room, factor) = (of(&|s| k * s * s), of(&|s| s.powf(2.0 * beta - 1.0)));
        let x = self * Self::constant(scales.clone());
        &x * factor / (mean_square(&x) * alpha + room).pow(beta)
    }
}

pub(super) const OPS: &[OpInfo] = &[OpInfo::function("local_response_norm", |draw| {
    let rank = draw.within(2, 4);
    let x = draw.filled_shape(rank);
    let options = ResponseOptions {
        size: draw.within(1, 4),
        alpha: draw.pick(&[0.1, 1.0]),
        beta: draw.pick(&[0.5, 0.75]),
        k: draw.pick(&[1.0, 2.0]),
    };
    let f = generic!([options] | x | x.local_response_norm(&options));
    Case::new(format!("{options:?}"), f, [draw.normal(x)])
})];
