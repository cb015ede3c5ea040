//! Parallel regions on the user's threads: in their rayon pools, under their locks, with their thread-locals, in
//! child processes.
//!
//! The law: a thread that waits for a parallel region runs no other job meanwhile.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rayon::prelude::*;
use wengert_tensor::{Tensor, parallel};

/// Large enough for several threads to share the work.
const EXTENT: usize = 192;

/// An estimate of work that is large enough for any number of threads.
const MUCH: usize = usize::MAX;

/// The numbers of threads that each case runs with; with `WENGERT_FULL=1` a hundred times.
fn thread_counts() -> Vec<usize> {
    let is_full = std::env::var_os("WENGERT_FULL").is_some();
    [2, 4, 8].repeat(if is_full { 100 } else { 1 })
}

/// Runs `f` on a thread, and panics if it has not ended after two minutes.
fn must_end(f: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        f();
        done.send(()).unwrap();
    });
    match end.recv_timeout(Duration::from_mins(2)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a thread hangs"),
        _ => thread.join().unwrap(),
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    builder.build().unwrap()
}

/// A permutation matrix: its products are exact.
fn rotation() -> Tensor<f32> {
    let is_one = |i: usize| i % EXTENT == (i / EXTENT + 1) % EXTENT;
    let values = (0..EXTENT * EXTENT).map(|i| f32::from(u8::from(is_one(i))));
    Tensor::from_vec(values.collect(), [EXTENT, EXTENT])
}

thread_local! {
    static OWN: RefCell<usize> = const { RefCell::new(0) };
}

/// Panics if another job of this test is running on this thread.
fn alone_on_this_thread<R>(f: impl FnOnce() -> R) -> R {
    OWN.with_borrow_mut(|count| {
        *count += 1;
        f()
    })
}

#[test]
fn a_lock_may_be_held_over_an_operation_in_a_rayon_pool() {
    for threads in thread_counts() {
        must_end(move || {
            let (lock, w) = (Mutex::new(rotation()), rotation());
            pool(threads).install(|| {
                (0..12).into_par_iter().with_max_len(1).for_each(|_| {
                    let mut g = lock.lock().unwrap();
                    *g = g.matmul(&w);
                });
            });
            let expected = (0..12).fold(rotation(), |g, _| g.matmul(&w));
            assert_eq!(lock.into_inner().unwrap().to_vec(), expected.to_vec());
        });
    }
}

#[test]
fn a_lock_may_be_held_while_helpers_work_for_a_worker_of_a_rayon_pool() {
    for threads in thread_counts() {
        must_end(move || {
            let (lock, w) = (Mutex::new(rotation()), rotation());
            let pool = pool(threads);
            let inner = rayon::ThreadPoolBuilder::new()
                .num_threads(2)
                .build()
                .unwrap();
            pool.install(|| {
                (0..12).into_par_iter().with_max_len(1).for_each(|i| {
                    let step = || {
                        parallel::with_threads(3, || {
                            assert_eq!(parallel::threads(), 3);
                            let mut g = lock.lock().unwrap();
                            *g = g.matmul(&w);
                        });
                    };
                    // In a pool inside a pool as well.
                    if i % 2 == 0 {
                        step();
                    } else {
                        inner.install(step);
                    }
                });
            });
        });
    }
}

#[test]
fn no_other_job_runs_on_a_thread_that_waits_for_a_region() {
    for threads in thread_counts() {
        must_end(move || {
            let count = AtomicUsize::new(0);
            pool(threads).install(|| {
                (0..200).into_par_iter().with_max_len(1).for_each(|i| {
                    alone_on_this_thread(|| {
                        let region = || {
                            parallel::for_each_index(6, MUCH, |_| {
                                thread::sleep(Duration::from_micros(20));
                                count.fetch_add(1, Ordering::Relaxed);
                            });
                        };
                        match i % 10 {
                            0 => parallel::with_threads(3, region),
                            _ => region(),
                        }
                    });
                });
            });
            assert_eq!(count.into_inner(), 200 * 6);
        });
    }
}

