//! The problems that the fixtures' optimizers minimise.

use wengert::autograd::Var;
use wengert::nn::{Gradients, Param, Parameters, Pass, Path, Slot, SlotMut};
use wengert::tensor::{Real, Tensor};

use crate::failure::{Failure, wrong};
use crate::manifest::Stored;

/// Parameters by name.
pub struct Weights<T: Real> {
    all: Vec<(String, Param<T>)>,
}

impl<T: Real> Weights<T> {
    pub fn new(names: &[&str], values: Vec<Tensor<T>>) -> Self {
        let pairs = names.iter().zip(values);
        Self {
            all: pairs
                .map(|(name, x)| ((*name).to_owned(), Param::new(x)))
                .collect(),
        }
    }
}

impl<T: Real> Parameters<T> for Weights<T> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        for (name, param) in &self.all {
            path.within(name, |path| param.walk(path, visit));
        }
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        for (name, param) in &mut self.all {
            path.within(name, |path| param.walk_mut(path, visit));
        }
    }
}

/// A loss, or the gradients themselves.
pub enum Problem<T: Real> {
    /// `½vᵀAv − bᵀv`
    Quadratic(Vec<[Tensor<T>; 2]>),
    /// `Σ 100(vᵢ₊₁ − vᵢ²)² + (1 − vᵢ)²`
    Rosenbrock,
    /// The gradients of every step.
    Given(Vec<Tensor<T>>),
}

impl<T: Real> Problem<T> {
    pub fn new(kind: &str, names: &[&str], stored: &Stored<'_>) -> Result<Self, Failure> {
        let read = |letter: &str, name: &str| stored.real::<T>("in", &format!("{letter}_{name}"));
        match kind {
            "quadratic" => {
                let pairs: Result<_, _> = names
                    .iter()
                    .map(|n| Ok([read("A", n)?, read("b", n)?]))
                    .collect();
                Ok(Self::Quadratic(pairs?))
            }
            "rosenbrock" => Ok(Self::Rosenbrock),
            "given" => {
                let all: Result<_, _> = names.iter().map(|n| read("g", n)).collect();
                Ok(Self::Given(all?))
            }
            other => wrong(format!("problem {other:?}")),
        }
    }

    /// The loss and the gradients at a step.
    pub fn evaluate(&self, model: &Weights<T>, step: usize) -> (T, Gradients<T>) {
        if let Self::Given(all) = self {
            let now: Vec<_> = all.iter().map(|g| g.select(0, step as isize)).collect();
            return given(model, &now);
        }
        let mut pass = Pass::train(model, 0);
        let mut losses = Vec::new();
        for (k, (_, param)) in model.all.iter().enumerate() {
            let v = pass.param(param).reshape([param.value().len()]);
            losses.push(match self {
                Self::Quadratic(pairs) => {
                    let [a, b] = pairs[k].each_ref().map(|x| pass.input(x.clone()));
                    let half = pass.input(Tensor::scalar(T::of(0.5)));
                    let square = v.mul(&a.matmul(&v)).sum(..).mul(&half);
                    square.sub(&b.reshape([v.value().len()]).mul(&v).sum(..))
                }
                _ => rosenbrock(&v, &mut pass),
            });
        }
        let loss = losses.into_iter().reduce(|sum, loss| sum.add(&loss));
        let loss = loss.expect("a case has a parameter");
        (loss.item(), pass.backward(&loss))
    }
}

fn rosenbrock<T: Real>(v: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
    let count = v.value().len() as isize - 1;
    let (here, next) = (v.slice(0, ..count), v.slice(0, 1..));
    let number = |x: f64| Tensor::scalar(T::of(x));
    let [hundred, one] = [100.0, 1.0].map(|x| pass.input(number(x)));
    let (across, along) = (next.sub(&here.mul(&here)), one.sub(&here));
    across
        .mul(&across)
        .mul(&hundred)
        .add(&along.mul(&along))
        .sum(..)
}

/// A loss of 0 and exactly these gradients.
pub fn given<T: Real>(model: &Weights<T>, gradients: &[Tensor<T>]) -> (T, Gradients<T>) {
    let mut pass = Pass::train(model, 0);
    let mut sum = pass.input(Tensor::scalar(T::zero()));
    for ((_, param), g) in model.all.iter().zip(gradients) {
        let g = pass.input(g.clone());
        sum = sum.add(&pass.param(param).mul(&g).sum(..));
    }
    (T::zero(), pass.backward(&sum))
}
