//! `wengert export`.

use std::fs;

use super::command::{fails, scratch, succeeds};
use super::models::SMALL;

#[test]
fn a_network_by_name_and_one_from_a_file_are_exported() {
    let directory = scratch();
    let text = succeeds(
        &["export", "--onnx", "lenet.onnx", "lenet"],
        directory.path(),
    );
    for part in ["lenet.onnx: ", "opset 17", "any batch of 1×28×28", "random"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let bytes = fs::read(directory.path().join("lenet.onnx")).expect("it is written");
    let holds = |word: &str| {
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    for word in ["wengert", "Conv", "Gemm", "conv1.weight", "batch"] {
        assert!(holds(word), "{word}");
    }
    fs::write(directory.path().join("small.toml"), SMALL).expect("a file");
    let arguments = [
        "export",
        "--onnx",
        "small.onnx",
        "small.toml",
        "--batch",
        "4",
        "--input",
        "1x8x8",
    ];
    let text = succeeds(&arguments, directory.path());
    assert!(text.contains("a batch of 4 of 1×8×8"), "{text}");
}

#[test]
fn a_run_is_exported_with_its_weights_and_another_models_weights_are_refused() {
    let directory = scratch();
    let train = [
        "train", "digits", "--epochs", "1", "--model", "digits", "--out", "run",
    ];
    succeeds(&train, directory.path());
    let text = succeeds(&["export", "--onnx", "run.onnx", "run"], directory.path());
    assert!(text.contains("1×8×8") && !text.contains("random"), "{text}");
    let weights = "run/weights.safetensors";
    // All names that miss, all that are too many.
    fails(
        &["export", "--onnx", "x.onnx", "lenet", "--weights", weights],
        directory.path(),
        1,
        &[weights, "missing: ", "unexpected: ", "conv1.weight"],
    );
    fails(
        &["export", "--onnx", "x.onnx", "run", "--input", "1x8x8"],
        directory.path(),
        2,
        &["--input", "a run has its own"],
    );
}

#[test]
fn mistakes_are_one_sentence() {
    let directory = scratch();
    let path = directory.path();
    fails(
        &["export", "--onnx", "missing/x.onnx", "lenet"],
        path,
        1,
        &["missing/x.onnx", "a directory that you may write to"],
    );
    fails(
        &["export", "--onnx", "x.onnx", "lenett"],
        path,
        2,
        &["no model lenett", "lenet"],
    );
    fails(
        &[
            "export",
            "--onnx",
            "x.onnx",
            "lenet",
            "--weights",
            "none.safetensors",
        ],
        path,
        1,
        &["none.safetensors"],
    );
    fails(&["export", "lenet"], path, 2, &["--onnx"]);
    fails(
        &[
            "export", "--onnx", "x.onnx", "resnet18", "--input", "1x28x28",
        ],
        path,
        1,
        &["resnet18 needs colour images"],
    );
}
