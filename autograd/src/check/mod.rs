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
mod branch;
mod builder;
mod declared;
mod hypothesis;
mod local;
mod locate;
mod mutate;
mod numeric;
mod op;
mod options;
mod quiet;
mod report;
mod shrink;
mod situation;
#[cfg(feature = "proptest")]
pub mod strategies;
mod subject;
mod terminal;
mod verdict;
mod witness;

pub use assert::assert_all;
pub use black_box::{Scalar, check_black_box, check_black_box_with};
pub use builder::Check;
pub use declared::check_gradients_as;
pub use locate::Located;
pub use mutate::{Fault, Mutated, Mutator, recorded};
pub use op::check_op;
pub(crate) use op::{require_same_in_place, require_same_on_slices};
pub use options::{CheckOptions, plan};
pub use report::{Cost, Derivative, DifferenceQuotient, Power, Record, Report, TapeEntry};
pub use shrink::{shrink, test_source};
pub use situation::{Arranged, arrange};
pub use terminal::Terminal;
pub use verdict::Verdict;

pub use crate::ops::{Exemption, Situation, Witness};

use wengert_tensor::Tensor;

use crate::function::Differentiable;

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
