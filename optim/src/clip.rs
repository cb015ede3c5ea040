//! Clipping of gradients.

use wengert_nn::Gradients;
use wengert_tensor::{Real, Tensor, require};

/// How the size of all gradients together is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// `(Σ |g|ᵖ)^(1/p)`; 2 is the usual one, 0 counts the elements that are not 0, the infinities are
    /// the largest and the smallest absolute value.
    P(f64),
    /// The largest absolute value.
    Max,
}

impl Norm {
    /// The size of all gradients together; 0 if there are none.
    #[must_use]
    pub fn of<T: Real>(self, gradients: &Gradients<T>) -> T {
        // The norm of the tensors' norms: each stays in range where the sum over all would not.
        let norms: Vec<T> = gradients.iter().map(|(_, g)| self.of_tensor(g)).collect();
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
            Self::P(2.0) => x.map(|x| x * x).sum(..).item().sqrt(),
            Self::P(p) => x.map(|x| x.abs().powf(p)).sum(..).item().powf(1.0 / p),
        }
    }
}

/// Multiplies all gradients by `min(1, max / (norm + 10⁻⁶))`, and returns the norm before
/// (Pascanu, Mikolov & Bengio 2013).
///
/// A norm that is NaN makes every gradient NaN; an infinite one makes the finite ones 0.
///
/// # Panics
/// If `max` is negative or NaN.
#[track_caller]
pub fn clip_grad_norm<T: Real>(gradients: &mut Gradients<T>, max: f64, norm: Norm) -> T {
    require!(max >= 0.0, "clip_grad_norm: a norm cannot be at most {max}");
    let total = norm.of(gradients);
    let factor = T::of(max) / (total + T::of(1e-6));
    if factor.is_nan() || factor < T::one() {
        for (_, gradient) in gradients.iter_mut() {
            gradient.map_in_place(|g| g * factor);
        }
    }
    total
}

/// Bounds every element of every gradient to `−max … max`; NaN stays NaN.
///
/// # Panics
/// If `max` is negative or NaN.
#[track_caller]
pub fn clip_grad_value<T: Real>(gradients: &mut Gradients<T>, max: f64) {
    require!(
        max >= 0.0,
        "clip_grad_value: a magnitude cannot be at most {max}"
    );
    let (low, high) = (T::of(-max), T::of(max));
    for (_, gradient) in gradients.iter_mut() {
        gradient.map_in_place(|g| g.maximum(low).minimum(high));
    }
}

/// What an optimizer does to gradients before it reads them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clip {
    Norm(f64, Norm),
    Value(f64),
}
