//! Configuration files.

use super::command::{QUICK, fails, line, scratch, succeeds};

#[test]
fn a_run_is_repeated_from_its_own_configuration_with_the_same_bits() {
    let directory = scratch();
    let first = succeeds(&QUICK, directory.path());
    let second = succeeds(
        &["train", "--config", "runs/digits/config.toml"],
        directory.path(),
    );
    assert_eq!(line(&first, "weights "), line(&second, "weights "));
    assert_eq!(
        line(&second, "run "),
        "run runs/digits-2",
        "the first run is not overwritten"
    );
    let text = |run: &str| {
        std::fs::read_to_string(directory.path().join(run).join("config.toml"))
            .expect("the configuration")
    };
    assert_eq!(text("runs/digits"), text("runs/digits-2"));
    for key in [
        "dataset = \"digits\"",
        "epochs = 2",
        "seed = 0",
        "lr = 0.003",
        "augment = \"shift=1\"",
    ] {
        assert!(
            text("runs/digits").contains(key),
            "{key}: {}",
            text("runs/digits")
        );
    }
}

#[test]
fn the_command_line_wins_over_the_file() {
    let directory = scratch();
    std::fs::write(
        directory.path().join("run.toml"),
        "dataset = 'digits'\nmodel = 'digits'\nepochs = 1\nseed = 4\noptimizer = 'sgd'\n",
    )
    .expect("a file");
    succeeds(
        &[
            "train", "--config", "run.toml", "--seed", "5", "--out", "here",
        ],
        directory.path(),
    );
    let text = std::fs::read_to_string(directory.path().join("here/config.toml"))
        .expect("the configuration");
    assert!(
        text.contains("seed = 5") && text.contains("optimizer = \"sgd\""),
        "{text}"
    );
}

#[test]
fn a_wrong_file_is_explained_and_nothing_is_written() {
    let directory = scratch();
    for (content, parts) in [
        (
            "dataset = 'digits'\nepohcs = 3",
            &["unknown key \"epohcs\"", "did you mean \"epochs\"?"][..],
        ),
        ("dataset = 'digits'\nepochs = 0", &["'0' for '--epochs"]),
        ("dataset = 'digits'\nlr = nan", &["--lr"]),
        ("dataset = 'digits'\nlr = 'fast'", &["fast", "--lr"]),
        ("dataset = 'letters'", &["letters"]),
        ("dataset = 'digits'\nbatch = [1, 2]", &["batch = [1, 2]"]),
        (
            "dataset = 'digits'\naugment = 'shfit=1'",
            &["did you mean \"shift\"?"],
        ),
        ("dataset = ", &["line 1"]),
    ] {
        std::fs::write(directory.path().join("run.toml"), content).expect("a file");
        fails(
            &["train", "--config", "run.toml"],
            directory.path(),
            1,
            &[&["run.toml"], parts].concat(),
        );
    }
    fails(
        &["train", "--config", "missing.toml"],
        directory.path(),
        1,
        &["missing.toml"],
    );
    assert!(!directory.path().join("runs").exists());
}
