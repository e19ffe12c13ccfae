//! A shard's entries by coordinate: an open table with keys and batches side by side, so that a get mostly takes one cache
//! line here.

use std::{
    mem::size_of,
    sync::atomic::{AtomicU64, Ordering},
};

use super::hash::Seed;
use crate::Coordinate;

/// Uses that are told apart; more count as this many.
const USES_MAX: u64 = 3;

/// Places at first.
const SLOTS_MIN: usize = 16;

/// What stands for an entry's coordinate in its shard: the six bytes of a path of one stratum, or, for a longer path, 25 bits
/// of its hash and where the path lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(u64);

const LONG: u64 = 1 << 57;
const LONG_HASH_BITS: u32 = 25;
const LONG_INDEX_BITS: u32 = 32;
const NAME: u64 = (1 << 58) - 1;

/// What is told of an entry above its name.
const MAIN: u64 = 1 << 58;
const USE: u64 = 1 << 59;
const USES: u64 = USE * USES_MAX;

/// No entry.
const EMPTY: u64 = u64::MAX;

/// Entries by coordinate. One lies at its hash's place or in the run of filled places from there on; at least a quarter of
/// the places is empty. An entry whose batch was taken stays until its queue comes to it.
#[derive(Debug)]
pub(super) struct Table<V> {
    /// A power of two, or none.
    slots: Vec<Slot<V>>,
    /// What a hash is shifted by to give a place.
    shift: u32,
    /// Filled places.
    filled: usize,
    /// Paths of more than one stratum; `None` is free.
    paths: Vec<Option<Coordinate>>,
    free_paths: Vec<u32>,
    seed: Seed,
}

/// A place: a name with its queue and uses, and the batch.
#[derive(Debug)]
pub(super) struct Slot<V> {
    word: AtomicU64,
    /// `None` where the batch was taken.
    pub(super) value: Option<V>,
}

impl<V> Slot<V> {
    fn empty() -> Self {
        Self { word: AtomicU64::new(EMPTY), value: None }
    }

    fn word(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    /// Counts a use. Two readers may count one together: the order of leaving is a guess in any case. Nothing else of the
    /// word changes while there are readers.
    pub(super) fn count_use(&self) {
        let word = self.word();
        if word & USES != USES {
            self.word.store(word + USE, Ordering::Relaxed);
        }
    }

    pub(super) fn uses(&self) -> u64 {
        (self.word() & USES) / USE
    }

    pub(super) fn set_uses(&mut self, uses: u64) {
        let word = self.word.get_mut();
        *word = (*word & !USES) | (uses.min(USES_MAX) * USE);
    }

    pub(super) fn is_main(&self) -> bool {
        self.word() & MAIN != 0
    }

    pub(super) fn set_main(&mut self) {
        *self.word.get_mut() |= MAIN;
    }
}

impl<V> Table<V> {
    pub(super) fn new(seed: Seed) -> Self {
        Self { slots: Vec::new(), shift: 0, filled: 0, paths: Vec::new(), free_paths: Vec::new(), seed }
    }

    /// What an entry at a coordinate costs here at most: right after growing, 3 of 8 places are in use.
    pub(super) fn entry_bytes(at: &Coordinate) -> usize {
        let path = match at.as_root() {
            Some(_) => 0,
            // In a list that may have grown to twice its length, and the free ones.
            None => 2 * (size_of::<Option<Coordinate>>() + size_of::<u32>()) + at.heap_bytes(),
        };
        size_of::<Slot<V>>() * 8 / 3 + 1 + path
    }

    /// Filled places, those without a batch too.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// The place of a coordinate, or the empty place where it would be.
    pub(super) fn find(&self, at: &Coordinate) -> Result<usize, usize> {
        if let Some(root) = at.as_root() {
            return self.probe(self.hash(Name(root)), |name| name == root);
        }
        let tag = self.long_tag(at);
        self.probe(self.hash(Name(tag)), |name| {
            name >> LONG_INDEX_BITS == tag >> LONG_INDEX_BITS && self.path(name) == Some(at)
        })
    }

    /// The place of a name.
    pub(super) fn place(&self, name: Name) -> Option<usize> {
        self.probe(self.hash(name), |other| other == name.0).ok()
    }

    pub(super) fn slot(&self, place: usize) -> &Slot<V> {
        &self.slots[place]
    }

    pub(super) fn slot_mut(&mut self, place: usize) -> &mut Slot<V> {
        &mut self.slots[place]
    }

    /// Adds a coordinate that is not there at the empty place that [`find`](Self::find) gave.
    pub(super) fn add(&mut self, place: usize, at: &Coordinate, value: V, is_main: bool) -> Name {
        let name = match at.as_root() {
            Some(root) => Name(root),
            None => Name(self.long_tag(at) | u64::from(self.keep_path(at))),
        };
        let mut place = place;
        if (self.filled + 1) * 4 > self.slots.len() * 3 {
            self.grow();
            place = self.probe(self.hash(name), |_| false).unwrap_or_else(|empty| empty);
        }
        let word = AtomicU64::new(name.0 | if is_main { MAIN } else { 0 });
        self.slots[place] = Slot { word, value: Some(value) };
        self.filled += 1;
        name
    }

