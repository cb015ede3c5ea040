//! Texts of common mistakes: they name the sizes that do not fit and the file that is none.

use wengert_autograd::Var;
use wengert_nn::{Conv2d, Linear, Lstm, Module, Pass, Sequential, StateDict, rng, sequential};
use wengert_tensor::Tensor;
use wengert_tensor::testing::panics::message_of;

fn ones<const N: usize>(shape: [usize; N]) -> Var {
    Var::constant(Tensor::ones(shape))
}

#[test]
fn a_recurrent_layer_names_the_features_of_its_input_and_its_width() {
    let layer = Lstm::new(3, 4, &mut rng(0));
    let run = |x: &Var, state: Option<(&Var, &Var)>| {
        message_of(|| layer.run(x, state, &mut Pass::train(&layer, 0)))
    };
    assert_eq!(
        run(&ones([5, 2, 7]), None),
        "lstm: [2, 7]: the input has 7 features, the weights are made for 3 and a width of 4"
    );
    let state = ones([1, 2, 6]);
    let text = run(&ones([5, 2, 3]), Some((&state, &state)));
    assert!(text.contains("[1, 2, 6]") && text.contains('4'), "{text}");
}

#[test]
fn a_forgotten_flatten_is_recognised() {
    let rng = &mut rng(0);
    let model: Sequential = sequential![Conv2d::new(1, 2, 3, rng), Linear::new(8, 3, rng)];
    let mut pass = Pass::train(&model, 0);
    let x = pass.input(Tensor::ones([1, 1, 4, 4]));
    let text = message_of(|| model.call(&x, &mut pass));
    assert!(text.to_lowercase().contains("flatten"), "{text}");
}

#[test]
fn what_is_no_file_of_tensors_is_called_so() {
    let claims = u64::MAX.to_le_bytes();
    for bytes in [
        &b"text"[..],
        b"PK\x03\x04 a file of torch.save",
        &claims,
        b"\x02\0\0\0\0\0\0\0[]",
    ] {
        let text = StateDict::from_bytes(bytes).unwrap_err().to_string();
        assert!(text.starts_with("not a safetensors file"), "{text}");
    }
}
