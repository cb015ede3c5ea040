//! Agreement with stored values of `PyTorch`, by the program that anyone can run on a set of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program prints, and its exit status.
fn conformance(directory: &Path, flags: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_wengert-conformance"))
        .arg(directory)
        .args(flags)
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&text).into_owned(),
        output.status.code(),
    )
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/pytorch")
}

/// A copy of one case's fixtures, with `from` replaced by `to` in its line of the manifest.
fn changed(case: &str, from: &str, to: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let manifest = std::fs::read_to_string(fixtures().join("manifest.json")).expect("the manifest");
    let line = manifest
        .lines()
        .find(|line| line.contains(&format!("\"case\":\"{case}\"")))
        .expect("the case");
    let line = line.trim_end_matches(',');
    assert!(line.contains(from), "{line}");
    let line = line.replace(from, to);
    let text = format!("{{\"format\": 1, \"set\": \"changed\", \"cases\": [{line}]}}");
    std::fs::write(directory.path().join("manifest.json"), text).expect("a manifest");
    for file in std::fs::read_dir(fixtures()).expect("the fixtures") {
        let file = file.expect("an entry").path();
        if file.extension().is_some_and(|kind| kind == "safetensors") {
            let name = file.file_name().expect("a name");
            std::fs::copy(&file, directory.path().join(name)).expect("a copy");
        }
    }
    directory
}

#[test]
fn every_stored_case_agrees() {
    let report = tempfile::tempdir().expect("a scratch directory");
    let json = report.path().join("report.json");
    let (text, status) = conformance(&fixtures(), &["--json", json.to_str().expect("UTF-8")]);
    let last = text.lines().last().unwrap_or_default();
    println!("{last}");
    assert_eq!(
        last, "conformance: 821 passed, 0 failed, 0 not implemented, of 821 cases",
        "{text}"
    );
    assert_eq!(status, Some(0));
    let report = std::fs::read_to_string(json).expect("the report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["passed"], 821);
    assert_eq!(report["cases"].as_array().map(Vec::len), Some(821));
}

#[test]
fn a_filter_runs_the_cases_of_one_op() {
    let (text, status) = conformance(&fixtures(), &["--filter", "softplus"]);
    assert!(
        text.ends_with("conformance: 6 passed, 0 failed, 0 not implemented, of 6 cases\n"),
        "{text}"
    );
    assert_eq!(status, Some(0));
    let (text, status) = conformance(&fixtures(), &["--filter", "softminus"]);
    assert!(text.contains("no case of an op softminus"), "{text}");
    assert_eq!(status, Some(2));
}

#[test]
fn what_is_not_understood_fails_instead_of_being_ignored() {
    for (case, from, to, message) in [
        (
            "gelu_000",
            "\"args\":{",
            "\"args\":{\"sharpness\":2,",
            "unknown arguments",
        ),
        (
            "gelu_000",
            "\"approximate\":\"none\"",
            "\"approximate\":\"fast\"",
            "approximate \"fast\"",
        ),
        (
            "gelu_000",
            "\"case\":",
            "\"weights\":1,\"case\":",
            "unknown keys",
        ),
        (
            "gelu_000",
            "\"second_order\":\"full\"",
            "\"second_order\":\"half\"",
            "second_order",
        ),
        (
            "gelu_000",
            "\"outputs\":[\"y\"]",
            "\"outputs\":[\"z\"]",
            "out/z",
        ),
        (
            "optimizer_000",
            "\"lr\":0.1",
            "\"lr\":0.1, \"speed\":2",
            "speed",
        ),
        (
            "model_stats_000",
            "\"parameters\":61706",
            "\"parameters\":61707",
            "61707",
        ),
    ] {
        let directory = changed(case, from, to);
        let (text, status) = conformance(directory.path(), &[]);
        assert!(
            text.contains("conformance: 0 passed, 1 failed, 0 not implemented, of 1 cases"),
            "{text}"
        );
        assert!(text.contains(message), "{text}");
        assert_eq!(status, Some(1));
    }
}

#[test]
fn a_stored_tensor_that_nothing_compares_is_a_failure() {
    for (case, from, to) in [
        ("gelu_000", ",\"second_order\":\"full\"", ""),
        (
            "gelu_000",
            "\"second_order\":\"full\"",
            "\"second_order\":\"jvp\"",
        ),
        (
            "max_000",
            "\"outputs\":[\"values\",\"indices\"]",
            "\"outputs\":[\"values\"]",
        ),
    ] {
        let directory = changed(case, from, to);
        let (text, status) = conformance(directory.path(), &[]);
        assert!(text.contains("never looked at"), "{text}");
        assert_eq!(status, Some(1));
    }
}

#[test]
fn a_report_that_cannot_be_written_takes_no_result_with_it() {
    let flags = [
        "--filter",
        "softplus",
        "--json",
        "/no/such/directory/report.json",
    ];
    let (text, status) = conformance(&fixtures(), &flags);
    assert!(text.contains("6 passed, 0 failed"), "{text}");
    assert!(text.contains("/no/such/directory/report.json"), "{text}");
    assert_eq!(status, Some(2));
}

#[test]
fn an_unknown_op_counts_as_not_implemented() {
    let directory = changed("gelu_000", "\"op\":\"gelu\"", "\"op\":\"gelato\"");
    let (text, status) = conformance(directory.path(), &[]);
    let last = "conformance: 0 passed, 0 failed, 1 not implemented, of 1 cases";
    assert!(text.contains(last), "{text}");
    assert_eq!(status, Some(1));
}

#[test]
fn a_wrong_number_is_found_in_every_kind_that_is_stored() {
    let case = "tanh_000";
    for kind in ["out/y", "grad/x", "jvp/y", "gradgrad/x"] {
        let directory = changed(case, "\"rtol\"", "\"rtol\"");
        let file = directory.path().join("unary.safetensors");
        let mut bytes = std::fs::read(&file).expect("the tensors");
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header: serde_json::Value =
            serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
        let place = &header[format!("{case}/{kind}")]["data_offsets"][1];
        let end = 8 + length + place.as_u64().expect("the tensor is stored") as usize;
        // The top bits of the mantissa of the last number.
        bytes[end - 2] ^= 0x0f;
        std::fs::write(&file, bytes).expect("the changed tensors");
        let (text, status) = conformance(directory.path(), &[]);
        assert!(
            text.contains(kind) && text.contains("1 failed"),
            "{kind}: {text}"
        );
        assert_eq!(status, Some(1));
    }
}

#[test]
fn a_directory_without_a_manifest_is_named() {
    let (text, status) = conformance(Path::new("no/such/place"), &[]);
    assert!(
        text.contains("no/such/place/manifest.json") && text.contains("manifest.json"),
        "{text}"
    );
    assert_eq!(status, Some(2));
}
