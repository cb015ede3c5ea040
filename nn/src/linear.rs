//! The dense layer.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::label::Label;
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;
use crate::trace::LayerTrace;

/// `y = x Wᵀ + b` over the last axis.
#[derive(Clone, Debug)]
pub struct Linear<T: Real = f32> {
    /// `W`: `[outputs, inputs]`.
    pub weight: Param<T>,
    /// `b`: `[outputs]`.
    pub bias: Option<Param<T>>,
    label: Label,
}

crate::fields!(Linear {
    weight,
    bias,
    label
});

impl<T: Real> Linear<T> {
    /// A layer with weights and bias uniform in `±1/√inputs`.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut draw = |shape: &[usize]| Param::new(Tensor::uniform(shape, -bound..bound, rng));
        let weight = draw(&[outputs, inputs]);
        let bias = Some(draw(&[outputs]));
        Self {
            weight,
            bias,
            label: Label::default(),
        }
    }
}

impl<T: Real> Module for Linear<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let mut y = x.matmul(&pass.param(&self.weight).t());
        if let Some(bias) = &self.bias {
            y = y.add(&pass.param(bias));
        }
        let multiply_adds = (y.len() * self.weight.shape()[1]) as u64;
        pass.trace(
            &self.label,
            "Linear",
            &y,
            LayerTrace {
                multiply_adds,
                window: None,
            },
        );
        y
    }
}
