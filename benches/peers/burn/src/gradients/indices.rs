//! Products, and functions that move elements.

use burn::tensor::ops::IndexingUpdateOp::Add;
use burn::tensor::{Bool, Int, Tensor, TensorData, einsum, linalg, module, s};

use crate::{Inputs, flat};

pub fn apply(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    product(function, x).or_else(|| indexed(function, x))
}

fn product(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let (a, b) = (|| x.at::<2>(0), || x.at::<2>(1));
    Some(match function {
        "matmul" if x.rank(0) == 2 => flat(a().matmul(b())),
        "matmul" | "bmm" => flat(x.at::<3>(0).matmul(x.at(1))),
        "linear" => flat(module::linear(a(), b().transpose(), Some(x.at(2)))),
        "outer" => flat::<2>(linalg::outer(x.at::<1>(0), x.at(1))),
        "einsum" => {
            let y: Tensor<2> = einsum!("ij,jk->ki", a(), b());
            flat(y)
        }
        "det" => linalg::det::<3, 2, 1>(x.at(0)),
        "lu" => flat(linalg::lu::<2, 1>(a()).2),
        "qr" => flat(linalg::qr(a(), true).1),
        "svdvals" => linalg::svd::<2, 1>(a(), 20).1,
        _ => return None,
    })
}

pub fn integers<const D: usize>(x: &Inputs, numbers: &[i64], shape: [usize; D]) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(numbers.to_vec(), shape), &x.device)
}

fn indexed(function: &str, x: &Inputs) -> Option<Tensor<1>> {
    let (a, b) = (|| x.at::<2>(0), || x.at::<2>(1));
    let pairs = || integers(x, &[0, 0, 2, 1], [2, 2]);
    let rows = || integers(x, &[2, 0, 2], [3]);
    Some(match function {
        "where" => {
            let mask = Tensor::<1, Bool>::from_data([true, false, true, false], &x.device);
            x.at::<1>(1).mask_where(mask, x.at(0))
        }
        "gather" => flat(a().gather(1, pairs())),
        "scatter_add" => flat(a().scatter(1, pairs(), b(), Add)),
        "index_select" => flat(a().select(0, rows())),
        "index_add" => flat(a().select_assign(0, rows(), b(), Add)),
        "embedding" => flat(module::embedding(a(), integers(x, &[3, 0, 3], [1, 3]))),
        "roll" => flat(a().roll(&[1], &[1])),
        "flip" => flat(a().flip([1])),
        "repeat" => flat(a().repeat(&[2, 3])),
        "cat" => Tensor::cat(vec![x.at::<1>(0), x.at(1)], 0),
        "stack" => flat(Tensor::stack::<2>(vec![x.at::<1>(0), x.at(1)], 1)),
        "slice_step" => flat(a().slice(s![.., ..;-2])),
        "slice_assign" => flat(a().slice_assign(s![0..2, 1..3], b())),
        "unfold_axis" => flat(a().unfold::<3, _>(1, 3, 2)),
        _ => return None,
    })
}
