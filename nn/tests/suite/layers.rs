//! Layers: names of parameters, and layers in each other. `samples.rs` checks every layer by itself.

use wengert_autograd::check::Report;
use wengert_nn::models::{CifarResNet, CifarResNetOptions, Shortcut};
use wengert_nn::*;
use wengert_tensor::Tensor;

pub fn assert(reports: &[Report]) {
    for report in reports {
        report.assert();
    }
}

#[test]
fn sequences_with_dropout() {
    let reports = check_model!(
        |rng| sequential![
            Flatten,
            Linear::new(6, 4, rng),
            Dropout::new(0.5),
            Identity,
            Linear::new(4, 3, rng),
        ],
        [5, 2, 3]
    );
    for report in reports {
        assert_eq!(
            report.names,
            ["1.weight", "1.bias", "4.weight", "4.bias", "input"]
        );
        report.assert();
    }
}

#[test]
fn a_learned_slope_is_a_parameter() {
    let reports = check_model!(
        |rng| sequential![Linear::new(3, 4, rng), Prelu::new(4)],
        [5, 3]
    );
    for report in reports {
        assert_eq!(report.names, ["0.weight", "0.bias", "1.weight", "input"]);
        report.assert();
    }
}

#[test]
fn recurrent_layers() {
    let reports = check_model!(|rng| Lstm::bidirectional(3, 2, 2, rng), [3, 2, 3]);
    for report in reports {
        let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
        let of = |suffix: &str| names.map(|name| format!("{name}_{suffix}"));
        let mut expected = ["l0", "l0_reverse", "l1", "l1_reverse"].map(of).concat();
        expected.push("input".to_owned());
        assert_eq!(report.names, expected);
        report.assert();
    }
}

#[test]
fn a_stack_of_layers_is_one_layer_after_the_other() {
    let rng = &mut rng(3);
    let stack: Lstm<f64> = Lstm::stacked(3, 4, 2, rng);
    let x = tensor::Tensor::normal([5, 2, 3], 0.0, 1.0, rng);
    let mut pass = Pass::eval(&stack);
    let x = pass.input(x);
    let (y, h, c) = stack.run(&x, None, &mut pass);
    assert_eq!(
        [y.shape(), h.shape(), c.shape()],
        [[5, 2, 4], [2, 2, 4], [2, 2, 4]]
    );
    // The last state of the last layer is the last of the results.
    assert_eq!(
        h.select(0, -1).value().to_vec(),
        y.select(0, -1).value().to_vec()
    );
    // From the state after three steps the other two go on with the same bits.
    let (first, later) = (x.slice(0, ..3), x.slice(0, 3..));
    let (_, h3, c3) = stack.run(&first, None, &mut pass);
    let (end, h5, c5) = stack.run(&later, Some((&h3, &c3)), &mut pass);
    assert_eq!(end.value().to_vec(), y.slice(0, 3..).value().to_vec());
    assert_eq!(
        [h5.value().to_vec(), c5.value().to_vec()],
        [h.value().to_vec(), c.value().to_vec()]
    );
}

#[test]
fn attention_of_several_heads() {
    let reports = check_model!(|rng| MultiheadAttention::new(4, 2, rng), [2, 3, 4]);
    for report in reports {
        assert_eq!(
            report.names,
            [
                "in_proj_weight",
                "in_proj_bias",
                "out_proj.weight",
                "out_proj.bias",
                "input"
            ]
        );
        report.assert();
    }
    let layer: MultiheadAttention = MultiheadAttention::new(4, 2, &mut rng(0)).without_bias();
    assert_eq!(layer.parameter_count(), 4 * 4 * 4);
}

