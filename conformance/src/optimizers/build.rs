//! Optimizers from `PyTorch`'s names and keywords.

use serde_json::{Map, Value};
use wengert::optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Lbfgs, LbfgsOptions, LineSearch, NAdam, Optimizer,
    RAdam, Rate, Rates, RmsProp, Rule, Sgd,
};
use wengert::tensor::Real;

use crate::args::{Args, number};
use crate::failure::{Failure, needed, wrong};

/// An optimizer of either kind.
pub enum Stepper<T: Real> {
    Rule(Optimizer<T>),
    /// With the clipping of its gradients.
    Lbfgs(Box<Lbfgs<T>>, Option<f64>),
}

impl<T: Real> Rates for Stepper<T> {
    fn rates(&mut self) -> Vec<Rate<'_>> {
        match self {
            Self::Rule(optimizer) => optimizer.rates(),
            Self::Lbfgs(optimizer, _) => optimizer.rates(),
        }
    }
}

impl<T: Real> Stepper<T> {
    /// The rate and the momentum of each group.
    pub fn rates_now(&mut self) -> Vec<(f64, f64)> {
        let rates = self.rates().into_iter();
        rates
            .map(|rate| (*rate.lr, rate.momentum.map_or(0.0, |m| *m)))
            .collect()
    }
}

/// The optimizer of a case.
pub fn optimizer<T: Real>(args: &Args<'_>, names: &[&str]) -> Result<Stepper<T>, Failure> {
    let kind = needed(args.str("optimizer")?, "argument optimizer")?;
    let empty = Map::new();
    let options = args.object("options")?.unwrap_or(&empty);
    let clip = args.f64("clip_norm")?;
    let overrides = args.object("group_overrides")?;
    if kind == "LBFGS" {
        if overrides.is_some() {
            return wrong("LBFGS has no groups");
        }
        return Ok(Stepper::Lbfgs(Box::new(lbfgs(options)?), clip));
    }
    let mut optimizer = Optimizer::new(rule::<T>(kind, options)?);
    for (name, group) in overrides.into_iter().flatten() {
        if !names.contains(&&**name) {
            return wrong(format!("group_overrides: there is no parameter {name}"));
        }
        let Some(group) = group.as_object() else {
            return wrong(format!("group_overrides: {group} is not an object"));
        };
        let mut merged = options.clone();
        merged.extend(group.clone());
        optimizer = optimizer.group(name, rule::<T>(kind, &merged)?);
    }
    Ok(Stepper::Rule(match clip {
        Some(max) => optimizer.clip_norm(max),
        None => optimizer,
    }))
}

/// An optimizer with one group per rate, and with the options that the schedule changes.
pub fn groups<T: Real>(args: &Args<'_>, base: &[f64]) -> Result<Stepper<T>, Failure> {
    let momentum = args.f64_or("momentum", 0.0)?;
    let beta = args.f64("beta1")?;
    let kind = args
        .str("optimizer")?
        .unwrap_or(if beta.is_some() { "Adam" } else { "SGD" });
    let rule_of = |lr: f64| {
        let mut options = Map::new();
        options.insert("lr".to_owned(), lr.into());
        if kind == "SGD" || kind == "RMSprop" {
            options.insert("momentum".to_owned(), momentum.into());
        } else if let Some(beta) = beta {
            options.insert("betas".to_owned(), vec![beta, 0.999].into());
        }
        rule::<T>(kind, &options)
    };
    let (first, rest) = needed(base.split_first(), "first of the base_lrs")?;
    let mut optimizer = Optimizer::new(rule_of(*first)?);
    for (i, &lr) in rest.iter().enumerate() {
        optimizer = optimizer.group(&format!("{}", i + 1), rule_of(lr)?);
    }
    Ok(Stepper::Rule(optimizer))
}

/// A rule whose type is known only here.
type Boxed<T> = Box<dyn Rule<T>>;

