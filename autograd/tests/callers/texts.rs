//! Texts of common mistakes: they name the method that was called, and what the caller wrote.

use wengert_autograd::ops::{CellParams, RnnActivation};
use wengert_autograd::{Tape, Var};
use wengert_tensor::{ConvOptions, PoolOptions, Tensor};

use crate::panic_of;

fn v<const N: usize>(shape: [usize; N]) -> Var<f64> {
    Var::constant(Tensor::ones(shape))
}

#[track_caller]
fn assert_text<R>(call: impl FnOnce() -> R, expected: &str) {
    let (_, text) = panic_of(|| drop(call())).expect("a panic");
    assert_eq!(text, expected);
}

#[test]
fn a_letter_of_an_equation_is_printed_as_it_was_written() {
    assert_text(
        || Var::einsum("ab->az", &[&v([2, 3])]),
        "einsum: \"ab->az\": the letter z is in the result more than once, or in no operand",
    );
    assert_text(
        || Var::einsum("ab,bc->ac", &[&v([2, 3]), &v([4, 5])]),
        "einsum: \"ab,bc->ac\": [4, 5]: the letter b has extent 4, and 3 before",
    );
}

#[test]
fn a_wrong_equation_is_refused() {
    assert_text(
        || Var::einsum("i1->i", &[&v([2, 3])]),
        "einsum: \"i1->i\": \"i1\" holds more than letters and one ...",
    );
    assert_text(
        || Var::einsum("ii->i", &[&v([2, 3])]),
        "einsum: \"ii->i\": [2, 3]: the letter i has extent 3, and 2 before",
    );
}

#[test]
fn windows_that_do_not_fit_the_axes_are_refused() {
    let (_, text) = panic_of(|| drop(v([1, 1, 4]).lp_pool1d(2.0, PoolOptions::new([2, 2]))))
        .expect("two extents for one axis");
    assert!(text.starts_with("lp_pool1d: [1, 1, 4]: "), "{text}");
    assert!(text.ends_with("is not for 1 axes"), "{text}");
    let options = ConvOptions::default().dilation([1, 0]);
    let (_, text) = panic_of(|| drop(v([1, 1, 4, 4]).unfold([2, 1], &options)))
        .expect("taps are at least 1 apart");
    assert!(text.starts_with("unfold: "), "{text}");
}

#[test]
fn a_cell_needs_an_axis_of_features() {
    let (weight_ih, weight_hh) = (v([4, 0]), v([4, 4]));
    let cell = CellParams::new(&weight_ih, &weight_hh);
    assert_text(
        || v([]).rnn_cell(&v([4]), &cell, RnnActivation::Tanh),
        "rnn_cell: []: the input has 0 features, the weights are made for 0 and a width of 4",
    );
}

#[test]
fn a_stride_is_printed_for_the_axis_on_which_it_is_wrong() {
    let x = v([1, 1, 4, 4]);
    assert_text(
        || x.conv2d(&v([1, 1, 2, 2]), &ConvOptions::default().stride([1, 0])),
        "conv2d: [1, 1, 4, 4] * [1, 1, 2, 2]: stride 0 along the width",
    );
    assert_text(
        || x.max_pool2d(PoolOptions::new(2).stride([0, 1])),
        "max_pool2d: [1, 1, 4, 4]: stride 0 along the height",
    );
}

#[test]
fn a_loss_names_itself_and_not_the_operation_within() {
    let differ = "input [2, 1], target [2]: the shapes differ; reshape one, or broadcast it with `broadcast_to`";
    assert_text(|| v([2, 1]).l1_loss(&v([2])), &format!("l1_loss: {differ}"));
    assert_text(
        || v([2, 1]).mse_loss(&v([2])),
        &format!("mse_loss: {differ}"),
    );
}

#[test]
fn an_input_that_was_not_flattened_is_recognised() {
    let text = "linear: [2, 3, 2, 2], weight [5, 12]: the last extents are not equal, or the weight is no matrix; \
                flatten each example first, with `flatten(1, -1)` or the layer `Flatten`";
    assert_text(|| v([2, 3, 2, 2]).linear(&v([5, 12]), None), text);
    let text = "linear: [2, 3, 2, 2], weight [5, 9]: the last extents are not equal, or the weight is no matrix";
    assert_text(|| v([2, 3, 2, 2]).linear(&v([5, 9]), None), text);
}

#[test]
fn a_variable_is_displayed_as_its_tensor() {
    let x: Var<f64> = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.5], [2]));
    assert_eq!(x.to_string(), x.value().to_string());
}
