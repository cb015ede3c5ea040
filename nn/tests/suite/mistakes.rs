//! Layers and models with options or inputs that do not fit: each panics with a message that names what was given.

use wengert_nn::models::{
    CifarResNet, CifarResNetOptions, MobileNetOptions, MobileNetV2, ShuffleUnit, VisionTransformer,
    VitOptions,
};
use wengert_nn::{
    BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, InstanceNorm2d, Module, MultiheadAttention,
    Pass, ReflectionPad2d, Rnn, SqueezeExcitation, StochasticDepth, init, per_sample_gradients,
    rng,
};
use wengert_tensor::Tensor;
use wengert_tensor::testing::panics::{assert_refused, message_of};

/// Calls a layer in training with ones of a shape.
fn call<const N: usize>(layer: &impl Module<f32>, shape: [usize; N]) {
    let mut pass = Pass::train(layer, 0);
    let x = pass.input(Tensor::ones(shape));
    let _ = layer.call(&x, &mut pass);
}

#[test]
fn groups_divide_inputs_and_outputs() {
    for (inputs, outputs, groups) in [(4, 6, 0), (3, 4, 2), (4, 3, 2)] {
        let expected =
            format!("{groups} groups do not divide {inputs} inputs and {outputs} outputs");
        assert_refused(&format!("conv: {expected}"), || {
            let _: Conv2d = Conv2d::grouped(inputs, outputs, 3, groups, &mut rng(0));
        });
        assert_refused(&format!("conv_transpose: {expected}"), || {
            let _: ConvTranspose2d =
                ConvTranspose2d::grouped(inputs, outputs, 3, groups, &mut rng(0));
        });
    }
}

#[test]
fn heads_divide_the_width() {
    for heads in [0, 3] {
        assert_refused(
            &format!("multi_head_attention: {heads} heads do not divide the width 4"),
            || {
                let _: MultiheadAttention = MultiheadAttention::new(4, heads, &mut rng(0));
            },
        );
    }
}

#[test]
fn normalizations_have_axes_and_channels() {
    let one: BatchNorm1d = BatchNorm1d::new(3);
    call(&one, [2, 3]);
    call(&one, [2, 3, 4]);
    assert_refused("batch_norm1d: [2, 3, 4, 4]: 3 axes are needed", || {
        call(&one, [2, 3, 4, 4]);
    });
    let two: BatchNorm2d = BatchNorm2d::new(3);
    assert_refused("batch_norm2d: [2, 3]: 4 axes are needed", || {
        call(&two, [2, 3]);
    });
    assert_refused(
        "batch_norm2d: [2, 5, 4, 4]: 5 channels, the layer has 3",
        || {
            call(&two, [2, 5, 4, 4]);
        },
    );
    let instance: InstanceNorm2d = InstanceNorm2d::new(3).track_running_stats();
    assert_refused(
        "instance_norm2d: [2, 3, 4]: 4 axes and 3 channels are needed",
        || {
            call(&instance, [2, 3, 4]);
        },
    );
    assert_refused(
        "instance_norm2d: [2, 5, 4, 4]: 4 axes and 3 channels are needed",
        || {
            call(&instance, [2, 5, 4, 4]);
        },
    );
    for shape in [[2, 3, 1, 1], [0, 3, 4, 4]] {
        assert_refused("have no variance to train on", || call(&instance, shape));
    }
}

#[test]
fn layers_need_the_axes_that_they_work_on() {
    let excitation: SqueezeExcitation = SqueezeExcitation::new(3, 2, &mut rng(0));
    assert_refused(
        "squeeze_excitation: [2, 3, 4]: [batch, channels, height, width] is needed",
        || call(&excitation, [2, 3, 4]),
    );
    assert_refused(
        "stochastic_depth: []: an axis of examples is needed",
        || {
            call(&StochasticDepth::new(0.5), []);
        },
    );
    let pad = ReflectionPad2d::new([[1_usize, 0], [0, 2]]);
    assert_refused("pad: [5]: widths for 2 axes", || call(&pad, [5]));
}

#[test]
fn a_recurrent_layer_needs_one_state_for_each_layer_and_direction() {
    let layer: Rnn = Rnn::new(3, 4, &mut rng(0));
    let run = |shape: &[usize]| {
        let mut pass = Pass::eval(&layer);
        let x = pass.input(Tensor::ones([5, 2, 3]));
        let state = pass.input(Tensor::zeros(shape));
        let _ = layer.run(&x, Some(&state), &mut pass);
    };
    run(&[1, 2, 4]);
    assert_refused(
        "a state [2, 2, 4]: 1 of them are needed, one per layer and direction",
        || {
            run(&[2, 2, 4]);
        },
    );
    assert_refused("a state []: 1 of them are needed", || run(&[]));
}

