//! Matrix products against plain loops, over ranks, layouts and batches.

use proptest::prelude::*;
use wengert_tensor::testing::layouts::all_layouts;
use wengert_tensor::{Dual, Tensor, Transposed, parallel};

/// The tolerance for sums of at most some hundred products of numbers of magnitude 1.
const ROUNDING: f64 = 1e-12;

fn noise(shape: &[usize], seed: u64) -> Tensor<f64> {
    let mut state = seed.wrapping_add(1);
    Tensor::from_fn(shape, |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

/// `Σₖ a[…, i, k] · b[…, k, j]` as a broadcast product and a sum.
fn plain(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    let left = if a.rank() == 1 {
        a.unsqueeze(0)
    } else {
        a.clone()
    };
    let right = if b.rank() == 1 {
        b.unsqueeze(1)
    } else {
        b.clone()
    };
    let mut y = (&left.unsqueeze(-1) * &right.unsqueeze(-3)).sum(-2);
    if b.rank() == 1 {
        y = y.squeeze(-1);
    }
    if a.rank() == 1 {
        y = y.squeeze(if b.rank() == 1 { -1 } else { -2 });
    }
    y
}

fn near(found: &Tensor<f64>, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape());
    let off = (found - expected).abs();
    assert!(off.iter().all(|d| d < ROUNDING), "off by {off:?}");
}

fn extents() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0, 1, 2, 3, 5, 7, 8, 9, 16, 17, 33])
}

