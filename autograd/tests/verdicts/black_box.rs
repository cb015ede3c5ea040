//! Gradients from anywhere, over flat slices.

use wengert_autograd::check::{CheckOptions, check_black_box, check_black_box_with};
use wengert_autograd::{Draw, LARGEST};

/// `y = A x` for `A[i, j] = 1/(i + j + 1)`.
fn hilbert(x: &[&[f64]]) -> Vec<f64> {
    let n = x[0].len();
    (0..n)
        .map(|i| (0..n).map(|j| x[0][j] / (i + j + 1) as f64).sum())
        .collect()
}

#[test]
fn a_right_pair_passes_in_both_precisions() {
    check_black_box(
        hilbert,
        |_, c| vec![hilbert(&[c])],
        &[vec![0.3, -1.0, 2.0, 0.1]],
    )
    .assert();
    let cube = |x: &[&[f32]]| x[0].iter().map(|x| x * x * x).collect::<Vec<_>>();
    let vjp =
        |x: &[&[f32]], c: &[f32]| vec![x[0].iter().zip(c).map(|(x, c)| 3.0 * x * x * c).collect()];
    check_black_box(cube, vjp, &[vec![0.3_f32, -1.0, 2.0]]).assert();
    let doubled =
        |x: &[&[f32]], c: &[f32]| vec![x[0].iter().zip(c).map(|(x, c)| 6.0 * x * x * c).collect()];
    let wrong = check_black_box(cube, doubled, &[vec![0.3_f32, -1.0, 2.0]]);
    assert!(wrong.failed(), "{wrong}");
}

#[test]
fn the_gradient_of_average_pooling_divided_twice_fails() {
    // The mean of pairs; the wrong gradient divides by 2 twice, as one framework's pooling did by k².
    let pool = |x: &[&[f64]]| x[0].chunks(2).map(|p| 0.5 * (p[0] + p[1])).collect();
    let vjp = |factor: f64| {
        move |_: &[&[f64]], c: &[f64]| vec![c.iter().flat_map(|c| [c * factor; 2]).collect()]
    };
    let x = vec![vec![0.3, -1.0, 2.0, 0.1]];
    check_black_box(pool, vjp(0.5), &x).assert();
    assert!(check_black_box(pool, vjp(0.25), &x).failed());
}

#[test]
fn a_wrong_entry_of_many_is_located() {
    let n = 5000;
    let x: Vec<f64> = (0..n).map(|k| (f64::from(k) * 0.37).sin()).collect();
    let f = |x: &[&[f64]]| x[0].iter().map(|x| x.exp()).collect();
    let wrong = |x: &[&[f64]], c: &[f64]| {
        let mut g: Vec<f64> = x[0].iter().zip(c).map(|(x, c)| x.exp() * c).collect();
        g[1234] *= 1.001;
        vec![g]
    };
    let report = check_black_box(f, wrong, &[x]);
    assert!(report.failed(), "{report}");
    assert!(
        report.failures().iter().any(|r| r.index == [1234]),
        "{report}"
    );
}

#[test]
fn constants_of_six_digits_fail() {
    #[allow(clippy::approx_constant, reason = "six digits are the mistake")]
    let wrong = |x: &[&[f64]], c: &[f64]| {
        vec![
            x[0].iter()
                .zip(c)
                .map(|(x, c)| 0.693_147 * x.exp2() * c)
                .collect(),
        ]
    };
    let f = |x: &[&[f64]]| x[0].iter().map(|x| x.exp2()).collect();
    assert!(check_black_box(f, wrong, &[vec![0.5, 1.5, -0.3]]).failed());
}

