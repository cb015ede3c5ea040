//! Norms of gradients and clipping at the corners: no gradients, zeros, no bound.

use crate::model::Pair;
use wengert_nn::Gradients;
use wengert_optim::{Norm, clip_grad_norm};
use wengert_tensor::Tensor;

const NORMS: [Norm; 6] = [
    Norm::P(0.0),
    Norm::P(1.0),
    Norm::P(2.0),
    Norm::P(3.0),
    Norm::P(f64::INFINITY),
    Norm::Max,
];

#[test]
fn no_gradients_have_the_norm_zero() {
    let model = Pair::<f64>::new(Tensor::zeros([2]), Tensor::zeros([1]));
    let none = Gradients::from_tensors(&model, |_| None);
    for norm in NORMS {
        assert_eq!(norm.of(&none), 0.0, "{norm:?}");
    }
}

#[test]
fn a_gradient_without_elements_adds_nothing_to_a_norm() {
    let model = Pair::<f64>::new(Tensor::zeros([0, 3]), Tensor::zeros([2]));
    let bias = Tensor::from_slice(&[3.0, -4.0], [2]);
    let (gradients, _) = model.pass(&Tensor::zeros([0, 3]), &bias);
    assert_eq!(Norm::Max.of(&gradients), 4.0);
    assert_eq!(Norm::P(f64::INFINITY).of(&gradients), 4.0);
    assert_eq!(Norm::P(2.0).of(&gradients), 5.0);
    assert_eq!(Norm::P(1.0).of(&gradients), 7.0);
}

#[test]
fn the_norm_of_degree_zero_counts_what_is_not_zero() {
    let model = Pair::<f64>::new(Tensor::zeros([3]), Tensor::zeros([1]));
    let norm = |weight: [f64; 3], bias: f64| {
        let weight = Tensor::from_slice(&weight, [3]);
        let (gradients, _) = model.pass(&weight, &Tensor::from_slice(&[bias], [1]));
        Norm::P(0.0).of(&gradients)
    };
    // The norm of the norms: a tensor whose elements are all 0 does not count.
    assert_eq!(norm([0.0, -0.0, 0.0], 0.0), 0.0);
    assert_eq!(norm([0.0, 2.0, -1.0], 0.0), 1.0);
    assert_eq!(norm([0.0, 2.0, -1.0], 1e-300), 2.0);
}

#[test]
fn an_infinite_bound_changes_nothing() {
    for size in [1.0, 1e300, f64::INFINITY, f64::NAN] {
        let model = Pair::<f64>::new(Tensor::zeros([2]), Tensor::zeros([1]));
        let (mut gradients, _) = model.pass(&Tensor::full([2], size), &Tensor::full([1], -2.0));
        let norm = clip_grad_norm(&mut gradients, f64::INFINITY, Norm::Max);
        assert!(norm == size.max(2.0) || (norm.is_nan() && size.is_nan()));
        let values: Vec<u64> = gradients
            .iter()
            .flat_map(|(_, g)| g.to_vec())
            .map(f64::to_bits)
            .collect();
        assert_eq!(values, [size, size, -2.0].map(f64::to_bits));
    }
}
