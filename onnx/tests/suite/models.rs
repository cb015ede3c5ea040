//! Models of the zoo and layers, at batches that the export has not seen.

use std::collections::BTreeMap;

use wengert::autograd::Var;
use wengert::nn::models::*;
use wengert::nn::{
    BatchNorm2d, Conv2d, Gru, Layer, Lstm, Module, MultiheadAttention, ParametersExt, Pass, Rnn,
    SlotMut, StateDict, fields, rng,
};
use wengert::tensor::{Real, Tensor};
use wengert_onnx::{BatchExtent, Export};

use super::{ROUNDING, difference, run};

/// A model of the zoo, and the extents of its images.
type Case = (&'static str, Box<dyn Layer<f64>>, [usize; 3]);

const CLASSES: usize = 10;

/// A model of torchvision.
fn published(name: &'static str, image: [usize; 3]) -> Case {
    let model = torchvision(name, CLASSES, &mut rng(0)).expect("a name of torchvision's models");
    (name, Box::new(model), image)
}

/// Models that run in a build without optimisation.
fn short() -> Vec<Case> {
    let rng = &mut rng(0);
    let image = [3, 32, 32];
    vec![
        (
            "lenet",
            Box::new(LeNet::new(&LeNetOptions::default(), rng)),
            [1, 28, 28],
        ),
        (
            "digits",
            Box::new(DigitsCnn::new(&DigitsOptions::default(), rng)),
            [1, 8, 8],
        ),
        (
            "resnet20",
            Box::new(CifarResNet::new(&CifarResNetOptions::default(), rng)),
            [3, 16, 16],
        ),
        published("mobilenet_v2", image),
        published("squeezenet1_0", image),
        published("squeezenet1_1", image),
        published("shufflenet_v2_x1_0", image),
        published("efficientnet_b0", image),
        (
            "vit",
            Box::new(VisionTransformer::new(&VitOptions::small(), rng)),
            image,
        ),
    ]
}

fn long() -> Vec<Case> {
    let rng = &mut rng(0);
    let image = [3, 64, 64];
    let vgg = |layout, batch_norm, rng: &mut _| {
        let options = VggOptions {
            batch_norm,
            hidden: 64,
            classes: CLASSES,
        };
        Box::new(Vgg::new(layout, &options, rng))
    };
    vec![
        published("densenet121", image),
        published("resnet18", image),
        published("resnet34", image),
        published("resnet50", image),
        ("vgg11", vgg(VggLayout::Vgg11, false, rng), [3, 32, 32]),
        ("vgg11_bn", vgg(VggLayout::Vgg11, true, rng), [3, 32, 32]),
        ("vgg16", vgg(VggLayout::Vgg16, false, rng), [3, 32, 32]),
        ("vgg16_bn", vgg(VggLayout::Vgg16, true, rng), [3, 32, 32]),
    ]
}

/// A vector, or all zeros, as the last layer of a vision transformer is at first.
fn is_plain<T: Real>(x: &Tensor<T>) -> bool {
    x.rank() == 1 || x.iter().all(|x| x == T::zero())
}

/// Running statistics and parameters of normalizations that are not 0 and 1.
fn disturb(model: &mut dyn Layer<f64>) {
    let rng = &mut rng(1);
    model.each_mut(|path, slot| {
        let value = match slot {
            SlotMut::Param(param) if is_plain(param.value()) => param.value_mut(),
            SlotMut::Buffer(buffer) => buffer.value_mut(),
            SlotMut::Param(_) | SlotMut::Counter(_) => return,
        };
        let low = if value.rank() > 1 {
            -0.5
        } else if path.ends_with("var") {
            0.5
        } else {
            -0.2
        };
        let shape = value.shape().to_vec();
        *value = Tensor::uniform(shape, low..low + 1.0, rng);
    });
}

fn output(model: &dyn Layer<f64>, x: &Tensor<f64>) -> Tensor<f64> {
    let mut pass = Pass::eval(model);
    model.call(&pass.input(x.clone()), &mut pass).into_value()
}

fn compare((name, mut model, image): Case) {
    disturb(&mut *model);
    let shape = |batch: usize| [&[batch], &image[..]].concat();
    let file = Export::new()
        .model(&*model, shape(1))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    for batch in [1, 2] {
        let x = Tensor::normal(shape(batch), 0.0, 1.0, &mut rng(7));
        let results = run(&file, std::slice::from_ref(&x));
        let apart = difference(&results[0], &output(&*model, &x));
        println!("{name:<16} batch {batch}: {apart:.1e}");
        assert!(apart <= ROUNDING, "{name}, batch {batch}: {apart:e}");
    }
    // The stored tensors have their names in the state dict.
    let graph = file.proto().graph.as_ref().expect("a graph");
    let stored: BTreeMap<_, _> = graph
        .initializer
        .iter()
        .map(|x| (x.name.as_deref(), &x.dims))
        .collect();
    for (path, values) in StateDict::of(&*model).iter() {
        if values.counter().is_none() {
            let dims: Vec<_> = values.shape().iter().map(|&n| n as i64).collect();
            assert_eq!(stored.get(&Some(path)), Some(&&dims), "{name}: {path}");
        }
    }
}

#[test]
fn models_of_the_zoo_compute_the_same_in_a_file_for_every_batch() {
    short().into_iter().for_each(compare);
}

#[test]
fn large_models_of_the_zoo_compute_the_same_in_a_file_for_every_batch() {
    if std::env::var_os("WENGERT_FULL").is_some_and(|full| full == "1") {
        long().into_iter().for_each(compare);
    }
}

fn operators(file: &wengert_onnx::Onnx) -> Vec<&str> {
    let graph = file.proto().graph.as_ref().expect("a graph");
    graph
        .node
        .iter()
        .filter_map(|node| node.op_type.as_deref())
        .collect()
}

/// A convolution with bias, a normalization and a rectifier.
#[derive(Clone, Debug)]
struct Block<T: Real> {
    conv: Conv2d<T>,
    bn: BatchNorm2d<T>,
}
fields!(Block { conv, bn });

impl<T: Real> Module<T> for Block<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        let y = self.conv.call(x, pass);
        self.bn.call(&y, pass).into_relu()
    }
}

