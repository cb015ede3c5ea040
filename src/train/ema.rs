//! [`Average`]: an exponential moving average of a model.

use std::collections::BTreeMap;

use wengert_nn::{Id, IdSet, Parameters, ParametersExt, Slot, SlotMut, StateDict, Values};
use wengert_tensor::{Real, Tensor};

use super::options::Ema;

/// An exponential moving average of the parameters and buffers of a model, with its counters.
#[derive(Clone, Debug)]
pub(super) struct Average<T: Real> {
    options: Ema,
    /// In the order of the model, each tensor once.
    slots: Vec<Averaged<T>>,
}

#[derive(Clone, Debug)]
enum Averaged<T: Real> {
    Tensor(Tensor<T>),
    Count(i64),
}

impl<T: Real> Average<T> {
    /// The average before the first update: the model itself.
    pub(super) fn new(options: Ema, model: &(impl Parameters<T> + ?Sized)) -> Self {
        let mut slots = Vec::new();
        let mut seen = IdSet::default();
        model.each(|_, slot| {
            if seen.insert(id(&slot)) {
                slots.push(match slot {
                    Slot::Param(param) => Averaged::Tensor(param.value().clone()),
                    Slot::Buffer(buffer) => Averaged::Tensor(buffer.value().clone()),
                    Slot::Counter(counter) => Averaged::Count(counter.value()),
                });
            }
        });
        Self { options, slots }
    }

    /// Calls `f` with each tensor of the average and the model's.
    fn each(
        &mut self,
        model: &mut (impl Parameters<T> + ?Sized),
        mut f: impl FnMut(&mut Averaged<T>, SlotMut<'_, T>),
    ) {
        let mut seen = IdSet::default();
        let mut slots = self.slots.iter_mut();
        model.each_mut(|_, slot| {
            let id = match &slot {
                SlotMut::Param(param) => param.id(),
                SlotMut::Buffer(buffer) => buffer.id(),
                SlotMut::Counter(counter) => counter.id(),
            };
            if seen.insert(id)
                && let Some(averaged) = slots.next()
            {
                f(averaged, slot);
            }
        });
    }

    /// `a ← d·a + (1 − d)·w`, after update number `update`, from 1.
    pub(super) fn update(&mut self, model: &mut (impl Parameters<T> + ?Sized), update: u64) {
        let Ema { decay, warm_up } = self.options;
        let t = update as f64;
        let decay = if warm_up {
            decay.min((1.0 + t) / (10.0 + t))
        } else {
            decay
        };
        let rest = T::of(1.0 - decay);
        self.each(model, |averaged, slot| match (averaged, slot) {
            (Averaged::Tensor(a), SlotMut::Param(param)) => {
                a.zip_in_place(param.value(), |a, w| a + rest * (w - a));
            }
            (Averaged::Tensor(a), SlotMut::Buffer(buffer)) => {
                a.zip_in_place(buffer.value(), |a, w| a + rest * (w - a));
            }
            (Averaged::Count(count), SlotMut::Counter(counter)) => *count = counter.value(),
            _ => {}
        });
    }

    /// Exchanges the average and the tensors of the model.
    fn swap(&mut self, model: &mut (impl Parameters<T> + ?Sized)) {
        self.each(model, |averaged, slot| match (averaged, slot) {
            (Averaged::Tensor(a), SlotMut::Param(param)) => std::mem::swap(a, param.value_mut()),
            (Averaged::Tensor(a), SlotMut::Buffer(buffer)) => std::mem::swap(a, buffer.value_mut()),
            (Averaged::Count(count), SlotMut::Counter(counter)) => {
                std::mem::swap(count, counter.value_mut());
            }
            _ => {}
        });
    }

    /// Takes other values by path.
    pub(super) fn replace(
        &mut self,
        model: &(impl Parameters<T> + ?Sized),
        values: impl Fn(&str) -> Option<Values>,
    ) {
        let mut seen = IdSet::default();
        let mut slots = self.slots.iter_mut();
        model.each(|path, slot| {
            if !seen.insert(id(&slot)) {
                return;
            }
            let (Some(averaged), Some(values)) = (slots.next(), values(path)) else {
                return;
            };
            match averaged {
                Averaged::Tensor(a) => *a = values.real().unwrap_or_else(|| a.clone()),
                Averaged::Count(count) => *count = values.counter().unwrap_or(*count),
            }
        });
    }

    /// The model with the averaged tensors, until the result is dropped.
    pub(super) fn applied<'a, M: Parameters<T>>(
        &'a mut self,
        model: &'a mut M,
    ) -> Applied<'a, T, M> {
        self.swap(model);
        Applied {
            average: self,
            model,
        }
    }

    /// The average by path.
    pub(super) fn state_dict(&self, model: &(impl Parameters<T> + ?Sized)) -> StateDict {
        let mut state = StateDict::new();
        let mut paths = BTreeMap::new();
        let mut next = 0;
        model.each(|path, slot| {
            let index = *paths.entry(id(&slot)).or_insert_with(|| {
                next += 1;
                next - 1
            });
            state.insert(
                path,
                match &self.slots[index] {
                    Averaged::Tensor(a) => Values::of(a),
                    Averaged::Count(count) => Values::I64(Tensor::scalar(*count)),
                },
            );
        });
        state
    }
}

fn id<T: Real>(slot: &Slot<'_, T>) -> Id {
    match slot {
        Slot::Param(param) => param.id(),
        Slot::Buffer(buffer) => buffer.id(),
        Slot::Counter(counter) => counter.id(),
    }
}

/// See [`Average::applied`].
pub(super) struct Applied<'a, T: Real, M: Parameters<T>> {
    average: &'a mut Average<T>,
    pub(super) model: &'a mut M,
}

impl<T: Real, M: Parameters<T>> Drop for Applied<'_, T, M> {
    fn drop(&mut self) {
        self.average.swap(self.model);
    }
}
