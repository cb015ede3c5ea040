//! Runs the examples as a user does, and holds them to their promised lengths.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An example that a plain `cargo test`, or `cargo build --examples`, has built beside this test.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let build = test
        .parent()
        .and_then(Path::parent)
        .expect("tests are built in target/PROFILE/deps");
    let file = build.join("examples").join(name);
    assert!(
        file.exists(),
        "{} is not built: run `cargo build -p wengert --examples` first",
        file.display()
    );
    file
}

fn run(name: &str, args: &[&str], directory: &Path) -> Output {
    Command::new(example(name))
        .args(args)
        .current_dir(directory)
        .output()
        .expect("an example starts")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn succeeds(name: &str, args: &[&str], directory: &Path) -> String {
    let output = run(name, args, directory);
    let text = text(&output);
    assert!(output.status.success(), "{name} {args:?} fails:\n{text}");
    text
}

/// Lines of code between two marks, without blank lines and comments.
fn lines(source: &str, mark: &str) -> usize {
    let (open, close) = (format!("// [{mark}]"), format!("// [/{mark}]"));
    let start = source.find(&open).expect("the opening mark") + open.len();
    let end = source.find(&close).expect("the closing mark");
    let code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    source[start..end].lines().filter(code).count()
}

#[test]
fn a_custom_op_costs_at_most_twelve_lines_beyond_its_forward_computation() {
    let source = include_str!("../examples/custom_op.rs");
    let start = source
        .find("    fn forward")
        .expect("the op computes something");
    let length = source[start..]
        .find("    }\n")
        .expect("the forward function ends");
    let forward = source[start..start + length].lines().count() + 1;
    let beyond = lines(source, "op") - forward + lines(source, "check");
    assert!(beyond <= 12, "{beyond} lines");
    let output = succeeds("custom_op", &[], &scratch("custom_op"));
    assert!(output.contains("ok:"), "{output}");
}

#[test]
fn a_custom_layer_costs_at_most_fifteen_lines() {
    let count = lines(include_str!("../examples/custom_layer.rs"), "layer");
    assert!(count <= 15, "{count} lines");
    let output = succeeds("custom_layer", &[], &scratch("custom_layer"));
    assert!(
        output.contains("gate.weight"),
        "parameters have paths:\n{output}"
    );
}

#[test]
fn a_custom_kernel_joins_the_laboratory_in_at_most_five_lines() {
    let count = lines(include_str!("../examples/custom_kernel.rs"), "lab");
    assert!(count <= 5, "{count} lines");
    let directory = scratch("custom_kernel");
    let output = succeeds("custom_kernel", &["--set", "corners", "/rows/"], &directory);
    let proven = |direction| {
        output
            .matches(&format!("f32/{direction}/rows/corners/"))
            .count()
    };
    assert!(proven("forward") >= 5, "{output}");
    assert_eq!(proven("forward"), proven("weight_gradient"), "{output}");
    let refused = run("custom_kernel", &["--kernel", "columns"], &directory);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused).contains("rows"),
        "it is among the known ones"
    );
}

#[test]
fn a_cnn_is_trained_by_hand_in_at_most_thirty_five_lines() {
    let source = include_str!("../examples/train_by_hand.rs");
    let count = lines(source, "cnn");
    assert!(count <= 35, "{count} lines");
    let output = succeeds("train_by_hand", &[], &scratch("train_by_hand"));
    let accuracy: f64 = last_number(&output);
    assert!(accuracy > 95.0, "{output}");
}

#[test]
fn a_trainer_takes_at_most_twenty_five_lines_and_resumes_its_run() {
    let count = lines(include_str!("../examples/train.rs"), "trainer");
    assert!(count <= 25, "{count} lines");
    let directory = scratch("train");
    let first = succeeds("train", &[], &directory);
    assert!(last_number(&first) > 95.0, "{first}");
    assert!(first.contains("epoch 10:"), "{first}");
    let again = succeeds("train", &[], &directory);
    assert!(
        !again.contains("epoch 10:"),
        "nothing is left to do:\n{again}"
    );
    assert_eq!(last_number(&again), last_number(&first));
}

#[test]
fn a_number_type_of_ones_own_shows_how_rounding_grows_with_depth() {
    let output = succeeds("custom_number", &[], &scratch("custom_number"));
    let last = |line: &str| line.split_whitespace().last()?.parse().ok();
    let gradients: Vec<f64> = output.lines().filter_map(last).collect();
    let [one, _, sixteen] = gradients[..] else {
        panic!("a number for each of three depths is expected:\n{output}");
    };
    // One rounding of f32 is 6e-8 at most; a hundred of them give less than 1e-5.
    assert!(6e-9 < one && one < sixteen && sixteen < 1e-5, "{output}");
}

#[test]
fn the_tour_of_the_checker_shows_each_kind_of_mistake_and_writes_its_page() {
    let directory = scratch("gradcheck");
    let output = succeeds("gradcheck", &["page.html"], &directory);
    for wrong in ["severed path: WRONG", "black box: WRONG"] {
        assert!(output.contains(wrong), "{wrong}:\n{output}");
    }
    assert!(
        output.contains("gradient flow over 3 batches: ok"),
        "{output}"
    );
    let page = std::fs::read_to_string(directory.join("page.html")).expect("a page");
    assert!(page.contains("severed path"), "the page has every report");
}

/// The number before the last ` %`.
fn last_number(output: &str) -> f64 {
    let words: Vec<_> = output.split_whitespace().collect();
    assert_eq!(words[words.len() - 1], "%", "{output}");
    words[words.len() - 2]
        .parse()
        .expect("a number before the %")
}

#[test]
fn the_readme_shows_the_programs_that_are_compiled() {
    for (source, mark) in [
        (include_str!("../examples/train_by_hand.rs"), "cnn"),
        (include_str!("../examples/train.rs"), "trainer"),
    ] {
        let body = source
            .split(&format!("// [{mark}]\n"))
            .nth(1)
            .and_then(|s| s.split(&format!("// [/{mark}]")).next())
            .expect("marks");
        assert!(
            include_str!("../README.md").contains(body.trim()),
            "README.md shows another program than {mark}"
        );
    }
}

/// An empty directory for one test.
fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("cargo's own directory can be written");
    directory
}

#[test]
fn the_readme_lists_every_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the readme");
    for entry in std::fs::read_dir(root.join("examples")).expect("the examples") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|end| end == "rs") {
            let name = path.file_stem().expect("a name").to_string_lossy();
            assert!(
                readme
                    .lines()
                    .any(|line| line.starts_with("| `") && line.contains(&format!("`{name}`"))),
                "the table of examples in README.md lacks `{name}`"
            );
        }
    }
}
