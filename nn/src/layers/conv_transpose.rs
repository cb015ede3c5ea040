//! The transposed convolutional layers.

use rand::Rng;
use wengert_autograd::Var;
use wengert_tensor::{ConvTransposeOptions, Extents, Padding, Real, require};

use crate::init;
use crate::layers::conv::add_per_channel;
use crate::layers::extents;
use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// A transposed convolution of signals: [`ConvTranspose`] over `[batch, channels, width]`.
pub type ConvTranspose1d<T = f32> = ConvTranspose<1, T>;
/// A transposed convolution of images: [`ConvTranspose`] over `[batch, channels, height, width]`.
pub type ConvTranspose2d<T = f32> = ConvTranspose<2, T>;
/// A transposed convolution of volumes: [`ConvTranspose`] over
/// `[batch, channels, depth, height, width]`.
pub type ConvTranspose3d<T = f32> = ConvTranspose<3, T>;

/// Adds the filter, multiplied by the input element, to a window of the output, for every input
/// element: the adjoint of a convolution, for upsampling.
///
/// `y[n, o, s·i + d·k − p] = b[o] + Σ x[n, c, i] · w[c, o, k]`
///
/// * input: `[batch, inputs, spatial…]`, or without the batch
/// * output: `[batch, outputs, spatial…]` with
///   `(in − 1)·s − p₀ − p₁ + d·(kernel − 1) + 1 + output_padding` per axis
///
/// Parameters, as in `torch.nn.ConvTranspose2d`: `weight` `[inputs, outputs / groups, kernel…]`,
/// `bias` `[outputs]`.
#[derive(Clone, Debug)]
pub struct ConvTranspose<const AXES: usize, T: Real = f32> {
    /// `w`: `[inputs, outputs / groups, kernel…]`.
    pub weight: Param<T>,
    /// `b`: `[outputs]`.
    pub bias: Option<Param<T>>,
    /// Stride, padding, output padding, dilation and groups.
    pub options: ConvTransposeOptions,
}

crate::fields!(ConvTranspose<const AXES: usize, T> { weight, bias });

impl<const AXES: usize, T: Real> ConvTranspose<AXES, T> {
    /// Filters of extent `kernel`, `3` or `[3, 5]`, from `inputs` to `outputs` channels; stride 1,
    /// no padding. Weights and bias are uniform in `±1/√(outputs · kernel…)`, `PyTorch`'s choice.
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

    /// As [`new`](Self::new), in groups of channels that do not see each other.
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
            "conv_transpose: {groups} groups do not divide {inputs} inputs and {outputs} outputs"
        );
        let kernel = extents::<AXES>("conv_transpose", "kernel", kernel.into());
        let shape = [&[inputs, outputs / groups], &kernel[..]].concat();
        let (weight, bias) = init::weight_and_bias(&shape, outputs, rng);
        Self {
            weight: Param::new(weight),
            bias: Some(Param::new(bias)),
            options: ConvTransposeOptions::default().groups(groups),
        }
    }

    /// With another stride: `2` or `[2, 1]`.
    #[must_use]
    pub fn stride(mut self, stride: impl Into<Extents>) -> Self {
        self.options = self.options.stride(stride);
        self
    }

    /// With pixels cut from the result's sides: `1`, `[1, 2]` or `[[1, 2], [0, 3]]`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.options = self.options.padding(padding);
        self
    }

    /// With more pixels after the result: `1` or `[1, 0]`.
    #[must_use]
    pub fn output_padding(mut self, output_padding: impl Into<Extents>) -> Self {
        self.options = self.options.output_padding(output_padding);
        self
    }

    /// With another dilation: `2` or `[2, 1]`.
    #[must_use]
    pub fn dilation(mut self, dilation: impl Into<Extents>) -> Self {
        self.options = self.options.dilation(dilation);
        self
    }

    /// The same layer without a bias.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

impl<const AXES: usize, T: Real> Module<T> for ConvTranspose<AXES, T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let mut options = self.options.clone();
        options.kernel = pass.kernel(&self.options.kernel);
        let weight = pass.param(&self.weight);
        let y = match AXES {
            1 => x.conv_transpose1d(&weight, &options),
            2 => x.conv_transpose2d(&weight, &options),
            _ => x.conv_transpose3d(&weight, &options),
        };
        let bias = pass.optional_param(self.bias.as_ref());
        add_per_channel::<AXES, T>(y, bias.as_ref())
    }
}

samples! {
    |rng| ConvTranspose2d::grouped(4, 2, [2, 3], 2, rng).stride([3, 2]).padding([0, 1]).output_padding([1, 0]),
        [2, 4, 2, 3];
    |rng| ConvTranspose1d::new(2, 3, 3, rng).dilation(2), [2, 2, 3];
    |rng| ConvTranspose3d::new(2, 1, 2, rng).without_bias(), [1, 2, 2, 1, 2];
}
