//! Training with `wengert` on several processes and machines, over MPI.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod launcher;
mod transport;

use std::path::Path;

use mpi::Threading;
use wengert::distributed::Communicator;

pub use error::MpiError;
pub use launcher::Launch;
pub use transport::MpiTransport;

/// Connects this process to the others that the MPI launcher has started.
///
/// MPI is initialised on the communicator's thread, which makes all calls of MPI, and finalised when the communicator is
/// dropped. Each process of the run calls this once.
///
/// # Errors
/// If this process was not started by an MPI launcher, if the launcher belongs to another MPI library than the one that
/// this program uses, if MPI is in use already, or if the processes run different programs.
///
/// # Panics
/// If the operating system cannot start a thread.
pub fn start() -> Result<Communicator, MpiError> {
    let launch = Launch::detect().ok_or(MpiError::NotLaunched)?;
    let communicator = Communicator::start(move || {
        let (universe, _) =
            mpi::initialize_with_threading(Threading::Funneled).ok_or(MpiError::InUse)?;
        Ok(MpiTransport::new(universe))
    })?;
    if let Some(processes) = launch.processes.filter(|&n| n != communicator.size()) {
        return Err(MpiError::OtherLibrary {
            launcher: launch.name,
            processes,
            found: communicator.size(),
        });
    }
    compare_programs(&communicator)?;
    Ok(communicator)
}

/// An error if a process runs another program than the first one.
fn compare_programs(communicator: &Communicator) -> Result<(), MpiError> {
    let own = std::env::current_exe()
        .map_or_else(|error| error.to_string(), |program| describe(&program));
    let all = communicator.gather(own.into_bytes());
    let text = |process: usize| String::from_utf8_lossy(&all[process]).into_owned();
    match all.iter().position(|other| *other != all[0]) {
        None => Ok(()),
        Some(process) => Err(MpiError::OtherProgram {
            process,
            program: text(process),
            first: text(0),
        }),
    }
}

/// The version of this crate, and a checksum of a program.
fn describe(program: &Path) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match std::fs::read(program) {
        Ok(bytes) => format!(
            "version {version}, checksum {:08x}",
            crc32fast::hash(&bytes)
        ),
        Err(error) => format!("version {version}, which cannot be read: {error}"),
    }
}
