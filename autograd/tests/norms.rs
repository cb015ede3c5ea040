//! Norms and normalization where squares overflow or vanish, and where a mean is large beside the deviation.

use proptest::prelude::*;
use wengert_autograd::ops::NormOptions;
use wengert_autograd::{Tape, Var};
use wengert_tensor::Tensor;

/// Some roundings of `f32`.
const SINGLE: f32 = 4e-6;

fn tensor(values: &[f32]) -> Tensor<f32> {
    Tensor::from_slice(values, [values.len()])
}

/// The value of a function of one vector, and its gradient.
fn value_and_gradient(x: &[f32], f: impl Fn(&Var) -> Var) -> (f32, Vec<f32>) {
    let tape = Tape::new();
    let x = tape.leaf(tensor(x));
    let y = f(&x);
    (y.item(), y.backward().wrt(&x).to_vec())
}

#[track_caller]
fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (&found, &expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= SINGLE * expected.abs(),
            "{found:e} instead of {expected:e}"
        );
    }
}

#[test]
fn norms_of_huge_and_tiny_vectors_have_unit_gradients() {
    for scale in [1e-35, 1e-25, 1e-10, 1.0, 1e10, 1e25, 1e37] {
        let x = [3.0 * scale, -4.0 * scale];
        let (y, g) = value_and_gradient(&x, |x| x.norm(2.0, ..));
        near(&[y], &[5.0 * scale]);
        near(&g, &[0.6, -0.8]);
        // ‖(1, 2)‖₃ = 9^(1/3); the slopes are (x/y)².
        let (y, g) = value_and_gradient(&[scale, 2.0 * scale], |x| x.norm(3.0, ..));
        near(&[y], &[9.0_f32.cbrt() * scale]);
        near(
            &g,
            &[9.0_f32.powf(-2.0 / 3.0), 4.0 * 9.0_f32.powf(-2.0 / 3.0)],
        );
        // √x summed and squared: (1 + 2)² of (1, 4).
        let (y, _) = value_and_gradient(&[scale, 4.0 * scale], |x| x.norm(0.5, ..));
        near(&[y], &[9.0 * scale]);
    }
    let (y, g) = value_and_gradient(&[1e20, 1.0, 1.0], |x| x.norm(2.0, ..));
    near(&[y], &[1e20]);
    near(&g, &[1.0, 1e-20, 1e-20]);
    let (y, g) = value_and_gradient(&[0.0, 0.0], |x| x.norm(2.0, ..));
    assert_eq!((y, g), (0.0, vec![0.0, 0.0]));
}

#[test]
fn angles_do_not_depend_on_the_distance() {
    for scale in [1e-25, 1e-18, 1.0, 1e18, 1e25] {
        let tape = Tape::new();
        let (y, x) = (
            tape.leaf(Tensor::scalar(3.0 * scale)),
            tape.leaf(Tensor::scalar(-4.0 * scale)),
        );
        let angle = y.atan2(&x);
        near(&[angle.item()], &[3.0_f32.atan2(-4.0)]);
        let g = angle.backward();
        near(
            &[g.wrt(&y).item(), g.wrt(&x).item()],
            &[-0.16 / scale, -0.12 / scale],
        );
    }
}

/// With degree ½ the root is the square, which exists, but the rule computes its slope from the value, without a sign.
#[test]
fn a_root_of_a_negative_number_is_no_number() {
    for degree in [2.0, 3.0, 0.5] {
        let x = Tape::new().leaf(Tensor::from_vec(vec![-2.0_f64, 0.0, 4.0], [3]));
        let y = x.root(degree);
        assert!(y.value().get([0]).is_nan(), "degree {degree}");
        assert_eq!(y.value().get([1]), 0.0);
        let slope = y.sum(..).backward().wrt(&x).to_vec();
        assert!(slope[0].is_nan(), "degree {degree}: {}", slope[0]);
        assert_eq!(slope[1], 0.0);
        let expected = 4.0_f64.powf(1.0 / degree - 1.0) / degree;
        assert!((slope[2] - expected).abs() < 1e-12 * expected);
    }
}

#[test]
fn similarities_do_not_depend_on_the_lengths() {
    for scale in [1e-24, 1e-15, 1e15, 1e24] {
        let x = [3.0 * scale, 4.0 * scale];
        let unit = |x: &Var| x.normalize(2.0, 0, 1e-30).select(0, 0);
        let (y, g) = value_and_gradient(&x, unit);
        near(&[y], &[0.6]);
        // d(x₀/‖x‖) = (x₁², −x₀x₁)/‖x‖³
        near(&g, &[0.128 / scale, -0.096 / scale]);
        let other = Var::constant(tensor(&[scale, 0.0]));
        let (y, g) = value_and_gradient(&x, |x| x.cosine_similarity(&other, 0, 1e-30));
        near(&[y], &[0.6]);
        near(&g, &[0.128 / scale, -0.096 / scale]);
        let (y, g) = value_and_gradient(&x, |x| x.pairwise_distance(&other, 2.0, 0.0));
        near(&[y], &[20.0_f32.sqrt() * scale]);
        near(&g, &[2.0 / 20.0_f32.sqrt(), 4.0 / 20.0_f32.sqrt()]);
    }
    let rows = |x: f32, y: f32| Var::constant(Tensor::from_slice(&[x, y], [1, 2]));
    let target = Tensor::from_slice(&[1_i64], [1]);
    let loss = |x: &Var, y: &Var| {
        x.cosine_embedding_loss_with(y, &target, 0.0, wengert_autograd::ops::Reduction::Mean)
            .item()
    };
    near(&[loss(&rows(3e24, 4e24), &rows(1e24, 0.0))], &[0.4]);
}

