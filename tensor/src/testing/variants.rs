//! Every vectorised convolution kernel in every form and at every level of this processor.
//!
//! The list of [`kernels`](crate::kernels::conv::kernels) holds each kernel at the best level; tests must run
//! the code for the other levels too.

use crate::kernels::conv::{ConvGeometry, ConvKernel, Depthwise, StridedWinograd, Tiled, Winograd};
use crate::kernels::simd::Level;
use crate::testing::conformance::{ConformanceError, conformance_f32, conformance_f64};

/// A kernel at one level.
pub struct Variant {
    /// Kernel and level, for messages.
    pub name: String,
    /// The kernel in `f32`.
    pub f32: Box<dyn ConvKernel<f32>>,
    /// The kernel in `f64`.
    pub f64: Box<dyn ConvKernel<f64>>,
}

impl Variant {
    fn new(
        name: &str,
        level: Level,
        kernel: impl ConvKernel<f32> + ConvKernel<f64> + Copy + 'static,
    ) -> Self {
        Self {
            name: format!("{name} at {}", level.name()),
            f32: Box::new(kernel),
            f64: Box::new(kernel),
        }
    }

    /// Whether the kernel computes this geometry.
    #[must_use]
    pub fn supports(&self, geometry: &ConvGeometry) -> bool {
        self.f32.supports(geometry).is_ok()
    }
}

/// The conformance test of several kernels, in both number types.
///
/// # Errors
/// The first failure.
pub fn conformance(variants: &[&Variant], geometry: &ConvGeometry) -> Result<(), ConformanceError> {
    let single: Vec<&dyn ConvKernel<f32>> = variants.iter().map(|variant| &*variant.f32).collect();
    conformance_f32(&single, geometry)?;
    let double: Vec<&dyn ConvKernel<f64>> = variants.iter().map(|variant| &*variant.f64).collect();
    conformance_f64(&double, geometry)
}

impl std::fmt::Debug for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

fn at_every_level<K>(name: &str, kernel: impl Fn(Level) -> K) -> Vec<Variant>
where
    K: ConvKernel<f32> + ConvKernel<f64> + Copy + 'static,
{
    let levels = Level::all().into_iter();
    levels
        .map(|level| Variant::new(name, level, kernel(level)))
        .collect()
}

/// The Winograd kernels at stride 1, by filter and tile size.
#[must_use]
pub fn winograd() -> Vec<Variant> {
    [
        ("F2", Winograd::F2),
        ("F4", Winograd::F4),
        ("F3_OF_4", Winograd::F3_OF_4),
        ("F2_OF_5", Winograd::F2_OF_5),
    ]
    .into_iter()
    .flat_map(|(name, kernel)| at_every_level(name, |level| kernel.at(level)))
    .collect()
}

/// The Winograd kernel at stride 2.
#[must_use]
pub fn strided_winograd() -> Vec<Variant> {
    at_every_level("StridedWinograd", StridedWinograd::at)
}

/// The depthwise kernel.
#[must_use]
pub fn depthwise() -> Vec<Variant> {
    at_every_level("Depthwise", Depthwise::at)
}

/// The direct kernel, with lanes of pixels and with lanes of output channels.
#[must_use]
pub fn tiled() -> Vec<Variant> {
    let pixels = at_every_level("Tiled with lanes of pixels", |level| Tiled::forms(level)[0]);
    let channels = at_every_level("Tiled with lanes of channels", |level| {
        Tiled::forms(level)[1]
    });
    [pixels, channels].into_iter().flatten().collect()
}

/// A built-in kernel at one level, by its name; `None` if there is no such kernel or it has no level of its own, as
/// those that leave their work to matrix products.
///
/// ```
/// use wengert_tensor::kernels::simd::Level;
/// use wengert_tensor::testing::variants::at_level;
///
/// assert!(at_level("tiled", Level::PORTABLE).is_some());
/// assert!(at_level("im2col", Level::PORTABLE).is_none());
/// ```
#[must_use]
pub fn at_level(name: &str, level: Level) -> Option<Variant> {
    fn variant<K>(level: Level, kernel: K) -> Variant
    where
        K: ConvKernel<f32> + ConvKernel<f64> + Copy + 'static,
    {
        Variant::new(ConvKernel::<f32>::name(&kernel), level, kernel)
    }
    let winograd = [
        Winograd::F4,
        Winograd::F3_OF_4,
        Winograd::F2_OF_5,
        Winograd::F2,
    ];
    winograd
        .into_iter()
        .map(|kernel| variant(level, kernel.at(level)))
        .chain([
            variant(level, Depthwise::at(level)),
            variant(level, StridedWinograd::at(level)),
            variant(level, Tiled::at(level)),
        ])
        .find(|variant| variant.f32.name() == name)
}
