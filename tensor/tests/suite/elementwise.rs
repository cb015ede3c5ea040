//! The elementwise engine against loops over indices.

use proptest::prelude::*;
use wengert_tensor::testing::layouts::{all_layouts, in_layout_of};
use wengert_tensor::{Dual, Real, Slice, Tensor, parallel};

const EXTENTS: [usize; 8] = [0, 1, 1, 2, 3, 7, 8, 9];

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop::sample::select(EXTENTS.to_vec()), 0..5)
}

/// Two shapes that broadcast to each other.
fn pairs() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (
        shapes(),
        any::<u8>(),
        any::<u8>(),
        0..3_usize,
        any::<bool>(),
    )
        .prop_map(|(shape, left, right, dropped, swap)| {
            let ones = |mask: u8| {
                let unit = |(axis, &n): (usize, &usize)| if mask >> axis & 1 == 1 { 1 } else { n };
                shape.iter().enumerate().map(unit).collect::<Vec<_>>()
            };
            let (a, mut b) = (ones(left & right), ones(right));
            b.drain(..dropped.min(b.len()));
            if swap { (b, a) } else { (a, b) }
        })
}

fn numbers(shape: &[usize], seed: i64) -> Tensor<i64> {
    let mut state = seed;
    Tensor::from_fn(shape, |_| {
        state = (state * 31 + 17) % 1009;
        state
    })
}

fn joint(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |axis| shape[axis])
    };
    let pick = |axis| {
        if extent(a, axis) == 1 {
            extent(b, axis)
        } else {
            extent(a, axis)
        }
    };
    (0..rank).map(pick).collect()
}

/// The element of a broadcast tensor.
fn at(x: &Tensor<i64>, index: &[usize]) -> i64 {
    let index = &index[index.len() - x.rank()..];
    let place = |(&i, &n): (&usize, &usize)| if n == 1 { 0 } else { i };
    let place: Vec<usize> = index.iter().zip(x.shape()).map(place).collect();
    x.get(place)
}

