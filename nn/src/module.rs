//! Layers: one input, one output.

use std::fmt::Debug;

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::parameters::Parameters;
use crate::pass::Pass;

/// A function of one variable with parameters of its own.
///
/// Write [`forward`](Self::forward), which is the computation alone, and run a layer with
/// [`call`](Self::call). `call` runs `forward` under the layer's path, so that a panic inside names
/// the layer, [`summary`](crate::summary()) lists it, and [`Pass::capture`] can read its output.
///
/// ```
/// use wengert_autograd::Var;
/// use wengert_nn::{Linear, Module, Pass, fields};
/// use wengert_tensor::{Real, Tensor};
///
/// struct Gated<T: Real> {
///     value: Linear<T>,
///     gate: Linear<T>,
/// }
/// fields!(Gated { value, gate });
///
/// impl<T: Real> Module<T> for Gated<T> {
///     fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
///         self.value.call(x, pass) * self.gate.call(x, pass).sigmoid()
///     }
/// }
///
/// let rng = &mut wengert_nn::rng(0);
/// let layer = Gated { value: Linear::new(3, 2, rng), gate: Linear::new(3, 2, rng) };
/// let mut pass = Pass::train(&layer, 0);
/// pass.capture("gate");
/// let x = pass.input(Tensor::<f32>::ones([4, 3]));
/// assert_eq!(layer.call(&x, &mut pass).shape(), [4, 2]);
/// assert_eq!(pass.captured("gate").shape(), [4, 2]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer for the number type `{T}`",
    note = "a layer needs `impl<T: Real> Module<T> for {Self}` with `forward`, and `fields!`"
)]
pub trait Module<T: Real>: Parameters<T> {
    /// The layer's result: the computation and nothing else.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T>;

    /// As [`forward`](Self::forward), of an input taken by value: a layer that can reuse its buffer
    /// overrides this. The values are the same.
    #[track_caller]
    fn forward_owned(&self, x: Var<T>, pass: &mut Pass<T>) -> Var<T> {
        self.forward(&x, pass)
    }

    /// Runs [`forward`](Self::forward) under the layer's path; not to be overridden.
    // No closures here: they would hide the caller's line.
    #[track_caller]
    fn call(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let entered = pass.enter(self.layer_id());
        let y = self.forward(x, pass);
        pass.leave(entered, y)
    }

    /// Runs [`forward_owned`](Self::forward_owned) under the layer's path; not to be overridden.
    #[track_caller]
    fn call_owned(&self, x: Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let entered = pass.enter(self.layer_id());
        let y = self.forward_owned(x, pass);
        pass.leave(entered, y)
    }
}

/// A module that can be copied, sent to other threads and printed: what
/// [`Sequential`](crate::Sequential) holds. Implemented for everything that is all of these.
pub trait Layer<T: Real>: Module<T> + Debug + Send + Sync {
    /// A copy: other parameters with the same values.
    fn boxed_clone(&self) -> Box<dyn Layer<T>>;
}

impl<T: Real, L> Layer<T> for L
where
    L: Module<T> + Clone + Debug + Send + Sync + 'static,
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
