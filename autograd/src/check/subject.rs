//! What a check judges: values, gradients by reverse mode, and exact tangents where there are any.

use std::cell::{Cell, OnceCell};

use wengert_tensor::{Dual, Real, Tensor};

use super::Cost;
use crate::backward::grad;
use crate::function::Differentiable;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// A function and its claimed gradients.
pub(super) trait Subject {
    /// The outputs.
    fn outputs(&self, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>>;

    /// `∂⟨f, cotangents⟩/∂xᵢ`; `None` where no path leads to the input.
    fn gradients(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>>;

    /// The outputs on dual numbers, if the function runs on them.
    fn duals(&self, inputs: &[Tensor<Dual>]) -> Option<Vec<Tensor<Dual>>>;

    /// The size of the terms that the function adds up, which may cancel: the largest `Σ |v·v̄|` of an intermediate result
    /// `v` with cotangent `v̄`; 0 if it is not known.
    fn terms(&self, _inputs: &[Tensor<f64>], _cotangents: &[Tensor<f64>]) -> f64 {
        0.0
    }

    /// A number as the function takes it.
    fn rounded(&self, x: Tensor<f64>) -> Tensor<f64> {
        x
    }

    /// The relative rounding error of the number type in which the function computes.
    fn epsilon(&self) -> f64 {
        f64::EPSILON
    }

    /// How often it was computed so far, if that is counted.
    fn cost(&self) -> Cost {
        Cost::default()
    }

    /// The function as one that is recorded on a tape, if it is.
    fn recorded(&self) -> Option<&dyn Differentiable>;
}

/// A function that is recorded on a tape.
pub(super) struct Recorded<'a>(pub(super) &'a dyn Differentiable);

impl Subject for Recorded<'_> {
    fn outputs(&self, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        let x: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        self.0.f64(&x).into_iter().map(Var::into_value).collect()
    }

    fn gradients(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>> {
        reverse(&|x| self.0.f64(x), inputs, cotangents)
    }

    fn duals(&self, inputs: &[Tensor<Dual>]) -> Option<Vec<Tensor<Dual>>> {
        let x: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        let y = self.0.dual(&x)?;
        Some(y.into_iter().map(Var::into_value).collect())
    }

    fn terms(&self, inputs: &[Tensor<f64>], cotangents: &[Tensor<f64>]) -> f64 {
        let tape = Tape::keeping_all();
        let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = self.0.f64(&x);
        let results = tape.results();
        let roots: Vec<_> = y
            .iter()
            .zip(cotangents)
            .map(|(y, c)| (y, Var::constant(c.clone())))
            .collect();
        let found = grad(&roots, &results.iter().collect::<Vec<_>>(), Graph::Skip);
        let of_one = |(v, g): (&Var<f64>, &Option<Var<f64>>)| -> Option<f64> {
            let pairs = v.value().iter().zip(g.as_ref()?.value().iter());
            Some(pairs.map(|(v, g)| (v * g).abs()).sum())
        };
        let sums = results.iter().zip(&found).filter_map(of_one);
        sums.filter(|sum| sum.is_finite()).fold(0.0, f64::max)
    }

    fn recorded(&self) -> Option<&dyn Differentiable> {
        Some(self.0)
    }
}

/// A function whose computations are counted.
pub(super) struct Counted<'a> {
    subject: &'a dyn Subject,
    pub(super) cost: Cell<Cost>,
    /// The shapes of the outputs in the first run.
    shapes: OnceCell<Vec<Vec<usize>>>,
}

impl<'a> Counted<'a> {
    pub(super) fn new(subject: &'a dyn Subject) -> Self {
        Self {
            subject,
            cost: Cell::default(),
            shapes: OnceCell::new(),
        }
    }

    fn count(&self, add: impl FnOnce(&mut Cost)) {
        let mut cost = self.cost.get();
        add(&mut cost);
        self.cost.set(cost);
    }
}

impl Subject for Counted<'_> {
    fn outputs(&self, inputs: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
        self.count(|cost| cost.values += 1);
        let outputs = self.subject.outputs(inputs);
        let shapes: Vec<_> = outputs.iter().map(|y| y.shape().to_vec()).collect();
        let first = self.shapes.get_or_init(|| shapes.clone());
        assert!(
            *first == shapes,
            "not deterministic: the outputs are {first:?} in one run and {shapes:?} in another"
        );
        outputs
    }

    fn gradients(
        &self,
        inputs: &[Tensor<f64>],
        cotangents: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>> {
        self.count(|cost| cost.gradients += 1);
        self.subject.gradients(inputs, cotangents)
    }

    fn duals(&self, inputs: &[Tensor<Dual>]) -> Option<Vec<Tensor<Dual>>> {
        let found = self.subject.duals(inputs);
        if found.is_some() {
            self.count(|cost| cost.duals += 1);
        }
        found
    }

    fn terms(&self, inputs: &[Tensor<f64>], cotangents: &[Tensor<f64>]) -> f64 {
        self.count(|cost| cost.gradients += 1);
        self.subject.terms(inputs, cotangents)
    }

    fn rounded(&self, x: Tensor<f64>) -> Tensor<f64> {
        self.subject.rounded(x)
    }

    fn epsilon(&self) -> f64 {
        self.subject.epsilon()
    }

    fn cost(&self) -> Cost {
        self.cost.get()
    }

    fn recorded(&self) -> Option<&dyn Differentiable> {
        self.subject.recorded()
    }
}

/// The gradients of `⟨f, cotangents⟩`.
pub(super) fn reverse<T: Real>(
    f: &dyn Fn(&[Var<T>]) -> Vec<Var<T>>,
    inputs: &[Tensor<T>],
    cotangents: &[Tensor<T>],
) -> Vec<Option<Tensor<T>>> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f(&x);
    let roots: Vec<_> = y
        .iter()
        .zip(cotangents)
        .map(|(y, c)| (y, Var::constant(c.clone())))
        .collect();
    let found = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Skip);
    found.into_iter().map(|g| g.map(Var::into_value)).collect()
}

/// Zero where no path leads to the input.
pub(super) fn or_zeros<T: Real>(
    gradients: Vec<Option<Tensor<T>>>,
    like: &[Tensor<T>],
) -> Vec<Tensor<T>> {
    gradients
        .into_iter()
        .zip(like)
        .map(|(g, x)| g.unwrap_or_else(|| Tensor::zeros(x.shape())))
        .collect()
}
