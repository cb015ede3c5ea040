//! Sums over the shards of a batch inside of a forward pass: [`ShardSums`] and [`SumOverShards`].

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Reads, Sample, Var};
use wengert_tensor::{Real, Tensor};

use crate::layers::SyncBatchNorm;
use crate::parameters::Parameters;
use crate::pass::Pass;

/// Adds up tensors over the shards of a batch while each shard runs a pass of its own, on a thread of its own.
///
/// A trainer that cuts batches into shards implements it; [`Pass::with_shard_sums`] gives it to the pass of a shard, and
/// [`SyncBatchNorm`] uses it.
pub trait ShardSums<T: Real>: Debug + Send + Sync {
    /// The sum of what all shards give, the same on each, in an order that does not depend on who calls first.
    ///
    /// All shards call it the same number of times with tensors of the same shapes; it returns once each has.
    fn sum(&self, own: Tensor<T>) -> Tensor<T>;
}

/// Whether a model has a layer that adds up over shards, so that all shards must run at the same time.
pub fn has_shard_sums<T: Real>(model: &(impl Parameters<T> + ?Sized)) -> bool {
    let pass = Pass::eval(model);
    let mut layers = pass.index.layers().iter();
    layers.any(|layer| {
        layer.id.is_a::<SyncBatchNorm<1, T>>()
            || layer.id.is_a::<SyncBatchNorm<2, T>>()
            || layer.id.is_a::<SyncBatchNorm<3, T>>()
    })
}

/// `y = Σ x` over the shards of a batch; `x` alone where there are no other shards.
///
/// Each shard's loss depends on `x` of every shard, so its cotangent is the sum of the shards' cotangents of `y`: the op is
/// its own transpose.
#[derive(Clone, Debug)]
pub(crate) struct SumOverShards {
    /// An `Arc<dyn ShardSums<T>>` of the pass's number type.
    shards: Option<Arc<dyn Sums>>,
}

/// Any [`ShardSums`], whose number type is known where it is used.
trait Sums: Any + Debug + Send + Sync {}

impl<T: Real> Sums for Arc<dyn ShardSums<T>> {}

impl SumOverShards {
    pub(crate) fn new<T: Real>(shards: Option<&Arc<dyn ShardSums<T>>>) -> Self {
        Self {
            shards: shards.map(|shards| Arc::new(Arc::clone(shards)) as _),
        }
    }

    fn sum<T: Real>(&self, x: Tensor<T>) -> Tensor<T> {
        let Some(shards) = &self.shards else {
            return x;
        };
        let shards: &dyn Any = &**shards;
        let shards = shards.downcast_ref::<Arc<dyn ShardSums<T>>>();
        shards
            .expect("an op runs on the number type of its pass")
            .sum(x)
    }
}

/// The name of the op that adds up over shards: a NaN that it returns comes from another shard.
pub const SUM_OVER_SHARDS: &str = "sum_over_shards";

impl Op for SumOverShards {
    fn name(&self) -> &'static str {
        SUM_OVER_SHARDS
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        self.sum(x[0].clone()).into()
    }

    fn vjp<T: Real>(&self, _: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| Var::apply(self.clone(), [g]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self { shards: None }, [draw.any()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_is_its_own_sum() {
        wengert_autograd::check_op::<SumOverShards>().assert();
    }
}
