//! Functions of each element by itself, as layers.

use std::marker::PhantomData;

use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::label::Label;
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;
use crate::trace::LayerTrace;

macro_rules! activations {
    ($($(#[$doc:meta])* $layer:ident $({ $($(#[$option_doc:meta])* $option:ident = $default:literal),* })?, $kind:literal, $method:ident $(or $owned:ident)?;)*) => {$(
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
                let y = match pass.outline(|| Some(x.shape())) {
                    Some(outline) => outline,
                    None => x.$method($($(self.$option),*)?),
                };
                pass.trace(&self.label, $kind, x, &y, LayerTrace::pointwise());
                y
            }

            $(
                fn forward_owned(&self, x: Var<T>, pass: &mut Pass<T>) -> Var<T> {
                    if pass.is_traced() {
                        return self.forward(&x, pass);
                    }
                    let _scope = self.label.enter();
                    x.$owned()
                }
            )?
        }
    )*};
}

activations! {
    /// `max(x, 0)`; the slope at 0 is 0. See [`Var::relu`].
    Relu, "ReLU", relu or into_relu;

    /// `x` above 0, `negative_slope · x` below; the slope is 0.01 by default. See [`Var::leaky_relu`].
    LeakyRelu {
        /// The slope below 0, and at it.
        negative_slope = 0.01
    }, "LeakyReLU", leaky_relu;

    /// The hyperbolic tangent. See [`Var::tanh`].
    Tanh, "Tanh", tanh;

    /// `1 / (1 + e⁻ˣ)`. See [`Var::sigmoid`].
    Sigmoid, "Sigmoid", sigmoid;

    /// `min(max(x, 0), 6)`. See [`Var::relu6`].
    Relu6, "ReLU6", relu6;

    /// `x Φ(x)`, Φ the normal distribution. See [`Var::gelu`].
    Gelu, "GELU", gelu;

    /// The approximation of [`Gelu`] by a hyperbolic tangent. See [`Var::gelu_tanh`].
    GeluTanh, "GELU", gelu_tanh;

    /// `x σ(x)`. See [`Var::silu`].
    Silu, "SiLU", silu;

    /// `x tanh(ln(1 + eˣ))`. See [`Var::mish`].
    Mish, "Mish", mish;

    /// `x` above 0, `alpha (eˣ − 1)` below; `alpha` is 1 by default. See [`Var::elu`].
    Elu {
        /// The limit far below 0, negated.
        alpha = 1.0
    }, "ELU", elu;

    /// [`Elu`] with a scale and an `alpha` that keep mean 0 and variance 1. See [`Var::selu`].
    Selu, "SELU", selu;

    /// [`Elu`] that is smooth for every `alpha`; 1 by default. See [`Var::celu`].
    Celu {
        /// The limit far below 0, negated.
        alpha = 1.0
    }, "CELU", celu;

    /// `ln(1 + e^(beta x)) / beta`, `x` itself where `beta x` exceeds the threshold; 1 and 20 by default.
    /// See [`Var::softplus`].
    Softplus {
        /// How sharp the bend is.
        beta = 1.0,
        /// From where on it is `x`.
        threshold = 20.0
    }, "Softplus", softplus;

    /// `x / (1 + |x|)`. See [`Var::softsign`].
    Softsign, "Softsign", softsign;

    /// `ln σ(x)`. See [`Var::logsigmoid`].
    LogSigmoid, "LogSigmoid", logsigmoid;

    /// `min(max(x / 6 + 1/2, 0), 1)`. See [`Var::hardsigmoid`].
    Hardsigmoid, "Hardsigmoid", hardsigmoid;

    /// `x` times [`Hardsigmoid`]. See [`Var::hardswish`].
    Hardswish, "Hardswish", hardswish;

    /// `min(max(x, low), high)`; −1 and 1 by default. See [`Var::hardtanh`].
    Hardtanh {
        /// The smallest result.
        low = -1.0,
        /// The largest result.
        high = 1.0
    }, "Hardtanh", hardtanh;

    /// `x` moved by `lambda` towards 0, 0 where it would cross; 1/2 by default. See
    /// [`Var::softshrink`].
    Softshrink {
        /// How far.
        lambda = 0.5
    }, "Softshrink", softshrink;

    /// `x` outside `±lambda`, 0 inside; 1/2 by default. See [`Var::hardshrink`].
    Hardshrink {
        /// Half the width of the gap.
        lambda = 0.5
    }, "Hardshrink", hardshrink;

    /// `x − tanh x`. See [`Var::tanhshrink`].
    Tanhshrink, "Tanhshrink", tanhshrink;
}

