//! Histories of calls against a plain map: whatever the order of puts, removals, reads, pins, syncs, compactions and new
//! starts, and whichever tier answers, a store gives what a map would.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and prints its counts")]

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arrow_array::{Array, Int32Array, RecordBatch, StringArray};

use super::*;
use crate::tier::sd::{disk::Disk, lying::Lying};

const OPERATIONS: usize = 200;
const KEYS: u64 = 24;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Keys side by side, below one another, and beyond the inline form.
fn key(number: u64) -> Coordinate {
    let at = Coordinate::from(number / 3 * 97);
    let stratum = crate::Stratum::from_number(number).unwrap();
    match number % 3 {
        0 => at,
        1 => at.child(stratum),
        _ => (0..5).fold(at, |at, _| at.child(stratum)),
    }
}

fn records(value: i32, random: &mut Random) -> RecordBatch {
    let rows = [1, 1, 2, 50, 400][random.below(5) as usize];
    let numbers: Arc<dyn Array> = Arc::new(Int32Array::from(vec![value; rows]));
    match random.below(3) {
        0 => RecordBatch::try_from_iter([("number", numbers)]),
        1 => RecordBatch::try_from_iter([
            ("number", numbers),
            ("text", Arc::new(StringArray::from(vec!["what a row says"; rows])) as _),
        ]),
        // Equal content under several keys.
        _ => RecordBatch::try_from_iter([("number", Arc::new(Int32Array::from(vec![value % 5])) as Arc<dyn Array>)]),
    }
    .unwrap()
}

/// A store of one history, with tiers far too small for it.
struct Subject {
    store: Store,
    disk: Option<Arc<Lying>>,
    budgets: [usize; 3],
    pins: Vec<Arc<Region>>,
}

impl Subject {
    fn new(random: &mut Random) -> Self {
        let budget = |random: &mut Random| [0, 2_000, 9_000, 60_000][random.below(4) as usize];
        let budgets = [budget(random), budget(random), budget(random)];
        let disk = (random.below(4) > 0).then(|| Arc::new(Lying::new()));
        let store = Self::open(disk.as_ref(), budgets);
        Self { store, disk, budgets, pins: Vec::new() }
    }

    fn open(disk: Option<&Arc<Lying>>, [l0, l1, l2]: [usize; 3]) -> Store {
        let builder = Store::builder().l0_bytes(l0).l1_bytes(l1).l2_bytes(l2);
        match disk {
            Some(disk) => {
                let options = SdOptions { segment_bytes: 20_000, ..SdOptions::default() };
                builder.on(Sd::on(Arc::clone(disk) as Arc<dyn Disk>, options).unwrap())
            }
            None => builder.build(),
        }
    }

    fn reopen(&mut self) {
        self.pins.clear();
        self.store = Store::builder().build();
        self.store = Self::open(self.disk.as_ref(), self.budgets);
    }
}

/// What a map says, with the version where there is a disk.
type Model = BTreeMap<Coordinate, (RecordBatch, u64)>;

