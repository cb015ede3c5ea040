//! `wengert compare` and `wengert evaluate`.

use super::command::{QUICK, fails, line, scratch, succeeds};

#[test]
fn runs_are_compared_by_results_and_by_the_options_that_differ() {
    let directory = scratch();
    succeeds(&QUICK, directory.path());
    succeeds(
        &[&QUICK[..], &["--lr", "0.01", "--validate"]].concat(),
        directory.path(),
    );
    let args = [
        "compare",
        "runs/digits",
        "runs/digits-2",
        "--svg",
        "both.svg",
    ];
    let text = succeeds(&args, directory.path());
    for part in [
        "runs/digits ",
        "runs/digits-2",
        "lr",
        "0.003",
        "0.01",
        "validate",
        "true",
        "curves both.svg",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains("batch"),
        "an option that is the same is not shown: {text}"
    );
    let svg = std::fs::read_to_string(directory.path().join("both.svg")).expect("the chart");
    assert!(svg.starts_with("<svg") && svg.contains("runs/digits-2"));
    fails(
        &["compare", "runs/digits", "nowhere"],
        directory.path(),
        1,
        &["nowhere"],
    );
    fails(
        &["compare", "runs/digits", "."],
        directory.path(),
        1,
        &["not the directory of a run"],
    );
}

#[test]
fn a_run_is_evaluated_with_the_result_of_its_training() {
    let directory = scratch();
    let trained = succeeds(&QUICK, directory.path());
    let tested = succeeds(&["evaluate", "runs/digits"], directory.path());
    for start in ["weights ", "test accuracy"] {
        assert_eq!(line(&trained, start), line(&tested, start));
    }
    let other = "runs/digits/weights.safetensors";
    let same = succeeds(
        &["evaluate", "runs/digits", "--weights", other],
        directory.path(),
    );
    assert_eq!(line(&same, "test accuracy"), line(&tested, "test accuracy"));
    let held = succeeds(&["evaluate", "runs/digits", "--validate"], directory.path());
    assert!(held.contains("validation accuracy"), "{held}");

    std::fs::write(directory.path().join("junk"), "junk").expect("a file");
    fails(
        &["evaluate", "runs/digits", "--weights", "junk"],
        directory.path(),
        1,
        &["junk"],
    );
    fails(
        &["evaluate", "runs/digits", "--data", "junk"],
        directory.path(),
        2,
        &["--data"],
    );
    std::fs::write(
        directory.path().join("runs/digits/data.toml"),
        "shape = [1, 8]",
    )
    .expect("a file");
    fails(
        &["evaluate", "runs/digits"],
        directory.path(),
        1,
        &["data.toml"],
    );
}
