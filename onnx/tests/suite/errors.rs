//! What cannot be exported is an error that names the call, and the remedy.

use wengert::autograd::Var;
use wengert::nn::{Linear, Module, Pass, fields, rng};
use wengert::tensor::{Real, Tensor};
use wengert_onnx::{BatchExtent, Export, ExportError};

/// A layer that computes by a function.
struct By(fn(&Var, &mut Pass) -> Var);
fields!(By as f32 {});

impl Module<f32> for By {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        (self.0)(x, pass)
    }
}

/// A model with that layer inside.
struct Net {
    head: By,
}
fields!(Net as f32 { head });

impl Module<f32> for Net {
    fn forward(&self, x: &Var, pass: &mut Pass) -> Var {
        self.head.call(x, pass)
    }
}

fn error(of: fn(&Var, &mut Pass) -> Var) -> String {
    let net = Net { head: By(of) };
    let exported = Export::new().model(&net, [2, 3]);
    exported.expect_err("it cannot be exported").to_string()
}

#[track_caller]
fn assert_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn an_operation_without_translation_is_named_with_its_line_and_its_layer() {
    let text = error(|x, _| x.atan2(&(x + 1.0)));
    assert_all(
        &text,
        &[
            "`atan2` (",
            "errors.rs:",
            "in layer `head`",
            "no translation",
            "Export::op",
        ],
    );
}

#[test]
fn a_mask_of_the_values_of_the_input_is_no_constant() {
    let text = error(|x, _| {
        let mask = x.value().map(|x| x > 0.0);
        x.masked_fill(&mask, 0.0)
    });
    assert_all(
        &text,
        &[
            "`masked_fill` (",
            "errors.rs:",
            "`head`",
            "`mask`",
            "by methods of `Var`",
        ],
    );
}

#[test]
fn a_value_that_was_computed_aside_is_no_constant() {
    let text = error(|x, _| x + Var::constant(x.value().map(|x| x * x)));
    assert_all(&text, &["`add` (", "operand 1", "changes with the input"]);
}

#[test]
fn a_model_that_branches_on_its_input_has_no_file() {
    // The second run has the elements in the reverse order.
    let text = error(|x, _| {
        if x.value().get([0, 0]) > x.value().get([2, 2]) {
            x.exp()
        } else {
            x.sin()
        }
    });
    assert_all(&text, &["calls other operations for other inputs"]);
}

#[test]
fn a_shape_that_is_no_multiple_of_the_batch_needs_a_fixed_batch() {
    let text = error(|x, _| x.pad(&[[1, 0], [0, 0]], 0.0));
    assert_all(&text, &["`pad` (", "export a fixed batch"]);
    let net = Net {
        head: By(|x, _| x.pad(&[[1, 0], [0, 0]], 0.0)),
    };
    assert!(
        Export::new()
            .batch(BatchExtent::Fixed)
            .model(&net, [2, 3])
            .is_ok()
    );
}

#[test]
fn options_that_the_format_lacks_are_named() {
    let net = Net {
        head: By(|x, _| x.adaptive_max_pool2d(2)),
    };
    let error = Export::new()
        .model(&net, [1, 1, 5, 5])
        .expect_err("the windows overlap");
    assert!(matches!(error, ExportError::Unsupported { .. }));
    assert_all(
        &error.to_string(),
        &[
            "`max_pool` (",
            "windows of different extents, from [5, 5] to [2, 2]",
        ],
    );
}

#[test]
fn an_input_without_a_batch_is_named() {
    let model: Linear = Linear::new(3, 2, &mut rng(0));
    let of = |shape: &[usize]| {
        let inputs = [Tensor::zeros([4, 3]), Tensor::zeros(shape)];
        let export =
            Export::new().function(&model, &inputs, |x, pass| vec![model.call(&x[0], pass)]);
        export.expect_err("an input has no batch").to_string()
    };
    assert_all(&of(&[0, 3]), &["input 1", "[0, 3]", "batch axis"]);
    assert_all(&of(&[]), &["input 1", "[]"]);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let model: Linear = Linear::new(3, 2, &mut rng(0));
    let file = Export::new()
        .model(&model, [1, 3])
        .expect("a layer can be exported");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("missing/model.onnx");
    let error = file.write(&path).expect_err("there is no directory");
    assert_all(
        &error.to_string(),
        &["missing/model.onnx: ", "; give a file in a directory"],
    );
    assert!(file.write(directory.path().join("model.onnx")).is_ok());
}

/// A parameter that a model holds and does not use is not in the file.
struct Spare<T: Real> {
    used: Linear<T>,
    spare: Linear<T>,
}
fields!(Spare { used, spare });

impl<T: Real> Module<T> for Spare<T> {
    fn forward(&self, x: &Var<T>, pass: &mut Pass<T>) -> Var<T> {
        self.used.call(x, pass)
    }
}

#[test]
fn parameters_that_are_not_used_are_left_out() {
    let rng = &mut rng(0);
    let model: Spare<f32> = Spare {
        used: Linear::new(3, 2, rng),
        spare: Linear::new(3, 2, rng),
    };
    let file = Export::new()
        .model(&model, [1, 3])
        .expect("it can be exported");
    let graph = file.proto().graph.as_ref().expect("a graph");
    let mut names: Vec<_> = graph
        .initializer
        .iter()
        .filter_map(|x| x.name.as_deref())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["used.bias", "used.weight"]);
}
