//! Which kernel runs a convolution.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};

use super::{ConvGeometry, ConvKernel, Direct};
use crate::Real;

/// One of the three derivatives of the form `⟨conv(x, w), y⟩`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `y` from `x` and `w`.
    Forward,
    /// `dx` from `w` and `dy`.
    InputGradient,
    /// `dw` from `x` and `dy`.
    WeightGradient,
}

impl Direction {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Forward, Self::InputGradient, Self::WeightGradient];
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Forward => "forward",
            Self::InputGradient => "input gradient",
            Self::WeightGradient => "weight gradient",
        })
    }
}

/// How the kernel of a call is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum KernelChoice {
    /// The fastest kernel for the geometry.
    #[default]
    Auto,
    /// The fastest kernel whose rounding error is that of a plain sum; gradient checks use it.
    Accurate,
    /// The kernel of this name.
    Named(Cow<'static, str>),
}

impl From<&'static str> for KernelChoice {
    fn from(name: &'static str) -> Self {
        Self::Named(Cow::Borrowed(name))
    }
}

impl From<String> for KernelChoice {
    fn from(name: String) -> Self {
        Self::Named(Cow::Owned(name))
    }
}

/// Why a kernel chosen by name cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No kernel of the number type has this name.
    Unknown {
        /// The name that was given.
        name: String,
        /// The names of all kernels.
        known: Vec<&'static str>,
    },
    /// The kernel exists and does not support this geometry.
    Unsupported {
        /// The name that was given.
        name: String,
        /// The kernel's reason.
        reason: &'static str,
    },
}

impl fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, known } => {
                write!(
                    f,
                    "no kernel is named {name:?}; there are {}",
                    known.join(", ")
                )
            }
            Self::Unsupported { name, reason } => {
                write!(
                    f,
                    "the kernel {name:?} does not support the geometry: {reason}"
                )
            }
        }
    }
}

impl Error for ChoiceError {}

/// The kernel for one direction of a convolution.
///
/// Automatic choice takes the first of [`kernels`](super::kernels) that
/// [`supports`](ConvKernel::supports) the geometry and [`is_profitable`](ConvKernel::is_profitable) for it in
/// this direction. The last kernel, the plain loops, supports every geometry.
///
/// # Errors
/// If a kernel was named that does not exist or does not support the geometry.
pub fn dispatch<T: Real>(
    geometry: &ConvGeometry,
    direction: Direction,
    choice: &KernelChoice,
) -> Result<&'static dyn ConvKernel<T>, ChoiceError> {
    let kernels = super::kernels::<T>();
    if let KernelChoice::Named(name) = choice {
        return named(kernels, name, geometry);
    }
    let accurate = *choice == KernelChoice::Accurate;
    let chosen = kernels
        .iter()
        .find(|kernel| rejection(**kernel, geometry, direction, accurate).is_none());
    Ok(chosen.copied().unwrap_or(&Direct))
}

fn named<T: Real>(
    kernels: &[&'static dyn ConvKernel<T>],
    name: &str,
    geometry: &ConvGeometry,
) -> Result<&'static dyn ConvKernel<T>, ChoiceError> {
    let kernel = kernels.iter().find(|kernel| kernel.name() == name);
    let Some(kernel) = kernel else {
        let known = kernels.iter().map(|kernel| kernel.name()).collect();
        let name = name.to_string();
        return Err(ChoiceError::Unknown { name, known });
    };
    let name = name.to_string();
    match kernel.supports(geometry) {
        Ok(()) => Ok(*kernel),
        Err(reason) => Err(ChoiceError::Unsupported { name, reason }),
    }
}

/// Why automatic choice rejects a kernel, if it does.
fn rejection<T: Real>(
    kernel: &dyn ConvKernel<T>,
    geometry: &ConvGeometry,
    direction: Direction,
    accurate: bool,
) -> Option<&'static str> {
    if accurate && !kernel.is_accurate() {
        return Some("its rounding error is larger");
    }
    kernel
        .supports(geometry)
        .and_then(|()| kernel.is_profitable(geometry, direction))
        .err()
}

/// The result of automatic choice for a geometry, as text: for every direction the chosen kernel, and the
/// kernels before it in the list with the reasons why they were rejected.
#[must_use]
pub fn explain<T: Real>(geometry: &ConvGeometry) -> String {
    let mut text = format!("{geometry}, {} multiply-adds\n", geometry.multiply_adds());
    for direction in Direction::ALL {
        for kernel in super::kernels::<T>() {
            let name = kernel.name();
            let Some(reason) = rejection(*kernel, geometry, direction, false) else {
                let bytes = kernel.workspace(geometry);
                let _ = writeln!(text, "{direction}: {name}, {bytes} bytes of scratch");
                break;
            };
            let _ = writeln!(text, "{direction}: not {name}: {reason}");
        }
    }
    text
}
