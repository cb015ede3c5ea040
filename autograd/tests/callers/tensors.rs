//! Wrong calls of the methods of `Tensor`.

use wengert_tensor::{ConvOptions, ConvTransposeOptions, Layout, Slice, Tensor, Transposed};

/// A tensor of the given shape, full of one half.
fn t<const N: usize>(shape: [usize; N]) -> Tensor<f64> {
    Tensor::full(shape, 0.5)
}

fn index<const N: usize>(shape: [usize; N], value: i64) -> Tensor<i64> {
    Tensor::full(shape, value)
}

fn mask<const N: usize>(shape: [usize; N]) -> Tensor<bool> {
    Tensor::full(shape, true)
}

crate::wrong_calls! {
    "callers/tensors.rs";
    from_vec: Tensor::from_vec(vec![0.5; 5], [2, 3]);
    from_slice: Tensor::from_slice(&[0.5; 5], [2, 3]);
    full: Tensor::full([usize::MAX, 2], 0.5);
    zeros: Tensor::<f64>::zeros([usize::MAX, 2]);
    arange: Tensor::<f64>::arange(0.0, 1.0, 0.0);
    gather: t([2, 3]).gather(1, &index([2, 3], 3));
    scatter: t([2, 3]).scatter(1, &index([2, 3], 3), &t([2, 3]));
    index_select: t([2, 3]).index_select(1, &index([1], 3));
    scatter_add: t([2, 3]).scatter_add(1, &index([2, 3], 3), &t([2, 3]));
    index_add: t([2, 3]).index_add(1, &index([1], 3), &t([2, 1]));
    one_hot: index([2], 3).one_hot::<f64>(3);
    concat: Tensor::concat(&[&t([2, 3]), &t([2, 4])], 0);
    stack: Tensor::stack(&[&t([2, 3]), &t([2, 4])], 0);
    split: t([2, 3]).split(1, [1, 1]);
    chunk: t([2, 3]).chunk(0, 0);
    pad: t([2, 3]).pad(&[[1, 1]], 0.0);
    roll: t([2, 3]).roll(1, 2);
    repeat: t([2, 3]).repeat([2]);
    tril: t([3]).tril(0);
    triu: t([3]).triu(0);
    matmul: t([2, 3]).matmul(&t([2, 3]));
    matmul_transposed: t([2, 3]).matmul_transposed(&t([2, 4]), Transposed { left: false, right: true });
    dot: t([2]).dot(&t([3]));
    outer: t([2, 3]).outer(&t([2]));
    linear: t([2, 3]).linear(&t([4, 5]), None);
    region_assign: t([2, 3]).region_assign(&[Slice::from(..)], &t([2, 4]));
    unslice: t([3]).unslice(&[Slice::from(..2)], [4]);
    region_add: t([2, 3]).region_add(&[Slice::from(..)], &t([2, 4]));
    sort: t([2, 3]).sort(2);
    sort_descending: t([2, 3]).sort_descending(2);
    topk: t([2, 3]).topk(1, 4);
    bottomk: t([2, 3]).bottomk(1, 4);
    size: t([2, 3]).size(2);
    dims: t([2, 3]).dims::<3>();
    item: t([2, 3]).item();
    get: t([2, 3]).get([2, 0]);
    permute: t([2, 3]).permute([0, 0]);
    transpose: t([2, 3]).transpose(0, 2);
    t: t([2]).t();
    slice: t([2, 3]).slice(2, ..);
    select: t([2, 3]).select(0, 2);
    squeeze: t([2, 3]).squeeze(0);
    unsqueeze: t([2, 3]).unsqueeze(4);
    broadcast_to: t([2, 3]).broadcast_to([3, 2]);
    flip: t([2, 3]).flip(2);
    reshape: t([2, 3]).reshape([4, 2]);
    flatten: t([2, 3]).flatten(1, 0);
    diagonal: t([2, 3]).diagonal(0, 0, 0);
    unfold_axis: t([2, 3]).unfold_axis(1, 4, 1);
    conv1d: t([1, 3, 8]).conv1d(&t([4, 2, 3]), &ConvOptions::default());
    conv2d: t([1, 3, 8, 8]).conv2d(&t([4, 2, 3, 3]), &ConvOptions::default());
    conv3d: t([1, 3, 8, 8]).conv3d(&t([4, 3, 3, 3]), &ConvOptions::default());
    conv_transpose1d: t([1, 3, 8]).conv_transpose1d(
        &t([2, 4, 3]),
        &ConvTransposeOptions::default(),
    );
    conv_transpose2d: t([1, 3, 8, 8]).conv_transpose2d(
        &t([2, 4, 3, 3]),
        &ConvTransposeOptions::default(),
    );
    conv_transpose3d: t([1, 3, 8, 8, 8]).conv_transpose3d(
        &t([2, 4, 3, 3, 3]),
        &ConvTransposeOptions::default(),
    );
    max_pool2d: t([1, 1, 4, 4]).max_pool2d(5);
    avg_pool2d: t([1, 1, 4, 4]).avg_pool2d(5);
    adaptive_avg_pool2d: t([4]).adaptive_avg_pool2d(2);
    adaptive_max_pool2d: t([4]).adaptive_max_pool2d(2);
    max: t([2, 0]).max(1);
    min: t([2, 3]).min(2);
    argmax: t([2, 3]).argmax(2);
    argmin: t([2, 0]).argmin(1);
    max_with_indices: t([2, 3]).max_with_indices(2);
    min_with_indices: t([2, 3]).min_with_indices(2);
    sum: t([2, 3]).sum(5);
    prod: t([2, 3]).prod(5);
    sum_to: t([2, 3]).sum_to([3, 2]);
    any: mask([2, 3]).any(5);
    all: mask([2, 3]).all(5);
    count_true: mask([2, 3]).count_true(5);
    mean: t([2, 3]).mean(5);
    shifted_mean: t([2, 3]).shifted_mean(5);
    var: t([2, 3]).var(5, 0);
    mean_var: t([2, 3]).mean_var(5, 0);
    mean_var_rstd: t([2, 3]).mean_var_rstd(5, 1e-5);
    mean_square_rstd: t([2, 3]).mean_square_rstd(5, 1e-5);
    unit_scales: t([2, 3]).unit_scales(5);
    norm2: t([2, 3]).norm2(5);
    cumsum: t([2, 3]).cumsum(5);
    cumprod: t([2, 3]).cumprod(5);
    products_of_others: t([]).products_of_others();
    linear_recurrence: t([2, 3]).linear_recurrence(&t([3, 2]), 1);
    linear_recurrence_adjoint: t([2, 3]).linear_recurrence_adjoint(&t([2, 3]), 5);
    update_views: t([2, 3]).update_views([(|view: &Layout| *view, &t([2, 4]))], |_, y| y);
    logcumsumexp: t([2, 3]).logcumsumexp(5);
    logcumsumexp_with_logits: t([2, 3]).logcumsumexp_with_logits(5);
    logsumexp: t([2, 3]).logsumexp(5);
    softmax: t([2, 3]).softmax(2);
    log_softmax: t([2, 3]).log_softmax(2);
    softmax_cotangent: t([2, 3]).softmax_cotangent(&t([3, 2]), 0);
    log_softmax_cotangent: t([2, 3]).log_softmax_cotangent(&t([3, 2]), 0);
    standardized_rows: t([2, 3]).standardized_rows(&t([3]), &t([2]), &t([3]), &t([3]));
    standardized_rows_gradient: t([2, 3]).standardized_rows_gradient(
        &t([2, 3]),
        &t([3]),
        &t([2]),
        &t([3]),
        true,
    );
    standardized_sums: t([2, 3]).standardized_sums(&t([3, 2]), &t([2]), &t([2]));
    standardized_gradient: t([2, 3]).standardized_gradient(
        &t([2, 3]),
        &[t([2]), t([2]), t([2]), t([2]), t([3])],
    );
    glu: t([2, 3]).glu(1);
    glu_gradient: t([2, 4]).glu_gradient(&t([2, 4]), 1);
    lstm_gates: t([2, 4]).lstm_gates(&t([2, 2]));
    lstm_gates_gradient: t([2, 4]).lstm_gates_gradient(
        &t([2, 1]),
        [&t([2, 1]), &t([2, 4])],
        [&t([2, 1]), &t([2, 3])],
    );
    lstm_sequence: t([2, 3, 4]).lstm_sequence(&t([4, 1]), [&t([3, 1]), &t([2, 1])]);
    lstm_sequence_gradient: t([2, 3, 4]).lstm_sequence_gradient(
        &t([4, 1]),
        &t([3, 1]),
        [&t([2, 3, 1]), &t([2, 3, 4])],
        (&t([2, 3, 2]), None),
    );
    attention: t([2, 3]).attention(&t([4, 2]), &t([4, 5]));
    attention_gradient: t([2, 3]).attention_gradient(&t([4, 3]), &t([4, 5]), &t([2, 4]), &t([2, 4]));
    add_assign: t([2, 3]).add_assign(&t([3, 2]));
    clamp: t([2]).clamp(1.0, 0.0);
    where_: Tensor::where_(&mask([2]), &t([3]), &t([3]));
    masked_fill: t([3]).masked_fill(&mask([2]), 0.0);
    zip: t([2]).zip(&t([3]), |a, b| a + b);
    zip_costly: t([2]).zip_costly(&t([3]), |(a, b): (f64, f64)| a + b);
    zip3: t([2]).zip3(&t([3]), &t([2]), |a, b, c| a + b + c);
    zip4: t([2]).zip4(&t([3]), &t([2]), &t([2]), |a, b, c, d| a + b + c + d);
    zip_in_place: t([2]).zip_in_place(&t([3]), |a, b| a + b);
    add: &t([2]) + &t([3]);
    sub: &t([2]) - &t([3]);
    mul: &t([2]) * &t([3]);
    div: &t([2]) / &t([3]);
    lt: t([2]).lt(&t([3]));
}
