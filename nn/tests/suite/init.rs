//! Starting values have the mean, the deviation and the bounds of their formulas.

use wengert_nn::init::*;
use wengert_nn::{Conv2d, Linear, rng};
use wengert_tensor::Tensor;

const SHAPE: [usize; 4] = [64, 32, 3, 3];

/// Of 18,432 draws: five standard errors of a mean, and of a deviation.
const ERROR: f64 = 5.0 / 135.0;

fn has(x: &Tensor<f64>, std: f64) {
    let (mean, var) = (x.mean(..).item(), x.var(.., 0).item());
    assert!(mean.abs() < ERROR * std, "the mean is {mean}");
    assert!(
        (var.sqrt() / std - 1.0).abs() < ERROR,
        "the deviation is {}, not {std}",
        var.sqrt()
    );
}

/// Uniform values fill ±√3 deviations and no more.
fn is_uniform(x: &Tensor<f64>, std: f64) {
    has(x, std);
    let bound = 3.0_f64.sqrt() * std;
    let largest = x.abs().max(..).item();
    assert!(
        largest <= bound && largest > 0.99 * bound,
        "{largest} of {bound}"
    );
}

#[test]
fn fans_count_the_window() {
    assert_eq!(fans(SHAPE), [288, 576]);
    assert_eq!(fans([10, 7]), [7, 10]);
}

#[test]
fn gains_are_those_of_the_table() {
    assert_eq!(Nonlinearity::Linear.gain(), 1.0);
    assert_eq!(Nonlinearity::Sigmoid.gain(), 1.0);
    assert_eq!(Nonlinearity::Tanh.gain(), 5.0 / 3.0);
    assert_eq!(Nonlinearity::Relu.gain(), 2.0_f64.sqrt());
    assert!((Nonlinearity::LeakyRelu(0.2).gain() - 1.386_750_490_563_073).abs() < 1e-15);
    assert_eq!(
        Nonlinearity::LeakyRelu(0.0).gain(),
        Nonlinearity::Relu.gain()
    );
    assert_eq!(Nonlinearity::Selu.gain(), 0.75);
}

#[test]
fn xavier_divides_by_both_fans() {
    let std = 1.5 * (2.0 / (288.0 + 576.0_f64)).sqrt();
    assert_eq!(xavier_std(SHAPE, 1.5), std);
    has(&xavier_normal(SHAPE, 1.5, &mut rng(0)), std);
    is_uniform(&xavier_uniform(SHAPE, 1.5, &mut rng(0)), std);
}

#[test]
fn kaiming_divides_by_one() {
    for (fan, count) in [(Fan::In, 288.0_f64), (Fan::Out, 576.0)] {
        let std = 2.0_f64.sqrt() / count.sqrt();
        let gain = Nonlinearity::Relu.gain();
        has(&kaiming_normal(SHAPE, fan, gain, &mut rng(1)), std);
        is_uniform(&kaiming_uniform(SHAPE, fan, gain, &mut rng(1)), std);
    }
}

#[test]
fn layers_start_uniform_in_the_inverse_root_of_the_fan_in() {
    let rng = &mut rng(2);
    let conv = Conv2d::<f64>::new(32, 64, 3, rng);
    is_uniform(conv.weight.value(), 1.0 / (3.0 * 288.0_f64).sqrt());
    let bias = conv.bias.unwrap().value().abs().max(..).item();
    assert!(bias <= 1.0 / 288.0_f64.sqrt() && bias > 0.8 / 288.0_f64.sqrt());
    let linear = Linear::<f64>::new(100, 200, rng);
    is_uniform(linear.weight.value(), 1.0 / 300.0_f64.sqrt());
}

