//! Schedules from `PyTorch`'s names and keywords.

use serde_json::{Map, Value};
use wengert::optim::{
    Anneal, ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, Curve, ExponentialLr,
    LinearLr, MetricMode, MultiStepLr, OneCycleLr, PerGroup, Plateau, PolynomialLr, Rates,
    ReduceLrOnPlateau, Schedule, StepLr, ThresholdMode,
};

use super::objects;
use crate::args::{Args, count, number};
use crate::failure::{Failure, needed, wrong};

/// A schedule of either kind.
pub enum Timetable {
    Curves(Schedule),
    Plateau(Plateau),
}

impl Timetable {
    pub fn new(object: &Map<String, Value>, optimizer: &mut impl Rates) -> Result<Self, Failure> {
        let args = Args::new(object);
        let made = match needed(args.str("kind")?, "kind of schedule")? {
            "ReduceLROnPlateau" => Self::Plateau(Plateau::new(plateau(&args)?, optimizer)),
            "SequentialLR" => {
                let parts = needed(args.get("parts").and_then(objects), "parts")?;
                let curves: Result<Vec<_>, _> = parts.into_iter().map(curve).collect();
                let milestones = numbers(&args, "milestones")?;
                Self::Curves(Schedule::sequence(curves?, &milestones, optimizer))
            }
            _ => {
                let curve = curve(object)?;
                return Ok(Self::Curves(Schedule::sequence(
                    vec![curve],
                    &[],
                    optimizer,
                )));
            }
        };
        args.all_read()?;
        Ok(made)
    }

    pub fn step(&mut self, optimizer: &mut impl Rates, metric: Option<f64>) -> Result<(), Failure> {
        match self {
            Self::Curves(schedule) => schedule.step(optimizer),
            Self::Plateau(plateau) => plateau.step(needed(metric, "metric")?, optimizer),
        }
        Ok(())
    }
}

fn numbers(args: &Args<'_>, name: &str) -> Result<Vec<u64>, Failure> {
    let list = needed(args.list(name, count)?, format!("argument {name}"))?;
    Ok(list.into_iter().map(|n| n as u64).collect())
}

fn per_group(args: &Args<'_>, name: &str, default: &PerGroup) -> Result<PerGroup, Failure> {
    Ok(match args.get(name) {
        None => default.clone(),
        Some(Value::Array(_)) => needed(args.list(name, number)?, name)?.into(),
        Some(_) => needed(args.f64(name)?, name)?.into(),
    })
}

fn curve(object: &Map<String, Value>) -> Result<Box<dyn Curve>, Failure> {
    let args = &Args::new(object);
    let whole = |name: &str, default: u64| -> Result<u64, Failure> {
        Ok(args.usize(name)?.map_or(default, |n| n as u64))
    };
    let must = |name: &str| -> Result<u64, Failure> {
        Ok(needed(args.usize(name)?, format!("argument {name}"))? as u64)
    };
    let curve: Box<dyn Curve> = match needed(args.str("kind")?, "kind of schedule")? {
        "StepLR" => Box::new(StepLr {
            step_size: must("step_size")?,
            gamma: args.f64_or("gamma", 0.1)?,
        }),
        "MultiStepLR" => Box::new(MultiStepLr {
            milestones: numbers(args, "milestones")?,
            gamma: args.f64_or("gamma", 0.1)?,
        }),
        "ConstantLR" => {
            let default = ConstantLr::default();
            Box::new(ConstantLr {
                factor: args.f64_or("factor", default.factor)?,
                total_iters: whole("total_iters", default.total_iters)?,
            })
        }
        "LinearLR" => {
            let default = LinearLr::default();
            Box::new(LinearLr {
                start_factor: args.f64_or("start_factor", default.start_factor)?,
                end_factor: args.f64_or("end_factor", default.end_factor)?,
                total_iters: whole("total_iters", default.total_iters)?,
            })
        }
        "ExponentialLR" => Box::new(ExponentialLr {
            gamma: needed(args.f64("gamma")?, "argument gamma")?,
        }),
        "PolynomialLR" => {
            let default = PolynomialLr::default();
            Box::new(PolynomialLr {
                total_iters: whole("total_iters", default.total_iters)?,
                power: args.f64_or("power", default.power)?,
            })
        }
        "CosineAnnealingLR" => Box::new(CosineAnnealingLr {
            t_max: must("T_max")?,
            eta_min: args.f64_or("eta_min", 0.0)?,
        }),
        "CosineAnnealingWarmRestarts" => Box::new(CosineAnnealingWarmRestarts {
            t_0: must("T_0")?,
            t_mult: whole("T_mult", 1)?,
            eta_min: args.f64_or("eta_min", 0.0)?,
        }),
        "OneCycleLR" => Box::new(one_cycle(args)?),
        other => return wrong(format!("schedule {other:?}")),
    };
    args.all_read()?;
    Ok(curve)
}

fn one_cycle(args: &Args<'_>) -> Result<OneCycleLr, Failure> {
    let default = OneCycleLr::default();
    needed(args.get("max_lr"), "argument max_lr")?;
    let (total, epochs) = (args.usize("total_steps")?, args.usize("epochs")?);
    let each = args.usize("steps_per_epoch")?;
    let product = epochs.zip(each).map(|(epochs, each)| epochs * each);
    Ok(OneCycleLr {
        max_lr: per_group(args, "max_lr", &default.max_lr)?,
        total_steps: needed(total.or(product), "argument total_steps")? as u64,
        pct_start: args.f64_or("pct_start", default.pct_start)?,
        anneal_strategy: match args.str("anneal_strategy")? {
            None | Some("cos") => Anneal::Cos,
            Some("linear") => Anneal::Linear,
            Some(other) => return wrong(format!("anneal_strategy {other:?}")),
        },
        cycle_momentum: args.bool_or("cycle_momentum", default.cycle_momentum)?,
        base_momentum: per_group(args, "base_momentum", &default.base_momentum)?,
        max_momentum: per_group(args, "max_momentum", &default.max_momentum)?,
        div_factor: args.f64_or("div_factor", default.div_factor)?,
        final_div_factor: args.f64_or("final_div_factor", default.final_div_factor)?,
        three_phase: args.bool_or("three_phase", default.three_phase)?,
    })
}

fn plateau(args: &Args<'_>) -> Result<ReduceLrOnPlateau, Failure> {
    let default = ReduceLrOnPlateau::default();
    Ok(ReduceLrOnPlateau {
        mode: match args.str("mode")? {
            None | Some("min") => MetricMode::Min,
            Some("max") => MetricMode::Max,
            Some(other) => return wrong(format!("mode {other:?}")),
        },
        factor: args.f64_or("factor", default.factor)?,
        patience: args
            .usize("patience")?
            .map_or(default.patience, |n| n as u64),
        threshold: args.f64_or("threshold", default.threshold)?,
        threshold_mode: match args.str("threshold_mode")? {
            None | Some("rel") => ThresholdMode::Rel,
            Some("abs") => ThresholdMode::Abs,
            Some(other) => return wrong(format!("threshold_mode {other:?}")),
        },
        cooldown: args
            .usize("cooldown")?
            .map_or(default.cooldown, |n| n as u64),
        min_lr: per_group(args, "min_lr", &default.min_lr)?,
        eps: args.f64_or("eps", default.eps)?,
    })
}
