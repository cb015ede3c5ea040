//! [`Processes`]: the processes that train together, one unless `--mpi` says otherwise.

use std::fmt::Display;
use std::io::{Write, stderr};

use clap::Args;
use wengert::distributed::{Communicator, Traffic};

use crate::outcome::UsageError;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Which processes train together.
#[derive(Clone, Copy, Args)]
pub struct ProcessOptions {
    /// Train with all processes that `mpirun` has started, on one machine or on several; their number changes no bit
    #[arg(long)]
    pub mpi: bool,
    /// Let MPI decide in which order gradients are added: it may be faster, and bits may differ between two runs
    #[arg(long, requires = "mpi")]
    mpi_allreduce: bool,
}

/// The processes that train together. The first one writes files and prints; the others only compute.
pub struct Processes {
    communicator: Option<Communicator>,
    /// The option of this command that lets MPI add.
    allreduce: bool,
}

impl Processes {
    /// Those that the MPI launcher has started with `--mpi`; this process alone without.
    pub fn start(options: &ProcessOptions) -> Result<Self, Failure> {
        if options.mpi {
            return Self::with_mpi(options.mpi_allreduce);
        }
        Ok(Self {
            communicator: None,
            allreduce: false,
        })
    }

    /// Those that the MPI launcher has started.
    #[cfg(feature = "mpi")]
    fn with_mpi(allreduce: bool) -> Result<Self, Failure> {
        use wengert::distributed::{Algorithm, CommunicatorOptions};
        use wengert_mpi::MpiError;

        let communicator = wengert_mpi::start().map_err(|error| match error {
            MpiError::NotLaunched => Failure::from(UsageError(
                "--mpi needs an MPI launcher: start the command as `mpirun -n 4 wengert train … --mpi`".to_owned(),
            )),
            other => other.into(),
        })?;
        let algorithm = if allreduce {
            Algorithm::Transport
        } else {
            Algorithm::Tree
        };
        let options = CommunicatorOptions {
            algorithm,
            ..CommunicatorOptions::default()
        };
        Ok(Self {
            communicator: Some(communicator.with_options(options)),
            allreduce,
        })
    }

    /// Several processes, which this build cannot have.
    #[cfg(not(feature = "mpi"))]
    fn with_mpi(_allreduce: bool) -> Result<Self, Failure> {
        Err(UsageError(crate::extras::missing_text("--mpi", "mpi")).into())
    }

    /// The connection to the other processes.
    pub const fn communicator(&self) -> Option<&Communicator> {
        self.communicator.as_ref()
    }

    /// The number of processes.
    pub fn count(&self) -> usize {
        self.communicator().map_or(1, Communicator::size)
    }

    /// Whether this process writes files and prints.
    pub fn is_first(&self) -> bool {
        self.communicator()
            .is_none_or(|communicator| communicator.rank() == 0)
    }

    /// The result of this process if no process has an error; otherwise an error for each.
    pub fn agree<R, E: Display + Into<Failure>>(&self, own: Result<R, E>) -> Result<R, Failure> {
        let Some(communicator) = self.communicator() else {
            return own.map_err(Into::into);
        };
        let text = own.as_ref().err().map(ToString::to_string);
        let texts = communicator.gather(text.unwrap_or_default().into_bytes());
        let value = own.map_err(Into::into)?;
        match texts.iter().position(|text| !text.is_empty()) {
            None => Ok(value),
            Some(process) => {
                let text = String::from_utf8_lossy(&texts[process]);
                Err(format!("process {process}: {text}").into())
            }
        }
    }

    /// The threads of this process unless the user says otherwise: one per core that it may use, shared with the other
    /// processes that may use the same cores.
    pub fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let Some(communicator) = self.communicator() else {
            return cores;
        };
        let own = cores_in_words().into_bytes();
        let all = communicator.gather(own.clone());
        let sharing = all.iter().filter(|other| **other == own).count();
        (cores / sharing.max(1)).max(1)
    }

    /// A line about the time that the processes have spent on sending gradients.
    pub fn report(&self) {
        let Some(communicator) = self.communicator().filter(|all| all.size() > 1) else {
            return;
        };
        let Traffic {
            busy,
            waited,
            reduced_bytes,
        } = communicator.traffic();
        let (busy, waited) = (busy.as_secs_f64(), waited.as_secs_f64());
        // A closed standard error must not end the training.
        let _ = writeln!(
            stderr(),
            "communication: {busy:.1} s for {:.1} MB of gradients, {:.0} % of it beside the computation",
            reduced_bytes as f64 / 1e6,
            100.0 * (1.0 - waited / busy).max(0.0)
        );
    }

    /// The command that continues a run.
    pub fn command_to_resume(&self, directory: &str) -> String {
        match self.communicator() {
            None => format!("wengert train --resume {directory}"),
            Some(communicator) => {
                let count = communicator.size();
                let more = if self.allreduce {
                    " --mpi-allreduce"
                } else {
                    ""
                };
                format!("mpirun -n {count} wengert train --mpi{more} --resume {directory}")
            }
        }
    }
}

/// The host, and the cores of it that this process may use.
fn cores_in_words() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let host = read("/proc/sys/kernel/hostname");
    let status = read("/proc/self/status");
    let allowed = status
        .lines()
        .find(|line| line.starts_with("Cpus_allowed_list"));
    format!("{} {}", host.trim(), allowed.unwrap_or_default())
}
