//! Durable puts of 4 KiB, one at a time and by 64 threads, beside the durable stores and one write with a sync.

use crate::{
    arguments::Arguments,
    keys::batch,
    logs::{BARE, Named, OURS, STORE, Value, bare},
    report::{Better, Table},
    rounds::{Contestant, median, run},
    threads,
};
use anyhow::{Context as _, Result};
use std::{path::Path, sync::Mutex};

/// Threads that put at once.
const WORKERS: usize = 64;

/// Puts of each of them in a round.
const EACH: usize = 4;

/// Measures.
///
/// # Errors
/// What a store says.
pub(crate) fn measure(arguments: &Arguments, folder: &Path, stores: &[Named], notes: &[String]) -> Result<Vec<Table>> {
    let value = Value::new(batch(4_096, 0)?)?;
    let alone: Vec<u64> = (0..arguments.size(100, 5)).collect();
    let together: Vec<u64> = (0..(WORKERS * arguments.size(EACH, 1)) as u64).collect();
    let bare = bare(folder)?;
    let contestants = || stores.iter().filter(|(name, _)| *name != STORE).chain([&bare]);

    let one = contestants().map(|(name, store)| {
        let (alone, value) = (&alone, &value);
        Contestant::new(*name, move || {
            let mut times = Vec::with_capacity(alone.len());
            store.puts(alone, value, &mut times)?;
            let times: Vec<f64> = times.into_iter().map(|time| time as f64 / 1e3).collect();
            Ok(median(&times))
        })
    });
    let lines = run(arguments.rounds(), one.collect(), arguments.alone.as_deref())?;
    let mut table = Table::new("SD: durable put of 4 KiB, one at a time, p50", "us", Better::Less, lines);
    table.ask_ratio(OURS, BARE, 1.15);
    notes.iter().for_each(|note| table.note(note));

    let many = contestants().map(|(name, store)| {
        let (together, value) = (&together, &value);
        Contestant::new(*name, move || {
            let failed = Mutex::new(None);
            let taken = threads::time(WORKERS, |worker| {
                if let Err(error) = store.puts(threads::part(together, worker, WORKERS), value, &mut Vec::new())
                    && let Ok(mut failed) = failed.lock()
                {
                    *failed = Some(error);
                }
            });
            match failed.into_inner().ok().context("a lock is broken")? {
                Some(error) => Err(error),
                None => Ok(taken.as_nanos() as f64 / 1e3 / together.len() as f64),
            }
        })
    });
    let lines = run(arguments.rounds(), many.collect(), arguments.alone.as_deref())?;
    let mut group = Table::new(format!("SD: durable put of 4 KiB, {WORKERS} threads"), "us each", Better::Less, lines);
    group.ask(OURS, 100.0);
    group.note("the time of all, over their number: threads share a sync where the store can");
    notes.iter().for_each(|note| group.note(note));
    Ok(vec![table, group])
}
