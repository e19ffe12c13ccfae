//! Gets from disk to a record batch, the pages in the system's cache, beside the durable stores.

use crate::{
    arguments::Arguments,
    keys::{Random, batch},
    logs::{Ends, Named, OURS, STORE, Value},
    report::{Better, Table},
    rounds::{Contestant, median, run},
};
use anyhow::Result;

/// Measures.
///
/// # Errors
/// What a store says.
pub(crate) fn measure(arguments: &Arguments, stores: &[Named], notes: &[String]) -> Result<Vec<Table>> {
    let (small_keys, large_keys, length) = arguments.size((20_000, 16, 20_000), (200, 4, 200));
    let (small, large) = (Value::new(batch(4_096, 0)?)?, Value::new(batch(1_500_000, 0)?)?);
    let small_keys: Vec<u64> = (0..small_keys).collect();
    let large_keys: Vec<u64> = (0..large_keys).map(|key| 1_000_000 + key).collect();
    for (_, store) in stores {
        store.fill(&small_keys, &small)?;
        store.fill(&large_keys, &large)?;
    }
    let mut random = Random::new(40);
    let mut draw = |keys: &[u64], count: usize| -> Vec<u64> {
        (0..count).map(|_| keys[random.below(keys.len() as u64) as usize]).collect()
    };
    let gets_small = draw(&small_keys, length);
    let gets_large = draw(&large_keys, length / 50);
    let mut tables = Vec::new();
    for (title, keys, bound) in
        [("SD: get of 4 KiB, p50", gets_small, 2.5), ("SD: get of 1.5 MB, p50", gets_large, 100.0)]
    {
        let (keys, mut contestants) = (&keys, Vec::new());
        for (name, store) in stores {
            let turn = move |ends| {
                let mut times = Vec::with_capacity(keys.len());
                store.gets(keys, ends, &mut times)?;
                let times: Vec<f64> = times.into_iter().map(|time| time as f64 / 1e3).collect();
                Ok(median(&times))
            };
            contestants.push(Contestant::new(*name, move || turn(Ends::Batch)));
            if ![OURS, STORE].contains(name) {
                contestants.push(Contestant::new(format!("{name}, bytes only"), move || turn(Ends::Bytes)));
            }
        }
        let lines = run(arguments.rounds(), contestants, arguments.alone.as_deref())?;
        let mut table = Table::new(title, "us", Better::Less, lines);
        table.ask(OURS, bound);
        for (peer, _) in stores.iter().filter(|(name, _)| ![OURS, STORE].contains(name)) {
            table.ask_ratio(OURS, peer, 1.0);
        }
        table.note(
            "to a record batch: ours checked against its digest, in the map; theirs by arrow's StreamReader, unchecked",
        );
        notes.iter().for_each(|note| table.note(note));
        tables.push(table);
    }
    Ok(tables)
}
