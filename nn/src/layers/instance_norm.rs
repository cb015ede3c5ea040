//! Normalization of each channel of each image.

use wengert_autograd::Var;
use wengert_autograd::ops::{NormOptions, ResponseOptions};
use wengert_tensor::{Real, Tensor, require};

use crate::module::Module;
use crate::param::Param;
use crate::pass::Pass;

/// [`InstanceNorm`] of signals `[batch, channels, width]`.
pub type InstanceNorm1d<T = f32> = InstanceNorm<1, T>;
/// [`InstanceNorm`] of images `[batch, channels, height, width]`.
pub type InstanceNorm2d<T = f32> = InstanceNorm<2, T>;
/// [`InstanceNorm`] of volumes `[batch, channels, depth, height, width]`.
pub type InstanceNorm3d<T = f32> = InstanceNorm<3, T>;

/// Every channel of every image to mean 0 and variance 1 (Ulyanov, Vedaldi & Lempitsky 2016), by the
/// image's own statistics in evaluation, too.
///
/// `y = (x − mean)/√(var + ε) · weight + bias`
///
/// As in `torch.nn.InstanceNorm2d`, there is no scale and no shift unless [asked for](Self::affine):
/// then `weight` and `bias`, both `[channels]`.
#[derive(Clone, Debug)]
pub struct InstanceNorm<const AXES: usize, T: Real = f32> {
    /// The scale; 1 at first.
    pub weight: Option<Param<T>>,
    /// The shift; 0 at first.
    pub bias: Option<Param<T>>,
    /// Added to the variance; 1e-5.
    pub eps: f64,
    channels: usize,
}

crate::fields!(InstanceNorm<const AXES: usize, T> { weight, bias });

impl<const AXES: usize, T: Real> InstanceNorm<AXES, T> {
    /// A layer for `channels` channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self {
            weight: None,
            bias: None,
            eps: 1e-5,
            channels,
        }
    }

    /// The same layer with a scale and a shift of each channel.
    #[must_use]
    pub fn affine(mut self) -> Self {
        self.weight = Some(Param::new(Tensor::ones([self.channels])));
        self.bias = Some(Param::new(Tensor::zeros([self.channels])));
        self
    }

    /// With another number added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl<const AXES: usize, T: Real> Module<T> for InstanceNorm<AXES, T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        require!(
            x.rank() == AXES + 2 && x.size(1) == self.channels,
            "instance_norm{AXES}d: {:?}: {} axes and {} channels are needed",
            x.shape(),
            AXES + 2,
            self.channels
        );
        let weight = pass.optional_param(self.weight.as_ref());
        let bias = pass.optional_param(self.bias.as_ref());
        x.instance_norm(&NormOptions {
            weight: weight.as_ref(),
            bias: bias.as_ref(),
            eps: self.eps,
        })
    }
}

stateless! {
    /// Every channel divided by the activity of its neighbours (Krizhevsky, Sutskever & Hinton 2012);
    /// see [`Var::local_response_norm`].
    ///
    /// * input and output: `[batch, channels, ..]`
    LocalResponseNorm {
        /// The neighbourhood and the constants.
        options: ResponseOptions
    }: |layer, x| x.local_response_norm(&layer.options);
}
