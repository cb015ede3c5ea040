//! Layers that pool, resize, shuffle and pad: gradients, and values by hand.

use wengert_autograd::Var;
use wengert_autograd::ops::{Border, InterpolateOptions, Interpolation, ResponseOptions};
use wengert_nn::*;
use wengert_tensor::{ConvOptions, Tensor};

use crate::layers::assert;
use wengert_tensor::testing::panics::assert_refused;

/// What a layer without parameters makes of a tensor.
fn of(layer: &impl Module<f64>, x: &Tensor<f64>) -> Tensor<f64> {
    let mut pass = Pass::eval(layer);
    let x = pass.input(x.clone());
    layer.call(&x, &mut pass).into_value()
}

/// 1, 2, 3 …
fn counted<const N: usize>(shape: [usize; N]) -> Tensor<f64> {
    let count = shape.iter().product::<usize>();
    Tensor::arange(1.0, count as f64 + 1.0, 1.0).reshape(shape)
}

#[test]
fn adaptive_pools_have_exact_gradients() {
    assert(&check_model!(|_rng| AdaptiveAvgPool1d::new(3), [2, 2, 5]));
    assert(&check_model!(
        |_rng| AdaptiveAvgPool3d::new([1, 2, 2]),
        [1, 2, 2, 3, 4]
    ));
    assert(&check_model!(|_rng| AdaptiveMaxPool1d::new(2), [2, 2, 5]));
    assert(&check_model!(
        |_rng| AdaptiveMaxPool2d::new([2, 3]),
        [2, 2, 5, 4]
    ));
    assert(&check_model!(
        |_rng| AdaptiveMaxPool3d::new([2, 1, 2]),
        [1, 2, 3, 2, 3]
    ));
    assert(&check_model!(|_rng| GlobalMaxPool, [2, 3, 3, 2]));
}

#[test]
fn adaptive_windows_overlap_where_they_do_not_divide() {
    let x = counted([1, 1, 5]);
    // Windows of 5 places: ⌊0⌋ to ⌈5/3⌉, ⌊5/3⌋ to ⌈10/3⌉, ⌊10/3⌋ to 5.
    assert_eq!(of(&AdaptiveAvgPool1d::new(3), &x).to_vec(), [1.5, 3.0, 4.5]);
    assert_eq!(of(&AdaptiveMaxPool1d::new(3), &x).to_vec(), [2.0, 4.0, 5.0]);
    let x = counted([1, 2, 2, 3]);
    assert_eq!(
        of(&GlobalMaxPool, &x),
        Tensor::from_vec(vec![6.0, 12.0], [1, 2])
    );
    assert_eq!(
        of(&GlobalAvgPool, &x),
        Tensor::from_vec(vec![3.5, 9.5], [1, 2])
    );
}

#[test]
fn pools_by_powers_are_norms() {
    let x = Tensor::from_vec(vec![3.0, 4.0, 5.0, 12.0], [1, 1, 2, 2]);
    let rows = LpPool2d::new(2.0, PoolOptions::new([1, 2]));
    assert_eq!(of(&rows, &x).to_vec(), [5.0, 13.0]);
    let sums = LpPool2d::new(1.0, PoolOptions::new(2));
    assert_eq!(of(&sums, &x).to_vec(), [24.0]);
    // Away from 0, where a root has no slope.
    let positive = Tensor::uniform([2, 2, 5], 0.5..1.5, &mut rng(0));
    assert(&check_model!(
        |_rng| LpPool1d::new(3.0, PoolOptions::new(2).stride(1)),
        positive.clone()
    ));
    assert(&check_model!(
        |_rng| LpPool3d::new(2.0, PoolOptions::new([1, 2, 2]).ceil()),
        positive
            .reshape([1, 2, 2, 5, 1])
            .broadcast_to([1, 2, 2, 5, 2])
            .contiguous()
    ));
}

#[test]
fn images_are_resized() {
    let double = Upsample::new(InterpolateOptions::by([2.0]));
    let x = counted([1, 1, 1, 2]);
    assert_eq!(
        of(&double, &x),
        Tensor::from_vec(vec![1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0], [1, 1, 2, 4])
    );
    assert(&check_model!(
        |_rng| Upsample::new(InterpolateOptions::to([3, 5]).mode(Interpolation::Linear)),
        [2, 1, 2, 3]
    ));
}

#[test]
fn channels_become_pixels_and_come_back() {
    // One pixel of four channels: rows first.
    let x = counted([1, 4, 1, 1]);
    assert_eq!(of(&PixelShuffle::new(2_usize), &x), counted([1, 1, 2, 2]));
    let x = counted([2, 8, 2, 3]);
    let there = of(&PixelShuffle::new(2_usize), &x);
    assert_eq!(there.shape(), [2, 2, 4, 6]);
    assert_eq!(of(&PixelUnshuffle::new(2_usize), &there), x);
    assert(&check_model!(
        |_rng| PixelShuffle::new(2_usize),
        [1, 4, 2, 1]
    ));
    assert(&check_model!(
        |_rng| PixelUnshuffle::new(2_usize),
        [1, 1, 2, 4]
    ));
}

