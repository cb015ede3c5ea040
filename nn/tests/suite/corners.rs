//! Patterns of paths, reports about gradients, shared buffers, and options of models that few use.

use wengert_autograd::Var;
use wengert_nn::models::{
    CifarBlock, DigitsCnn, DigitsOptions, MobileNetOptions, MobileNetV2, Shortcut,
};
use wengert_nn::*;
use wengert_tensor::Tensor;

#[test]
fn a_pattern_without_star_matches_a_path_and_everything_below_it() {
    for path in ["fc", "fc.weight", "fc.0.bias"] {
        assert!(path_matches("fc", path), "{path}");
    }
    for path in ["fc_aux.weight", "f", "net.fc"] {
        assert!(!path_matches("fc", path), "{path}");
    }
    assert!(path_matches("", "fc.weight"), "everything is in the model");
}

#[test]
fn each_star_of_a_pattern_matches_any_characters() {
    for pattern in ["*", "fc*", "*weight", "f*.*t", "*c*.w*"] {
        assert!(path_matches(pattern, "fc.weight"), "{pattern}");
    }
    // A piece that is missing, pieces in the wrong order, an end that overlaps a piece before it.
    for pattern in ["*conv*weight", "*weight*fc*", "*weight*ght", "*bias"] {
        assert!(!path_matches(pattern, "fc.weight"), "{pattern}");
    }
    assert!(!path_matches("fc.weight*weight", "fc.weight"));
}

fn batch() -> Tensor<f32> {
    Tensor::normal([6, 3], 0.0, 1.0, &mut rng(1))
}

#[test]
fn the_report_of_a_right_model_is_ok_and_names_frozen_parameters() {
    let mut model: Sequential = sequential![
        Linear::new(3, 4, &mut rng(0)),
        Linear::new(4, 2, &mut rng(1))
    ];
    model.freeze("0");
    let text = gradient_flow(&model, &[batch()]).to_string();
    assert!(
        text.starts_with("gradient flow over 1 batches: ok\n"),
        "{text}"
    );
    let line = |path: &str| {
        let found = text.lines().find(|line| line.trim().starts_with(path));
        found.unwrap_or_else(|| panic!("{path} in {text}"))
    };
    assert!(line("0.weight").ends_with("frozen"), "{text}");
    assert!(line("1.weight").contains(" norm "), "{text}");
}

#[test]
fn a_parameter_that_nothing_reaches_has_no_gradient_in_the_report() {
    let model: Linear = Linear::new(3, 2, &mut rng(0));
    let flow = gradient_flow_with(&model, &[batch()], |batch, pass| {
        let x = pass.input(batch.clone());
        x.matmul(&pass.param(&model.weight).transpose(0, 1)).sum(..)
    });
    let text = flow.to_string();
    assert!(
        text.starts_with("gradient flow over 1 batches: WRONG\n"),
        "{text}"
    );
    let bias = text.lines().find(|line| line.ends_with("no gradient"));
    assert!(bias.is_some_and(|line| line.contains("bias")), "{text}");
}

#[test]
fn gradients_that_are_not_finite_are_a_problem_of_their_own() {
    let model: Linear = Linear::new(3, 2, &mut rng(0));
    let flow = gradient_flow_with(&model, &[batch()], |batch, pass| {
        let x = pass.input(batch.clone());
        (model.call(&x, pass) * f64::INFINITY).sum(..)
    });
    assert_eq!(
        flow.problems(),
        [
            "weight has a gradient that is not finite",
            "bias has a gradient that is not finite"
        ]
    );
}

#[test]
fn a_rectifier_that_is_zero_for_every_input_is_a_problem() {
    let mut first: Linear = Linear::new(3, 2, &mut rng(0));
    *first.bias.as_mut().expect("a bias").value_mut() = Tensor::full([2], -1e6);
    let model: Sequential = sequential![first, Relu, Linear::new(2, 2, &mut rng(1))];
    let problems = gradient_flow(&model, &[batch(), batch()]).problems();
    assert!(
        problems
            .iter()
            .any(|text| text == "every unit of relu in 1 is dead"),
        "{problems:?}"
    );
}

/// One layer under two names, and a parameter without elements.
struct Twice {
    layer: Linear,
    nothing: Param,
}
fields!(Twice as f32 { "first" => layer, "second" => layer, nothing });

