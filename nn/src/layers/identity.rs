//! The layer that does nothing.

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::module::Module;
use crate::pass::Pass;

/// `y = x`: replaces a layer, such as one that was removed from a trained model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

crate::fields!(Identity);

impl<T: Real> Module<T> for Identity {
    fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
        x.clone()
    }

    fn forward_owned(&self, x: Var<T>, _pass: &mut Pass<T>) -> Var<T> {
        x
    }
}

samples! {
    |_rng| Identity, [5, 2];
}
