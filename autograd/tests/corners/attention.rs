//! Attention, bilinear maps and equations for shapes that are seldom used.

use wengert_autograd::ops::{AttentionOptions, InProjection, MultiHead, MultiHeadOptions};
use wengert_autograd::{Draw, LARGEST, Tape, Var};
use wengert_tensor::Tensor;
use wengert_tensor::testing::panics::assert_refused;

/// Rounding of sums of a few products.
const ROUNDING: f64 = 1e-12;

fn near(a: &Tensor<f64>, b: &Tensor<f64>) {
    assert_eq!(a.shape(), b.shape());
    let close = a
        .iter()
        .zip(b.iter())
        .all(|(a, b)| (a - b).abs() < ROUNDING);
    assert!(close, "{a:?}\n{b:?}");
}

fn normal(shape: &[usize], seed: u64) -> Tensor<f64> {
    Draw::new(seed, LARGEST).normal(shape)
}

fn constant(shape: &[usize]) -> Var<f64> {
    Var::constant(normal(shape, 1))
}

#[test]
fn leading_axes_of_attention_broadcast() {
    let fronts: [[&[usize]; 3]; 4] = [
        [&[2, 1], &[1, 3], &[2, 3]],
        [&[2, 3], &[2, 1], &[2, 3]],
        [&[2, 3], &[2, 3], &[1, 3]],
        [&[2, 3], &[2, 3], &[]],
    ];
    let plain = AttentionOptions::default();
    for fronts in fronts {
        let tape = Tape::new();
        let leaves: Vec<_> = fronts
            .iter()
            .zip([[4, 2], [5, 2], [5, 3]])
            .zip(0..)
            .map(|((front, matrix), seed)| tape.leaf(normal(&[*front, &matrix].concat(), seed)))
            .collect();
        let whole = |x: &Var<f64>| {
            let matrix = &x.shape()[x.rank() - 2..];
            x.broadcast_to([&[2, 3], matrix].concat())
        };
        let [q, k, v] = [0, 1, 2].map(|i| leaves[i].clone());
        let y = q.scaled_dot_product_attention(&k, &v, &plain);
        let expected = whole(&q).scaled_dot_product_attention(&whole(&k), &whole(&v), &plain);
        near(y.value(), expected.value());
        let (found, expected) = (
            y.sin().sum(..).backward_keep(),
            expected.sin().sum(..).backward(),
        );
        for x in &leaves {
            near(found.wrt(x), expected.wrt(x));
        }
    }
}

#[test]
fn attention_of_operands_that_do_not_fit_is_refused() {
    let plain = AttentionOptions::default();
    let of = |q: &[usize], k: &[usize], v: &[usize]| {
        constant(q).scaled_dot_product_attention(&constant(k), &constant(v), &plain)
    };
    assert_refused("attention: queries [4], keys [5, 4]", || {
        of(&[4], &[5, 4], &[5, 3])
    });
    assert_refused("inner dimensions 5 and 6 differ", || {
        of(&[2, 4], &[5, 4], &[6, 3])
    });
}

/// Self-attention of width 4 by some heads.
fn heads(
    heads: usize,
    [q, k, v]: [&Var<f64>; 3],
    options: &MultiHeadOptions<'_, f64>,
) -> (Var<f64>, Var<f64>) {
    let (packed, out) = (constant(&[12, 4]), constant(&[4, 4]));
    let params = MultiHead {
        heads,
        in_proj: InProjection::Packed(&packed),
        in_bias: None,
        out_weight: &out,
        out_bias: None,
    };
    q.multi_head_attention(k, v, &params, options)
}

#[test]
fn a_sequence_without_batch_is_a_batch_of_one() {
    let (x, keys) = (
        Var::constant(normal(&[3, 4], 2)),
        Var::constant(normal(&[5, 4], 3)),
    );
    let padding = Tensor::from_fn([5], |at| at[0] == 4);
    let alone = MultiHeadOptions {
        padding: Some(&padding),
        ..MultiHeadOptions::default()
    };
    let (y, weights) = heads(2, [&x, &keys, &keys], &alone);
    assert_eq!((y.shape(), weights.shape()), (&[3, 4][..], &[3, 5][..]));
    let padding = padding.unsqueeze(0);
    let batch = MultiHeadOptions {
        padding: Some(&padding),
        batch_first: true,
        ..MultiHeadOptions::default()
    };
    let [x, keys] = [x, keys].map(|x| x.unsqueeze(0));
    let (of_batch, weights_of_batch) = heads(2, [&x, &keys, &keys], &batch);
    near(y.value(), of_batch.squeeze(0).value());
    near(weights.value(), weights_of_batch.squeeze(0).value());
}

#[test]
fn weights_are_the_mean_of_those_of_the_heads() {
    let x = Var::constant(normal(&[3, 2, 4], 4));
    let each = MultiHeadOptions {
        weights_per_head: true,
        ..MultiHeadOptions::default()
    };
    let (y, mean) = heads(2, [&x; 3], &MultiHeadOptions::default());
    let (same, weights) = heads(2, [&x; 3], &each);
    assert_eq!(weights.shape(), [2, 2, 3, 3]);
    near(y.value(), same.value());
    near(mean.value(), weights.mean(1).value());
    near(weights.sum(-1).value(), &Tensor::ones([2, 2, 3]));
}

#[test]
fn heads_that_do_not_fit_are_refused() {
    let x = constant(&[3, 2, 4]);
    let plain = MultiHeadOptions::default();
    assert_refused("0 heads do not divide the width 4", || {
        heads(0, [&x; 3], &plain)
    });
    let other = constant(&[3, 5, 4]);
    assert_refused("the batches differ", || {
        heads(2, [&x, &other, &other], &plain)
    });
}

#[test]
fn a_bilinear_map_without_bias_has_bias_0() {
    let (x, y, w) = (constant(&[2, 3]), constant(&[2, 4]), constant(&[5, 3, 4]));
    let zero = Var::full([5], 0.0);
    let found = x.bilinear(&y, &w, None);
    near(found.value(), x.bilinear(&y, &w, Some(&zero)).value());
    let expected = Var::einsum("ni,oij,nj->no", &[&x, &w, &y]);
    near(found.value(), expected.value());
}

#[test]
fn axes_of_dots_broadcast_in_both_orders() {
    let (x, row) = (constant(&[3, 2]), Var::constant(normal(&[1, 2], 5)));
    let expected = &x * &row;
    for operands in [[&x, &row], [&row, &x]] {
        let y = Var::einsum("...i,...i->...i", &operands);
        near(y.value(), expected.value());
    }
}
