//! `wengert summary`, and networks from files.

use super::command::{fails, scratch, succeeds};

/// A small network of most kinds of layers.
pub const SMALL: &str = r#"
[[layer]]
type = "conv2d"
name = "conv"
filters = 4
kernel = 3
padding = 1
bias = false

[[layer]]
type = "batch-norm"

[[layer]]
type = "relu"

[[layer]]
type = "max-pool"
size = 2

[[layer]]
type = "dropout"
p = 0.1

[[layer]]
type = "flatten"

[[layer]]
type = "linear"
"#;

#[test]
fn every_named_network_is_summarised() {
    let directory = scratch();
    let list = succeeds(&["summary", "--list"], directory.path());
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() >= 10, "{list}");
    // The others take long where nothing is optimised.
    let full = std::env::var_os("WENGERT_FULL").is_some();
    let small = ["cnn", "digits", "lenet", "resnet20"];
    for name in names
        .into_iter()
        .filter(|name| full || small.contains(name))
    {
        let text = succeeds(&["summary", name], directory.path());
        assert!(
            text.contains("parameters") && text.contains("multiply-adds"),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_summary_is_for_the_images_and_classes_that_are_asked_for() {
    let directory = scratch();
    let text = succeeds(
        &[
            "summary",
            "cnn",
            "--input",
            "3x16x20",
            "--classes",
            "7",
            "--batch",
            "5",
        ],
        directory.path(),
    );
    assert!(text.contains("[5, 3, 16, 20] → [5, 7]"), "{text}");
    // conv1: 3·32·9 + 32; conv2: 32·64·9 + 64; fc1: 64·4·5·128 + 128; fc2: 128·7 + 7.
    let parameters = 896 + 18_496 + 163_968 + 903;
    assert_eq!(parameters, 184_263);
    assert!(text.contains("184,263 parameters"), "{text}");
}

#[test]
fn a_file_of_layers_is_a_network_and_its_inputs_are_inferred() {
    let directory = scratch();
    std::fs::write(directory.path().join("small.toml"), SMALL).expect("a file");
    let text = succeeds(
        &[
            "summary",
            "small.toml",
            "--input",
            "3x8x8",
            "--classes",
            "5",
        ],
        directory.path(),
    );
    // conv: 3·4·9; batch norm: 2·4; linear: 4·4·4·5 + 5.
    assert!(
        text.contains(&format!("{} parameters", 108 + 8 + 325)),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("conv ")), "{text}");
}

#[test]
fn what_is_wrong_in_a_file_of_layers_is_named_with_its_place() {
    let directory = scratch();
    let file = directory.path().join("wrong.toml");
    for (from, to, parts) in [
        (
            "filters",
            "fliters",
            &["layer 0 (conv2d)", "filters is missing", "\"fliters\""][..],
        ),
        (
            "bias = false",
            "bais = false",
            &["unknown key \"bais\"", "did you mean \"bias\"?"],
        ),
        (
            "\"flatten\"",
            "\"flaten\"",
            &["layer 5", "did you mean \"flatten\"?"],
        ),
        (
            "\"flatten\"",
            "\"relu\"",
            &["layer 6 (linear)", "global-avg-pool"],
        ),
        ("kernel = 3", "kernel = 99", &["layer 0 (conv2d)", "99"]),
        ("kernel = 3", "kernel = 0", &["kernel = 0", "at least 1"]),
        (
            "size = 2",
            "size = \"two\"",
            &["layer 3 (max-pool)", "a whole number"],
        ),
        ("p = 0.1", "p = 1.5", &["layer 4 (dropout)", "1.5"]),
        (
            "type = \"flatten\"",
            "kind = \"flatten\"",
            &["layer 5", "type is missing"],
        ),
        (
            "name = \"conv\"",
            "name = \"3\"\nstride = 9",
            &["layer 3", "name"],
        ),
        ("[[layer]]", "[layer]", &["wrong.toml"]),
        ("kernel = 3", "kernel = ", &["line 6"]),
    ] {
        std::fs::write(&file, SMALL.replacen(from, to, 1)).expect("a file");
        fails(
            &["summary", "wrong.toml"],
            directory.path(),
            1,
            &[&["wrong.toml"], parts].concat(),
        );
    }
    std::fs::write(&file, "").expect("a file");
    fails(
        &["summary", "wrong.toml"],
        directory.path(),
        1,
        &["no [[layer]]"],
    );
    fails(
        &["summary", "missing.toml"],
        directory.path(),
        1,
        &["missing.toml"],
    );
    fails(
        &["summary", "resnet21"],
        directory.path(),
        2,
        &["did you mean \"resnet2"],
    );
}

#[test]
fn a_network_that_cannot_run_on_the_images_names_one_that_can() {
    let directory = scratch();
    for (args, part) in [
        (
            &["summary", "vgg16", "--input", "1x32x32"][..],
            "choose --model cnn",
        ),
        (
            &["summary", "vgg16", "--input", "3x16x16"],
            "at least 32×32",
        ),
        (&["summary", "lenet", "--input", "1x28x20"], "square"),
        (&["summary", "digits", "--input", "1x28x28"], "1×8×8"),
        (&["summary", "cnn", "--input", "1x3x3"], "at least 4×4"),
    ] {
        fails(args, directory.path(), 1, &[part]);
    }
}
