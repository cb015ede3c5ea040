//! Running the command, and what holds for all subcommands.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command with these arguments in a directory.
pub fn wengert(args: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wengert"));
    command.args(args).current_dir(directory);
    command
}

pub fn run(args: &[&str], directory: &Path) -> Output {
    wengert(args, directory)
        .output()
        .expect("the command starts")
}

/// Both outputs, the standard output first.
pub fn text(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(bytes).expect("UTF-8")
}

/// Runs the command, which must succeed.
pub fn succeeds(args: &[&str], directory: &Path) -> String {
    let output = run(args, directory);
    let text = text(&output);
    assert!(output.status.success(), "{args:?} fails:\n{text}");
    text
}

/// Runs the command, which must fail with a status and one line that has all these parts.
pub fn fails(args: &[&str], directory: &Path, status: i32, parts: &[&str]) {
    let output = run(args, directory);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.code(),
        Some(status),
        "{args:?}: {}",
        text(&output)
    );
    for part in parts {
        assert!(
            message.contains(part),
            "{args:?} does not say {part:?}: {message}"
        );
    }
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    let is_clap = message.starts_with("error: ");
    assert!(
        is_clap || message.lines().count() == 1,
        "{args:?}: {message}"
    );
}

pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

/// The last line with this beginning.
pub fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines()
        .rfind(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("no line {start}:\n{text}"))
}

/// The first number of the last line with this beginning.
pub fn number(text: &str, start: &str) -> f64 {
    let line = line(text, start);
    line.split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no number: {line}"))
}

/// A small run that trains in a moment.
pub const QUICK: [&str; 8] = [
    "train", "digits", "--epochs", "2", "--model", "digits", "--batch", "64",
];

#[test]
fn help_teaches_and_lists_every_subcommand() {
    let directory = scratch();
    let help = succeeds(&["--help"], directory.path());
    for word in [
        "train",
        "evaluate",
        "predict",
        "summary",
        "inspect",
        "export",
        "report",
        "compare",
        "gradcheck",
        "lesson",
        "completions",
        "wengert train digits",
        "Exit status",
        "NO_COLOR",
        "130",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(
        !help.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let subcommands: Vec<&str> = listed
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(subcommands.len() > 10, "{subcommands:?}");
    for subcommand in subcommands {
        let help = succeeds(&[subcommand, "--help"], directory.path());
        assert!(help.contains("Usage: wengert "), "{help}");
    }
}

#[test]
fn no_color_is_obeyed_where_colours_are_asked_for() {
    let directory = scratch();
    let help = |no_color: &str| {
        let mut command = wengert(&["train", "--help"], directory.path());
        let output = command
            .env("CLICOLOR_FORCE", "1")
            .env("NO_COLOR", no_color)
            .output();
        text(&output.expect("the command starts"))
    };
    assert!(
        help("").contains('\u{1b}'),
        "an empty value asks for nothing"
    );
    assert!(!help("1").contains('\u{1b}'));
}

#[test]
fn a_wrong_command_line_has_status_2() {
    let directory = scratch();
    for args in [
        &[][..],
        &["fly"],
        &["summary"],
        &["summary", "--classes", "0", "cnn"],
        &["inspect"],
        &["predict"],
        &["compare", "one"],
        &["lesson"],
        &["completions", "basic"],
        &["gradcheck", "cn"],
    ] {
        let output = run(args, directory.path());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output));
    }
}

#[test]
fn a_negative_number_is_a_wrong_value_not_an_unknown_option() {
    let directory = scratch();
    for args in [
        &["summary", "cnn", "--classes", "-3"][..],
        &["summary", "cnn", "--batch", "-1"],
        &["predict", "x.png", "--top", "-3"],
        &["train", "digits", "--lr", "-1e-3"],
        #[cfg(feature = "gradcheck")]
        &["gradcheck", "cnn", "--batch", "-1"],
    ] {
        let output = run(args, directory.path());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let [.., option, value] = args else {
            unreachable!("an option and its value")
        };
        let expected = format!("invalid value '{value}' for '{option} ");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(&expected), "{args:?}: {message}");
    }
}

