//! Compares computed values with stored ones.

use wengert::nn::Values;
use wengert::tensor::{Element, Real, Tensor};

use crate::failure::{Failure, wrong};

/// How far a number may differ from the stored one.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

impl Tolerance {
    /// `|a − e| ≤ atol + rtol·|e|`; equal infinities are equal, NaN equals NaN.
    pub fn holds(self, actual: f64, expected: f64) -> bool {
        if expected.is_nan() {
            return actual.is_nan();
        }
        actual == expected || (actual - expected).abs() <= self.atol + self.rtol * expected.abs()
    }
}

/// Compares real numbers.
pub fn real<T: Real>(
    what: &str,
    actual: &Tensor<T>,
    expected: &Values,
    tolerance: Tolerance,
) -> Result<(), Failure> {
    let Some(expected) = expected.real::<f64>() else {
        return wrong(format!("{what}: the stored tensor has whole numbers"));
    };
    let actual: Tensor<f64> = actual.cast();
    equal(what, &actual, &expected, |a, e| tolerance.holds(a, e))
}

/// Compares integers and booleans.
pub fn whole(what: &str, actual: &Tensor<i64>, expected: &Values) -> Result<(), Failure> {
    let expected = match expected {
        Values::I64(expected) => expected.clone(),
        Values::U8(expected) => expected.cast(),
        _ => return wrong(format!("{what}: the stored tensor has real numbers")),
    };
    equal(what, actual, &expected, |a, e| a == e)
}

fn equal<E: Element + std::fmt::Debug>(
    what: &str,
    actual: &Tensor<E>,
    expected: &Tensor<E>,
    same: impl Fn(E, E) -> bool,
) -> Result<(), Failure> {
    if actual.shape() != expected.shape() {
        return wrong(format!(
            "{what}: the shape is {:?}, {:?} is expected",
            actual.shape(),
            expected.shape()
        ));
    }
    let pairs = actual.iter().zip(expected.iter()).enumerate();
    let misses: Vec<_> = pairs.filter(|(_, (a, e))| !same(*a, *e)).collect();
    let Some((place, (a, e))) = misses.first() else {
        return Ok(());
    };
    wrong(format!(
        "{what}: element {place} is {a:?}, {e:?} is expected ({} of {} differ)",
        misses.len(),
        actual.len()
    ))
}
