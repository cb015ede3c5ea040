//! Layers: one input, one output.

use std::fmt::Debug;

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::parameters::Parameters;
use crate::pass::Pass;

/// A function of one variable with parameters of its own.
pub trait Module {
    /// The number type.
    type Element: Real;

    /// The layer's result.
    #[track_caller]
    fn forward(&self, x: &Var<Self::Element>, pass: &mut Pass<Self::Element>)
    -> Var<Self::Element>;
}

/// A module that can be walked, sent to other threads and printed: what [`Sequential`](crate::Sequential)
/// holds. Implemented for everything that is all of these.
pub trait Layer<T: Real>: Module<Element = T> + Parameters<T> + Debug + Send + Sync {}

impl<T: Real, L: Module<Element = T> + Parameters<T> + Debug + Send + Sync> Layer<T> for L {}
