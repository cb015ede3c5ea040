//! Numbers that are not there: −∞, NaN, and what is made of them.

use wengert_autograd::Var;
use wengert_autograd::ops::{BinaryCrossEntropyOptions, KlDivOptions, Reduction};
use wengert_tensor::Tensor;

use crate::{units_double, value_and_gradient};

const INF: f64 = f64::INFINITY;

fn constant(x: &[f64], shape: &[usize]) -> Var<f64> {
    Var::constant(Tensor::from_slice(x, shape))
}

#[test]
fn logsumexp_of_nothing_but_minus_infinity_has_gradient_0() {
    let found = value_and_gradient(&[-INF; 2], &[2], |x| x.logsumexp(0));
    assert_eq!(found, (vec![-INF], vec![0.0; 2]));
}

#[test]
fn a_class_without_probability_and_without_target_counts_for_nothing() {
    let target = constant(&[0.5, 0.5, 0.0], &[1, 3]);
    let found = value_and_gradient(&[0.0, 0.0, -INF], &[1, 3], |x| {
        x.cross_entropy_soft(&target)
    });
    assert!(
        units_double(found.0[0], std::f64::consts::LN_2) <= 2.0,
        "{found:?}"
    );
    assert_eq!(found.1, [0.0, 0.0, 0.0]);
}

#[test]
fn kl_div_of_nothing_from_nothing_is_0() {
    let options = KlDivOptions {
        log_target: false,
        reduction: Reduction::Sum,
    };
    let target = constant(&[1.0, 0.0], &[2]);
    let found = value_and_gradient(&[0.0, -INF], &[2], |x| x.kl_div_with(&target, &options));
    assert_eq!(found, (vec![0.0], vec![-1.0, 0.0]));
    let x = constant(&[0.0, -INF], &[2]);
    let (loss, slope) = value_and_gradient(&[1.0, 0.0], &[2], |t| x.kl_div_with(t, &options));
    assert_eq!((loss, slope), (vec![0.0], vec![1.0, 0.0]));
    let options = KlDivOptions {
        log_target: true,
        ..options
    };
    let target = constant(&[0.0, -INF], &[2]);
    let found = value_and_gradient(&[0.0, -INF], &[2], |x| x.kl_div_with(&target, &options));
    assert_eq!(found, (vec![0.0], vec![-1.0, 0.0]));
    let (loss, slope) = value_and_gradient(&[0.0, -INF], &[2], |t| x.kl_div_with(t, &options));
    assert_eq!((loss, slope), (vec![0.0], vec![1.0, 0.0]));
}

#[test]
fn a_certain_score_with_its_own_target_has_loss_0() {
    let options = BinaryCrossEntropyOptions {
        reduction: Reduction::Sum,
        ..Default::default()
    };
    let target = constant(&[1.0, 0.0], &[2]);
    for weight in [None, Some(Tensor::from_vec(vec![2.0], [1]))] {
        let found = value_and_gradient(&[INF, -INF], &[2], |x| {
            x.binary_cross_entropy_with_logits_with(&target, weight.as_ref(), &options)
        });
        assert_eq!(found, (vec![0.0], vec![0.0, 0.0]));
    }
}

#[test]
fn the_sign_of_nan_is_0() {
    assert_eq!(
        Tensor::from_vec(vec![f64::NAN, -2.0], [2]).sign().to_vec(),
        [0.0, -1.0]
    );
}

#[test]
fn logcumsumexp_agrees_with_logsumexp_of_every_prefix() {
    let cases = [
        vec![0.3, -2.0, 5.0, 1.0],
        vec![1e17; 4],
        vec![-INF, -INF, 2.0, -INF],
        vec![0.0, -50.0, 700.0, -1e300],
    ];
    for x in cases {
        let n = x.len();
        let (y, _) = value_and_gradient(&x, &[n], |x| x.logcumsumexp(0));
        let mut sums = vec![0.0; n];
        for i in 0..n {
            let (log, slope) = value_and_gradient(&x[..=i], &[i + 1], |x| x.logsumexp(0));
            assert!(
                y[i] == log[0] || units_double(y[i], log[0]) <= 4.0,
                "{x:?}: {y:?}"
            );
            sums.iter_mut()
                .zip(slope)
                .for_each(|(sum, slope)| *sum += slope);
        }
        let (_, slope) = value_and_gradient(&x, &[n], |x| x.logcumsumexp(0));
        for (found, exact) in slope.iter().zip(&sums) {
            assert!(
                (found - exact).abs() <= 1e-14 * exact.abs(),
                "{x:?}: {slope:?}, not {sums:?}"
            );
        }
    }
}

#[test]
fn sinc_is_1_at_0_and_0_at_the_other_integers() {
    let (y, slope) = value_and_gradient(&[0.0, 1.0, -2.0, 1e6], &[4], |x| x.sinc());
    assert_eq!(
        y.into_iter().map(f64::abs).collect::<Vec<_>>(),
        [1.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(slope, [0.0, -1.0, -0.5, 1e-6]);
}

#[test]
fn the_slope_of_gelu_tanh_is_0_or_1_far_out() {
    let (_, slope) = value_and_gradient(&[1e20_f32, -1e20, f32::MAX], &[3], |x| x.gelu_tanh());
    assert_eq!(slope, [1.0, 0.0, 1.0]);
}
