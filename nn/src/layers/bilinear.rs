//! The layer of two inputs.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::init;
use crate::param::Param;
use crate::parameters::Parameters;
use crate::pass::Pass;

/// `y[.., o] = Σᵢⱼ a[.., i] · weight[o, i, j] · b[.., j] + bias[o]`; see [`Var::bilinear`].
///
/// * inputs: `[.., left]` and `[.., right]`; two of them, so it is not a [`Module`](crate::Module)
/// * output: `[.., outputs]`
///
/// Parameters, as in `torch.nn.Bilinear`: `weight` `[outputs, left, right]`, `bias` `[outputs]`.
#[derive(Clone, Debug)]
pub struct Bilinear<T: Real = f32> {
    /// `[outputs, left, right]`
    pub weight: Param<T>,
    /// `[outputs]`
    pub bias: Option<Param<T>>,
}

crate::fields!(Bilinear { weight, bias });

impl<T: Real> Bilinear<T> {
    /// A layer with weights and bias uniform in `±1/√left`.
    #[must_use]
    pub fn new(left: usize, right: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let bound = init::default_bound(left);
        Self {
            weight: Param::new(Tensor::uniform([outputs, left, right], -bound..bound, rng)),
            bias: Some(Param::new(Tensor::uniform([outputs], -bound..bound, rng))),
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
    pub fn call(&self, a: &Var<T>, b: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let entered = pass.enter(self.layer_id());
        let bias = pass.optional_param(self.bias.as_ref());
        let y = a.bilinear(b, &pass.param(&self.weight), bias.as_ref());
        pass.leave(entered, y)
    }
}

// Its forward call takes more than one value, or whole numbers; `nn/tests` has tests of its own for it.
samples! {}
