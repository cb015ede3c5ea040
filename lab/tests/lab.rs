//! The lab: command line, selection, testing, timing and files.

use std::fs;

use tempfile::TempDir;
use wengert_lab::{Lab, LabError, Report};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direct};

const SHAPE: &str = "mb2_ic3ih7iw6_oc4_kh3kw3_ph1pw1";

fn run(lab: &Lab, arguments: &[&str]) -> Result<Report, LabError> {
    lab.run_with(["conv2d"].iter().chain(arguments).copied())
}

fn is_error(arguments: &[&str], words: &[&str]) {
    let error = run(&Lab::new(), arguments).expect_err("invalid");
    assert_eq!(error.status, 2, "{arguments:?}: {error}");
    for word in words {
        assert!(error.message.contains(word), "{word:?}: {error}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_an_error_that_lists_the_names() {
    is_error(&["--kernel", "winnograd"], &["\"winnograd\"", "winograd4"]);
    is_error(&["--set", "alexnet"], &["\"alexnet\"", "resnet18"]);
    is_error(&["lenet7"], &["\"lenet7\"", "f32/forward/"]);
    is_error(&["("], &["regular expression"]);
    is_error(&["--number", "f16"], &["f16", "f32", "f64"]);
}

#[test]
fn invalid_geometries_are_errors_with_their_numbers() {
    is_error(&["--shape", "mb1_ic3iw3_oc1_kw9"], &["window 9", "width 3"]);
    is_error(
        &["--shape", "mb1_ic3iw3_oc4_kw1_g2"],
        &["2 groups do not divide 3 channels"],
    );
    is_error(
        &["--shape", "ic99999999999999999999iw3_oc1_kw1"],
        &["ic99999999999999999999"],
    );
    is_error(&["--shape", "ic3iw3_oc1"], &["kw"]);
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
    is_error(&["--shapes", name], &["shapes:4:", "kw"]);
    fs::write(&file, format!("first {SHAPE}\n{SHAPE}\n")).unwrap();
    assert!(run(&Lab::new(), &["--shapes", name, "f64/.*/direct/first$"]).is_ok());
    fs::write(&file, "# nothing\n").unwrap();
    is_error(&["--shapes", name], &["no geometries"]);
    is_error(&["--shapes", "/there/is/none"], &["/there/is/none"]);
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
fn correct_kernels_are_in_all_files_and_wrong_ones_are_not_timed() {
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
        "peaks",
        "triad_gbps",
    ] {
        assert!(!value["machine"][field].is_null(), "{field}: {text}");
    }
    assert_eq!(value["seed"], 0);
    assert_eq!(report.fastest().lines().count(), 2 + 3);

    let error = ask(&lab, &["--kernel", "wrong"]).expect_err("it is wrong");
    assert_eq!(error.status, 1);
    assert!(
        error.message.contains("wrong on ") && error.message.contains("forward"),
        "{error}"
    );
}

#[test]
fn two_kernels_of_one_name_are_an_error() {
    let lab = Lab::new().kernel(&RIGHT).kernel(&RIGHT);
    let error = run(&lab, &["--shape", SHAPE]).expect_err("which one is meant?");
    assert_eq!(error.status, 2);
    assert_eq!(error.message, "two kernels have the name \"right\"");
}
