//! Memos: the answers of rows that were computed, so that an equal row is answered without a run.
//!
//! A [`Memo`] belongs to an entry point of a model, in a namespace of a [`MemoPool`], and is shared by all that ask it:
//! batches, queries, threads. Rows are looked up by their whole key; a hash only says where to look. Those that are not
//! there are grouped, computed once each, and kept. What a memo holds is bounded by its pool, which drops the memos that
//! were not asked for longest. Whether asking pays is for the `judge` to say.

pub(super) mod judge;
mod pool;

pub use pool::{MemoMode, MemoPool, MemoStats};

use super::keys::Keys;
use crate::Result;
use arrow_array::{Array, ArrayRef, UInt32Array};
use hashbrown::{DefaultHashBuilder, HashTable};
use pool::Shared;
use std::{
    mem::size_of,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Marks a row whose answer is not there; the other bits say which of the batch's distinct rows it is.
const NEW: u32 = 1 << 31;

/// The answers of rows that were computed.
#[derive(Debug)]
pub struct Memo {
    hasher: DefaultHashBuilder,
    state: RwLock<State>,
    shared: Arc<Shared>,
    /// When it was asked last, by the pool's count.
    asked: AtomicU64,
    bytes: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
    /// Nanoseconds of a computed row.
    cost: Rate,
    /// Nanoseconds to look a row up.
    price: Rate,
}

#[derive(Debug, Default)]
struct State {
    places: HashTable<Place>,
    keys: Vec<u8>,
    /// Where each entry's key ends.
    ends: Vec<usize>,
    /// The answers in the order of the entries.
    chunks: Vec<ArrayRef>,
    /// Lookups since the last insertion.
    quiet: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u64,
    entry: u32,
}

/// An average of nanoseconds a row, the newest ones weighing most; not a number before the first.
#[derive(Debug)]
struct Rate(AtomicU64);

/// What a lookup found.
pub(super) struct Found {
    /// For each row its entry, or [`NEW`] with the number of a distinct row that has none.
    places: Vec<u32>,
    /// The first row of each distinct one that has no entry.
    pub(super) new: Vec<usize>,
    hashes: Vec<u64>,
    chunks: Vec<ArrayRef>,
}

impl Found {
    /// Rows that need no run of their own.
    pub(super) fn repeats(&self) -> usize {
        self.places.len() - self.new.len()
    }

    /// The answers of all rows, those of the new ones being given.
    pub(super) fn answers(&self, computed: Option<&ArrayRef>) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.chunks.iter().chain(computed).map(AsRef::as_ref).collect();
        if let [one] = arrays.as_slice() {
            let places = self.places.iter().map(|place| place & !NEW).collect::<Vec<_>>();
            return Ok(arrow_select::take::take(*one, &UInt32Array::from(places), None)?);
        }
        let mut starts = Vec::with_capacity(self.chunks.len());
        self.chunks.iter().fold(0_u32, |start, chunk| {
            starts.push(start);
            start + chunk.len() as u32
        });
        let place = |place: &u32| match place & NEW {
            0 => {
                let chunk = starts.partition_point(|start| start <= place) - 1;
                (chunk, (place - starts[chunk]) as usize)
            }
            _ => (starts.len(), (place & !NEW) as usize),
        };
        let places: Vec<(usize, usize)> = self.places.iter().map(place).collect();
        Ok(arrow_select::interleave::interleave(&arrays, &places)?)
    }
}

impl Memo {
    /// So many rows tell what a row costs.
    const TELLING: usize = 128;

