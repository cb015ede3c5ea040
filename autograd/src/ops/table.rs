//! Entries of the table, and the cases that checks draw from them.

use std::fmt;

use wengert_tensor::Tensor;

use crate::check::{Mutant, Mutator};
use crate::function::{Apply, Differentiable, Generic};
use crate::op::Op;
use crate::sample::Draw;

/// A differentiable function by name, and where it may be sampled.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    name: &'static str,
    draw: fn(&mut Draw) -> Case,
    mutant: Option<fn(&mut Draw, Mutator, usize) -> Case>,
}

/// One drawn check: a function with its options fixed, and inputs.
pub struct Case {
    /// The function and its options, for messages.
    pub description: String,
    /// The function.
    pub function: Box<dyn Differentiable>,
    /// Its inputs, contiguous.
    pub inputs: Vec<Tensor<f64>>,
}

impl Entry {
    /// An op, sampled where it says itself.
    #[must_use]
    pub const fn op<O: Op>(name: &'static str) -> Self {
        Self {
            name,
            draw: draw_op::<O>,
            mutant: Some(draw_mutant::<O>),
        }
    }

    /// A composed function, or an op's public method where that does more than the op.
    #[must_use]
    pub const fn function(name: &'static str, draw: fn(&mut Draw) -> Case) -> Self {
        Self {
            name,
            draw,
            mutant: None,
        }
    }

    /// The function's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Draws a case.
    #[must_use]
    pub fn draw(&self, draw: &mut Draw) -> Case {
        (self.draw)(draw)
    }

    /// Draws a case of an op whose rule is made wrong for one of its inputs; `None` for a composed
    /// function, which has no rule of its own.
    #[must_use]
    pub fn draw_mutant(&self, draw: &mut Draw, mutator: Mutator, input: usize) -> Option<Case> {
        Some(self.mutant?(draw, mutator, input))
    }
}

fn draw_op<O: Op>(draw: &mut Draw) -> Case {
    let sample = O::sample(draw);
    Case {
        description: format!("{:?}", sample.op),
        function: Box::new(Generic(Apply(sample.op))),
        inputs: sample.inputs,
    }
}

fn draw_mutant<O: Op>(draw: &mut Draw, mutator: Mutator, input: usize) -> Case {
    let sample = O::sample(draw);
    Case {
        description: format!("{:?} with {mutator} at input {input}", sample.op),
        function: Box::new(Generic(Apply(Mutant::new(sample.op, mutator, input)))),
        inputs: sample.inputs,
    }
}

impl Case {
    /// A case of a composed function.
    pub fn new(
        description: impl Into<String>,
        function: impl Differentiable + 'static,
        inputs: impl Into<Vec<Tensor<f64>>>,
    ) -> Self {
        Self {
            description: description.into(),
            function: Box::new(function),
            inputs: inputs.into(),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on", self.description)?;
        for x in &self.inputs {
            write!(f, " {:?}", x.shape())?;
        }
        Ok(())
    }
}
