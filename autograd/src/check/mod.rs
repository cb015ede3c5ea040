//! The gradient checker: reverse mode against independent witnesses.
//!
//! The first derivative is compared with exact forward mode on dual numbers and with finite differences, entry by
//! entry and along random directions; the second derivative by reverse-over-reverse with forward-over-reverse (one
//! backward pass on dual numbers) and with differences of the gradient. Every comparison has an error bar: measured
//! noise and truncation for differences, the rounding at neighbouring points for forward mode. Multiplying the
//! function by a constant changes no verdict.
//!
//! If something is wrong, the rule of every recorded call is checked alone, and the report names the wrong one.

mod assert;
mod black_box;
mod builder;
mod coverage;
mod declared;
mod hypothesis;
mod local;
mod locate;
mod mutate;
mod numeric;
mod options;
mod quiet;
mod report;
mod shrink;
#[cfg(feature = "proptest")]
pub mod strategies;
mod subject;
mod terminal;
mod verdict;
mod witness;

pub use assert::assert_all;
pub use black_box::{Scalar, check_black_box, check_black_box_with};
pub use builder::Check;
pub use coverage::{Exemption, Situation, Witness};
pub use declared::check_gradients_as;
pub use locate::Located;
pub use mutate::{Fault, Mutated, Mutator, recorded};
pub use options::{CheckOptions, plan};
pub use report::{Cost, Derivative, DifferenceQuotient, Power, Record, Report, TapeEntry};
pub use shrink::{shrink, test_source};
pub use terminal::Terminal;
pub use verdict::Verdict;

use wengert_tensor::{Tensor, testing::layouts::all_layouts};

use crate::function::{Apply, Differentiable, Generic};
use crate::op::{Inputs, Op, Outputs};
use crate::sample::{Draw, LARGEST};
use crate::var::Var;

/// Checks every gradient of a function at some inputs.
///
/// The outputs are contracted with random cotangents, so a rule that ignores its cotangent fails.
///
/// ```
/// use wengert_autograd::{check_gradients, generic};
/// use wengert_tensor::{Tensor, testing::layouts::all_layouts};
///
/// let x = Tensor::from_vec(vec![0.5, -1.0, 2.0], [3]);
/// let report = check_gradients(generic!(|x| (x * x).tanh()), &[x]);
/// assert!(report.is_ok());
/// println!("{report}");
/// ```
///
/// # Panics
/// Only if the function itself panics; a wrong gradient is in the report.
#[must_use]
pub fn check_gradients(f: impl Differentiable, inputs: &[Tensor<f64>]) -> Report {
    check_gradients_with(f, inputs, &CheckOptions::default())
}

/// As [`check_gradients`], with options.
///
/// # Panics
/// As [`check_gradients`].
#[must_use]
pub fn check_gradients_with(
    f: impl Differentiable,
    inputs: &[Tensor<f64>],
    options: &CheckOptions,
) -> Report {
    check_dyn(&f, inputs, options)
}

/// As [`check_gradients_with`], for a reference to a function.
///
/// # Panics
/// As [`check_gradients`].
#[must_use]
pub fn check_dyn(f: &dyn Differentiable, inputs: &[Tensor<f64>], options: &CheckOptions) -> Report {
    witness::check(&subject::Recorded(f), inputs, options)
}

/// Checks an op at thirty of its own samples, in several layouts; the report is the first that fails,
/// or the last.
///
/// # Panics
/// If the forward of a sample panics, or [`Op::forward_owned`] gives other values than [`Op::forward`].
#[must_use]
pub fn check_op<O: Op>() -> Report {
    let mut report = Report::default();
    for seed in 0..30 {
        let mut draw = Draw::new(seed, LARGEST.min(seed as usize / 8));
        let sample = O::sample(&mut draw);
        require_same_in_place(&sample.op, &sample.inputs);
        let title = format!("{:?}, sample {seed}", sample.op);
        let options = CheckOptions {
            seed,
            ..CheckOptions::default()
        };
        let lay = |x: &Tensor<f64>| {
            let copies = all_layouts(x);
            draw.pick(&copies).1
        };
        let inputs: Vec<_> = sample.inputs.iter().map(lay).collect();
        let checked = check_gradients_with(Generic(Apply(sample.op)), &inputs, &options);
        let checked = checked.titled(title);
        if checked.failed() {
            return checked;
        }
        // An empty sample judges nothing.
        if checked.judged() || !report.judged() {
            report = checked;
        }
    }
    report
}

/// Panics unless `forward_owned`, which may work in place, gives the same bits as `forward`.
pub(crate) fn require_same_in_place<O: Op>(op: &O, inputs: &[Tensor<f64>]) {
    let Some((first, others)) = inputs.split_first() else {
        return;
    };
    let others: Vec<_> = others.iter().cloned().map(Var::constant).collect();
    let others: Vec<_> = others.iter().collect();
    let by_reference = op.forward(&Inputs(
        &[&[&Var::constant(first.clone())], &others[..]].concat(),
    ));
    let unique = Tensor::from_vec(first.to_vec(), first.shape());
    let by_value = op.forward_owned(unique, &Inputs(&others));
    let bits = |outputs: &Outputs<f64>| -> Vec<(Vec<usize>, Vec<u64>)> {
        let of_one = |y: &Tensor<f64>| {
            let bits = y.to_vec().into_iter().map(f64::to_bits);
            (y.shape().to_vec(), bits.collect())
        };
        outputs.0.iter().map(of_one).collect()
    };
    assert!(
        bits(&by_reference) == bits(&by_value),
        "{op:?}: forward_owned gives other values than forward: {by_value:?} is not {by_reference:?}"
    );
}
