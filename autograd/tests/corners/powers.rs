//! Powers and norms with exponents that have formulas of their own, at sizes whose powers overflow.

use wengert_autograd::ops::ResponseOptions;
use wengert_autograd::{Reads, Var};
use wengert_tensor::{PoolOptions, Tensor};

use crate::value_and_gradient;

/// Rounding of a few powers.
const ROUNDING: f64 = 1e-13;

fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= ROUNDING * b.abs();
    assert!(
        found.iter().zip(expected).all(close),
        "{found:?}, expected {expected:?}"
    );
}

#[test]
fn a_whole_power_has_the_slope_of_repeated_products() {
    let x = [0.3, -1.2, 0.0, 7.0];
    for exponent in [1, 2, 3, 4, 5] {
        let (y, g) = value_and_gradient(&x, &[4], |x| x.pow(f64::from(exponent)));
        let (expected, slope) = value_and_gradient(&x, &[4], |x| {
            (1..exponent).fold(x.clone(), |product, _| product * x)
        });
        near(&y, &expected);
        near(&g, &slope);
    }
}

#[test]
fn the_norm_of_order_minus_1_is_the_harmonic_sum() {
    // y = 1/Σ 1/|x|, and ∂y/∂x = y²/x² · sign x.
    let x = [2.0, -4.0, 0.5, 1.0];
    let (y, g) = value_and_gradient(&x, &[4], |x| x.norm(-1.0, ..));
    let expected = 1.0 / x.iter().map(|x: &f64| 1.0 / x.abs()).sum::<f64>();
    near(&y, &[expected]);
    near(
        &g,
        &x.map(|x: f64| expected * expected / (x * x) * x.signum()),
    );
}

#[test]
fn pooling_by_powers_scales_with_the_image() {
    let x = [0.3, 1.2, 0.9, 2.0, 1.0, 0.7, 0.1, 3.0];
    let pool = |x: &Var<f64>| x.lp_pool1d(3.0, PoolOptions::new(2));
    let (y, g) = value_and_gradient(&x, &[1, 1, 8], pool);
    // The cubes of 2^±500 are out of range.
    for exponent in [-500, 500] {
        let scale = 2.0_f64.powi(exponent);
        let (scaled, same) = value_and_gradient(&x.map(|x| x * scale), &[1, 1, 8], pool);
        near(&scaled, &y.iter().map(|y| y * scale).collect::<Vec<_>>());
        near(&same, &g);
    }
}

#[test]
fn responses_without_an_offset_depend_on_a_power_of_the_size() {
    // With k = 0, x/(α m)^β is homogeneous of degree 1 − 2β in x, and its gradient of degree −2β.
    let options = ResponseOptions {
        k: 0.0,
        beta: 0.75,
        size: 3,
        ..ResponseOptions::default()
    };
    let x = [0.3, -1.2, 0.9, 2.0];
    let normed = |x: &Var<f64>| x.local_response_norm(&options);
    let (y, g) = value_and_gradient(&x, &[1, 4], normed);
    for exponent in [-520, 520] {
        let scale = 2.0_f64.powi(exponent);
        let (scaled, slopes) = value_and_gradient(&x.map(|x| x * scale), &[1, 4], normed);
        let times = |y: &[f64], degree: f64| -> Vec<f64> {
            y.iter().map(|y| y * scale.powf(degree)).collect()
        };
        near(&scaled, &times(&y, -0.5));
        let size = g.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * size * scale.powf(-1.5);
        let expected = times(&g, -1.5);
        assert!(
            slopes.iter().zip(&expected).all(close),
            "{slopes:?}, {expected:?}"
        );
    }
}

#[test]
fn a_rule_reads_all_numbers_or_none_above_62() {
    for number in [0, 62, 63, 64, 1000] {
        assert!(Reads::ALL.reads_input(number) && Reads::ALL.reads_output(number));
        assert!(!Reads::SHAPES.reads_input(number), "{number}");
        assert!(Reads::INPUTS.reads_input(number), "{number}");
        assert!(!Reads::INPUTS.reads_output(number), "{number}");
    }
}

#[test]
fn an_image_of_one_pixel_is_pooled_to_itself() {
    let x = Tensor::from_slice(&[0.3, -2.0], [1, 2, 1, 1]);
    for y in [x.avg_pool2d(PoolOptions::new(1)), x.adaptive_avg_pool2d(1)] {
        assert_eq!(y.to_vec(), x.to_vec());
    }
}
