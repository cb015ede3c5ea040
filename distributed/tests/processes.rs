//! Training by real processes: each test starts `mpirun`, which runs the test `process` of this program several times.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wengert::data::ImageSet;
use wengert::distributed::{Algorithm, Communicator, CommunicatorOptions};
use wengert::nn::SyncBatchNorm2d;
use wengert::prelude::*;
use wengert::report::Fingerprint;
use wengert::tensor::parallel::with_threads;
use wengert::train::{Checkpoint, StepReport};

/// What the processes do, by these variables of the environment.
const CASE: &str = "WENGERT_TEST_CASE";
const SHARDS: &str = "WENGERT_TEST_SHARDS";
const THREADS: &str = "WENGERT_TEST_THREADS";
/// Where process `n` writes its result, as the file `n`.
const RESULTS: &str = "WENGERT_TEST_RESULTS";

/// Steps of a run: 4 epochs of 13 batches, the last of which has 5 examples.
const EPOCHS: u64 = 4;
const EXAMPLES: usize = 12 * 24 + 5;
const BATCH: usize = 24;

fn images(count: usize) -> ImageSet {
    let rng = &mut rng(0);
    let pixels = (0..count * 16).map(|_| (rng.next_u32() % 256) as u8);
    let pixels = pixels.collect();
    let labels = (0..count as i64).map(|i| i % 3).collect();
    ImageSet::new(pixels, [count, 1, 4, 4], labels, &["a", "b", "c"], 255)
}

/// A model with batch norm and dropout.
fn network() -> Sequential {
    let rng = &mut rng(1);
    Sequential::new()
        .push(Conv2d::new(1, 3, 3, rng).padding(1))
        .push(BatchNorm2d::new(3))
        .push(Relu)
        .push(Dropout::new(0.2))
        .push(Flatten)
        .push(Linear::new(48, 3, rng))
}

/// A model with batch norm over all shards, whose forward and backward passes send messages too.
fn synchronous_network() -> Sequential {
    let rng = &mut rng(1);
    Sequential::new()
        .push(Conv2d::new(1, 3, 3, rng).padding(1))
        .push(SyncBatchNorm2d::new(3))
        .push(Relu)
        .push(Conv2d::new(3, 3, 3, rng).padding(1))
        .push(SyncBatchNorm2d::new(3))
        .push(Dropout::new(0.2))
        .push(Flatten)
        .push(Linear::new(48, 3, rng))
}

fn bits(model: &Sequential) -> String {
    let mut hash = Fingerprint::new();
    hash.bytes(&wengert::nn::StateDict::of(model).to_bytes());
    hash.to_string()
}

