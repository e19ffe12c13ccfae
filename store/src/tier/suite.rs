//! The suite that every tier passes: for this crate's tiers, and for anyone who writes one.
//!
//! It panics with the name of the subject and what did not hold. Turn the feature `testing` on to call it.

use std::{sync::Arc, thread};

use arrow_array::{Array, Int64Array, RecordBatch, UInt32Array, cast::AsArray, types::UInt32Type};

use super::Tier;
use crate::{Batch, Coordinate, Error};

/// Keys that the suite uses: 0 up to this.
pub const KEYS: u32 = 256;

/// Makes a tier with this budget in bytes.
pub type Make<'a> = &'a dyn Fn(usize) -> Box<dyn Tier>;

/// The coordinate of a key; distinct keys have distinct coordinates.
pub type At<'a> = &'a (dyn Fn(u32) -> Coordinate + Sync);

/// Checks a tier against everything that [`Tier`] promises.
///
/// # Panics
/// Where something does not hold.
pub fn conforms(name: &str, make: Make<'_>, at: At<'_>) {
    holds_what_was_put(name, &*make(1 << 24), at);
    refuses_what_is_too_large(name, make, at);
    stays_within_its_budget(name, make, at);
    readers_see_their_own_key(name, &*make(1 << 16), at);
}

/// A batch that carries its key, and so many more bytes.
pub fn batch(key: u32, rows: usize) -> Arc<Batch> {
    let key = Arc::new(UInt32Array::from(vec![key; rows + 1])) as Arc<dyn Array>;
    let more = Arc::new(Int64Array::from(vec![7; rows + 1]));
    let records = RecordBatch::try_from_iter([("key", key), ("more", more)]);
    Arc::new(Batch::new(records.unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty())))))
}

/// The key that a batch carries.
fn key_of(batch: &Batch) -> Option<u32> {
    batch.records().columns().first().map(|column| column.as_primitive::<UInt32Type>().value(0))
}

fn get(name: &str, tier: &dyn Tier, at: &Coordinate) -> Option<Arc<Batch>> {
    tier.get(at).unwrap_or_else(|error| unreachable!("{name}: get {at}: {error}"))
}

fn holds_what_was_put(name: &str, tier: &dyn Tier, at: At<'_>) {
    assert_eq!(tier.stats().entries, 0, "{name}: a new tier is empty");
    for key in 0..KEYS {
        assert!(get(name, tier, &at(key)).is_none(), "{name}: key {key} before any put");
        assert!(matches!(tier.remove(&at(key)), Ok(None)), "{name}: remove key {key} before any put");
        assert!(matches!(tier.put(&at(key), batch(key, 1)), Ok(out) if out.is_empty()), "{name}: put key {key}");
    }
    let stats = tier.stats();
    assert_eq!((stats.entries, stats.puts, stats.evictions), (KEYS as usize, KEYS.into(), 0), "{name}: {stats:?}");
    assert!(stats.bytes > 0 && stats.bytes <= stats.budget_bytes, "{name}: {stats:?}");
    assert_eq!(stats.budget_bytes, tier.budget_bytes(), "{name}");
    for key in 0..KEYS {
        assert_eq!(get(name, tier, &at(key)).and_then(|batch| key_of(&batch)), Some(key), "{name}: get key {key}");
    }
    let (hits, misses) = (tier.stats().hits, tier.stats().misses);
    assert_eq!((hits, misses), (KEYS.into(), KEYS.into()), "{name}: hits and misses");

    let held = get(name, tier, &at(0));
    assert!(matches!(tier.put(&at(0), batch(9_000, 5)), Ok(out) if out.is_empty()), "{name}: replace");
    assert_eq!(get(name, tier, &at(0)).and_then(|batch| key_of(&batch)), Some(9_000), "{name}: the new version");
    assert_eq!(held.and_then(|batch| key_of(&batch)), Some(0), "{name}: a reader keeps its snapshot");
    for key in 0..KEYS {
        let expected = if key == 0 { 9_000 } else { key };
        let removed = tier.remove(&at(key)).ok().flatten();
        assert_eq!(removed.and_then(|batch| key_of(&batch)), Some(expected), "{name}: remove key {key}");
        assert!(get(name, tier, &at(key)).is_none(), "{name}: key {key} after its removal");
    }
    let stats = tier.stats();
    assert_eq!((stats.entries, stats.bytes), (0, 0), "{name}: an emptied tier charges nothing");
}

fn refuses_what_is_too_large(name: &str, make: Make<'_>, at: At<'_>) {
    let tier = make(16_384);
    assert!(tier.put(&at(1), batch(1, 1)).is_ok(), "{name}: put");
    let before = tier.stats();
    for (key, rows) in [(2, 20_000), (1, 20_000)] {
        let error = tier.put(&at(key), batch(key, rows)).err();
        assert!(matches!(error, Some(Error::Exhausted(_))), "{name}: a batch over the whole budget: {error:?}");
    }
    assert_eq!(tier.stats(), before, "{name}: a refused put changes nothing");
    assert_eq!(get(name, &*tier, &at(1)).and_then(|batch| key_of(&batch)), Some(1), "{name}");
}

fn stays_within_its_budget(name: &str, make: Make<'_>, at: At<'_>) {
    let tier = make(100_000);
    let (mut kept, mut displaced) = (0, 0);
    for round in 0..4_000_u32 {
        let key = round.wrapping_mul(2_654_435_761) >> 24;
        match tier.put(&at(key), batch(key, (round % 300) as usize)) {
            Ok(out) => {
                kept += 1;
                displaced += out.len();
                assert!(
                    out.iter().all(|(left, batch)| *left != at(key) && key_of(batch).map(at).as_ref() == Some(left))
                );
            }
            Err(Error::Exhausted(_)) => {}
            Err(error) => unreachable!("{name}: put in round {round}: {error}"),
        }
        let stats = tier.stats();
        assert!(stats.bytes <= 100_000, "{name}: over the budget in round {round}: {stats:?}");
    }
    let stats = tier.stats();
    assert_eq!(stats.puts, kept, "{name}: puts that kept their batch");
    assert!(stats.evictions >= displaced as u64, "{name}: what is displaced was evicted");
    assert!(stats.bytes > 50_000, "{name}: the budget is used: {stats:?}");
}

fn readers_see_their_own_key(name: &str, tier: &dyn Tier, at: At<'_>) {
    thread::scope(|scope| {
        for worker in 0..4_u32 {
            scope.spawn(move || {
                let mut state = worker + 1;
                for _ in 0..3_000 {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let key = state >> 24;
                    match state >> 20 & 3 {
                        0 => {
                            let put = tier.put(&at(key), batch(key, (state >> 8 & 63) as usize));
                            assert!(matches!(put, Ok(_) | Err(Error::Exhausted(_))), "{name}: {put:?}");
                        }
                        1 if state & 0xf00 == 0 => drop(tier.remove(&at(key))),
                        _ => {
                            let found = get(name, tier, &at(key)).map(|batch| key_of(&batch));
                            assert!(found.is_none_or(|found| found == Some(key)), "{name}: key {key} gave {found:?}");
                        }
                    }
                    if state >> 16 & 15 == 0 {
                        assert!(tier.stats().bytes <= tier.budget_bytes(), "{name}: over the budget");
                    }
                }
            });
        }
    });
    (0..KEYS).for_each(|key| drop(tier.remove(&at(key))));
    assert_eq!((tier.stats().entries, tier.stats().bytes), (0, 0), "{name}: nothing is lost from the books");
}
