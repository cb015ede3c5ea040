//! Functions of each element by itself, as layers.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::label::Label;
use crate::module::Module;
use crate::pass::Pass;
use crate::trace::LayerTrace;

macro_rules! activations {
    ($($(#[$doc:meta])* $layer:ident $({ $($(#[$option_doc:meta])* $option:ident),* })?, $kind:literal, $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<T: Real = f32> {
            $($($(#[$option_doc])* pub $option: f64,)*)?
            label: Label,
            number: PhantomData<fn() -> T>,
        }

        crate::fields!($layer { label });

        impl<T: Real> $layer<T> {
            /// The layer.
            #[must_use]
            pub fn new($($($option: f64),*)?) -> Self {
                Self { $($($option,)*)? label: Label::default(), number: PhantomData }
            }
        }

        impl<T: Real> Module for $layer<T> {
            type Element = T;

            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                let _scope = self.label.enter();
                let y = x.$method($($(self.$option),*)?);
                pass.trace(&self.label, $kind, x, &y, LayerTrace::pointwise());
                y
            }
        }
    )*};
}

activations! {
    /// `max(x, 0)`; the slope at 0 is 0. See [`Var::relu`].
    Relu, "ReLU", relu;

    /// `x` above 0, `negative_slope · x` below; `PyTorch`'s slope is 0.01. See [`Var::leaky_relu`].
    LeakyRelu {
        /// The slope below 0, and at it.
        negative_slope
    }, "LeakyReLU", leaky_relu;

    /// The hyperbolic tangent. See [`Var::tanh`].
    Tanh, "Tanh", tanh;

    /// `1 / (1 + e⁻ˣ)`. See [`Var::sigmoid`].
    Sigmoid, "Sigmoid", sigmoid;
}
