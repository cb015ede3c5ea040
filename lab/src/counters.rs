//! Hardware counters of the calling thread: the feature `counters`, on Linux.
//!
//! A system that refuses them, as most virtual machines do, gives no values, and tables have no columns for them.

/// Events by name.
pub type Counts = Vec<(&'static str, f64)>;

#[cfg(all(feature = "counters", target_os = "linux"))]
mod perf {
    use perf_event::events::{Cache, CacheId, CacheOp, CacheResult, Event, Hardware};
    use perf_event::{Builder, Counter, Group};

    use super::Counts;

    /// Counters that run together.
    pub(crate) struct Counters {
        group: Group,
        counters: Vec<(&'static str, Counter)>,
    }

    impl Counters {
        /// `None` if the system counts none of the events.
        pub(crate) fn open() -> Option<Self> {
            let translations = Cache {
                which: CacheId::DTLB,
                operation: CacheOp::READ,
                result: CacheResult::MISS,
            };
            let mut counters = Self::empty()?;
            counters.add("cycles", Hardware::CPU_CYCLES);
            counters.add("instructions", Hardware::INSTRUCTIONS);
            counters.add("cache_misses", Hardware::CACHE_MISSES);
            counters.add("tlb_misses", translations);
            (!counters.counters.is_empty()).then_some(counters)
        }

        fn empty() -> Option<Self> {
            let counters = Vec::new();
            Group::new().ok().map(|group| Self { group, counters })
        }

        /// Adds an event if the system counts it.
        fn add(&mut self, name: &'static str, event: impl Event) {
            if let Ok(counter) = self.group.add(&Builder::new(event)) {
                self.counters.push((name, counter));
            }
        }

        /// Runs something while the counters run.
        pub(crate) fn during(&mut self, work: impl FnOnce()) {
            let is_counting = self.group.enable().is_ok();
            work();
            if is_counting {
                let _ = self.group.disable();
            }
        }

        /// The events since the last call, divided by a number; empty if the processor had no room for all counters.
        pub(crate) fn take(&mut self, divisor: f64) -> Counts {
            let Ok(data) = self.group.read() else {
                return Counts::new();
            };
            let _ = self.group.reset();
            let values = self.counters.iter();
            let values = values.map(|(name, counter)| (*name, data[counter] as f64 / divisor));
            values.filter(|(_, value)| *value > 0.0).collect()
        }
    }

    #[cfg(test)]
    mod tests {
        use perf_event::events::Software;

        use super::Counters;

        #[test]
        fn events_are_counted_while_work_runs_and_then_forgotten() {
            // Sandboxes refuse even events that no hardware counts.
            let Some(mut counters) = Counters::empty() else {
                return;
            };
            counters.add("page faults", Software::PAGE_FAULTS);
            let touch = || drop(std::hint::black_box(vec![1_u8; 64 << 20]));
            counters.during(touch);
            touch();
            let counts = counters.take(2.0);
            if let [(name, faults)] = counts[..] {
                assert_eq!(name, "page faults");
                // One for each page of 4 KiB or of 2 MiB, of one of the two calls.
                assert!((16.0..=1.1 * 8192.0).contains(&faults), "{faults}");
            }
            assert!(counters.take(1.0).is_empty());
        }
    }
}

#[cfg(not(all(feature = "counters", target_os = "linux")))]
mod absent {
    use super::Counts;

    /// No counters.
    pub(crate) enum Counters {}

    impl Counters {
        pub(crate) fn open() -> Option<Self> {
            None
        }

        pub(crate) fn during(&mut self, _: impl FnOnce()) {
            match *self {}
        }

        pub(crate) fn take(&mut self, _: f64) -> Counts {
            match *self {}
        }
    }
}

#[cfg(not(all(feature = "counters", target_os = "linux")))]
pub(crate) use absent::Counters;
#[cfg(all(feature = "counters", target_os = "linux"))]
pub(crate) use perf::Counters;
