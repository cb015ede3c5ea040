//! How far rounding may take an entry of the gradient: forward error analysis of the recorded graph.
//!
//! If the result `v` of every op has a relative error of at most ε, a number `s` that is computed from them changes by at most
//! `ε Σ |v·∂s/∂v|`, to first order (Linnainmaa 1976, Taylor expansion of the accumulated rounding error). Here `s` is an
//! entry of the gradient. The results are those of the backward pass as well, so the sum takes one more reverse pass, over
//! both.

use wengert_tensor::Tensor;

use super::offset;
use crate::backward::grad;
use crate::check::quiet::quietly;
use crate::function::Differentiable;
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

/// `Σ |v·∂s/∂v|` over the inputs and all recorded results, where `s` is the element at `index` of the gradient of an input.
///
/// `None` if the gradient cannot be differentiated again, or the sum is not finite.
pub(super) fn rounding_terms(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    cotangents: &[Tensor<f64>],
    (input, index): (usize, &[usize]),
) -> Option<f64> {
    let sum = quietly(|| terms(f, inputs, cotangents, (input, index)));
    sum.ok().flatten().filter(|sum| sum.is_finite())
}

fn terms(
    f: &dyn Differentiable,
    inputs: &[Tensor<f64>],
    cotangents: &[Tensor<f64>],
    (input, index): (usize, &[usize]),
) -> Option<f64> {
    let tape = Tape::keeping_all();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f.f64(&x);
    let cotangents = cotangents.iter().cloned().map(Var::constant);
    let roots: Vec<_> = y.iter().zip(cotangents).collect();
    let gradient = grad(&roots, &[&x[input]], Graph::Create).pop()??;
    let mut unit = Tensor::zeros(gradient.shape());
    let place = offset(index, unit.shape());
    unit.as_mut_slice()[place] = 1.0;
    let rounded: Vec<_> = x.into_iter().chain(tape.results()).collect();
    let roots = [(&gradient, Var::constant(unit))];
    let slopes = grad(&roots, &rounded.iter().collect::<Vec<_>>(), Graph::Skip);
    let of_one = |(v, slope): (&Var<f64>, &Option<Var<f64>>)| -> f64 {
        let Some(slope) = slope else {
            return 0.0;
        };
        let pairs = v.value().iter().zip(slope.value().iter());
        pairs.map(|(v, slope)| (v * slope).abs()).sum()
    };
    // A gradient that no variable enters, as that of a linear function, is rounded itself.
    let own = gradient.value().get(index).abs();
    Some(own + rounded.iter().zip(&slopes).map(of_one).sum::<f64>())
}
