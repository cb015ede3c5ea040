//! Nothing.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::label::Label;
use crate::module::Module;
use crate::pass::Pass;
use crate::trace::LayerTrace;

/// `y = x`: holds the place of a layer, such as one that was cut off a trained model.
#[derive(Clone, Debug)]
pub struct Identity<T: Real = f32> {
    label: Label,
    number: PhantomData<fn() -> T>,
}

crate::fields!(Identity { label });

impl<T: Real> Identity<T> {
    /// The layer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            label: Label::default(),
            number: PhantomData,
        }
    }
}

impl<T: Real> Default for Identity<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Module for Identity<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = x.clone();
        pass.trace(&self.label, "Identity", x, &y, LayerTrace::pointwise());
        y
    }
}
