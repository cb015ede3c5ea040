//! The batch normalization layers.

use wengert_autograd::Var;
use wengert_autograd::ops::NormOptions;
use wengert_tensor::{Real, Tensor, require};

use crate::label::Label;
use crate::module::Module;
use crate::param::{Buffer, Counter, Param};
use crate::pass::Pass;
use crate::trace::LayerTrace;

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
/// In training, mean and biased variance are those of the batch, and the running statistics follow
/// them when the pass is [committed](crate::Pass::commit), the variance unbiased:
/// `running ← (1 − momentum) · running + momentum · batch`. In evaluation the running statistics take
/// their place. Statistics follow whether or not the parameters are frozen.
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
    /// How many batches the running statistics have followed.
    pub num_batches_tracked: Counter,
    /// Added to the variance; 1e-5.
    pub eps: f64,
    /// How far the running statistics go towards those of each batch; 0.1.
    pub momentum: f64,
    label: Label,
}

macro_rules! batch_norms {
    ($($layer:ident)*) => {$(
        crate::fields!($layer {
            weight,
            bias,
            running_mean,
            running_var,
            num_batches_tracked,
            label,
        });
    )*};
}

batch_norms!(BatchNorm1d BatchNorm2d BatchNorm3d);

impl<const AXES: usize, T: Real> BatchNorm<AXES, T> {
    /// A layer for so many channels.
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
            label: Label::default(),
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

    /// Has the running statistics follow those of a batch of `count` values per channel.
    fn follow(&self, pass: &mut Pass<T>, mean: &Var<T>, var: &Var<T>, count: usize) {
        let unbiased = T::of(count as f64 / (count - 1) as f64);
        let (mean, var) = (mean.value().clone(), var.value().map(|var| var * unbiased));
        let (keep, take) = (T::of(1.0 - self.momentum), T::of(self.momentum));
        for (buffer, batch) in [(&self.running_mean, mean), (&self.running_var, var)] {
            pass.update(buffer, move |running| {
                running.zip(&batch, |running, batch| keep * running + take * batch)
            });
        }
        pass.count(&self.num_batches_tracked, 1);
    }
}

impl<const AXES: usize, T: Real> Module for BatchNorm<AXES, T> {
    type Element = T;

    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let _scope = self.label.enter();
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
        let weight = self.weight.as_ref().map(|weight| pass.param(weight));
        let bias = self.bias.as_ref().map(|bias| pass.param(bias));
        let options = NormOptions {
            weight: weight.as_ref(),
            bias: bias.as_ref(),
            eps: self.eps,
        };
        let y = if pass.is_training() {
            let count = x.len() / channels.max(1);
            require!(
                count > 1,
                "batch_norm{AXES}d: {:?}: {count} values per channel have no variance to train on",
                x.shape()
            );
            let normed = x.batch_norm(&options);
            self.follow(pass, &normed.mean, &normed.var, count);
            normed.y
        } else if let Some(outline) = pass.outline(|| Some(x.shape())) {
            outline
        } else {
            x.batch_norm_with(
                self.running_mean.value(),
                self.running_var.value(),
                &options,
            )
        };
        let kind = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"][AXES - 1];
        pass.trace(&self.label, kind, x, &y, LayerTrace::pointwise());
        y
    }
}