impl Module<f32> for Twice {
    fn forward(&self, x: &Var<f32>, pass: &mut Pass<f32>) -> Var<f32> {
        let y = self.layer.call(x, pass);
        y + pass.param(&self.nothing).sum(..)
    }
}

#[test]
fn a_shared_parameter_goes_by_its_first_path_and_one_without_elements_is_no_problem() {
    let model = Twice {
        layer: Linear::new(3, 2, &mut rng(0)),
        nothing: Param::new(Tensor::zeros([0])),
    };
    let flow = gradient_flow(&model, &[batch()]);
    let paths: Vec<_> = flow.parameters.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["first.weight", "first.bias", "nothing"]);
    flow.assert();
}

/// One batch norm under two names.
#[derive(Clone)]
struct SharedNorm {
    norm: BatchNorm1d,
}
fields!(SharedNorm as f32 { "first" => norm, "second" => norm });

impl Module<f32> for SharedNorm {
    fn forward(&self, x: &Var<f32>, pass: &mut Pass<f32>) -> Var<f32> {
        self.norm.call(x, pass)
    }
}

#[test]
fn changes_of_a_shared_buffer_are_applied_once() {
    // The difference of new and old values is added to the old ones.
    const ADDED: f64 = 1e-6;
    let mut model = SharedNorm {
        norm: BatchNorm1d::new(3),
    };
    let mut committed = model.clone();
    let pass_of = |model: &SharedNorm| {
        let mut pass = Pass::train(model, 0);
        let x = pass.input(batch() + 1.0);
        let _ = model.call(&x, &mut pass);
        pass
    };
    let changes = BufferChanges::of(pass_of(&model), &model);
    changes.apply(&mut model);
    pass_of(&committed).commit(&mut committed);
    for name in ["first.running_mean", "first.running_var"] {
        let [ours, theirs] = [&model, &committed].map(|model| {
            let values: Option<Tensor<f64>> = StateDict::of(model).get(name).and_then(Values::real);
            values.expect(name).to_vec()
        });
        for (a, b) in ours.iter().zip(&theirs) {
            assert!((a - b).abs() < ADDED, "{name}: {ours:?}, not {theirs:?}");
        }
    }
    let state = StateDict::of(&model);
    let count = state.get("first.num_batches_tracked");
    assert_eq!(count.and_then(Values::counter), Some(1));
}

#[test]
fn without_changes_there_is_nothing_to_apply() {
    let mut model = SharedNorm {
        norm: BatchNorm1d::new(3),
    };
    let before = StateDict::of(&model).to_bytes();
    let changes = BufferChanges::of(Pass::train(&model, 0), &model);
    changes.apply(&mut model);
    Pass::train(&model, 0).commit(&mut model);
    assert_eq!(StateDict::of(&model).to_bytes(), before);
}

#[test]
fn a_gradient_that_two_passes_lack_stays_missing() {
    let model: Linear = Linear::new(3, 2, &mut rng(0));
    let pass = || {
        let mut pass = Pass::train(&model, 0);
        let loss = pass.param(&model.weight).sum(..);
        pass.backward(&loss)
    };
    let mut sum = pass();
    sum.accumulate(pass());
    let unreached: Vec<_> = sum.unreached().map(|(path, _)| path).collect();
    assert_eq!(unreached, ["bias"]);
    let weight = sum.get(&model.weight).expect("both have it");
    assert_eq!(weight.to_vec(), [2.0; 6]);
}

#[test]
fn a_layer_that_drops_nothing_returns_its_input() {
    for (p, trains) in [(0.0, true), (0.0, false), (0.7, false)] {
        let layer = StochasticDepth::new(p);
        let mut pass: Pass<f32> = if trains {
            Pass::train(&layer, 0)
        } else {
            Pass::eval(&layer)
        };
        let x = pass.input(batch());
        assert_eq!(layer.call_owned(x, &mut pass).value(), &batch());
    }
    let layer = StochasticDepth::new(1.0);
    let mut pass: Pass<f32> = Pass::train(&layer, 0);
    let x = pass.input(batch());
    assert_eq!(layer.call_owned(x, &mut pass).value().to_vec(), [0.0; 18]);
}

