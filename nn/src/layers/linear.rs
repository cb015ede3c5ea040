//! The dense layer.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::init;
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// `y = x Wᵀ + b` over the last axis.
///
/// * input: `[.., inputs]`
/// * output: `[.., outputs]`
///
/// Parameters, as in `torch.nn.Linear`: `weight` `[outputs, inputs]`, `bias` `[outputs]`.
#[derive(Clone, Debug)]
pub struct Linear<T: Real = f32> {
    /// `W`: `[outputs, inputs]`.
    pub weight: Param<T>,
    /// `b`: `[outputs]`.
    pub bias: Option<Param<T>>,
}

crate::fields!(Linear { weight, bias });

impl<T: Real> Linear<T> {
    /// A layer with weights and bias uniform in `±1/√inputs`.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let (weight, bias) = init::weight_and_bias(&[outputs, inputs], outputs, rng);
        Self::from_tensors(weight, Some(bias))
    }

    /// A layer with this weight `[outputs, inputs]`, and this bias if any.
    #[must_use]
    pub fn from_tensors(weight: Tensor<T>, bias: Option<Tensor<T>>) -> Self {
        let (weight, bias) = (Param::new(weight), bias.map(Param::new));
        Self { weight, bias }
    }

    /// The same layer without a bias: `y = x Wᵀ`.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

impl<T: Real> Module<T> for Linear<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let bias = pass.optional_param(self.bias.as_ref());
        x.linear(&pass.param(&self.weight), bias.as_ref())
    }
}

samples! {
    |rng| Linear::new(3, 2, rng), [4, 3];
    |rng| Linear::new(3, 2, rng).without_bias(), [2, 1, 3];
}
