//! The user's API: shorthands, and methods that tensors and variables share.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wengert_autograd::ops::{
    BinaryCrossEntropyOptions, CrossEntropyOptions, KlDivOptions, MultiMarginOptions, NllOptions,
    PoissonOptions, Reduction, TripletOptions,
};
use wengert_autograd::{Draw, Var};
use wengert_tensor::{ConvOptions, ConvTransposeOptions, PoolOptions, Slice, Tensor, keep};

/// Variables may compute in another order.
const ROUNDING: f64 = 1e-12;

#[test]
fn a_loss_without_options_has_the_default_ones() {
    let mut draw = Draw::new(1, 4);
    let mut numbers = |low, high| Var::constant(draw.uniform([4, 3], low, high));
    let (x, y, t) = (numbers(-2.0, 2.0), numbers(-2.0, 2.0), numbers(0.1, 0.9));
    let p = numbers(0.1, 0.9);
    let classes = Tensor::from_vec(vec![2_i64, 0, 1, 1], [4]);
    let signs = Tensor::from_vec(vec![1_i64, -1, -1, 1], [4]);
    let (row, mean) = (x.select(1, 0), Reduction::Mean);
    let pairs = [
        (
            x.cross_entropy(&classes),
            x.cross_entropy_with(&classes, &CrossEntropyOptions::default()),
        ),
        (
            x.cross_entropy_soft(&t),
            x.cross_entropy_soft_with(&t, &CrossEntropyOptions::default()),
        ),
        (
            x.nll_loss(&classes),
            x.nll_loss_with(&classes, &NllOptions::default()),
        ),
        (
            p.binary_cross_entropy(&t),
            p.binary_cross_entropy_with(&t, &BinaryCrossEntropyOptions::default()),
        ),
        (
            x.binary_cross_entropy_with_logits(&t),
            x.binary_cross_entropy_with_logits_with(
                &t,
                None,
                &BinaryCrossEntropyOptions::default(),
            ),
        ),
        (x.kl_div(&t), x.kl_div_with(&t, &KlDivOptions::default())),
        (
            x.poisson_nll_loss(&t),
            x.poisson_nll_loss_with(&t, &PoissonOptions::default()),
        ),
        (
            x.multi_margin_loss(&classes),
            x.multi_margin_loss_with(&classes, &MultiMarginOptions::default()),
        ),
        (x.soft_margin_loss(&y), x.soft_margin_loss_with(&y, mean)),
        (
            row.hinge_embedding_loss(&signs),
            row.hinge_embedding_loss_with(&signs, 1.0, mean),
        ),
        (
            x.margin_ranking_loss(&y, &t),
            x.margin_ranking_loss_with(&y, &t, 0.0, mean),
        ),
        (
            x.cosine_embedding_loss(&y, &signs),
            x.cosine_embedding_loss_with(&y, &signs, 0.0, mean),
        ),
        (
            x.triplet_margin_loss(&y, &t),
            x.triplet_margin_loss_with(&y, &t, &TripletOptions::default()),
        ),
        (x.l1_loss(&y), x.l1_loss_with(&y, mean)),
        (x.huber_loss(&y), x.huber_loss_with(&y, 1.0, mean)),
        (x.smooth_l1_loss(&y), x.smooth_l1_loss_with(&y, 1.0, mean)),
        (x.mse_loss(&y), x.mse_loss_with(&y, mean)),
    ];
    for (shorthand, spelled_out) in pairs {
        assert_eq!(shorthand.item(), spelled_out.item());
    }
}

/// The tensors that a method returns, as numbers.
trait Results {
    fn results(&self) -> Vec<Tensor<f64>>;
}

impl Results for Tensor<f64> {
    fn results(&self) -> Vec<Tensor<f64>> {
        vec![self.contiguous()]
    }
}

impl Results for Var<f64> {
    fn results(&self) -> Vec<Tensor<f64>> {
        self.value().results()
    }
}

impl Results for Tensor<i64> {
    fn results(&self) -> Vec<Tensor<f64>> {
        vec![self.map(|index| index as f64)]
    }
}

impl Results for Tensor<bool> {
    fn results(&self) -> Vec<Tensor<f64>> {
        vec![self.map(|truth| f64::from(u8::from(truth)))]
    }
}

impl<A: Results> Results for (A, Tensor<i64>) {
    fn results(&self) -> Vec<Tensor<f64>> {
        [self.0.results(), self.1.results()].concat()
    }
}

impl<T: Results> Results for Vec<T> {
    fn results(&self) -> Vec<Tensor<f64>> {
        self.iter().flat_map(Results::results).collect()
    }
}

/// Numbers of which a tensor or a variable is made.
struct Inputs {
    image: Tensor<f64>,
    filters: Tensor<f64>,
    x: Tensor<f64>,
    y: Tensor<f64>,
    vector: Tensor<f64>,
}

