//! Batch normalization over all shards of a batch.

use wengert_autograd::Var;
use wengert_autograd::ops::{BatchNormed, NormOptions};
use wengert_tensor::{Real, Tensor};

use super::batch_norm::{BatchNorm, require_variance, track_statistics};
use crate::module::Module;
use crate::parameters::{Parameters, Slot, SlotMut};
use crate::pass::Pass;
use crate::path::Path;

/// [`SyncBatchNorm`] of rows `[batch, channels]` or signals `[batch, channels, width]`.
pub type SyncBatchNorm1d<T = f32> = SyncBatchNorm<1, T>;
/// [`SyncBatchNorm`] of images `[batch, channels, height, width]`.
pub type SyncBatchNorm2d<T = f32> = SyncBatchNorm<2, T>;
/// [`SyncBatchNorm`] of volumes `[batch, channels, depth, height, width]`.
pub type SyncBatchNorm3d<T = f32> = SyncBatchNorm<3, T>;

/// [`BatchNorm`] whose statistics in training are those of the whole batch, where a trainer cuts it into shards.
///
/// `mean = Σ x / n`, `var = Σ (x − mean)² / n`, over the batch and pixels of all shards, of which there are `n`. Both sums
/// are added along the trainer's tree of shards, in the forward pass and, as sums of cotangents, in the backward pass: four
/// small messages per layer and step between processes. All shards of a process run at the same time, each with its own
/// tape; so a step needs the memory of the whole batch, and gradients are sent after the backward pass.
///
/// Without shards it is a `BatchNorm`, but for rounding. Every shard must run the same layers in the same order.
/// Parameters and buffers have the names of `BatchNorm`'s, so each loads the other's weights; `torch.nn.SyncBatchNorm`
/// has them too.
///
/// ```
/// use wengert_nn::{BatchNorm2d, SyncBatchNorm2d};
///
/// let layer: SyncBatchNorm2d = SyncBatchNorm2d::new(16);
/// let same = SyncBatchNorm2d::from(BatchNorm2d::<f32>::new(16).momentum(0.01));
/// ```
#[derive(Clone, Debug)]
pub struct SyncBatchNorm<const AXES: usize, T: Real = f32> {
    /// Parameters, running statistics and options.
    pub norm: BatchNorm<AXES, T>,
}

impl<const AXES: usize, T: Real> SyncBatchNorm<AXES, T> {
    /// A layer for `channels` channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        BatchNorm::new(channels).into()
    }
}

impl<const AXES: usize, T: Real> From<BatchNorm<AXES, T>> for SyncBatchNorm<AXES, T> {
    fn from(norm: BatchNorm<AXES, T>) -> Self {
        Self { norm }
    }
}

impl<const AXES: usize, T: Real> Parameters<T> for SyncBatchNorm<AXES, T> {
    fn walk<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, Slot<'a, T>)) {
        path.layer(self.layer_id());
        // Not the `BatchNorm` as a layer of its own, which would add `norm` to the paths.
        let norm = &self.norm;
        path.within("weight", |path| norm.weight.walk(path, visit));
        path.within("bias", |path| norm.bias.walk(path, visit));
        path.within("running_mean", |path| norm.running_mean.walk(path, visit));
        path.within("running_var", |path| norm.running_var.walk(path, visit));
        path.within("num_batches_tracked", |path| {
            norm.num_batches_tracked.walk(path, visit);
        });
    }

    fn walk_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, SlotMut<'_, T>)) {
        let norm = &mut self.norm;
        path.within("weight", |path| norm.weight.walk_mut(path, visit));
        path.within("bias", |path| norm.bias.walk_mut(path, visit));
        path.within("running_mean", |path| {
            norm.running_mean.walk_mut(path, visit);
        });
        path.within("running_var", |path| norm.running_var.walk_mut(path, visit));
        path.within("num_batches_tracked", |path| {
            norm.num_batches_tracked.walk_mut(path, visit);
        });
    }
}

impl<const AXES: usize, T: Real> Module<T> for SyncBatchNorm<AXES, T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let norm = &self.norm;
        if !pass.is_training() {
            return norm.forward(x, pass);
        }
        let own = norm.values_per_channel(x);
        let along: Vec<isize> = (0..x.rank() as isize).filter(|&axis| axis != 1).collect();
        let channels = x.size(1);
        // The number of values travels with the sums.
        let own = Var::constant(Tensor::full([1], T::of(own as f64)));
        let sums = pass.sum_over_shards(&Var::concat(&[&x.sum(&along[..]), &own], 0));
        let count = sums.value().slice(0, channels as isize..).item().to_f64();
        require_variance(AXES, x, count as usize);
        let mean = sums.slice(0, ..channels as isize) / count;
        let mut shape = vec![1; x.rank()];
        shape[1] = channels;
        let centred = x - mean.reshape(&shape);
        let squares = centred.square().sum(&along[..]);
        let var = pass.sum_over_shards(&squares) / count;
        let weight = pass.optional_param(norm.weight.as_ref());
        let bias = pass.optional_param(norm.bias.as_ref());
        let (weight, bias, eps) = (weight.as_ref(), bias.as_ref(), norm.eps);
        let options = NormOptions { weight, bias, eps };
        let y = x.batch_norm_with(&mean, &var, &options);
        let normed = BatchNormed { y, mean, var };
        let statistics = [&norm.running_mean, &norm.running_var];
        track_statistics(statistics, &normed, count as usize, norm.momentum, pass);
        pass.count(&norm.num_batches_tracked, 1);
        normed.y
    }
}

samples! {
    |_rng| SyncBatchNorm1d::new(3), [4, 3];
    |_rng| SyncBatchNorm2d::from(BatchNorm::new(2).eps(0.1)), [2, 2, 3, 2];
    |_rng| SyncBatchNorm3d::from(BatchNorm::new(2).without_affine()), [2, 2, 1, 3, 2];
}
