//! Products of matrices.

use super::normalization::softmax_or_zero;
use crate::call::{Call, Translated};
use crate::graph::{integer, integers};
use crate::number::FileNumber;

pub(super) fn translate<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Option<Translated> {
    let family = match call.op() {
        "linear" => linear,
        "matmul" => matmul,
        "attention" => attention,
        "tril" | "triu" => triangle,
        _ => return None,
    };
    Some(family(call))
}

fn linear<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let (x, weight) = (call.input(0), call.input(1));
    let bias = (call.operands() > 2).then(|| call.input(2));
    let one_per_output = bias.is_none() || call.rank(2) == 1;
    let y = if call.rank(0) == 2 && one_per_output {
        let inputs = [&x, &weight].into_iter().chain(&bias);
        let inputs: Vec<_> = inputs.map(String::as_str).collect();
        call.node("Gemm", &inputs, [integer("transB", 1)])
    } else {
        let across = call.node("Transpose", &[&weight], [integers("perm", &[1, 0])]);
        let product = call.node("MatMul", &[&x, &across], []);
        match &bias {
            Some(bias) => call.node("Add", &[&product, bias], []),
            None => product,
        }
    };
    call.done(y)
}

fn matmul<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let mut factors = [call.input(0), call.input(1)];
    for (i, name) in ["left_transposed", "right_transposed"]
        .into_iter()
        .enumerate()
    {
        if call.flag(name)? {
            let mut order: Vec<_> = (0..call.rank(i) as i64).collect();
            let rank = order.len();
            order.swap(rank - 2, rank - 1);
            factors[i] = call.node("Transpose", &[&factors[i]], [integers("perm", &order)]);
        }
    }
    let y = call.node("MatMul", &[&factors[0], &factors[1]], []);
    call.done(y)
}

/// `softmax(q·kᵀ)·v`, and the softmax, which is 0 where all scores are −∞.
fn attention<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let [q, k, v] = [0, 1, 2].map(|i| call.input(i));
    let mut order: Vec<_> = (0..call.rank(1) as i64).collect();
    let rank = order.len();
    order.swap(rank - 2, rank - 1);
    let across = call.node("Transpose", &[&k], [integers("perm", &order)]);
    let scores = call.node("MatMul", &[&q, &across], []);
    let p = softmax_or_zero(call, &scores, rank as i64 - 1);
    let y = call.node("MatMul", &[&p, &v], []);
    call.set(1, p);
    call.done(y)
}

fn triangle<T: FileNumber>(call: &mut Call<'_, '_, T>) -> Translated {
    let upper = i64::from(call.op() == "triu");
    let (x, k) = (call.input(0), call.integer("k")?);
    let k = call.graph.indices(&wengert_tensor::Tensor::scalar(k));
    let y = call.node("Trilu", &[&x, &k], [integer("upper", upper)]);
    call.done(y)
}