#[test]
fn deviations_of_huge_and_tiny_numbers_are_right() {
    for scale in [1e-25, 1e-15, 1.0, 1e15, 1e25] {
        let x = [scale, 3.0 * scale];
        let (y, g) = value_and_gradient(&x, |x| x.std(.., 0));
        near(&[y], &[scale]);
        near(&g, &[-0.5, 0.5]);
    }
    let (y, g) = value_and_gradient(&[100.3; 768], |x| x.std(.., 1));
    assert_eq!((y, g), (0.0, vec![0.0; 768]));
    let (_, g) = value_and_gradient(&[100.3; 768], |x| x.var(.., 1));
    assert_eq!(g, [0.0; 768]);
    assert!(Var::constant(tensor(&[1.0])).std(.., 1).item().is_nan());
}

#[test]
fn layers_standardize_huge_numbers() {
    let options = NormOptions::default();
    for scale in [1e19, 1e20, 1e30, 1e36] {
        let values: Vec<f32> = [1.0, -1.0, 1.0, -1.0].map(|x| x * scale).to_vec();
        let x = Var::constant(Tensor::from_slice(&values, [2, 1, 2]));
        let signs = [1.0, -1.0, 1.0, -1.0];
        near(&x.layer_norm([2], &options).value().to_vec(), &signs);
        near(&x.rms_norm([2], &options).value().to_vec(), &signs);
        near(&x.group_norm(1, &options).value().to_vec(), &signs);
        near(&x.instance_norm(&options).value().to_vec(), &signs);
        near(&x.batch_norm(&options).y.value().to_vec(), &signs);
        // Orthogonal to 1 and to the standardized values: x₀ of three values, worked out in f64.
        let three = [scale, 2.0 * scale, 4.0 * scale];
        let first = |x: &Var| {
            x.reshape([1, 3])
                .layer_norm([3], &options)
                .select(1, 0)
                .sum(..)
        };
        let (_, g) = value_and_gradient(&three, first);
        let (mean, std) = (7.0 / 3.0, (14.0_f64 / 9.0).sqrt());
        let s = [1.0, 2.0, 4.0].map(|x| (x - mean) / std);
        let exact = |i: usize| (f64::from(u8::from(i == 0)) - (1.0 + s[0] * s[i]) / 3.0) / std;
        near(&g, &[0, 1, 2].map(|i| exact(i) as f32 / scale));
    }
    // Without ε tiny numbers are standardized too.
    let x = Var::constant(Tensor::from_slice(&[1e-30_f32, -1e-30], [1, 2]));
    near(
        &x.layer_norm([2], &options.eps(0.0)).value().to_vec(),
        &[1.0, -1.0],
    );
    near(
        &x.rms_norm([2], &options.eps(0.0)).value().to_vec(),
        &[1.0, -1.0],
    );
}

#[test]
fn evaluation_keeps_the_digits_of_a_small_deviation() {
    // Mean 10⁴, deviation 0.1, as exact as numbers of that size are.
    let values: Vec<f32> = (0..16)
        .map(|i| 1e4 + (i as f32 - 7.5) * 0.015_625)
        .collect();
    let x = Var::constant(Tensor::from_slice(&values, [16, 1]));
    let (mean, var) = (tensor(&[1e4]), tensor(&[0.01]));
    let options = NormOptions::default().eps(0.0);
    let y = x.batch_norm_with(&mean.into(), &var.into(), &options);
    let exact: Vec<f32> = values.iter().map(|x| (x - 1e4) / 0.1).collect();
    near(&y.value().to_vec(), &exact);
}

#[test]
fn activities_of_huge_numbers_are_normalized() {
    // One channel: x/(k + α x²)^β = x/(α x²)^β where x is huge.
    let options = wengert_autograd::ops::ResponseOptions {
        size: 1,
        ..Default::default()
    };
    let (y, g) = value_and_gradient(&[1e25], |x| {
        x.reshape([1, 1]).local_response_norm(&options).sum(..)
    });
    let exact = 1e25 / (1e-4 * 1e50_f64).powf(0.75);
    near(&[y], &[exact as f32]);
    // x^(1 − 2β): the slope is (1 − 2β) y/x.
    near(&g, &[(-0.5 * exact / 1e25) as f32]);
}

