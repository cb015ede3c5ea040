//! Recorded calls: the same results, the same tasks on any machine, and what the replay makes of them.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use wengert_tensor::parallel::trace::{Part, Region, Trace, record};
use wengert_tensor::parallel::{self, GRAIN};
use wengert_tensor::{ConvOptions, Tensor};

/// A convolution, a product, elementwise work and a sum, all large enough for several threads.
fn work() -> Vec<u32> {
    let values = (0..4 * 32 * 20 * 20).map(|i| (i % 17) as f32 - 8.0);
    let x = Tensor::from_vec(values.collect(), [4, 32, 20, 20]);
    let w = Tensor::ones([32, 32, 3, 3]);
    let y = x.conv2d(&w, &ConvOptions::default());
    let rows = y.reshape([128, 324]);
    let product = rows.matmul(&rows.transpose(0, 1));
    let sum = (&x + &x).sum(..);
    let values = product.to_vec().into_iter().chain(sum.to_vec());
    values.map(f32::to_bits).collect()
}

/// The number of tasks of each region; -1 is work done alone.
fn structure(trace: &Trace) -> Vec<i64> {
    let of_part = |part: &Part| match part {
        Part::Alone(_) => vec![-1],
        Part::Region(region) => {
            let mut numbers = vec![region.tasks.len() as i64];
            numbers.extend(region.tasks.iter().flat_map(structure));
            numbers
        }
    };
    trace.parts.iter().flat_map(of_part).collect()
}

#[test]
fn a_recorded_call_has_the_same_bits() {
    let expected = work();
    for threads in [1, 2, 16] {
        assert!(record(threads, work).0 == expected);
    }
}

#[test]
fn the_tasks_do_not_depend_on_the_threads_that_record_them() {
    for stated in [2, 16] {
        let expected = structure(&record(stated, work).1);
        assert!(expected.iter().filter(|&&count| count > 1).count() >= 4);
        for threads in [1, 2, 3] {
            let recorded = parallel::with_threads(threads, || record(stated, work).1);
            assert_eq!(structure(&recorded), expected);
        }
    }
}

#[test]
fn the_recorded_times_add_up_to_the_whole() {
    let start = Instant::now();
    let (_, trace) = record(4, work);
    let elapsed = start.elapsed();
    assert!(trace.time() <= elapsed);
    assert_eq!(trace.time_on(1), trace.time());
    let path = trace.critical_path();
    for threads in [2, 3, 16, 64] {
        let time = trace.time_on(threads);
        assert!(path <= time && time <= trace.time());
    }
    let mut shorter = trace.clone();
    shorter.keep_shorter(&record(4, work).1);
    assert!(shorter.time() <= trace.time());
}

#[test]
fn inside_a_recording_there_are_the_threads_that_it_asks_for() {
    let outside = parallel::threads();
    let ((inner, _), outer) = record(5, || {
        assert_eq!(parallel::threads(), 5);
        let inner = record(7, parallel::threads);
        assert_eq!(parallel::threads(), 5);
        parallel::for_each_index(3, GRAIN, |_| assert_eq!(parallel::threads(), 5));
        inner
    });
    assert_eq!(inner, 7);
    assert_eq!(structure(&outer), [-1, 3, -1, -1, -1, -1]);
    catch_unwind(|| record(5, || panic!("early end"))).unwrap_err();
    assert_eq!(parallel::threads(), outside);
}

#[test]
#[should_panic(expected = "threads: 0 threads do no work")]
fn no_recording_is_for_0_threads() {
    record(0, || ());
}

#[test]
#[should_panic(expected = "recordings of different calls")]
fn recordings_of_different_calls_are_not_merged() {
    let region = |count| record(2, || parallel::for_each_index(count, GRAIN, |_| ())).1;
    region(3).keep_shorter(&region(4));
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn alone(time: u64) -> Trace {
    Trace {
        parts: vec![Part::Alone(milliseconds(time))],
    }
}

fn region(work: usize, tasks: Vec<Trace>) -> Part {
    Part::Region(Region { work, tasks })
}

/// Enough elementary steps for any number of threads.
const MUCH: usize = usize::MAX;

#[test]
fn threads_share_tasks_until_there_are_none() {
    let tasks = vec![alone(1); 8];
    let trace = Trace {
        parts: vec![
            Part::Alone(milliseconds(2)),
            region(MUCH, tasks.clone()),
            Part::Alone(milliseconds(1)),
        ],
    };
    assert_eq!(trace.time(), milliseconds(11));
    assert_eq!(trace.critical_path(), milliseconds(4));
    for (threads, time) in [(1, 11), (2, 7), (3, 6), (4, 5), (8, 4), (64, 4)] {
        assert_eq!(
            trace.time_on(threads),
            milliseconds(time),
            "{threads} threads"
        );
    }
    // Each helper needs `GRAIN` steps.
    let parts = vec![region(GRAIN, tasks)];
    assert_eq!(Trace { parts }.time_on(8), milliseconds(4));
}

#[test]
fn the_largest_task_delays_the_end() {
    let tasks = [1, 1, 1, 6].map(alone).to_vec();
    let trace = Trace {
        parts: vec![region(MUCH, tasks)],
    };
    let expected = [(1, 9), (2, 6), (4, 6)];
    for (threads, time) in expected {
        assert_eq!(
            trace.time_on(threads),
            milliseconds(time),
            "{threads} threads"
        );
    }
    let region = trace.longest_region().expect("there is one");
    assert_eq!(region.innermost(), [1, 1, 1, 6].map(milliseconds));
}

#[test]
fn idle_threads_help_in_the_regions_of_a_task() {
    let inner = Trace {
        parts: vec![region(MUCH, vec![alone(1); 4])],
    };
    let trace = Trace {
        parts: vec![region(MUCH, vec![inner; 2])],
    };
    assert_eq!(trace.critical_path(), milliseconds(1));
    assert_eq!(trace.time_on(2), milliseconds(4));
    // Both begin at the same time, and each takes its half of the threads.
    assert_eq!(trace.time_on(4), milliseconds(2));
    assert_eq!(trace.time_on(8), milliseconds(1));
    let region = trace.longest_region().expect("there is one");
    assert_eq!(region.innermost(), [milliseconds(1); 8]);
}
