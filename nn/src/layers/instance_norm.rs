//! Normalization of each channel of each image.

use wengert_autograd::Var;
use wengert_autograd::ops::{NormOptions, ResponseOptions};
use wengert_tensor::{Real, Tensor, require};

use super::batch_norm::track_statistics;
use crate::module::Module;
use crate::param::{Buffer, Counter, Param};
use crate::pass::Pass;

/// [`InstanceNorm`] of signals `[batch, channels, width]`.
pub type InstanceNorm1d<T = f32> = InstanceNorm<1, T>;
/// [`InstanceNorm`] of images `[batch, channels, height, width]`.
pub type InstanceNorm2d<T = f32> = InstanceNorm<2, T>;
/// [`InstanceNorm`] of volumes `[batch, channels, depth, height, width]`.
pub type InstanceNorm3d<T = f32> = InstanceNorm<3, T>;

/// Every channel of every image to mean 0 and variance 1 (Ulyanov, Vedaldi & Lempitsky 2016).
///
/// `y = (x − mean)/√(var + ε) · weight + bias`
///
/// Mean and variance are the image's own, in evaluation too, unless the layer
/// [tracks running statistics](Self::track_running_stats): then evaluation uses those.
///
/// As in `torch.nn.InstanceNorm2d`, there is no scale and no shift unless [asked for](Self::affine):
/// then `weight` and `bias`, both `[channels]`. Running statistics are `running_mean`, `running_var`, both `[channels]`,
/// and `num_batches_tracked`.
#[derive(Clone, Debug)]
pub struct InstanceNorm<const AXES: usize, T: Real = f32> {
    /// The scale; 1 at first.
    pub weight: Option<Param<T>>,
    /// The shift; 0 at first.
    pub bias: Option<Param<T>>,
    /// The mean that evaluation uses; 0 at first.
    pub running_mean: Option<Buffer<T>>,
    /// The variance that evaluation uses; 1 at first.
    pub running_var: Option<Buffer<T>>,
    /// The number of batches that the running statistics have seen.
    pub num_batches_tracked: Option<Counter>,
    /// Added to the variance; 1e-5.
    pub eps: f64,
    /// The weight of each batch in the running statistics; 0.1.
    pub momentum: f64,
    channels: usize,
}

crate::fields!(InstanceNorm<const AXES: usize, T> {
    weight,
    bias,
    running_mean,
    running_var,
    num_batches_tracked,
});

impl<const AXES: usize, T: Real> InstanceNorm<AXES, T> {
    /// A layer for `channels` channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self {
            weight: None,
            bias: None,
            running_mean: None,
            running_var: None,
            num_batches_tracked: None,
            eps: 1e-5,
            momentum: 0.1,
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

    /// The same layer with running statistics, which evaluation uses.
    ///
    /// In training they move towards the means over the batch of the images' means and unbiased variances, when the
    /// pass is [committed](crate::Pass::commit): `running ← (1 − momentum) · running + momentum · batch`.
    ///
    /// ```
    /// use wengert_nn::{InstanceNorm2d, Module, Pass};
    /// use wengert_tensor::Tensor;
    ///
    /// let layer: InstanceNorm2d = InstanceNorm2d::new(1).track_running_stats();
    /// let mut pass = Pass::eval(&layer);
    /// let x = pass.input(Tensor::full([1, 1, 2, 2], 3.0));
    /// // The running mean is 0 and the running variance 1.
    /// assert!((layer.call(&x, &mut pass).value().get([0, 0, 0, 0]) - 3.0).abs() < 1e-4);
    /// ```
    #[must_use]
    pub fn track_running_stats(mut self) -> Self {
        self.running_mean = Some(Buffer::new(Tensor::zeros([self.channels])));
        self.running_var = Some(Buffer::new(Tensor::ones([self.channels])));
        self.num_batches_tracked = Some(Counter::new(0));
        self
    }

    /// With another number added to the variance.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// With another momentum of the running statistics.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
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
        let options = NormOptions {
            weight: weight.as_ref(),
            bias: bias.as_ref(),
            eps: self.eps,
        };
        let (Some(mean), Some(var)) = (&self.running_mean, &self.running_var) else {
            return x.instance_norm(&options);
        };
        if !pass.is_training() {
            let (mean, var) = (pass.buffer(mean), pass.buffer(var));
            return x.batch_norm_with(&mean, &var, &options);
        }
        let count: usize = x.shape()[2..].iter().product();
        require!(
            count > 1 && x.size(0) > 0,
            "instance_norm{AXES}d: {:?}: {} images of {count} values per channel have no variance to train on",
            x.shape(),
            x.size(0)
        );
        let normed = x.instance_norm_statistics(&options);
        track_statistics([mean, var], &normed, count, self.momentum, pass);
        if let Some(counter) = &self.num_batches_tracked {
            pass.count(counter, 1);
        }
        normed.y
    }
}

stateless! {
    /// Every channel divided by a power of the mean square of the neighbouring channels (Krizhevsky, Sutskever & Hinton
    /// 2012); see [`Var::local_response_norm`].
    ///
    /// * input and output: `[batch, channels, ..]`
    LocalResponseNorm {
        /// The neighbourhood and the constants.
        options: ResponseOptions
    }: |layer, x| x.local_response_norm(&layer.options);
}

samples! {
    |_rng| InstanceNorm1d::new(2), [3, 2, 4];
    |_rng| InstanceNorm2d::new(2).affine().eps(0.1), [2, 2, 3, 2];
    |_rng| InstanceNorm3d::new(2).affine().track_running_stats(), [2, 2, 1, 3, 2];
    |_rng| LocalResponseNorm::new(ResponseOptions { size: 3, ..ResponseOptions::default() }), [2, 4, 3];
}