proptest! {
    #[test]
    fn every_layout_of_both_operands_gives_the_same_pairs((a, b) in pairs()) {
        let (x, y) = (numbers(&a, 3), numbers(&b, 5));
        let expected = Tensor::from_fn(joint(&a, &b), |i| 1000 * at(&x, i) - at(&y, i));
        for (left, x) in all_layouts(&x) {
            for (right, y) in all_layouts(&y) {
                let pairs = x.zip(&y, |x, y| 1000 * x - y);
                prop_assert!(pairs.is_contiguous());
                prop_assert_eq!(&pairs, &expected, "{} and {}", left, right);
            }
        }
    }

    #[test]
    fn every_layout_gives_the_same_map(shape in shapes()) {
        let x = numbers(&shape, 7);
        let expected = Tensor::from_fn(&shape, |i| x.get(i) as f64 * 0.5);
        for (name, copy) in all_layouts(&x) {
            prop_assert_eq!(copy.map(|x| x as f64 * 0.5), expected.clone(), "{}", name);
            prop_assert_eq!(copy.to_vec(), x.to_vec(), "{}", name);
            prop_assert_eq!(copy.iter().collect::<Vec<_>>(), x.to_vec(), "{}", name);
            prop_assert_eq!(copy.contiguous(), x.clone(), "{}", name);
            let mut changed = copy.clone();
            changed.map_in_place(|x| x + 1);
            prop_assert_eq!(changed, x.map(|x| x + 1), "{}", name);
            prop_assert_eq!(&copy, &x, "{} was changed through a clone", name);
        }
    }

    #[test]
    fn zip3_equals_two_zips((a, b) in pairs(), (c, _) in pairs()) {
        let shape = joint(&a, &b);
        let c: Vec<usize> = joint(&shape, &[]).iter().zip(c.iter().chain(std::iter::repeat(&1)))
            .map(|(&n, &m)| if m == 1 { 1 } else { n }).collect();
        let (x, y, z) = (numbers(&a, 3), numbers(&b, 5), numbers(&c, 11));
        let expected = x.zip(&y, |x, y| 10_000 * x + 100 * y).zip(&z, |s, z| s + z);
        for (name, x) in all_layouts(&x) {
            prop_assert_eq!(x.zip3(&y, &z, |x, y, z| 10_000 * x + 100 * y + z), expected.clone(), "{}", name);
        }
        for (name, z) in all_layouts(&z) {
            prop_assert_eq!(x.zip3(&y.t_or_self(), &z, |x, y, z| 10_000 * x + 100 * y + z), expected.clone(), "{}", name);
        }
    }

    #[test]
    fn in_place_is_the_same_as_out_of_place((a, b) in pairs()) {
        let (x, y) = (numbers(&a, 3), numbers(&b, 5));
        if joint(&a, &b) == a {
            let expected = x.zip(&y, |x, y| 3 * x - y);
            for (left, x) in all_layouts(&x) {
                for (right, y) in all_layouts(&y) {
                    let mut changed = x.clone();
                    changed.zip_in_place(&y, |x, y| 3 * x - y);
                    prop_assert_eq!(&changed, &expected, "{} and {}", left, right);
                    drop(changed);
                    let mut own = x.contiguous();
                    own.add_assign(&y);
                    prop_assert_eq!(own, &x + &y);
                }
            }
        }
    }

    #[test]
    fn a_region_contains_the_elements_of_its_slices(
        n in 0..9_usize, m in 1..6_usize,
        start in -9..9_isize, stop in -9..9_isize, step in prop::sample::select(vec![-3, -2, -1, 1, 2, 3]),
    ) {
        let x = numbers(&[n, m], 3);
        let region = [Slice::new(Some(start), Some(stop), step), Slice::new(None, None, -1)];
        let view = x.slice(0, region[0]).slice(1, region[1]);
        let source = numbers(view.shape(), 5);
        for (name, copy) in all_layouts(&x) {
            let mut changed = copy.clone();
            changed.region_add(&region, &source);
            prop_assert_eq!(changed.slice(0, region[0]).slice(1, region[1]), &view + &source, "{}", name);
            prop_assert_eq!(
                changed.to_vec().iter().sum::<i64>(),
                x.to_vec().iter().sum::<i64>() + source.to_vec().iter().sum::<i64>()
            );
            changed.region_assign(&region, &view);
            prop_assert_eq!(&changed, &x, "{}", name);
        }
    }
}

/// Transposes matrices, for more layouts in the properties above.
trait Transposed {
    fn t_or_self(&self) -> Self;
}

impl Transposed for Tensor<i64> {
    fn t_or_self(&self) -> Self {
        if self.rank() < 2 {
            return self.clone();
        }
        self.t().contiguous().t()
    }
}

#[test]
fn large_operands_of_any_layout_give_the_same_bits_for_any_number_of_threads() {
    let shape = [3, 67, 257];
    let x = Tensor::from_fn(shape, |i| ((i[0] * 7 + i[1] * 13 + i[2]) as f32).sin());
    let row = Tensor::from_fn([257], |i| i[0] as f32);
    let column = Tensor::from_fn([67, 1], |i| i[0] as f32 + 0.5);
    let expected = (&(&x * &row) / &column).exp_m1();
    for threads in [1, 2, 3, 7] {
        parallel::with_threads(threads, || {
            for (name, x) in all_layouts(&x) {
                assert_eq!((&x * &row / &column).exp_m1(), expected, "{name}");
                assert_eq!(x.permute([2, 0, 1]).contiguous(), x.permute([2, 0, 1]));
            }
        });
    }
    for i in 0..3 {
        for j in [0, 1, 66] {
            for k in [0, 128, 256] {
                let y = x.get([i, j, k]) * row.get([k]) / column.get([j, 0]);
                assert_eq!(expected.get([i, j, k]), Real::exp_m1(y));
            }
        }
    }
}