#[test]
fn biases_and_normalizations_become_parts_of_one_operator() {
    let rng = &mut rng(0);
    let block: Block<f32> = Block {
        conv: Conv2d::new(2, 3, 3, rng),
        bn: BatchNorm2d::new(3),
    };
    let file = Export::new()
        .model(&block, [1, 2, 5, 5])
        .expect("it has translations");
    assert_eq!(
        operators(&file),
        ["Conv", "BatchNormalization", "Relu", "Identity"]
    );
    let graph = file.proto().graph.as_ref().expect("a graph");
    assert_eq!(graph.node[0].input, ["input", "conv.weight", "conv.bias"]);
    assert_eq!(
        graph.node[1].input[1..],
        ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]
    );
    assert_eq!(graph.node[1].name.as_deref(), Some("bn/BatchNormalization"));
    assert_eq!(graph.initializer.len(), 6);
}

#[test]
fn sequences_compute_the_same_in_a_file_for_every_batch() {
    let rng = &mut rng(3);
    let (steps, inputs) = (4, 6);
    let layers: Vec<Case> = vec![
        (
            "rnn",
            Box::new(Rnn::new(inputs, 5, rng).batch_first()),
            [0; 3],
        ),
        (
            "gru",
            Box::new(Gru::stacked(inputs, 5, 2, rng).batch_first()),
            [0; 3],
        ),
        (
            "lstm",
            Box::new(Lstm::bidirectional(inputs, 5, 1, rng).batch_first()),
            [0; 3],
        ),
        (
            "attention",
            Box::new(MultiheadAttention::new(inputs, 2, rng)),
            [0; 3],
        ),
    ];
    for (name, layer, _) in layers {
        let file = Export::new()
            .model(&*layer, [1, steps, inputs])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        for batch in [1, 5] {
            let x = Tensor::normal([batch, steps, inputs], 0.0, 1.0, rng);
            let results = run(&file, std::slice::from_ref(&x));
            let apart = difference(&results[0], &output(&*layer, &x));
            assert!(apart <= ROUNDING, "{name}, batch {batch}: {apart:e}");
        }
    }
}

#[test]
fn a_fixed_batch_is_in_the_file_and_a_dynamic_one_has_a_name() {
    use wengert_onnx::proto::DimensionValue;
    let model: LeNet = LeNet::new(&LeNetOptions::default(), &mut rng(0));
    let first = |batch: BatchExtent| {
        let file = Export::new()
            .batch(batch)
            .model(&model, [7, 1, 28, 28])
            .expect("LeNet can be exported");
        let graph = file.proto().graph.clone().expect("a graph");
        let tensor = graph.output[0].r#type.clone().and_then(|t| t.tensor_type);
        tensor
            .and_then(|t| t.shape)
            .and_then(|shape| shape.dim[0].value.clone())
    };
    assert_eq!(first(BatchExtent::Fixed), Some(DimensionValue::DimValue(7)));
    assert_eq!(
        first(BatchExtent::Dynamic),
        Some(DimensionValue::DimParam("batch".to_owned()))
    );
}
