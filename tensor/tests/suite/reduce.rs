//! Reductions against plain loops in `f64`, over awkward shapes, axes, layouts and thread counts.

use proptest::prelude::*;
use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::{Axes, Dual, Tensor, keep, parallel};

/// The tolerance for `f64` sums of a few thousand numbers of magnitude 1.
const ROUNDING: f64 = 1e-11;
/// The tolerance for the same sums in `f32`.
const SINGLE: f64 = 1e-5;

/// Pseudorandom numbers in [−1, 1].
fn noise(shape: &[usize]) -> Tensor<f64> {
    let mut state = 1_u64 + shape.iter().product::<usize>() as u64;
    Tensor::from_fn(shape, |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

/// For each result of a reduction in row-major order, its elements in row-major order.
fn groups(x: &Tensor<f64>, reduced: &[bool]) -> Vec<Vec<f64>> {
    let kept: Vec<usize> = (0..x.rank()).filter(|&a| !reduced[a]).collect();
    let count = kept.iter().map(|&a| x.shape()[a]).product();
    let mut groups = vec![Vec::new(); count];
    let _ = Tensor::from_fn(x.shape(), |index| {
        let group = kept.iter().fold(0, |g, &a| g * x.shape()[a] + index[a]);
        groups[group].push(x.get(index));
        0.0
    });
    groups
}

fn bits(x: &Tensor<f64>) -> Vec<u64> {
    x.iter().map(f64::to_bits).collect()
}

fn near(found: &Tensor<f64>, expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, &expected) in found.iter().zip(expected) {
        let fine = (found - expected).abs() <= tolerance * (1.0 + expected.abs())
            || (found.is_nan() && expected.is_nan());
        assert!(fine, "{found} instead of {expected}");
    }
}

/// Shapes with extents around the numbers of lanes and of elements in a block, and the axes to reduce.
fn cases() -> impl Strategy<Value = (Vec<usize>, Vec<bool>)> {
    let extents = prop::sample::select(vec![1, 2, 3, 4, 5, 7, 8, 17, 31, 32, 33, 64, 129, 1030]);
    prop::collection::vec((extents, any::<bool>()), 0..5).prop_filter_map("too large", |axes| {
        let (shape, reduced): (Vec<usize>, Vec<bool>) = axes.into_iter().unzip();
        (shape.iter().product::<usize>() <= 300_000).then_some((shape, reduced))
    })
}

fn axes(reduced: &[bool]) -> Axes {
    let axes: Vec<isize> = (0..reduced.len())
        .filter(|&a| reduced[a])
        .map(|a| a as isize)
        .collect();
    axes.into()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn var(x: &[f64], correction: usize) -> f64 {
    let m = mean(x);
    let squares: f64 = x.iter().map(|x| (x - m) * (x - m)).sum();
    squares / x.len().saturating_sub(correction) as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn reductions_agree_with_plain_loops((shape, reduced) in cases()) {
        let x = noise(&shape);
        let groups = groups(&x, &reduced);
        let of = |f: &dyn Fn(&[f64]) -> f64| groups.iter().map(|g| f(g)).collect::<Vec<_>>();
        let axes = || axes(&reduced);
        near(&x.sum(axes()), &of(&|g| g.iter().sum()), ROUNDING);
        near(&x.mean(axes()), &of(&mean), ROUNDING);
        near(&x.var(axes(), 0), &of(&|g| var(g, 0)), ROUNDING);
        near(&x.var(axes(), 1), &of(&|g| var(g, 1)), ROUNDING);
        near(&x.max(axes()), &of(&|g| g.iter().copied().fold(f64::MIN, f64::max)), 0.0);
        near(&x.min(axes()), &of(&|g| g.iter().copied().fold(f64::MAX, f64::min)), 0.0);
        near(&x.logsumexp(axes()), &of(&|g| g.iter().map(|x| x.exp()).sum::<f64>().ln()), ROUNDING);
        near(&x.map(|x| 1.0 + 0.01 * x).prod(axes()), &of(&|g| g.iter().map(|x| 1.0 + 0.01 * x).product()), 1e-9);
        let single = x.cast::<f32>().sum(axes()).cast::<f64>();
        near(&single, &of(&|g| g.iter().sum()), SINGLE * 10.0);
    }

    #[test]
    fn a_scaled_tensor_has_the_scaled_norm((shape, reduced) in cases(), power in -100..=100_i32) {
        let x = noise(&shape).cast::<f32>();
        let scale = 2.0_f32.powi(power);
        let scaled = x.map(|x| x * scale);
        let axes = || axes(&reduced);
        for (found, norm) in scaled.norm2(axes()).iter().zip(x.norm2(axes()).iter()) {
            prop_assert!((found - norm * scale).abs() <= 2.0 * f32::EPSILON * norm * scale);
        }
        // In f64 the sum of squares is in range either way.
        let exact = x.cast::<f64>().map(|x| x * x).sum(axes());
        for (found, exact) in x.norm2(axes()).iter().zip(exact.iter()) {
            prop_assert!((f64::from(found) - exact.sqrt()).abs() <= SINGLE * exact.sqrt());
        }
        // ε scales like the variance.
        let [mean, _, rstd] = x.mean_var_rstd(axes(), 1e-5);
        let [mean2, _, rstd2] =
            scaled.mean_var_rstd(axes(), 1e-5 * f64::from(scale) * f64::from(scale));
        let pairs = mean.iter().zip(mean2.iter());
        for ((mean, mean2), (rstd, rstd2)) in pairs.zip(rstd.iter().zip(rstd2.iter())) {
            prop_assert!((mean2 - mean * scale).abs() <= f32::EPSILON * mean.abs() * scale);
            prop_assert!((rstd2 * scale - rstd).abs() <= 4.0 * f32::EPSILON * rstd, "{} {}", rstd2 * scale, rstd);
        }
    }

    #[test]
    fn the_mean_of_equal_elements_is_exact_and_their_variance_is_0((shape, reduced) in cases(), value in -1e6..1e6_f32) {
        let x = Tensor::full(&shape, value);
        prop_assert_eq!(x.shifted_mean(axes(&reduced)), Tensor::full(x.sum(axes(&reduced)).shape(), value));
        prop_assert!(x.var(axes(&reduced), 0).iter().all(|var| var == 0.0));
        let [mean, var, rstd] = x.mean_var_rstd(axes(&reduced), 1.0);
        prop_assert!(mean.iter().all(|mean| mean == value));
        prop_assert!(var.iter().all(|var| var == 0.0) && rstd.iter().all(|rstd| rstd == 1.0));
    }

    #[test]
    fn keeping_axes_changes_only_the_shape((shape, reduced) in cases()) {
        let x = noise(&shape);
        let kept = x.sum(keep(axes(&reduced)));
        let expected: Vec<usize> = shape.iter().zip(&reduced).map(|(&n, &r)| if r { 1 } else { n }).collect();
        prop_assert_eq!(kept.shape(), &expected);
        prop_assert_eq!(bits(&kept), bits(&x.sum(axes(&reduced))));
        prop_assert_eq!(bits(&x.sum_to(&expected)), bits(&kept));
    }

    #[test]
    fn results_have_the_same_bits_for_any_layout_and_number_of_threads((shape, reduced) in cases()) {
        let x = noise(&shape);
        let all = |x: &Tensor<f64>| {
            let axes = || axes(&reduced);
            let [mean, _, rstd] = x.mean_var_rstd(axes(), 1e-5);
            let sums = [x.sum(axes()), x.prod(axes()), x.var(axes(), 1), x.norm2(axes()), mean, rstd];
            // So small that squares underflow.
            let tiny = (x * 1e-200).norm2(axes());
            let others = [x.max(axes()), x.logsumexp(axes()), tiny];
            sums.iter().chain(&others).map(bits).collect::<Vec<_>>()
        };
        let expected = parallel::with_threads(1, || all(&x));
        prop_assert_eq!(&all(&x), &expected);
        for threads in [2, 3] {
            prop_assert_eq!(&parallel::with_threads(threads, || all(&x)), &expected);
        }
        for (layout, copy) in all_layouts(&x) {
            prop_assert_eq!(&all(&copy), &expected, "{}", layout);
        }
        for axis in 0..shape.len() as isize {
            let both = |threads| parallel::with_threads(threads, || {
                [x.softmax(axis), x.log_softmax(axis)].map(|y| bits(&y))
            });
            let expected = both(1);
            for threads in [2, 3] {
                prop_assert_eq!(&both(threads), &expected);
            }
        }
    }

    #[test]
    fn extrema_sums_and_softmax_along_an_axis_agree_with_plain_loops((shape, _) in cases(), axis in 0..5_usize, ties in any::<bool>()) {
        prop_assume!(!shape.is_empty());
        let axis = axis % shape.len();
        let x = if ties { noise(&shape).map(|x| (x * 3.0).round()) } else { noise(&shape) };
        let reduced: Vec<bool> = (0..shape.len()).map(|a| a == axis).collect();
        let groups = groups(&x, &reduced);
        let first = |g: &Vec<f64>, best: f64| g.iter().position(|&x| x == best).unwrap() as i64;
        let largest = groups.iter().map(|g| first(g, g.iter().copied().fold(f64::MIN, f64::max)));
        let smallest = groups.iter().map(|g| first(g, g.iter().copied().fold(f64::MAX, f64::min)));
        let (largest, smallest): (Vec<i64>, Vec<i64>) = (largest.collect(), smallest.collect());
        for (_, x) in all_layouts(&x) {
            let axis = axis as isize;
            prop_assert_eq!(x.argmax(axis).to_vec(), largest.clone());
            prop_assert_eq!(x.argmin(axis).to_vec(), smallest.clone());
            let (values, places) = x.max_with_indices(axis);
            prop_assert_eq!(places.to_vec(), largest.clone());
            prop_assert_eq!(bits(&values), bits(&x.max(axis)));
            let y = x.softmax(axis);
            near(&y.sum(axis), &vec![1.0; groups.len()], ROUNDING);
            near(&x.log_softmax(axis), &y.ln().to_vec(), ROUNDING);
            near(&(&x - &x.logsumexp(keep(axis))), &y.ln().to_vec(), ROUNDING);
            prop_assert_eq!(x.cumsum(axis).select(axis, -1).to_vec().len(), groups.len());
            near(&x.cumsum(axis).select(axis, -1), &x.sum(axis).to_vec(), ROUNDING);
            near(&x.cumprod(axis).select(axis, -1), &x.prod(axis).to_vec(), ROUNDING);
        }
    }
}

#[test]
fn reductions_over_no_elements_give_the_neutral_element() {
    let x = Tensor::<f32>::zeros([3, 0]);
    assert_eq!(x.sum(1).to_vec(), [0.0; 3]);
    assert_eq!(x.prod(-1).to_vec(), [1.0; 3]);
    assert!(x.mean(1).iter().all(f32::is_nan));
    assert!(x.var(1, 0).iter().all(f32::is_nan));
    assert_eq!(x.logsumexp(1).to_vec(), [f32::NEG_INFINITY; 3]);
    assert_eq!(x.sum(0).shape(), [0]);
    assert_eq!(x.max(0).shape(), [0]);
    assert_eq!(x.argmax(0).shape(), [0]);
    assert_eq!(x.softmax(1).shape(), [3, 0]);
    assert_eq!(x.cumsum(0).shape(), [3, 0]);
    assert_eq!(x.sum(..).item(), 0.0);
    let none: [isize; 0] = [];
    assert_eq!(Tensor::<f32>::ones([2, 3]).sum(none), Tensor::ones([2, 3]));
}

#[test]
#[should_panic(expected = "max: [3, 0]: no element to choose from")]
fn max_over_no_elements_panics() {
    let _ = Tensor::<f32>::zeros([3, 0]).max(1);
}

#[test]
fn positions_over_several_axes_count_their_elements_in_row_major_order() {
    let x = Tensor::<f64>::from_fn([3, 4, 5], |i| {
        ((7 * i[0] + 11 * i[1] + 3 * i[2]) % 17) as f64
    });
    let order = [[0, 1, 2], [1, 0, 2], [2, 0, 1]];
    let reduced: [&[isize]; 3] = [&[1, 2], &[0, 2], &[1, 0]];
    for ([first, a, b], axes) in order.into_iter().zip(reduced) {
        // The axes keep their order in `x`, however they are named.
        let rows = x.permute([first, a, b].map(|axis| axis as isize));
        let rows = rows.reshape([x.shape()[first], x.shape()[a] * x.shape()[b]]);
        assert_eq!(x.argmax(axes), rows.argmax(1));
        assert_eq!(x.min_with_indices(axes), rows.min_with_indices(1));
        let (values, positions) = x.max_with_indices(keep(axes));
        assert_eq!(values, x.max(keep(axes)));
        assert_eq!((values.rank(), positions.shape()), (3, values.shape()));
    }
    assert_eq!(x.argmax(..), x.reshape([60]).argmax(0));
    assert_eq!(Tensor::scalar(2.0).argmin(..).item(), 0);
}

#[test]
#[should_panic(expected = "argmin: [3, 0]: no element to choose from")]
fn argmin_over_no_elements_panics() {
    let _ = Tensor::<f32>::zeros([3, 0]).argmin(-1);
}

#[test]
#[should_panic(expected = "sum: [2, 3]: axis 2 is outside the 2 axes")]
fn an_axis_that_does_not_exist_is_named() {
    let _ = Tensor::<f32>::zeros([2, 3]).sum(2);
}

#[test]
#[should_panic(expected = "sum_to: [2, 3]: [2] does not broadcast to it")]
fn sum_to_a_shape_that_does_not_broadcast_panics() {
    let _ = Tensor::<f32>::zeros([2, 3]).sum_to([2]);
}

#[test]
fn sum_to_is_the_adjoint_of_broadcast_to() {
    for (small, large) in [
        (vec![], vec![4, 3]),
        (vec![3], vec![4, 3]),
        (vec![1, 3], vec![4, 3]),
        (vec![4, 1], vec![4, 3]),
        (vec![5, 1, 2, 1], vec![5, 7, 2, 3]),
        (vec![1], vec![0]),
        (vec![2, 1], vec![2, 0]),
    ] {
        let (x, y) = (noise(&small), noise(&large).map(|y| y + 0.1));
        let left = (&x.broadcast_to(&large) * &y).sum(..).item();
        let right = (&x * &y.sum_to(&small)).sum(..).item();
        assert!((left - right).abs() < ROUNDING, "{small:?} and {large:?}");
    }
}

#[test]
fn a_nan_is_the_extremum_at_every_index() {
    for n in [1, 5, 31, 32, 33, 100, 3000] {
        for place in [0, n / 2, n - 1] {
            let mut row: Vec<f32> = (0..n).map(|i| i as f32).collect();
            row[place] = f32::NAN;
            for shape in [[1, n], [n, 1]] {
                let x = Tensor::from_slice(&row, shape);
                assert!(x.max(..).item().is_nan() && x.min(..).item().is_nan());
            }
            let wide = Tensor::from_slice(&row, [n, 1])
                .broadcast_to([n, 7])
                .contiguous();
            assert!(wide.max(0).iter().all(f32::is_nan));
            assert_eq!(wide.argmin(0).to_vec(), [place as i64; 7]);
            assert_eq!(wide.t().argmax(1).to_vec(), [place as i64; 7]);
        }
    }
}

#[test]
fn softmax_and_logsumexp_of_infinite_elements() {
    let inf = f64::INFINITY;
    let x = Tensor::from_slice(&[-inf, -inf, inf, 1.0, -inf, 2.0, 1e4, -1e4], [4, 2]);
    assert_eq!(x.max(1).to_vec(), [-inf, inf, 2.0, 1e4]);
    for y in [x.softmax(1), x.t().contiguous().softmax(0).t()] {
        let y = y.to_vec();
        assert!(
            y[..2].iter().all(|y| y.is_nan()),
            "a row of −∞ has no largest element"
        );
        assert!(y[2].is_nan(), "∞ − ∞");
        assert_eq!(y[4..], [0.0, 1.0, 1.0, 0.0]);
    }
    assert_eq!(x.logsumexp(1).to_vec(), [-inf, inf, 2.0, 1e4]);
    assert_eq!(x.log_softmax(1).to_vec()[4..], [-inf, 0.0, 0.0, -2e4]);
}

#[test]
fn a_nan_affects_its_own_row_only() {
    let inf = f64::INFINITY;
    for columns in [33, 70] {
        // Row 1 has a NaN, row 2 an ∞, row 3 one number among −∞.
        let x = Tensor::<f64>::from_fn([4, columns], |i| match (i[0], i[1]) {
            (1, 7) => f64::NAN,
            (2, 32) => inf,
            (3, 9) => 2.0,
            (3, _) => -inf,
            (row, column) => (row + column) as f64 * 0.1,
        });
        for y in [x.softmax(1), x.t().contiguous().softmax(0).t()] {
            let row = |i: isize| y.select(0, i).to_vec();
            let sum: f64 = row(0).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{columns}: {sum}");
            assert!(row(1).iter().all(|y| y.is_nan()), "{columns}");
            assert!(row(2)[32].is_nan(), "{columns}: ∞ − ∞");
            let expected = (0..columns).map(|i| if i == 9 { 1.0 } else { 0.0 });
            assert!(row(3).into_iter().eq(expected), "{columns}");
        }
    }
}

#[test]
fn cancellation_is_bounded_and_the_same_in_every_layout() {
    // In f32 1e8 + 1 is 1e8. Which ones are lost depends on the order of the sum, which the shape determines.
    let row = [1e8_f32, 1.0, -1e8, 1.0].repeat(1000);
    let x = Tensor::from_slice(&row, [4000]);
    let sum = x.sum(..).item();
    for (layout, copy) in all_layouts(&x) {
        assert_eq!(copy.sum(..).item().to_bits(), sum.to_bits(), "{layout}");
    }
    // Small deviations from a large mean: the formula Σ x² − n·mean² would cancel.
    let x = Tensor::from_fn([1000], |i| 1e5 + (i[0] % 2) as f32);
    assert!((x.var(.., 0).item() - 0.25).abs() < 1e-3);
}

#[test]
fn a_long_sum_of_equal_numbers_is_accurate() {
    // A sequential sum of 0.1 in f32 would have an error of 1 % here.
    let x = Tensor::full([1 << 20], 0.1_f32);
    let exact = f64::from(0.1_f32) * f64::from(1 << 20);
    assert!((f64::from(x.sum(..).item()) - exact).abs() / exact < 1e-6);
    assert!((x.mean(..).item() - 0.1).abs() < 1e-7);
}

#[test]
fn the_extremum_of_equal_dual_numbers_is_the_first() {
    let x = Tensor::from_fn([3, 4], |i| {
        Dual::new((i[1] % 2) as f64, (10 * i[0] + i[1]) as f64)
    });
    assert_eq!(x.max(1).map(|x| x.tangent).to_vec(), [1.0, 11.0, 21.0]);
    assert_eq!(x.min(1).map(|x| x.tangent).to_vec(), [0.0, 10.0, 20.0]);
    assert_eq!(x.max(..).item().tangent, 1.0);
    assert_eq!(
        x.max_with_indices(0).0.map(|x| x.tangent).to_vec(),
        [0.0, 1.0, 2.0, 3.0]
    );
    assert_eq!(x.t().min(0).map(|x| x.tangent).to_vec(), [0.0, 10.0, 20.0]);
}

#[test]
fn reductions_of_dual_numbers_have_the_right_tangents() {
    let (x, h) = (noise(&[4, 5]), 1e-6);
    let direction = noise(&[5, 4]).reshape([4, 5]);
    let dual = x.zip(&direction, Dual::new);
    let (up, down) = (&x + &(&direction * h), &x - &(&direction * h));
    macro_rules! agree {
        ($($f:expr),*) => {$({
            let slope = (&$f(&up) - &$f(&down)) / (2.0 * h);
            near(&$f(&dual).map(|y| y.tangent), &slope.to_vec(), 1e-7);
        })*};
    }
    agree!(
        |x: &Tensor<_>| x.sum(0),
        |x: &Tensor<_>| x.mean(..),
        |x: &Tensor<_>| x.prod(1),
        |x: &Tensor<_>| x.var(1, 1),
        |x: &Tensor<_>| x.max(0),
        |x: &Tensor<_>| x.logsumexp(1),
        |x: &Tensor<_>| x.softmax(1),
        |x: &Tensor<_>| x.softmax(0),
        |x: &Tensor<_>| x.log_softmax(1),
        |x: &Tensor<_>| x.log_softmax(0),
        |x: &Tensor<_>| x.cumsum(0),
        |x: &Tensor<_>| x.cumprod(1)
    );
}

#[test]
fn integers_and_masks_reduce_too() {
    let x = Tensor::<i64>::arange(0.0, 24.0, 1.0).reshape([2, 3, 4]);
    assert_eq!(x.sum(..).item(), 276);
    assert_eq!(x.sum([0, 2]).to_vec(), [60, 92, 124]);
    assert_eq!(x.max([1, 2]).to_vec(), [11, 23]);
    assert_eq!(x.min(keep(0)).shape(), [1, 3, 4]);
    assert_eq!(Tensor::full([5], u8::MAX).min(..).item(), u8::MAX);
    assert_eq!(Tensor::full([5], i32::MIN).max(..).item(), i32::MIN);
    let even = x.map(|x| x % 2 == 0);
    assert_eq!(even.any(2).to_vec(), [true; 6]);
    assert_eq!(even.all(2).to_vec(), [false; 6]);
    assert_eq!(even.all([0, 1]).to_vec(), [true, false, true, false]);
    assert_eq!(even.count_true(..).item(), 12);
    let none = Tensor::<bool>::full([0], true);
    assert!(!none.any(..).item() && none.all(..).item());
}

#[test]
fn a_broadcast_view_is_reduced_without_a_copy() {
    let x = Tensor::scalar(0.5_f32).broadcast_to([1 << 10, 1 << 10]);
    assert_eq!(x.sum(..).item(), 524_288.0);
    assert_eq!(x.sum(0).to_vec(), vec![512.0; 1 << 10]);
    assert_eq!(x.max(1).to_vec(), vec![0.5; 1 << 10]);
}

#[test]
fn the_norm_is_accurate_wherever_it_is_representable() {
    let norm = |x: &[f32]| Tensor::from_slice(x, [x.len()]).norm2(..).item();
    assert!((norm(&[3e-25, 4e-25]) / 5e-25 - 1.0).abs() < 2.0 * f32::EPSILON);
    assert_eq!(norm(&[1e20, 1.0, 1.0]), 1e20);
    assert_eq!(norm(&[f32::MAX]), f32::MAX);
    assert_eq!(norm(&[3e-45, 4e-45]), 5e-45);
    assert_eq!(norm(&[0.0, 0.0]), 0.0);
    assert_eq!(norm(&[]), 0.0);
    assert_eq!(norm(&[f32::INFINITY, 1.0]), f32::INFINITY);
    assert!(norm(&[1e30, f32::NAN]).is_nan());
    let double = Tensor::from_slice(&[3e-200_f64, 4e-200, 0.0], [3]);
    assert!((double.norm2(..).item() - 5e-200).abs() < 1e-214);
    // Every result has its own scale.
    let rows = Tensor::from_slice(&[3e25_f32, 4e25, 3.0, 4.0, 3e-25, 4e-25], [3, 2]);
    for (found, expected) in rows.norm2(1).iter().zip([5e25, 5.0, 5e-25]) {
        assert!(
            (found / expected - 1.0).abs() < 2.0 * f32::EPSILON,
            "{found} instead of {expected}"
        );
    }
}

#[test]
fn the_shifted_mean_has_an_error_of_half_an_ulp_at_most() {
    let x = Tensor::from_fn([65_536], |i| 1e4_f32 + (i[0] % 7) as f32 * 0.1);
    let exact = x.cast::<f64>().mean(..).item();
    assert!((f64::from(x.shifted_mean(..).item()) - exact).abs() <= 0.51 * 0.000_976_562_5);
    assert_eq!(
        x.map(|_| f32::INFINITY).shifted_mean(..).item(),
        f32::INFINITY
    );
}

/// Each task of a sum of everything takes other blocks: with equal elements it would not matter which.
#[test]
fn sums_of_everything_take_each_element_once_on_any_number_of_threads() {
    for count in [1_usize, 1024, 65_537, 200_003] {
        let x = Tensor::from_fn([count + 5], |i| i[0] as f64);
        let x = x.slice(0, 5..);
        let exact = (count * (count + 9) / 2) as f64;
        for threads in [1, 2, 3] {
            let (sum, max, min) =
                parallel::with_threads(threads, || (x.sum(..), x.max(..), x.min(..)));
            let found = [sum, max, min].map(|x| x.item());
            assert_eq!(
                found,
                [exact, (count + 4) as f64, 5.0],
                "{count}, {threads} threads"
            );
        }
    }
}

#[test]
fn scans_agree_with_loops_for_any_number_of_rows() {
    // Eight rows are scanned together, the rest one by one; along other axes all columns of a row at once.
    let shapes = [
        [1, 1, 1],
        [7, 1, 5],
        [8, 1, 3],
        [3, 7, 9],
        [2, 4, 17],
        [2, 0, 3],
        [0, 2, 3],
        [3, 3, 0],
        [5, 7, 1000],
        [3, 900, 11],
    ];
    for shape in shapes {
        let x = noise(&shape);
        let a = x.map(|x| 1.25 - x * x);
        for axis in 0..3 {
            let step: usize = shape[axis + 1..].iter().product();
            let position = |at: usize| at / step % shape[axis];
            let (x_values, a_values) = (x.to_vec(), a.to_vec());
            let [mut product, mut forward, mut backward] = [0; 3].map(|_| x_values.clone());
            for at in (0..x.len()).filter(|&at| position(at) > 0) {
                product[at] = product[at - step] * x_values[at];
                forward[at] = a_values[at] * forward[at - step] + x_values[at];
            }
            for at in (0..x.len()).rev() {
                if position(at) + 1 < shape[axis] {
                    backward[at] = a_values[at + step] * backward[at + step] + x_values[at];
                }
            }
            let along = axis as isize;
            for threads in [1, 2, 3] {
                parallel::with_threads(threads, || {
                    let of = format!("{shape:?} along {axis}, {threads} threads");
                    assert_eq!(x.cumprod(along).to_vec(), product, "{of}");
                    if axis == 2 && shape[2] > 0 {
                        // The product before each element, and that after it.
                        let rows = x.pad(&[[0, 0], [0, 0], [1, -1]], 1.0);
                        let after = x.flip(2).pad(&[[0, 0], [0, 0], [1, -1]], 1.0);
                        let others = &rows.cumprod(2) * &after.cumprod(2).flip(2);
                        let found = x.products_of_others();
                        // In another order: two roundings for each element of a row.
                        let most = 2.0 * f64::EPSILON * shape[2] as f64;
                        for (found, &right) in found.to_vec().iter().zip(&others.to_vec()) {
                            assert!((found - right).abs() <= most * right.abs(), "{of}: {found}");
                        }
                        let by_one = parallel::with_threads(1, || x.products_of_others());
                        assert_eq!(found.to_vec(), by_one.to_vec(), "{of}");
                    }
                    let y = x.linear_recurrence(&a, along);
                    assert_eq!(y.to_vec(), forward, "{of}");
                    let y = x.linear_recurrence_adjoint(&a, along);
                    assert_eq!(y.to_vec(), backward, "{of}");
                    // Not contiguous.
                    let x = x.transpose(0, 2).contiguous().transpose(0, 2);
                    let a = a.flip(1).contiguous().flip(1);
                    assert_eq!(x.cumprod(along).to_vec(), product, "{of}");
                    let y = x.linear_recurrence(&a, along);
                    assert_eq!(y.to_vec(), forward, "{of}");
                });
            }
        }
    }
}

/// Rows with a NaN at every place of a lane, and extremes in every lane.
#[test]
fn extremes_of_rows_are_those_of_a_loop() {
    for [rows, extent] in [
        [1, 1],
        [1, 31],
        [3, 33],
        [20, 1000],
        [17, 1055],
        [2, 5000],
        [40, 2049],
    ] {
        let x = noise(&[rows, extent]);
        let nan_at = |row: usize| (row * 37 + 5) % (2 * extent);
        let x = Tensor::from_fn([rows, extent], |at| {
            let [row, i] = [at[0], at[1]];
            if i == nan_at(row) {
                f64::NAN
            } else {
                x.get([row, i])
            }
        });
        for (largest, found) in [(true, x.max(1)), (false, x.min(1))] {
            for row in 0..rows {
                let mut best = x.get([row, 0]);
                for i in 0..extent {
                    let x = x.get([row, i]);
                    if x.is_nan() || x > best && largest || x < best && !largest {
                        best = x;
                    }
                    if best.is_nan() {
                        break;
                    }
                }
                let found = found.get([row]);
                assert!(
                    found == best || found.is_nan() && best.is_nan(),
                    "{rows} × {extent}, row {row}: {found} in place of {best}"
                );
            }
        }
    }
    let rows = Tensor::from_fn([40, 2049], |i| {
        (i[0] as i64 * 31 + i[1] as i64 * 7919) % 5003
    });
    for row in 0..40 {
        let of_row = (0..2049).map(|i| rows.get([row, i]));
        assert_eq!(
            rows.max(1).get([row]),
            of_row.clone().max().expect("elements")
        );
        assert_eq!(rows.min(1).get([row]), of_row.min().expect("elements"));
    }
}

#[test]
fn running_logarithms_of_sums_are_those_of_a_loop() {
    for shape in [
        [1, 1, 1],
        [1, 1, 50],
        [3, 1, 17],
        [5, 9, 1],
        [2, 40, 33],
        [37, 2, 20],
        [2, 3, 0],
    ] {
        let mut x = noise(&shape).map(|x| 30.0 * x);
        // An offset, and elements that are nothing.
        x = x.map(|x| {
            if x > 20.0 {
                f64::NEG_INFINITY
            } else {
                x - 200.0
            }
        });
        for axis in 0..3_usize {
            let along = axis as isize;
            let expected = |i: &[usize]| {
                let mut at = i.to_vec();
                let (mut sum, top) = (0.0, -180.0);
                for position in 0..=i[axis] {
                    at[axis] = position;
                    sum += (x.get([at[0], at[1], at[2]]) - top).exp();
                }
                top + sum.ln()
            };
            let alone = parallel::with_threads(1, || x.logcumsumexp_with_logits(along));
            let (y, logits) = parallel::with_threads(3, || x.logcumsumexp_with_logits(along));
            let bits = |x: &Tensor<f64>| x.iter().map(f64::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(&y), bits(&alone.0));
            assert_eq!(bits(&logits), bits(&alone.1));
            let wanted = Tensor::from_fn(shape, |i| expected(i));
            for ((&y, &wanted), (&x, &logit)) in y
                .to_vec()
                .iter()
                .zip(&wanted.to_vec())
                .zip(x.to_vec().iter().zip(&logits.to_vec()))
            {
                let is_near = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-12 * b.abs().max(1.0);
                assert!(
                    is_near(y, wanted),
                    "{shape:?} along {axis}: {y} in place of {wanted}"
                );
                let wanted = if x == f64::NEG_INFINITY {
                    x
                } else {
                    x - wanted
                };
                assert!(
                    (logit - wanted).abs() <= 1e-9 || logit == wanted,
                    "{logit} in place of {wanted}"
                );
            }
        }
    }
}
