//! A step: the gradients of a batch, and the update of the model.

use std::ops::ControlFlow;

use wengert_autograd::Var;
use wengert_nn::{Gradients, Module, Pass, SUM_OVER_SHARDS};
use wengert_optim::Rates;
use wengert_tensor::{Real, Tensor};

use super::fit::Fit;
use super::history::StepRecord;
use super::lockstep::in_lockstep;
use super::message::Status;
use super::metrics::classes_of;
use super::non_finite::{self, Origin};
use super::options::TrainOptions;
use super::reducer::Reducer;
use super::schedules::Every;
use super::shards::{Ready, ShardNumbers, ShardSum, Shards, raise, shard, shard_seed};
use super::source::{BatchSource, TrainBatch};
use super::state::{Pending, Sums};
use super::trainer::{StepReport, Trainer, loss_of};
use crate::distributed::PartialSums;

/// The numbers of one batch.
pub(super) struct BatchNumbers<T: Real> {
    examples: usize,
    loss: f64,
    correct: Option<usize>,
    gradients: Gradients<T>,
}

impl<T: Real, M, D> Fit<'_, '_, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    /// Loss and gradients of a batch, which are added to the pending ones; `None` if one is NaN or infinite.
    #[track_caller]
    pub(super) fn batch(&mut self, batch: &D::Batch) -> Option<BatchNumbers<T>> {
        let model = &mut *self.trainer.model;
        let mut pass = Pass::train(&*model, batch.seed());
        let output = model.call(&pass.input(batch.input().clone()), &mut pass);
        let loss = loss_of(self.trainer.loss.as_deref(), &output, batch);
        let value = loss.item().to_f64();
        let gradients = value.is_finite().then(|| pass.backward(&loss));
        let gradients = gradients.filter(non_finite::are_finite)?;
        let labels = batch.labels();
        let classes =
            labels.and_then(|labels| classes_of(output.value(), labels, self.prepared.classes));
        let correct = labels
            .filter(|_| classes.is_some())
            .map(|labels| output.value().argmax(1).eq(labels).count_true(..).item() as usize);
        // Their buffers are shared with the model, which would have to copy them.
        drop((output, loss));
        pass.commit(&mut *self.trainer.model);
        Some(self.record_batch(BatchNumbers {
            examples: batch.len(),
            loss: value,
            correct,
            gradients,
        }))
    }

    /// As [`batch`](Self::batch) for a batch that is cut into shards; `part` has those of this process.
    #[track_caller]
    pub(super) fn sharded_batch(
        &mut self,
        shards: &Shards,
        part: &D::Batch,
    ) -> Option<BatchNumbers<T>> {
        let (numbers, sum) = match self.reducer.take() {
            None => self.shards_of_one_process(shards, part),
            Some(mut reducer) => {
                let sum = self.shards_of_all_processes(shards, part, &mut reducer);
                self.reducer = Some(reducer);
                sum
            }
        };
        let sum = sum?;
        let examples = examples_of(&numbers);
        sum.changes.apply(&mut *self.trainer.model);
        let losses = numbers.iter();
        let loss: f64 = losses.map(|shard| shard.examples as f64 * shard.loss).sum();
        Some(self.record_batch(BatchNumbers {
            examples,
            loss: loss / examples as f64,
            correct: numbers.iter().map(|shard| shard.correct).sum(),
            gradients: sum.gradients,
        }))
    }

    /// The numbers of all shards, and the mean of an example; `None` if a loss or a gradient is not finite.
    #[track_caller]
    fn shards_of_one_process(
        &self,
        shards: &Shards,
        part: &D::Batch,
    ) -> (Vec<ShardNumbers>, Option<ShardSum<T>>) {
        let mut numbers = Vec::new();
        let mut sums = PartialSums::new(shards.count);
        let mut computed = self.shards_in_lockstep(shards, part);
        for index in shards.own.clone() {
            // No closure: it would hide the caller's line.
            let (own, sum) = match computed.next() {
                Some(computed) => computed,
                None => self.shard(shards, index, part, None),
            };
            numbers.extend(own);
            if own.is_some() && sum.is_none() {
                return (numbers, None);
            }
            sums.push(index..index + 1, sum, ShardSum::add);
        }
        let mut sum = sums.into_sums().pop().flatten();
        if let Some(sum) = &mut sum {
            sum.scale(1.0 / examples_of(&numbers) as f64);
        }
        (
            numbers,
            sum.filter(|sum| non_finite::are_finite(&sum.gradients)),
        )
    }

    /// As [`shards_of_one_process`](Self::shards_of_one_process), where each process has some of the shards. Gradients
    /// are sent while the last shard of each process is differentiated.
    #[track_caller]
    fn shards_of_all_processes(
        &self,
        shards: &Shards,
        part: &D::Batch,
        reducer: &mut Reducer,
    ) -> (Vec<ShardNumbers>, Option<ShardSum<T>>) {
        let others = self
            .trainer
            .others()
            .expect("a reducer is for several processes");
        let mut numbers = Vec::new();
        let mut increments: Vec<i64> = Vec::new();
        let mut is_finite = true;
        let mut sums = PartialSums::new(shards.count);
        let last = shards.own.end - 1;
        let mut computed = self.shards_in_lockstep(shards, part);
        for index in shards.own.start..last {
            let (own, sum) = match computed.next() {
                Some(computed) => computed,
                None => self.shard(shards, index, part, None),
            };
            is_finite &= own.is_none() || sum.is_some();
            numbers.extend(own);
            if let Some(sum) = &sum {
                raise(&mut increments, sum.changes.increments());
            }
            sums.push(index..index + 1, sum, ShardSum::add);
        }
        let mut partners = sums.take_partners(&(last..last + 1));
        reducer.begin(sums.sums());
        let mut ready = |parameter: usize, gradient: &Tensor<T>| {
            let mut total = gradient.clone();
            for left in &mut partners {
                if let (_, Some(sum)) = left.gradients.entry_mut(parameter) {
                    sum.add_assign(&total);
                    total = sum.clone();
                }
            }
            reducer.put(others, parameter, &total);
        };
        let (own, sum) = match computed.next() {
            Some(computed) => computed,
            None => self.shard(shards, last, part, Some(&mut ready)),
        };
        is_finite &= own.is_none() || sum.is_some();
        numbers.extend(own);
        if let Some(sum) = &sum {
            raise(&mut increments, sum.changes.increments());
        }
        let parts: Vec<_> = sum.into_iter().chain(partners).collect();
        reducer.end(others, &parts);
        drop((parts, sums));
        let own = Status {
            numbers,
            is_finite,
            present: reducer.present(),
            increments,
        };
        let places = own.present.len();
        let gathered = others.gather(own.to_bytes()).into_iter();
        let statuses = gathered.map(|bytes| Status::from_bytes(bytes, places));
        let all = statuses.reduce(|mut all, next| {
            all.append(next);
            all
        });
        let all = all.expect("this process gives a status");
        let model = &*self.trainer.model;
        let factor = 1.0 / examples_of(&all.numbers) as f64;
        let (sum, is_finite) = reducer.finish(others, model, &all.present, all.increments, factor);
        let sum = (all.is_finite && is_finite).then_some(sum);
        (all.numbers, sum)
    }

    /// The numbers and the weighted gradients of one shard: no numbers without examples, no gradients if the loss is not
    /// finite.
    #[track_caller]
    fn shard(
        &self,
        shards: &Shards,
        index: usize,
        part: &D::Batch,
        ready: Option<Ready<'_, T>>,
    ) -> (Option<ShardNumbers>, Option<ShardSum<T>>) {
        let Some(batch) = shards.cut(index, part) else {
            return (None, None);
        };
        let seed = shard_seed(part.seed(), index);
        let loss = self.trainer.loss.as_deref();
        let (model, classes) = (&*self.trainer.model, self.prepared.classes);
        let (own, sum) = shard(model, &batch, seed, loss, classes, None, ready);
        (Some(own), sum)
    }

    /// The numbers and gradients of all shards of this process, if they must run at the same time; nothing otherwise.
    fn shards_in_lockstep(
        &self,
        shards: &Shards,
        part: &D::Batch,
    ) -> impl Iterator<Item = (Option<ShardNumbers>, Option<ShardSum<T>>)> + use<T, M, D> {
        let results = shards.in_lockstep.then(|| {
            let jobs = shards.own.clone().map(|index| shards.cut(index, part));
            let loss = self.trainer.loss.as_deref();
            let (model, classes) = (&*self.trainer.model, self.prepared.classes);
            let seed = part.seed();
            let others = self.trainer.others();
            in_lockstep(
                shards,
                jobs.collect(),
                others,
                |index, batch: D::Batch, sums| {
                    let seed = shard_seed(seed, index);
                    shard(model, &batch, seed, loss, classes, Some(sums), None)
                },
            )
        });
        let results = results.unwrap_or_default().into_iter();
        results.map(|result| match result {
            Some((numbers, sum)) => (Some(numbers), sum),
            None => (None, None),
        })
    }

    /// Adds the numbers of a batch to those of the epoch, and its gradients to the pending ones.
    fn record_batch(&mut self, numbers: BatchNumbers<T>) -> BatchNumbers<T> {
        let BatchNumbers {
            examples,
            loss,
            correct,
            ..
        } = numbers;
        self.state.sums.add(loss, examples, correct);
        let mut own = numbers.gradients.clone();
        if self.trainer.options.accumulate > 1 {
            own.scale(examples as f64);
        }
        self.state.pending.add(loss, examples, own);
        numbers
    }

    /// What made the loss or a gradient of a shard not finite; `None` if each shard is finite, and only their sum is not.
    #[track_caller]
    pub(super) fn origin_in_shards(&self, shards: &Shards, part: &D::Batch) -> Option<Origin> {
        let in_batch = |index, origin| match origin {
            Origin::Input { example } => Origin::Input {
                example: index * shards.size + example,
            },
            origin => origin,
        };
        if shards.in_lockstep {
            let origins = self.origins_in_lockstep(shards, part).into_iter();
            let mut known = origins.zip(shards.own.clone());
            return known.find_map(|(origin, index)| Some(in_batch(index, origin?)));
        }
        for index in shards.own.clone() {
            let Some(batch) = shards.cut(index, part) else {
                continue;
            };
            if let Some(origin) = self.origin(&batch, shard_seed(part.seed(), index)) {
                return Some(in_batch(index, origin));
            }
        }
        None
    }

    /// What made the loss or a gradient of each shard of this process not finite, where it comes from the shard itself.
    fn origins_in_lockstep(&self, shards: &Shards, part: &D::Batch) -> Vec<Option<Origin>> {
        let jobs = shards.own.clone().map(|index| shards.cut(index, part));
        let own_loss = self.trainer.loss.as_deref();
        let (model, seed) = (&*self.trainer.model, part.seed());
        let others = self.trainer.others();
        let find = |index, batch: D::Batch, sums| {
            let seed = shard_seed(seed, index);
            let loss = |output: &_| loss_of(own_loss, output, &batch);
            non_finite::find(model, batch.input(), seed, Some(sums), loss)
        };
        let origins = in_lockstep(shards, jobs.collect(), others, find);
        let is_own =
            |origin: &Origin| !matches!(origin, Origin::Op(op) if op.op == SUM_OVER_SHARDS);
        let origins = origins.into_iter();
        origins
            .map(|origin| origin.flatten().filter(is_own))
            .collect()
    }

    /// Updates the model by the pending gradients.
    #[track_caller]
    pub(super) fn update(&mut self) -> StepRecord {
        let Pending {
            examples,
            loss,
            gradients,
            ..
        } = std::mem::take(&mut self.state.pending);
        let group = std::mem::take(&mut self.group);
        let mut gradients = gradients.expect("an update has at least one batch");
        if self.trainer.options.accumulate > 1 {
            gradients.scale(1.0 / examples as f64);
        }
        let loss = loss / examples as f64;
        let gradient_norm = gradients.norm().to_f64();
        let lr = self.lr();
        self.apply(loss, &gradients, &group);
        let trainer = &mut *self.trainer;
        let state = &mut self.state;
        state.updates += 1;
        if let Some(average) = &mut state.average {
            average.update(&mut *trainer.model, state.updates);
        }
        let schedules = state.schedules.iter_mut();
        for schedule in schedules.filter(|s| s.every == Every::Step) {
            schedule.step(&mut trainer.method);
        }
        let record = StepRecord {
            update: state.updates,
            epoch: state.position.epoch,
            loss,
            lr,
            gradient_norm,
        };
        if state.updates.is_multiple_of(trainer.options.record_every) {
            state.history.steps.push(record);
        }
        record
    }

    /// Changes the parameters, with learning rates that are still rising.
    #[track_caller]
    fn apply(&mut self, loss: f64, gradients: &Gradients<T>, group: &[D::Batch]) {
        let factor = self.trainer.options.warm_up_factor(self.state.updates);
        let Trainer {
            method,
            model,
            loss: own_loss,
            ..
        } = &mut *self.trainer;
        let rates: Vec<f64> = method.rates().iter().map(|rate| *rate.lr).collect();
        for rate in method.rates() {
            *rate.lr *= factor;
        }
        let loss_of =
            |output: &Var<T>, batch: &D::Batch| loss_of(own_loss.as_deref(), output, batch);
        let evaluate = |model: &mut M| mean_gradient(&*model, group, loss_of);
        method.update(&mut **model, T::of(loss), gradients, evaluate);
        for (rate, lr) in method.rates().into_iter().zip(rates) {
            *rate.lr = lr;
        }
    }

    /// The learning rate of the next update, warm-up included.
    pub(super) fn lr(&self) -> f64 {
        self.trainer.method.lr() * self.trainer.options.warm_up_factor(self.state.updates)
    }

    pub(super) fn report_step(
        &mut self,
        numbers: &BatchNumbers<T>,
        lr: f64,
        update: Option<StepRecord>,
    ) -> ControlFlow<()> {
        let trainer = &mut *self.trainer;
        let report = StepReport {
            epoch: self.state.position.epoch,
            epochs: trainer.options.epochs,
            step: self.state.position.step - 1,
            steps: trainer.data.steps(),
            loss: numbers.loss,
            examples: numbers.examples,
            correct: numbers.correct,
            lr,
            update,
            gradients: &numbers.gradients,
            model: &*trainer.model,
        };
        let mut flow = ControlFlow::Continue(());
        for callback in &mut trainer.callbacks.step {
            if callback(&report).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        flow
    }
}

