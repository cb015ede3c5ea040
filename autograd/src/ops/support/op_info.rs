//! Rows of the table of functions, and the cases that checks draw from them.

use std::fmt;

use wengert_tensor::Tensor;

use super::Exemption;
use crate::function::{Apply, Differentiable, Generic};
use crate::op::Op;
use crate::sample::Draw;

/// A differentiable function by name, and where it may be sampled.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    name: &'static str,
    draw: fn(&mut Draw) -> Case,
    exemptions: &'static [Exemption],
    rounding: Option<(f64, &'static str)>,
    strict: bool,
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

impl OpInfo {
    /// An op, with its own samples.
    #[must_use]
    pub const fn op<O: Op>(name: &'static str) -> Self {
        Self {
            name,
            draw: draw_op::<O>,
            exemptions: &[],
            rounding: None,
            strict: true,
        }
    }

    /// A composed function, or an op's public method where that does more than the op.
    #[must_use]
    pub const fn function(name: &'static str, draw: fn(&mut Draw) -> Case) -> Self {
        Self {
            name,
            draw,
            exemptions: &[],
            rounding: None,
            strict: false,
        }
    }

    /// The same row with exemptions: comparisons that are impossible in some situations, and why.
    #[must_use]
    pub const fn exempt(mut self, exemptions: &'static [Exemption]) -> Self {
        self.exemptions = exemptions;
        self
    }

    /// The same row with a bound of its own on the rounding error of a gradient, relative to its largest
    /// element, and the reason why it is more than [`CheckOptions::exact_tolerance`](crate::check::CheckOptions).
    #[must_use]
    pub const fn rounds_to(mut self, bound: f64, reason: &'static str) -> Self {
        self.rounding = Some((bound, reason));
        self
    }

    /// Whether this is an op itself, which requires operands of exact shapes: its method broadcasts them.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// Comparisons that are impossible in some situations, and why.
    #[must_use]
    pub const fn exemptions(&self) -> &'static [Exemption] {
        self.exemptions
    }

    /// The bound on rounding errors and its reason, if [`rounds_to`](Self::rounds_to) was called.
    #[must_use]
    pub const fn rounding(&self) -> Option<(f64, &'static str)> {
        self.rounding
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
}

fn draw_op<O: Op>(draw: &mut Draw) -> Case {
    let sample = O::sample(draw);
    #[cfg(feature = "check")]
    {
        crate::check::require_same_in_place(&sample.op, &sample.inputs);
        crate::check::require_same_on_slices(&sample.op, &sample.inputs);
    }
    Case {
        description: format!("{:?}", sample.op),
        function: Box::new(Generic(Apply(sample.op))),
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
