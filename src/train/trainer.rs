//! [`Trainer`]: what is trained on what, how, and who is told.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use wengert_autograd::Var;
use wengert_nn::{Gradients, Module, StateDict};
use wengert_optim::{Curve, ReduceLrOnPlateau};
use wengert_tensor::{Real, Tensor};

use super::history::{EpochRecord, History, StepRecord};
use super::method::Method;
use super::metrics::{Evaluation, LossFn, MetricFn};
use super::options::{CheckpointOptions, TrainOptions};
use super::schedules::{Every, Plan};
use super::source::{BatchSource, TrainBatch};
use super::state::State;
use super::stop::{CallbackResult, StopHandle};
use crate::distributed::Communicator;

/// Trains a model on a data set, with everything around the loop: evaluation, schedules, checkpoints, exact
/// resume.
///
/// ```
/// use wengert::prelude::*;
///
/// let digits = Split::digits();
/// let train = Loader::new(&digits.train, LoaderOptions { batch: 32, ..LoaderOptions::default() });
/// let test = train.for_evaluation(&digits.test);
/// let mut model: Sequential = Sequential::new().push(Flatten).push(Linear::new(64, 10, &mut rng(0)));
/// let optimizer = Optimizer::new(Sgd { lr: 0.1, momentum: 0.9, ..Sgd::default() });
/// let outcome = Trainer::new(&mut model, optimizer, &train)
///     .options(TrainOptions { epochs: 3, ..TrainOptions::default() })
///     .validation(&test)
///     .schedule(Every::Step, |steps| CosineAnnealingLr { t_max: steps, eta_min: 0.0 })
///     .fit()?;
/// assert!(outcome.evaluation.and_then(|e| e.accuracy()) > Some(0.85));
/// # Ok::<(), wengert::train::TrainError>(())
/// ```
///
/// The loss is the cross entropy of the labels, or that of [`loss`](Self::loss). The same options, data and seeds
/// give the same weights, bit for bit, for any number of threads, stopped and resumed or not.
pub struct Trainer<'a, T: Real, M, D: BatchSource<T>> {
    pub(super) model: &'a mut M,
    pub(super) data: &'a D,
    pub(super) validation: Option<&'a D>,
    pub(super) method: Method<T>,
    pub(super) options: TrainOptions,
    pub(super) loss: Option<Box<LossFn<'a, T, D::Batch>>>,
    pub(super) metrics: Vec<(String, MetricFn<'a, T, D::Batch>)>,
    pub(super) plans: Vec<Plan<'a>>,
    pub(super) plateau: Option<ReduceLrOnPlateau>,
    pub(super) checkpoints: Option<CheckpointOptions>,
    pub(super) resume: Resume,
    pub(super) configuration: String,
    pub(super) stop: StopHandle,
    pub(super) communicator: Option<&'a Communicator>,
    pub(super) callbacks: Callbacks<'a, T, M>,
    /// `None` before the first call of `fit`.
    pub(super) state: Option<State<T>>,
}

/// Which checkpoint training continues from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    No,
    File(PathBuf),
    /// The last one in the directory of the checkpoints, if there is one.
    Last,
}

type Callback<'a, R> = Box<dyn FnMut(&R) -> ControlFlow<()> + 'a>;

/// The closures that are called while training.
pub(super) struct Callbacks<'a, T: Real, M> {
    pub(super) step: Vec<Box<dyn FnMut(&StepReport<'_, T, M>) -> ControlFlow<()> + 'a>>,
    pub(super) epoch: Vec<Box<dyn FnMut(&EpochReport<'_, M>) -> ControlFlow<()> + 'a>>,
    pub(super) checkpoint: Vec<Callback<'a, Path>>,
}

/// What a callback of [`Trainer::on_step`] gets, after each batch.
#[derive(Debug)]
pub struct StepReport<'a, T: Real, M> {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The number of epochs.
    pub epochs: u64,
    /// The number of the batch in its epoch, from 0.
    pub step: usize,
    /// The number of batches of an epoch.
    pub steps: usize,
    /// The mean loss of the batch, before the update.
    pub loss: f64,
    /// The number of examples of the batch.
    pub examples: usize,
    /// The number of those whose class had the highest score; `None` if the targets are no classes.
    pub correct: Option<usize>,
    /// The learning rate of the first group, warm-up included.
    pub lr: f64,
    /// The update that this batch completed; `None` while gradients are accumulated.
    pub update: Option<StepRecord>,
    /// The gradients of this batch, before clipping.
    pub gradients: &'a Gradients<T>,
    /// The model after the update.
    pub model: &'a M,
}

