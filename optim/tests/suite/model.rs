//! A model small enough to compute updates by hand.

use wengert_nn::{Gradients, Param, Pass, fields};
use wengert_optim::{Optimizer, Rule};
use wengert_tensor::{Real, Tensor};

/// Two parameters of different shapes.
#[derive(Clone, Debug)]
pub struct Pair<T: Real> {
    pub weight: Param<T>,
    pub bias: Param<T>,
}

fields!(Pair { weight, bias });

impl<T: Real> Pair<T> {
    pub fn new(weight: Tensor<T>, bias: Tensor<T>) -> Self {
        Self {
            weight: Param::new(weight),
            bias: Param::new(bias),
        }
    }

    /// Sizes at the edges: one that needs several chunks, with a remainder, and one element.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = wengert_nn::rng(seed);
        Self::new(
            Tensor::normal([211, 307], 0.0, 1.0, &mut rng),
            Tensor::normal([1], 0.0, 1.0, &mut rng),
        )
    }

    /// A pass whose loss `Σ g·p` has the given gradients.
    pub fn pass(&self, weight: &Tensor<T>, bias: &Tensor<T>) -> (Gradients<T>, Pass<T>) {
        let mut pass = Pass::train(self, 0);
        let [w, b] = [&self.weight, &self.bias].map(|p| pass.param(p));
        let loss = w.mul(&pass.input(weight.clone())).sum(..);
        let loss = loss.add(&b.mul(&pass.input(bias.clone())).sum(..));
        (pass.backward(&loss), pass)
    }

    /// A pass whose loss is `½ Σ p²`: each gradient is its parameter.
    pub fn quadratic(&self) -> (Gradients<T>, Pass<T>) {
        self.pass(self.weight.value(), self.bias.value())
    }

    pub fn bits(&self) -> Vec<u64> {
        let all = [&self.weight, &self.bias].map(|p| p.value().to_vec());
        all.concat().iter().map(|x| x.to_f64().to_bits()).collect()
    }
}

/// The value of a parameter of one element after each step, for given gradients.
pub fn follow(rule: impl Rule<f64>, start: f64, gradients: &[f64]) -> Vec<f64> {
    let mut optimizer = Optimizer::new(rule);
    follow_with(&mut optimizer, start, gradients)
}

pub fn follow_with(optimizer: &mut Optimizer<f64>, start: f64, gradients: &[f64]) -> Vec<f64> {
    let mut model = Pair::new(Tensor::scalar(start), Tensor::scalar(0.0));
    let mut path = Vec::new();
    for &g in gradients {
        let (gradients, pass) = model.pass(&Tensor::scalar(g), &Tensor::scalar(0.0));
        optimizer.step(&mut model, &gradients, pass);
        path.push(model.weight.value().item());
    }
    path
}

#[track_caller]
pub fn assert_close(found: &[f64], expected: &[f64]) {
    const ROUNDING: f64 = 1e-14; // a few operations on numbers near 1
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= ROUNDING, "{found:?}, not {expected:?}");
    }
}
