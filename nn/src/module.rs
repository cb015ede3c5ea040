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

    /// As [`forward`](Self::forward), of an input that is used up: to be overridden by a layer that
    /// can write its result over it. The values are the same.
    #[track_caller]
    fn forward_owned(
        &self,
        x: Var<Self::Element>,
        pass: &mut Pass<Self::Element>,
    ) -> Var<Self::Element> {
        self.forward(&x, pass)
    }
}

/// A module that can be walked, copied, sent to other threads and printed: what
/// [`Sequential`](crate::Sequential) holds. Implemented for everything that is all of these.
pub trait Layer<T: Real>: Module<Element = T> + Parameters<T> + Debug + Send + Sync {
    /// A copy: other parameters with the same values.
    fn boxed_clone(&self) -> Box<dyn Layer<T>>;
}

impl<T: Real, L> Layer<T> for L
where
    L: Module<Element = T> + Parameters<T> + Clone + Debug + Send + Sync + 'static,
{
    fn boxed_clone(&self) -> Box<dyn Layer<T>> {
        Box::new(self.clone())
    }
}

impl<T: Real> Clone for Box<dyn Layer<T>> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}
