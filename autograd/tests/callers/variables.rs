//! Wrong calls of the methods of `Var`.

use wengert_autograd::ops::{
    AttentionOptions, BinaryCrossEntropyOptions, Border, CellParams, CrossEntropyOptions,
    InProjection, InterpolateOptions, KlDivOptions, MultiHead, MultiHeadOptions,
    MultiMarginOptions, NllOptions, NormOptions, PoissonOptions, RecurrentOptions, Reduction,
    ResponseOptions, RnnActivation, TripletOptions,
};
use wengert_autograd::{Tape, Var};
use wengert_tensor::{ConvOptions, ConvTransposeOptions, PoolOptions, Slice, Tensor};

/// A variable of the given shape, full of one half.
fn v<const N: usize>(shape: [usize; N]) -> Var<f64> {
    Var::full(shape, 0.5)
}

fn classes(values: &[i64]) -> Tensor<i64> {
    Tensor::from_slice(values, [values.len()])
}

fn mask<const N: usize>(shape: [usize; N]) -> Tensor<bool> {
    Tensor::full(shape, true)
}

fn leaf<const N: usize>(shape: [usize; N]) -> Var<f64> {
    Tape::new().leaf(Tensor::full(shape, 0.5))
}

/// A loss whose tape a plain backward pass has taken apart.
fn consumed() -> Var<f64> {
    let y = leaf([2]).sum(..);
    drop(y.backward());
    y
}

const MEAN: Reduction = Reduction::Mean;