#[test]
fn an_embedding_trains_the_rows_it_gave_and_never_the_padding() {
    let table: Embedding<f64> = Embedding::new(4, 2, &mut rng(0)).padding(1);
    let symbols = tensor::Tensor::from_vec(vec![0, 1, 0, 3], [2, 2]);
    let mut pass = Pass::train(&table, 0);
    let y = table.call(&symbols, &mut pass);
    assert_eq!(y.shape(), [2, 2, 2]);
    assert_eq!(y.select(0, 0).select(0, 1).value().to_vec(), [0.0, 0.0]);
    let gradients = pass.backward(&y.sum(..));
    let gradient = gradients.get(&table.weight).expect("rows were given");
    assert_eq!(gradient.to_vec(), [2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
}

#[test]
#[should_panic(expected = "row 4 for padding is outside the 4 rows")]
fn an_embedding_has_no_row_beyond_its_last() {
    let _: Embedding = Embedding::new(4, 2, &mut rng(0)).padding(4);
}

#[test]
fn without_shards_synchronous_batch_norm_is_batch_norm() {
    // Rounding only.
    const EXACT: f64 = 1e-12;
    let mut plain: BatchNorm2d<f64> = BatchNorm2d::new(2).momentum(0.3);
    let mut synchronous = SyncBatchNorm2d::from(plain.clone());
    assert_eq!(
        wengert_nn::StateDict::of(&plain).to_bytes(),
        wengert_nn::StateDict::of(&synchronous).to_bytes()
    );
    let x = Tensor::uniform([3, 2, 2, 4], -1.0..5.0, &mut rng(0));
    let run = |layer: &dyn Module<f64>| {
        let mut pass = Pass::train(layer, 0);
        let y = layer.call(&pass.input(x.clone()), &mut pass);
        let gradients = pass.backward(&(&y * &y * &y).sum(..));
        (y.value().clone(), gradients, pass)
    };
    let (y, gradients, pass) = run(&plain);
    pass.commit(&mut plain);
    let (found, found_gradients, pass) = run(&synchronous);
    pass.commit(&mut synchronous);
    let assert_near = |a: &Tensor<f64>, b: &Tensor<f64>| {
        for (a, b) in a.to_vec().into_iter().zip(b.to_vec()) {
            assert!((a - b).abs() <= EXACT * (1.0 + a.abs()), "{b}, not {a}");
        }
    };
    assert_near(&y, &found);
    for ((path, a), (other, b)) in gradients.iter().zip(found_gradients.iter()) {
        assert_eq!(path, other);
        assert_near(a, b);
    }
    let norm = &synchronous.norm;
    assert_near(plain.running_mean.value(), norm.running_mean.value());
    assert_near(plain.running_var.value(), norm.running_var.value());
    assert_eq!(norm.num_batches_tracked.value(), 1);
}

#[test]
fn small_residual_networks() {
    let options = CifarResNetOptions {
        widths: vec![2, 3],
        blocks: vec![1, 1],
        channels: 1,
        classes: 2,
        ..CifarResNetOptions::default()
    };
    assert(&check_model!(
        |rng| CifarResNet::new(&options, rng),
        [3, 1, 5, 4]
    ));
    let padded = CifarResNetOptions {
        widths: vec![2, 4],
        shortcut: Shortcut::Pad,
        ..options
    };
    assert(&check_model!(
        |rng| CifarResNet::new(&padded, rng),
        [3, 1, 4, 5]
    ));
}

#[test]
fn a_small_convolutional_network_with_everything() {
    let reports = check_model!(
        |rng| sequential![
            Conv2d::new(1, 3, 3, rng).padding(1),
            BatchNorm2d::new(3),
            Tanh,
            AvgPool2d::new(2),
            Conv2d::grouped(3, 6, [2, 1], 3, rng),
            GroupNorm::new(2, 6),
            Sigmoid,
            Dropout::new(0.3),
            Flatten,
            Linear::new(12, 3, rng),
        ],
        [2, 1, 4, 5]
    );
    assert(&reports);
    assert_eq!(reports[0].names[0], "0.weight");
    assert_eq!(reports[0].names.last().unwrap(), "input");
}

#[test]
fn a_sequence_hands_values_on_and_writes_over_nobody_elses() {
    let rng = &mut rng(7);
    let model: Sequential<f64> = sequential![
        Identity,
        Relu,
        Conv2d::new(2, 3, 3, rng).padding(1),
        Relu,
        BatchNorm2d::new(3),
        sequential![Relu, Identity, Relu, Flatten],
        Linear::new(60, 4, rng),
    ];
    let count = 2 * 2 * 4 * 5;
    let images: Tensor<f64> = Tensor::from_fn([2, 2, 4, 5], |i| {
        ((i[3] * 7 + i[2] * 5 + i[1] * 3 + i[0]) % 11) as f64 - 5.0
    });
    // With every value held by the test no buffer can be reused; without, each layer may work in place.
    let run = |held: bool| {
        let mut pass = Pass::train(&model, 0);
        let x = pass.tape().leaf(images.clone());
        let mut values = vec![x.clone()];
        if held {
            for (_, layer) in model.iter() {
                let y = layer.call(&values[values.len() - 1], &mut pass);
                values.push(y);
            }
        } else {
            values.push(model.call(&x, &mut pass));
        }
        let y = values[values.len() - 1].clone();
        let loss = (&y * &y).sum(..);
        let gradient = loss.backward().wrt(&x).to_vec();
        assert_eq!(x.value().to_vec(), images.to_vec());
        (y.value().to_vec(), gradient)
    };
    let (y, gradient) = run(false);
    assert_eq!((y, gradient.clone()), run(true));
    assert_eq!(gradient.len(), count);
    assert!(gradient.iter().any(|&g| g != 0.0));
}

#[test]
fn squeeze_and_excitation() {
    let reports = check_model!(
        |rng| {
            let mut layer = SqueezeExcitation::new(3, 2, rng);
            layer.activation = Activation::Silu;
            layer
        },
        [2, 3, 4, 3]
    );
    for report in reports {
        assert_eq!(
            report.names,
            ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "input"]
        );
        report.assert();
    }
}

#[test]
#[should_panic(
    expected = "residual: [2, 3]: the body returns [2, 4], the shortcut [2, 3]; give the shortcut a layer"
)]
fn the_summands_of_a_residual_have_one_shape() {
    let layer: Residual = Residual::new(sequential![Linear::new(3, 4, &mut rng(0))]);
    let mut pass = Pass::eval(&layer);
    let x = pass.input(Tensor::ones([2, 3]));
    let _ = layer.call(&x, &mut pass);
}

#[test]
fn a_decoder_layer_names_its_parameters_as_pytorch_does() {
    let options = TransformerOptions {
        hidden: 3,
        ..TransformerOptions::default()
    };
    let names: Vec<_> = TransformerDecoderLayer::<f64>::new(4, 2, &options, &mut rng(0))
        .parameters()
        .into_iter()
        .map(|(name, param)| format!("{name} {:?}", param.shape()))
        .collect();
    assert_eq!(
        names,
        [
            "self_attn.in_proj_weight [12, 4]",
            "self_attn.in_proj_bias [12]",
            "self_attn.out_proj.weight [4, 4]",
            "self_attn.out_proj.bias [4]",
            "multihead_attn.in_proj_weight [12, 4]",
            "multihead_attn.in_proj_bias [12]",
            "multihead_attn.out_proj.weight [4, 4]",
            "multihead_attn.out_proj.bias [4]",
            "linear1.weight [3, 4]",
            "linear1.bias [3]",
            "linear2.weight [4, 3]",
            "linear2.bias [4]",
            "norm1.weight [4]",
            "norm1.bias [4]",
            "norm2.weight [4]",
            "norm2.bias [4]",
            "norm3.weight [4]",
            "norm3.bias [4]",
        ]
    );
}