#[test]
fn a_truncated_normal_stays_within_its_range() {
    let draw = |mean, std, range| -> Tensor<f64> {
        truncated_normal([20_000], mean, std, range, &mut rng(3))
    };
    let x = draw(0.0, 0.02, -0.04..0.04);
    let largest = x.abs().max(..).item();
    assert!(largest <= 0.04 && largest > 0.0395);
    // The deviation that is left: √(1 − 2·2φ(2)/(2Φ(2) − 1)).
    has(&x, 0.02 * 0.879_626);
    // The means of a standard normal number in a range: (φ(a) − φ(b)) / (Φ(b) − Φ(a)).
    for (range, expected) in [
        (-0.5..1.0, 0.206_631),
        (-1.0..f64::INFINITY, 0.287_600),
        (2.0..f64::INFINITY, 2.373_216),
        (f64::NEG_INFINITY..-6.0, -6.158_483),
        (3.0..3.1, 3.047_463),
        (-8.0..-5.0, -5.186_504),
    ] {
        let x = draw(1.0, 2.0, 1.0 + 2.0 * range.start..1.0 + 2.0 * range.end);
        let z = x.map(|x| (x - 1.0) / 2.0);
        assert!(
            z.iter()
                .all(|z| range.start - 1e-12 <= z && z <= range.end + 1e-12)
        );
        let error = (z.mean(..).item() - expected).abs();
        assert!(
            error < 5.0 * z.var(.., 1).item().sqrt() / 20_000_f64.sqrt(),
            "{range:?}: {error}"
        );
    }
}

#[test]
fn gains_have_names() {
    for name in ["linear", "conv2d", "conv_transpose3d", "sigmoid"] {
        assert_eq!(calculate_gain(name, None), Ok(1.0));
    }
    assert_eq!(calculate_gain("relu", Some(3.0)), Ok(2.0_f64.sqrt()));
    assert_eq!(calculate_gain("selu", None), Ok(0.75));
    assert_eq!(
        calculate_gain("leaky_relu", None),
        Ok((2.0_f64 / 1.0001).sqrt())
    );
    assert_eq!(
        calculate_gain("leaky_relu", Some(0.2)),
        Ok(Nonlinearity::LeakyRelu(0.2).gain())
    );
    let error = calculate_gain("Relu", None).unwrap_err();
    assert!(
        error.to_string().starts_with("\"Relu\" is no nonlinearity"),
        "{error}"
    );
}

#[test]
fn a_convolution_of_unit_filters_keeps_its_channels() {
    let w: Tensor<f64> = dirac([4, 2, 3, 2], 2);
    let x = Tensor::normal([1, 4, 5, 6], 0.0, 1.0, &mut rng(0));
    let options = wengert_tensor::ConvOptions::default()
        .padding([[1, 1], [1, 0]])
        .groups(2);
    assert_eq!(x.conv2d(&w, &options), x);
    // More filters than channels: the others are silent.
    let w: Tensor<f64> = dirac([3, 2, 1], 1);
    assert_eq!(w.to_vec(), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    let w: Tensor<f64> = eye([2, 3]);
    assert_eq!(w.to_vec(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn orthogonal_matrices_are() {
    for shape in [[5, 5], [3, 8], [8, 3], [1, 4], [4, 1]] {
        let w: Tensor<f64> = orthogonal(shape, 2.0, &mut rng(4));
        let gram = if shape[0] <= shape[1] {
            w.matmul(&w.t())
        } else {
            w.t().matmul(&w)
        };
        let error = (gram - Tensor::eye(shape[0].min(shape[1])) * 4.0)
            .abs()
            .max(..)
            .item();
        assert!(error < 1e-13, "{shape:?}: {error}");
    }
    let w: Tensor<f64> = orthogonal([4, 2, 3, 3], 1.0, &mut rng(5));
    assert_eq!(w.shape(), [4, 2, 3, 3]);
}

#[test]
fn every_type_draws_the_same() {
    let double: Tensor<f64> = kaiming_normal([4, 4], Fan::In, 1.0, &mut rng(6));
    let single: Tensor<f32> = kaiming_normal([4, 4], Fan::In, 1.0, &mut rng(6));
    assert_eq!(single, double.cast());
}

#[test]
#[should_panic(expected = "fans: [3]: a weight has two axes or more")]
fn a_vector_has_no_fans() {
    let _ = fans([3]);
}
