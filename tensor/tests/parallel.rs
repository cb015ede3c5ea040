//! Which threads run a parallel region, how panics propagate, and that no region deadlocks.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use wengert_tensor::parallel;

/// An estimate of work that is large enough for any number of threads.
const MUCH: usize = usize::MAX;

/// The threads that process `pieces` pieces of work, of which each waits until as many threads have arrived or
/// ten seconds have passed.
fn workers(pieces: usize) -> HashSet<ThreadId> {
    workers_after(pieces, || {})
}

/// [`workers`], with `work` done by each of them first.
fn workers_after(pieces: usize, work: impl Fn() + Sync) -> HashSet<ThreadId> {
    let (ids, arrived) = (Mutex::new(HashSet::new()), Condvar::new());
    parallel::for_each_index(pieces, MUCH, |_| {
        work();
        let mut ids = ids.lock().unwrap();
        ids.insert(thread::current().id());
        arrived.notify_all();
        let patience = Duration::from_secs(10);
        let few = |ids: &mut HashSet<ThreadId>| ids.len() < pieces;
        drop(arrived.wait_timeout_while(ids, patience, few).unwrap());
    });
    ids.into_inner().unwrap()
}

#[test]
fn the_requested_number_of_threads_work_including_the_caller() {
    for threads in 1..5 {
        parallel::with_threads(threads, || {
            assert_eq!(parallel::threads(), threads);
            let workers = workers(threads);
            assert!(workers.contains(&thread::current().id()));
            assert_eq!(workers.len(), threads);
        });
    }
}

#[test]
fn nested_thread_counts_are_restored() {
    parallel::with_threads(3, || {
        parallel::with_threads(2, || assert_eq!(parallel::threads(), 2));
        assert_eq!(parallel::threads(), 3);
        let panicking = || parallel::with_threads(2, || panic!("early end"));
        catch_unwind(panicking).unwrap_err();
        assert_eq!(parallel::threads(), 3);
    });
}

#[test]
fn a_helper_has_the_thread_count_of_its_caller() {
    parallel::with_threads(3, || {
        let helped = workers_after(3, || assert_eq!(parallel::threads(), 3));
        assert_eq!(helped.len(), 3);
    });
}

#[test]
fn a_worker_of_a_rayon_pool_works_alone_without_with_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
    pool.unwrap().install(|| {
        assert_eq!(parallel::threads(), 1);
        let caller = thread::current().id();
        parallel::for_each_index(9, MUCH, |_| assert_eq!(thread::current().id(), caller));
        parallel::with_threads(2, || assert_eq!(workers(2).len(), 2));
    });
}

#[test]
fn every_chunk_is_processed_once_with_its_index() {
    for threads in [1, 2, 3, 7] {
        parallel::with_threads(threads, || {
            for (length, chunk) in [(0, 3), (1, 1), (9, 3), (10, 3), (1000, 7), (5, 100), (3, 0)] {
                let mut out = vec![0; length];
                parallel::for_chunks_mut(&mut out, chunk, MUCH, |index, part| {
                    assert!(part.len() <= chunk.max(1));
                    // Gives helpers time to take chunks from the back.
                    thread::sleep(Duration::from_micros(20));
                    for (i, to) in part.iter_mut().enumerate() {
                        *to += 1 + index * chunk.max(1) + i;
                    }
                });
                assert!(out.iter().copied().eq(1..=length));
            }
            let squares = parallel::map_chunks(100, MUCH, |i| i * i);
            assert!(squares.into_iter().eq((0..100).map(|i| i * i)));
        });
    }
}

#[test]
fn little_work_stays_with_the_caller() {
    let caller = thread::current().id();
    parallel::with_threads(3, || {
        // The helpers are polling now and would take work if it were offered.
        workers(3);
        parallel::for_each_index(50, parallel::GRAIN - 1, |_| {
            thread::sleep(Duration::from_micros(100));
            assert_eq!(thread::current().id(), caller);
        });
    });
}

#[test]
fn a_helper_is_woken_for_many_small_pieces() {
    let small = 2 * parallel::GRAIN;
    parallel::with_threads(2, || {
        let caller = thread::current().id();
        let helped = AtomicBool::new(false);
        let since = Instant::now();
        while !helped.load(Ordering::Relaxed) && since.elapsed() < Duration::from_secs(20) {
            parallel::for_each_index(2, small, |_| {
                helped.fetch_or(thread::current().id() != caller, Ordering::Relaxed);
                thread::sleep(Duration::from_micros(20));
            });
        }
        assert!(helped.into_inner(), "the caller was alone all the time");
    });
}

#[test]
fn regions_in_regions_end() {
    for threads in [1, 2, 4] {
        let count = AtomicUsize::new(0);
        parallel::with_threads(threads, || {
            for _ in 0..50 {
                parallel::for_each_index(5, MUCH, |_| {
                    parallel::for_each_index(4, MUCH, |_| {
                        parallel::for_each_index(3, MUCH, |_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                });
            }
        });
        assert_eq!(count.into_inner(), 50 * 5 * 4 * 3);
    }
}

#[test]
fn threads_without_processors_stay_out_of_short_regions() {
    let processors = thread::available_parallelism().unwrap().get();
    let threads = 2 * processors + 2;
    parallel::with_threads(threads, || {
        // All helpers are polling now and would take work if it were offered.
        assert_eq!(workers(threads).len(), threads);
        for _ in 0..20 {
            let ids = Mutex::new(HashSet::new());
            parallel::for_each_index(8 * threads, 100 * threads * parallel::GRAIN, |_| {
                ids.lock().unwrap().insert(thread::current().id());
                thread::sleep(Duration::from_micros(50));
            });
            assert!(ids.into_inner().unwrap().len() <= processors.max(2));
        }
    });
}

#[test]
fn many_more_threads_than_processors_end() {
    let count = AtomicUsize::new(0);
    parallel::with_threads(16, || {
        for round in 0..200 {
            let work = if round % 10 == 0 {
                MUCH
            } else {
                100 * parallel::GRAIN
            };
            parallel::for_each_index(9, work, |_| {
                parallel::for_each_index(4, work, |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                });
            });
        }
    });
    assert_eq!(count.into_inner(), 200 * 9 * 4);
}

#[test]
fn callers_that_share_helpers_do_not_wait_for_each_other() {
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    parallel::for_each_index(6, MUCH, |_| {
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    assert_eq!(count.into_inner(), 4 * 200 * 6);
}

#[test]
fn a_panic_reaches_the_caller_with_its_message_and_other_threads_continue() {
    for threads in [1, 2, 3] {
        parallel::with_threads(threads, || {
            for at in [0, 7, 15] {
                let work = || {
                    parallel::for_each_index(16, MUCH, |index| {
                        thread::sleep(Duration::from_micros(100));
                        assert!(index != at, "piece {index} fails");
                    });
                };
                let payload = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
                let message = payload.downcast_ref::<String>().unwrap();
                assert_eq!(*message, format!("piece {at} fails"));
                // A helper that has just reported its end is not idle yet.
                let all_return = (0..5).any(|_| workers(threads).len() == threads);
                assert!(all_return, "helpers are lost");
            }
        });
    }
}

#[test]
#[should_panic(expected = "0 threads do no work")]
fn zero_threads_panic() {
    parallel::with_threads(0, || ());
}
