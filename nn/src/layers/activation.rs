//! Functions of each element by itself, as layers.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::Real;

use crate::label::Label;
use crate::module::Module;
use crate::pass::Pass;
use crate::trace::LayerTrace;

macro_rules! activations {
    ($($(#[$doc:meta])* $layer:ident $({ $($(#[$option_doc:meta])* $option:ident = $default:literal),* })?, $kind:literal, $method:ident;)*) => {$(
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

        impl<T: Real> Default for $layer<T> {
            fn default() -> Self {
                Self::new($($($default),*)?)
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

    /// `x` above 0, `negative_slope · x` below; the slope is 0.01 by default. See [`Var::leaky_relu`].
    LeakyRelu {
        /// The slope below 0, and at it.
        negative_slope = 0.01
    }, "LeakyReLU", leaky_relu;

    /// The hyperbolic tangent. See [`Var::tanh`].
    Tanh, "Tanh", tanh;

    /// `1 / (1 + e⁻ˣ)`. See [`Var::sigmoid`].
    Sigmoid, "Sigmoid", sigmoid;
}

/// The choice of an activation, where a model leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// [`Var::relu`].
    #[default]
    Relu,
    /// [`Var::leaky_relu`] with this slope.
    LeakyRelu(f64),
    /// [`Var::tanh`].
    Tanh,
    /// [`Var::sigmoid`].
    Sigmoid,
}

impl Activation {
    /// The function of every element.
    #[must_use]
    #[track_caller]
    pub fn apply<T: Real>(self, x: &Var<T>) -> Var<T> {
        match self {
            Self::Relu => x.relu(),
            Self::LeakyRelu(negative_slope) => x.leaky_relu(negative_slope),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => x.sigmoid(),
        }
    }
}