/// The bits of a model after a run, or the error.
fn train(
    communicator: Option<&Communicator>,
    shards: usize,
    examples: usize,
    directory: Option<&Path>,
    on_step: impl Fn(&StepReport<'_, f32, Sequential>),
) -> Result<String, TrainError> {
    train_model(
        network(),
        communicator,
        shards,
        examples,
        directory,
        on_step,
    )
}

/// As [`train`], of another model.
fn train_model(
    mut model: Sequential,
    communicator: Option<&Communicator>,
    shards: usize,
    examples: usize,
    directory: Option<&Path>,
    on_step: impl Fn(&StepReport<'_, f32, Sequential>),
) -> Result<String, TrainError> {
    let set = images(examples);
    let held = images(30);
    let options = LoaderOptions {
        batch: BATCH,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&set, options);
    let validation = loader.for_evaluation(&held);
    let mut trainer = Trainer::new(&mut model, Optimizer::new(Adam::default()), &loader)
        .options(TrainOptions {
            epochs: EPOCHS,
            shards,
            ..TrainOptions::default()
        })
        .validation(&validation)
        .on_step(on_step);
    if let Some(directory) = directory {
        let options = CheckpointOptions {
            directory: directory.to_owned(),
            every_steps: Some(1),
            ..CheckpointOptions::default()
        };
        trainer = trainer.checkpoints(options).resume_if_possible();
    }
    if let Some(communicator) = communicator {
        trainer = trainer.communicator(communicator);
    }
    let outcome = trainer.fit()?;
    drop(trainer);
    let evaluation = format!("{:?}", outcome.evaluation);
    let mut hash = Fingerprint::new();
    hash.bytes(evaluation.as_bytes());
    Ok(format!("{} {hash}", bits(&model)))
}

/// The losses of a run, as a text.
fn losses(communicator: Option<&Communicator>, shards: usize) -> Result<String, TrainError> {
    let losses = RefCell::new(Vec::new());
    let note = |step: &StepReport<'_, f32, Sequential>| losses.borrow_mut().push(step.loss);
    let _ = train(communicator, shards, EXAMPLES, None, note)?;
    let texts: Vec<_> = losses.into_inner().iter().map(f64::to_string).collect();
    Ok(texts.join(" "))
}

/// `ln(x)` in the middle of a network.
#[derive(Clone, Debug)]
struct Log;
fields!(Log);

impl<T: Real> Module<T> for Log {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        x.ln()
    }
}

/// Trains on images of which one in the middle makes a NaN.
fn train_to_a_nan(communicator: &Communicator) -> Result<String, TrainError> {
    let mut pixels = vec![100; 16 * BATCH];
    pixels[16 * (BATCH / 2)] = 0;
    let labels = (0..BATCH as i64).map(|i| i % 3).collect();
    let set = ImageSet::new(pixels, [BATCH, 1, 4, 4], labels, &["a", "b", "c"], 255);
    let options = LoaderOptions {
        batch: BATCH,
        shuffle: false,
        ..LoaderOptions::default()
    };
    let loader = Loader::new(&set, options);
    let mut model: Sequential = Sequential::new()
        .push_named("log", Log)
        .push(Flatten)
        .push(Linear::new(16, 3, &mut rng(0)));
    let outcome = Trainer::new(&mut model, Optimizer::new(Sgd::default()), &loader)
        .options(TrainOptions {
            shards: 4,
            ..TrainOptions::default()
        })
        .communicator(communicator)
        .fit();
    outcome.map(|outcome| format!("{outcome:?}"))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by the other tests"))
}

/// Tests start their processes one after the other: waiting processes of MPI use a processor each, and those of several tests
/// would keep each other from it.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
#[ignore = "the other tests start it with mpirun"]
fn process() {
    let case = variable(CASE);
    let communicator = match wengert_mpi::start() {
        Ok(communicator) => communicator.with_options(CommunicatorOptions {
            algorithm: if case == "allreduce" {
                Algorithm::Transport
            } else {
                Algorithm::Tree
            },
            ..CommunicatorOptions::default()
        }),
        Err(error) => {
            // Where the process has no rank, its own number names its file.
            let file = format!("error{}", std::process::id());
            fs::write(Path::new(&variable(RESULTS)).join(file), error.to_string()).expect("a file");
            return;
        }
    };
    let results = variable(RESULTS);
    let results = Path::new(&results);
    let rank = communicator.rank();
    let shards = variable(SHARDS).parse().expect("a number");
    let threads = variable(THREADS).parse().expect("a number");
    let directory = results.join("checkpoints");
    let nothing = |_: &StepReport<'_, f32, Sequential>| {};
    let result = with_threads(threads, || match case.as_str() {
        "train" => train(Some(&communicator), shards, EXAMPLES, None, nothing),
        "synchronous" => train_model(
            synchronous_network(),
            Some(&communicator),
            shards,
            EXAMPLES,
            None,
            nothing,
        ),
        "resume" => train(
            Some(&communicator),
            shards,
            EXAMPLES,
            Some(&directory),
            nothing,
        ),
        "slow" => {
            let id = std::process::id().to_string();
            fs::write(results.join(format!("id{rank}")), id).expect("a file");
            let pause = |_: &StepReport<'_, f32, Sequential>| sleep(Duration::from_millis(50));
            train(
                Some(&communicator),
                shards,
                EXAMPLES,
                Some(&directory),
                pause,
            )
        }
        "other data" => {
            let examples = if rank == 1 { EXAMPLES + 1 } else { EXAMPLES };
            train(Some(&communicator), shards, examples, None, nothing)
        }
        "nan" => train_to_a_nan(&communicator),
        "panic" => {
            assert_ne!(rank, 1, "this process fails");
            train(Some(&communicator), shards, EXAMPLES, None, nothing)
        }
        "late panic" => train(Some(&communicator), shards, EXAMPLES, None, |step| {
            assert!(rank != 1 || step.step < 5, "this process fails");
        }),
        "allreduce" => losses(Some(&communicator), shards),
        _ => panic!("unknown case {case}"),
    });
    let text = match result {
        Ok(bits) => bits,
        Err(error) => format!("error: {error}"),
    };
    fs::write(results.join(rank.to_string()), text).expect("a file");
}

/// `mpirun` with what the processes are to do.
fn launcher(case: &str, shards: usize, threads: usize, results: &Path) -> Command {
    let mut command = Command::new("mpirun");
    command
        .args(["--oversubscribe", "--allow-run-as-root"])
        .env(CASE, case)
        .env(SHARDS, shards.to_string())
        .env(THREADS, threads.to_string())
        .env(RESULTS, results)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Starts processes.
fn start(processes: usize, case: &str, shards: usize, threads: usize, results: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    launcher(case, shards, threads, results)
        .args(["-n", &processes.to_string()])
        .arg(program)
        .args(["process", "--exact", "--ignored", "--nocapture"])
        .spawn()
        .expect("mpirun is needed: on Debian it is in the package openmpi-bin")
}

/// The results of processes that end well.
#[track_caller]
fn run(processes: usize, case: &str, shards: usize, threads: usize, results: &Path) -> Vec<String> {
    let status = start(processes, case, shards, threads, results).wait();
    assert!(status.expect("mpirun ends").success(), "{case}");
    let read = |rank: usize| fs::read_to_string(results.join(rank.to_string()));
    (0..processes)
        .map(|rank| read(rank).expect("a result"))
        .collect()
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// What one process without MPI gives.
fn alone(shards: usize) -> String {
    train(None, shards, EXAMPLES, None, |_| {}).expect("it trains")
}

#[test]
fn processes_threads_and_shards_per_process_change_no_bit() {
    let _turn = turn();
    for shards in [4, 8] {
        let expected = alone(shards);
        for (processes, threads) in [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (4, 2)] {
            let results = temporary();
            for found in run(processes, "train", shards, threads, results.path()) {
                assert_eq!(
                    found, expected,
                    "{processes} processes, {threads} threads, {shards} shards"
                );
            }
        }
    }
}

#[test]
fn batch_norm_over_all_shards_has_the_same_bits_for_any_number_of_processes() {
    let _turn = turn();
    let alone = train_model(synchronous_network(), None, 8, EXAMPLES, None, |_| {});
    let expected = alone.expect("it trains");
    for (processes, threads) in [(1, 2), (2, 1), (3, 2), (4, 1)] {
        let results = temporary();
        for found in run(processes, "synchronous", 8, threads, results.path()) {
            assert_eq!(found, expected, "{processes} processes, {threads} threads");
        }
    }
}

#[test]
fn a_killed_process_ends_the_run_in_seconds_and_the_last_checkpoint_goes_on_with_other_processes() {
    const SECONDS: u64 = 20;
    let _turn = turn();
    let results = temporary();
    let mut running = start(4, "slow", 8, 1, results.path());
    let checkpoints = results.path().join("checkpoints");
    let begin = Instant::now();
    while !matches!(Checkpoint::last_in(&checkpoints), Ok(Some(_))) {
        assert!(begin.elapsed() < Duration::from_mins(2), "no checkpoint");
        sleep(Duration::from_millis(20));
    }
    let id = fs::read_to_string(results.path().join("id2")).expect("it has begun");
    let killed = Command::new("kill").args(["-9", &id]).status();
    assert!(killed.expect("kill").success());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = running.try_wait().expect("mpirun") {
            break status;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(SECONDS),
            "the others go on"
        );
        sleep(Duration::from_millis(20));
    };
    assert!(!status.success());
    let last = Checkpoint::last_in(&checkpoints)
        .expect("a directory")
        .expect("a checkpoint");
    Checkpoint::load(last).expect("it is intact");
    for found in run(3, "resume", 8, 1, results.path()) {
        assert_eq!(found, alone(8));
    }
}

#[test]
fn processes_with_other_data_refuse_to_start() {
    let _turn = turn();
    let results = temporary();
    for text in run(2, "other data", 4, 1, results.path()) {
        assert!(
            text.contains(
                "process 1 has another training data: samples (294) than process 0 (293)"
            ),
            "{text}"
        );
    }
}

#[test]
fn a_nan_of_one_process_stops_all_with_process_and_op() {
    let _turn = turn();
    let results = temporary();
    for text in run(2, "nan", 4, 1, results.path()) {
        assert!(
            text.contains("in process 1: ") && text.contains("`log`"),
            "{text}"
        );
    }
}

#[test]
fn more_processes_than_shards_are_one_sentence() {
    let _turn = turn();
    let results = temporary();
    for text in run(3, "train", 2, 1, results.path()) {
        assert!(text.contains("3 processes for 2 shards"), "{text}");
    }
}

#[test]
fn a_panic_of_one_process_ends_the_others() {
    let _turn = turn();
    for case in ["panic", "late panic"] {
        let results = temporary();
        let begin = Instant::now();
        let status = start(2, case, 4, 1, results.path()).wait();
        assert!(!status.expect("mpirun ends").success(), "{case}");
        assert!(begin.elapsed() < Duration::from_mins(1), "{case}");
    }
}

#[test]
fn the_addition_of_mpi_gives_the_same_losses_but_for_rounding() {
    /// Rounding in `f32`, which 52 steps of Adam make larger.
    const TOLERANCE: f64 = 1e-2;
    let _turn = turn();
    let numbers = |text: &str| -> Vec<f64> {
        let numbers = text.split(' ').map(|text| text.parse().expect("a number"));
        numbers.collect()
    };
    let expected = numbers(&losses(None, 8).expect("it trains"));
    assert_eq!(expected.len(), 52);
    for processes in [2, 3] {
        let results = temporary();
        for text in run(processes, "allreduce", 8, 1, results.path()) {
            for (step, (found, expected)) in numbers(&text).iter().zip(&expected).enumerate() {
                let is_near = (found - expected).abs() <= TOLERANCE * expected;
                assert!(
                    is_near,
                    "{processes} processes, step {step}: {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn processes_with_other_programs_refuse_to_start() {
    let _turn = turn();
    let results = temporary();
    let program = std::env::current_exe().expect("this program");
    let other = results.path().join("other");
    fs::copy(&program, &other).expect("a copy");
    let mut file = fs::File::options()
        .append(true)
        .open(&other)
        .expect("the copy");
    file.write_all(b"another build").expect("written");
    drop(file);
    let command = |program: &Path| {
        let program = program.to_str().expect("UTF-8");
        ["-n", "1", program, "process", "--exact", "--ignored"].map(str::to_owned)
    };
    let status = launcher("train", 4, 1, results.path())
        .args(command(&program))
        .arg(":")
        .args(command(&other))
        .status();
    assert!(status.expect("mpirun").success());
    let mut files = fs::read_dir(results.path()).expect("the results");
    let texts: Vec<_> = files
        .by_ref()
        .map(|file| file.expect("a file").path())
        .filter(|path| path != &other)
        .map(|path| fs::read_to_string(path).expect("a text"))
        .collect();
    assert_eq!(texts.len(), 2);
    for text in texts {
        assert!(
            text.starts_with("process 1 runs another program ("),
            "{text}"
        );
    }
}

#[test]
fn a_process_without_a_launcher_is_one_sentence() {
    let _turn = turn();
    let launched = wengert_mpi::Launch::detect();
    assert_eq!(launched, None, "this test is not to be run under mpirun");
    let error = wengert_mpi::start().expect_err("no launcher");
    assert!(
        error.to_string().contains("`mpirun -n 4 PROGRAM`"),
        "{error}"
    );
}
