//! [`Normalize::of_shared`]: the statistics of a data set, of which each process reads a part.

use super::error::TrainError;
use super::processes::agree;
use crate::data::{DataError, Dataset, Normalize};
use crate::distributed::{Communicator, shards_of};

impl Normalize {
    /// As [`of`](Self::of), with the same bits, where each process of a run reads a part of the set, twice.
    ///
    /// ```
    /// use wengert::data::{ImageSet, Normalize};
    /// use wengert::distributed::Simulator;
    ///
    /// let digits = ImageSet::digits();
    /// let shared = Simulator::new(2).run(|communicator| {
    ///     Normalize::of_shared(&digits, Some(communicator)).expect("the digits can be read")
    /// });
    /// assert_eq!(shared, [Normalize::of(&digits), Normalize::of(&digits)]);
    /// ```
    ///
    /// # Errors
    /// If a process cannot read a sample.
    ///
    /// # Panics
    /// As [`of`](Self::of).
    #[track_caller]
    pub fn of_shared(
        set: &dyn Dataset,
        communicator: Option<&Communicator>,
    ) -> Result<Self, TrainError> {
        let (rank, size) = communicator.map_or((0, 1), |all| (all.rank(), all.size()));
        let own = shards_of(rank, size, set.len());
        Self::of_sums(set, |sums| {
            let own: Result<_, DataError> = sums(own.clone());
            let own = agree(communicator, own.map_err(TrainError::from))?;
            let Some(communicator) = communicator else {
                return Ok(own);
            };
            let bytes = own.iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
            let all = communicator.gather(bytes).concat();
            let numbers = all.as_chunks().0.iter();
            Ok(numbers.map(|&bytes| f64::from_le_bytes(bytes)).collect())
        })
    }
}
