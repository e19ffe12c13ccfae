//! The hot tier beside caches at a tenth of the keys: a get, and on a miss a put that makes room.

use crate::{
    arguments::Arguments,
    caches::{OURS, evicting},
    keys::{Random, Zipf, batch},
    report::{Better, Table},
    rounds::{Contestant, run},
    threads,
};
use anyhow::Result;
use std::{hint::black_box, time::Instant};

/// Measures.
///
/// # Errors
/// None in practice.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Table>> {
    let (count, length) = arguments.size((1_000_000, 1_000_000), (5_000, 10_000));
    let mut random = Random::new(30);
    let batches = (0..count).map(|key| batch(8, key)).collect::<Result<Vec<_>>>()?;
    let zipf = Zipf::new(count as u64, 0.99, &mut random);
    let warm: Vec<u64> = (0..length).map(|_| zipf.key(&mut random)).collect();
    let keys: Vec<u64> = (0..length).map(|_| zipf.key(&mut random)).collect();
    let caches = evicting(count as usize / 10, &batches[0]);
    let ratios: Vec<String> = caches
        .iter()
        .map(|(name, cache)| {
            cache.gets_or_puts(&warm, &batches);
            format!("{name} {:.4}", cache.gets_or_puts(&keys, &batches) as f64 / length as f64)
        })
        .collect();
    let alone = arguments.alone.as_deref();
    let mut tables = Vec::new();
    for workers in [1, 2] {
        let contestants = caches.iter().map(|(name, cache)| {
            Contestant::new(*name, || {
                let taken = if workers == 1 {
                    let start = Instant::now();
                    cache.gets_or_puts(&keys, &batches);
                    start.elapsed()
                } else {
                    threads::time(workers, |worker| {
                        black_box(cache.gets_or_puts(threads::part(&keys, worker, workers), &batches));
                    })
                };
                Ok(length as f64 / taken.as_secs_f64() / 1e6)
            })
        });
        let lines = run(arguments.rounds(), contestants.collect(), alone)?;
        let title = format!("L1 at a tenth: get or put, {workers} thread(s)");
        let mut table = Table::new(title, "M/s", Better::More, lines);
        table.ask_ratio(OURS, "quick_cache", 1.0);
        tables.push(table);
    }
    if let Some(table) = tables.first_mut() {
        let ratio = |name: &str| -> f64 {
            let found = ratios.iter().find_map(|ratio| ratio.strip_prefix(name)?.trim().parse().ok());
            found.unwrap_or(f64::NAN)
        };
        let (ours, theirs) = (ratio(OURS), ratio("quick_cache"));
        table.judge(format!("hit ratio >= quick_cache's {theirs}"), ours, "", ours >= theirs);
        table.note(format!("{count} keys, Zipf 0.99; hit ratios: {}", ratios.join(", ")));
    }
    Ok(tables)
}