    /// Takes out what lies at a place. Those after it in the run move up, unless they would come before their own place.
    pub(super) fn remove(&mut self, place: usize) -> (Coordinate, Option<V>) {
        let mask = self.slots.len() - 1;
        let (mut gap, mut next) = (place, (place + 1) & mask);
        let out = std::mem::replace(&mut self.slots[place], Slot::empty());
        loop {
            let word = self.slots[next].word();
            if word == EMPTY {
                break;
            }
            let home = self.home(self.hash(Name(word & NAME)));
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.slots.swap(gap, next);
                gap = next;
            }
            next = (next + 1) & mask;
        }
        self.filled -= 1;
        let name = out.word() & NAME;
        let at = if name & LONG == 0 {
            Coordinate::of_root(name)
        } else {
            self.free_paths.push(name as u32);
            // There is one: no name is removed twice.
            self.paths.get_mut(name as u32 as usize).and_then(Option::take).unwrap_or_else(|| Coordinate::of_root(0))
        };
        (at, out.value)
    }

    /// Calls with the coordinate of what lies at a place.
    pub(super) fn with_coordinate<T>(&self, place: usize, then: impl FnOnce(&Coordinate) -> T) -> T {
        let name = self.slots[place].word() & NAME;
        match self.path(name) {
            Some(path) if name & LONG != 0 => then(path),
            _ => then(&Coordinate::of_root(name)),
        }
    }

    /// Each coordinate that has a batch; in no order.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        let held = (0..self.slots.len()).filter(|place| self.slots[*place].value.is_some());
        held.map(|place| self.with_coordinate(place, Coordinate::clone)).collect()
    }

    /// What a coordinate is remembered by when it is gone.
    pub(super) fn ghost(&self, at: &Coordinate) -> u32 {
        at.as_root().map_or_else(|| self.seed.path(at.as_bytes()), |root| self.seed.word(root)) as u32
    }

    fn probe(&self, hash: u64, is_it: impl Fn(u64) -> bool) -> Result<usize, usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut place = self.home(hash);
        loop {
            let Some(slot) = self.slots.get(place) else { return Err(0) };
            let word = slot.word();
            if is_it(word & NAME) && word != EMPTY {
                return Ok(place);
            }
            if word == EMPTY {
                return Err(place);
            }
            place = (place + 1) & mask;
        }
    }

    fn home(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    /// The hash that a name's place is the top of.
    fn hash(&self, Name(name): Name) -> u64 {
        if name & LONG == 0 { self.seed.word(name) } else { name >> LONG_INDEX_BITS << (64 - LONG_HASH_BITS) }
    }

    /// A long path's name without its index.
    fn long_tag(&self, at: &Coordinate) -> u64 {
        let hash = self.seed.path(at.as_bytes()) >> (64 - LONG_HASH_BITS);
        LONG | hash << LONG_INDEX_BITS
    }

    fn path(&self, name: u64) -> Option<&Coordinate> {
        self.paths.get(name as u32 as usize)?.as_ref()
    }

    fn keep_path(&mut self, at: &Coordinate) -> u32 {
        if let Some(index) = self.free_paths.pop() {
            self.paths[index as usize] = Some(at.clone());
            return index;
        }
        self.paths.push(Some(at.clone()));
        (self.paths.len() - 1) as u32
    }

    fn grow(&mut self) {
        let places = (self.slots.len() * 2).max(SLOTS_MIN);
        self.shift = u64::BITS - places.trailing_zeros();
        let old = std::mem::take(&mut self.slots);
        self.slots.resize_with(places, Slot::empty);
        for slot in old {
            let word = slot.word();
            if word != EMPTY {
                let place = self.probe(self.hash(Name(word & NAME)), |_| false).unwrap_or_else(|empty| empty);
                self.slots[place] = slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Stratum;

    /// As a map does, with names of both forms.
    #[test]
    fn it_is_a_map() {
        let (mut table, mut map) = (Table::new(Seed::random()), HashMap::new());
        let mut state = 7_u64;
        for step in 0..50_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (state >> 33) % 300;
            let mut at = Coordinate::from(number / 3);
            for _ in 0..number % 3 * 4 {
                at = at.child(Stratum::LAST);
            }
            let found = table.find(&at);
            assert_eq!(found.ok().and_then(|place| table.slot(place).value), map.get(&number).copied());
            match found {
                Ok(place) if (state >> 20).is_multiple_of(2) => {
                    assert_eq!(table.remove(place), (at, map.remove(&number)));
                }
                Ok(place) => table.slot(place).count_use(),
                Err(place) => {
                    let name = table.add(place, &at, step, step % 2 == 0);
                    let place = table.place(name).unwrap();
                    let slot = table.slot_mut(place);
                    assert_eq!((slot.uses(), slot.is_main(), slot.value), (0, step % 2 == 0, Some(step)));
                    slot.set_uses(step % 4);
                    assert_eq!((slot.uses(), slot.is_main()), (step % 4, step % 2 == 0));
                    slot.set_main();
                    assert_eq!((slot.uses(), slot.is_main()), (step % 4, true));
                    map.insert(number, step);
                }
            }
            assert_eq!(table.filled(), map.len());
        }
        assert_eq!(table.coordinates().len(), map.len());
        assert!(table.paths.len() <= 200, "places of paths are used again");
    }
}
