//! [`MpiError`]: why a process cannot take part in a run.

use thiserror::Error;

/// Why a process cannot take part in a run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MpiError {
    /// A process that no MPI launcher has started.
    #[error(
        "this process was not started by an MPI launcher; start the program with one, such as `mpirun -n 4 PROGRAM`"
    )]
    NotLaunched,
    /// MPI was initialised before.
    #[error(
        "MPI is in use by another part of this program; call `wengert_mpi::start` once and nothing else of MPI"
    )]
    InUse,
    /// A launcher of another MPI library than the one that the program was built with.
    #[error(
        "{launcher} has started {processes} processes, and the MPI library of this program knows of {found}; use the \
         launcher of the MPI library that the program was built with (with Slurm: `srun --mpi=pmix`)"
    )]
    OtherLibrary {
        /// The launcher.
        launcher: &'static str,
        /// The number of processes that it has started.
        processes: usize,
        /// The number of processes that MPI knows of.
        found: usize,
    },
    /// Processes that run different programs.
    #[error(
        "process {process} runs another program ({program}) than process 0 ({first}); copy the same program to every \
         host"
    )]
    OtherProgram {
        /// The first process that differs.
        process: usize,
        /// What it runs.
        program: String,
        /// What process 0 runs.
        first: String,
    },
}
