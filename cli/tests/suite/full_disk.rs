//! A disk that is full in the middle of a run, as a limit of the size of every file.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::command::{line, scratch, succeeds, text};

/// Runs the command where a file cannot be longer than this number of blocks of 512 bytes: a write beyond it fails, as
/// on a full disk.
fn limited(blocks: usize, args: &[&str], directory: &Path) -> Output {
    // Without the trap the signal would end the process before the write returns its error.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_wengert")])
        .args(args)
        .current_dir(directory)
        .output()
        .expect("the shell starts")
}

const TRAIN: [&str; 10] = [
    "train", "digits", "--model", "digits", "--epochs", "3", "--batch", "64", "--out", "here",
];

#[test]
fn a_full_disk_is_explained_and_the_run_continues_where_it_was() {
    let whole = scratch();
    let expected = succeeds(&TRAIN, whole.path());
    let directory = scratch();
    let run = directory.path().join("here");
    let mut resumed = 0;
    // From no file at all to all but the report.
    for blocks in [0, 1, 8, 24, 48, 96] {
        let _ = fs::remove_dir_all(&run);
        let output = limited(blocks, &TRAIN, directory.path());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{blocks}: {}", text(&output));
        assert!(!message.contains("panicked"), "{blocks}: {message}");
        let last = message.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("wengert: ") && last.contains("here") && last.contains("large"),
            "{blocks}: {message}"
        );
        let has_checkpoint = fs::read_dir(run.join("checkpoints"))
            .is_ok_and(|files| files.filter_map(Result::ok).any(is_checkpoint));
        if has_checkpoint {
            let text = succeeds(&["train", "--resume", "here"], directory.path());
            assert_eq!(line(&text, "weights "), line(&expected, "weights "));
            resumed += 1;
        }
    }
    assert!(resumed > 0, "one of the limits lets a checkpoint through");
}

fn is_checkpoint(file: fs::DirEntry) -> bool {
    let name = file.file_name();
    Path::new(&name)
        .extension()
        .is_some_and(|end| end == "safetensors")
}

#[test]
fn a_run_that_was_complete_survives_a_report_that_does_not_fit() {
    let directory = scratch();
    succeeds(&TRAIN, directory.path());
    let report = directory.path().join("here/report.html");
    let before = fs::read(&report).expect("the report");
    let output = limited(
        64,
        &["report", "here", "--layers", "conv2"],
        directory.path(),
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(fs::read(&report).expect("the report"), before);
    let names: Vec<_> = fs::read_dir(directory.path().join("here"))
        .expect("the run")
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        !names.iter().any(|name| name.contains("tmp")),
        "no part of a file is left: {names:?}"
    );
}