#[test]
fn initial_values_need_a_distribution_and_filters_a_window() {
    for (std, range) in [
        (0.0, -1.0..1.0),
        (-1.0, -1.0..1.0),
        (1.0, 1.0..1.0),
        (1.0, 2.0..1.0),
    ] {
        assert_refused("no such distribution", || {
            let _: Tensor = init::truncated_normal([2], 0.0, std, range, &mut rng(0));
        });
    }
    for (shape, groups) in [(&[4, 4][..], 1), (&[4, 4, 3], 0), (&[4, 4, 3], 3)] {
        assert_refused(
            &format!("dirac: {shape:?}: filters with a window are needed"),
            || {
                let _: Tensor = init::dirac(shape, groups);
            },
        );
    }
}

#[test]
fn models_name_the_option_that_does_not_fit() {
    for width_mult in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let options = MobileNetOptions {
            width_mult,
            ..MobileNetOptions::default()
        };
        assert_refused(
            &format!("mobilenet_v2: a width of {width_mult} is not positive"),
            || {
                let _: MobileNetV2 = MobileNetV2::new(&options, &mut rng(0));
            },
        );
    }
    for (widths, blocks) in [(vec![], vec![]), (vec![4], vec![1, 1])] {
        let expected = format!(
            "resnet_cifar: {} widths, {} numbers of blocks: one each is needed",
            widths.len(),
            blocks.len()
        );
        let options = CifarResNetOptions {
            widths,
            blocks,
            ..CifarResNetOptions::default()
        };
        assert_refused(&expected, || {
            let _: CifarResNet = CifarResNet::new(&options, &mut rng(0));
        });
    }
    for (inputs, outputs, stride) in [(3, 5, 2), (2, 4, 1)] {
        assert_refused(
            &format!("shuffle_unit: {inputs} inputs, {outputs} outputs, stride {stride}"),
            || {
                let _: ShuffleUnit = ShuffleUnit::new(inputs, outputs, stride, &mut rng(0));
            },
        );
    }
}

#[test]
fn a_vision_transformer_takes_images_of_whole_patches() {
    let options = |patch| VitOptions {
        image: 8,
        patch,
        layers: 1,
        heads: 2,
        width: 4,
        hidden: 4,
        classes: 2,
        dropout: 0.0,
    };
    for patch in [0, 3] {
        assert_refused("vision_transformer: patches of", || {
            let _: VisionTransformer = VisionTransformer::new(&options(patch), &mut rng(0));
        });
    }
    let model: VisionTransformer = VisionTransformer::new(&options(4), &mut rng(0));
    call(&model, [1, 3, 8, 8]);
    assert_refused(
        "vision_transformer: [3, 8, 8]: images of 8×8 are needed",
        || {
            call(&model, [3, 8, 8]);
        },
    );
    assert_refused(
        "vision_transformer: [1, 3, 8, 4]: images of 8×8 are needed",
        || {
            call(&model, [1, 3, 8, 4]);
        },
    );
}

#[test]
fn an_evaluation_has_no_backward_pass() {
    let layer: BatchNorm2d = BatchNorm2d::new(3);
    let mut pass = Pass::eval(&layer);
    let x = pass.input(Tensor::ones([2, 3, 2, 2]));
    let loss = layer.call(&x, &mut pass).sum(..);
    assert_refused(
        "backward: the pass only evaluates; make it with Pass::train",
        || {
            let _ = pass.backward(&loss);
        },
    );
}

#[test]
fn changes_of_buffers_belong_to_the_model_that_ran() {
    let layer: BatchNorm2d = BatchNorm2d::new(3);
    let mut pass = Pass::train(&layer, 0);
    let x = pass.input(Tensor::ones([2, 3, 2, 2]));
    let _ = layer.call(&x, &mut pass);
    let mut other: BatchNorm2d = BatchNorm2d::new(3);
    assert_refused("commit: 3 buffers are not in the model", || {
        pass.commit(&mut other);
    });
}

#[test]
fn the_loss_of_a_sample_is_one_number_that_depends_on_parameters() {
    let layer: Conv2d = Conv2d::new(1, 1, 1, &mut rng(0));
    let message = |tracked: bool| {
        message_of(|| {
            per_sample_gradients(&layer, 2, 0, |_, pass| {
                let x = pass.input(Tensor::ones([1, 1, 2, 2]));
                if tracked {
                    layer.call(&x, pass)
                } else {
                    x.sum(..)
                }
            })
        })
    };
    assert!(message(true).contains("[1, 1, 2, 2]"), "{}", message(true));
    assert!(message(false).contains("[]"), "{}", message(false));
}
