//! Losses.

use burn::nn::loss::{self, Reduction};
use burn::tensor::{Tensor, activation};
use protocol::gradients::Call;

use crate::indices::integers;
use crate::{Inputs, flat};

const MEAN: Reduction = Reduction::Mean;

pub fn apply(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    classified(&call.function, x)
        .or_else(|| compared(call, x))
        .or_else(|| signed(&call.function, x))
}

/// With integers as targets.
fn classified(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let config = loss::CrossEntropyLossConfig::new();
    let cross_entropy = |config: loss::CrossEntropyLossConfig| {
        let classes = integers(x, &[2, 0, 1], [3]);
        config.init(&x.device).forward(x.at(0), classes)
    };
    let weights = || Some(vec![0.3, 1.0, 2.0, 0.7]);
    Some(match function {
        "cross_entropy" => cross_entropy(config),
        "cross_entropy_smoothed" => cross_entropy(config.with_smoothing(Some(0.1))),
        "cross_entropy_weighted" => cross_entropy(
            config
                .with_weights(weights())
                .with_pad_tokens(Some(vec![0])),
        ),
        "cross_entropy_probabilities" => cross_entropy(config.with_logits(false)),
        "multi_margin_loss" => {
            let classes = integers(x, &[2, 0, 1], [3]);
            let loss = loss::MultiMarginLossConfig::new().init();
            loss.forward(x.at(0), classes, MEAN)
        }
        "cosine_embedding_loss" => {
            let config = loss::CosineEmbeddingLossConfig::new().with_margin(0.1);
            let signs = integers(x, &[1, -1, 1], [3]);
            config.init().forward(x.at(0), x.at(1), signs)
        }
        "ctc_loss" => {
            let lengths = |length| integers(x, &[length], [1]);
            loss::CTCLossConfig::new().init().forward_with_reduction(
                activation::log_softmax(x.at::<3>(0), 2),
                integers(x, &[1, 2], [1, 2]),
                lengths(5),
                lengths(2),
                MEAN,
            )
        }
        _ => return None,
    })
}

/// Of predictions and targets.
fn compared(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    let (a, b) = (|| x.at::<2>(0), || x.at::<2>(1));
    let smooth = loss::SmoothL1LossConfig::new();
    let kl = loss::KLDivLossConfig::new();
    Some(match call.function.as_str() {
        "cross_entropy_soft" => {
            let targets = activation::softmax(b(), 1);
            burn::tensor::loss::cross_entropy_with_logits(a(), targets)
        }
        "mse_loss" => loss::MseLoss::new().forward(a(), b(), MEAN),
        "l1_loss" => loss::LpLossConfig::l1().forward(a(), b(), MEAN),
        "smooth_l1_loss" => smooth.init().forward_with_reduction(a(), b(), MEAN),
        "smooth_l1_loss_beta" => {
            let loss = smooth.with_beta(call.number("beta") as f32).init();
            loss.forward_with_reduction(a(), b(), MEAN)
        }
        "huber_loss" => loss::HuberLossConfig::new(1.0)
            .init()
            .forward(a(), b(), MEAN),
        "huber_loss_delta" => {
            let loss = loss::HuberLossConfig::new(call.number("delta") as f32).init();
            loss.forward(a(), b(), MEAN)
        }
        "kl_div" => {
            let (a, b) = (activation::log_softmax(a(), 1), activation::softmax(b(), 1));
            kl.init().forward(a, b, Reduction::BatchMean)
        }
        "kl_div_log" => kl
            .with_log_target(true)
            .init()
            .forward(a(), b(), Reduction::Sum),
        "poisson_nll_loss" => {
            let loss = loss::PoissonNllLossConfig::new().init();
            loss.forward(x.at::<1>(0), x.at(1), MEAN)
        }
        "poisson_nll_loss_full" => {
            let loss = loss::PoissonNllLossConfig::new().with_full(true).init();
            loss.forward(x.at::<1>(0), x.constants([2.0, 3.0, 0.5]), MEAN)
        }
        "gaussian_nll_loss" => {
            let loss = loss::GaussianNLLLossConfig::new().init();
            loss.forward(x.at::<1>(0), x.at(1), x.at(2), MEAN)
        }
        "triplet_margin_loss" => {
            let loss = loss::TripletMarginLossConfig::new().init();
            loss.forward(a(), b(), x.at(2), MEAN)
        }
        _ => return None,
    })
}

/// With a target of 1 or −1.
fn signed(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let signs = || x.constants([1.0, -1.0, 1.0]);
    let a = || x.at::<1>(0);
    let y = match function {
        "hinge_embedding_loss" => {
            let loss = loss::HingeEmbeddingLossConfig::new().init();
            loss.forward(a(), signs(), MEAN)
        }
        "soft_margin_loss" => loss::SoftMarginLoss::new().forward(a(), signs(), MEAN),
        "margin_ranking_loss" => {
            let loss = loss::MarginRankingLossConfig::new().with_margin(0.3).init();
            loss.forward(a(), x.at(1), signs(), MEAN)
        }
        _ => return None,
    };
    Some(flat(y))
}
