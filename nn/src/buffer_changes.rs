//! [`BufferChanges`]: what several passes over the same model change in its buffers.

use wengert_tensor::{Real, Tensor, require};

use crate::param::IdSet;
use crate::parameters::{Parameters, ParametersExt, Slot, SlotMut};
use crate::pass::Pass;

/// The changes of buffers and counters that a pass has recorded, as numbers: they can be averaged over passes that
/// began with the same buffers, and sent to other processes.
///
/// ```
/// use wengert_nn::{BatchNorm1d, BufferChanges, Module, Pass};
/// use wengert_tensor::Tensor;
///
/// let mut layer: BatchNorm1d<f64> = BatchNorm1d::new(1);
/// // Two halves of a batch: the running mean moves by a tenth of the mean of their means, 2 and 4.
/// let changes = [[1.0, 3.0], [2.0, 6.0]].map(|half| {
///     let mut pass = Pass::train(&layer, 0);
///     let _ = layer.call(&pass.input(Tensor::from_slice(&half, [2, 1])), &mut pass);
///     BufferChanges::of(pass, &layer)
/// });
/// let [mut sum, second] = changes;
/// sum.accumulate(second);
/// sum.scale(0.5);
/// sum.apply(&mut layer);
/// assert!((layer.running_mean.value().item() - 0.3).abs() < 1e-12);
/// assert_eq!(layer.num_batches_tracked.value(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct BufferChanges<T: Real = f32> {
    /// New value minus old value, for each buffer in the order of the model; `None` for one that stays.
    differences: Vec<Option<Tensor<T>>>,
    /// The increments, for each counter in the order of the model.
    increments: Vec<i64>,
}

impl<T: Real> BufferChanges<T> {
    /// The changes that a pass has recorded; the model stays as it is.
    ///
    /// # Panics
    /// If the model does not hold a buffer that a layer has changed.
    #[must_use]
    #[track_caller]
    pub fn of(pass: Pass<T>, model: &(impl Parameters<T> + ?Sized)) -> Self {
        let (mut updates, mut counts) = pass.into_recorded();
        let mut changes = Self {
            differences: Vec::new(),
            increments: Vec::new(),
        };
        let mut seen = IdSet::default();
        model.each(|_, slot| match slot {
            Slot::Buffer(buffer) if seen.insert(buffer.id()) => {
                let updates = updates.remove(&buffer.id()).unwrap_or_default();
                let old = buffer.value();
                let new = updates.into_iter().fold(None, |value, update| {
                    Some(update(value.as_ref().unwrap_or(old)))
                });
                let difference = new.map(|new| new.zip(old, |new, old| new - old));
                changes.differences.push(difference);
            }
            Slot::Counter(counter) if seen.insert(counter.id()) => {
                let by = counts.remove(&counter.id()).unwrap_or_default();
                changes.increments.push(by);
            }
            _ => {}
        });
        let unknown = updates.len() + counts.len();
        require!(
            unknown == 0,
            "BufferChanges: {unknown} buffers are not in the model; name their fields in `fields!`, or give the \
             model that ran"
        );
        changes
    }

    /// Changes from numbers, such as those of another process.
    ///
    /// * `differences`, `increments`: as [`differences`](Self::differences) and [`increments`](Self::increments) are
    #[must_use]
    pub fn new(differences: Vec<Option<Tensor<T>>>, increments: Vec<i64>) -> Self {
        Self {
            differences,
            increments,
        }
    }

    /// Adds the differences of another pass; of the increments of a counter the largest remains.
    pub fn accumulate(&mut self, other: Self) {
        for (ours, theirs) in self.differences.iter_mut().zip(other.differences) {
            match (ours.as_mut(), theirs) {
                (Some(sum), Some(more)) => sum.add_assign(&more),
                (None, more) => *ours = more,
                (Some(_), None) => {}
            }
        }
        for (ours, theirs) in self.increments.iter_mut().zip(other.increments) {
            *ours = (*ours).max(theirs);
        }
    }

    /// Multiplies the differences by a number.
    pub fn scale(&mut self, factor: f64) {
        let factor = T::of(factor);
        for difference in self.differences.iter_mut().flatten() {
            difference.map_in_place(|x| x * factor);
        }
    }

    /// The differences, for each buffer in the order of the model; `None` for one that stays.
    #[must_use]
    pub fn differences(&self) -> &[Option<Tensor<T>>] {
        &self.differences
    }

    /// The increments, for each counter in the order of the model.
    #[must_use]
    pub fn increments(&self) -> &[i64] {
        &self.increments
    }

    /// Adds the differences to the buffers, and the increments to the counters.
    ///
    /// # Panics
    /// If a difference has another shape than its buffer.
    #[track_caller]
    pub fn apply(self, model: &mut (impl Parameters<T> + ?Sized)) {
        let misfit = self.misfit(model);
        require!(misfit.is_none(), "apply: {}", misfit.unwrap_or_default());
        let mut differences = self.differences.into_iter();
        let mut increments = self.increments.into_iter();
        let mut seen = IdSet::default();
        model.each_mut(|_, slot| match slot {
            SlotMut::Buffer(buffer) if seen.insert(buffer.id()) => {
                if let Some(difference) = differences.next().flatten() {
                    buffer.value_mut().add_assign(&difference);
                }
            }
            SlotMut::Counter(counter) if seen.insert(counter.id()) => {
                *counter.value_mut() += increments.next().unwrap_or_default();
            }
            _ => {}
        });
    }

    /// What is wrong if a difference has another shape than its buffer.
    fn misfit(&self, model: &(impl Parameters<T> + ?Sized)) -> Option<String> {
        let mut differences = self.differences.iter();
        let mut seen = IdSet::default();
        let mut misfit = None;
        model.each(|path, slot| {
            if let Slot::Buffer(buffer) = slot
                && seen.insert(buffer.id())
                && let Some(difference) = differences.next().and_then(Option::as_ref)
                && difference.shape() != buffer.shape()
            {
                let (buffer, difference) = (buffer.shape(), difference.shape());
                misfit.get_or_insert_with(|| {
                    format!(
                        "the buffer {path} has the shape {buffer:?}, its difference {difference:?}"
                    )
                });
            }
        });
        misfit
    }
}
