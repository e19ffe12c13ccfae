//! The pinned tier beside a bare vector of `ArcSwapOption`: gets by slot and by coordinate.

use crate::{
    arguments::Arguments,
    keys::{Random, batch},
    report::{Better, Table},
    rounds::{Contestant, run},
    threads,
};
use anyhow::Result;
use arc_swap::ArcSwapOption;
use hologram_store::{Batch, Coordinate, L0, Tier};
use std::{hint::black_box, sync::Arc, time::Instant};

/// Slots: an open plan's, which the processor's caches hold.
const SLOTS: u64 = 4_096;

/// One way to get, over all keys of a thread.
type Gets<'a> = Box<dyn Fn(&[u64]) + Sync + 'a>;

/// Measures.
///
/// # Errors
/// What the tier says.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Table>> {
    let mut random = Random::new(10);
    let keys: Vec<u64> = (0..arguments.size(2_000_000, 20_000)).map(|_| random.below(SLOTS)).collect();
    let batches = (0..SLOTS).map(|key| batch(8, key as i64)).collect::<Result<Vec<_>>>()?;
    let plain: Vec<ArcSwapOption<Batch>> = batches.iter().map(|batch| Some(Arc::clone(batch)).into()).collect();
    let tier = L0::new(1 << 30);
    let region = tier.pin(&Coordinate::from(0_u32), SLOTS as usize)?;
    for (key, batch) in (0..SLOTS).zip(&batches) {
        tier.put(&Coordinate::from(key), Arc::clone(batch))?;
    }
    let ways: Vec<(&str, &str, Gets<'_>)> = vec![
        (
            "slot, owned",
            "Vec, owned",
            Box::new(|keys| keys.iter().for_each(|key| drop(black_box(region.get(*key as usize))))),
        ),
        (
            "slot, borrowed",
            "Vec, borrowed",
            Box::new(|keys| {
                keys.iter().for_each(|key| {
                    black_box(region.with(*key as usize, Batch::size_bytes));
                });
            }),
        ),
        (
            "coordinate, owned",
            "",
            Box::new(|keys| {
                keys.iter().for_each(|key| drop(black_box(tier.find(&Coordinate::from(*key)))));
            }),
        ),
        (
            "Vec, owned",
            "",
            Box::new(|keys| {
                keys.iter()
                    .for_each(|key| drop(black_box(plain.get(*key as usize).and_then(ArcSwapOption::load_full))));
            }),
        ),
        (
            "Vec, borrowed",
            "",
            Box::new(|keys| {
                let size = |slot: &ArcSwapOption<Batch>| slot.load().as_ref().map(|batch| batch.size_bytes());
                keys.iter().for_each(|key| {
                    black_box(plain.get(*key as usize).and_then(size));
                });
            }),
        ),
    ];
    let mut tables = Vec::new();
    for count in [1, 2] {
        let turn = |gets: &'_ Gets<'_>| -> Result<f64> {
            let taken = if count == 1 {
                let start = Instant::now();
                gets(&keys);
                start.elapsed()
            } else {
                threads::time(count, |worker| gets(threads::part(&keys, worker, count)))
            };
            Ok(taken.as_nanos() as f64 / keys.len() as f64)
        };
        let turn = &turn;
        let contestants = ways.iter().map(|(name, _, gets)| Contestant::new(*name, move || turn(gets))).collect();
        let lines = run(arguments.rounds(), contestants, arguments.alone.as_deref())?;
        let title = format!("L0: {SLOTS} slots, {count} thread(s)");
        let mut table = Table::new(title, "ns per get", Better::Less, lines);
        for (name, peer, _) in ways.iter().filter(|(_, peer, _)| !peer.is_empty()) {
            table.ask_ratio(name, peer, 1.15);
        }
        table.note("by coordinate a region is searched first and the get is counted; a plan holds its region");
        tables.push(table);
    }
    Ok(tables)
}
