//! `wengert train`, run as a user runs it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn wengert(args: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wengert"));
    command.args(args).current_dir(directory);
    command
}

fn run(args: &[&str], directory: &Path) -> Output {
    wengert(args, directory)
        .output()
        .expect("the command starts")
}

fn text(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(bytes).expect("UTF-8")
}

fn succeeds(args: &[&str], directory: &Path) -> String {
    let output = run(args, directory);
    let text = text(&output);
    assert!(output.status.success(), "{args:?} fails:\n{text}");
    text
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

/// The last line with this beginning.
fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines()
        .rfind(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("no line {start}:\n{text}"))
}

#[test]
fn digits_are_learned_saved_and_loaded_with_the_same_bits_for_any_number_of_threads() {
    // `WENGERT_FULL=1` trains longer; the bits must be the same after any number of steps.
    let full = std::env::var_os("WENGERT_FULL").is_some();
    let (epochs, learned) = if full { ("6", 85.0) } else { ("2", 50.0) };
    let (one, two) = (scratch(), scratch());
    let train = ["train", "digits", "--epochs", epochs, "--threads"];
    let first = succeeds(&[&train[..], &["1"]].concat(), one.path());
    let second = succeeds(&[&train[..], &["2"]].concat(), two.path());
    let weights = |text: &str| line(text, "weights ").to_owned();
    assert_eq!(weights(&first), weights(&second));

    let loaded = succeeds(
        &["train", "digits", "--load", "out/digits.safetensors"],
        one.path(),
    );
    assert_eq!(weights(&loaded), weights(&first));
    let accuracy = line(&first, "test accuracy");
    assert_eq!(line(&loaded, "test accuracy"), accuracy);
    let percent: f64 = accuracy
        .split_whitespace()
        .nth(2)
        .expect("a number")
        .parse()
        .expect("it");
    assert!(percent > learned, "{first}");

    let other = succeeds(
        &["train", "digits", "--epochs", "1", "--seed", "7"],
        two.path(),
    );
    assert_ne!(
        weights(&other),
        weights(&first),
        "another seed, other weights"
    );
}

#[test]
fn a_bad_file_or_directory_fails_with_one_sentence_and_status_1() {
    let directory = scratch();
    std::fs::write(directory.path().join("junk"), "not a state dict").expect("a file");
    std::fs::create_dir_all(directory.path().join("taken/digits.safetensors")).expect("one");
    for (args, expected) in [
        (
            &["digits", "--load", "missing.safetensors"][..],
            "missing.safetensors",
        ),
        (&["digits", "--load", "junk"], "junk"),
        (&["digits", "--out", "junk"], "--out"),
        (&["digits", "--out", "junk/below"], "--out"),
        (&["digits", "--out", "taken"], "--out"),
        (&["digits", "--batch", "1439"], "at most 1438"),
        (&["digits", "--lr", "1e30", "--optimizer", "sgd"], "--lr"),
        (
            &["fashion-mnist", "--data", "nowhere"],
            "dataset-fashion-mnist",
        ),
    ] {
        let output = run(&[&["train"], args].concat(), directory.path());
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output));
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(expected), "{args:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{args:?}: {message}");
    }
}

#[test]
fn an_unusable_output_directory_is_found_before_training() {
    let directory = scratch();
    std::fs::write(directory.path().join("file"), "").expect("a file");
    let output = run(&["train", "digits", "--out", "file"], directory.path());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn a_wrong_command_line_has_status_2_and_names_the_option() {
    let directory = scratch();
    for (args, expected) in [
        (&["--epochs", "0"][..], "invalid value '0' for '--epochs"),
        (&["--batch", "0"], "invalid value '0' for '--batch"),
        (&["--batch", "-4"], "invalid value '-4' for '--batch"),
        (&["--threads", "0"], "invalid value '0' for '--threads"),
        (&["--lr", "inf"], "invalid value 'inf' for '--lr"),
        (&["--lr", "NaN"], "invalid value 'NaN' for '--lr"),
        (&["--lr", "-0.1"], "invalid value '-0.1' for '--lr"),
        (&["--lr", "0"], "invalid value '0' for '--lr"),
        (&["--seed", "-1"], "invalid value '-1' for '--seed"),
        (
            &["--optimizer", "magic"],
            "invalid value 'magic' for '--optimizer",
        ),
        (
            &["--load", "file", "--epochs", "3"],
            "'--load <FILE>' cannot be used with '--epochs",
        ),
        (&["--nonsense"], "unexpected argument '--nonsense'"),
        (&["--data", "directory"], "unexpected argument '--data'"),
    ] {
        let output = run(&[&["train", "digits"], args].concat(), directory.path());
        let text = text(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(expected), "{args:?}: {text}");
    }
    for args in [&[][..], &["train"], &["train", "letters"], &["fly"]] {
        assert_eq!(
            run(args, directory.path()).status.code(),
            Some(2),
            "{args:?}"
        );
    }
}

#[test]
fn help_lists_every_option_and_subcommand() {
    let directory = scratch();
    let help = succeeds(&["--help"], directory.path());
    for word in ["train", "wengert train digits", "Exit status", "NO_COLOR"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let help = succeeds(&["train", "fashion-mnist", "--help"], directory.path());
    for option in [
        "epochs",
        "batch",
        "lr",
        "optimizer",
        "seed",
        "threads",
        "out",
        "load",
        "validate",
        "data",
    ] {
        assert!(help.contains(&format!("--{option}")), "{option}: {help}");
    }
    assert!(
        !help.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
}

#[test]
fn a_reader_that_stops_early_ends_the_command_quietly() {
    let directory = scratch();
    let mut child = wengert(&["train", "digits", "--epochs", "1"], directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe"))
        .read_line(&mut first)
        .expect("a line");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(!text(&output).contains("panicked"), "{}", text(&output));
    assert!(
        directory.path().join("out/digits.safetensors").exists(),
        "the weights are saved"
    );
}
