//! Runs that are stopped, continued, locked, or not overwritten.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::command::{QUICK, fails, line, scratch, succeeds, text, wengert};

/// A run of some seconds, which writes a checkpoint after every second epoch.
const LONG: [&str; 6] = ["train", "digits", "--epochs", "16", "--batch", "64"];

/// The same with a small network, and a batch that is not the default.
fn long(more: &[&'static str]) -> Vec<&'static str> {
    [&LONG[..], &["--model", "digits"], more].concat()
}

fn start(args: &[&str], directory: &Path) -> Child {
    wengert(args, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts")
}

/// Waits until the run has finished some epochs.
fn wait_for_epochs(run: &Path, epochs: usize) {
    let start = Instant::now();
    loop {
        let rows = std::fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
        if rows.lines().count() > epochs {
            return;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "no epoch ends");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

/// What the same run prints that nobody stops, and its table of metrics.
fn whole_run() -> &'static (String, Vec<String>) {
    static WHOLE: OnceLock<(String, Vec<String>)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let directory = scratch();
        let printed = succeeds(&long(&[]), directory.path());
        (printed, metrics(&directory.path().join("runs/digits")))
    })
}

/// The table of metrics but for the last two columns, which are times.
fn metrics(run: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(run.join("metrics.csv")).expect("metrics");
    let rows = text.lines();
    rows.map(|line| line.rsplitn(3, ',').last().unwrap_or_default().to_owned())
        .collect()
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_checkpoint_and_the_resumed_run_ends_with_the_same_bits() {
    let stopped = scratch();
    let (reference, rows) = whole_run();
    for name in ["-INT", "-TERM"] {
        let run = stopped.path().join(name);
        let out = run.to_str().expect("UTF-8");
        let args = [&long(&[])[..], &["--out", out]].concat();
        let child = start(&args, stopped.path());
        wait_for_epochs(&run, 3);
        signal(&child, name);
        let output = child.wait_with_output().expect("it ends");
        let message = text(&output);
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(message.contains("--resume"), "{message}");
        let report = std::fs::read_to_string(run.join("report.html")).expect("the report");
        assert!(report.contains("Interrupted in epoch"));

        let resumed = succeeds(
            &["train", "--resume", out, "--threads", "1"],
            stopped.path(),
        );
        for start in ["weights ", "test accuracy"] {
            assert_eq!(line(&resumed, start), line(reference, start));
        }
        assert_eq!(&metrics(&run), rows);
    }
}

#[test]
fn a_killed_run_is_resumed_from_its_last_checkpoint() {
    let killed = scratch();
    let (reference, _) = whole_run();
    let mut child = start(&long(&[]), killed.path());
    wait_for_epochs(&killed.path().join("runs/digits"), 4);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let resumed = succeeds(&["train", "--resume", "runs/digits"], killed.path());
    assert_eq!(line(&resumed, "weights "), line(reference, "weights "));
}

#[test]
fn a_run_in_use_is_locked() {
    let directory = scratch();
    let mut child = start(&long(&["--out", "here"]), directory.path());
    wait_for_epochs(&directory.path().join("here"), 1);
    let id = child.id().to_string();
    let args = [&QUICK[..], &["--out", "here", "--overwrite"]].concat();
    fails(
        &args,
        directory.path(),
        1,
        &["here", "in use", &id, "--out"],
    );
    fails(
        &["train", "--resume", "here"],
        directory.path(),
        1,
        &["in use"],
    );
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn a_run_is_overwritten_only_on_request() {
    let directory = scratch();
    let first = [&QUICK[..], &["--out", "here"]].concat();
    succeeds(&first, directory.path());
    std::fs::write(directory.path().join("here/notes.txt"), "mine").expect("a file");
    fails(
        &first,
        directory.path(),
        1,
        &["here", "--resume here", "--overwrite"],
    );
    succeeds(&[&first[..], &["--overwrite"]].concat(), directory.path());
    assert!(
        directory.path().join("here/notes.txt").exists(),
        "what no run writes stays"
    );

    std::fs::create_dir(directory.path().join("other")).expect("a directory");
    std::fs::write(directory.path().join("other/thesis.tex"), "mine").expect("a file");
    let args = [&QUICK[..], &["--out", "other", "--overwrite"]].concat();
    fails(&args, directory.path(), 1, &["other", "--out"]);
    let args = [&QUICK[..], &["--overwrite"]].concat();
    fails(&args, directory.path(), 2, &["--out"]);
}

#[test]
fn what_cannot_be_resumed_is_explained() {
    let directory = scratch();
    succeeds(&QUICK, directory.path());
    let again = succeeds(&["train", "--resume", "runs/digits"], directory.path());
    assert!(
        again.contains("test accuracy"),
        "a finished run has nothing left to train: {again}"
    );
    fails(
        &["train", "--resume", "runs/digits", "--lr", "1"],
        directory.path(),
        2,
        &["lr", "--config"],
    );
    fails(
        &["train", "--resume", "nowhere"],
        directory.path(),
        1,
        &["nowhere"],
    );
    fails(
        &["train", "--resume", "."],
        directory.path(),
        1,
        &["not the directory of a run"],
    );
    // A configuration that was changed is not that of the checkpoint.
    let config = directory.path().join("runs/digits/config.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, text.replace("batch = 64", "batch = 32")).expect("a file");
    fails(
        &["train", "--resume", "runs/digits"],
        directory.path(),
        1,
        &["checkpoint"],
    );
    std::fs::remove_dir_all(directory.path().join("runs/digits/checkpoints")).expect("checkpoints");
    fails(
        &["train", "--resume", "runs/digits"],
        directory.path(),
        1,
        &["no checkpoint"],
    );
}
