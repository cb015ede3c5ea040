//! Making a failing case small, and writing it down as a test.

use std::fmt::Write;

use wengert_tensor::Tensor;

use super::quiet::quietly;
use super::{CheckOptions, Derivative, Report, check_dyn};
use crate::function::Differentiable;
use crate::var::Var;

/// The most checks that are made to shrink one case.
const ATTEMPTS: usize = 60;

/// The smallest inputs found at which a check still fails: axes are shortened, then numbers are rounded.
///
/// Axes of equal extent are shortened together first, since a function usually needs them equal. Inputs on which the
/// function panics are not taken. Returns the inputs unchanged if the check does not fail by a wrong number.
///
/// ```
/// use wengert_autograd::{check::{CheckOptions, shrink}, generic};
/// use wengert_tensor::Tensor;
///
/// // `detach` cuts the path, so the gradient is half of what it should be.
/// let f = generic!(|x| x * &x.detach());
/// let x = Tensor::from_vec((0..12).map(|i| 0.37 + f64::from(i)).collect(), [3, 4]);
/// let small = shrink(&f, &[x], &CheckOptions::default());
/// assert_eq!(small[0].shape(), [1, 1]);
/// ```
#[must_use]
pub fn shrink(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    options: &CheckOptions,
) -> Vec<Tensor<f64>> {
    let report = check_dyn(f, inputs, options);
    let mut search = Search::new(f, &report, options);
    if report.failures().is_empty() {
        return inputs.to_vec();
    }
    let mut best = inputs.to_vec();
    while let Some(smaller) = search.shorter(&best) {
        best = smaller;
    }
    search.rounded(best)
}

struct Search<'a> {
    f: &'a dyn Differentiable,
    options: CheckOptions,
    left: usize,
}

impl<'a> Search<'a> {
    fn new(f: &'a dyn Differentiable, report: &Report, options: &CheckOptions) -> Self {
        let high = [Derivative::Second, Derivative::Cotangent];
        let low_fails = report
            .failures()
            .iter()
            .any(|record| !high.contains(&record.derivative));
        let options = CheckOptions {
            second_order: options.second_order && !low_fails,
            localise: false,
            structure: false,
            only: None,
            ..options.clone()
        };
        Self {
            f,
            options,
            left: ATTEMPTS,
        }
    }

    fn fails(&mut self, inputs: &[Tensor<f64>]) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let runs = quietly(|| {
            let x: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
            drop(self.f.f64(&x));
        });
        if runs.is_err() {
            return false;
        }
        let report = quietly(|| check_dyn(self.f, inputs, &self.options));
        report.is_ok_and(|report| !report.failures().is_empty())
    }

    /// The first failing case with shorter axes.
    fn shorter(&mut self, inputs: &[Tensor<f64>]) -> Option<Vec<Tensor<f64>>> {
        let mut extents: Vec<_> = inputs
            .iter()
            .flat_map(|x| x.shape().iter().copied())
            .filter(|&n| n > 1)
            .collect();
        extents.sort_unstable_by(|a, b| b.cmp(a));
        extents.dedup();
        for extent in extents {
            for to in lengths(extent) {
                let all: Vec<_> = inputs.iter().map(|x| cut_equal(x, extent, to)).collect();
                if self.fails(&all) {
                    return Some(all);
                }
            }
        }
        for (input, x) in inputs.iter().enumerate() {
            for (axis, &extent) in x.shape().iter().enumerate() {
                for to in lengths(extent) {
                    let mut one = inputs.to_vec();
                    one[input] = cut(x, axis, to);
                    if self.fails(&one) {
                        return Some(one);
                    }
                }
            }
        }
        None
    }

    /// The case with numbers of as few digits as still fail.
    fn rounded(&mut self, mut inputs: Vec<Tensor<f64>>) -> Vec<Tensor<f64>> {
        self.left += 4 * inputs.len();
        for input in 0..inputs.len() {
            for scale in [1.0, 10.0, 100.0] {
                let mut one = inputs.clone();
                one[input] = one[input].map(|x| (x * scale).round() / scale);
                if self.fails(&one) {
                    inputs = one;
                    break;
                }
            }
        }
        inputs
    }
}

/// Extents to try in the place of one.
fn lengths(extent: usize) -> Vec<usize> {
    let mut lengths = vec![1, extent / 2, extent.saturating_sub(1)];
    lengths.retain(|&n| n > 0 && n < extent);
    lengths.dedup();
    lengths
}

fn cut(x: &Tensor<f64>, axis: usize, to: usize) -> Tensor<f64> {
    x.slice(axis as isize, ..to as isize)
}

fn cut_equal(x: &Tensor<f64>, extent: usize, to: usize) -> Tensor<f64> {
    let axes = (0..x.rank()).filter(|&axis| x.shape()[axis] == extent);
    axes.fold(x.clone(), |x, axis| cut(&x, axis, to))
}

/// The source of a test that repeats a check: the inputs, and `assert_gradients!` with the text of the function.
///
/// Other variables that the function uses have to be added by hand.
#[must_use]
pub fn test_source(function: &str, names: &[&str], inputs: &[Tensor<f64>]) -> String {
    let mut text = String::from("#[test]\nfn this_gradient_is_right() {\n");
    for (name, x) in names.iter().zip(inputs) {
        let numbers: Vec<_> = x.iter().map(literal).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "    let {name} = Tensor::from_vec(vec![{}], {:?});",
            numbers.join(", "),
            x.shape()
        );
    }
    let _ = writeln!(
        text,
        "    assert_gradients!({function}, [{}]);\n}}",
        names.join(", ")
    );
    text
}

fn literal(x: f64) -> String {
    if x.is_nan() {
        "f64::NAN".to_owned()
    } else if x == f64::INFINITY {
        "f64::INFINITY".to_owned()
    } else if x == f64::NEG_INFINITY {
        "f64::NEG_INFINITY".to_owned()
    } else {
        format!("{x:?}")
    }
}
