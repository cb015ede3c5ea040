//! Laws of every layer, on the samples that its file lists.

use std::collections::BTreeSet;

use wengert_autograd::check::CheckOptions;
use wengert_nn::check::check_builders;
use wengert_nn::{
    LAYER_NAMES, Module, ParametersExt, Pass, StateDict, layer_samples, rng, summary,
};
use wengert_tensor::Tensor;

/// What the files of layers export and no sample is.
const WITHOUT_SAMPLE: &[(&str, &str)] = &[
    ("AttentionMasks", "an option"),
    ("TransformerOptions", "options"),
    ("Bilinear", "takes two inputs"),
    ("GruCell", "takes a state"),
    ("LstmCell", "takes a state"),
    ("RnnCell", "takes a state"),
    ("TransformerDecoderLayer", "takes two inputs"),
    ("Embedding", "takes whole numbers"),
];

#[test]
fn every_layer_has_a_sample_or_a_reason() {
    let samples = layer_samples();
    let named: BTreeSet<&str> = samples
        .iter()
        .flat_map(|sample| sample.layer.split(|c: char| !c.is_alphanumeric()))
        .collect();
    let is_exempt = |name: &str| WITHOUT_SAMPLE.iter().any(|(exempt, _)| *exempt == name);
    // `Conv` is sampled as `Conv1d`, `Conv2d` and `Conv3d`.
    let has_ranks = |name: &str| LAYER_NAMES.contains(&format!("{name}2d").as_str());
    for name in LAYER_NAMES
        .iter()
        .filter(|name| !has_ranks(name) || named.contains(*name))
    {
        assert!(
            named.contains(name) != is_exempt(name),
            "{name} needs a line in the `samples!` of its file, or a reason not to have one, not both"
        );
    }
}

#[test]
fn every_gradient_of_every_layer_agrees_with_its_witnesses() {
    for sample in layer_samples() {
        for report in check_builders(&sample.builders, sample.input, &CheckOptions::default()) {
            report.titled(sample.layer).assert();
        }
    }
}

#[test]
fn the_state_of_every_layer_can_be_stored_and_restored() {
    for sample in layer_samples() {
        let [mut first, mut second] = [1, 2].map(|seed| (sample.builders.f64)(&mut rng(seed)));
        let x = Tensor::uniform(sample.input, 0.5..1.5, &mut rng(3));
        // A step of training, so that statistics have moved.
        let mut pass = Pass::train(&first, 0);
        let input = pass.input(x.clone());
        let _ = first.call(&input, &mut pass);
        pass.commit(&mut first);
        let state = StateDict::of(&first);
        state
            .load_into(&mut second)
            .unwrap_or_else(|error| panic!("{}: {error}", sample.layer));
        let [y, restored] = [&first, &second].map(|layer| {
            let mut pass = Pass::eval(layer);
            let input = pass.input(x.clone());
            layer.call(&input, &mut pass).value().to_vec()
        });
        assert_eq!(y, restored, "{}", sample.layer);
        assert_eq!(state, StateDict::of(&second), "{}", sample.layer);
    }
}

#[test]
fn the_summary_of_every_layer_has_its_shape_and_its_parameters() {
    for sample in layer_samples() {
        let layer = (sample.builders.f64)(&mut rng(1));
        let mut pass = Pass::eval(&layer);
        let input = pass.input(Tensor::zeros(&sample.input));
        let y = layer.call(&input, &mut pass);
        let summary = summary(&layer, &sample.input);
        assert_eq!(summary.output_shape, y.shape(), "{}", sample.layer);
        assert_eq!(
            summary.parameters,
            layer.parameter_count(),
            "{}",
            sample.layer
        );
    }
}
