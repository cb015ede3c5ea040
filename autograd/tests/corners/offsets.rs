//! A constant that is added to all scores changes neither a softmax nor what is made of it, however
//! large it is.

use wengert_autograd::ops::{CrossEntropyOptions, Reduction};
use wengert_autograd::transform::{hessian, jvp};
use wengert_autograd::{Graph, Tape, Var, grad};
use wengert_tensor::{Real, Tensor};

use crate::{units, units_double, value_and_gradient};

/// Units in the last place: a softmax of two terms, and a loss from it.
const CLOSE: f64 = 8.0;

fn first_class<T: Real>(x: &Var<T>, options: &CrossEntropyOptions) -> Var<T> {
    x.cross_entropy_with(&Tensor::from_vec(vec![0], [1]), options)
}

/// Every way to the cross entropy of two scores with class 0.
fn ways<T: Real>(x: &Var<T>) -> Vec<(&'static str, Var<T>)> {
    let class = Tensor::from_vec(vec![0], [1]);
    let one_hot = Var::constant(Tensor::from_vec(vec![T::one(), T::zero()], [1, 2]));
    let options = CrossEntropyOptions::default();
    vec![
        ("cross_entropy", first_class(x, &options)),
        (
            "cross_entropy_soft",
            x.cross_entropy_soft_with(&one_hot, &options),
        ),
        ("nll_loss", x.log_softmax(1).nll_loss(&class)),
        ("log_softmax", -(x.log_softmax(1) * one_hot).sum(..)),
    ]
}

#[test]
fn cross_entropy_of_equal_scores_is_ln_2_at_every_offset() {
    for way in 0..4 {
        for offset in [0.0_f32, 1e4, -1e8, 1e8, 3e38] {
            let (loss, slope) =
                value_and_gradient(&[offset; 2], &[1, 2], |x| ways(x).remove(way).1);
            assert!(
                units(loss[0], std::f64::consts::LN_2) <= 2.0,
                "{way}: {offset}: {loss:?}"
            );
            assert_eq!(slope, [-0.5, 0.5], "{way}: {offset}");
        }
        for offset in [1e17, -1e300] {
            let (loss, slope) =
                value_and_gradient(&[offset; 2], &[1, 2], |x| ways(x).remove(way).1);
            assert!(
                units_double(loss[0], std::f64::consts::LN_2) <= 2.0,
                "{way}: {offset}: {loss:?}"
            );
            assert_eq!(slope, [-0.5, 0.5], "{way}: {offset}");
        }
    }
}

#[test]
fn cross_entropy_keeps_its_digits_at_every_margin() {
    for way in 0..4 {
        for offset in [0.0_f32, 1e4] {
            for margin in [-80.0_f32, -20.0, -1.0, 0.5, 5.0, 10.0, 20.0, 60.0, 80.0] {
                let x = [offset + margin, offset];
                let (loss, slope) = value_and_gradient(&x, &[1, 2], |x| ways(x).remove(way).1);
                let margin = f64::from(x[0]) - f64::from(x[1]);
                let e = (-margin).exp();
                let (exact, p) = (e.ln_1p(), e / (1.0 + e));
                assert!(
                    units(loss[0], exact) <= CLOSE,
                    "{way}: {x:?}: {loss:?}, not {exact:e}"
                );
                assert!(
                    units(slope[0], -p) <= CLOSE,
                    "{way}: {x:?}: {slope:?}, not {p:e}"
                );
                assert!(
                    units(slope[1], p) <= CLOSE,
                    "{way}: {x:?}: {slope:?}, not {p:e}"
                );
            }
        }
    }
}

#[test]
fn label_smoothing_does_not_see_an_offset() {
    for label_smoothing in [0.1, 0.5, 1.0] {
        let options = CrossEntropyOptions {
            label_smoothing,
            ..CrossEntropyOptions::default()
        };
        let x = [1.0_f32, -2.0, 0.5];
        let near = value_and_gradient(&x, &[1, 3], |x| first_class(x, &options));
        // Multiples of 1/2 are exact beside 2²².
        let moved = x.map(|x| x + 4_194_304.0);
        let far = value_and_gradient(&moved, &[1, 3], |x| first_class(x, &options));
        assert_eq!(near, far);
    }
}

