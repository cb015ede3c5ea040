//! The models are those of the papers: parameters, multiply-adds and names that others publish.

use wengert_nn::models::*;
use wengert_nn::*;

fn multiply_adds(summary: &Summary, kind: &str) -> u64 {
    let layers = summary.layers.iter().filter(|layer| layer.kind == kind);
    layers.map(|layer| layer.multiply_adds).sum()
}

fn field(summary: &Summary, path: &str) -> Option<ReceptiveField> {
    let layer = summary.layers.iter().rev().find(|layer| layer.path == path);
    layer
        .unwrap_or_else(|| panic!("no layer {path}"))
        .receptive_field
}

/// A square field with a square jump.
#[allow(
    clippy::unnecessary_wraps,
    reason = "it is compared with a summary's option"
)]
fn square(size: usize, jump: usize) -> Option<ReceptiveField> {
    Some(ReceptiveField {
        size: [size; 2],
        jump: [jump; 2],
    })
}

#[test]
fn lenet() {
    let model: LeNet = LeNet::new(&LeNetOptions::default(), &mut rng(0));
    let summary = summary(&model, [2, 1, 28, 28]);
    assert_eq!(summary.output_shape, [2, 10]);
    assert_eq!(summary.parameters, 61_706);
    // Twice, for two images: 28·28·6·25 + 10·10·16·150, and 400·120 + 120·84 + 84·10.
    assert_eq!(multiply_adds(&summary, "Conv2d"), 2 * 357_600);
    assert_eq!(multiply_adds(&summary, "Linear"), 2 * 58_920);
    assert_eq!(summary.multiply_adds, 2 * (357_600 + 58_920));
    let names: Vec<_> = model
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names[..4],
        ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"]
    );
    assert_eq!(summary.layers[1].output_shape, [2, 16, 10, 10]);
}

#[test]
fn resnet_18() {
    let model: ResNet = resnet18(1000, &mut rng(0));
    let summary = summary(&model, [1, 3, 224, 224]);
    assert_eq!(summary.output_shape, [1, 1000]);
    assert_eq!(summary.parameters, 11_689_512);
    assert_eq!(summary.buffers, 3 * 20);
    assert_eq!(summary.multiply_adds, 1_814_073_344);
    assert_eq!(field(&summary, "maxpool"), square(11, 4));
    // Araujo, Norris & Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks".
    assert_eq!(field(&summary, "layer4.1.conv2"), square(435, 32));
    // A shortcut sees what its block's input sees.
    assert_eq!(field(&summary, "layer2.0.downsample.0"), square(43, 8));
    assert_eq!(field(&summary, "fc"), None);
    let state = StateDict::of(&model);
    assert_eq!(state.len(), 122);
    for (name, shape) in [
        ("layer1.0.bn1.num_batches_tracked", &[][..]),
        ("layer2.0.downsample.0.weight", &[128, 64, 1, 1]),
        ("layer2.0.downsample.1.running_var", &[128]),
        ("layer4.1.conv2.weight", &[512, 512, 3, 3]),
        ("fc.weight", &[1000, 512]),
    ] {
        assert_eq!(
            state
                .get(name)
                .unwrap_or_else(|| panic!("no {name}"))
                .shape(),
            shape
        );
    }
}

#[test]
fn resnet_50() {
    let model: ResNet = resnet50(1000, &mut rng(0));
    let summary = summary(&model, [1, 3, 224, 224]);
    assert_eq!(summary.parameters, 25_557_032);
    assert_eq!(summary.buffers, 3 * 53);
    assert_eq!(summary.multiply_adds, 4_089_184_256);
    // The stride is in the 3 × 3 convolutions, which sees less than the paper's first version.
    assert_eq!(field(&summary, "layer4.2.conv3"), square(427, 32));
    let state = StateDict::of(&model);
    assert_eq!(
        state.get("layer3.5.conv2.weight").unwrap().shape(),
        [256, 256, 3, 3]
    );
    assert_eq!(
        state.get("layer1.0.downsample.0.weight").unwrap().shape(),
        [256, 64, 1, 1]
    );
}