#[test]
fn borders_are_constant_mirrored_repeated_or_circular() {
    let x = counted([1, 1, 3]);
    let widths = [[2_usize, 1]];
    assert_eq!(
        of(&ReflectionPad1d::new(widths), &x).to_vec(),
        [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    );
    assert_eq!(
        of(&ReplicationPad1d::new(widths), &x).to_vec(),
        [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]
    );
    assert_eq!(
        of(&CircularPad1d::new(widths), &x).to_vec(),
        [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]
    );
    assert_eq!(
        of(&ConstantPad1d::new([[-1, 2]], 7.0), &x).to_vec(),
        [2.0, 3.0, 7.0, 7.0]
    );
    let x = counted([1, 1, 2, 2]);
    // The first pair is that of the first of the last axes.
    assert_eq!(
        of(&ConstantPad2d::new([[1, 0], [0, 2]], 0.0), &x).shape(),
        [1, 1, 3, 4]
    );
    assert(&check_model!(
        |_rng| ReflectionPad2d::new([[1_usize, 0], [0, 2]]),
        [1, 2, 2, 3]
    ));
    assert(&check_model!(
        |_rng| ReplicationPad3d::new([[1_usize, 0], [0, 2], [1, 1]]),
        [1, 1, 1, 2, 2]
    ));
    assert(&check_model!(
        |_rng| CircularPad2d::new([[1_usize, 2], [0, 1]]),
        [1, 1, 2, 3]
    ));
    assert(&check_model!(
        |_rng| ConstantPad3d::new([[1, 0], [-1, 1], [0, 2]], 0.5),
        [1, 1, 1, 3, 2]
    ));
}

#[test]
fn channels_are_normalized_by_their_image_alone() {
    assert(&check_model!(
        |_rng| InstanceNorm2d::new(2).affine(),
        [2, 2, 3, 2]
    ));
    assert(&check_model!(
        |_rng| InstanceNorm1d::new(3).eps(0.1),
        [2, 3, 4]
    ));
    assert(&check_model!(
        |_rng| InstanceNorm3d::new(1),
        [2, 1, 2, 1, 3]
    ));
    let layer: InstanceNorm2d<f64> = InstanceNorm2d::new(3).affine();
    let names: Vec<_> = layer
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["weight", "bias"]);
    let x = Tensor::normal([2, 3, 4, 5], 2.0, 3.0, &mut rng(1));
    let y = of(&layer, &x);
    // 1e-5 is added to a variance near 9.
    let (mean, var) = (y.mean([2, 3]), y.var([2, 3], 0));
    assert!(mean.abs().max(..).item() < 1e-14, "{mean}");
    assert!((var - Tensor::scalar(1.0)).abs().max(..).item() < 1e-5);
    assert_eq!(InstanceNorm2d::<f64>::new(3).parameter_count(), 0);
}

#[test]
fn instance_norm_may_track_running_statistics_for_evaluation() {
    assert(&check_model!(
        |_rng| InstanceNorm2d::new(2).affine().track_running_stats(),
        [2, 2, 3, 2]
    ));
    let mut layer: InstanceNorm2d<f64> = InstanceNorm2d::new(1).track_running_stats().momentum(0.5);
    // Two images with the means 2 and 6, and the unbiased variances 2 and 8.
    let x = Tensor::from_slice(&[1.0, 3.0, 4.0, 8.0], [2, 1, 1, 2]);
    let mut pass = Pass::train(&layer, 0);
    let y = layer.call(&pass.input(x.clone()), &mut pass);
    assert_eq!(
        *y.value(),
        of(&InstanceNorm2d::new(1), &x),
        "by its own statistics"
    );
    pass.commit(&mut layer);
    let dict = StateDict::of(&layer);
    let state: Vec<f64> = ["running_mean", "running_var"]
        .map(|name| dict.get(name).unwrap().real::<f64>().unwrap().item())
        .to_vec();
    assert_eq!(state, [0.5 * 4.0, 0.5 + 0.5 * 5.0]);
    assert_eq!(layer.num_batches_tracked.as_ref().unwrap().value(), 1);
    // In evaluation: (x − 2)/√(3 + ε).
    let y = of(&layer, &x).to_vec();
    for (y, x) in y.into_iter().zip(x.to_vec()) {
        assert!((y - (x - 2.0) / (3.0_f64 + 1e-5).sqrt()).abs() < 1e-14);
    }
}

