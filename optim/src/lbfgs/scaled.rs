//! Scalar products that neither overflow nor vanish.

use wengert_tensor::{Real, Tensor, unit_scale};

use super::largest;

/// The number `value · 2^exponent`, which may be beyond the range of `T`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled<T> {
    value: T,
    exponent: i32,
}

/// Below this size, products that vanish may matter for a sum.
const SMALL: f64 = 1e-20;

/// `Σ aᵢbᵢ`
///
/// With elements of 10²⁰ the squares overflow in `f32`. Then both operands are scaled by powers of two first, as in
/// BLAS `nrm2`, which is exact.
pub(super) fn dot<T: Real>(a: &Tensor<T>, b: &Tensor<T>) -> Scaled<T> {
    let value = a.zip(b, |a, b| a * b).sum(..).item();
    let size = value.to_f64().abs();
    if size.is_finite() && size >= SMALL {
        return Scaled { value, exponent: 0 };
    }
    let (of_a, of_b) = (unit_scale(largest(a)), unit_scale(largest(b)));
    let products = a.zip(b, |a, b| (a * of_a) * (b * of_b));
    Scaled {
        value: products.sum(..).item(),
        exponent: -(exponent_of(of_a) + exponent_of(of_b)),
    }
}

/// `e` of `2^e`.
fn exponent_of<T: Real>(power_of_two: T) -> i32 {
    power_of_two.to_f64().log2() as i32
}

/// `Σ |xᵢ|`, which may be beyond the range of `T`.
pub(super) fn sum_of_sizes<T: Real>(x: &Tensor<T>) -> f64 {
    let unit = unit_scale(largest(x));
    x.map(|x| (x * unit).abs()).sum(..).item().to_f64() / unit.to_f64()
}

impl<T: Real> Scaled<T> {
    /// The number; infinite if it is beyond the range of `f64`.
    pub(super) fn to_f64(self) -> f64 {
        times_power(self.value.to_f64(), self.exponent)
    }

    /// `1 / self`
    pub(super) fn inverse(self) -> Self {
        Self {
            value: T::one() / self.value,
            exponent: -self.exponent,
        }
    }

    /// `self · other`
    pub(super) fn times(self, other: Self) -> T {
        times_power(self.value * other.value, self.exponent + other.exponent)
    }

    /// `self / other`
    pub(super) fn over(self, other: Self) -> T {
        times_power(self.value / other.value, self.exponent - other.exponent)
    }
}

/// `x · 2^exponent`, in steps, because a power alone may overflow where the result does not.
fn times_power<T: Real>(mut x: T, mut exponent: i32) -> T {
    const STEP: i32 = 64;
    while exponent != 0 {
        let step = exponent.clamp(-STEP, STEP);
        x *= T::of(f64::exp2(f64::from(step)));
        exponent -= step;
    }
    x
}
