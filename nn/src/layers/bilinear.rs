//! The layer of two inputs.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::init;
use crate::label::Label;
use crate::param::Param;
use crate::pass::Pass;
use crate::trace::LayerTrace;

/// `y[.., o] = Σᵢⱼ a[.., i] · weight[o, i, j] · b[.., j] + bias[o]`; see [`Var::bilinear`].
///
/// * inputs: `[.., left]` and `[.., right]`; two of them, so it is no [`Module`](crate::Module)
/// * output: `[.., outputs]`
///
/// Parameters, as in `torch.nn.Bilinear`: `weight` `[outputs, left, right]`, `bias` `[outputs]`.
#[derive(Clone, Debug)]
pub struct Bilinear<T: Real = f32> {
    /// `[outputs, left, right]`
    pub weight: Param<T>,
    /// `[outputs]`
    pub bias: Option<Param<T>>,
    label: Label,
}

crate::fields!(Bilinear {
    weight,
    bias,
    label
});

impl<T: Real> Bilinear<T> {
    /// A layer with weights and bias uniform in `±1/√left`.
    #[must_use]
    pub fn new(left: usize, right: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let bound = init::default_bound(left);
        Self {
            weight: Param::new(Tensor::uniform([outputs, left, right], -bound..bound, rng)),
            bias: Some(Param::new(Tensor::uniform([outputs], -bound..bound, rng))),
            label: Label::default(),
        }
    }

    /// The same layer without a bias.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// The layer's result.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[must_use]
    #[track_caller]
    pub fn forward(&self, a: &Var<T>, b: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let bias = self.bias.as_ref().map(|bias| pass.param(bias));
        let y = a.bilinear(b, &pass.param(&self.weight), bias.as_ref());
        let products = self.weight.shape()[1..].iter().product::<usize>();
        let trace = LayerTrace::whole().with_multiply_adds(y.len() * products);
        pass.trace(&self.label, "Bilinear", a, &y, trace);
        y
    }
}