#[test]
fn vgg() {
    let rng = &mut rng(0);
    // The dense layers are nine tenths of the parameters, and add up without being made.
    let dense = 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000;
    let small = VggOptions {
        hidden: 2,
        classes: 3,
        ..VggOptions::default()
    };
    let convolutions = |model: &Vgg| model.features.parameter_count();

    let model = Vgg::new(VggLayout::Vgg11, &small, rng);
    assert_eq!(convolutions(&model) + dense, 132_863_336);
    let batch_norm = VggOptions {
        batch_norm: true,
        ..small.clone()
    };
    let normed = Vgg::new(VggLayout::Vgg11, &batch_norm, rng);
    assert_eq!(convolutions(&normed) + dense, 132_868_840);
    let whole = summary(&normed, [1, 3, 32, 32]);
    assert_eq!(whole.buffers, 3 * 8);
    assert_eq!(whole.output_shape, [1, 3]);

    let model = Vgg::new(VggLayout::Vgg16, &small, rng);
    assert_eq!(convolutions(&model) + dense, 138_357_544);
    let summary = summary(&model, [1, 3, 224, 224]);
    assert_eq!(multiply_adds(&summary, "Conv2d"), 15_346_630_656);
    assert_eq!(field(&summary, "features.30"), square(212, 32));
    let names: Vec<_> = model
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names[names.len() - 2..],
        ["classifier.6.weight", "classifier.6.bias"]
    );
    assert_eq!(names[2], "features.2.weight");
}

#[test]
fn resnet_20_for_small_images() {
    let rng = &mut rng(0);
    let options = CifarResNetOptions::default();
    let model: CifarResNet = CifarResNet::new(&options, rng);
    assert_eq!(model.parameter_count(), 272_474);
    let options = CifarResNetOptions {
        shortcut: Shortcut::Pad,
        ..options
    };
    let model: CifarResNet = CifarResNet::new(&options, rng);
    let summary = summary(&model, [1, 3, 32, 32]);
    assert_eq!(summary.output_shape, [1, 10]);
    assert_eq!(summary.parameters, 269_722);
    // 3·16·9·32² + 6·16²·9·32² + (16·32 + 5·32²)·9·16² + (32·64 + 5·64²)·9·8² + 64·10
    assert_eq!(summary.multiply_adds, 40_551_040);
    let state = StateDict::of(&model);
    assert_eq!(
        state.get("layer2.0.conv1.weight").unwrap().shape(),
        [32, 16, 3, 3]
    );
    assert!(state.iter().all(|(name, _)| !name.contains("downsample")));
}

#[test]
fn a_network_for_digits() {
    let rng = &mut rng(0);
    let model: DigitsCnn = DigitsCnn::new(&DigitsOptions::default(), rng);
    // 8·9 + 8, 16·8·9 + 16, 64·10 + 10
    assert_eq!(model.parameter_count(), 80 + 1168 + 650);
    assert_eq!(summary(&model, [5, 1, 8, 8]).output_shape, [5, 10]);
    let options = DigitsOptions {
        batch_norm: true,
        pool: Pool::Average,
        ..Default::default()
    };
    let model: DigitsCnn = DigitsCnn::new(&options, rng);
    assert_eq!(model.parameter_count(), 72 + 16 + 1152 + 32 + 650);
    let names: Vec<_> = model
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names[..3], ["conv1.weight", "bn1.weight", "bn1.bias"]);
}

#[test]
fn a_model_starts_with_the_variance_it_is_named_for() {
    let model: ResNet<f64> = resnet18(10, &mut rng(0));
    let weight = model.layer4.parameters()[0].1.value();
    // He: √(2 / (512·9)) by the fan out, of 1,179,648 draws.
    let (std, expected) = (
        weight.var(.., 0).item().sqrt(),
        (2.0 / (512.0 * 9.0_f64)).sqrt(),
    );
    assert!(
        (std / expected - 1.0).abs() < 5e-3,
        "{std} is not {expected}"
    );
}

