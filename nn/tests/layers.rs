//! Every layer's gradients, by parameter, in training and in evaluation.

use wengert_autograd::check::{CheckOptions, Report};
use wengert_nn::models::{CifarResNet, CifarResNetOptions, Shortcut};
use wengert_nn::*;

fn assert(reports: &[Report]) {
    for report in reports {
        report.assert();
    }
}

#[test]
fn linear() {
    assert(&check_model!(|rng| Linear::new(3, 2, rng), [4, 3]));
    assert(&check_model!(
        |rng| Linear::new(3, 2, rng).without_bias(),
        [2, 1, 3]
    ));
}

#[test]
fn sequences_with_dropout() {
    let reports = check_model!(
        |rng| sequential![
            Flatten::new(),
            Linear::new(6, 4, rng),
            Dropout::new(0.5),
            Identity::new(),
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
fn convolutions() {
    assert(&check_model!(
        |rng| Conv2d::grouped(4, 2, [2, 3], 2, rng)
            .stride([2, 1])
            .padding([[1, 0], [2, 1]]),
        [2, 4, 5, 4]
    ));
    assert(&check_model!(
        |rng| Conv1d::new(2, 3, 3, rng).dilation(2).without_bias(),
        [2, 2, 7]
    ));
    assert(&check_model!(
        |rng| Conv3d::new(1, 2, [1, 2, 2], rng),
        [2, 1, 2, 3, 3]
    ));
    assert(&check_model!(
        |rng| Conv2d::new(2, 3, 3, rng).padding(Padding::Same),
        [2, 4, 5]
    ));
}

#[test]
fn transposed_convolutions() {
    assert(&check_model!(
        |rng| ConvTranspose2d::grouped(4, 2, [2, 3], 2, rng)
            .stride([3, 2])
            .padding([0, 1])
            .output_padding([1, 0]),
        [2, 4, 2, 3]
    ));
    assert(&check_model!(
        |rng| ConvTranspose1d::new(2, 3, 3, rng).dilation(2),
        [2, 2, 3]
    ));
    assert(&check_model!(
        |rng| ConvTranspose3d::new(2, 1, 2, rng).without_bias(),
        [1, 2, 2, 1, 2]
    ));
}

#[test]
fn pooling() {
    assert(&check_model!(
        |_rng| MaxPool2d::new([3, 2]).stride(2).padding([1, 0]),
        [2, 2, 5, 6]
    ));
    assert(&check_model!(
        |_rng| AvgPool2d::new(2).stride([2, 1]).padding(1),
        [2, 2, 5, 4]
    ));
    assert(&check_model!(|_rng| MaxPool1d::new(2), [2, 2, 5]));
    assert(&check_model!(|_rng| AvgPool1d::new(2), [2, 2, 5]));
    assert(&check_model!(
        |_rng| MaxPool3d::new([1, 2, 2]),
        [2, 1, 2, 4, 3]
    ));
    assert(&check_model!(
        |_rng| AvgPool3d::new([2, 1, 2]),
        [2, 1, 2, 3, 4]
    ));
    assert(&check_model!(
        |_rng| AdaptiveAvgPool2d::new([2, 3]),
        [2, 2, 5, 4]
    ));
    assert(&check_model!(|_rng| GlobalAvgPool::new(), [2, 3, 3, 2]));
}

#[test]
fn activations() {
    assert(&check_model!(|_rng| Relu::new(), [3, 4]));
    assert(&check_model!(|_rng| LeakyRelu::new(0.2), [3, 4]));
    assert(&check_model!(|_rng| Tanh::new(), [3, 4]));
    assert(&check_model!(|_rng| Sigmoid::new(), [3, 4]));
}

#[test]
fn batch_norms() {
    assert(&check_model!(|_rng| BatchNorm1d::new(3), [4, 3]));
    assert(&check_model!(|_rng| BatchNorm1d::new(2), [3, 2, 4]));
    assert(&check_model!(
        |_rng| BatchNorm2d::new(2).eps(0.1),
        [2, 2, 3, 2]
    ));
    assert(&check_model!(
        |_rng| BatchNorm3d::new(2).without_affine(),
        [2, 2, 1, 3, 2]
    ));
}

#[test]
fn norms_of_each_example() {
    assert(&check_model!(|_rng| LayerNorm::new([5]), [2, 3, 5]));
    assert(&check_model!(
        |_rng| LayerNorm::new([3, 2]).without_bias().eps(0.1),
        [2, 3, 2]
    ));
    assert(&check_model!(|_rng| RmsNorm::new([4]), [3, 4]));
    assert(&check_model!(|_rng| GroupNorm::new(2, 4), [2, 4, 3]));
    assert(&check_model!(
        |_rng| GroupNorm::new(3, 3).without_affine(),
        [2, 3, 2, 2]
    ));
}

/// A step of finite differences would cross the kink of some rectifier.
fn without_differences() -> CheckOptions {
    CheckOptions {
        finite_differences: false,
        ..CheckOptions::default()
    }
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
        [3, 1, 5, 4],
        without_differences()
    ));
    let padded = CifarResNetOptions {
        widths: vec![2, 4],
        shortcut: Shortcut::Pad,
        ..options
    };
    assert(&check_model!(
        |rng| CifarResNet::new(&padded, rng),
        [3, 1, 4, 5],
        without_differences()
    ));
}

#[test]
fn a_small_convolutional_network_with_everything() {
    let reports = check_model!(
        |rng| sequential![
            Conv2d::new(1, 3, 3, rng).padding(1),
            BatchNorm2d::new(3),
            Tanh::new(),
            AvgPool2d::new(2),
            Conv2d::grouped(3, 6, [2, 1], 3, rng),
            GroupNorm::new(2, 6),
            Sigmoid::new(),
            Dropout::new(0.3),
            Flatten::new(),
            Linear::new(12, 3, rng),
        ],
        [2, 1, 4, 5]
    );
    assert(&reports);
    assert_eq!(reports[0].names[0], "0.weight");
    assert_eq!(reports[0].names.last().unwrap(), "input");
}