/// What a callback of [`Trainer::on_epoch`] gets, after each epoch and its evaluation.
#[derive(Debug)]
pub struct EpochReport<'a, M> {
    /// The numbers of the epoch.
    pub record: &'a EpochRecord,
    /// The number of epochs.
    pub epochs: u64,
    /// Everything so far, this epoch included.
    pub history: &'a History,
    /// The evaluation, if the epoch has one.
    pub evaluation: Option<&'a Evaluation>,
    /// Whether the monitored metric is the best so far.
    pub is_best: bool,
    /// The model; without the moving average.
    pub model: &'a M,
}

impl<'a, T: Real, M, D> Trainer<'a, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    /// A trainer of a model, with default options.
    ///
    /// * `method`: an [`Optimizer`](crate::optim::Optimizer), or [`Lbfgs`](crate::optim::Lbfgs)
    /// * `data`: the training data, such as a [`Loader`](crate::data::Loader)
    #[must_use]
    pub fn new(model: &'a mut M, method: impl Into<Method<T>>, data: &'a D) -> Self {
        Self {
            model,
            data,
            validation: None,
            method: method.into(),
            options: TrainOptions::default(),
            loss: None,
            metrics: Vec::new(),
            plans: Vec::new(),
            plateau: None,
            checkpoints: None,
            resume: Resume::No,
            configuration: String::new(),
            stop: StopHandle::new(),
            communicator: None,
            callbacks: Callbacks {
                step: Vec::new(),
                epoch: Vec::new(),
                checkpoint: Vec::new(),
            },
            state: None,
        }
    }

    /// With other options.
    #[must_use]
    pub fn options(mut self, options: TrainOptions) -> Self {
        self.options = options;
        self
    }

    /// With another number of epochs.
    #[must_use]
    pub fn epochs(mut self, epochs: u64) -> Self {
        self.options.epochs = epochs;
        self
    }

    /// With data for evaluations.
    #[must_use]
    pub fn validation(mut self, data: &'a D) -> Self {
        self.validation = Some(data);
        self
    }

    /// With a loss: the mean over the examples of a batch, one number. (`Sync` because shards may be computed at the same
    /// time.)
    ///
    /// ```
    /// use wengert::prelude::*;
    ///
    /// # let digits = Split::digits();
    /// # let loader = Loader::new(&digits.test, LoaderOptions::default());
    /// # let mut model: Sequential = Sequential::new().push(Flatten).push(Linear::new(64, 10, &mut rng(0)));
    /// # let optimizer = Optimizer::new(Adam::default());
    /// let smooth = CrossEntropyOptions { label_smoothing: 0.1, ..CrossEntropyOptions::default() };
    /// let mut trainer = Trainer::new(&mut model, optimizer, &loader)
    ///     .loss(move |output, batch| output.cross_entropy_with(batch.targets.classes(), &smooth))
    ///     .epochs(1);
    /// trainer.fit()?;
    /// # Ok::<(), wengert::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn loss(mut self, loss: impl Fn(&Var<T>, &D::Batch) -> Var<T> + Sync + 'a) -> Self {
        self.loss = Some(Box::new(loss));
        self
    }

    /// With a metric of the validation data, `valid_NAME` in the history: a mean over the examples of a batch,
    /// from the output of the model.
    #[must_use]
    pub fn metric(
        mut self,
        name: impl Into<String>,
        metric: impl Fn(&Tensor<T>, &D::Batch) -> f64 + 'a,
    ) -> Self {
        self.metrics.push((name.into(), Box::new(metric)));
        self
    }

    /// With a learning-rate schedule, made from the number of steps that it will make. Several multiply, as far
    /// as their curves are computed from the previous rate.
    #[must_use]
    pub fn schedule<C: Curve>(self, every: Every, curve: impl Fn(u64) -> C + 'a) -> Self {
        self.plan(every, None, move |steps| {
            (vec![Box::new(curve(steps)) as Box<dyn Curve>], Vec::new())
        })
    }

    /// As [`schedule`](Self::schedule), for the group of the optimizer with this pattern only; `*` is the first
    /// group.
    #[must_use]
    pub fn schedule_group<C: Curve>(
        self,
        every: Every,
        group: impl Into<String>,
        curve: impl Fn(u64) -> C + 'a,
    ) -> Self {
        let curves = move |steps| (vec![Box::new(curve(steps)) as Box<dyn Curve>], Vec::new());
        self.plan(every, Some(group.into()), curves)
    }

    /// With several curves one after the other, and the steps at which all but the first start; see
    /// [`Schedule::sequence`](crate::optim::Schedule::sequence).
    #[must_use]
    pub fn schedule_sequence(
        self,
        every: Every,
        curves: impl Fn(u64) -> (Vec<Box<dyn Curve>>, Vec<u64>) + 'a,
    ) -> Self {
        self.plan(every, None, curves)
    }

    fn plan(
        mut self,
        every: Every,
        group: Option<String>,
        curves: impl Fn(u64) -> (Vec<Box<dyn Curve>>, Vec<u64>) + 'a,
    ) -> Self {
        self.plans.push(Plan {
            every,
            group,
            curves: Box::new(curves),
        });
        self
    }

    /// With learning rates that fall when the monitored metric no longer improves. The mode is that of the
    /// [`Monitor`](super::Monitor).
    #[must_use]
    pub fn plateau(mut self, options: ReduceLrOnPlateau) -> Self {
        self.plateau = Some(options);
        self
    }

    /// With checkpoints. Their directory is locked while training runs.
    #[must_use]
    pub fn checkpoints(mut self, options: CheckpointOptions) -> Self {
        self.checkpoints = Some(options);
        self
    }

    /// Continues from a checkpoint: the run ends with the same bits as one that was never stopped.
    ///
    /// `path` is a file, or a directory, whose last checkpoint is then used.
    #[must_use]
    pub fn resume(mut self, path: impl Into<PathBuf>) -> Self {
        self.resume = Resume::File(path.into());
        self
    }

    /// Continues from the last checkpoint in the directory of [`checkpoints`](Self::checkpoints); begins anew
    /// if there is none.
    #[must_use]
    pub fn resume_if_possible(mut self) -> Self {
        self.resume = Resume::Last;
        self
    }

    /// With a text that each checkpoint stores, such as a configuration file.
    #[must_use]
    pub fn configuration(mut self, text: impl Into<String>) -> Self {
        self.configuration = text.into();
        self
    }

    /// With a handle to stop training from a signal handler or another thread.
    #[must_use]
    pub fn stop_handle(mut self, handle: &StopHandle) -> Self {
        self.stop = handle.clone();
        self
    }

    /// Trains together with other processes, each of which makes the same trainer and calls [`fit`](Self::fit). Each
    /// computes some of the [shards](TrainOptions::shards) of every batch; all end with the same weights, which are
    /// those of one process with as many shards, bit for bit.
    ///
    /// Each process reads the examples of its own shards only, and evaluates a part of the validation data. The first
    /// process alone reads and writes checkpoints. Callbacks are called on every process; if one stops training on any
    /// process, all stop. An error of one process is an error of all, before the next step.
    ///
    /// ```
    /// use wengert::distributed::Simulator;
    /// use wengert::prelude::*;
    ///
    /// let digits = Split::digits();
    /// let loader = Loader::new(&digits.test, LoaderOptions { batch: 32, ..LoaderOptions::default() });
    /// let train = |communicator: Option<&_>| {
    ///     let mut model: Sequential = Sequential::new().push(Flatten).push(Linear::new(64, 10, &mut rng(0)));
    ///     let options = TrainOptions { epochs: 1, shards: 4, ..TrainOptions::default() };
    ///     let mut trainer = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader).options(options);
    ///     if let Some(communicator) = communicator {
    ///         trainer = trainer.communicator(communicator);
    ///     }
    ///     trainer.fit().expect("it trains");
    ///     drop(trainer);
    ///     wengert::nn::StateDict::of(&model).to_bytes()
    /// };
    /// let alone = train(None);
    /// for weights in Simulator::new(3).run(|communicator| train(Some(communicator))) {
    ///     assert_eq!(weights, alone);
    /// }
    /// ```
    #[must_use]
    pub fn communicator(mut self, communicator: &'a Communicator) -> Self {
        self.communicator = Some(communicator);
        self
    }

    /// Calls `f` after each batch. It may return [`ControlFlow::Break`] to stop.
    #[must_use]
    pub fn on_step<R: CallbackResult>(
        mut self,
        mut f: impl FnMut(&StepReport<'_, T, M>) -> R + 'a,
    ) -> Self {
        self.callbacks
            .step
            .push(Box::new(move |report| f(report).flow()));
        self
    }

    /// Calls `f` after each epoch and its evaluation. It may return [`ControlFlow::Break`] to stop.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use wengert::prelude::*;
    /// use wengert::train::StopReason;
    ///
    /// # let digits = Split::digits();
    /// # let loader = Loader::new(&digits.test, LoaderOptions::default());
    /// # let mut model: Sequential = Sequential::new().push(Flatten).push(Linear::new(64, 10, &mut rng(0)));
    /// # let optimizer = Optimizer::new(Adam::default());
    /// let outcome = Trainer::new(&mut model, optimizer, &loader)
    ///     .on_epoch(|epoch| {
    ///         println!("{:?}", epoch.record.get("train_loss"));
    ///         if epoch.record.epoch == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    ///     })
    ///     .fit()?;
    /// assert_eq!((outcome.reason, outcome.history.epochs.len()), (StopReason::Callback, 2));
    /// # Ok::<(), wengert::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn on_epoch<R: CallbackResult>(
        mut self,
        mut f: impl FnMut(&EpochReport<'_, M>) -> R + 'a,
    ) -> Self {
        self.callbacks
            .epoch
            .push(Box::new(move |report| f(report).flow()));
        self
    }

    /// Calls `f` with the path of each checkpoint, once it is on the disk.
    #[must_use]
    pub fn on_checkpoint<R: CallbackResult>(mut self, mut f: impl FnMut(&Path) -> R + 'a) -> Self {
        self.callbacks
            .checkpoint
            .push(Box::new(move |path| f(path).flow()));
        self
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &M {
        self.model
    }

    /// The optimizer.
    #[must_use]
    pub fn method(&self) -> &Method<T> {
        &self.method
    }

    /// Everything that was recorded; `None` before [`fit`](Self::fit).
    #[must_use]
    pub fn history(&self) -> Option<&History> {
        self.state.as_ref().map(|state| &state.history)
    }

    /// The moving average of the weights and buffers by path; `None` without
    /// [`ema`](TrainOptions::ema), and before [`fit`](Self::fit).
    #[must_use]
    pub fn ema(&self) -> Option<StateDict> {
        let average = self.state.as_ref()?.average.as_ref()?;
        Some(average.state_dict(&*self.model))
    }
}

/// The mean loss of a batch: the trainer's own, or the usual one.
#[track_caller]
pub(super) fn loss_of<T: Real, B: TrainBatch<T>>(
    own: Option<&LossFn<'_, T, B>>,
    output: &Var<T>,
    batch: &B,
) -> Var<T> {
    match own {
        Some(loss) => loss(output, batch),
        None => batch.usual_loss(output).expect("checked before training"),
    }
}

impl<T: Real, M, D: BatchSource<T>> std::fmt::Debug for Trainer<'_, T, M, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("options", &self.options)
            .field("checkpoints", &self.checkpoints)
            .field("schedules", &self.plans.len())
            .finish_non_exhaustive()
    }
}