#[test]
fn mobilenet_v2() {
    let model: MobileNetV2 = MobileNetV2::new(&MobileNetOptions::default(), &mut rng(0));
    let made = summary(&model, [1, 3, 224, 224]);
    assert_eq!(made.output_shape, [1, 1000]);
    // As published with torchvision's weights: 3,504,872 parameters, 0.30 billion multiply-adds.
    assert_eq!(made.parameters, 3_504_872);
    assert_eq!(made.multiply_adds, 300_774_272);
    let names: Vec<_> = made
        .layers
        .iter()
        .map(|layer| layer.path.as_str())
        .collect();
    for name in [
        "features.0.0",
        "features.1.conv.1",
        "features.2.conv.0.2",
        "features.18.1",
        "classifier.1",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    let half = MobileNetOptions {
        width_mult: 0.5,
        classes: 10,
        ..MobileNetOptions::default()
    };
    let half: MobileNetV2 = MobileNetV2::new(&half, &mut rng(0));
    assert_eq!(half.parameter_count(), 700_490);
}

#[test]
fn deeper_residual_networks() {
    let rng = &mut rng(0);
    assert_eq!(resnet34::<f32>(1000, rng).parameter_count(), 21_797_672);
    assert_eq!(resnet101::<f32>(1000, rng).parameter_count(), 44_549_160);
    assert_eq!(resnet152::<f32>(1000, rng).parameter_count(), 60_192_808);
}

#[test]
fn models_have_the_parameters_that_torchvision_publishes() {
    let rng = &mut rng(0);
    let model: DenseNet = DenseNet::new(&DenseNetOptions::default(), rng);
    assert_eq!(model.parameter_count(), 7_978_856);
    let names: Vec<_> = model
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for name in [
        "features.conv0.weight",
        "features.denseblock4.denselayer16.conv2.weight",
        "features.transition3.norm.bias",
        "features.norm5.weight",
        "classifier.bias",
    ] {
        assert!(names.iter().any(|other| other == name), "{name}");
    }
    for (version, count) in [
        (SqueezeNetVersion::V1_0, 1_248_424),
        (SqueezeNetVersion::V1_1, 1_235_496),
    ] {
        let model: SqueezeNet = SqueezeNet::new(version, 1000, rng);
        assert_eq!(model.parameter_count(), count);
        assert_eq!(summary(&model, [1, 3, 224, 224]).output_shape, [1, 1000]);
    }
    let model: ShuffleNetV2 = ShuffleNetV2::new(&ShuffleNetOptions::default(), rng);
    let made = summary(&model, [1, 3, 224, 224]);
    assert_eq!(made.parameters, 2_278_604);
    assert_eq!(made.output_shape, [1, 1000]);
    let model: EfficientNet = EfficientNet::new(&EfficientNetOptions::default(), rng);
    let made = summary(&model, [1, 3, 224, 224]);
    assert_eq!(made.parameters, 5_288_548);
    assert_eq!(made.output_shape, [1, 1000]);
    let tiny = VitOptions {
        image: 8,
        patch: 4,
        layers: 1,
        ..VitOptions::b_16()
    };
    let names: Vec<_> = VisionTransformer::<f32>::new(&tiny, rng)
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names[0], "class_token");
    assert!(names.contains(&"encoder.layers.encoder_layer_0.self_attention.in_proj_weight".into()));
    assert!(names.contains(&"encoder.layers.encoder_layer_0.mlp.3.bias".into()));
    assert_eq!(
        names[names.len() - 2..],
        ["heads.head.weight", "heads.head.bias"]
    );
}

#[test]
#[should_panic(expected = "vision_transformer: patches of 5×5 do not divide an image of 32×32")]
fn patches_divide_the_image() {
    let options = VitOptions {
        patch: 5,
        ..VitOptions::small()
    };
    let _: VisionTransformer = VisionTransformer::new(&options, &mut rng(0));
}
