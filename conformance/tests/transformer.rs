//! The layers of a transformer against `PyTorch`, from equal weights: results, and gradients of inputs and parameters.
//!
//! `transformer.json` is made by `transformer.py`, which draws the same weights from the same hash.

mod draws;

use serde_json::Value;
use wengert::nn::{
    Activation, AttentionMasks, Pass, TransformerDecoderLayer, TransformerEncoderLayer,
    TransformerOptions, rng,
};
use wengert::prelude::Var;
use wengert::tensor::Tensor;

use draws::{drawn, set_weights};

/// Relative to the largest element; both sides compute in `f64`.
const ROUNDING: f64 = 1e-12;
const WIDTH: usize = 8;
const HEADS: usize = 2;
const BATCH: usize = 2;
const LENGTH: usize = 5;
const KEYS: usize = 4;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[track_caller]
fn assert_near(what: &str, case: &Value, ours: &[f64], expected: &[f64]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let apart = ours.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let apart = apart.fold(0.0, f64::max) / largest;
    let options = ["kind", "norm_first", "activation", "masked"].map(|name| &case[name]);
    assert!(apart <= ROUNDING, "{what} of {options:?}: {apart:e}");
}

/// Later keys for each query, and the last two keys of the second sequence.
fn masks(keys: usize) -> (Tensor<bool>, Tensor<bool>) {
    let forbidden = Tensor::from_fn([LENGTH, keys], |at| at[1] > at[0]);
    let padding = Tensor::from_fn([BATCH, keys], |at| at[0] == 1 && at[1] + 2 >= keys);
    (forbidden, padding)
}

fn given(masks: &(Tensor<bool>, Tensor<bool>), masked: bool) -> AttentionMasks<'_> {
    AttentionMasks {
        forbidden: Some(&masks.0).filter(|_| masked),
        padding: Some(&masks.1).filter(|_| masked),
    }
}

fn options(case: &Value) -> TransformerOptions {
    TransformerOptions {
        hidden: 12,
        dropout: 0.0,
        activation: match case["activation"].as_str() {
            Some("relu") => Activation::Relu,
            Some("gelu") => Activation::Gelu,
            other => panic!("activation {other:?}"),
        },
        norm_first: case["norm_first"].as_bool().expect("a flag"),
        ..TransformerOptions::default()
    }
}

/// The result, and the gradients of `Σ cotangent · y`: by input, and by parameter times a fixed direction.
fn compare(case: &Value, pass: &mut Pass<f64>, y: &Var<f64>, inputs: &[(&str, &Var<f64>)]) {
    assert_near(
        "output",
        case,
        &y.value().to_vec(),
        &numbers(&case["output"]),
    );
    let cotangent = pass.input(drawn("cotangent", y.shape(), -1.0, 1.0));
    let loss = (y * cotangent).sum(..);
    let by_leaf = loss.backward_keep();
    for (name, input) in inputs {
        assert_near(
            name,
            case,
            &by_leaf.wrt(input).to_vec(),
            &numbers(&case[*name]),
        );
    }
    let gradients = pass.backward(&loss);
    let stored = case["parameters"].as_object().expect("sums by name");
    let mut seen = 0;
    for (name, gradient) in gradients.iter() {
        let direction: Tensor<f64> = drawn("direction", gradient.shape(), -1.0, 1.0);
        let sum = gradient
            .iter()
            .zip(direction.iter())
            .map(|(g, d)| g * d)
            .sum::<f64>();
        let expected = stored[name].as_f64().expect("a number");
        assert_near(name, case, &[sum], &[expected]);
        seen += 1;
    }
    assert_eq!(seen, stored.len(), "parameters");
}

fn encoder(case: &Value, masked: bool) {
    let mut layer: TransformerEncoderLayer<f64> =
        TransformerEncoderLayer::new(WIDTH, HEADS, &options(case), &mut rng(0));
    set_weights(&mut layer);
    let mut pass = Pass::train(&layer, 0);
    let x = pass
        .tape()
        .leaf(drawn("input", &[BATCH, LENGTH, WIDTH], -1.0, 1.0));
    let own = masks(LENGTH);
    let y = layer.encode(&x, &given(&own, masked), &mut pass);
    compare(case, &mut pass, &y, &[("gradient", &x)]);
}

fn decoder(case: &Value, masked: bool) {
    let mut layer: TransformerDecoderLayer<f64> =
        TransformerDecoderLayer::new(WIDTH, HEADS, &options(case), &mut rng(0));
    set_weights(&mut layer);
    let mut pass = Pass::train(&layer, 0);
    let x = pass
        .tape()
        .leaf(drawn("input", &[BATCH, LENGTH, WIDTH], -1.0, 1.0));
    let memory = pass
        .tape()
        .leaf(drawn("memory", &[BATCH, KEYS, WIDTH], -1.0, 1.0));
    let (own, across) = (masks(LENGTH), masks(KEYS));
    let both = [given(&own, masked), given(&across, masked)];
    let y = layer.decode(&x, &memory, &both, &mut pass);
    compare(
        case,
        &mut pass,
        &y,
        &[("gradient", &x), ("memory_gradient", &memory)],
    );
}

#[test]
fn transformer_layers_have_the_results_and_the_gradients_of_pytorch() {
    let text = include_str!("transformer.json");
    let stored: Value = serde_json::from_str(text).expect("transformer.json is JSON");
    let cases = stored["cases"].as_array().expect("a list of cases");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let masked = case["masked"].as_bool().expect("a flag");
        match case["kind"].as_str() {
            Some("encoder") => encoder(case, masked),
            Some("decoder") => decoder(case, masked),
            other => panic!("a layer of kind {other:?}"),
        }
    }
}
