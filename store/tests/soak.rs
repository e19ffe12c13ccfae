//! A store under load for a long time: memory stays what its budgets say.
//!
//! A plain run ends soon after small budgets are used up. This takes twenty minutes and prints a line a minute:
//!
//! ```sh
//! MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=8192 HOLOGRAM_SECONDS=1200 HOLOGRAM_MIB=256 HOLOGRAM_PERCENT=110 \
//!     cargo test --release -p hologram-store --features mmap --test soak -- --nocapture
//! ```

#![cfg(all(feature = "mmap", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and a long one says how far it is"
)]

use arrow_array::{Int64Array, RecordBatch, StringArray};
use hologram_store::{Coordinate, Hint, Put, Store, tier::sd::SdOptions};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Resident memory of this process that no file backs.
fn anonymous_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn records(seed: u64) -> RecordBatch {
    // Four kilobytes to half a megabyte, most of them small.
    let rows = 128_usize << (seed.trailing_zeros().min(7));
    let numbers = Int64Array::from_iter_values((0..rows as u64).map(|row| (seed ^ row) as i64));
    let texts = StringArray::from_iter_values((0..rows as u64).map(|row| format!("row {}", seed ^ row)));
    RecordBatch::try_from_iter([("number", Arc::new(numbers) as _), ("text", Arc::new(texts) as _)]).unwrap()
}

#[test]
fn memory_stays_within_the_budgets() {
    let seconds = number("HOLOGRAM_SECONDS").unwrap_or(1);
    let budgets = number("HOLOGRAM_MIB").unwrap_or(32) << 20;
    // Twice what the budgets hold.
    let keys = budgets / (8 << 10);
    let folder = tempfile::tempdir().unwrap();
    let disk = SdOptions { budget_bytes: 4 * budgets, ..SdOptions::default() };
    let builder = Store::builder().l0_bytes(0).l1_bytes(budgets as usize / 2).l2_bytes(budgets as usize / 2);
    let store = builder.disk(disk).open(folder.path()).unwrap();
    let baseline = anonymous_bytes();
    // What the store charges is within the budgets at every moment; the rest is the allocator's, which keeps room between
    // batches of many sizes unless it is told not to. A leak goes past any bound.
    let bound = baseline + budgets / 100 * number("HOLOGRAM_PERCENT").unwrap_or(200);
    let (calls, end) = (AtomicU64::new(0), Instant::now() + Duration::from_secs(seconds));
    let mut worst = 0;
    thread::scope(|scope| {
        for worker in 0..2_u64 {
            let (store, calls) = (&store, &calls);
            scope.spawn(move || {
                let mut state = worker + 1;
                while Instant::now() < end || store.stats().l2.evictions < 100 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    // Keys come again: some often, all now and then.
                    let key = (state >> 33) % if state >> 32 & 3 == 0 { keys } else { 500 };
                    let at = Coordinate::from(key);
                    let hint = if state >> 40 & 7 == 0 { Hint::Scan } else { Hint::Point };
                    match state >> 50 & 15 {
                        0..6 => drop(store.put_with(&at, records(state), Put { hint, ..Put::default() })),
                        6 => drop(store.remove(&at).unwrap()),
                        _ => drop(store.get_local(&at, hint).unwrap()),
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let start = Instant::now();
        let mut next = Duration::from_secs(60);
        while Instant::now() < end || store.stats().l2.evictions < 100 {
            thread::sleep(Duration::from_millis(20));
            worst = worst.max(anonymous_bytes());
            if start.elapsed() >= next {
                let (done, mib) = (calls.load(Ordering::Relaxed), worst >> 20);
                println!("{} s: {done} calls, at most {mib} MiB of {} allowed", next.as_secs(), bound >> 20);
                next += Duration::from_secs(60);
            }
        }
    });
    let (done, stats) = (calls.load(Ordering::Relaxed), store.stats());
    println!(
        "{done} calls: at most {} KiB of anonymous memory; {} KiB at the start, {} KiB of budgets, {:.2} of them in use",
        worst >> 10,
        baseline >> 10,
        budgets >> 10,
        worst.saturating_sub(baseline) as f64 / budgets as f64
    );
    assert!(stats.l1.bytes + stats.l2.bytes > budgets as usize / 2, "the budgets were used: {stats:?}");
    assert!(worst <= bound, "{worst} bytes of anonymous memory, {bound} allowed");
}