crate::wrong_calls! {
    "callers/variables.rs";
    full: Var::<f64>::full([usize::MAX, 2], 0.5);
    size: v([2, 3]).size(2);
    item: v([2, 3]).item();
    backward: v([1]).backward();
    backward: leaf([2, 3]).backward();
    backward: consumed().backward();
    backward_each: v([1]).backward_each(|_, _| ());
    backward_keep: v([1]).backward_keep();
    grad: leaf([2]).grad(&[&v([2])]);
    grad: leaf([1]).sum(..).grad(&[&leaf([1])]);
    backward_from: leaf([2]).backward_from(&Tensor::zeros([3]));
    broadcasting: Var::broadcasting(user_op::Hypot, &[&v([2]), &v([3])]);
    apply: Var::apply(user_op::Hypot, [&v([2])]);
    apply: Var::apply(user_op::Hypot, [&leaf([2]), &leaf([2])]);
    apply_many: Var::apply_many(user_op::Hypot, [&v([2])]);
    add: &leaf([2]) + &leaf([2]);
    add: &v([2]) + &v([3]);
    sub: &v([2]) - &v([3]);
    mul: &v([2]) * &v([3]);
    div: &v([2]) / &v([3]);
    mul: consumed() * 2.0;
    scaled_dot_product_attention: v([2, 3]).scaled_dot_product_attention(
        &v([2, 4]),
        &v([2, 4]),
        &AttentionOptions::default(),
    );
    multi_head_attention: v([2, 1, 4]).multi_head_attention(
        &v([2, 1, 4]),
        &v([2, 1, 4]),
        &MultiHead {
            heads: 3,
            in_proj: InProjection::Packed(&v([12, 4])),
            in_bias: None,
            out_weight: &v([4, 4]),
            out_bias: None,
        },
        &MultiHeadOptions::default(),
    );
    gru_cell: v([2, 3]).gru_cell(&v([2, 4]), &CellParams::new(&v([12, 5]), &v([12, 4])));
    gru: v([5, 2, 3]).gru(&[], None, &RecurrentOptions::default());
    lstm_cell: v([2, 3]).lstm_cell(
        &v([2, 4]),
        &v([2, 4]),
        &CellParams::new(&v([16, 5]), &v([16, 4])),
    );
    lstm: v([5, 2, 3]).lstm(&[], None, &RecurrentOptions::default());
    lstm: v([5, 2, 3]).lstm(
        &[CellParams::new(&v([16, 3]), &v([16, 4]))],
        Some((&v([1, 2, 5]), &v([1, 2, 4]))),
        &RecurrentOptions::default(),
    );
    lstm: v([5, 2, 3]).lstm(
        &[CellParams {
            bias_ih: Some(&v([1])),
            ..CellParams::new(&v([16, 3]), &v([16, 4]))
        }],
        None,
        &RecurrentOptions::default(),
    );
    gru: v([5, 2, 3]).gru(
        &[CellParams::new(&v([12, 3]), &v([12, 4]))],
        Some(&v([1, 3, 4])),
        &RecurrentOptions::default(),
    );
    gru_cell: v([2, 3]).gru_cell(
        &v([2, 4]),
        &CellParams {
            bias_hh: Some(&v([12, 1])),
            ..CellParams::new(&v([12, 3]), &v([12, 4]))
        },
    );
    rnn_cell: v([2, 3]).rnn_cell(
        &v([2, 4]),
        &CellParams::new(&v([4, 5]), &v([4, 4])),
        RnnActivation::Tanh,
    );
    rnn: v([5, 2, 3]).rnn(&[], None, RnnActivation::Tanh, &RecurrentOptions::default());
    rnn: v([5, 2, 3]).rnn(
        &[CellParams::new(&v([4, 3]), &v([4, 4]))],
        None,
        RnnActivation::Tanh,
        &RecurrentOptions {
            bidirectional: true,
            ..RecurrentOptions::default()
        },
    );
    broadcast_to: v([2, 3]).broadcast_to([3, 2]);
    sum_to: v([2, 3]).sum_to([3, 2]);
    concat: Var::concat(&[&v([2, 3]), &v([2, 4])], 0);
    concat: Var::<f64>::concat(&[], 0);
    stack: Var::stack(&[&v([2, 3]), &v([2, 4])], 0);
    stack: Var::<f64>::stack(&[], 0);
    chunk: v([2, 3]).chunk(0, 0);
    flip: v([2, 3]).flip(2);
    roll: v([2, 3]).roll(1, 2);
    repeat: v([2, 3]).repeat([2]);
    pad: v([2, 3]).pad(&[[1, 1]], 0.0);
    pad_border: v([2, 3]).pad_border(&[[0, 0], [3, 3]], Border::Reflect);
    permute: v([2, 3]).permute([0, 0]);
    transpose: v([2, 3]).transpose(0, 2);
    t: v([2]).t();
    pixel_shuffle: v([1, 3, 2, 2]).pixel_shuffle(2);
    pixel_unshuffle: v([1, 1, 3, 3]).pixel_unshuffle(2);
    pixel_unshuffle: v([1, 1, 4, 3]).pixel_unshuffle(2);
    pixel_unshuffle: v([1, 1, 4, 4]).pixel_unshuffle(0);
    reshape: v([2, 3]).reshape([4, 2]);
    flatten: v([2, 3]).flatten(1, 0);
    squeeze: v([2, 3]).squeeze(0);
    unsqueeze: v([2, 3]).unsqueeze(4);
    slice: v([2, 3]).slice(2, ..);
    region: v([2, 3]).region(&[Slice::from(..)]);
    unslice: v([2, 3]).unslice(&[Slice::from(..), Slice::from(..)], [2, 4]);
    select: v([2, 3]).select(0, 2);
    split: v([2, 3]).split(1, [1, 1]);
    unfold_axis: v([2, 3]).unfold_axis(1, 4, 1);
    unfold_axis: v([2, 3]).unfold_axis(1, 0, 1);
    unfold_axis: v([2, 3]).unfold_axis(1, 2, 0);
    einsum: Var::einsum("ij,jk->ik", &[&v([2, 3]), &v([2, 3])]);
    einsum: Var::einsum("ij->k", &[&v([2, 3])]);
    einsum: Var::einsum("ij->ii", &[&v([2, 3])]);
    einsum: Var::einsum("ij,jk->ik", &[&v([2, 3])]);
    einsum: Var::einsum("ii->i", &[&v([2, 3])]);
    einsum: Var::einsum("...i,...i->...i", &[&v([2, 4]), &v([3, 4])]);
    linear: v([2, 3]).linear(&v([4, 5]), None);
    bilinear: v([2, 3]).bilinear(&v([2, 4]), &v([5, 4, 3]), None);
    matmul: v([2, 3]).matmul(&v([2, 3]));
    outer: v([2, 3]).outer(&v([2]));
    dot: v([2]).dot(&v([3]));
    tril: v([3]).tril(0);
    triu: v([3]).triu(0);
    diagonal: v([2, 3]).diagonal(0, 0, 0);
    local_response_norm: v([2, 3]).local_response_norm(&ResponseOptions {
        size: 0,
        ..ResponseOptions::default()
    });
    batch_norm: v([4]).batch_norm(&NormOptions::default());
    instance_norm_statistics: v([4]).instance_norm_statistics(&NormOptions::default());
    batch_norm_with: v([2, 3]).batch_norm_with(
        &v([2]),
        &v([2]),
        &NormOptions::default(),
    );
    layer_norm: v([2, 3]).layer_norm([4], &NormOptions::default());
    layer_norm: v([2, 3]).layer_norm([0_usize; 0], &NormOptions::default());
    rms_norm: v([2, 3]).rms_norm([4], &NormOptions::default());
    group_norm: v([2, 3]).group_norm(2, &NormOptions::default());
    instance_norm: v([4]).instance_norm(&NormOptions::default());
    softmax: v([2, 3]).softmax(2);
    softmax_or_zero: v([2, 3]).softmax_or_zero(2);
    log_softmax: v([2, 3]).log_softmax(-3);
    conv1d: v([1, 3, 8]).conv1d(&v([4, 2, 3]), &ConvOptions::default());
    conv2d: v([1, 3, 8, 8]).conv2d(&v([4, 2, 3, 3]), &ConvOptions::default());
    conv2d: v([1, 3, 8, 8]).conv2d(&v([4, 3, 9, 9]), &ConvOptions::default());
    conv3d: v([1, 3, 8, 8]).conv3d(&v([4, 3, 3, 3]), &ConvOptions::default());
    conv_transpose1d: v([1, 3, 8]).conv_transpose1d(
        &v([2, 4, 3]),
        &ConvTransposeOptions::default(),
    );
    conv_transpose2d: v([1, 3, 8, 8]).conv_transpose2d(
        &v([2, 4, 3, 3]),
        &ConvTransposeOptions::default(),
    );
    conv_transpose3d: v([1, 3, 8, 8, 8]).conv_transpose3d(
        &v([2, 4, 3, 3, 3]),
        &ConvTransposeOptions::default(),
    );
    global_avg_pool: v([2]).global_avg_pool();
    global_max_pool: v([2]).global_max_pool();
    max_pool1d: v([1, 1, 4]).max_pool1d(5);
    max_pool1d_with_indices: v([1, 1, 4]).max_pool1d_with_indices(5);
    max_pool2d: v([1, 1, 4, 4]).max_pool2d(5);
    max_pool2d_with_indices: v([1, 1, 4, 4]).max_pool2d_with_indices(5);
    max_pool3d: v([1, 1, 4, 4, 4]).max_pool3d(5);
    max_pool3d_with_indices: v([1, 1, 4, 4, 4]).max_pool3d_with_indices(5);
    avg_pool1d: v([1, 1, 4]).avg_pool1d(0);
    avg_pool2d: v([1, 1, 4, 4]).avg_pool2d(PoolOptions::new(2).padding(2));
    avg_pool3d: v([4, 4]).avg_pool3d(2);
    adaptive_avg_pool1d: v([4]).adaptive_avg_pool1d(2);
    adaptive_avg_pool2d: v([4]).adaptive_avg_pool2d(2);
    adaptive_avg_pool3d: v([4]).adaptive_avg_pool3d(2);
    adaptive_max_pool1d: v([4]).adaptive_max_pool1d(2);
    adaptive_max_pool2d: v([4]).adaptive_max_pool2d(2);
    adaptive_max_pool3d: v([4]).adaptive_max_pool3d(2);
    interpolate: v([4]).interpolate(&InterpolateOptions::to(2));
    interpolate: v([1, 1, 4, 4]).interpolate(&InterpolateOptions::by([2.0, 2.0, 2.0]));
    interpolate: v([1, 1, 4, 4]).interpolate(&InterpolateOptions::by([0.0, 2.0]));
    interpolate: v([1, 1, 4, 4]).interpolate(&InterpolateOptions::by([f64::INFINITY, 2.0]));
    unfold: v([1, 1, 2, 2]).unfold([3, 3], &ConvOptions::default());
    unfold: v([1, 1, 2, 2]).unfold([0, 1], &ConvOptions::default());
    unfold: v([1, 1, 2, 2]).unfold([1, 0], &ConvOptions::default());
    unfold: v([1, 2, 2, 2]).unfold([1, 1], &ConvOptions::default().groups(2));
    fold: v([1, 4, 5]).fold([3, 3], [2, 2], &ConvOptions::default());
    fold: v([1, 3, 4]).fold([3, 3], [2, 2], &ConvOptions::default());
    l1_loss: v([2, 1]).l1_loss(&v([2]));
    l1_loss_with: v([2, 1]).l1_loss_with(&v([2]), MEAN);
    huber_loss: v([2, 1]).huber_loss(&v([2]));
    huber_loss_with: v([2]).huber_loss_with(&v([2]), -1.0, MEAN);
    smooth_l1_loss: v([2, 1]).smooth_l1_loss(&v([2]));
    smooth_l1_loss_with: v([2]).smooth_l1_loss_with(&v([2]), -1.0, MEAN);
    mse_loss: v([2, 1]).mse_loss(&v([2]));
    mse_loss_with: v([2, 1]).mse_loss_with(&v([2]), MEAN);
    binary_cross_entropy: v([2, 1]).binary_cross_entropy(&v([2]));
    binary_cross_entropy_with: v([2, 1])
        .binary_cross_entropy_with(&v([2]), &BinaryCrossEntropyOptions::default());
    binary_cross_entropy_with_logits: v([2, 1]).binary_cross_entropy_with_logits(&v([2]));
    binary_cross_entropy_with_logits_with: v([2, 1]).binary_cross_entropy_with_logits_with(
        &v([2]),
        None,
        &BinaryCrossEntropyOptions::default(),
    );
    cross_entropy: v([2, 3]).cross_entropy(&classes(&[0, 3]));
    cross_entropy: v([2, 3]).cross_entropy(&classes(&[0]));
    cross_entropy_with: v([2, 3]).cross_entropy_with(
        &classes(&[0, -1]),
        &CrossEntropyOptions::default(),
    );
    cross_entropy_with: v([2, 3]).cross_entropy_with(
        &classes(&[0, 1]),
        &CrossEntropyOptions {
            label_smoothing: 1.5,
            ..CrossEntropyOptions::default()
        },
    );
    cross_entropy_soft: v([2, 3]).cross_entropy_soft(&v([2, 4]));
    cross_entropy_soft_with: v([2, 3]).cross_entropy_soft_with(
        &v([2, 4]),
        &CrossEntropyOptions::default(),
    );
    nll_loss: v([2, 3]).nll_loss(&classes(&[0, 3]));
    nll_loss_with: v([2, 3]).nll_loss_with(&classes(&[0, 3]), &NllOptions::default());
    kl_div: v([2, 1]).kl_div(&v([2]));
    kl_div_with: v([2, 1]).kl_div_with(&v([2]), &KlDivOptions::default());
    poisson_nll_loss: v([2, 1]).poisson_nll_loss(&v([2]));
    poisson_nll_loss_with: v([2, 1]).poisson_nll_loss_with(&v([2]), &PoissonOptions::default());
    soft_margin_loss: v([2, 1]).soft_margin_loss(&v([2]));
    soft_margin_loss_with: v([2, 1]).soft_margin_loss_with(&v([2]), MEAN);
    hinge_embedding_loss: v([2]).hinge_embedding_loss(&classes(&[1, 0]));
    hinge_embedding_loss_with: v([2]).hinge_embedding_loss_with(&classes(&[1, 0]), 1.0, MEAN);
    margin_ranking_loss: v([2]).margin_ranking_loss(&v([3]), &v([2]));
    margin_ranking_loss_with: v([2]).margin_ranking_loss_with(&v([3]), &v([2]), 0.0, MEAN);
    multi_margin_loss: v([2, 3]).multi_margin_loss(&classes(&[0, 3]));
    multi_margin_loss_with: v([2, 3]).multi_margin_loss_with(
        &classes(&[0, 3]),
        &MultiMarginOptions::default(),
    );
    multi_margin_loss_with: v([2, 3]).multi_margin_loss_with(
        &classes(&[0, 1]),
        &MultiMarginOptions {
            p: 3,
            ..MultiMarginOptions::default()
        },
    );
    normalize: v([2, 3]).normalize(2.0, 2, 1e-12);
    cosine_similarity: v([2, 3]).cosine_similarity(&v([2, 4]), 1, 1e-8);
    pairwise_distance: v([2, 3]).pairwise_distance(&v([2, 4]), 2.0, 1e-6);
    cosine_embedding_loss: v([2, 3]).cosine_embedding_loss(&v([2, 3]), &classes(&[1, 0]));
    cosine_embedding_loss_with: v([2, 3]).cosine_embedding_loss_with(
        &v([2, 3]),
        &classes(&[1, 0]),
        0.0,
        MEAN,
    );
    triplet_margin_loss: v([2, 3]).triplet_margin_loss(&v([2, 4]), &v([2, 3]));
    triplet_margin_loss_with: v([2, 3]).triplet_margin_loss_with(
        &v([2, 4]),
        &v([2, 3]),
        &TripletOptions::default(),
    );
    gather: v([2, 3]).gather(1, &Tensor::full([2, 3], 3));
    scatter_add: v([2, 3]).scatter_add(1, &Tensor::full([2, 3], 3), &v([2, 3]));
    scatter: v([2, 3]).scatter(1, &Tensor::full([2, 3], 3), &v([2, 3]));
    index_select: v([2, 3]).index_select(1, &classes(&[3]));
    index_add: v([2, 3]).index_add(1, &classes(&[3]), &v([2, 1]));
    embedding: v([2, 3]).embedding(&classes(&[2]), None);
    sort: v([2, 3]).sort(2);
    sort_descending: v([2, 3]).sort_descending(2);
    topk: v([2, 3]).topk(1, 4);
    bottomk: v([2, 3]).bottomk(1, 4);
    where_: Var::where_(&mask([2]), &v([3]), &v([3]));
    masked_fill: v([3]).masked_fill(&mask([2]), 0.0);
    masked_select: v([3]).masked_select(&mask([2]));
    logsumexp: v([2, 3]).logsumexp(2);
    amax: v([2, 3]).amax(2);
    amin: v([2, 3]).amin(2);
    max: v([2, 0]).max(1);
    min: v([2, 3]).min(2);
    max_with_indices: v([2, 3]).max_with_indices(2);
    min_with_indices: v([2, 3]).min_with_indices(2);
    argmax: v([2, 3]).argmax(2);
    argmin: v([2, 0]).argmin(1);
    mean: v([2, 3]).mean(5);
    var: v([2, 3]).var(5, 0);
    std: v([2, 3]).std([0, 0], 0);
    norm: v([2, 3]).norm(2.0, 5);
    prod: v([2, 3]).prod(5);
    cumsum: v([2, 3]).cumsum(5);
    cumprod: v([2, 3]).cumprod(5);
    logcumsumexp: v([2, 3]).logcumsumexp(5);
    sum: v([2, 3]).sum(5);
    atan2: v([2]).atan2(&v([3]));
    clamp: v([2]).clamp(1.0, 0.0);
    hardtanh: v([2]).hardtanh(1.0, 0.0);
    dropout: v([2]).dropout(&mask([3]), 0.5);
    dropout: v([2]).dropout(&mask([2]), 1.5);
    lerp: v([2]).lerp(&v([3]), &v([2]));
    addcmul: v([2]).addcmul(&v([3]), &v([2]), 1.0);
    maximum: v([2]).maximum(&v([3]));
    minimum: v([2]).minimum(&v([3]));
    pow_tensor: v([2]).pow_tensor(&v([3]));
    prelu: v([2, 3]).prelu(&v([2]));
    glu: v([2, 3]).glu(1);
}

/// An op of a user's.
mod user_op {
    use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample};
    use wengert_tensor::Real;

    #[derive(Clone, Debug)]
    pub struct Hypot;

    impl Op for Hypot {
        fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
            x[0].zip(&x[1], |a, b| (a * a + b * b).sqrt()).into()
        }
        fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
            out.input(0, |g| g * call.input(0) / call.output(0));
            out.input(1, |g| g * call.input(1) / call.output(0));
        }
        fn sample(draw: &mut Draw) -> Sample<Self> {
            Sample::new(Self, [draw.off_zero([2, 3]), draw.off_zero([2, 3])])
        }
    }
}