#[test]
fn zip4_broadcasts_operands_of_any_layout() {
    let of = |shape: &[usize], salt: usize| {
        let count: usize = shape.iter().product();
        Tensor::from_vec(
            (0..count).map(|i| ((i * 31 + salt) % 17) as f32).collect(),
            shape,
        )
    };
    let shapes: [[&[usize]; 4]; 5] = [
        [&[3, 5, 7, 40], &[1, 5, 1, 1], &[5, 1, 1], &[5, 1, 1]],
        [&[2, 3, 4], &[4], &[3, 1], &[2, 1, 4]],
        [&[1], &[6, 1], &[1, 9], &[]],
        [&[], &[], &[], &[]],
        [&[0, 3], &[1, 3], &[3], &[1]],
    ];
    for [a, b, c, d] in shapes {
        let [a, b, c, d] = [of(a, 1), of(b, 2), of(c, 3), of(d, 4)];
        let expected = (&a - &b) * &c + &d;
        for (name, a) in all_layouts(&a) {
            let found = a.zip4(&b, &c, &d, |a, b, c, d| (a - b) * c + d);
            assert_eq!(found, expected, "{name}");
            let reversed = d.zip4(&c, &b, &a, |d, c, b, a| (a - b) * c + d);
            assert_eq!(reversed, expected, "{name}, operands reversed");
        }
    }
}

#[test]
fn results_larger_than_any_cache_are_right() {
    let count = (1 << 23) + 5;
    let x = Tensor::<f32>::arange(0.0, count as f64, 1.0);
    let y = Tensor::full([count], 0.5_f32);
    for threads in [1, 2] {
        let sum = parallel::with_threads(threads, || &x + &y);
        let wrong = (0..count).find(|&i| sum.get([i]) != i as f32 + 0.5);
        assert_eq!(wrong, None, "a sum on {threads} threads");
        let half = parallel::with_threads(threads, || x.map(|x| x * 0.5));
        let wrong = (0..count).find(|&i| half.get([i]) != i as f32 * 0.5);
        assert_eq!(wrong, None, "a function on {threads} threads");
    }
}

