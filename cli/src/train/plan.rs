//! The settings of a run, complete and consistent.

use std::path::Path;

use wengert::data::{Augment, Loader, LoaderOptions};
use wengert::nn::Sequential;
use wengert::optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, CosineAnnealingLr, LinearLr, NAdam, OneCycleLr,
    Optimizer, RAdam, ReduceLrOnPlateau, RmsProp, Sgd, StepLr,
};
use wengert::train::{EarlyStopping, Ema, Every, Monitor, TrainOptions, Trainer};

use crate::model::{Design, ModelName};
use crate::outcome::UsageError;
use crate::run::{Destination, Images, Run};
use crate::settings::{DatasetName, OptimizerName, ScheduleName, Settings};
use crate::sources::{SIZE, Source};

/// Settings without gaps.
pub struct Plan {
    /// All of them, as they are stored with the run.
    pub settings: Settings,
    pub dataset: DatasetName,
    pub batch: usize,
    pub seed: u64,
    pub lr: f64,
    pub label_smoothing: f64,
    model: ModelName,
    epochs: u64,
    optimizer: OptimizerName,
    schedule: ScheduleName,
    augment: Augment,
}

impl Plan {
    /// Fills the gaps with the defaults of the data set and the optimizer.
    pub fn new(given: &Settings) -> Result<Self, UsageError> {
        let mut settings = given.clone();
        let dataset = settings.dataset.ok_or_else(|| {
            UsageError("name a data set, such as `wengert train digits`".to_owned())
        })?;
        let defaults = dataset.defaults();
        let optimizer = *settings.optimizer.get_or_insert(OptimizerName::Adam);
        let schedule = *settings.schedule.get_or_insert(ScheduleName::Cosine);
        let model = settings.model.get_or_insert_with(|| "cnn".to_owned());
        let model = model.parse().map_err(UsageError)?;
        let augment = settings
            .augment
            .get_or_insert_with(|| defaults.augment.to_owned());
        let augment = crate::augment::parse(augment).map_err(UsageError)?;
        if dataset == DatasetName::Folder {
            settings.size.get_or_insert(SIZE);
        }
        let plan = Self {
            dataset,
            batch: *settings.batch.get_or_insert(32) as usize,
            seed: *settings.seed.get_or_insert(0),
            label_smoothing: *settings
                .label_smoothing
                .get_or_insert(defaults.label_smoothing),
            lr: *settings.lr.get_or_insert(usual_rate(optimizer)),
            model,
            epochs: *settings.epochs.get_or_insert(defaults.epochs),
            optimizer,
            schedule,
            augment,
            settings,
        };
        plan.check()?;
        Ok(plan)
    }

    /// An error if two settings contradict each other.
    fn check(&self) -> Result<(), UsageError> {
        let settings = &self.settings;
        let wrong = |text: &str| Err(UsageError(text.to_owned()));
        if !settings.validate && settings.patience.is_some() {
            return wrong("--patience needs validation images: add --validate");
        }
        if !settings.validate && self.schedule == ScheduleName::Plateau {
            return wrong("--schedule plateau needs validation images: add --validate");
        }
        if settings.size.is_some() && self.dataset != DatasetName::Folder {
            return wrong("--size is for folder; the images of a data set have their own size");
        }
        if settings.skip_unusable && self.dataset != DatasetName::Folder {
            return wrong("--skip-unusable is for folder; a data set must be complete");
        }
        if settings
            .warmup
            .is_some_and(|warmup| warmup >= self.epochs as f64)
        {
            return wrong("--warmup must be shorter than --epochs");
        }
        Ok(())
    }

    /// An error if the data cannot be trained on with these settings.
    pub fn check_against(&self, source: &Source) -> Result<(), String> {
        let (batch, count) = (self.batch, source.train.len());
        if batch > count {
            return Err(format!(
                "a batch of {batch} is more than the {count} images; choose at most {count} with --batch"
            ));
        }
        if source.test.len() == 0 {
            let name = source.test_name;
            return Err(format!(
                "{}: there are no {name} images; add more images, a fifth of which are not trained on",
                self.settings
                    .data
                    .as_deref()
                    .unwrap_or(Path::new(self.dataset.name()))
                    .display()
            ));
        }
        Ok(())
    }

    /// How the network is made; a resumed run has a copy of its file.
    pub fn design(&self, place: &Destination) -> Result<Design, String> {
        match place {
            Destination::Resumed(directory) => Run::open(directory)?.design(),
            _ => Design::read(&self.model),
        }
    }

    /// The file of layers, if the network is from one.
    pub fn model_file(&self) -> Option<&Path> {
        match &self.model {
            ModelName::File(file) => Some(file),
            ModelName::Zoo(_) => None,
        }
    }