#[test]
fn a_helper_may_hold_a_lock_over_a_region_of_its_own() {
    for threads in thread_counts() {
        must_end(move || {
            parallel::with_threads(threads, || {
                let (lock, count) = (Mutex::new(()), AtomicUsize::new(0));
                for _ in 0..20 {
                    parallel::for_each_index(8, MUCH, |_| {
                        alone_on_this_thread(|| {
                            let _held = lock.lock().unwrap();
                            parallel::for_each_index(4, MUCH, |_| {
                                thread::sleep(Duration::from_micros(10));
                                count.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    });
                }
                assert_eq!(count.into_inner(), 20 * 8 * 4);
            });
        });
    }
}

#[test]
fn threads_that_share_helpers_may_share_a_lock() {
    for threads in thread_counts() {
        must_end(move || {
            let (lock, w) = (Arc::new(Mutex::new(rotation())), Arc::new(rotation()));
            let step = move || {
                for _ in 0..3 {
                    // The caller and the helpers contend for the lock.
                    parallel::for_each_index(3, MUCH, |_| {
                        let mut g = lock.lock().unwrap();
                        *g = g.matmul(&w);
                    });
                }
            };
            let callers: Vec<_> = (0..threads).map(|_| thread::spawn(step.clone())).collect();
            for caller in callers {
                caller.join().unwrap();
            }
        });
    }
}

#[test]
fn a_panic_in_a_chunk_leaves_a_rayon_worker_to_its_own_jobs() {
    for threads in thread_counts() {
        must_end(move || {
            pool(threads).install(|| {
                (0..40).into_par_iter().with_max_len(1).for_each(|i| {
                    alone_on_this_thread(|| {
                        let failing = || {
                            parallel::for_each_index(9, MUCH, |index| {
                                thread::sleep(Duration::from_micros(20));
                                assert!(index != i % 9, "piece {index} fails");
                            });
                        };
                        let result = catch_unwind(AssertUnwindSafe(|| match i % 4 {
                            0 => parallel::with_threads(3, failing),
                            _ => failing(),
                        }));
                        let payload = result.unwrap_err();
                        let message = payload.downcast_ref::<String>().unwrap();
                        assert_eq!(*message, format!("piece {} fails", i % 9));
                    });
                });
            });
        });
    }
}

#[test]
fn a_chunk_may_use_rayon_itself() {
    must_end(|| {
        parallel::with_threads(3, || {
            let (sent, received) = mpsc::channel();
            parallel::for_each_index(20, MUCH, |i| {
                alone_on_this_thread(|| {
                    let sum: usize = (0..1000).into_par_iter().sum();
                    assert_eq!(sum, 499_500);
                });
                let sent = sent.clone();
                rayon::spawn(move || sent.send(i).unwrap());
            });
            let mut left: Vec<usize> = received.iter().take(20).collect();
            left.sort_unstable();
            assert!(left.into_iter().eq(0..20));
        });
    });
}

#[test]
fn the_destructor_of_a_thread_local_may_compute() {
    struct Last(mpsc::Sender<(Vec<f32>, Vec<f32>, String)>);
    impl Drop for Last {
        fn drop(&mut self) {
            let w = rotation();
            let product = w.matmul(&w).to_vec();
            let asked = parallel::with_threads(2, || w.matmul(&w).to_vec());
            let mistake = catch_unwind(AssertUnwindSafe(|| {
                let _scope = wengert_tensor::fail::Scope::enter("layer".into());
                w.reshape([1])
            }));
            let message = mistake.unwrap_err().downcast_ref::<String>().cloned();
            self.0.send((product, asked, message.unwrap())).unwrap();
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    must_end(|| {
        let (sent, received) = mpsc::channel();
        let thread = thread::spawn(move || {
            // Now the thread-locals of the library exist too, and may be destroyed before this one.
            LAST.set(Some(Last(sent)));
            parallel::with_threads(2, || rotation().matmul(&rotation()));
            let _scope = wengert_tensor::fail::Scope::enter("model".into());
        });
        thread.join().unwrap();
        let expected = rotation().matmul(&rotation()).to_vec();
        let (product, asked, message) = received.recv().unwrap();
        assert_eq!((product, asked), (expected.clone(), expected));
        assert!(message.contains("reshape"), "{message}");
    });
}

#[test]
fn any_environment_starts_a_limited_number_of_threads() {
    let processors = thread::available_parallelism().unwrap().get();
    assert!((1..=4 * processors).contains(&parallel::threads()));
}

#[test]
fn a_thousand_threads_in_the_environment_are_limited() {
    for asked in ["1000", "1", "0", "many"] {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.env("RAYON_NUM_THREADS", asked);
        test.args([
            "--exact",
            "any_environment_starts_a_limited_number_of_threads",
        ]);
        let output = test.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{asked}: {said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_forked_child_computes_alone() {
    use std::os::unix::process::CommandExt;

    must_end(|| {
        let (w, expected) = (rotation(), rotation().matmul(&rotation()).to_vec());
        let child_computes = move || {
            let alone = parallel::threads() == 1 && w.matmul(&w).to_vec() == expected;
            let error = || std::io::Error::other("the child has another product");
            alone.then_some(()).ok_or_else(error)
        };
        let mut child = Command::new("true");
        // SAFETY: the C library's allocator may be used after `fork`, and the closure takes no lock that
        // another thread of this process may hold.
        unsafe { child.pre_exec(child_computes) };
        assert!(child.status().unwrap().success());
    });
}
