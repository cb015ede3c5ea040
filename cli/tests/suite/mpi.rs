//! Runs of several processes.

#[cfg(not(feature = "mpi"))]
#[test]
fn a_build_without_mpi_says_how_to_get_it() {
    use super::command::{fails, scratch};
    let directory = scratch();
    let parts = ["--mpi is not part of this build", "--features mpi"];
    fails(&["train", "digits", "--mpi"], directory.path(), 2, &parts);
}

#[cfg(feature = "mpi")]
mod with_mpi {
    use std::path::Path;
    use std::process::{Command, Output};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use crate::command::{QUICK, fails, line, scratch, succeeds, text};

    /// Tests start their processes one after the other: waiting processes of MPI use a processor each.
    fn turn() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mpirun(processes: usize, args: &[&str], directory: &Path) -> Output {
        let _turn = turn();
        Command::new("mpirun")
            .args([
                "--oversubscribe",
                "--allow-run-as-root",
                "-n",
                &processes.to_string(),
            ])
            .arg(env!("CARGO_BIN_EXE_wengert"))
            .args(args)
            .current_dir(directory)
            .output()
            .expect("mpirun is needed: on Debian it is in the package openmpi-bin")
    }

    #[track_caller]
    fn mpirun_succeeds(processes: usize, args: &[&str], directory: &Path) -> String {
        let output = mpirun(processes, args, directory);
        let text = text(&output);
        assert!(
            output.status.success(),
            "{processes} processes, {args:?}:\n{text}"
        );
        text
    }

