//! `assert_gradients!`: a check in one line.

use wengert_tensor::Tensor;

use super::shrink::{shrink, test_source};
use super::{CheckOptions, check_dyn};
use crate::function::Differentiable;

/// Panics with a report unless every gradient of a function is right.
///
/// * a function of some variables, as in [`generic!`](crate::generic); other values are taken from the scope
/// * the inputs, `Tensor<f64>` or references to them, one for each variable
/// * then [`CheckOptions`](crate::check::CheckOptions), if others than the default
///
/// A failing case is made as small as possible; the message ends with a test to paste.
///
/// ```
/// use wengert_autograd::assert_gradients;
/// use wengert_tensor::{ConvOptions, Tensor};
///
/// let x = Tensor::from_vec((0..32).map(|i| f64::from(i % 7) - 2.5).collect(), [1, 2, 4, 4]);
/// let w = Tensor::from_vec((0..36).map(|i| f64::from(i % 5) - 1.5).collect(), [2, 2, 3, 3]);
/// let options = ConvOptions::default();
/// assert_gradients!(|x, w| x.conv2d(w, &options), [x, w]);
/// ```
///
/// # Panics
/// If a gradient is wrong, or nothing was judged.
#[macro_export]
macro_rules! assert_gradients {
    (|$($x:ident),+ $(,)?| $body:expr, [$($input:expr),+ $(,)?] $(,)?) => {
        $crate::assert_gradients!(
            |$($x),+| $body, [$($input),+], $crate::check::CheckOptions::default()
        )
    };
    (|$($x:ident),+ $(,)?| $body:expr, [$($input:expr),+ $(,)?], $options:expr $(,)?) => {{
        let inputs = [$($crate::tensor::Tensor::<f64>::clone(&$input)),+];
        $crate::check::assert_all(
            &$crate::generic!(|$($x),+| $body),
            &inputs,
            &$options,
            &[$(::core::stringify!($x)),+],
            ::core::concat!("|", ::core::stringify!($($x),+), "| ", ::core::stringify!($body)),
        )
    }};
}

/// What [`assert_gradients!`](crate::assert_gradients) calls.
///
/// # Panics
/// If a gradient is wrong, or nothing was judged.
#[track_caller]
pub fn assert_all(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    options: &CheckOptions,
    names: &[&str],
    function: &str,
) {
    let owned = names.iter().map(ToString::to_string).collect();
    let report = check_dyn(f, inputs, options).named(owned);
    if report.is_ok() {
        return;
    }
    assert!(!report.failures().is_empty(), "{report}");
    let small = shrink(f, inputs, options);
    let test = test_source(function, names, &small);
    panic!("{report}\nThe smallest case that fails, as a test:\n\n{test}");
}
