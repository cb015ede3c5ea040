//! Numbers at the ends of their range: large offsets, tails, infinities; shapes and calls that are seldom used.

mod attention;
mod curvatures;
mod missing;
mod offsets;
mod page;
mod powers;
mod recording;
mod tails;

use wengert_autograd::{Tape, Var};
use wengert_tensor::{Real, Tensor};

/// The value of a function of one vector, and its gradient for a cotangent of ones.
fn value_and_gradient<T: Real>(
    x: &[T],
    shape: &[usize],
    f: impl Fn(&Var<T>) -> Var<T>,
) -> (Vec<T>, Vec<T>) {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from_slice(x, shape));
    let y = f(&x);
    let gradient = y.sum(..).backward().get(&x).expect("x is used").to_vec();
    (y.value().to_vec(), gradient)
}

/// The distance of a number in single precision to the exact value, in units in the last place of
/// the latter. Below the normal numbers a unit is the smallest number.
fn units(found: f32, exact: f64) -> f64 {
    let size = (exact as f32).abs().clamp(f32::MIN_POSITIVE, f32::MAX);
    let power_of_two = f32::from_bits(size.to_bits() & 0x7f80_0000);
    (f64::from(found) - exact).abs() / (f64::from(power_of_two) * f64::from(f32::EPSILON))
}

/// The same in double precision, of an exact value that is rounded itself.
fn units_double(found: f64, exact: f64) -> f64 {
    let size = exact.abs().clamp(f64::MIN_POSITIVE, f64::MAX);
    let power_of_two = f64::from_bits(size.to_bits() & 0x7ff0_0000_0000_0000);
    (found - exact).abs() / (power_of_two * f64::EPSILON)
}