#[test]
fn synchronous_normalization_of_any_number_of_axes_adds_up_over_shards() {
    assert!(has_shard_sums::<f32>(&SyncBatchNorm1d::new(2)));
    assert!(has_shard_sums::<f32>(&SyncBatchNorm2d::new(2)));
    assert!(has_shard_sums::<f32>(&SyncBatchNorm3d::new(2)));
    assert!(!has_shard_sums::<f32>(&BatchNorm1d::new(2)));
}

#[test]
fn a_block_may_change_its_channels_and_keep_its_size() {
    let block: CifarBlock = CifarBlock::new(2, 5, 1, Shortcut::Pad, &mut rng(0));
    let mut pass = Pass::eval(&block);
    let x = Tensor::uniform([1, 2, 4, 4], 0.5..1.5, &mut rng(1));
    let y = block.call(&pass.input(x.clone()), &mut pass);
    assert_eq!(y.shape(), [1, 5, 4, 4]);
    // Without the two convolutions only the input is left, with zeros around its channels.
    let mut none = block;
    none.each_mut(|_, slot| {
        if let SlotMut::Param(param) = slot {
            let zeros = Tensor::zeros(param.shape());
            *param.value_mut() = zeros;
        }
    });
    let mut pass = Pass::eval(&none);
    let y = none.call(&pass.input(x.clone()), &mut pass);
    assert_eq!(y.value().slice(1, 1..3), x);
    for around in [y.value().slice(1, ..1), y.value().slice(1, 3..)] {
        assert!(around.iter().all(|y| y == 0.0));
    }
}

#[test]
fn the_filters_of_a_narrow_network_are_rounded_to_eight_and_not_a_tenth_less() {
    // 0.35 · 32 = 11.2: 8 would be less than nine tenths of it.
    for (width_mult, filters) in [(0.35, 16), (0.3, 16), (0.27, 8), (0.5, 16)] {
        let options = MobileNetOptions {
            width_mult,
            classes: 2,
            ..MobileNetOptions::default()
        };
        let model: MobileNetV2 = MobileNetV2::new(&options, &mut rng(0));
        let parameters = model.parameters();
        assert_eq!(parameters[0].1.shape()[0], filters, "{width_mult}");
    }
}

#[test]
fn the_digits_network_has_batch_norm_if_asked_for() {
    let options = DigitsOptions {
        batch_norm: true,
        ..DigitsOptions::default()
    };
    let mut model: DigitsCnn = DigitsCnn::new(&options, &mut rng(0));
    let mut pass = Pass::train(&model, 0);
    let x = pass.input(Tensor::uniform([4, 1, 8, 8], 0.0..1.0, &mut rng(1)));
    let y = model.call(&x, &mut pass);
    assert_eq!(y.shape(), [4, 10]);
    let gradients = pass.backward(&y.square().sum(..));
    gradients.require_all();
    pass.commit(&mut model);
    let state = StateDict::of(&model);
    let mean: Option<Tensor<f64>> = state.get("bn1.running_mean").and_then(Values::real);
    assert!(mean.expect("a buffer").iter().any(|x| x != 0.0));
}

/// A layer that multiplies the output of another one by itself.
#[derive(Clone, Debug)]
struct Gram {
    inner: Linear,
}
fields!(Gram as f32 { inner });

impl Module<f32> for Gram {
    fn forward(&self, x: &Var<f32>, pass: &mut Pass<f32>) -> Var<f32> {
        let y = self.inner.call(x, pass);
        y.matmul(&y.transpose(0, 1))
    }
}

#[test]
fn a_layer_with_layers_is_in_the_summary_if_it_computes_something_itself() {
    let gram = Gram {
        inner: Linear::new(3, 4, &mut rng(0)),
    };
    let model: Sequential = sequential![gram];
    let found = summary(&model, [5, 3]);
    let lines: Vec<_> = found
        .layers
        .iter()
        .map(|layer| (layer.path.as_str(), layer.parameters, layer.multiply_adds))
        .collect();
    // 5·3·4 of the inner layer, 5·4·5 of the product.
    assert_eq!(lines, [("0.inner", 16, 60), ("0", 0, 100)]);
    // A model that is one layer has all parameters.
    let found = summary(&gram_inner(), [5, 3]);
    assert_eq!(found.layers.len(), 1);
    assert_eq!(found.layers[0].parameters, 16);
}

fn gram_inner() -> Linear {
    Linear::new(3, 4, &mut rng(0))
}
