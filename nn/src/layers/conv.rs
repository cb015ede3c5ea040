//! The convolutional layers.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::kernels::conv::KernelChoice;
use wengert_tensor::{ConvOptions, Extents, Padding, Real, require};

use crate::init;
use crate::layers::extents;
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// A convolution of signals: [`Conv`] over `[batch, channels, width]`.
pub type Conv1d<T = f32> = Conv<1, T>;
/// A convolution of images: [`Conv`] over `[batch, channels, height, width]`.
pub type Conv2d<T = f32> = Conv<2, T>;
/// A convolution of volumes: [`Conv`] over `[batch, channels, depth, height, width]`.
pub type Conv3d<T = f32> = Conv<3, T>;

/// Cross-correlation of signals, images or volumes with a bank of filters, and a bias per filter.
///
/// `y[n, o, i, j] = b[o] + Σ x[n, c, s·i + d·k − p, s·j + d·l − p] · w[o, c, k, l]`
///
/// * input: `[batch, inputs, spatial…]`, or without the batch
/// * output: `[batch, outputs, spatial…]` with `⌊(in + p₀ + p₁ − d·(kernel − 1) − 1) / s⌋ + 1` per axis
///
/// Parameters, as in `torch.nn.Conv2d`: `weight` `[outputs, inputs / groups, kernel…]`, `bias`
/// `[outputs]`.
///
/// ```
/// use wengert_nn::{Conv2d, summary};
///
/// let rng = &mut wengert_nn::rng(0);
/// let conv: Conv2d = Conv2d::new(3, 16, 3, rng).stride(2).padding(1);
/// assert_eq!(summary(&conv, [8, 3, 32, 32]).output_shape, [8, 16, 16, 16]);
/// let conv: Conv2d = Conv2d::grouped(16, 16, [3, 5], 16, rng).without_bias();
/// assert_eq!(conv.weight.shape(), [16, 1, 3, 5]);
/// ```
#[derive(Clone, Debug)]
pub struct Conv<const AXES: usize, T: Real = f32> {
    /// `w`: `[outputs, inputs / groups, kernel…]`.
    pub weight: Param<T>,
    /// `b`: `[outputs]`.
    pub bias: Option<Param<T>>,
    /// How the filters move.
    pub options: ConvOptions,
}

crate::fields!(Conv<const AXES: usize, T> { weight, bias });

impl<const AXES: usize, T: Real> Conv<AXES, T> {
    /// `outputs` filters of extent `kernel`, `3` or `[3, 5]`, over `inputs` channels; stride 1, no
    /// padding. Weights and bias are uniform in `±1/√fan_in`.
    ///
    /// # Panics
    /// If the kernel has other than one extent per axis.
    #[must_use]
    #[track_caller]
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: impl Into<Extents>,
        rng: &mut impl Rng,
    ) -> Self {
        Self::grouped(inputs, outputs, kernel, 1, rng)
    }

    /// As [`new`](Self::new), in groups of channels: each filter reads
    /// `inputs / groups` channels.
    ///
    /// # Panics
    /// If the groups do not divide the channels, or the kernel has other than one extent per axis.
    #[must_use]
    #[track_caller]
    pub fn grouped(
        inputs: usize,
        outputs: usize,
        kernel: impl Into<Extents>,
        groups: usize,
        rng: &mut impl Rng,
    ) -> Self {
        require!(
            groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "conv: {groups} groups do not divide {inputs} inputs and {outputs} outputs"
        );
        let kernel = extents::<AXES>("conv", "kernel", kernel.into());
        let shape = [&[outputs, inputs / groups], &kernel[..]].concat();
        let (weight, bias) = init::weight_and_bias(&shape, outputs, rng);
        Self {
            weight: Param::new(weight),
            bias: Some(Param::new(bias)),
            options: ConvOptions::default().groups(groups),
        }
    }

    /// With another stride: `2` or `[2, 1]`.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Extents>) -> Self {
        self.options = self.options.stride(stride);
        self
    }

    /// With other padding: `1`, `[1, 2]`, `[[1, 2], [0, 3]]` or [`Padding::Same`].
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.options = self.options.padding(padding);
        self
    }

    /// With another dilation: `2` or `[2, 1]`.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Extents>) -> Self {
        self.options = self.options.dilation(dilation);
        self
    }

    /// With a kernel of its own, a [`KernelChoice`] or a name, in place of the pass's.
    #[must_use]
    pub fn kernel(mut self, kernel: impl Into<KernelChoice>) -> Self {
        self.options = self.options.kernel(kernel);
        self
    }

    /// The same layer without a bias.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

impl<const AXES: usize, T: Real> Module<T> for Conv<AXES, T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let options = self
            .options
            .clone()
            .kernel(pass.kernel(&self.options.kernel));
        let y = convolve::<AXES, T>(x, &pass.param(&self.weight), &options);
        let bias = pass.optional_param(self.bias.as_ref());
        add_per_channel::<AXES, T>(y, bias.as_ref())
    }
}

/// The convolution over `AXES` spatial axes.
#[track_caller]
fn convolve<const AXES: usize, T: Real>(
    x: &Var<T>,
    weight: &Var<T>,
    options: &ConvOptions,
) -> Var<T> {
    match AXES {
        1 => x.conv1d(weight, options),
        2 => x.conv2d(weight, options),
        _ => x.conv3d(weight, options),
    }
}

/// Images plus a number for each channel, if there is one.
#[track_caller]
pub(super) fn add_per_channel<const AXES: usize, T: Real>(
    images: Var<T>,
    bias: Option<&Var<T>>,
) -> Var<T> {
    let Some(bias) = bias else {
        return images;
    };
    let mut shape = vec![1; AXES + 1];
    shape[0] = bias.len();
    images + bias.reshape(shape)
}

samples! {
    |rng| Conv2d::grouped(4, 2, [2, 3], 2, rng).stride([2, 1]).padding([[1, 0], [2, 1]]), [2, 4, 5, 4];
    |rng| Conv1d::new(2, 3, 3, rng).dilation(2).without_bias(), [2, 2, 7];
    |rng| Conv3d::new(1, 2, [1, 2, 2], rng), [2, 1, 2, 3, 3];
    |rng| Conv2d::new(2, 3, 3, rng).padding(wengert_tensor::Padding::Same), [2, 2, 4, 5];
}