#[test]
fn completions_are_scripts_for_every_shell() {
    let directory = scratch();
    for (shell, part) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef wengert"),
        ("fish", "complete -c wengert"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = succeeds(&["completions", shell], directory.path());
        assert!(
            script.contains(part) && script.contains("fashion-mnist"),
            "{shell}"
        );
    }
}

#[test]
fn a_reader_that_stops_early_ends_no_subcommand_with_an_error() {
    let directory = scratch();
    for args in [
        &["summary", "vgg16"][..],
        &["summary", "--list"],
        &["completions", "zsh"],
        &QUICK,
    ] {
        let mut child = wengert(args, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        // Closing the pipe at once is the hardest case of `| head`.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
        assert!(!text(&output).contains("panicked"), "{}", text(&output));
    }
    assert!(
        directory
            .path()
            .join("runs/digits/weights.safetensors")
            .exists()
    );
}

#[test]
fn parts_that_a_lean_build_leaves_out_say_how_to_get_them() {
    let directory = scratch();
    if cfg!(not(feature = "gradcheck")) {
        fails(
            &["gradcheck", "digits"],
            directory.path(),
            1,
            &["--features gradcheck"],
        );
    }
    if cfg!(not(feature = "lessons")) {
        fails(
            &["lesson", "--list"],
            directory.path(),
            1,
            &["--features lessons"],
        );
    }
    if cfg!(not(feature = "tui")) {
        let args = [&QUICK[..], &["--tui"]].concat();
        fails(&args, directory.path(), 1, &["--features tui"]);
    }
}

#[cfg(feature = "gradcheck")]
#[test]
fn the_gradients_of_a_network_of_each_kind_agree_with_forward_mode() {
    let directory = scratch();
    std::fs::write(directory.path().join("small.toml"), super::models::SMALL).expect("a file");
    for model in ["digits", "small.toml"] {
        let text = succeeds(&["gradcheck", model, "--entries", "2"], directory.path());
        assert!(text.contains("Train") && text.contains("Eval"), "{text}");
    }
}

#[cfg(feature = "gradcheck")]
#[test]
fn reports_of_a_gradient_check_are_written_to_files() {
    let directory = scratch();
    let files = ["--json", "r.json", "--junit", "r.xml", "--html", "r.html"];
    let args = [
        &["gradcheck", "digits", "--entries", "2", "--differences"],
        &files[..],
    ]
    .concat();
    succeeds(&args, directory.path());
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).expect(name);
    let json: serde_json::Value = serde_json::from_str(&read("r.json")).expect("JSON");
    assert_eq!(json["reports"][0]["title"], "Train");
    assert_eq!(json["reports"][1]["verdict"], "ok");
    assert!(read("r.xml").contains("<testsuite name=\"Eval\""));
    assert!(read("r.html").contains("Gradient check: digits"));
    fails(
        &[
            "gradcheck",
            "digits",
            "--entries",
            "1",
            "--json",
            "no/such/r.json",
        ],
        directory.path(),
        1,
        &["no/such/r.json"],
    );
}

#[cfg(feature = "lessons")]
#[test]
fn lessons_are_listed_and_run() {
    let directory = scratch();
    let list = succeeds(&["lesson", "--list"], directory.path());
    assert!(list.lines().count() >= 17, "{list}");
    let text = succeeds(&["lesson", "conv_channels", "--short"], directory.path());
    assert!(text.contains("Remember:"), "{text}");
    assert!(directory.path().join("out/conv_channels.svg").exists());
    fails(
        &["lesson", "conv_chanels"],
        directory.path(),
        2,
        &["did you mean \"conv_channels\"?"],
    );
}

#[cfg(feature = "lessons")]
#[test]
fn a_lesson_without_its_data_is_named_and_the_others_run() {
    if std::env::var_os("WENGERT_FULL").is_none() {
        return; // sixteen lessons
    }
    let directory = scratch();
    let args = ["lesson", "--all", "--short", "--fashion-mnist", "nowhere"];
    fails(
        &args,
        directory.path(),
        1,
        &["lack their data", "feature_maps, fashion, resnet_cifar"],
    );
    assert!(directory.path().join("out/augmentation.svg").exists());
    assert!(!directory.path().join("out/fashion.svg").exists());
}