macro_rules! along_an_axis {
    ($($(#[$doc:meta])* $layer:ident, $kind:literal, $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<T: Real = f32> {
            axis: isize,
            label: Label,
            number: PhantomData<fn() -> T>,
        }

        crate::fields!($layer { label });

        impl<T: Real> $layer<T> {
            /// The layer, along an axis; negative ones count from the last.
            #[must_use]
            pub fn new(axis: isize) -> Self {
                Self { axis, label: Label::default(), number: PhantomData }
            }
        }

        impl<T: Real> Module for $layer<T> {
            type Element = T;

            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                let _scope = self.label.enter();
                let y = x.$method(self.axis);
                pass.trace(&self.label, $kind, x, &y, LayerTrace::whole());
                y
            }
        }
    )*};
}

along_an_axis! {
    /// Shares that sum to 1: `eˣ / Σ eˣ`. See [`Var::softmax`].
    Softmax, "Softmax", softmax;

    /// The logarithm of [`Softmax`]. See [`Var::log_softmax`].
    LogSoftmax, "LogSoftmax", log_softmax;

    /// One half times the sigmoid of the other. See [`Var::glu`].
    Glu, "GLU", glu;
}

/// `x` above 0, `w x` below, with a learned slope (He et al. 2015). See [`Var::prelu`].
///
/// Parameter, as in `torch.nn.PReLU`: `weight` `[channels]`, or `[1]` for all.
#[derive(Clone, Debug)]
pub struct Prelu<T: Real = f32> {
    /// The slopes; 1/4 at first.
    pub weight: Param<T>,
    label: Label,
}

crate::fields!(Prelu { weight, label });

impl<T: Real> Prelu<T> {
    /// A layer of so many slopes: one a channel, or one for all.
    #[must_use]
    pub fn new(slopes: usize) -> Self {
        Self {
            weight: Param::new(Tensor::full([slopes], T::of(0.25))),
            label: Label::default(),
        }
    }
}

impl<T: Real> Module for Prelu<T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
        let y = x.prelu(&pass.param(&self.weight));
        pass.trace(&self.label, "PReLU", x, &y, LayerTrace::pointwise());
        y
    }
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
    /// [`Var::relu6`].
    Relu6,
    /// [`Var::gelu`].
    Gelu,
    /// [`Var::gelu_tanh`].
    GeluTanh,
    /// [`Var::silu`].
    Silu,
    /// [`Var::mish`].
    Mish,
    /// [`Var::elu`] with this limit.
    Elu(f64),
    /// [`Var::selu`].
    Selu,
    /// [`Var::softplus`] with a sharpness of 1 and a threshold of 20.
    Softplus,
    /// [`Var::softsign`].
    Softsign,
    /// [`Var::hardsigmoid`].
    Hardsigmoid,
    /// [`Var::hardswish`].
    Hardswish,
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
            Self::Relu6 => x.relu6(),
            Self::Gelu => x.gelu(),
            Self::GeluTanh => x.gelu_tanh(),
            Self::Silu => x.silu(),
            Self::Mish => x.mish(),
            Self::Elu(alpha) => x.elu(alpha),
            Self::Selu => x.selu(),
            Self::Softplus => x.softplus(1.0, 20.0),
            Self::Softsign => x.softsign(),
            Self::Hardsigmoid => x.hardsigmoid(),
            Self::Hardswish => x.hardswish(),
        }
    }

    /// The same of a variable that is used up, written over it where that can be, see
    /// [`Var::into_relu`].
    #[must_use]
    #[track_caller]
    pub fn apply_owned<T: Real>(self, x: Var<T>) -> Var<T> {
        match self {
            Self::Relu => x.into_relu(),
            other => other.apply(&x),
        }
    }
}
