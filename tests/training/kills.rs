//! Runs in a child process that is killed again and again: nothing is lost.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::RngExt;
use wengert::data::Augment;
use wengert::nn::file;
use wengert::prelude::*;
use wengert::train::Checkpoint;

use crate::models::{bits, images, network};

/// The directory that a child trains in, by the environment.
const DIRECTORY: &str = "WENGERT_TEST_DIRECTORY";

/// 24 examples in batches of 4: six batches an epoch.
const EPOCHS: u64 = 20;

fn train(directory: &Path) -> String {
    let set = images(24, 5);
    let augment = Augment {
        shift: 1,
        flip: true,
        ..Augment::default()
    };
    let loader = Loader::new(
        &set,
        LoaderOptions {
            batch: 4,
            seed: 1,
            augment,
            ..LoaderOptions::default()
        },
    );
    let validation = loader.for_evaluation(&set);
    let mut model = network(2);
    let options = TrainOptions {
        epochs: EPOCHS,
        accumulate: 4,
        ema: Some(Ema::default()),
        ..TrainOptions::default()
    };
    Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .options(options)
        .validation(&validation)
        .schedule(Every::Step, |steps| CosineAnnealingLr {
            t_max: steps,
            eta_min: 0.0,
        })
        .checkpoints(CheckpointOptions {
            directory: directory.to_owned(),
            every_steps: Some(1),
            ..CheckpointOptions::default()
        })
        .resume_if_possible()
        .fit()
        .expect("nothing is wrong");
    bits(&model)
}

#[test]
#[ignore = "the child process of the test below"]
fn child() {
    let directory = std::env::var_os(DIRECTORY).expect("the parent sets it");
    let result = train(Path::new(&directory));
    file::write(Path::new(&directory).join("result"), result.as_bytes())
        .expect("it can be written");
}

/// Kills a run at random moments until it gets through, and returns the number of kills.
fn run_under_fire(
    directory: &Path,
    expected: &str,
    random: &mut ChaCha8Rng,
    longest: Duration,
) -> usize {
    let mut kills = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().expect("a test knows its own file"))
            .args(["--exact", "kills::child", "--ignored"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("a child starts");
        std::thread::sleep(longest.mul_f64(random.random()));
        // SIGKILL on Unix.
        let _ = child.kill();
        let status = child.wait().expect("a child ends");
        if status.success() {
            let result =
                std::fs::read_to_string(directory.join("result")).expect("the child wrote it");
            assert_eq!(result, expected, "after {kills} kills");
            return kills;
        }
        assert_eq!(status.code(), None, "the child failed by itself");
        kills += 1;
        // At every moment the last checkpoint is whole, and no more files than agreed are left.
        if let Some(last) = Checkpoint::last_in(directory).expect("a directory") {
            Checkpoint::load(last).expect("is intact");
        }
        let files = std::fs::read_dir(directory).map_or(0, Iterator::count);
        assert!(
            files <= 7,
            "{files} files: two checkpoints and one too many, the best, the lock, a trial, temporary"
        );
    }
}

#[test]
fn a_killed_run_ends_with_the_same_bits() {
    let is_full = std::env::var_os("WENGERT_FULL").is_some();
    let wanted = if is_full { 200 } else { 4 };
    let whole = tempfile::tempdir().expect("a directory");
    let start = Instant::now();
    let expected = train(whole.path());
    // Long enough for some progress between two kills, start included.
    let longest = start.elapsed().div_f64(3.0) + Duration::from_millis(30);
    let mut random = rng(0);
    let (mut kills, mut runs) = (0, 0);
    while kills < wanted {
        let directory = tempfile::tempdir().expect("a directory");
        kills += run_under_fire(directory.path(), &expected, &mut random, longest);
        runs += 1;
        assert!(runs < 10 * wanted, "children end before they are killed");
    }
    println!("{kills} kills in {runs} runs, none lost");
}
