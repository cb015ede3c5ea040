//! Checking gradients that this crate did not compute: a hand-written kernel, an op of another framework, a C
//! function.

use wengert_tensor::{Dual, Number, Real, Tensor};

use super::subject::Subject;
use super::{CheckOptions, Report, witness};
use crate::function::Differentiable;

/// The number type of a black box: `f32` or `f64`.
pub trait Scalar: Real + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Scalar for f32 {}
impl Scalar for f64 {}

/// Checks any pair of a function and its vector-Jacobian product over flat slices.
///
/// * `f`: the values for some inputs
/// * `vjp`: for inputs and a cotangent `c` of the values, the gradients of `⟨f, c⟩`, one for each input
/// * `inputs`: where to check; names and numbers of inputs in the report follow their order
///
/// Differences are the witness, with measured noise; the gradient must be linear in the cotangent and the same in
/// every run. Entries that are not judged one by one are judged along random directions; a direction that disagrees
/// is halved until the wrong entry is found. [`Report::power`] states how small an error is seen.
///
/// ```
/// use wengert_autograd::check::check_black_box;
///
/// let square = |x: &[&[f64]]| x[0].iter().map(|x| x * x).collect();
/// let right = |x: &[&[f64]], c: &[f64]| {
///     vec![x[0].iter().zip(c).map(|(x, c)| 2.0 * x * c).collect()]
/// };
/// check_black_box(square, right, &[vec![0.5, -1.0, 2.0]]).assert();
///
/// let wrong = |x: &[&[f64]], c: &[f64]| vec![x[0].iter().zip(c).map(|(x, c)| x * c).collect()];
/// assert!(check_black_box(square, wrong, &[vec![0.5, -1.0, 2.0]]).failed());
/// ```
///
/// The closures may work in `f32`; then differences see less.
#[must_use]
pub fn check_black_box<S: Scalar>(
    f: impl Fn(&[&[S]]) -> Vec<S>,
    vjp: impl Fn(&[&[S]], &[S]) -> Vec<Vec<S>>,
    inputs: &[Vec<S>],
) -> Report {
    check_black_box_with(f, vjp, inputs, &CheckOptions::default())
}

/// As [`check_black_box`], with options.
#[must_use]
pub fn check_black_box_with<S: Scalar>(
    f: impl Fn(&[&[S]]) -> Vec<S>,
    vjp: impl Fn(&[&[S]], &[S]) -> Vec<Vec<S>>,
    inputs: &[Vec<S>],
    options: &CheckOptions,
) -> Report {
    let tensors: Vec<_> = inputs
        .iter()
        .map(|x| Tensor::from_vec(x.iter().map(|x| x.to_f64()).collect(), [x.len()]))
        .collect();
    let boxed = BlackBox {
        f,
        vjp,
        scalar: std::marker::PhantomData,
    };
    witness::check(&boxed, &tensors, options)
}

struct BlackBox<S, F, G> {
    f: F,
    vjp: G,
    scalar: std::marker::PhantomData<S>,
}

fn flat<S: Scalar>(x: &[Tensor<f64>]) -> Vec<Vec<S>> {
    x.iter().map(|x| x.iter().map(S::of).collect()).collect()
}

fn slices<S>(x: &[Vec<S>]) -> Vec<&[S]> {
    x.iter().map(Vec::as_slice).collect()
}

fn tensor<S: Scalar>(x: Vec<S>) -> Tensor<f64> {
    let count = x.len();
    Tensor::from_vec(x.into_iter().map(Number::to_f64).collect(), [count])
}

impl<S, F, G> Subject for BlackBox<S, F, G>
where
    S: Scalar,
    F: Fn(&[&[S]]) -> Vec<S>,
    G: Fn(&[&[S]], &[S]) -> Vec<Vec<S>>,
{
    fn outputs(&self, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        let inputs = flat::<S>(inputs);
        vec![tensor((self.f)(&slices(&inputs)))]
    }

    fn gradients(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>> {
        let (inputs, cotangents) = (flat::<S>(inputs), flat::<S>(cotangents));
        let found = (self.vjp)(&slices(&inputs), &cotangents[0]);
        assert!(
            found.len() == inputs.len(),
            "vjp: gives {} gradients for {} inputs",
            found.len(),
            inputs.len()
        );
        found.into_iter().map(|g| Some(tensor(g))).collect()
    }

    fn rounded(&self, x: Tensor<f64>) -> Tensor<f64> {
        x.map(|x| S::of(x).to_f64())
    }

    fn epsilon(&self) -> f64 {
        // Halving is exact until 1 + ε rounds to 1.
        let mut epsilon = 1.0_f64;
        while (S::one() + S::of(0.5 * epsilon)).to_f64() > 1.0 {
            epsilon *= 0.5;
        }
        epsilon
    }

    fn duals(&self, _inputs: &[Tensor<Dual>]) -> Option<Vec<Tensor<Dual>>> {
        None
    }

    fn recorded(&self) -> Option<&dyn Differentiable> {
        None
    }
}
