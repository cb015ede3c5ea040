//! `wengert inspect`.

use super::command::{fails, scratch, succeeds};
use wengert::nn::{StateDict, Values};
use wengert::tensor::Tensor;

fn file(directory: &std::path::Path) {
    let mut state = StateDict::new();
    let values = [-1.0, 0.0, 0.0, 5.0_f32];
    state.insert(
        "layer.weight",
        Values::F32(Tensor::from_slice(&values, [2, 2])),
    );
    state.insert(
        "layer.bias",
        Values::F64(Tensor::from_slice(&[f64::NAN, 1.0, 3.0], [3])),
    );
    state.insert("steps", Values::I64(Tensor::scalar(7)));
    state.metadata.insert("author".into(), "nobody".into());
    state
        .save(directory.join("state.safetensors"))
        .expect("a file");
}

#[test]
fn tensors_are_shown_with_their_statistics() {
    let directory = scratch();
    file(directory.path());
    let text = succeeds(&["inspect", "state.safetensors"], directory.path());
    for part in [
        "author: nobody",
        "layer.weight  f32 [2, 2]",
        // The mean of −1, 0, 0, 5 is 1, the variance (4 + 1 + 1 + 16)/4 = 5.5.
        "mean    1.000e0  deviation   2.345e0",
        "2 zeros",
        "layer.bias  f64 [3]",
        "mean    2.000e0  deviation   1.000e0",
        "1 NaN or infinite",
        "  7\n",
        "3 tensors, 8 numbers",
    ] {
        assert!(text.contains(part), "{part:?}:\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}

#[test]
fn a_pattern_chooses_tensors() {
    let directory = scratch();
    file(directory.path());
    let text = succeeds(
        &[
            "inspect",
            "state.safetensors",
            "--only",
            "*.weight",
            "--values",
        ],
        directory.path(),
    );
    assert!(
        text.contains("1 tensors") && text.contains("[-1.0, 0.0, 0.0, 5.0]"),
        "{text}"
    );
    let args = ["inspect", "state.safetensors", "--only", "layer.wieght"];
    fails(
        &args,
        directory.path(),
        1,
        &["did you mean \"layer.weight\"?"],
    );
}

#[test]
fn a_file_that_is_no_state_is_named() {
    let directory = scratch();
    std::fs::write(directory.path().join("junk"), "not a state dict").expect("a file");
    fails(&["inspect", "junk"], directory.path(), 1, &["junk"]);
    let nowhere = [
        "nowhere: there is no such file;",
        "runs/NAME/weights.safetensors",
    ];
    fails(&["inspect", "nowhere"], directory.path(), 1, &nowhere);
    let similar = ["there is no such file (did you mean \"junk\"?)"];
    fails(&["inspect", "junc"], directory.path(), 1, &similar);
    let directories = [".: is a directory;", "weights.safetensors"];
    fails(&["inspect", "."], directory.path(), 1, &directories);
}

#[test]
fn a_tensor_of_a_type_that_cannot_be_read_is_named_beside_the_others() {
    let directory = scratch();
    let header = concat!(
        r#"{"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[4,7]},"#,
        r#""scale":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#
    );
    let data = [&2.5_f32.to_le_bytes()[..], &[1, 0, 1]].concat();
    let bytes = [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        &data,
    ]
    .concat();
    std::fs::write(directory.path().join("mask.safetensors"), bytes).expect("a file");
    let text = succeeds(&["inspect", "mask.safetensors"], directory.path());
    for part in [
        "mask  bool [3]\n  cannot be read: no model has numbers of this type\n",
        "scale  f32 []\n  2.5\n",
        "2 tensors, 1 numbers",
    ] {
        assert!(text.contains(part), "{part:?}:\n{text}");
    }
}