/// Defines a function for either type from one list of calls.
macro_rules! shared {
    (|$type:ident, $image:ident, $filters:ident, $x:ident, $y:ident, $vector:ident, $index:ident, $mask:ident|
        $($name:ident: $call:expr;)*
    ) => {
        const SHARED: &[&str] = &[$(stringify!($name)),*];

        type Call = (&'static str, Vec<Tensor<f64>>);

        fn on_tensors(inputs: &Inputs, $index: &Tensor<i64>, $mask: &Tensor<bool>) -> Vec<Call> {
            type $type = Tensor<f64>;
            let Inputs { image: $image, filters: $filters, x: $x, y: $y, vector: $vector } = inputs;
            vec![$((stringify!($name), $call.results())),*]
        }

        fn on_variables(inputs: &Inputs, $index: &Tensor<i64>, $mask: &Tensor<bool>) -> Vec<Call> {
            type $type = Var<f64>;
            let Inputs { image, filters, x, y, vector } = inputs;
            let [$image, $filters, $x, $y, $vector] =
                &[image, filters, x, y, vector].map(|value| Var::constant(value.clone()));
            vec![$((stringify!($name), $call.results())),*]
        }
    };
}

shared! {
    |Array, image, filters, x, y, vector, index, mask|
    abs: x.abs();
    argmax: x.argmax([0, 1]);
    argmin: x.argmin(keep(1));
    atan: x.atan();
    atan2: x.atan2(y);
    adaptive_avg_pool1d: image.select(0, 0).adaptive_avg_pool1d(2);
    adaptive_avg_pool2d: image.adaptive_avg_pool2d([2, 3]);
    adaptive_avg_pool3d: image.adaptive_avg_pool3d(2);
    adaptive_max_pool1d: image.select(0, 0).adaptive_max_pool1d(2);
    adaptive_max_pool1d_with_indices: image.select(0, 0).adaptive_max_pool1d_with_indices(2);
    adaptive_max_pool2d: image.adaptive_max_pool2d([2, 3]);
    adaptive_max_pool2d_with_indices: image.adaptive_max_pool2d_with_indices([2, 3]);
    adaptive_max_pool3d: image.adaptive_max_pool3d(2);
    adaptive_max_pool3d_with_indices: image.adaptive_max_pool3d_with_indices(2);
    avg_pool1d: image.select(0, 0).avg_pool1d(2);
    avg_pool2d: image.avg_pool2d([1, 2]);
    avg_pool3d: image.avg_pool3d(PoolOptions::new(2));
    bottomk: x.bottomk(1, 2);
    broadcast_to: vector.broadcast_to([2, 3]);
    ceil: x.ceil();
    chunk: x.chunk(1, 2);
    clamp: x.clamp(-0.5, 0.5);
    concat: Array::concat(&[x, y], -1);
    conv1d: image.select(2, 0).conv1d(&filters.select(2, 0), &ConvOptions::default());
    conv2d: image.conv2d(filters, &ConvOptions::default().padding(1));
    conv3d: image.unsqueeze(1).conv3d(
        &filters.unsqueeze(0).slice(1, ..1),
        &ConvOptions::default(),
    );
    conv_transpose1d: image.select(2, 0).conv_transpose1d(
        &filters.select(2, 0).transpose(0, 1),
        &ConvTransposeOptions::default(),
    );
    conv_transpose2d: image.conv_transpose2d(
        &filters.transpose(0, 1),
        &ConvTransposeOptions::default().stride(2),
    );
    conv_transpose3d: image.unsqueeze(1).conv_transpose3d(
        &filters.unsqueeze(0).slice(1, ..1),
        &ConvTransposeOptions::default(),
    );
    cos: x.cos();
    cosh: x.cosh();
    cumprod: x.cumprod(0);
    cumsum: x.cumsum(-1);
    logcumsumexp: x.logcumsumexp(-1);
    glu: image.glu(-1);
    diagonal: x.diagonal(1, 0, 1);
    dot: vector.dot(vector);
    eq: x.eq(y);
    erf: x.erf();
    erfc: x.erfc();
    exp: x.exp();
    exp2: x.exp2();
    exp_m1: x.exp_m1();
    flatten: image.flatten(1, -1);
    flip: x.flip([0, 1]);
    floor: x.floor();
    full: Array::full([2, 3], 0.5);
    gather: x.gather(1, index);
    ge: x.ge(y);
    gt: x.gt(y);
    index_add: x.index_add(1, &index.select(0, 0), y);
    index_select: x.index_select(1, &index.select(0, 1));
    le: x.le(y);
    linear: x.linear(y, None);
    ln: x.abs().ln();
    ln_1p: x.abs().ln_1p();
    log10: x.abs().log10();
    log2: x.abs().log2();
    log_softmax: x.log_softmax(1);
    logsumexp: x.logsumexp(..);
    lt: x.lt(y);
    masked_fill: x.masked_fill(mask, 7.0);
    matmul: x.matmul(&y.t());
    max: x.max([0, 1]);
    max_pool1d: image.select(0, 0).max_pool1d(2);
    max_pool1d_with_indices: image.select(0, 0).max_pool1d_with_indices(2);
    max_pool2d: image.max_pool2d(2);
    max_pool2d_with_indices: image.max_pool2d_with_indices(PoolOptions::new(3).padding(1));
    max_pool3d: image.max_pool3d([1, 2, 2]);
    max_pool3d_with_indices: image.max_pool3d_with_indices(2);
    max_with_indices: x.max_with_indices(keep(1));
    maximum: x.maximum(y);
    mean: x.mean(0);
    min: x.min(keep(0));
    min_with_indices: x.min_with_indices(..);
    minimum: x.minimum(y);
    ne: x.ne(y);
    outer: vector.outer(vector);
    pad: x.pad(&[[1, 0], [0, 2]], 0.5);
    permute: image.permute([3, 1, 0, 2]);
    pow: x.pow(3.0);
    pow_tensor: x.abs().pow_tensor(y);
    prod: x.prod(1);
    repeat: x.repeat([2, 1]);
    reshape: x.reshape([3, 2]);
    roll: x.roll(1, 1);
    round: x.round();
    scalar: Array::scalar(0.5);
    scatter: x.scatter(1, index, y);
    scatter_add: x.scatter_add(1, index, y);
    select: x.select(-1, -2);
    sigmoid: x.sigmoid();
    sign: x.sign();
    sin: x.sin();
    sinh: x.sinh();
    slice: x.slice(1, 1..);
    softmax: x.softmax(0);
    sort: x.sort(1);
    sort_descending: x.sort_descending(0);
    split: x.split(1, [1, 2]);
    sqrt: x.abs().sqrt();
    squeeze: x.unsqueeze(1).squeeze(1);
    stack: Array::stack(&[x, y], 1);
    sum: x.sum([0, 1]);
    sum_to: x.sum_to([1, 3]);
    t: x.t();
    tan: x.tan();
    tanh: x.tanh();
    topk: x.topk(1, 2);
    transpose: image.transpose(0, -1);
    tril: x.tril(1);
    triu: x.triu(-1);
    trunc: x.trunc();
    unfold_axis: x.unfold_axis(1, 2, 1);
    unslice: x.unslice(&[Slice::from(..), Slice::from(1..4)], [2, 5]);
    unsqueeze: x.unsqueeze(-1);
    var: x.var(1, 1);
    where_: Array::where_(mask, x, y);
}

#[test]
fn tensors_and_variables_share_names_arguments_and_results() {
    let mut draw = Draw::new(2, 4);
    let mut normal = |shape: &[usize]| draw.normal(shape);
    let inputs = Inputs {
        image: normal(&[2, 3, 5, 6]),
        filters: normal(&[4, 3, 2, 2]),
        x: normal(&[2, 3]),
        y: normal(&[2, 3]),
        vector: normal(&[3]),
    };
    let index = Tensor::from_vec(vec![2, 0, 1, 0, 2, 1], [2, 3]);
    let mask = draw.mask([2, 3]);
    let tensors = on_tensors(&inputs, &index, &mask);
    let variables = on_variables(&inputs, &index, &mask);
    for ((name, on_tensor), (_, on_variable)) in tensors.iter().zip(&variables) {
        assert_eq!(on_tensor.len(), on_variable.len(), "{name}");
        for (a, b) in on_tensor.iter().zip(on_variable) {
            assert_eq!(a.shape(), b.shape(), "{name}");
            let is_near = |(a, b): (f64, f64)| a == b || (a - b).abs() < ROUNDING;
            assert!(
                a.iter().zip(b.iter()).all(is_near),
                "{name}: {a:?} on tensors, {b:?} on variables"
            );
        }
    }
}

/// Methods that both have and whose meaning needs no example.
const PLAIN: &[&str] = &["is_empty", "item", "len", "rank", "shape", "size"];

/// The public methods of a type in the files under a folder, without those that macros define.
fn methods(of: &str, folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the sources are beside the tests") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            names.append(&mut methods(of, &path));
            continue;
        }
        let source = fs::read_to_string(&path).expect("a readable file");
        let Ok(file) = syn::parse_file(&source) else {
            continue;
        };
        for item in file.items {
            let syn::Item::Impl(block) = item else {
                continue;
            };
            let syn::Type::Path(ty) = &*block.self_ty else {
                continue;
            };
            if block.trait_.is_some() || ty.path.segments.last().is_none_or(|s| s.ident != of) {
                continue;
            }
            names.extend(block.items.iter().filter_map(|item| match item {
                syn::ImplItem::Fn(method) if matches!(method.vis, syn::Visibility::Public(_)) => {
                    Some(method.sig.ident.to_string())
                }
                _ => None,
            }));
        }
    }
    names
}

#[test]
fn every_shared_name_is_called_on_both_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let on_tensors = methods("Tensor", &root.join("../tensor/src"));
    let on_variables = methods("Var", &root.join("src"));
    let shared: BTreeSet<_> = on_tensors.intersection(&on_variables).collect();
    assert!(
        shared.len() > 50,
        "only {} names: the search is broken",
        shared.len()
    );
    let missing: Vec<_> = shared
        .into_iter()
        .filter(|name| !SHARED.contains(&name.as_str()) && !PLAIN.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in `shared!`: {missing:?}");
}
