//! `wengert train`.

use super::command::{QUICK, fails, line, number, run, scratch, succeeds, text};

#[test]
fn digits_are_learned_and_saved_with_the_same_bits_for_any_number_of_threads() {
    // `WENGERT_FULL=1` trains longer; the bits must be the same after any number of steps.
    let full = std::env::var_os("WENGERT_FULL").is_some();
    let (epochs, learned) = if full { ("6", 85.0) } else { ("2", 50.0) };
    let (one, two) = (scratch(), scratch());
    let train = ["train", "digits", "--epochs", epochs, "--threads"];
    let first = succeeds(&[&train[..], &["1"]].concat(), one.path());
    let second = succeeds(&[&train[..], &["2"]].concat(), two.path());
    assert_eq!(line(&first, "weights "), line(&second, "weights "));
    assert!(number(&first, "test accuracy") > learned, "{first}");
    for file in [
        "weights.safetensors",
        "config.toml",
        "data.toml",
        "metrics.csv",
        "metrics.jsonl",
        "report.html",
    ] {
        assert!(
            one.path().join("runs/digits").join(file).is_file(),
            "{file}"
        );
    }
    let args = [&QUICK[..], &["--seed", "7"]].concat();
    let (seven, zero) = (succeeds(&args, two.path()), succeeds(&QUICK, two.path()));
    assert_ne!(
        line(&seven, "weights "),
        line(&zero, "weights "),
        "another seed, other weights"
    );
}

#[test]
fn every_optimizer_and_schedule_lowers_the_loss() {
    let directory = scratch();
    let lowers = |more: &[&str]| {
        let args = [&QUICK[..], &["--out", "here", "--overwrite"], more].concat();
        succeeds(&args, directory.path());
        let metrics = std::fs::read_to_string(directory.path().join("here/metrics.csv"));
        let metrics = metrics.expect("the metrics");
        let losses: Vec<f64> = metrics
            .lines()
            .skip(1)
            .filter_map(|line| line.split(',').nth(2)?.parse().ok())
            .collect();
        assert!(
            losses.len() == 2 && losses[1] < losses[0],
            "{more:?}: {losses:?}"
        );
    };
    for optimizer in [
        "adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam",
    ] {
        lowers(&["--optimizer", optimizer]);
    }
    for schedule in ["constant", "linear", "step", "one-cycle", "plateau"] {
        lowers(&["--schedule", schedule, "--validate"]);
    }
}

#[test]
fn options_of_the_training_take_effect() {
    let directory = scratch();
    let plain = succeeds(&QUICK, directory.path());
    for more in [
        &["--ema", "0.9"][..],
        &["--clip", "0.1"],
        &["--accumulate", "3"],
        &["--warmup", "1"],
        &["--weight-decay", "0.1"],
        &["--augment", "none"],
        &["--label-smoothing", "0.1"],
        &["--augment", "shift=1,flip"],
        &["--freeze", "conv1,*.bias"],
    ] {
        let text = succeeds(&[&QUICK[..], more].concat(), directory.path());
        assert_ne!(
            line(&text, "weights "),
            line(&plain, "weights "),
            "{more:?} changes nothing"
        );
    }
    let early = [
        "train",
        "digits",
        "--model",
        "digits",
        "--epochs",
        "200",
        "--patience",
        "1",
        "--validate",
        "--lr",
        "0.05",
    ];
    let text = succeeds(&early, directory.path());
    assert!(number(&text, "trained:") < 200.0, "{text}");
}

#[test]
fn a_network_from_a_file_is_trained_and_copied_into_the_run() {
    let directory = scratch();
    let file = directory.path().join("small.toml");
    std::fs::write(&file, super::models::SMALL).expect("a file");
    let args = [
        "train",
        "digits",
        "--model",
        "small.toml",
        "--epochs",
        "2",
        "--out",
        "here",
    ];
    let trained = succeeds(&args, directory.path());
    std::fs::remove_file(&file).expect("the file");
    let tested = succeeds(&["evaluate", "here"], directory.path());
    assert_eq!(
        line(&trained, "test accuracy"),
        line(&tested, "test accuracy")
    );
    assert!(succeeds(&["summary", "here"], directory.path()).contains("BatchNorm2d"));
}

#[test]
fn bad_input_fails_with_one_sentence_and_status_1_before_anything_is_trained() {
    let directory = scratch();
    std::fs::write(directory.path().join("junk"), "not a directory").expect("a file");
    for (args, expected) in [
        (&["digits", "--out", "junk"][..], "--out"),
        (&["digits", "--out", "junk/below"], "--out"),
        (&["digits", "--batch", "1439"], "at most 1438"),
        (&["digits", "--model", "missing.toml"], "missing.toml"),
        (&["digits", "--model", "vgg16"], "choose --model"),
        (&["digits", "--freeze", "conv9"], "conv9"),
        (
            &["fashion-mnist", "--data", "nowhere"],
            "dataset-fashion-mnist",
        ),
        (&["cifar10", "--data", "nowhere"], "nowhere"),
        (&["mnist", "--data", "junk"], "junk"),
    ] {
        fails(
            &[&["train"], args].concat(),
            directory.path(),
            1,
            &[expected],
        );
    }
    let output = run(&["train", "digits", "--out", "junk"], directory.path());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn a_loss_that_is_not_finite_stops_the_training_with_a_remedy() {
    let directory = scratch();
    let args = [&QUICK[..], &["--lr", "1e30", "--optimizer", "sgd"]].concat();
    let output = run(&args, directory.path());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        message.contains("--lr") && message.contains("--clip"),
        "{message}"
    );
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
        (&["--ema", "1"], "invalid value '1' for '--ema"),
        (
            &["--label-smoothing", "1"],
            "invalid value '1' for '--label-smoothing",
        ),
        (&["--clip", "0"], "invalid value '0' for '--clip"),
        (&["--seed", "-1"], "invalid value '-1' for '--seed"),
        (
            &["--optimizer", "magic"],
            "invalid value 'magic' for '--optimizer",
        ),
        (
            &["--schedule", "magic"],
            "invalid value 'magic' for '--schedule",
        ),
        (&["--model", "cnm"], "did you mean \"cnn\"?"),
        (&["--augment", "flop"], "did you mean \"flip\"?"),
        (&["--augment", "shift"], "shift=2"),
        (&["--nonsense"], "unexpected argument '--nonsense'"),
        (&["--data", "directory"], "--data"),
        (&["--patience", "3"], "--validate"),
        (&["--schedule", "plateau"], "--validate"),
        (&["--warmup", "60"], "--epochs"),
        (&["--size", "32"], "folder"),
    ] {
        fails(
            &[&["train", "digits"], args].concat(),
            directory.path(),
            2,
            &[expected],
        );
    }
    for args in [&["train"][..], &["train", "letters"], &["train", "cifar10"]] {
        assert_eq!(
            run(args, directory.path()).status.code(),
            Some(2),
            "{args:?}"
        );
    }
}

#[test]
fn the_output_of_a_training_fits_into_80_columns() {
    let directory = scratch();
    let text = succeeds(&QUICK, directory.path());
    // The table of layers is as wide as its numbers.
    let results = text.split("run runs/digits").nth(1).expect("the results");
    for line in results.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
