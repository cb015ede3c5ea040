//! The batch normalization layers.

use wengert_autograd::Var;
use wengert_autograd::ops::{BatchNormed, NormOptions};
use wengert_tensor::{Real, Tensor, require};

use crate::module::Module;
use crate::param::{Buffer, Counter, Param};
use crate::pass::Pass;

/// Batch normalization of rows `[batch, channels]` or signals `[batch, channels, width]`:
/// [`BatchNorm`].
pub type BatchNorm1d<T = f32> = BatchNorm<1, T>;
/// Batch normalization of images `[batch, channels, height, width]`: [`BatchNorm`].
pub type BatchNorm2d<T = f32> = BatchNorm<2, T>;
/// Batch normalization of volumes `[batch, channels, depth, height, width]`: [`BatchNorm`].
pub type BatchNorm3d<T = f32> = BatchNorm<3, T>;

/// Every channel to mean 0 and variance 1, then scaled and shifted (Ioffe & Szegedy 2015).
///
/// `y = (x − mean)/√(var + ε) · weight + bias`
///
/// In training, mean and biased variance are those of the batch, and the running statistics move
/// towards them when the pass is [committed](crate::Pass::commit), the variance unbiased:
/// `running ← (1 − momentum) · running + momentum · batch`. In evaluation the running statistics take
/// their place. Statistics move whether or not the parameters are frozen, unless the layer is
/// [kept in evaluation mode](crate::Pass::evaluate).
///
/// Parameters and buffers, as in `torch.nn.BatchNorm2d`: `weight`, `bias`, `running_mean` and
/// `running_var`, all `[channels]`, and `num_batches_tracked`.
#[derive(Clone, Debug)]
pub struct BatchNorm<const AXES: usize, T: Real = f32> {
    /// The scale; 1 at first.
    pub weight: Option<Param<T>>,
    /// The shift; 0 at first.
    pub bias: Option<Param<T>>,
    /// The mean that evaluation uses; 0 at first.
    pub running_mean: Buffer<T>,
    /// The variance that evaluation uses; 1 at first.
    pub running_var: Buffer<T>,
    /// The number of batches that the running statistics have seen.
    pub num_batches_tracked: Counter,
    /// Added to the variance; 1e-5.
    pub eps: f64,
    /// The weight of each batch in the running statistics; 0.1.
    pub momentum: f64,
}

crate::fields!(BatchNorm<const AXES: usize, T> {
    weight,
    bias,
    running_mean,
    running_var,
    num_batches_tracked,
});

impl<const AXES: usize, T: Real> BatchNorm<AXES, T> {
    /// A layer for `channels` channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self {
            weight: Some(Param::new(Tensor::ones([channels]))),
            bias: Some(Param::new(Tensor::zeros([channels]))),
            running_mean: Buffer::new(Tensor::zeros([channels])),
            running_var: Buffer::new(Tensor::ones([channels])),
            num_batches_tracked: Counter::new(0),
            eps: 1e-5,
            momentum: 0.1,
        }
    }

    /// The same layer without scale and shift.
    #[must_use]
    pub fn without_affine(mut self) -> Self {
        self.weight = None;
        self.bias = None;
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

    /// The values per channel of an input that fits.
    #[track_caller]
    pub(super) fn values_per_channel(&self, x: &Var<T>) -> usize {
        require!(
            x.rank() == AXES + 2 || (AXES == 1 && x.rank() == 2),
            "batch_norm{AXES}d: {:?}: {} axes are needed",
            x.shape(),
            AXES + 2
        );
        let channels = self.running_mean.shape()[0];
        require!(
            x.size(1) == channels,
            "batch_norm{AXES}d: {:?}: {} channels, the layer has {channels}",
            x.shape(),
            x.size(1)
        );
        x.len() / channels.max(1)
    }
}

impl<const AXES: usize, T: Real> Module<T> for BatchNorm<AXES, T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let count = self.values_per_channel(x);
        let weight = pass.optional_param(self.weight.as_ref());
        let bias = pass.optional_param(self.bias.as_ref());
        let (weight, bias, eps) = (weight.as_ref(), bias.as_ref(), self.eps);
        let options = NormOptions { weight, bias, eps };
        if !pass.is_training() {
            let mean = pass.buffer(&self.running_mean);
            let var = pass.buffer(&self.running_var);
            return x.batch_norm_with(&mean, &var, &options);
        }
        require_variance(AXES, x, count);
        let normed = x.batch_norm(&options);
        let statistics = [&self.running_mean, &self.running_var];
        track_statistics(statistics, &normed, count, self.momentum, pass);
        pass.count(&self.num_batches_tracked, 1);
        normed.y
    }
}

/// Records that running statistics move towards those of a batch, whose biased variances are of `count` values.
pub(super) fn track_statistics<T: Real>(
    [running_mean, running_var]: [&Buffer<T>; 2],
    batch: &BatchNormed<T>,
    count: usize,
    momentum: f64,
    pass: &mut Pass<T>,
) {
    let unbiased = T::of(count as f64 / (count - 1) as f64);
    let mean = batch.mean.value().clone();
    let var = batch.var.value().map(|var| var * unbiased);
    let (keep, take) = (T::of(1.0 - momentum), T::of(momentum));
    for (buffer, batch) in [(running_mean, mean), (running_var, var)] {
        pass.update(buffer, move |running| {
            running.zip(&batch, |running, batch| keep * running + take * batch)
        });
    }
}

#[track_caller]
pub(super) fn require_variance<T: Real>(axes: usize, x: &Var<T>, count: usize) {
    require!(
        count > 1,
        "batch_norm{axes}d: {:?}: {count} values per channel have no variance to train on; use a \
         larger batch, or Pass::evaluate for this layer",
        x.shape()
    );
}

samples! {
    |_rng| BatchNorm1d::new(3), [4, 3];
    |_rng| BatchNorm1d::new(2), [3, 2, 4];
    |_rng| BatchNorm2d::new(2).eps(0.1), [2, 2, 3, 2];
    |_rng| BatchNorm3d::new(2).without_affine(), [2, 2, 1, 3, 2];
}
