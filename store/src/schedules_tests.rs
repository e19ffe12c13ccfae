//! Orders of threads, tried by the thousand: one computation a miss, and no older version comes back.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" HOLOGRAM_ROUNDS=100000 cargo test -p hologram-store --lib --target-dir target/shuttle -- schedules
//! ```
//!
//! A failure prints the schedule that repeats it.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and prints its counts")]

use std::sync::{
    Arc,
    atomic::{AtomicI32, AtomicUsize, Ordering},
};

use arrow_array::{Int32Array, RecordBatch, cast::AsArray, types::Int32Type};
use shuttle::{check_pct, check_random, thread};

use crate::{Batch, Coordinate, Error, Hint, Result, Store};

/// How many schedules are tried of each kind: at random, and with few changes at the worst moments.
fn check(body: impl Fn() + Clone + Send + Sync + 'static) {
    let rounds = std::env::var("HOLOGRAM_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    check_random(body.clone(), rounds / 2);
    check_pct(body, rounds - rounds / 2, 3);
    println!("{rounds} schedules");
}

fn records(value: i32, rows: usize) -> RecordBatch {
    RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![value; rows])) as _)]).unwrap()
}

fn value(batch: &Batch) -> i32 {
    batch.records().column(0).as_primitive::<Int32Type>().value(0)
}

fn at(number: u32) -> Coordinate {
    number.into()
}

/// Three threads resolve one coordinate, by a computation that is told how many ran before it; how many gave an answer,
/// and how many computations ran.
fn resolve_together(compute: fn(usize) -> Result<RecordBatch>) -> (usize, usize) {
    let store = Arc::new(Store::builder().l0_bytes(0).l1_bytes(100_000).l2_bytes(0).build());
    let runs = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (store, runs) = (Arc::clone(&store), Arc::clone(&runs));
            thread::spawn(move || {
                let found = store.resolve(&at(1), || compute(runs.fetch_add(1, Ordering::SeqCst)));
                found.is_ok_and(|batch| value(&batch) == 9)
            })
        })
        .collect();
    let answers = threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum();
    (answers, runs.load(Ordering::SeqCst))
}

#[test]
fn schedules_compute_a_miss_once() {
    check(|| {
        let outcome = resolve_together(|_| {
            thread::yield_now();
            Ok(records(9, 1))
        });
        assert_eq!(outcome, (3, 1));
    });
}

#[test]
fn schedules_free_the_next_after_a_failure() {
    check(|| {
        let outcome = resolve_together(|before| match before {
            0 => Err(Error::Invalid("the first".into())),
            _ => Ok(records(9, 1)),
        });
        assert_eq!(outcome, (2, 2));
    });
}

/// A key is replaced and removed while another thread's puts push it from tier to tier.
#[test]
fn schedules_never_bring_an_older_version_back() {
    check(|| {
        // Room for two batches a tier: the next put pushes the first one out.
        let room = 2 * (records(0, 300).get_array_memory_size() + 700);
        let store = Arc::new(Store::builder().l0_bytes(0).l1_bytes(room).l2_bytes(room).build());
        let done = Arc::new(AtomicI32::new(1));
        store.put(&at(0), records(1, 300)).unwrap();
        store.put(&at(1), records(-1, 300)).unwrap();
        let writer = {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            thread::spawn(move || {
                store.remove(&at(0)).unwrap();
                done.store(2, Ordering::SeqCst);
                store.put(&at(0), records(3, 300)).unwrap();
                done.store(3, Ordering::SeqCst);
            })
        };
        let other = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                store.put(&at(2), records(-1, 300)).unwrap();
                store.get_local(&at(0), Hint::Point).unwrap();
            })
        };
        for _ in 0..2 {
            let before = done.load(Ordering::SeqCst);
            let found = store.get_local(&at(0), Hint::Point).unwrap().map(|batch| value(&batch));
            assert!(found.is_none_or(|found| found >= before), "{found:?} after step {before}");
        }
        writer.join().unwrap();
        other.join().unwrap();
        let last = store.get_local(&at(0), Hint::Point).unwrap().map(|batch| value(&batch));
        assert!(last.is_none_or(|last| last == 3), "{last:?} in the end");
    });
}
