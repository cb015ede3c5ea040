//! Layers.

use burn::module::{Param, ParamId};
use burn::nn;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Tensor, linalg, module};

use crate::{Inputs, flat};

pub fn apply(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let device = &x.device;
    let affine = |i| Param::initialized(ParamId::new(), x.at::<1>(i));
    Some(match function {
        "layer_norm" => {
            let mut layer = nn::LayerNormConfig::new(4).init(device);
            (layer.gamma, layer.beta) = (affine(1), Some(affine(2)));
            flat(layer.forward(x.at::<2>(0)))
        }
        "rms_norm" => {
            let mut layer = nn::RmsNormConfig::new(4).init(device);
            layer.gamma = affine(1);
            flat(layer.forward(x.at::<2>(0)))
        }
        "group_norm" => {
            let mut layer = nn::GroupNormConfig::new(2, 4).init(device);
            (layer.gamma, layer.beta) = (Some(affine(1)), Some(affine(2)));
            flat(layer.forward(x.at::<3>(0)))
        }
        "batch_norm" => {
            let mut layer = nn::BatchNormConfig::new(3).init(device);
            (layer.gamma, layer.beta) = (affine(1), affine(2));
            if x.rank(0) == 2 {
                flat(layer.forward(x.at::<2>(0)))
            } else {
                flat(layer.forward(x.at::<4>(0)))
            }
        }
        "batch_norm_eval" => {
            let (mean, variance) = (x.constants([0.1, 0.2, 0.3]), x.constants([1.1, 0.4, 2.0]));
            flat(module::batch_norm(
                x.at::<2>(0),
                x.at(1),
                x.at(2),
                mean,
                variance,
                1e-5,
            ))
        }
        "instance_norm" => {
            let config = nn::InstanceNormConfig::new(3).with_affine(false);
            flat(config.init(device).forward(x.at::<3>(0)))
        }
        "local_response_norm" => {
            let layer = nn::LocalResponseNormConfig::new(3).init();
            flat(layer.forward(x.at::<3>(0)))
        }
        "cosine_similarity" => flat(linalg::cosine_similarity(x.at::<2>(0), x.at(1), 1, None)),
        "pairwise_distance" => {
            let layer = nn::PairwiseDistanceConfig::new().init();
            layer.forward(x.at(0), x.at(1))
        }
        "attention" => attention(x, false),
        "attention_causal" => attention(x, true),
        "lstm_cell" => lstm_cell(x),
        "gru_cell" => gru_cell(x),
        _ => return None,
    })
}

fn attention(x: &Inputs, is_causal: bool) -> Tensor<1> {
    let options = AttentionModuleOptions {
        is_causal,
        ..AttentionModuleOptions::default()
    };
    let y = module::attention(x.at(0), x.at(1), x.at(2), None, None, options);
    flat(y)
}

/// Gives a gate two of the rows of both weights.
fn set(gate: &mut nn::GateController, weights: &[Tensor<2>; 2], row: usize) {
    let transforms = [&mut gate.input_transform, &mut gate.hidden_transform];
    for (transform, weight) in transforms.into_iter().zip(weights) {
        let weight = weight.clone().narrow(0, row, 2).transpose();
        transform.weight = Param::initialized(ParamId::new(), weight);
    }
}

fn lstm_cell(x: &Inputs) -> Tensor<1> {
    let mut layer = nn::LstmConfig::new(3, 2, false).init(&x.device);
    let weights = [x.at(3), x.at(4)];
    set(&mut layer.input_gate, &weights, 0);
    if let Some(gate) = &mut layer.forget_gate {
        set(gate, &weights, 2);
    }
    set(&mut layer.cell_gate, &weights, 4);
    set(&mut layer.output_gate, &weights, 6);
    let state = nn::LstmState::new(x.at::<2>(2), x.at(1));
    let sequence = x.at::<2>(0).unsqueeze_dim(1);
    let (y, state) = layer.forward(sequence, Some(state));
    Tensor::cat(vec![flat(y), flat(state.cell)], 0)
}

fn gru_cell(x: &Inputs) -> Tensor<1> {
    let mut layer = nn::GruConfig::new(3, 2, false).init(&x.device);
    let weights = [x.at(2), x.at(3)];
    set(&mut layer.reset_gate, &weights, 0);
    set(&mut layer.update_gate, &weights, 2);
    set(&mut layer.new_gate, &weights, 4);
    let sequence = x.at::<2>(0).unsqueeze_dim(1);
    flat(layer.forward(sequence, Some(x.at(1))))
}