#[test]
fn the_gradient_of_logsumexp_is_the_softmax_at_every_offset() {
    for offset in [0.0, 1e8, 1e308, -1e308] {
        let (_, slope) = value_and_gradient(&[offset; 2], &[2], |x| x.logsumexp(0));
        assert_eq!(slope, [0.5, 0.5], "{offset}");
    }
    let x = [4_194_304.0_f32, 4_194_302.0, 4_194_305.5];
    let (_, slope) = value_and_gradient(&x, &[3], |x| x.logsumexp(0));
    let (softmax, _) = value_and_gradient(&x, &[3], |x| x.softmax(0));
    for (slope, p) in slope.iter().zip(softmax) {
        assert!(units(*slope, f64::from(p)) <= 4.0, "{slope}, not {p}");
    }
}

/// Scores of `classes` classes: the first `margin` above the second, all others far below, `columns` times.
fn scores(margin: f32, classes: usize, columns: usize) -> Vec<f32> {
    let of_class = |class: usize| [margin, 0.0].get(class).copied().unwrap_or(-3e38);
    (0..classes * columns)
        .map(|i| of_class(i / columns))
        .collect()
}

#[test]
fn the_gradient_of_a_softmax_keeps_its_digits_at_every_margin() {
    // A softmax of short and long rows, and of columns.
    for (classes, columns) in [(2, 1), (40, 1), (2, 40), (40, 3)] {
        for margin in [0.0_f32, 1.0, 5.0, 10.0, 20.0, 60.0, 80.0] {
            for wanted in 0..2 {
                for or_zero in [false, true] {
                    let x = scores(margin, classes, columns);
                    let (_, slope) = value_and_gradient(&x, &[classes, columns], |x| {
                        let y = if or_zero {
                            x.softmax_or_zero(0)
                        } else {
                            x.softmax(0)
                        };
                        y.select(0, wanted).sum(..)
                    });
                    // The derivative of p is p(1 − p).
                    let e = (-f64::from(margin)).exp();
                    let exact = e / ((1.0 + e) * (1.0 + e));
                    for (class, sign) in [(wanted, 1.0), (1 - wanted, -1.0)] {
                        for column in 0..columns {
                            let slope = slope[class as usize * columns + column];
                            assert!(
                                units(slope, sign * exact) <= CLOSE,
                                "{classes} × {columns}, margin {margin}: {slope:e}, not {exact:e}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn second_derivatives_of_a_softmax_keep_their_digits_in_the_tail() {
    for margin in [20.0, 50.0, 300.0] {
        let e = (-margin).exp();
        // p″ of p = 1/(1 + e⁻ᵐ) is p(1 − p)(1 − 2p).
        let exact = e / ((1.0 + e) * (1.0 + e)) * ((e - 1.0) / (1.0 + e));
        let x = Tensor::from_vec(vec![margin, 0.0], [2]);
        let h = hessian(|x: &[Var<_>]| x[0].softmax(0).select(0, 0), &[x]);
        for (h, sign) in h[0][0].to_vec().into_iter().zip([1.0, -1.0, -1.0, 1.0]) {
            assert!(
                units_double(h, sign * exact) <= 2.0 * CLOSE,
                "{margin}: {h:e}, not {exact:e}"
            );
        }
    }
}

/// The gradient of `⟨∇f, u⟩` by two reverse passes.
fn reverse_over_reverse(
    f: impl Fn(&Var<f64>) -> Var<f64>,
    x: &Tensor<f64>,
    u: &Tensor<f64>,
) -> Vec<f64> {
    let x = Tape::new().leaf(x.clone());
    let gradient = grad(
        &[(&f(&x), Var::constant(Tensor::scalar(1.0)))],
        &[&x],
        Graph::Create,
    );
    let gradient = gradient[0].clone().expect("the loss depends on the scores");
    let product = (gradient * Var::constant(u.clone())).sum(..);
    product.backward().wrt(&x).to_vec()
}

#[test]
fn second_derivatives_of_cross_entropy_keep_their_digits_in_the_tail() {
    for way in 0..4 {
        for margin in [1.0, 20.0, 40.0, 300.0] {
            // The Hessian is p(1 − p) times [1, −1; −1, 1].
            let e = f64::exp(-margin);
            let exact = e / ((1.0 + e) * (1.0 + e));
            let x = Tensor::from_vec(vec![margin, 0.0], [1, 2]);
            for u in [[1.0, 0.0], [0.0, 1.0], [0.7, -0.3], [0.9, 1.9]] {
                let f = |x: &Var<f64>| ways(x).remove(way).1;
                let found = reverse_over_reverse(f, &x, &Tensor::from_vec(u.to_vec(), [1, 2]));
                for (found, sign) in found.into_iter().zip([1.0, -1.0]) {
                    let exact = sign * exact * (u[0] - u[1]);
                    assert!(
                        units_double(found, exact) <= 4.0 * CLOSE,
                        "{way}: margin {margin}, along {u:?}: {found:e}, not {exact:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn logsumexp_keeps_what_is_small_beside_its_largest_element() {
    for margin in [15.0_f32, 20.0, 60.0] {
        let (y, _) = value_and_gradient(&[0.0, -margin], &[2], |x| x.logsumexp(0));
        let exact = (-f64::from(margin)).exp().ln_1p();
        assert!(units(y[0], exact) <= 4.0, "{margin}: {y:?}, not {exact:e}");
    }
}

#[test]
fn second_derivatives_do_not_see_an_offset() {
    for offset in [0.0, 1e8, 1e17] {
        for way in 0..4 {
            let x = Tensor::from_vec(vec![offset; 2], [1, 2]);
            let h = hessian(|x: &[Var<_>]| ways(&x[0]).remove(way).1, &[x]);
            assert_eq!(
                h[0][0].to_vec(),
                [0.25, -0.25, -0.25, 0.25],
                "{way}: {offset}"
            );
        }
        let x = Tensor::from_vec(vec![offset; 2], [2]);
        let h = hessian(|x: &[Var<_>]| x[0].logsumexp(0), &[x]);
        assert_eq!(h[0][0].to_vec(), [0.25, -0.25, -0.25, 0.25], "{offset}");
    }
}

#[test]
fn second_derivatives_of_a_confident_loss_keep_their_digits() {
    for margin in [20.0, 50.0, 300.0] {
        let p = (-margin).exp() / (1.0 + (-margin).exp());
        let exact = p / (1.0 + (-margin).exp());
        for way in 0..4 {
            let x = Tensor::from_vec(vec![margin, 0.0], [1, 2]);
            let h = hessian(|x: &[Var<_>]| ways(&x[0]).remove(way).1, &[x])[0][0].to_vec();
            for (h, sign) in h.into_iter().zip([1.0, -1.0, -1.0, 1.0]) {
                assert!(
                    units_double(h, sign * exact) <= 2.0 * CLOSE,
                    "{way}: {margin}: {h:e}, not {exact:e}"
                );
            }
        }
    }
}

#[test]
fn forward_mode_does_not_see_an_offset() {
    for offset in [0.0, 1e17] {
        for way in 0..4 {
            let (x, u) = (
                Tensor::from_vec(vec![offset; 2], [1, 2]),
                Tensor::from_vec(vec![1.0, 0.0], [1, 2]),
            );
            let (y, slope) = jvp(|x: &[Var<_>]| ways(&x[0]).remove(way).1, &[x], &[u]);
            assert!(units_double(y.item(), std::f64::consts::LN_2) <= 2.0);
            assert_eq!(slope.item(), -0.5, "{way}: {offset}");
        }
    }
}

#[test]
fn a_batch_of_columns_agrees_with_one_row_at_a_time() {
    let scores: Vec<f32> = (0..60)
        .map(|i| 1e6 + ((i * 37) % 23) as f32 * 0.5)
        .collect();
    let target = Tensor::from_vec((0..12).map(|i| i % 5).collect(), [3, 4]);
    let options = CrossEntropyOptions {
        reduction: Reduction::None,
        ..CrossEntropyOptions::default()
    };
    let (all, slopes) = value_and_gradient(&scores, &[3, 5, 4], |x| {
        x.cross_entropy_with(&target, &options)
    });
    for (n, i) in (0..3).flat_map(|n| (0..4).map(move |i| (n, i))) {
        let row: Vec<_> = (0..5).map(|c| scores[(n * 5 + c) * 4 + i]).collect();
        let class = Tensor::from_vec(vec![target.get([n, i])], [1]);
        let (loss, slope) =
            value_and_gradient(&row, &[1, 5], |x| x.cross_entropy_with(&class, &options));
        assert!(units(all[n * 4 + i], f64::from(loss[0])) <= 2.0);
        for c in 0..5 {
            assert!(units(slopes[(n * 5 + c) * 4 + i], f64::from(slope[c])) <= 4.0);
        }
    }
}
