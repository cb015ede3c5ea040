//! Saved runs of the lab, compared.

use std::fs;

use tempfile::TempDir;
use wengert_lab::{Lab, LabError};

const SHAPE: &str = "mb2_ic3ih7iw6_oc4_kh3kw3_ph1pw1";

fn run(arguments: &[&str]) -> Result<(), LabError> {
    let arguments = ["conv2d"].iter().chain(arguments).copied();
    Lab::new().run_with(arguments).map(|_| ())
}

fn is_error(arguments: &[&str], words: &[&str]) {
    let error = run(arguments).expect_err("invalid");
    assert_eq!(error.status, 2, "{arguments:?}: {error}");
    for word in words {
        assert!(error.message.contains(word), "{word:?}: {error}");
    }
}

/// A saved run with one benchmark for each median and minimum.
fn saved(directory: &TempDir, name: &str, times: &[[f64; 2]]) -> String {
    let rows: Vec<_> = times
        .iter()
        .enumerate()
        .map(|(index, [median, best])| {
            serde_json::json!({
                "number": "f32", "direction": "forward", "kernel": "mine", "level": "own", "threads": 1,
                "cache": "warm", "scratch": "excluded", "name": format!("layer{index}"), "geometry": SHAPE,
                "median_ns": median, "best_ns": best,
            })
        })
        .collect();
    let path = directory.path().join(name);
    let value = serde_json::json!({"machine": {"processor": "a processor"}, "rows": rows});
    fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn a_regression_is_what_median_and_minimum_agree_on() {
    let directory = TempDir::new().unwrap();
    let old = saved(&directory, "old.json", &[[100.0, 90.0], [100.0, 90.0]]);
    let noisy = saved(&directory, "noisy.json", &[[150.0, 91.0], [80.0, 70.0]]);
    let slower = saved(&directory, "slower.json", &[[120.0, 108.0], [100.0, 90.0]]);
    let compare =
        |new: &str, more: &[&str]| run(&[&["--bench", "--compare", &old, new][..], more].concat());
    compare(&noisy, &[]).expect("the minimum did not change");
    let error = compare(&slower, &[]).expect_err("20 % slower");
    assert_eq!(error.status, 1);
    for words in [
        "1 of 2 benchmarks",
        "f32/forward/mine/layer0",
        "1.20 × the time",
    ] {
        assert!(error.message.contains(words), "{words}: {error}");
    }
    let table = directory.path().join("table.md");
    let limit = [
        "--regression-limit",
        "25",
        "--markdown",
        table.to_str().unwrap(),
    ];
    compare(&slower, &limit).expect("below the limit");
    let text = fs::read_to_string(table).unwrap();
    assert!(
        text.contains("2 benchmarks in both runs: 0 slower and 0 faster"),
        "{text}"
    );
}

#[test]
fn saved_runs_that_cannot_be_compared_are_errors_with_a_remedy() {
    let directory = TempDir::new().unwrap();
    let old = saved(&directory, "old.json", &[[100.0, 90.0]]);
    let write = |text: &str| {
        let path = directory.path().join("new.json");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    is_error(&["--compare", &old, "/there/is/none"], &["/there/is/none"]);
    is_error(
        &["--compare", &old, &write("{")],
        &["new.json", "--json wrote"],
    );
    is_error(&["--compare", &old, &write("[]")], &["new.json", "no rows"]);
    is_error(
        &[
            "--compare",
            &old,
            &write(r#"{"rows": [{"number": "f32"}]}"#),
        ],
        &["row 0", "direction", "save the run again"],
    );
    let zero = fs::read_to_string(&old).unwrap().replace("100.0", "0.0");
    is_error(&["--compare", &old, &write(&zero)], &["row 0", "median_ns"]);
    is_error(
        &["--compare", &old, &write(r#"{"rows": []}"#)],
        &["no benchmark in common", "same sets"],
    );
}