#[test]
fn statistics_of_instances_are_means_over_the_batch() {
    let x = Var::constant(Tensor::from_slice(
        &[1.0_f32, 3.0, 10.0, 10.0, 5.0, 9.0, 0.0, 2.0],
        [2, 2, 2],
    ));
    let normed = x.instance_norm_statistics(&NormOptions::default());
    // Means 2, 10 and 7, 1; variances 1, 0 and 4, 1.
    assert_eq!(normed.mean.value().to_vec(), [4.5, 5.5]);
    assert_eq!(normed.var.value().to_vec(), [2.5, 0.5]);
    assert_eq!(
        normed.y.value().to_vec(),
        x.instance_norm(&NormOptions::default()).value().to_vec()
    );
}

#[test]
fn norms_of_nothing_are_empty() {
    let options = NormOptions::default();
    let x = Var::constant(Tensor::<f32>::zeros([0, 2, 3]));
    let normed = x.batch_norm(&options);
    assert_eq!(normed.y.shape(), [0, 2, 3]);
    assert!(
        normed
            .mean
            .value()
            .iter()
            .chain(normed.var.value().iter())
            .all(f32::is_nan)
    );
    for y in [
        x.layer_norm([3], &options),
        x.group_norm(2, &options),
        x.instance_norm(&options),
    ] {
        assert_eq!(y.shape(), [0, 2, 3]);
    }
    let none = Var::constant(Tensor::<f32>::zeros([2, 0]));
    assert_eq!(none.norm(2.0, 1).value().to_vec(), [0.0, 0.0]);
    assert!(none.std(1, 0).value().iter().all(f32::is_nan));
    for y in [
        none.layer_norm([0], &options),
        none.rms_norm([0], &options),
        none.normalize(2.0, 1, 1e-12),
    ] {
        assert_eq!(y.shape(), [2, 0]);
    }
}

#[test]
fn output_padding_may_exceed_the_stride_where_the_dilation_does() {
    let x = Tensor::from_fn([1, 1, 3], |i| 1.0 + i[2] as f64);
    let w = Tensor::from_fn([1, 1, 2], |i| 2.0 + i[2] as f64);
    let options = wengert_tensor::ConvTransposeOptions::default()
        .dilation(3)
        .output_padding(2);
    let tape = Tape::new();
    let (x, w) = (tape.leaf(x), tape.leaf(w));
    let y = x.conv_transpose1d(&w, &options);
    // 1, 2, 3 times 2 from place 0 on, times 3 from place 3 on, and two zeros.
    assert_eq!(y.value().to_vec(), [2.0, 4.0, 6.0, 3.0, 6.0, 9.0, 0.0, 0.0]);
    let gradients = y.sum(..).backward();
    assert_eq!(gradients.wrt(&x).to_vec(), [5.0, 5.0, 5.0]);
    assert_eq!(gradients.wrt(&w).to_vec(), [6.0, 6.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn equal_numbers_are_standardized_to_0(length in 2..3000_usize, value in -1e5..1e5_f32) {
        let x = Var::constant(Tensor::full([2, length], value));
        let options = NormOptions::default();
        let mut normed = vec![x.layer_norm([length], &options), x.transpose(0, 1).batch_norm(&options).y];
        let x = x.reshape([2, 1, length]);
        normed.extend([x.group_norm(1, &options), x.instance_norm(&options), x.batch_norm(&options).y]);
        for (i, y) in normed.iter().enumerate() {
            prop_assert!(y.value().iter().all(|y| y == 0.0), "{i}");
        }
    }

    #[test]
    fn standardized_values_do_not_depend_on_a_power_of_two(
        values in prop::collection::vec(-1.0..1.0_f32, 3..40),
        power in -100..=100_i32,
    ) {
        let scale = 2.0_f32.powi(power);
        let x = Var::constant(tensor(&values));
        let scaled = Var::constant(tensor(&values).map(|x| x * scale));
        let eps = NormOptions::default().eps(1e-5);
        let eps_scaled = NormOptions::default().eps(1e-5 * f64::from(scale) * f64::from(scale));
        let n = [values.len()];
        let pairs = [
            (x.layer_norm(n, &eps), scaled.layer_norm(n, &eps_scaled)),
            (x.rms_norm(n, &eps), scaled.rms_norm(n, &eps_scaled)),
            (x.normalize(2.0, 0, 0.0), scaled.normalize(2.0, 0, 0.0)),
            (x.std(.., 1).reshape([1]), (scaled.std(.., 1) / f64::from(scale)).reshape([1])),
        ];
        for (i, (a, b)) in pairs.iter().enumerate() {
            for (a, b) in a.value().iter().zip(b.value().iter()) {
                prop_assert!((a - b).abs() <= 4.0 * f32::EPSILON * a.abs().max(1e-6), "{i}: {a} and {b}");
            }
        }
    }
}