fn examples_of(shards: &[ShardNumbers]) -> usize {
    shards.iter().map(|shard| shard.examples).sum()
}

/// The mean loss of the examples of some batches, and its gradients.
#[track_caller]
fn mean_gradient<T: Real, M: Module<T>, B: TrainBatch<T>>(
    model: &M,
    batches: &[B],
    loss: impl Fn(&Var<T>, &B) -> Var<T>,
) -> (T, Gradients<T>) {
    let mut sum: Option<Gradients<T>> = None;
    let (mut total, mut examples) = (0.0, 0);
    for batch in batches {
        let mut pass = Pass::train(model, batch.seed());
        let output = model.call(&pass.input(batch.input().clone()), &mut pass);
        let value = loss(&output, batch);
        let mut gradients = pass.backward(&value);
        if batches.len() > 1 {
            gradients.scale(batch.len() as f64);
        }
        total += batch.len() as f64 * value.item().to_f64();
        examples += batch.len();
        match &mut sum {
            Some(sum) => sum.accumulate(gradients),
            None => sum = Some(gradients),
        }
    }
    let mut gradients = sum.expect("an update has at least one batch");
    if batches.len() > 1 {
        gradients.scale(1.0 / examples as f64);
    }
    (T::of(total / examples as f64), gradients)
}

impl<T: Real> Pending<T> {
    fn add(&mut self, loss: f64, examples: usize, gradients: Gradients<T>) {
        match &mut self.gradients {
            Some(sum) => sum.accumulate(gradients),
            None => self.gradients = Some(gradients),
        }
        self.batches += 1;
        self.examples += examples;
        self.loss += examples as f64 * loss;
    }
}

impl Sums {
    fn add(&mut self, loss: f64, examples: usize, correct: Option<usize>) {
        self.loss += examples as f64 * loss;
        self.examples += examples;
        if let Some(correct) = correct {
            self.labelled += examples;
            self.correct += correct;
        }
    }
}

impl TrainOptions {
    /// The factor of the learning rate of update number `update`, from 0.
    fn warm_up_factor(&self, update: u64) -> f64 {
        if update < self.warm_up {
            (update + 1) as f64 / (self.warm_up as f64 + 1.0)
        } else {
            1.0
        }
    }
}
