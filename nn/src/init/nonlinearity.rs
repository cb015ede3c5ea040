//! [`Nonlinearity`]: the gain that an initializer uses for the activation after a layer.

use std::str::FromStr;

use thiserror::Error;

/// The activation after a layer. Its gain makes up for the change of variance that it causes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// None; also the value for convolutions as such.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The positive part.
    Relu,
    /// The positive part, and the negative one times this slope.
    LeakyRelu(f64),
    /// The self-normalising exponential unit.
    Selu,
}

impl Nonlinearity {
    /// The factor on a weight's standard deviation: 1, 1, 5/3, √2, √(2 / (1 + slope²)), 3/4, as
    /// `torch.nn.init.calculate_gain` has them.
    #[must_use]
    pub fn gain(self) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => std::f64::consts::SQRT_2,
            Self::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Self::Selu => 0.75,
        }
    }
}

/// A name that is none of a [`Nonlinearity`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no nonlinearity; known are linear, conv1d to conv3d, conv_transpose1d to \
     conv_transpose3d, sigmoid, tanh, relu, leaky_relu and selu"
)]
pub struct UnknownNonlinearity(pub String);

impl FromStr for Nonlinearity {
    type Err = UnknownNonlinearity;

    /// By `PyTorch`'s name; `leaky_relu` has the slope 0.01.
    fn from_str(name: &str) -> Result<Self, UnknownNonlinearity> {
        Ok(match name {
            "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
            | "conv_transpose3d" => Self::Linear,
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "leaky_relu" => Self::LeakyRelu(0.01),
            "selu" => Self::Selu,
            _ => return Err(UnknownNonlinearity(name.to_owned())),
        })
    }
}

/// The [gain](Nonlinearity::gain) of a nonlinearity by `PyTorch`'s name, with a slope for
/// `leaky_relu`, 0.01 if there is none; the others take no parameter and ignore it, as there.
///
/// # Errors
/// If there is no nonlinearity of this name.
///
/// ```
/// use wengert_nn::init::calculate_gain;
///
/// assert_eq!(calculate_gain("tanh", None).unwrap(), 5.0 / 3.0);
/// assert_eq!(calculate_gain("leaky_relu", Some(0.0)).unwrap(), 2.0_f64.sqrt());
/// assert!(calculate_gain("softmax", None).is_err());
/// ```
pub fn calculate_gain(nonlinearity: &str, param: Option<f64>) -> Result<f64, UnknownNonlinearity> {
    let known = match (nonlinearity.parse()?, param) {
        (Nonlinearity::LeakyRelu(_), Some(slope)) => Nonlinearity::LeakyRelu(slope),
        (known, _) => known,
    };
    Ok(known.gain())
}