/// Batch extents of two operands that broadcast.
fn batches() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = (prop::sample::select(vec![0, 1, 2, 3]), 0..3_u8);
    (prop::collection::vec(axis, 0..3), 0..3_usize).prop_map(|(axes, shorter)| {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (extent, whose) in axes {
            a.push(if whose == 1 { 1 } else { extent });
            b.push(if whose == 2 { 1 } else { extent });
        }
        let missing = shorter.min(b.len());
        (a, b[missing..].to_vec())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn products_agree_with_plain_loops(
        (m, k, n) in (extents(), extents(), extents()),
        (left, right) in batches(),
        vectors in 0..4_u8,
    ) {
        let a = if vectors & 1 != 0 { vec![k] } else { [&left[..], &[m, k]].concat() };
        let b = if vectors & 2 != 0 { vec![k] } else { [&right[..], &[k, n]].concat() };
        let (a, b) = (noise(&a, 1), noise(&b, 2));
        let expected = plain(&a, &b);
        near(&a.matmul(&b), &expected);
        let single = a.cast::<f32>().matmul(&b.cast::<f32>()).cast::<f64>();
        let off = (&single - &expected).abs();
        prop_assert!(off.iter().all(|d| d < 1e-4));
        for (layout, x) in all_layouts(&a) {
            near(&x.matmul(&b), &expected);
            for (other, y) in all_layouts(&b) {
                let off = (&x.matmul(&y) - &expected).abs();
                prop_assert!(off.iter().all(|d| d < ROUNDING), "{} × {}", layout, other);
            }
        }
    }

    #[test]
    fn the_transpose_of_a_product_is_the_product_of_transposes(
        (m, k, n) in (extents(), extents(), extents())
    ) {
        let (a, b) = (noise(&[m, k], 1), noise(&[k, n], 2));
        near(&b.t().matmul(&a.t()), &a.matmul(&b).t());
    }

    #[test]
    fn products_have_the_same_bits_for_any_number_of_threads(
        (m, k, n) in (1..70_usize, 1..70_usize, 1..70_usize), batch in 1..5_usize
    ) {
        let (a, b) = (noise(&[batch, m, k], 1), noise(&[batch, k, n], 2));
        let bits = || a.matmul(&b).map(f64::to_bits);
        let expected = parallel::with_threads(1, bits);
        prop_assert_eq!(&parallel::with_threads(2, bits), &expected);
        prop_assert_eq!(&parallel::with_threads(3, bits), &expected);
    }
}

#[test]
fn one_buffer_may_be_both_operands() {
    let x = noise(&[5, 3], 1);
    near(&x.matmul(&x.t()), &plain(&x, &x.t().contiguous()));
    near(&x.t().matmul(&x), &plain(&x.t().contiguous(), &x));
}

#[test]
fn empty_sums_are_zero() {
    let product = Tensor::<f32>::zeros([2, 3, 0]).matmul(&Tensor::zeros([0, 4]));
    assert_eq!(product, Tensor::zeros([2, 3, 4]));
    assert_eq!(
        Tensor::<f32>::zeros([0]).matmul(&Tensor::zeros([0])).item(),
        0.0
    );
    assert_eq!(
        Tensor::<f32>::zeros([0, 3])
            .matmul(&Tensor::zeros([3, 4]))
            .shape(),
        [0, 4]
    );
}

#[test]
fn dual_numbers_obey_the_product_rule() {
    let (a, da) = (noise(&[2, 3, 4], 1), noise(&[2, 3, 4], 2));
    let (b, db) = (noise(&[4, 5], 3), noise(&[4, 5], 4));
    let y = a.zip(&da, Dual::new).matmul(&b.zip(&db, Dual::new));
    near(&y.map(|y| y.value), &plain(&a, &b));
    near(&y.map(|y| y.tangent), &(plain(&da, &b) + &plain(&a, &db)));
}

#[test]
fn vectors_have_inner_and_outer_products() {
    let (a, b) = (
        Tensor::from_slice(&[1.0, 2.0, 3.0], [3]),
        Tensor::from_slice(&[4.0, 5.0, 6.0], [3]),
    );
    assert_eq!(a.dot(&b).item(), 32.0);
    assert_eq!(a.dot(&b).rank(), 0);
    let outer = a.outer(&b.slice(0, ..2));
    assert_eq!(
        outer,
        Tensor::from_slice(&[4.0, 5.0, 8.0, 10.0, 12.0, 15.0], [3, 2])
    );
}

#[test]
#[should_panic(expected = "matmul: [4, 3] × [2, 5]: inner dimensions 3 and 2 differ")]
fn inner_dimensions_must_agree() {
    let _ = Tensor::<f32>::zeros([4, 3]).matmul(&Tensor::zeros([2, 5]));
}

#[test]
#[should_panic(expected = "matmul: [2, 4, 3] × [3, 3, 5]: batches of 2 and 3 do not broadcast")]
fn batches_must_broadcast() {
    let _ = Tensor::<f32>::zeros([2, 4, 3]).matmul(&Tensor::zeros([3, 3, 5]));
}

#[test]
#[should_panic(expected = "matmul: [] × [3]: a single number is no matrix")]
fn a_tensor_of_rank_0_is_not_a_matrix() {
    let _ = Tensor::scalar(1.0_f32).matmul(&Tensor::zeros([3]));
}

#[test]
#[should_panic(expected = "dot: [3] and [4]: not two vectors of one length")]
fn inner_products_need_one_length() {
    let _ = Tensor::<f32>::zeros([3]).dot(&Tensor::zeros([4]));
}

#[test]
fn matmul_transposed_equals_matmul_of_transposes() {
    for front in [&[][..], &[3]] {
        for (left, right) in [(false, false), (true, false), (false, true), (true, true)] {
            let shape = |rows, columns, turned| {
                let matrix = if turned {
                    [columns, rows]
                } else {
                    [rows, columns]
                };
                [front, &matrix].concat()
            };
            let a = noise(&shape(5, 7, left), 1);
            let b = noise(&shape(7, 4, right), 2);
            let turn = |x: &Tensor<f64>, turned| if turned { x.t() } else { x.clone() };
            let expected = plain(&turn(&a, left), &turn(&b, right));
            let transposed = Transposed { left, right };
            near(&a.matmul_transposed(&b, transposed), &expected);
            // Negative strides.
            let (a, b) = (a.flip([-1, -2]), b.flip(-2));
            let expected = plain(&turn(&a, left), &turn(&b, right));
            near(&a.matmul_transposed(&b, transposed), &expected);
        }
    }
}

#[test]
fn an_affine_map_is_a_product_and_a_bias() {
    for front in [&[][..], &[6], &[2, 3], &[0, 2], &[2, 1, 3]] {
        for (inputs, outputs) in [(1, 1), (2, 16), (16, 2), (33, 17), (0, 3), (4, 0)] {
            let x = noise(&[front, &[inputs]].concat(), 3);
            let w = noise(&[outputs, inputs], 4);
            let product = plain(&x, &w.t()).reshape([front, &[outputs]].concat());
            near(&x.linear(&w, None), &product);
            near(&x.flip(-1).linear(&w.flip(-1), None), &product);
            // Negative strides along axes of extent 1, so that the tensor may still be contiguous.
            let backwards = x.flip(-1).contiguous().flip(-1);
            near(
                &backwards.linear(&w.flip(0).contiguous().flip(0), None),
                &product,
            );
            near(&x.linear(&w.t().contiguous().t(), None), &product);
            for bias in [&[outputs][..], &[1], &[]] {
                let bias = noise(bias, 5);
                near(&x.linear(&w, Some(&bias)), &(&product + &bias));
                let stepped = bias.broadcast_to(product.shape());
                near(&x.linear(&w, Some(&stepped)), &(&product + &bias));
            }
        }
    }
}

#[test]
fn dual_numbers_go_through_an_affine_map() {
    let lift = |x: &Tensor<f64>| x.map(|x| Dual::new(x, 2.0 * x));
    let (x, w, b) = (noise(&[3, 4], 1), noise(&[2, 4], 2), noise(&[2], 3));
    let y = lift(&x).linear(&lift(&w), Some(&lift(&b)));
    near(&y.map(|y| y.value), &x.linear(&w, Some(&b)));
    // d(x·w + b) = 2x·w + x·2w + 2b
    let product = x.linear(&w, None);
    near(&y.map(|y| y.tangent), &(&product * 4.0 + &(&b * 2.0)));
}

#[test]
#[should_panic(expected = "linear: [2, 3], weight [4, 5]: the last extents are not equal")]
fn an_affine_map_with_wrong_extents_panics() {
    let _ = noise(&[2, 3], 0).linear(&noise(&[4, 5], 0), None);
}

#[test]
fn a_single_row_may_have_a_negative_stride() {
    let a = noise(&[3, 4], 1).flip(0).slice(0, 1..2);
    assert!(a.is_contiguous() && a.strides()[0] < 0);
    let (b, w) = (noise(&[4, 5], 2), noise(&[5, 4], 3));
    near(&a.matmul(&b), &plain(&a, &b));
    near(&a.linear(&w, None), &plain(&a, &w.t()));
    let batch = a.unsqueeze(0);
    near(&batch.linear(&w, None), &plain(&a, &w.t()).unsqueeze(0));
    let w = noise(&[3, 4], 4).flip(0).slice(0, ..1);
    near(&a.linear(&w, None), &plain(&a, &w.t()));
}

/// Outer products of any two lengths, contiguous or not, on several threads.
#[test]
fn columns_times_rows_are_right_at_every_length() {
    let chunk = parallel::CHUNK;
    for (m, n) in [
        (1, 1),
        (1, 3 * chunk + 1),
        (3 * chunk + 1, 1),
        (2, chunk + 7),
        (chunk + 7, 2),
        (300, 200),
    ] {
        let a = Tensor::from_fn([m, 2], |i| (i[0] * 2 + i[1]) as f32 % 7.0 - 3.0);
        let b = Tensor::from_fn([n, 2], |i| (i[0] + i[1]) as f32 % 5.0 - 2.0);
        // Every second element, and the same elements next to each other.
        for (a, b) in [
            (a.slice(1, ..1), b.slice(1, 1..)),
            (a.slice(1, ..1).contiguous(), b.slice(1, 1..).contiguous()),
        ] {
            // Adding 0 makes a 0 of −0, as in a sum. Rows of `b` are given as they are, the product takes the transpose.
            let expected = (&a * &b.t()).map(|x| x + 0.0);
            let right = Transposed {
                left: false,
                right: true,
            };
            for threads in [1, 2, 3] {
                let (y, z) = parallel::with_threads(threads, || {
                    (a.matmul_transposed(&b, right), a.matmul(&b.t()))
                });
                let bits = |x: &Tensor<f32>| x.map(|x| i64::from(x.to_bits()));
                assert!(
                    bits(&z) == bits(&expected),
                    "matmul {m} × {n}, {threads} threads"
                );
                assert!(bits(&y) == bits(&expected), "{m} × {n}, {threads} threads");
            }
        }
    }
}

/// The order of a sum does not depend on where its element is in the result.
#[test]
fn equal_rows_have_equal_products_and_a_gram_matrix_is_symmetric() {
    for [rows, depth] in [
        [1, 64],
        [2, 100],
        [3, 64],
        [5, 77],
        [6, 9000],
        [15, 64],
        [40, 65],
    ] {
        let x = Tensor::from_fn([rows, depth], |i| {
            ((i[0] * 31 + i[1] * 7919) % 1009) as f32 - 504.5
        });
        let x = x.map(|x| x * 1.001_f32.powf(x));
        let gram = x.matmul(&x.t());
        assert_eq!(gram, gram.t().contiguous(), "{rows} × {depth}");
        let same = x.slice(0, ..1).broadcast_to([rows, depth]).contiguous();
        for product in [same.matmul(&x.t()), x.matmul(&same.t()).t().contiguous()] {
            for row in 1..rows as isize {
                let [first, other] = [0, row].map(|row| product.slice(0, row..=row).to_vec());
                assert_eq!(first, other, "{rows} × {depth}, row {row}");
            }
        }
    }
}