fn history(seed: u64) -> Result<usize, String> {
    let random = &mut Random(seed);
    let mut subject = Subject::new(random);
    let mut model = Model::new();
    let mut hits = 0;
    for step in 0..OPERATIONS {
        let at = key(random.below(KEYS));
        let wrong = |what: String| format!("HOLOGRAM_SEED={seed} step {step}: {at}: {what}");
        let store = &subject.store;
        match random.below(20) {
            0..6 => {
                let batch = records(step as i32, random);
                let hint = [Hint::Scan, Hint::Point, Hint::Point, Hint::Pin][random.below(4) as usize];
                let there = model.get(&at).map(|(_, version)| *version);
                let guess = [None, Some(there), Some(Some(1))][random.below(3) as usize];
                let expected = guess.filter(|_| subject.disk.is_some());
                let durability = match random.below(3) {
                    0 if subject.disk.is_some() => Durability::Local,
                    _ => Durability::Memory,
                };
                let put = Put { durability, hint, expected, ..Put::default() };
                match store.put_with(&at, batch.clone(), put) {
                    Ok(version) => {
                        if expected.is_some_and(|expected| expected != there) {
                            return Err(wrong(format!("{put:?} was taken, with {there:?} there")));
                        }
                        drop(model.insert(at.clone(), (batch, version)));
                    }
                    Err(Error::Conflict(_)) if expected.is_some_and(|expected| expected != there) => {}
                    // In memory only, what fits nowhere replaces what was there by nothing.
                    Err(Error::Exhausted(_)) if subject.disk.is_none() => drop(model.remove(&at)),
                    Err(error) => return Err(wrong(format!("{put:?}: {error}"))),
                }
            }
            6 | 7 => {
                let removed = store.remove(&at).map_err(|error| wrong(error.to_string()))?;
                let was_there = model.remove(&at).is_some();
                if subject.disk.is_some() && removed != was_there || removed && !was_there {
                    return Err(wrong(format!("removed {removed}, was there {was_there}")));
                }
            }
            8..15 => {
                let hint = [Hint::Scan, Hint::Point, Hint::Point, Hint::Pin][random.below(4) as usize];
                let found = if random.below(4) == 0 {
                    store.get_resident(&at)
                } else {
                    store.get_local(&at, hint).map_err(|error| wrong(error.to_string()))?
                };
                let expected = model.get(&at).map(|(records, _)| records);
                hits += usize::from(found.is_some());
                match (&found, expected) {
                    (Some(found), Some(expected)) if found.records() == expected => {}
                    // Memory alone may have dropped it.
                    (None, _) => {}
                    (found, expected) => return Err(wrong(format!("{found:?} in place of {expected:?}"))),
                }
                if found.is_none() && expected.is_some() && subject.disk.is_some() {
                    let again = store.get_local(&at, hint).map_err(|error| wrong(error.to_string()))?;
                    if again.is_none_or(|again| Some(again.records()) != expected) {
                        return Err(wrong("it is gone".to_owned()));
                    }
                }
            }
            15 => {
                let (from, to) = (key(random.below(KEYS)), key(random.below(KEYS)));
                let range = (Bound::Included(from.clone()), Bound::Excluded(to.clone()));
                let scanned: Result<Vec<(Coordinate, RecordBatch)>> =
                    store.scan(range).map(|(at, read)| Ok((at, read?.records().clone()))).collect();
                let scanned = scanned.map_err(|error| wrong(error.to_string()))?;
                let expected = model.iter().filter(|(at, _)| **at >= from && **at < to);
                let expected: Vec<_> = expected.map(|(at, (records, _))| (at.clone(), records.clone())).collect();
                let is_subset = scanned.iter().all(|one| expected.contains(one));
                if !is_subset || subject.disk.is_some() && scanned.len() != expected.len() {
                    return Err(wrong(format!(
                        "a scan from {from} to {to} gave {} of {}",
                        scanned.len(),
                        expected.len()
                    )));
                }
            }
            16 => match random.below(3) {
                0 => subject.pins.extend(subject.store.pin(&at, 1 + random.below(4) as usize).ok()),
                1 => {
                    subject.store.unpin_at(&at);
                    subject.pins.pop().inspect(|region| subject.store.unpin(region));
                }
                _ => {
                    let computed = records(step as i32, random);
                    let known = model.get(&at).map(|(records, _)| records.clone());
                    let answer = store.resolve(&at, || Ok::<_, Error>(computed.clone()));
                    let answer = answer.map_err(|error| wrong(error.to_string()))?.records().clone();
                    if Some(&answer) != known.as_ref()
                        && (answer != computed || known.is_some() && subject.disk.is_some())
                    {
                        return Err(wrong("resolve gave neither what is known nor what was computed".to_owned()));
                    }
                    let version = store.disk().and_then(|disk| disk.version(&at)).unwrap_or(0);
                    model.insert(at.clone(), (answer, version));
                }
            },
            17 => store.flush().map_err(|error| wrong(error.to_string()))?,
            18 => {
                if let Some(disk) = store.disk() {
                    disk.compact().map_err(|error| wrong(error.to_string()))?;
                }
            }
            _ if subject.disk.is_some() && random.below(4) == 0 => subject.reopen(),
            _ => {
                let stats = store.stats();
                let [l0, l1, l2] = subject.budgets;
                let is_within = stats.l0.bytes <= l0 && stats.l1.bytes <= l1 && stats.l2.bytes <= l2;
                if !is_within || stats.sd.is_some_and(|sd| sd.entries != model.len()) {
                    return Err(wrong(format!("{stats:?} for {} batches", model.len())));
                }
            }
        }
    }
    Ok(hits)
}

#[test]
fn histories_are_those_of_a_map() {
    let first = number("HOLOGRAM_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros() as u64
    });
    let histories = number("HOLOGRAM_ROUNDS").unwrap_or(200);
    println!("HOLOGRAM_SEED={first}");
    let mut hits = 0;
    for seed in first..first + histories {
        match history(seed) {
            Ok(found) => hits += found,
            Err(error) => unreachable!("{error}"),
        }
    }
    println!("{histories} histories of {OPERATIONS} calls, {hits} reads found a batch, none a wrong one");
    assert!(hits > 20 * histories as usize, "the reads say something");
}