#[test]
fn operands_transposed_in_any_order_are_matched_by_index() {
    let permutations = [
        [0, 1, 2, 3],
        [0, 2, 3, 1],
        [0, 3, 1, 2],
        [3, 2, 1, 0],
        [2, 0, 3, 1],
        [1, 0, 3, 2],
    ];
    for shape in [
        [2, 3, 5, 7],
        [3, 17, 16, 33],
        [1, 70, 3, 65],
        [65, 2, 1, 70],
        [33, 32, 31, 3],
    ] {
        let count: usize = shape.iter().product();
        let x = Tensor::from_vec((0..count as i64).collect(), shape);
        for p in permutations {
            let memory = p.map(|axis| shape[axis as usize]);
            let mut back = [0_isize; 4];
            for (to, &from) in p.iter().enumerate() {
                back[from as usize] = to as isize;
            }
            let y = Tensor::from_vec(x.permute(p).iter().collect(), memory).permute(back);
            assert_eq!(y.shape(), shape);
            assert_eq!(y.to_vec(), x.to_vec(), "{shape:?} {p:?}");
            assert_eq!(&x - &y, &y - &x, "{shape:?} {p:?}");
            let z = y.slice(-1, Slice::new(None, None, -1));
            assert_eq!(
                (&z + &x).to_vec(),
                z.iter().zip(&x).map(|(a, b)| a + b).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn one_buffer_may_be_every_operand() {
    let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    assert_eq!((&x * &x).to_vec(), [1.0, 4.0, 9.0, 16.0]);
    assert_eq!((&x * &x.t()).to_vec(), [1.0, 6.0, 6.0, 16.0]);
    let mut y = x.clone();
    let transposed = y.t();
    y.add_assign(&transposed);
    assert_eq!(y.to_vec(), [2.0, 5.0, 5.0, 8.0]);
    assert_eq!(x.to_vec(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(transposed.to_vec(), [1.0, 3.0, 2.0, 4.0]);
}

#[test]
fn owned_and_borrowed_operands_give_the_same_result() {
    let a = Tensor::from_fn([5, 3], |i| i[0] as f64 - i[1] as f64 * 0.25);
    let b = Tensor::from_fn([3], |i| i[0] as f64 + 1.0);
    let expected = &a / &b;
    assert_eq!(a.clone() / &b, expected);
    assert_eq!(&a / b.clone(), expected);
    assert_eq!(a.clone() / b.clone(), expected);
    let reversed = &b - &a;
    assert_eq!(b.clone() - &a, reversed);
    assert_eq!(&b - a.clone(), reversed);
    assert_eq!(b.clone() - a.clone(), reversed);
    let owned = a.contiguous();
    assert_eq!((a.map(|x| x) - &a).to_vec(), [0.0; 15]);
    assert_eq!(owned, a);
    assert_eq!(-(1.0 - &a), &a - 1.0);
    assert_eq!(2.0 / (&a + 7.0), (&a + 7.0).map(|x| 2.0 / x));
}

#[test]
fn scalars_and_functions_work_on_dual_numbers() {
    let x = Tensor::from_vec(vec![Dual::new(0.5, 1.0)], [1]);
    let y = (&x * 3.0).tanh().item();
    assert_eq!(y.value, 1.5_f64.tanh());
    assert!((y.tangent - 3.0 * (1.0 - 1.5_f64.tanh().powi(2))).abs() < 1e-15);
}

#[test]
fn twice_the_largest_number_is_infinite() {
    fn check<T: Real>() {
        assert!(T::largest().to_f64().is_finite());
        assert!(!(T::largest() + T::largest()).to_f64().is_finite());
    }
    check::<f32>();
    check::<f64>();
    check::<Dual<f32>>();
    check::<Dual<Dual<f64>>>();
    assert_eq!(f32::MAX, Real::largest());
    assert_eq!(f64::MAX, Real::largest());
}

#[test]
fn casts_are_exact_where_the_numbers_exist() {
    let big = i64::MAX - 1;
    assert_eq!(Tensor::scalar(big).cast::<i64>().item(), big);
    assert_eq!(
        Tensor::scalar(1_i64 << 53).cast::<f64>().item(),
        2_f64.powi(53)
    );
    assert_eq!(
        Tensor::scalar(0.1_f32).cast::<f64>().cast::<f32>().item(),
        0.1
    );
    assert_eq!(
        Tensor::from_vec(vec![-1.5, 2.5, f64::NAN], [3])
            .cast::<i64>()
            .to_vec(),
        [-1, 2, 0]
    );
    assert_eq!(
        Tensor::from_vec(vec![true, false], [2])
            .to_number::<f32>()
            .to_vec(),
        [1.0, 0.0]
    );
}

#[test]
fn comparisons_with_nan_are_false() {
    let x = Tensor::from_vec(vec![1.0, f64::NAN, -0.0], [3]);
    let y = Tensor::scalar(0.0);
    assert_eq!(x.gt(&y).to_vec(), [true, false, false]);
    assert_eq!(x.ge(&y).to_vec(), [true, false, true]);
    assert_eq!(x.lt(&y).to_vec(), [false, false, false]);
    assert_eq!(x.le(&y).to_vec(), [false, false, true]);
    assert_eq!(x.eq(&x).to_vec(), [true, false, true]);
    assert_eq!(x.ne(&x), x.is_nan());
    assert_ne!(x, x);
    let chosen = Tensor::where_(&x.is_nan().not(), &x, &y);
    assert_eq!(chosen.to_vec(), [1.0, 0.0, 0.0]);
    assert_eq!(x.masked_fill(&x.is_nan(), 7.0).to_vec(), [1.0, 7.0, 0.0]);
    assert!(x.maximum(&y).to_vec()[1].is_nan() && y.minimum(&x).to_vec()[1].is_nan());
    assert!(x.clamp(-1.0, 0.5).to_vec()[1].is_nan());
}

#[test]
fn inverse_hyperbolic_functions_undo_the_hyperbolic_ones() {
    for x in [0.0, 1e-12, 1e-3, 0.4, 1.0, 3.5, 18.0_f64] {
        for x in [x, -x] {
            assert!(
                (Real::asinh(x.sinh()) - x).abs() <= 4e-16 * x.abs(),
                "asinh at {x}"
            );
            // Where the slope of tanh is small, its rounding error is amplified by the inverse.
            let lost = 2e-16 * (2.0 * x.abs()).exp();
            if lost < 1.0 {
                let back = Real::atanh(x.tanh());
                assert!(
                    (back - x).abs() <= 4e-16 * x.abs() + lost,
                    "atanh at {x}: {back}"
                );
            }
        }
        let back = Real::acosh(x.cosh());
        assert!(
            (back - x).abs() <= 4e-16 * x + 1e-8 * f64::from(x < 1.0),
            "acosh at {x}: {back}"
        );
    }
    assert!((Real::asinh(1e300_f64) - (1e300_f64.ln() + std::f64::consts::LN_2)).abs() < 1e-12);
    assert!(Real::acosh(0.5_f64).is_nan() && Real::acosh(-1e8_f64).is_nan());
    // Around the bound from which on squares are avoided, and where they overflow.
    for x in [1e9_f32, 9.9e17, 1.1e18, 3e19, f32::MAX] {
        let exact = (f64::from(x).ln() + std::f64::consts::LN_2) as f32;
        for (name, y) in [
            ("asinh", Real::asinh(x)),
            ("asinh of the opposite", -Real::asinh(-x)),
            ("acosh", Real::acosh(x)),
        ] {
            assert!(
                (y - exact).abs() <= 2.0 * f32::EPSILON * exact,
                "{name} at {x}: {y}, {exact}"
            );
        }
        assert!(Real::acosh(-x).is_nan(), "acosh at -{x}");
    }
    let infinite = f32::INFINITY;
    assert_eq!(
        (Real::asinh(infinite), Real::asinh(-infinite)),
        (infinite, -infinite)
    );
    assert_eq!(
        (Real::acosh(infinite), Real::acosh(1.0_f32)),
        (infinite, 0.0)
    );
    assert!(Real::acosh(-infinite).is_nan() && Real::acosh(f32::NAN).is_nan());
    assert!(Real::asinh(f32::NAN).is_nan());
    assert!(Real::atanh(1.5_f64).is_nan() && Real::atanh(-1.0_f64) == f64::NEG_INFINITY);
}

/// Odd functions keep the sign of zero (IEEE 754-2019, section 9.2.1): `1 / f(−0)` is −∞.
#[test]
fn odd_functions_keep_the_sign_of_zero() {
    fn check<T: Real>() {
        for (name, f) in [
            ("sin", T::sin as fn(T) -> T),
            ("tan", T::tan),
            ("atan", T::atan),
            ("sinh", T::sinh),
            ("tanh", T::tanh),
            ("asinh", T::asinh),
            ("atanh", T::atanh),
            ("erf", T::erf),
            ("exp_m1", T::exp_m1),
            ("ln_1p", T::ln_1p),
        ] {
            let [up, down] = [T::zero(), -T::zero()].map(|x| T::one() / f(x));
            let infinite = T::of(f64::INFINITY);
            assert_eq!((up, down), (infinite, -infinite), "{name}");
        }
    }
    check::<f32>();
    check::<f64>();
}

/// A copy in the layout of another tensor holds the same elements.
#[test]
fn a_copy_in_another_layout_is_equal() {
    let x = Tensor::from_fn([2, 3, 4], |at| (12 * at[0] + 4 * at[1] + at[2]) as f64);
    for (name, copy) in all_layouts(&x) {
        let copied = in_layout_of(&x.map(|x| x as f32), &copy);
        assert_eq!(copied, x.map(|x| x as f32), "{name}");
        assert_eq!(copied.is_contiguous(), copy.is_contiguous(), "{name}");
    }
    let row = Tensor::from_vec(vec![1.0, 2.0], [2, 1]).broadcast_to([2, 3]);
    assert_eq!(in_layout_of(&row, &row), row);
    assert_eq!(in_layout_of(&row, &row).strides()[1], 0);
}
