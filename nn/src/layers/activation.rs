//! Activations: element-wise functions as layers.

use wengert_autograd::Var;
use wengert_tensor::{Real, Tensor};

use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// Defines a layer for each activation, and [`Activation`], the choice of one.
///
/// ```text
/// activations! {
///     /// Documentation.
///     Name { /// Documentation of the option. option = default }: method or method_by_value;
/// }
/// ```
macro_rules! activations {
    ($($(#[$doc:meta])* $layer:ident $({ $($(#[$option_doc:meta])* $option:ident = $default:literal),* })?: $method:ident $(or $owned:ident)?;)*) => {
        $(activations! { @layer $(#[$doc])* $layer $({ $($(#[$option_doc])* $option = $default),* })?: $method $(or $owned)? })*

        /// Any of the activations, for models whose activation is an option; it is a layer, too. The
        /// values of a variant are the options of the layer of the same name, in the same order.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Activation {
            $($(#[$doc])* $layer $(( $(#[doc = stringify!($option)] f64),* ))?,)*
        }

        impl<T: Real> Module<T> for Activation {
            fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
                match *self {
                    $(Self::$layer $(( $($option),* ))? => $layer $({ $($option),* })?.forward(x, pass),)*
                }
            }

            fn forward_owned(&self, x: Var<T>, pass: &mut Pass<T>) -> Var<T> {
                match *self {
                    $(Self::$layer $(( $($option),* ))? => $layer $({ $($option),* })?.forward_owned(x, pass),)*
                }
            }
        }
    };
    (@layer $(#[$doc:meta])* $layer:ident: $method:ident $(or $owned:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $layer;

        activations! { @forward $layer {}: $method $(or $owned)? }
    };
    (@layer $(#[$doc:meta])* $layer:ident { $($(#[$option_doc:meta])* $option:ident = $default:literal),* }: $method:ident $(or $owned:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $layer {
            $($(#[$option_doc])* pub $option: f64,)*
        }

        impl $layer {
            /// The layer.
            #[must_use]
            pub const fn new($($option: f64),*) -> Self {
                Self { $($option),* }
            }
        }

        impl Default for $layer {
            fn default() -> Self {
                Self::new($($default),*)
            }
        }

        activations! { @forward $layer { $($option),* }: $method $(or $owned)? }
    };
    (@forward $layer:ident { $($option:ident),* }: $method:ident $(or $owned:ident)?) => {
        crate::fields!($layer);

        impl<T: Real> Module<T> for $layer {
            fn forward(&self, x: &Var<T>, _pass: &mut Pass<T>) -> Var<T> {
                x.$method($(self.$option),*)
            }

            $(
                fn forward_owned(&self, x: Var<T>, _pass: &mut Pass<T>) -> Var<T> {
                    x.$owned()
                }
            )?
        }
    };
}

activations! {
    /// `max(x, 0)`; the slope at 0 is 0. See [`Var::relu`].
    Relu: relu or into_relu;

    /// `x` above 0, `negative_slope · x` below; the slope is 0.01 by default. See [`Var::leaky_relu`].
    LeakyRelu {
        /// The slope below 0, and at it.
        negative_slope = 0.01
    }: leaky_relu;

    /// The hyperbolic tangent. See [`Var::tanh`].
    Tanh: tanh;

    /// `1 / (1 + e⁻ˣ)`. See [`Var::sigmoid`].
    Sigmoid: sigmoid;

    /// `min(max(x, 0), 6)`. See [`Var::relu6`].
    Relu6: relu6;

    /// `x Φ(x)`, Φ the normal distribution. See [`Var::gelu`].
    Gelu: gelu;

    /// The approximation of [`Gelu`] by a hyperbolic tangent. See [`Var::gelu_tanh`].
    GeluTanh: gelu_tanh;

    /// `x σ(x)`. See [`Var::silu`].
    Silu: silu;

    /// `x tanh(ln(1 + eˣ))`. See [`Var::mish`].
    Mish: mish;

    /// `x` above 0, `alpha (eˣ − 1)` below; `alpha` is 1 by default. See [`Var::elu`].
    Elu {
        /// The limit far below 0, negated.
        alpha = 1.0
    }: elu;

    /// [`Elu`] with a scale and an `alpha` that keep mean 0 and variance 1. See [`Var::selu`].
    Selu: selu;

    /// [`Elu`] that is smooth for every `alpha`; 1 by default. See [`Var::celu`].
    Celu {
        /// The limit far below 0, negated.
        alpha = 1.0
    }: celu;

    /// `ln(1 + e^(beta x)) / beta`, `x` itself where `beta x` exceeds the threshold; 1 and 20 by default.
    /// See [`Var::softplus`].
    Softplus {
        /// How sharp the bend is.
        beta = 1.0,
        /// From where on it is `x`.
        threshold = 20.0
    }: softplus;

    /// `x / (1 + |x|)`. See [`Var::softsign`].
    Softsign: softsign;

    /// `ln σ(x)`. See [`Var::logsigmoid`].
    LogSigmoid: logsigmoid;

    /// `min(max(x / 6 + 1/2, 0), 1)`. See [`Var::hardsigmoid`].
    Hardsigmoid: hardsigmoid;

    /// `x` times [`Hardsigmoid`]. See [`Var::hardswish`].
    Hardswish: hardswish;

    /// `min(max(x, low), high)`; −1 and 1 by default. See [`Var::hardtanh`].
    Hardtanh {
        /// The smallest result.
        low = -1.0,
        /// The largest result.
        high = 1.0
    }: hardtanh;

    /// `x` moved by `lambda` towards 0, 0 where it would cross; 1/2 by default. See
    /// [`Var::softshrink`].
    Softshrink {
        /// How far.
        lambda = 0.5
    }: softshrink;

    /// `x` outside `±lambda`, 0 inside; 1/2 by default. See [`Var::hardshrink`].
    Hardshrink {
        /// Half the width of the gap.
        lambda = 0.5
    }: hardshrink;

    /// `x − tanh x`. See [`Var::tanhshrink`].
    Tanhshrink: tanhshrink;
}

crate::fields!(Activation);

#[allow(clippy::derivable_impls, reason = "the variants come from a macro")]
impl Default for Activation {
    fn default() -> Self {
        Self::Relu
    }
}

stateless! {
    /// Positive numbers that sum to 1 along an axis: `eˣ / Σ eˣ`. See [`Var::softmax`].
    Softmax {
        /// The axis; negative ones count from the last.
        axis: isize
    }: |layer, x| x.softmax(layer.axis);

    /// The logarithm of [`Softmax`]. See [`Var::log_softmax`].
    LogSoftmax {
        /// The axis; negative ones count from the last.
        axis: isize
    }: |layer, x| x.log_softmax(layer.axis);

    /// One half times the sigmoid of the other. See [`Var::glu`].
    Glu {
        /// The axis that is halved; negative ones count from the last.
        axis: isize
    }: |layer, x| x.glu(layer.axis);
}

/// `x` above 0, `w x` below, with a learned slope (He et al. 2015). See [`Var::prelu`].
///
/// Parameter, as in `torch.nn.PReLU`: `weight` `[channels]`, or `[1]` for all.
#[derive(Clone, Debug)]
pub struct Prelu<T: Real = f32> {
    /// The slopes; 1/4 at first.
    pub weight: Param<T>,
}

crate::fields!(Prelu { weight });

impl<T: Real> Prelu<T> {
    /// A layer of `slopes` slopes: one for each channel, or one for all.
    #[must_use]
    pub fn new(slopes: usize) -> Self {
        Self {
            weight: Param::new(Tensor::full([slopes], T::of(0.25))),
        }
    }
}

impl<T: Real> Module<T> for Prelu<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        x.prelu(&pass.param(&self.weight))
    }
}

samples! {
    |_rng| Relu, [3, 4];
    |_rng| Relu6, [3, 4];
    |_rng| LeakyRelu::new(0.2), [3, 4];
    |_rng| Tanh, [3, 4];
    |_rng| Sigmoid, [3, 4];
    |_rng| Gelu, [5, 3];
    |_rng| GeluTanh, [5, 3];
    |_rng| Silu, [5, 3];
    |_rng| Mish, [5, 3];
    |_rng| Elu::new(1.0), [5, 3];
    |_rng| Selu, [5, 3];
    |_rng| Celu::new(0.7), [5, 3];
    |_rng| Softplus::new(1.0, 20.0), [5, 3];
    |_rng| Softsign, [5, 3];
    |_rng| LogSigmoid, [5, 3];
    |_rng| Softmax::new(-1), [5, 3];
    |_rng| LogSoftmax::new(1), [5, 3];
    |_rng| Glu::new(-1), [5, 4];
    |_rng| Hardtanh::new(-0.8, 0.7), [5, 3];
    |_rng| Hardswish, [5, 3];
    |_rng| Hardsigmoid, [5, 3];
    |_rng| Hardshrink::new(0.5), [5, 3];
    |_rng| Softshrink::new(0.5), [5, 3];
    |_rng| Tanhshrink, [5, 3];
    |_rng| Activation::Elu(0.5), [5, 3];
    |_rng| Prelu::new(4), [3, 4];
}