#[test]
#[should_panic(
    expected = "instance_norm1d: [2, 3, 1]: 2 images of 1 values per channel have no variance to train on"
)]
fn instance_norm_does_not_track_the_variance_of_one_value() {
    let layer: InstanceNorm1d<f64> = InstanceNorm1d::new(3).track_running_stats();
    let mut pass = Pass::train(&layer, 0);
    let x = pass.input(Tensor::ones([2, 3, 1]));
    let _ = layer.call(&x, &mut pass);
}

#[test]
#[should_panic(expected = "instance_norm2d: [2, 3, 4]: 4 axes and 3 channels are needed")]
fn a_signal_is_no_image() {
    let _ = of(&InstanceNorm2d::new(3), &Tensor::ones([2, 3, 4]));
}

#[test]
fn channels_inhibit_their_neighbours() {
    let options = ResponseOptions {
        size: 3,
        alpha: 1.5,
        beta: 1.0,
        k: 2.0,
    };
    let x = counted([1, 3, 1]);
    // Sums of squares 1 + 4, 1 + 4 + 9, 4 + 9, times 1.5 / 3, and 2.
    assert_eq!(
        of(&LocalResponseNorm::new(options), &x).to_vec(),
        [1.0 / 4.5, 2.0 / 9.0, 3.0 / 8.5]
    );
    assert(&check_model!(
        |_rng| LocalResponseNorm::new(options),
        [2, 4, 2, 1]
    ));
}

#[test]
fn whole_channels_are_dropped() {
    let layer = Dropout2d::new(0.25);
    let mut pass = Pass::train(&layer, 3);
    let x = pass.input(Tensor::<f64>::ones([40, 50, 2, 3]));
    let y = layer.call(&x, &mut pass).into_value();
    let (low, high) = (y.min([2, 3]), y.max([2, 3]));
    assert_eq!(low, high, "a channel is dropped in part");
    let kept = low.map(|y| y != 0.0).count_true(..).item();
    // Of 2000 channels 1500 ± 5·√(2000·¼·¾).
    assert!((1404..=1596).contains(&kept), "{kept}");
    assert!(low.iter().all(|y| y == 0.0 || y == 1.0 / 0.75));
    assert_eq!(of(&layer, x.value()), *x.value());
    assert(&check_model!(|_rng| Dropout1d::new(0.4), [3, 4, 2]));
    assert(&check_model!(|_rng| Dropout2d::new(0.4), [2, 4, 2, 1]));
    assert(&check_model!(|_rng| Dropout3d::new(0.4), [2, 4, 1, 2, 1]));
}

#[test]
fn extents_that_memory_cannot_hold_are_refused_and_can_be_caught() {
    let refused = |f: &dyn Fn(&Var<f64>) -> Var<f64>, shape: &[usize], said: &str| {
        let x = Var::constant(Tensor::zeros(shape));
        assert_refused(said, || f(&x));
    };
    let huge = 1 << 36;
    let (line, plane) = (&[1, 1, 4][..], &[1, 1, 4, 4][..]);
    refused(&|x| x.adaptive_avg_pool1d(huge), line, "68719476736");
    refused(&|x| x.adaptive_max_pool2d([2, huge]), plane, "68719476736");
    for mode in [Interpolation::Nearest, Interpolation::Cubic] {
        let resized = |x: &Var<f64>| x.interpolate(&InterpolateOptions::to(huge).mode(mode));
        refused(&resized, line, "interpolate: [1, 1, 4]: 68719476736");
    }
    for options in [
        ConvOptions {
            dilation: (1 << 63).into(),
            ..ConvOptions::default()
        },
        ConvOptions {
            padding: usize::MAX.into(),
            ..ConvOptions::default()
        },
        ConvOptions {
            stride: usize::MAX.into(),
            ..ConvOptions::default()
        },
    ] {
        refused(
            &|x| x.unfold([3, 3], &options),
            plane,
            "unfold: windows of [3, 3]",
        );
        refused(
            &|x| x.fold([4, 4], [3, 3], &options),
            &[1, 9, 4],
            "fold: windows of",
        );
    }
    for border in [Border::Replicate, Border::Circular, Border::Reflect] {
        for widths in [[usize::MAX, 0], [1 << 63, 1 << 63], [0, 1 << 40]] {
            let widths = [[0, 0], [0, 0], widths];
            refused(
                &|x| x.pad_border(&widths, border),
                line,
                "pad_border: [1, 1, 4]",
            );
        }
    }
    // Sizes whose sum wraps to the extent.
    refused(
        &|x| x.split(2, [usize::MAX, 5]).remove(0),
        line,
        "split: [1, 1, 4]",
    );
    let output = [usize::MAX, 4];
    let options = ConvOptions::default();
    refused(
        &|x| x.fold(output, [3, 3], &options),
        &[1, 9, 4],
        "fold: an image",
    );
}
