//! One law for every operation with a sum in it: in `f32`, a sum of any number of terms is within 10⁻⁶ of `Σ |xᵢ|`.
//! Products and convolutions have bounds of their own.

use wengert_tensor::{Tensor, keep};

/// Terms: enough for a sequential sum in `f32` to be off by about 1 %. With `WENGERT_FULL=1`, as many as the law names.
fn count() -> usize {
    if std::env::var_os("WENGERT_FULL").is_some() {
        100_000_000
    } else {
        1 << 20
    }
}

const TERM: f32 = 0.1;

/// Equal terms: in a sequential sum their rounding errors have one sign.
#[test]
fn a_sum_of_any_length_keeps_its_digits_in_every_operation() {
    let n = count();
    let x = Tensor::full([n], TERM);
    let line = x.reshape([1, 1, n]);
    let rows = x.reshape([n / 2, 2]);
    let (one, zero) = (Tensor::scalar(1.0_f32), Tensor::scalar(0.0_f32));
    let last = |x: Tensor<f32>| f64::from(x.slice(0, -1..).to_vec()[0]);
    let item = |x: Tensor<f32>| f64::from(x.to_vec()[0]);
    let (all, half, size) = (n as f64, (n / 2) as f64, f64::from(TERM));
    let [sum, along] = line.standardized_sums(&line, &zero, &one);
    for (name, found, exact) in [
        ("sum", item(x.sum(..)), all * size),
        ("sum of columns", item(rows.sum(0)), half * size),
        ("mean", item(x.mean(..)), size),
        ("norm2", item(x.norm2(..)), all.sqrt() * size),
        ("mean_var", item(x.mean_var(keep(0), 0).0), size),
        ("cumsum", last(x.cumsum(0)), all * size),
        ("cumsum of columns", last(rows.cumsum(0)), half * size),
        ("avg_pool1d", item(line.avg_pool1d(n)), size),
        (
            "adaptive_avg_pool1d",
            item(line.adaptive_avg_pool1d(1)),
            size,
        ),
        ("softmax", 1.0 / item(x.softmax(0)), all),
        ("log_softmax", (-item(x.log_softmax(0))).exp(), all),
        ("logsumexp", (item(x.logsumexp(0)) - size).exp(), all),
        ("standardized_sums", item(sum), all * size),
        ("standardized_sums", item(along), all * size * size),
    ] {
        // A logarithm in f32 loses digits of its argument.
        let bound = if name.starts_with("log") { 3e-6 } else { 1e-6 };
        let error = (found - exact).abs() / exact;
        assert!(error <= bound, "{name} of {n} terms: {found}, not {exact}");
    }
}

#[test]
fn an_infinite_term_gives_an_infinite_running_sum() {
    let x = Tensor::from_fn([40], |i| if i[0] == 20 { f32::INFINITY } else { 1.0 });
    let sums = x.cumsum(0).to_vec();
    assert_eq!(sums[19], 20.0);
    assert!(
        sums[20..].iter().all(|&sum| sum == f32::INFINITY),
        "{sums:?}"
    );
    let columns = Tensor::stack(&[&x, &Tensor::ones([40])], 1).cumsum(0);
    assert_eq!(columns.select(1, 0).to_vec(), sums);
    assert_eq!(columns.get([39, 1]), 40.0);
}
