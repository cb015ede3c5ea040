//! Clipping of gradients.

use wengert_nn::Gradients;
use wengert_tensor::{Real, Tensor, require, unit_scale};

/// The joint norm of all gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// `(Σ |g|ᵖ)^(1/p)`; usually `p = 2`. 0 counts the elements that are not 0; `∞` and `−∞` are the largest
    /// and the smallest absolute value.
    P(f64),
    /// The largest absolute value.
    Max,
}

impl Norm {
    /// The norm of all gradients together; 0 if there are none. Elements are scaled by a power of two first, so
    /// that no power overflows or underflows: the result is correct wherever it can be represented.
    #[must_use]
    pub fn of<T: Real>(self, gradients: &Gradients<T>) -> T {
        self.of_scaled(gradients, T::one())
    }

    /// The norm of all gradients, each multiplied by a power of two.
    fn of_scaled<T: Real>(self, gradients: &Gradients<T>, scale: T) -> T {
        let scaled = |g: &Tensor<T>| {
            if scale == T::one() {
                self.of_tensor(g)
            } else {
                self.of_tensor(&g.map(|g| g * scale))
            }
        };
        // The norm of the norms of the tensors: the sum over all elements might overflow.
        let norms: Vec<T> = gradients.iter().map(|(_, g)| scaled(g)).collect();
        if norms.is_empty() {
            return T::zero();
        }
        self.of_tensor(&Tensor::from_slice(&norms, [norms.len()]))
    }

    fn of_tensor<T: Real>(self, x: &Tensor<T>) -> T {
        match self {
            Self::P(f64::INFINITY) => Self::Max.of_tensor(x),
            Self::P(f64::NEG_INFINITY) => x.map(Real::abs).min(..).item(),
            Self::P(0.0) => {
                let counted = |x: T| if x == T::zero() { x } else { T::one() };
                x.map(counted).sum(..).item()
            }
            Self::Max if x.is_empty() => T::zero(),
            Self::Max => x.map(Real::abs).max(..).item(),
            Self::P(1.0) => x.map(Real::abs).sum(..).item(),
            Self::P(2.0) => x.norm2(..).item(),
            Self::P(p) => {
                let scale = x.unit_scales(..).item();
                let powers = x.map(|x| (x * scale).abs().powf(p));
                powers.sum(..).item().powf(1.0 / p) / scale
            }
        }
    }
}

/// Multiplies all gradients by `min(1, max / (norm + 10⁻⁶))`, and returns the norm before
/// (Pascanu, Mikolov & Bengio 2013).
///
/// Finite gradients are clipped correctly even if their norm overflows; the returned norm is then infinite.
/// A NaN gradient makes every gradient NaN; an infinite one becomes NaN, and the finite ones 0. An
/// [`Optimizer`](crate::Optimizer) that clips by the norm skips such a step. If `max` is infinite, nothing
/// changes.
///
/// # Panics
/// If `max` is negative or NaN, or the `p` of the norm is NaN.
#[track_caller]
pub fn clip_grad_norm<T: Real>(gradients: &mut Gradients<T>, max: f64, norm: Norm) -> T {
    /// A smaller factor may be subnormal in `f32`, which has fewer digits.
    const SMALL: f64 = 1e-37;
    require!(
        max >= 0.0,
        "clip_grad_norm: max = {max}: must be at least 0"
    );
    require!(
        !matches!(norm, Norm::P(p) if p.is_nan()),
        "clip_grad_norm: norm = P(NaN): must be a number; 2 is usual"
    );
    let total = norm.of(gradients);
    if max.is_infinite() {
        return total;
    }
    let (max, floor) = (T::of(max), T::of(1e-6));
    let mut factor = max / (total + floor);
    let mut scale = T::one();
    if factor.to_f64() < SMALL {
        scale = unit_scale(Norm::Max.of(gradients));
        factor = max / (norm.of_scaled(gradients, scale) + floor * scale);
    }
    if factor.is_nan() || factor < T::one() / scale {
        for (_, gradient) in gradients.iter_mut() {
            gradient.map_in_place(|g| g * scale * factor);
        }
    }
    total
}

/// Clamps every element of every gradient to `−max … max`; NaN stays NaN.
///
/// # Panics
/// If `max` is negative or NaN.
#[track_caller]
pub fn clip_grad_value<T: Real>(gradients: &mut Gradients<T>, max: f64) {
    require!(
        max >= 0.0,
        "clip_grad_value: max = {max}: must be at least 0"
    );
    let (low, high) = (T::of(-max), T::of(max));
    for (_, gradient) in gradients.iter_mut() {
        gradient.map_in_place(|g| g.maximum(low).minimum(high));
    }
}

/// A clipping that an optimizer applies before the update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clip {
    Norm(f64, Norm),
    Value(f64),
}
