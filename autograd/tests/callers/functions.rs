//! Wrong calls of functions and of types other than tensors and variables.

use wengert_autograd::check::{Check, Witness};
use wengert_autograd::{LeafGradients, Tape, generic, transform};
use wengert_tensor::Tensor;

fn ones<const N: usize>(shape: [usize; N]) -> Tensor<f64> {
    Tensor::ones(shape)
}

/// Gradients of a tape of their own.
fn gradients() -> LeafGradients<f64> {
    Tape::new().leaf(ones([2])).sum(..).backward()
}

#[test]
fn every_wrong_call_panics_at_its_line() {
    let wrong = |name: &str, call: &dyn Fn()| crate::fault(name, "callers/functions.rs", call);
    let faults: Vec<String> = [
        wrong("grad", &|| {
            drop(transform::grad(|x| x[0].clone(), &[ones([2])]));
        }),
        wrong("value_and_grad", &|| {
            drop(transform::value_and_grad(|x| x[0].clone(), &[ones([2])]));
        }),
        wrong("jvp", &|| {
            drop(transform::jvp(|x| x[0].clone(), &[ones([2])], &[]));
        }),
        wrong("jvp", &|| {
            drop(transform::jvp(|x| x[0].clone(), &[ones([2])], &[ones([3])]));
        }),
        wrong("accumulate", &|| gradients().accumulate(gradients())),
        wrong("power", &|| {
            drop(Check::of(generic!(|x| x.exp())).power(0.0));
        }),
        wrong("power", &|| {
            drop(Check::of(generic!(|x| x.exp())).power(1.0));
        }),
        wrong("witnesses", &|| {
            drop(Check::of(generic!(|x| x.exp())).witnesses(&[]));
        }),
        wrong("witnesses", &|| {
            drop(Check::of(generic!(|x| x.exp())).witnesses(&[Witness::Single]));
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
