//! Gradients that are not the derivative on purpose: straight-through estimators, gradient reversal.

use wengert_tensor::{Dual, Tensor};

use super::subject::{Recorded, Subject};
use super::{CheckOptions, Report, witness};
use crate::function::Differentiable;

/// Checks that the gradients of `f` are those of another function, `surrogate`, at the same inputs.
///
/// `f` may compute anything of the same shape. Its backward pass is held to the derivative of `surrogate`, by the same
/// witnesses and structure checks as an ordinary gradient.
///
/// ```
/// use wengert_autograd::check::{CheckOptions, check_gradients_as};
/// use wengert_autograd::{Var, generic};
/// use wengert_tensor::Tensor;
///
/// // The straight-through estimator (Bengio et al., 2013): rounds, and passes the cotangent on as it is.
/// let rounded = |x: &[Var<f64>]| {
///     let nearest = x[0].value().map(|x| x.round() - x);
///     &x[0] + Var::constant(nearest)
/// };
/// let x = Tensor::from_vec(vec![0.3, -1.2, 2.6], [3]);
/// let options = CheckOptions::default();
/// check_gradients_as(rounded, generic!(|x| x * 1.0), &[x.clone()], &options).assert();
///
/// // It is no gradient reversal.
/// assert!(check_gradients_as(rounded, generic!(|x| -x), &[x], &options).failed());
/// ```
#[must_use]
pub fn check_gradients_as(
    f: impl Differentiable,
    surrogate: impl Differentiable,
    inputs: &[Tensor<f64>],
    options: &CheckOptions,
) -> Report {
    let declared = Declared {
        f: Recorded(&f),
        surrogate: Recorded(&surrogate),
    };
    witness::check(&declared, inputs, options)
}

struct Declared<'a> {
    f: Recorded<'a>,
    surrogate: Recorded<'a>,
}

impl Subject for Declared<'_> {
    fn outputs(&self, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        let shapes = |y: &[Tensor<f64>]| y.iter().map(|y| y.shape().to_vec()).collect::<Vec<_>>();
        let outputs = self.surrogate.outputs(inputs);
        let (own, declared) = (shapes(&self.f.outputs(inputs)), shapes(&outputs));
        assert!(
            own == declared,
            "the outputs are {own:?}, those of the declared function {declared:?}"
        );
        outputs
    }

    fn gradients(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>> {
        self.f.gradients(inputs, cotangents)
    }

    fn duals(&self, inputs: &[Tensor<Dual>]) -> Option<Vec<Tensor<Dual>>> {
        self.surrogate.duals(inputs)
    }

    fn terms(&self, inputs: &[Tensor<f64>], cotangents: &[Tensor<f64>]) -> f64 {
        self.surrogate.terms(inputs, cotangents)
    }

    fn recorded(&self) -> Option<&dyn Differentiable> {
        None
    }
}
