//! What the laboratory refuses, selects, proves and writes.

use std::fs;

use tempfile::TempDir;
use wengert_lab::{Lab, Refusal, Report};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direct};

const SHAPE: &str = "mb2_ic3ih7iw6_oc4_kh3kw3_ph1pw1";

fn run(lab: &Lab, arguments: &[&str]) -> Result<Report, Refusal> {
    lab.run_with(["conv2d"].iter().chain(arguments).copied())
}

fn refused(arguments: &[&str], words: &[&str]) {
    let refusal = run(&Lab::new(), arguments).expect_err("it cannot be done");
    assert_eq!(refusal.status, 2, "{arguments:?}: {refusal}");
    for word in words {
        assert!(refusal.message.contains(word), "{word:?}: {refusal}");
    }
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    refused(&["--kernel", "winnograd"], &["\"winnograd\"", "winograd4"]);
    refused(&["--set", "alexnet"], &["\"alexnet\"", "resnet18"]);
    refused(&["lenet7"], &["\"lenet7\"", "f32/forward/"]);
    refused(&["("], &["regular expression"]);
    refused(&["--number", "f16"], &["f16", "f32", "f64"]);
}

#[test]
fn bad_geometries_are_refused_with_their_numbers() {
    refused(&["--shape", "mb1_ic3iw3_oc1_kw9"], &["window 9", "width 3"]);
    refused(
        &["--shape", "mb1_ic3iw3_oc4_kw1_g2"],
        &["2 groups do not divide 3 channels"],
    );
    refused(
        &["--shape", "ic99999999999999999999iw3_oc1_kw1"],
        &["ic99999999999999999999"],
    );
    refused(&["--shape", "ic3iw3_oc1"], &["kw"]);
}

#[test]
fn a_file_of_shapes_names_the_line_that_is_wrong() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("shapes");
    let name = file.to_str().unwrap();
    fs::write(
        &file,
        format!("# mine\n\nfirst {SHAPE} # small\nic3iw3_oc1\n"),
    )
    .unwrap();
    refused(&["--shapes", name], &["shapes:4:", "kw"]);
    fs::write(&file, format!("first {SHAPE}\n{SHAPE}\n")).unwrap();
    assert!(run(&Lab::new(), &["--shapes", name, "f64/.*/direct/first$"]).is_ok());
    fs::write(&file, "# nothing\n").unwrap();
    refused(&["--shapes", name], &["no geometries"]);
    refused(&["--shapes", "/there/is/none"], &["/there/is/none"]);
}

/// The plain loops under another name, forward too large by a factor.
struct Scaled(&'static str, f64);

impl<T: Real> ConvKernel<T> for Scaled {
    fn name(&self) -> &'static str {
        self.0
    }
    fn supports(&self, _: &ConvGeometry) -> Result<(), &'static str> {
        Ok(())
    }
    fn forward(&self, g: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        Direct.forward(g, x, w, y);
        for y in y {
            *y *= T::of(self.1);
        }
    }
    fn input_gradient(&self, g: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        Direct.input_gradient(g, w, dy, dx);
    }
    fn weight_gradient(&self, g: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        Direct.weight_gradient(g, x, dy, dw);
    }
    fn workspace(&self, _: &ConvGeometry) -> usize {
        7
    }
}

static RIGHT: Scaled = Scaled("right", 1.0);
static WRONG: Scaled = Scaled("wrong", 1.001);

#[test]
fn right_kernels_are_timed_in_all_files_and_wrong_ones_get_no_number() {
    let directory = TempDir::new().unwrap();
    let [csv, json] = ["lab.csv", "lab.json"].map(|name| directory.path().join("out").join(name));
    let files = [
        "--csv",
        csv.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
    ];
    let short = [
        "--bench",
        "--shape",
        SHAPE,
        "--seconds",
        "0.01",
        "--samples",
        "10",
    ];
    let ask = |lab: &Lab, what: &[&str]| run(lab, &[&short[..], &files[..], what].concat());

    let lab = Lab::new().kernel(&RIGHT).kernel(&WRONG);
    let report = ask(
        &lab,
        &["--kernel", "right", "--kernel", "tiled", "--number", "f32"],
    );
    let report = report.expect("both are right");
    let timed: Vec<_> = report
        .rows()
        .iter()
        .map(|row| (row.kernel, row.direction))
        .collect();
    let directions = ["forward", "input_gradient", "weight_gradient"];
    let expected = ["tiled", "right"].map(|kernel| directions.map(|direction| (kernel, direction)));
    assert_eq!(timed, expected.concat());
    for row in report.rows() {
        // 2 · (2 · 4 · 7 · 6) results · 27 terms
        assert!(
            (row.gflops * row.median_ns - 18144.0).abs() < 1.0,
            "{row:?}"
        );
        assert!(
            row.best_ns <= row.median_ns && row.percent_of_peak > 0.0,
            "{row:?}"
        );
        assert_eq!(row.workspace == 7, row.kernel == "right");
    }
    let rows = fs::read_to_string(&csv).unwrap();
    assert_eq!(rows.lines().count(), 7);
    assert!(
        rows.lines().all(|line| line.split(',').count() == 12),
        "{rows}"
    );
    let text = fs::read_to_string(&json).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["rows"].as_array().unwrap().len(), 6);
    for field in [
        "processor",
        "threads",
        "instructions",
        "rustc",
        "peak_f32_gflops",
        "triad_gbps",
    ] {
        assert!(!value["machine"][field].is_null(), "{field}: {text}");
    }
    assert_eq!(value["seed"], 0);
    assert_eq!(report.winners().lines().count(), 2 + 3);

    let refusal = ask(&lab, &["--kernel", "wrong"]).expect_err("it is wrong");
    assert_eq!(refusal.status, 1);
    assert!(
        refusal.message.contains("wrong on ") && refusal.message.contains("forward"),
        "{refusal}"
    );
}

#[test]
fn two_kernels_of_one_name_are_refused() {
    let lab = Lab::new().kernel(&RIGHT).kernel(&RIGHT);
    let refusal = run(&lab, &["--shape", SHAPE]).expect_err("which one is meant?");
    assert_eq!(refusal.status, 2);
    assert_eq!(refusal.message, "two kernels are named \"right\"");
}