    /// One process alone says what is wrong, in a line that has these parts.
    #[track_caller]
    fn fails_with_one_line(output: &Output, parts: &[&str]) {
        let message = text(output);
        assert!(!output.status.success(), "{message}");
        let lines = message.lines().filter(|line| line.starts_with("wengert: "));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1, "{message}");
        for part in parts {
            assert!(lines[0].contains(part), "{message}");
        }
    }

    #[test]
    fn any_number_of_processes_gives_the_weights_of_one_with_the_same_shards() {
        let directory = scratch();
        let alone = [&QUICK[..], &["--shards", "8"]].concat();
        let expected = succeeds(&alone, directory.path());
        for processes in [1, 2, 3] {
            let found = mpirun_succeeds(
                processes,
                &[&QUICK[..], &["--mpi"]].concat(),
                directory.path(),
            );
            assert_eq!(
                line(&found, "weights "),
                line(&expected, "weights "),
                "{processes} processes"
            );
            assert_eq!(
                found.matches("test accuracy").count(),
                1,
                "only one process prints:\n{found}"
            );
        }
    }

    #[test]
    fn a_run_says_how_it_is_continued_and_other_processes_can_continue_it() {
        let directory = scratch();
        let run = |out| [&QUICK[..], &["--mpi", "--validate", "--out", out]].concat();
        let whole = mpirun_succeeds(2, &run("whole"), directory.path());
        let _ = mpirun_succeeds(2, &run("stopped"), directory.path());
        let command = std::fs::read_to_string(directory.path().join("stopped/resume.txt"))
            .expect("it is written");
        assert_eq!(
            command,
            "mpirun -n 2 wengert train --mpi --resume stopped\n"
        );
        assert!(whole.contains("continue it with: mpirun -n 2 wengert train --mpi --resume whole"));
        // As if the run had ended after the first epoch.
        let checkpoints = directory.path().join("stopped/checkpoints");
        let mut files: Vec<_> = std::fs::read_dir(&checkpoints)
            .expect("checkpoints")
            .map(|entry| entry.expect("a file").path())
            .filter(|path| path.to_string_lossy().contains("checkpoint-"))
            .collect();
        files.sort();
        std::fs::remove_file(files.pop().expect("the last one")).expect("removed");
        assert!(!files.is_empty(), "the first epoch has a checkpoint too");
        let resumed = mpirun_succeeds(
            3,
            &["train", "--mpi", "--resume", "stopped"],
            directory.path(),
        );
        assert_eq!(line(&resumed, "weights "), line(&whole, "weights "));
    }

    /// Images of two classes that one look at the colour tells apart.
    fn photos(directory: &Path) {
        for (class, color) in [("sky", [40, 90, 220]), ("grass", [60, 200, 50])] {
            let class = directory.join("photos").join(class);
            std::fs::create_dir_all(&class).expect("a directory");
            for index in 0..20_u8 {
                let color = color.map(|c: u8| c.saturating_sub(index));
                image::RgbImage::from_pixel(9, 12, image::Rgb(color))
                    .save(class.join(format!("{index}.png")))
                    .expect("a file");
            }
        }
    }

    const FOLDER: [&str; 14] = [
        "train",
        "folder",
        "--data",
        "photos",
        "--size",
        "8",
        "--epochs",
        "2",
        "--batch",
        "8",
        "--shards",
        "4",
        "--validate",
        "--out",
    ];

    #[test]
    fn images_in_files_give_the_weights_of_images_in_memory() {
        let directory = scratch();
        photos(directory.path());
        let expected = succeeds(&[&FOLDER[..], &["alone"]].concat(), directory.path());
        for processes in ["2", "3"] {
            let found = mpirun_succeeds(
                processes.parse().expect("a number"),
                &[&FOLDER[..], &[processes, "--mpi"]].concat(),
                directory.path(),
            );
            for part in ["weights ", "validation accuracy"] {
                assert_eq!(line(&found, part), line(&expected, part), "{processes}");
            }
        }
        // The same data, to a run that has them in memory.
        let resumed = ["train", "--resume", "3"];
        let resumed = succeeds(&resumed, directory.path());
        assert_eq!(line(&resumed, "weights "), line(&expected, "weights "));
    }

    #[test]
    fn a_damaged_image_ends_all_processes_with_its_name() {
        let directory = scratch();
        photos(directory.path());
        let image = directory.path().join("photos/sky/7.png");
        let whole = std::fs::read(&image).expect("the image");
        std::fs::write(&image, &whole[..whole.len() - 20]).expect("a file");
        let output = mpirun(
            2,
            &[&FOLDER[..], &["run", "--mpi"]].concat(),
            directory.path(),
        );
        fails_with_one_line(
            &output,
            &["7.png", "damaged or truncated", "--skip-unusable"],
        );
        let skipping = [&FOLDER[..], &["run", "--mpi", "--skip-unusable"]].concat();
        let _ = mpirun_succeeds(2, &skipping, directory.path());
    }

    #[test]
    fn processes_with_other_options_say_which() {
        let directory = scratch();
        let process = |lr| {
            let program = env!("CARGO_BIN_EXE_wengert");
            let start = ["-n", "1", program].into_iter();
            start.chain(QUICK).chain(["--mpi", "--lr", lr])
        };
        let _turn = turn();
        let output = Command::new("mpirun")
            .args(["--oversubscribe", "--allow-run-as-root"])
            .args(process("0.1"))
            .arg(":")
            .args(process("0.2"))
            .current_dir(directory.path())
            .output()
            .expect("mpirun");
        fails_with_one_line(&output, &["process 1", "lr = 0.2", "lr = 0.1"]);
    }

    #[test]
    fn mistakes_are_one_sentence() {
        let directory = scratch();
        let args = [&QUICK[..], &["--mpi"]].concat();
        fails(
            &args,
            directory.path(),
            2,
            &["--mpi needs an MPI launcher", "mpirun -n 4"],
        );
        let cases: [(&[&str], &str); 3] = [
            (&["--mpi", "--shards", "2"], "3 processes for 2 shards"),
            (
                &["--mpi", "--shards", "7"],
                "7 shards do not divide a batch of 64 examples",
            ),
            (&["--mpi", "--out", "/proc/nowhere"], "/proc/nowhere"),
        ];
        for (more, part) in cases {
            let output = mpirun(3, &[&QUICK[..], more].concat(), directory.path());
            let message = text(&output);
            assert!(!output.status.success(), "{message}");
            assert_eq!(
                message.matches(part).count(),
                1,
                "{part:?} once in:\n{message}"
            );
        }
    }
}
