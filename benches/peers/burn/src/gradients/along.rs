//! Functions along an axis, and norms.

use burn::tensor::linalg::{Norm, l2_norm, lp_norm, vector_normalize};
use burn::tensor::{Tensor, activation};
use protocol::gradients::Call;

use crate::{Inputs, flat};

pub fn apply(call: &Call, x: &Inputs) -> Option<Tensor<1>> {
    if x.leaves.len() > 1 || x.rank(0) > 3 {
        return None;
    }
    let y = rows(&call.function, x);
    if y.is_some() {
        return y;
    }
    let axis = || call.count("axis") + 3 - x.rank(0);
    let x = x.at::<3>(0);
    let y = match call.function.as_str() {
        "sum" => x.sum_dim(axis()),
        "mean" => x.mean_dim(axis()),
        "prod" => x.prod_dim(axis()),
        "var" => x.var(axis()),
        "amax" => x.max_dim(axis()),
        "amin" => x.min_dim(axis()),
        "norm" => l2_norm(x, axis()),
        "median" => x.median(axis()),
        "cumsum" => x.cumsum(axis()),
        "cumprod" => x.cumprod(axis()),
        "cummax" => x.cummax(axis()),
        "cummin" => x.cummin(axis()),
        "sort" => x.sort(axis()),
        "softmax" => activation::softmax(x, axis()),
        "log_softmax" => activation::log_softmax(x, axis()),
        _ => return None,
    };
    Some(flat(y))
}

/// Functions of rows of fixed length.
fn rows(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let a = || x.at::<2>(0);
    let y = match function {
        "norm_1" => lp_norm(a(), 1.0, 1),
        "norm_3" => lp_norm(a(), 3.0, 1),
        "norm_0.5" => lp_norm(a(), 0.5, 1),
        "norm_inf" => lp_norm(a(), f64::INFINITY, 1),
        "normalize" => vector_normalize(a(), Norm::L2, 1, 1e-12),
        "var_mean" => {
            let (variance, mean) = a().var_mean(1);
            Tensor::cat(vec![variance, mean], 0)
        }
        "prod_all" => return Some(a().prod()),
        "cov" => a().cov(1, 1),
        "topk" => return Some(x.at::<1>(0).topk(2, 0)),
        "softmin" => activation::softmin(a(), 1),
        "quiet_softmax" => activation::quiet_softmax(a(), 1),
        "glu" => activation::glu(a(), 1),
        _ => return None,
    };
    Some(flat(y))
}
