//! A tape that is recorded for a program.

use std::panic::Location;

use wengert_tensor::Real;

use crate::tape::{Observer, ReplayNotes, Tape};

impl<T: Real> Tape<T> {
    /// An empty tape that keeps every value, and notes whether the program looks at one, to make a
    /// [`Program`](crate::Program) of it.
    #[must_use]
    pub fn for_replay() -> Self {
        Self::with_observer(Some(Observer::Replay(ReplayNotes::default())))
    }

    /// What a program must know, on a tape made by [`for_replay`](Self::for_replay).
    #[inline]
    pub(crate) fn replay_notes(&self) -> Option<&ReplayNotes> {
        match self.observer() {
            Some(Observer::Replay(notes)) => Some(notes),
            _ => None,
        }
    }

    /// Whether the tape was made by [`for_replay`](Self::for_replay).
    pub(crate) fn is_for_replay(&self) -> bool {
        self.replay_notes().is_some()
    }

    /// Tells a tape made by [`for_replay`](Self::for_replay) that the caller does what a program cannot repeat.
    #[doc(hidden)]
    #[track_caller]
    pub fn note_obstacle(&self) {
        if self.first_read().is_none() {
            self.set_first_read(Some(Location::caller()));
        }
    }

    /// Where a program first looked at a value, on a tape made by [`for_replay`](Self::for_replay).
    pub(crate) fn first_read(&self) -> Option<&'static Location<'static>> {
        self.replay_notes()?.read.get()
    }

    /// Sets where a program first looked at a value.
    pub(crate) fn set_first_read(&self, at: Option<&'static Location<'static>>) {
        if let Some(notes) = self.replay_notes() {
            notes.read.set(at);
        }
    }
}
