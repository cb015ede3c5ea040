//! Images to rows.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::label::Label;
use crate::module::Module;
use crate::pass::Pass;
use crate::trace::LayerTrace;

/// Every axis behind the batch as one: `[batch, ..]` becomes `[batch, features]`.
#[derive(Clone, Debug)]
pub struct Flatten<T: Real = f32> {
    label: Label,
    number: PhantomData<fn() -> T>,
}

crate::fields!(Flatten { label });

impl<T: Real> Flatten<T> {
    /// The layer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            label: Label::default(),
            number: PhantomData,
        }
    }
}

impl<T: Real> Default for Flatten<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Module for Flatten<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let y = x.flatten(1, -1);
        pass.trace(&self.label, "Flatten", x, &y, LayerTrace::pointwise());
        y
    }
}
