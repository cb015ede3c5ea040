//! Every model of the zoo against torchvision: logits in `f32`, input gradients in `f64`, from equal weights.
//!
//! `zoo.json` is made by `zoo.py`, which draws the same weights from the same hash. The largest models run with
//! `WENGERT_FULL=1`.

mod draws;

use serde_json::Value;
use wengert::nn::models::*;
use wengert::nn::{Layer, ParametersExt, Pass, rng};
use wengert::tensor::{Real, Tensor};

use draws::{drawn, set_weights};

/// Relative to the largest logit.
const LOGITS: f64 = 1e-5;
/// Relative to the norm of the gradient.
const GRADIENT: f64 = 1e-10;
/// The classes and the width of VGG's hidden layers in `zoo.py`.
const CLASSES: usize = 10;
const HIDDEN: usize = 64;

fn build<T: Real>(name: &str) -> Box<dyn Layer<T>> {
    let rng = &mut rng(0);
    if name == "vit" {
        return Box::new(VisionTransformer::new(&VitOptions::small(), rng));
    }
    let layout = match name.trim_end_matches("_bn") {
        "vgg11" => VggLayout::Vgg11,
        "vgg13" => VggLayout::Vgg13,
        "vgg16" => VggLayout::Vgg16,
        "vgg19" => VggLayout::Vgg19,
        _ => {
            let model = torchvision(name, CLASSES, rng);
            return Box::new(model.expect("the test builds every model of zoo.json"));
        }
    };
    let options = VggOptions {
        batch_norm: name.ends_with("_bn"),
        hidden: HIDDEN,
        classes: CLASSES,
    };
    Box::new(Vgg::new(layout, &options, rng))
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |most, x| {
        if x.is_nan() {
            f64::NAN
        } else {
            most.max(x.abs())
        }
    })
}

/// The largest difference of the logits, relative to the largest logit.
fn logit_error(name: &str, input: &[usize], expected: &[f64]) -> f64 {
    let mut model = build::<f32>(name);
    set_weights(&mut *model);
    let mut pass = Pass::eval(&*model);
    let x = pass.input(drawn("input", input, -1.0, 1.0));
    let logits = model.call(&x, &mut pass).value().to_vec();
    assert_eq!(logits.len(), expected.len(), "{name}: logits");
    let differences = logits.iter().zip(expected).map(|(&a, b)| f64::from(a) - b);
    largest(differences) / largest(expected.iter().copied())
}

/// The largest difference of an element of the input gradient that is stored, relative to the largest of them, and that of
/// its product with a fixed direction, relative to the norm.
fn gradient_error(name: &str, input: &[usize], stride: usize, reference: &Value) -> f64 {
    let mut model = build::<f64>(name);
    set_weights(&mut *model);
    assert_eq!(
        Some(model.parameter_count() as u64),
        reference["parameters"].as_u64(),
        "{name}: parameters"
    );
    let mut pass = Pass::train(&*model, 0);
    for (path, kind) in model.layers() {
        if kind == "Dropout" || kind == "StochasticDepth" {
            pass.evaluate(&path);
        }
    }
    let x = pass.tape().leaf(drawn("input", input, -1.0, 1.0));
    let scores = model.call(&x, &mut pass);
    let cotangent = pass.input(drawn("cotangent", scores.shape(), -1.0, 1.0));
    let gradient = (scores * cotangent).sum(..).backward();
    let gradient = gradient.wrt(&x).to_vec();
    let direction: Tensor<f64> = drawn("direction", &[gradient.len()], -1.0, 1.0);
    let along: f64 = gradient
        .iter()
        .zip(direction.to_vec())
        .map(|(g, d)| g * d)
        .sum();
    let expected = numbers(&reference["gradient"]);
    let norm = reference["gradient_norm"].as_f64().expect("a number");
    let expected_along = reference["gradient_along"].as_f64().expect("a number");
    let stored: Vec<_> = gradient.iter().step_by(stride).copied().collect();
    assert_eq!(stored.len(), expected.len(), "{name}: gradient");
    let by_element = largest(stored.iter().zip(&expected).map(|(a, b)| a - b))
        / largest(expected.iter().copied());
    let by_direction = (along - expected_along).abs() / norm;
    largest([by_element, by_direction])
}

/// Models that take long in a build without optimisation.
const LONG: [&str; 14] = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "vit_b_16",
];

#[test]
fn models_have_the_logits_and_the_input_gradients_of_torchvision() {
    let text = include_str!("zoo.json");
    let stored: Value = serde_json::from_str(text).expect("zoo.json is JSON");
    let stride = stored["stride"].as_u64().expect("a number") as usize;
    let is_full = std::env::var_os("WENGERT_FULL").is_some_and(|full| full == "1");
    let mut wrong = Vec::new();
    let mut ran = 0;
    for reference in stored["models"].as_array().expect("a list of models") {
        let name = reference["name"].as_str().expect("a name");
        if !is_full && LONG.contains(&name) {
            continue;
        }
        ran += 1;
        let start = std::time::Instant::now();
        let input: Vec<_> = numbers(&reference["input"])
            .iter()
            .map(|&n| n as usize)
            .collect();
        let logits = logit_error(name, &input, &numbers(&reference["logits"]));
        let gradient = gradient_error(name, &input, stride, reference);
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:<20} logits {logits:.1e}  gradient {gradient:.1e}  {seconds:.1} s");
        if !(logits <= LOGITS && gradient <= GRADIENT) {
            wrong.push(format!("{name}: logits {logits:e}, gradient {gradient:e}"));
        }
    }
    assert!(ran >= 7, "{ran} models ran");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