/// A rule by its name and keywords.
pub fn rule<T: Real>(kind: &str, options: &Map<String, Value>) -> Result<Boxed<T>, Failure> {
    let args = &Args::new(options);
    /// Sets each field from the keyword of its name; without one it keeps its default.
    macro_rules! options {
        ($rule:ident { $($field:ident: $kind:ident),* }) => {{
            let mut rule = $rule::default();
            $(options!(@ rule $field $kind);)*
            Box::new(rule) as Boxed<T>
        }};
        (@ $rule:ident $field:ident number) => {
            $rule.$field = args.f64_or(stringify!($field), $rule.$field)?;
        };
        (@ $rule:ident $field:ident truth) => {
            $rule.$field = args.bool_or(stringify!($field), $rule.$field)?;
        };
        (@ $rule:ident $field:ident pair) => {
            if let Some(pair) = args.list(stringify!($field), number)? {
                $rule.$field = match pair[..] {
                    [a, b] => [a, b],
                    _ => return wrong(format!("{}: {pair:?}", stringify!($field))),
                };
            }
        };
    }
    let rule = match kind {
        "SGD" => options!(Sgd {
            lr: number,
            momentum: number,
            dampening: number,
            weight_decay: number,
            nesterov: truth,
            maximize: truth
        }),
        "Adam" => options!(Adam {
            lr: number,
            betas: pair,
            eps: number,
            weight_decay: number,
            decoupled_weight_decay: truth,
            amsgrad: truth,
            maximize: truth
        }),
        "AdamW" => options!(AdamW {
            lr: number,
            betas: pair,
            eps: number,
            weight_decay: number,
            amsgrad: truth,
            maximize: truth
        }),
        "NAdam" => options!(NAdam {
            lr: number,
            betas: pair,
            eps: number,
            weight_decay: number,
            momentum_decay: number,
            decoupled_weight_decay: truth,
            maximize: truth
        }),
        "RAdam" => options!(RAdam {
            lr: number,
            betas: pair,
            eps: number,
            weight_decay: number,
            decoupled_weight_decay: truth,
            maximize: truth
        }),
        "Adamax" => options!(Adamax {
            lr: number,
            betas: pair,
            eps: number,
            weight_decay: number,
            maximize: truth
        }),
        "RMSprop" => options!(RmsProp {
            lr: number,
            alpha: number,
            eps: number,
            weight_decay: number,
            momentum: number,
            centered: truth,
            maximize: truth
        }),
        "Adagrad" => options!(Adagrad {
            lr: number,
            lr_decay: number,
            weight_decay: number,
            initial_accumulator_value: number,
            eps: number,
            maximize: truth
        }),
        "Adadelta" => options!(Adadelta {
            lr: number,
            rho: number,
            eps: number,
            weight_decay: number,
            maximize: truth
        }),
        other => return wrong(format!("optimizer {other:?}")),
    };
    args.all_read()?;
    Ok(rule)
}

fn lbfgs<T: Real>(options: &Map<String, Value>) -> Result<Lbfgs<T>, Failure> {
    let args = Args::new(options);
    let default = LbfgsOptions::default();
    let made = LbfgsOptions {
        lr: args.f64_or("lr", default.lr)?,
        max_iter: args.usize_or("max_iter", default.max_iter)?,
        max_eval: args.usize("max_eval")?,
        tolerance_grad: args.f64_or("tolerance_grad", default.tolerance_grad)?,
        tolerance_change: args.f64_or("tolerance_change", default.tolerance_change)?,
        history_size: args.usize_or("history_size", default.history_size)?,
        line_search: match args.str("line_search_fn")? {
            None => None,
            Some("strong_wolfe") => Some(LineSearch::StrongWolfe),
            Some(other) => return wrong(format!("line_search_fn {other:?}")),
        },
        maximize: args.bool_or("maximize", default.maximize)?,
    };
    args.all_read()?;
    Ok(Lbfgs::new(made))
}
