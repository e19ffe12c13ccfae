//! Threads that begin together.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// The time from when the first of some workers begins, all being ready, until the last one ends.
pub(crate) fn time(workers: usize, work: impl Fn(usize) + Sync) -> Duration {
    let barrier = Barrier::new(workers);
    let zero = Instant::now();
    let spans: Vec<(Duration, Duration)> = thread::scope(|scope| {
        let spawned: Vec<_> = (0..workers)
            .map(|worker| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    let start = zero.elapsed();
                    work(worker);
                    (start, zero.elapsed())
                })
            })
            .collect();
        spawned.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let start = spans.iter().map(|span| span.0).min().unwrap_or_default();
    let end = spans.iter().map(|span| span.1).max().unwrap_or_default();
    end.saturating_sub(start)
}

/// A worker's part of what all do.
pub(crate) fn part<T>(all: &[T], worker: usize, workers: usize) -> &[T] {
    let length = all.len() / workers;
    &all[worker * length..(worker + 1) * length]
}
