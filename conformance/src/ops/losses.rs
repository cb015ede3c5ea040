//! Losses.

use wengert::autograd::ops::{
    BinaryCrossEntropyOptions, CrossEntropyOptions, KlDivOptions, MultiMarginOptions, NllOptions,
    PoissonOptions, TripletOptions,
};
use wengert::tensor::Real;

use crate::call::{Call, Outputs, Slot, y};
use crate::failure::{Failure, wrong};

#[expect(clippy::too_many_lines, reason = "one arm an op")]
pub fn run<T: Real>(call: &Call<'_, T>) -> Result<Outputs<T>, Failure> {
    let args = call.args;
    let (input, target) = (|| call.var("input"), || call.var("target"));
    let binary = || -> Result<_, Failure> {
        Ok(BinaryCrossEntropyOptions {
            weight: call.try_constant("weight")?,
            reduction: args.reduction()?,
        })
    };
    match call.op {
        "l1_loss" | "smooth_l1_loss" | "huber_loss" => {
            // The fixtures give each of the three losses the options of all three.
            let (beta, delta) = (args.f64_or("beta", 1.0)?, args.f64_or("delta", 1.0)?);
            let (x, t, reduction) = (input()?, target()?, args.reduction()?);
            y(match call.op {
                "l1_loss" => x.l1_loss_with(t, reduction),
                "smooth_l1_loss" => x.smooth_l1_loss_with(t, beta, reduction),
                _ => x.huber_loss_with(t, delta, reduction),
            })
        }
        "mse_loss" => y(input()?.mse_loss_with(target()?, args.reduction()?)),
        "cross_entropy" => {
            let mut options = CrossEntropyOptions {
                weight: call.try_constant("weight")?,
                label_smoothing: args.f64_or("label_smoothing", 0.0)?,
                reduction: args.reduction()?,
                ..CrossEntropyOptions::default()
            };
            options.ignore_index = args.isize_or("ignore_index", -100)? as i64;
            y(match &call.inputs.get("target") {
                Some(Slot::Whole(classes)) => input()?.cross_entropy_with(classes, &options),
                Some(Slot::Var(shares)) => input()?.cross_entropy_soft_with(shares, &options),
                _ => return wrong("there is no target"),
            })
        }
        "nll_loss" => {
            let mut options = NllOptions {
                weight: call.try_constant("weight")?,
                reduction: args.reduction()?,
                ..NllOptions::default()
            };
            options.ignore_index = args.isize_or("ignore_index", -100)? as i64;
            y(input()?.nll_loss_with(call.whole("target")?, &options))
        }
        "binary_cross_entropy" => y(input()?.binary_cross_entropy_with(target()?, &binary()?)),
        "binary_cross_entropy_with_logits" => {
            let positive = call.try_constant("pos_weight")?;
            let (x, t) = (input()?, target()?);
            y(x.binary_cross_entropy_with_logits_with(t, positive.as_ref(), &binary()?))
        }
        "soft_margin_loss" => y(input()?.soft_margin_loss_with(target()?, args.reduction()?)),
        "hinge_embedding_loss" => {
            let (margin, reduction) = (args.f64_or("margin", 1.0)?, args.reduction()?);
            y(input()?.hinge_embedding_loss_with(&call.signs("target")?, margin, reduction))
        }
        "kl_div" => {
            let options = KlDivOptions {
                log_target: args.bool_or("log_target", false)?,
                reduction: args.reduction()?,
            };
            y(input()?.kl_div_with(target()?, &options))
        }
        "margin_ranking_loss" => {
            let (x1, x2, t) = (call.var("x1")?, call.var("x2")?, target()?);
            let (margin, reduction) = (args.f64_or("margin", 0.0)?, args.reduction()?);
            y(x1.margin_ranking_loss_with(x2, t, margin, reduction))
        }
        "multi_margin_loss" => {
            let options = MultiMarginOptions {
                p: args.usize_or("p", 1)?,
                margin: args.f64_or("margin", 1.0)?,
                weight: call.try_constant("weight")?,
                reduction: args.reduction()?,
            };
            y(input()?.multi_margin_loss_with(call.whole("target")?, &options))
        }
        "cosine_embedding_loss" => {
            let (x1, x2, t) = (call.var("x1")?, call.var("x2")?, call.signs("target")?);
            let (margin, reduction) = (args.f64_or("margin", 0.0)?, args.reduction()?);
            y(x1.cosine_embedding_loss_with(x2, &t, margin, reduction))
        }
        "triplet_margin_loss" => {
            let options = TripletOptions {
                margin: args.f64_or("margin", 1.0)?,
                p: args.f64_or("p", 2.0)?,
                eps: args.f64_or("eps", 1e-6)?,
                swap: args.bool_or("swap", false)?,
                reduction: args.reduction()?,
            };
            let (positive, negative) = (call.var("positive")?, call.var("negative")?);
            y(call
                .var("anchor")?
                .triplet_margin_loss_with(positive, negative, &options))
        }
        "cosine_similarity" => {
            let (axis, eps) = (args.isize_or("dim", 1)?, args.f64_or("eps", 1e-8)?);
            y(call
                .var("x1")?
                .cosine_similarity(call.var("x2")?, axis, eps))
        }
        "poisson_nll_loss" => {
            let options = PoissonOptions {
                log_input: args.bool_or("log_input", true)?,
                full: args.bool_or("full", false)?,
                eps: args.f64_or("eps", 1e-8)?,
                reduction: args.reduction()?,
            };
            y(input()?.poisson_nll_loss_with(target()?, &options))
        }
        _ => Err(Failure::NotImplemented),
    }
}
