//! [`Shards`]: a batch in parts of equal size, whose gradients are added along a fixed tree.

use std::ops::Range;
use std::sync::Arc;

use wengert_nn::{BufferChanges, Gradients, Module, Pass, ShardSums, has_shard_sums};
use wengert_tensor::{Real, Tensor};

use super::error::TrainError;
use super::metrics::{LossFn, classes_of};
use super::source::{BatchSource, TrainBatch};
use super::trainer::loss_of;
use crate::data::{Purpose, stream};
use crate::distributed::{Communicator, NumberType, shards_of};

/// How a batch is cut: into `count` shards of `size` examples. The last shards of a shorter batch have fewer examples
/// or none.
#[derive(Clone, Debug)]
pub(super) struct Shards {
    pub(super) count: usize,
    pub(super) size: usize,
    /// The shards of this process.
    pub(super) own: Range<usize>,
    /// Whether a layer of the model adds up over shards, so that all run at the same time.
    pub(super) in_lockstep: bool,
}

/// The numbers of one shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ShardNumbers {
    pub(super) examples: usize,
    /// The mean loss of an example.
    pub(super) loss: f64,
    pub(super) correct: Option<usize>,
}

/// Sums over shards, each weighted by its number of examples.
#[derive(Clone, Debug)]
pub(super) struct ShardSum<T: Real> {
    pub(super) gradients: Gradients<T>,
    pub(super) changes: BufferChanges<T>,
}

impl<T: Real> ShardSum<T> {
    pub(super) fn add(mut self, right: Self) -> Self {
        self.gradients.accumulate(right.gradients);
        self.changes.accumulate(right.changes);
        self
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.gradients.scale(factor);
        self.changes.scale(factor);
    }
}

impl Shards {
    /// This process's shards of batches of `data`; `None` if a batch is not cut.
    pub(super) fn new<T: Real>(
        count: usize,
        model: &impl Module<T>,
        data: &impl BatchSource<T>,
        others: Option<&Communicator>,
    ) -> Result<Option<Self>, TrainError> {
        let (rank, size) = others.map_or((0, 1), |others| (others.rank(), others.size()));
        if size > count {
            return Err(TrainError::Processes {
                processes: size,
                shards: count,
            });
        }
        if count == 1 {
            return Ok(None);
        }
        if size > 1 && NumberType::of::<T>().is_none() {
            let name = std::any::type_name::<T>();
            return Err(TrainError::NumberType { name });
        }
        let batch = data.batch_len();
        if !batch.is_multiple_of(count) {
            return Err(TrainError::Shards {
                shards: count,
                batch,
            });
        }
        Ok(Some(Self {
            count,
            size: batch / count,
            own: shards_of(rank, size, count),
            in_lockstep: has_shard_sums(model),
        }))
    }

    /// The examples of a batch that this process has.
    pub(super) fn part(&self) -> Range<usize> {
        self.own.start * self.size..self.own.end * self.size
    }

    /// The examples of a shard in this process's part of a batch, which has `len` examples.
    fn within(&self, shard: usize, len: usize) -> Range<usize> {
        let start = (shard - self.own.start) * self.size;
        start.min(len)..(start + self.size).min(len)
    }

    /// A shard from this process's part of a batch; `None` if it has no examples.
    pub(super) fn cut<T: Real, B: TrainBatch<T>>(&self, shard: usize, part: &B) -> Option<B> {
        let range = self.within(shard, part.len());
        let shard = part.part(range).expect("checked before training");
        Some(shard).filter(|shard| !shard.is_empty())
    }
}

/// Raises each number to the other one, if that is larger.
pub(super) fn raise(numbers: &mut Vec<i64>, others: &[i64]) {
    numbers.resize(numbers.len().max(others.len()), 0);
    for (number, &other) in numbers.iter_mut().zip(others) {
        *number = (*number).max(other);
    }
}

/// The seed of the random choices of a shard.
pub(super) fn shard_seed(seed: u64, shard: usize) -> u64 {
    stream(Purpose::Shard, seed, 0, shard as u64).any()
}

/// Called with the number of a parameter and its gradient.
pub(super) type Ready<'a, T> = &'a mut dyn FnMut(usize, &Tensor<T>);

/// What one shard gives: its numbers, and its weighted gradients if the loss is finite.
///
/// * `sums`: adds up over the shards that run at the same time
/// * `ready`: gets each gradient as soon as it is complete
#[track_caller]
pub(super) fn shard<T: Real, M: Module<T>, B: TrainBatch<T>>(
    model: &M,
    batch: &B,
    seed: u64,
    loss: Option<&LossFn<'_, T, B>>,
    classes: Option<usize>,
    sums: Option<Arc<dyn ShardSums<T>>>,
    ready: Option<Ready<'_, T>>,
) -> (ShardNumbers, Option<ShardSum<T>>) {
    let mut pass = Pass::train(model, seed);
    if let Some(sums) = sums {
        pass = pass.with_shard_sums(sums);
    }
    let output = model.call(&pass.input(batch.input().clone()), &mut pass);
    let loss = loss_of(loss, &output, batch);
    let labels = batch.labels();
    let classes = labels.and_then(|labels| classes_of(output.value(), labels, classes));
    let correct = labels
        .filter(|_| classes.is_some())
        .map(|labels| output.value().argmax(1).eq(labels).count_true(..).item() as usize);
    let numbers = ShardNumbers {
        examples: batch.len(),
        loss: loss.item().to_f64(),
        correct,
    };
    if !numbers.loss.is_finite() {
        return (numbers, None);
    }
    let weight = batch.len() as f64;
    let weighted = &loss * weight;
    let gradients = match ready {
        Some(ready) => pass.backward_each(&weighted, ready),
        None => pass.backward(&weighted),
    };
    drop((output, loss, weighted));
    let mut changes = BufferChanges::of(pass, model);
    changes.scale(weight);
    (numbers, Some(ShardSum { gradients, changes }))
}