    pub const fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Epochs from one checkpoint to the next: some ten checkpoints in a run.
    pub fn checkpoint_every(&self) -> u64 {
        self.epochs.div_ceil(10)
    }

    pub fn loader_options(&self, images: &Images) -> LoaderOptions {
        LoaderOptions {
            seed: self.seed,
            augment: self.augment,
            ..images.loader_options(self.batch)
        }
    }

    pub fn train_options(&self, batches: usize) -> TrainOptions {
        let settings = &self.settings;
        let accumulate = settings.accumulate.unwrap_or(1) as usize;
        let updates = batches.div_ceil(accumulate) as f64;
        let freeze = settings.freeze.as_deref().unwrap_or_default().split(',');
        TrainOptions {
            epochs: self.epochs,
            accumulate,
            shards: settings.shards.unwrap_or(1) as usize,
            clip_norm: settings.clip,
            warm_up: (settings.warmup.unwrap_or(0.0) * updates).round() as u64,
            ema: settings.ema.map(|decay| Ema {
                decay,
                ..Ema::default()
            }),
            freeze: freeze
                .map(str::trim)
                .filter(|p| !p.is_empty())
                .map(str::to_owned)
                .collect(),
            monitor: Monitor::default(),
            early_stopping: settings.patience.map(|patience| EarlyStopping {
                patience,
                ..EarlyStopping::default()
            }),
            // The history is for the page; a record of each update would make checkpoints large.
            record_every: 100,
            ..TrainOptions::default()
        }
    }

    /// The trainer with the schedule of the learning rate.
    pub fn with_schedule<'a>(
        &self,
        trainer: Trainer<'a, f32, Sequential, Loader<'a>>,
    ) -> Trainer<'a, f32, Sequential, Loader<'a>> {
        let max_lr = self.lr;
        match self.schedule {
            ScheduleName::Constant => trainer,
            ScheduleName::Cosine => trainer.schedule(Every::Step, |steps| CosineAnnealingLr {
                t_max: steps,
                eta_min: 0.0,
            }),
            ScheduleName::Linear => trainer.schedule(Every::Step, |steps| LinearLr {
                start_factor: 1.0,
                end_factor: 0.0,
                total_iters: steps,
            }),
            ScheduleName::Step => trainer.schedule(Every::Step, |steps| StepLr {
                step_size: steps.div_ceil(3),
                gamma: 0.1,
            }),
            ScheduleName::OneCycle => trainer.schedule(Every::Step, move |steps| OneCycleLr {
                max_lr: max_lr.into(),
                total_steps: steps,
                cycle_momentum: false,
                ..OneCycleLr::default()
            }),
            ScheduleName::Plateau => trainer.plateau(ReduceLrOnPlateau {
                patience: 5,
                ..ReduceLrOnPlateau::default()
            }),
        }
    }

    /// The update rule.
    pub fn optimizer(&self) -> Optimizer {
        let lr = self.lr;
        let weight_decay = self.settings.weight_decay.unwrap_or(0.0);
        /// A rule with these options and its own defaults.
        macro_rules! rule {
            ($Rule:ident { $($option:tt)* }) => {
                Optimizer::new($Rule { lr, $($option)*, ..$Rule::default() })
            };
        }
        match self.optimizer {
            OptimizerName::Adam => rule!(Adam { weight_decay }),
            OptimizerName::Adamw => {
                let usual = AdamW::default().weight_decay;
                let weight_decay = self.settings.weight_decay.unwrap_or(usual);
                rule!(AdamW { weight_decay })
            }
            OptimizerName::Sgd => rule!(Sgd {
                weight_decay,
                momentum: 0.9,
                nesterov: true
            }),
            OptimizerName::Rmsprop => rule!(RmsProp { weight_decay }),
            OptimizerName::Adagrad => rule!(Adagrad { weight_decay }),
            OptimizerName::Adadelta => rule!(Adadelta { weight_decay }),
            OptimizerName::Adamax => rule!(Adamax { weight_decay }),
            OptimizerName::Nadam => rule!(NAdam { weight_decay }),
            OptimizerName::Radam => rule!(RAdam { weight_decay }),
        }
    }
}

/// The learning rate unless the user says otherwise, for batches of 32 to 128.
const fn usual_rate(optimizer: OptimizerName) -> f64 {
    match optimizer {
        OptimizerName::Sgd => 0.05,
        OptimizerName::Adagrad => 0.01,
        OptimizerName::Rmsprop => 0.001,
        OptimizerName::Adadelta => 1.0,
        _ => 0.003,
    }
}