#[test]
fn bad_boxes_are_reported() {
    let x = vec![vec![1.0_f64, 2.0]];
    let ones = |_: &[&[f64]], _: &[f64]| vec![vec![1.0; 2]];
    let report = check_black_box(|_: &[&[f64]]| vec![], ones, &x);
    assert!(!report.is_ok(), "{report}");
    let report = check_black_box(|x: &[&[f64]]| x[0].to_vec(), |_, _| vec![], &x);
    assert!(
        report.failed() && report.to_string().contains("0 gradients for 1 inputs"),
        "{report}"
    );
    let report = check_black_box(|x: &[&[f64]]| x[0].to_vec(), |_, _| vec![vec![1.0]], &x);
    assert!(report.failed(), "{report}");
    let report = check_black_box(|x: &[&[f64]]| x[0].to_vec(), ones, &[]);
    assert!(!report.is_ok(), "{report}");
    let options = CheckOptions {
        seed: 9,
        ..CheckOptions::default()
    };
    let vjp = |_: &[&[f64]], c: &[f64]| vec![c.to_vec()];
    let report = check_black_box_with(|x: &[&[f64]]| x[0].to_vec(), vjp, &x, &options);
    assert_eq!(report.seed, 9);
    report.assert();
}

#[test]
fn a_staircase_of_roundings_fails_no_right_gradient() {
    // The spacing of the noise table may be a multiple of the rounding unit: the values look exactly linear.
    for seed in 0..60 {
        let drawn = Draw::new(seed, LARGEST).normal([2]).to_vec();
        for (large, x) in [(1e8, vec![0.7, -1.3]), (1e8, drawn.clone()), (1e10, drawn)] {
            let f = |x: &[&[f64]]| x[0].iter().map(|x| (x + large) - large).collect();
            let options = CheckOptions {
                seed,
                ..CheckOptions::default()
            };
            let inputs = std::slice::from_ref(&x);
            let right = |_: &[&[f64]], c: &[f64]| vec![c.to_vec()];
            let report = check_black_box_with(f, right, inputs, &options);
            assert!(!report.failed(), "{large} seed {seed}, at {x:?}: {report}");
            let doubled = |_: &[&[f64]], c: &[f64]| vec![c.iter().map(|c| 2.0 * c).collect()];
            let report = check_black_box_with(f, doubled, inputs, &options);
            // Small numbers are lost in 1e10: such a check may end without a verdict.
            assert!(!report.is_ok(), "{large} seed {seed}, at {x:?}: {report}");
        }
    }
}

#[test]
fn a_gradient_that_is_not_finite_where_the_slope_is_fails() {
    // The gradient of elu as a product of 0 and e^x, which overflows.
    let elu = |x: &[&[f64]]| -> Vec<f64> {
        x[0].iter()
            .map(|&x| if x > 0.0 { x } else { x.exp_m1() })
            .collect()
    };
    let vjp = |x: &[&[f64]], c: &[f64]| -> Vec<Vec<f64>> {
        let slope = |x: f64| {
            let is_right = f64::from(u8::from(x > 0.0));
            is_right + (1.0 - is_right) * x.exp()
        };
        vec![x[0].iter().zip(c).map(|(&x, c)| slope(x) * c).collect()]
    };
    check_black_box(elu, vjp, &[vec![0.5, -1.5, 3.0]]).assert();
    let report = check_black_box(elu, vjp, &[vec![0.5, 800.0, 3.0]]);
    assert!(report.failed(), "{report}");
    assert!(
        report.to_string().contains("differences are finite"),
        "{report}"
    );
}

#[test]
fn an_infinite_slope_is_no_mistake() {
    let report = |f: fn(f64) -> f64, slope: fn(f64) -> f64| {
        check_black_box(
            move |x: &[&[f64]]| x[0].iter().map(|&x| f(x)).collect::<Vec<_>>(),
            move |x: &[&[f64]], c: &[f64]| {
                vec![
                    x[0].iter()
                        .zip(c)
                        .map(|(&x, c)| slope(x) * c)
                        .collect::<Vec<_>>(),
                ]
            },
            &[vec![0.0, 1.0]],
        )
    };
    let infinite = report(f64::cbrt, |x| 1.0 / (3.0 * x.cbrt() * x.cbrt()));
    assert!(!infinite.failed(), "{infinite}");
    let infinite = report(f64::sqrt, |x| 0.5 / x.sqrt());
    assert!(!infinite.failed(), "{infinite}");
    let both_sides = report(|x| x.abs().sqrt(), |x| 0.5 * x.signum() / x.abs().sqrt());
    assert!(!both_sides.failed(), "{both_sides}");
}
