//! Images to rows.

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::module::Module;
use crate::pass::Pass;

/// All axes after the batch merged into one: `[batch, ..]` becomes `[batch, features]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten;

crate::fields!(Flatten);

impl<T: Real> Module<T> for Flatten {
    fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
        x.flatten(1, -1)
    }
}

samples! {
    |_rng| Flatten, [5, 2, 3];
}
