//! [`Launch`]: which launcher has started this process, as its environment tells.

/// How an MPI launcher has started this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The name of the launcher.
    pub name: &'static str,
    /// The number of processes, if the environment tells it.
    pub processes: Option<usize>,
}

/// A variable that a launcher sets, its name, and the variable with the number of processes.
const LAUNCHERS: [(&str, &str, Option<&str>); 6] = [
    (
        "OMPI_COMM_WORLD_SIZE",
        "mpirun of Open MPI",
        Some("OMPI_COMM_WORLD_SIZE"),
    ),
    (
        "MV2_COMM_WORLD_SIZE",
        "mpirun of MVAPICH",
        Some("MV2_COMM_WORLD_SIZE"),
    ),
    ("PMI_SIZE", "mpirun of MPICH or Intel MPI", Some("PMI_SIZE")),
    ("PMI_RANK", "mpirun of MPICH or Intel MPI", None),
    ("PMIX_RANK", "a launcher with PMIx", None),
    // Without an MPI plugin Slurm starts processes that do not know of each other.
    ("SLURM_PROCID", "srun", Some("SLURM_NTASKS")),
];

impl Launch {
    /// How this process was started; `None` if no launcher has.
    #[must_use]
    pub fn detect() -> Option<Self> {
        Self::of(|variable| std::env::var(variable).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (_, name, size) = LAUNCHERS
            .into_iter()
            .find(|(marker, _, _)| variable(marker).is_some())?;
        let processes = size.and_then(&variable).and_then(|size| size.parse().ok());
        Some(Self { name, processes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_are_known_by_their_variables() {
        let of = |known: &'static [(&str, &str)]| {
            Launch::of(move |variable| {
                let found = known.iter().find(|(name, _)| *name == variable);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("HOME", "/")]), None);
        let slurm = of(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]).expect("Slurm");
        assert_eq!((slurm.name, slurm.processes), ("srun", Some(4)));
        let both = of(&[("SLURM_PROCID", "0"), ("PMIX_RANK", "1")]).expect("PMIx");
        assert_eq!((both.name, both.processes), ("a launcher with PMIx", None));
        let open = of(&[("PMIX_RANK", "1"), ("OMPI_COMM_WORLD_SIZE", "3")]).expect("Open MPI");
        assert_eq!(open.processes, Some(3));
    }
}
