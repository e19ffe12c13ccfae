//! The hot tier beside caches and maps, without evictions: gets, their distribution, two threads, puts.

use crate::{
    arguments::Arguments,
    caches::{Cache, OURS, STORE, holding},
    keys::{Random, Zipf, batch},
    report::{Better, Table},
    rounds::{Contestant, run},
    threads,
};
use anyhow::Result;
use hologram_store::Batch;
use std::{hint::black_box, sync::Arc, time::Instant};

/// Batches that all keys share in the second half: a store keeps equal content once.
const SHARED: usize = 1_024;

/// Measures.
///
/// # Errors
/// None in practice.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Table>> {
    let (count, length) = arguments.size((1_000_000, 500_000), (2_000, 10_000));
    let mut random = Random::new(20);
    let zipf = Zipf::new(count as u64, 0.99, &mut random);
    let keys: Vec<u64> = (0..length).map(|_| zipf.key(&mut random)).collect();
    let order = random.permutation(count as u64);
    let own = (0..count).map(|key| batch(8, key)).collect::<Result<Vec<_>>>()?;
    let shared: Vec<Arc<Batch>> =
        (0..count as usize).map(|key| Arc::clone(&own[key % SHARED.min(own.len())])).collect();
    let mut tables = measure_with(arguments, "own batches", &own, &keys, &order)?;
    tables.extend(measure_with(arguments, "shared batches", &shared, &keys, &order)?);
    Ok(tables)
}

fn measure_with(
    arguments: &Arguments,
    what: &str,
    batches: &[Arc<Batch>],
    keys: &[u64],
    order: &[u64],
) -> Result<Vec<Table>> {
    let count = batches.len();
    let caches = holding(count, &batches[0]);
    let mut fills = Vec::new();
    for (name, cache) in caches.iter() {
        let start = Instant::now();
        cache.puts(order, batches);
        fills.push(format!("{name} {:.0}", start.elapsed().as_nanos() as f64 / count as f64));
    }
    let alone = arguments.alone.as_deref();
    let table = |title: &str, unit, better, turn: &dyn Fn(&dyn Cache) -> Result<f64>| {
        // A put of the whole store also finds equal content and joins it, which is not what the others do.
        let takes_part = |name: &str| !title.contains("put") || name != STORE;
        let contestants = caches.iter().filter(|(name, _)| takes_part(name));
        let contestants = contestants.map(|(name, cache)| Contestant::new(*name, move || turn(&**cache))).collect();
        run(arguments.rounds(), contestants, alone)
            .map(|lines| Table::new(format!("{title}, {what}"), unit, better, lines))
    };

    let mut gets = table("L1: get", "ns", Better::Less, &|cache| {
        let start = Instant::now();
        let found = cache.gets(keys);
        let taken = start.elapsed().as_nanos() as f64;
        anyhow::ensure!(found == keys.len(), "{found} of {} keys are there", keys.len());
        Ok(taken / keys.len() as f64)
    })?;
    gets.ask(OURS, 100.0);
    gets.ask_ratio(OURS, "quick_cache", 1.0);
    gets.ask_ratio(OURS, "quick_cache, coordinates", 1.0);
    gets.note(format!("{count} keys, Zipf 0.99, nothing leaves, one thread"));

    let overhead = overhead();
    let percentile = |cache: &dyn Cache, percent: usize| {
        let mut times = Vec::with_capacity(keys.len());
        cache.times(keys, &mut times);
        times.sort_unstable();
        Ok(times[times.len() * percent / 100].saturating_sub(overhead) as f64)
    };
    let middle = table("L1: get, p50", "ns", Better::Less, &|cache| percentile(cache, 50))?;
    let mut tail = table("L1: get, p99", "ns", Better::Less, &|cache| percentile(cache, 99))?;
    tail.ask(OURS, 1_000.0);
    tail.note(format!("each get timed by itself, less {overhead} ns for two looks at the clock"));

    let mut both = table("L1: get, two threads", "M/s", Better::More, &|cache| {
        let taken = threads::time(2, |worker| {
            black_box(cache.gets(threads::part(keys, worker, 2)));
        });
        Ok(keys.len() as f64 / taken.as_secs_f64() / 1e6)
    })?;
    both.ask(OURS, 20.0);
    both.ask_ratio(OURS, "quick_cache", 1.0);
    both.ask_ratio(OURS, "quick_cache, coordinates", 1.0);

    let mut puts = table("L1: put in place", "ns", Better::Less, &|cache| {
        let start = Instant::now();
        cache.puts(keys, batches);
        Ok(start.elapsed().as_nanos() as f64 / keys.len() as f64)
    })?;
    puts.ask(OURS, 100.0);
    puts.note(format!("once, {count} new keys in any order, ns a put: {}", fills.join(", ")));
    Ok(vec![gets, middle, tail, both, puts])
}

/// What two looks at the clock take, in nanoseconds.
fn overhead() -> u64 {
    let mut times: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