    fn new(shared: Arc<Shared>) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            state: RwLock::default(),
            shared,
            asked: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            cost: Rate::default(),
            price: Rate::default(),
        }
    }

    /// Looks rows up and groups those that are not there.
    pub(super) fn find(&self, keys: &Keys, rows: usize) -> Found {
        self.asked.store(self.shared.tick(), Ordering::Relaxed);
        let hashes = keys.hashes(rows, &self.hasher);
        let mut places = vec![NEW; rows];
        let (chunks, settles) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            for (row, (place, hash)) in places.iter_mut().zip(&hashes).enumerate() {
                let key = keys.get(row);
                let same = |p: &Place| p.hash == *hash && state.key(p.entry) == key;
                if let Some(found) = state.places.find(*hash, same) {
                    *place = found.entry;
                }
            }
            let quiet = state.quiet.fetch_add(1, Ordering::Relaxed);
            (state.chunks.clone(), state.chunks.len() > 1 && quiet >= State::QUIET)
        };
        if settles {
            self.state.write().unwrap_or_else(PoisonError::into_inner).settle();
        }
        let new = group(keys, &hashes, &mut places);
        Found { places, new, hashes, chunks }
    }

    /// Notes that rows were answered by what was found.
    pub(super) fn count(&self, found: &Found) {
        self.hits.fetch_add(found.repeats() as u64, Ordering::Relaxed);
        self.misses.fetch_add(found.new.len() as u64, Ordering::Relaxed);
    }

    /// Keeps the answers of the rows that were not there.
    ///
    /// # Errors
    /// Answers of another type than before.
    pub(super) fn keep(&self, keys: &Keys, found: &Found, computed: &ArrayRef) -> Result<()> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Vec::with_capacity(found.new.len());
        for (i, row) in (0_u32..).zip(&found.new) {
            // Another thread may have been sooner; an entry's number must leave the mark free.
            if state.ends.len() < NEW as usize - 1 && state.insert(found.hashes[*row], keys.get(*row)) {
                kept.push(i);
            }
        }
        let mut done = Ok(());
        if !kept.is_empty() {
            // The kept answers are copied: what a run gave may be a part of something larger.
            let answers = arrow_select::take::take(computed, &UInt32Array::from(kept), None);
            done = answers.map_err(Into::into).and_then(|answers| state.push(answers));
            if done.is_err() {
                // Keys without answers must not be found.
                *state = State::default();
            }
        }
        let bytes = state.bytes();
        self.shared.adjust(self.bytes.swap(bytes, Ordering::Relaxed), bytes);
        drop(state);
        self.shared.shrink(self);
        done
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = State::default();
        self.shared.adjust(self.bytes.swap(0, Ordering::Relaxed), 0);
    }

    /// The number of rows whose answers it holds.
    fn entries(&self) -> usize {
        self.state.read().unwrap_or_else(PoisonError::into_inner).ends.len()
    }

    /// Rows that fit the pool's budget, as far as those that are there tell.
    fn capacity(&self) -> f64 {
        let bytes = self.bytes.load(Ordering::Relaxed) as f64 / self.entries().max(1) as f64;
        self.shared.budget() as f64 / bytes.max(State::ENTRY_BYTES as f64)
    }

    /// The time since some moment, where there is a clock.
    pub(super) fn now(&self) -> Option<Duration> {
        self.shared.now()
    }

    /// Notes what some computed rows of a batch took. A few of many tell little: what a run takes besides is theirs then.
    pub(super) fn note_cost(&self, since: Option<Duration>, rows: usize, batch_rows: usize) {
        if rows == batch_rows || rows >= Self::TELLING {
            self.cost.note(since.zip(self.now()), rows);
        }
    }

    /// Notes what looking some rows up took.
    pub(super) fn note_price(&self, since: Option<Duration>, rows: usize) {
        self.price.note(since.zip(self.now()), rows);
    }
}

impl Drop for Memo {
    fn drop(&mut self) {
        self.shared.adjust(*self.bytes.get_mut(), 0);
    }
}

/// Numbers the distinct rows among those without an entry; gives the first row of each.
fn group(keys: &Keys, hashes: &[u64], places: &mut [u32]) -> Vec<usize> {
    let mut new: Vec<usize> = Vec::new();
    let mut numbers: HashTable<u32> = HashTable::new();
    for row in 0..places.len() {
        if places[row] & NEW == 0 {
            continue;
        }
        let key = keys.get(row);
        let entry = numbers.entry(
            hashes[row],
            |number| hashes[new[*number as usize]] == hashes[row] && keys.get(new[*number as usize]) == key,
            |number| hashes[new[*number as usize]],
        );
        let number = match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let number = new.len() as u32;
                entry.insert(number);
                new.push(row);
                number
            }
        };
        places[row] = NEW | number;
    }
    new
}

impl State {
    /// So many lookups without an insertion, and the answers are put together.
    const QUIET: usize = 8;
    /// Bytes of an entry besides its key and answer.
    const ENTRY_BYTES: usize = size_of::<Place>() + size_of::<usize>();

    fn key(&self, entry: u32) -> &[u8] {
        let entry = entry as usize;
        let start = entry.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start..self.ends[entry]]
    }

    /// Adds a key; whether it was not there.
    fn insert(&mut self, hash: u64, key: &[u8]) -> bool {
        if self.places.find(hash, |p| p.hash == hash && self.key(p.entry) == key).is_some() {
            return false;
        }
        let entry = self.ends.len() as u32;
        self.places.insert_unique(hash, Place { hash, entry }, |p| p.hash);
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
        true
    }

    /// Adds answers. Each chunk is more than twice the one after it, so that there are few and each answer is copied
    /// seldom.
    fn push(&mut self, answers: ArrayRef) -> Result<()> {
        self.quiet.store(0, Ordering::Relaxed);
        self.chunks.push(answers);
        while let [.., before, last] = self.chunks.as_slice()
            && last.len() * 2 >= before.len()
        {
            let both = arrow_select::concat::concat(&[before, last])?;
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(both);
        }
        Ok(())
    }

    /// Puts the answers together. They stay apart where that fails.
    fn settle(&mut self) {
        if self.chunks.len() < 2 {
            return;
        }
        let all: Vec<&dyn Array> = self.chunks.iter().map(AsRef::as_ref).collect();
        if let Ok(one) = arrow_select::concat::concat(&all) {
            self.chunks = vec![one];
        }
        self.quiet.store(0, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        let answers: usize = self.chunks.iter().map(|chunk| chunk.get_array_memory_size()).sum();
        self.places.capacity() * size_of::<Place>()
            + self.keys.capacity()
            + self.ends.capacity() * size_of::<usize>()
            + answers
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self(AtomicU64::new(f64::NAN.to_bits()))
    }
}

impl Rate {
    fn note(&self, times: Option<(Duration, Duration)>, rows: usize) {
        let Some((start, end)) = times.filter(|_| rows > 0) else { return };
        let new = end.saturating_sub(start).as_nanos() as f64 / rows as f64;
        let old = self.get().unwrap_or(new);
        // Two threads at once lose one of two measurements.
        self.0.store((old + (new - old) / 4.0).to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Ordering::Relaxed))).filter(|rate| !rate.is_nan())
    }
}
