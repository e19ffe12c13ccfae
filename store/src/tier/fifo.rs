//! S3-FIFO over one shard: a small queue that most keys leave unseen, a main queue with second chances, and a memory of
//! keys that left too early.
//!
//! A get takes no exclusive lock: it only counts a use. Source: Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023. Two things are added, both for loops that are longer than the cache, of which the queues alone
//! keep nothing: what fills the cache first fills the main queue, and a key that comes back is not taken into the main
//! queue while the keys there that are next to leave are in use.

use std::{collections::VecDeque, mem::size_of, sync::Arc};

use super::{
    ghosts::{GHOST_BYTES_MAX, Ghosts},
    hash::Seed,
    table::{Name, Table},
};
use crate::{Batch, Coordinate, Encoded, batch::allocated_bytes};

/// What a queue holds: cheap to give out again, and charged with bytes.
pub(super) trait Held: Clone {
    /// The bytes that it is charged with.
    fn held_bytes(&self) -> usize;
}

impl Held for Arc<Batch> {
    fn held_bytes(&self) -> usize {
        self.size_bytes()
    }
}

impl Held for Encoded {
    fn held_bytes(&self) -> usize {
        // What it keeps alive, which a builder may have made larger than the stream.
        allocated_bytes(self.bytes().capacity().max(self.bytes().len()))
    }
}

/// Uses with which a key moves from the small queue to the main one.
const USES_TO_MAIN: u64 = 1;

/// The small queue's part of the bytes is one in this many.
const SMALL_PART: usize = 14;

/// Keys of the main queue that lose a use where a key comes back, before that one is turned away from it.
const LOOKS: usize = 4;

/// Taken entries that queues may hold besides as many as half of those that are there.
const TAKEN_MAX: usize = 64;

/// One shard's batches and the order in which they leave.
#[derive(Debug)]
pub(super) struct Fifo<V> {
    table: Table<V>,
    small: Queue,
    main: Queue,
    /// Entries that have a batch.
    len: usize,
    ghosts: Ghosts,
}

/// Names from the oldest to the newest, and the bytes charged for them. Each filled place of the table has its name in one
/// queue, once.
#[derive(Debug, Default)]
struct Queue {
    names: VecDeque<Name>,
    bytes: usize,
}

impl<V: Held> Fifo<V> {
    pub(super) fn new(seed: Seed) -> Self {
        let (small, main) = (Queue::default(), Queue::default());
        Self { table: Table::new(seed), small, main, len: 0, ghosts: Ghosts::default() }
    }

    /// The bytes charged for what is held.
    pub(super) fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn holds(&self, at: &Coordinate) -> bool {
        self.table.find(at).is_ok_and(|place| self.table.slot(place).value.is_some())
    }

    /// Every coordinate that has an entry; in no order.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        self.table.coordinates()
    }

    /// What a batch is charged with here: itself, and its places in the table, in a queue that may have grown to twice its
    /// length, and among the ghosts; half as much again for what was taken.
    pub(super) fn charge(at: &Coordinate, batch: &V) -> usize {
        let places = Table::<V>::entry_bytes(at) + 2 * size_of::<Name>();
        batch.held_bytes().saturating_add(places * 3 / 2 + GHOST_BYTES_MAX)
    }

    /// The batch at a coordinate; counts a use.
    pub(super) fn get(&self, at: &Coordinate) -> Option<V> {
        let slot = self.table.slot(self.table.find(at).ok()?);
        slot.count_use();
        slot.value.clone()
    }

    /// Keeps a batch, and gives the one that it replaces. A replaced batch keeps its place.
    pub(super) fn insert(&mut self, at: &Coordinate, batch: V) -> Option<V> {
        let charge = Self::charge(at, &batch);
        let empty = match self.table.find(at) {
            Ok(place) => {
                let slot = self.table.slot_mut(place);
                let (is_main, old) = (slot.is_main(), slot.value.replace(batch));
                let freed = old.as_ref().map_or(0, |old| Self::charge(at, old));
                self.len += usize::from(old.is_none());
                let queue = if is_main { &mut self.main } else { &mut self.small };
                queue.bytes = queue.bytes + charge - freed;
                return old;
            }
            Err(empty) => empty,
        };
        // Whoever makes way moves in its queue only.
        let is_main = self.ghosts.take(self.table.ghost(at)) && self.makes_way();
        let name = self.table.add(empty, at, batch, is_main);
        let queue = if is_main { &mut self.main } else { &mut self.small };
        queue.names.push_back(name);
        queue.bytes += charge;
        self.len += 1;
        None
    }

    /// Whether one of the main queue's next to leave is out of use; those that are not lose a use and stay.
    fn makes_way(&mut self) -> bool {
        for _ in 0..LOOKS {
            let Some(name) = self.main.names.front().copied() else { return true };
            let Some(place) = self.table.place(name) else { return true };
            let slot = self.table.slot_mut(place);
            let uses = slot.uses();
            if uses == 0 {
                return true;
            }
            slot.set_uses(uses - 1);
            self.main.names.rotate_left(1);
        }
        false
    }

    /// Takes a batch out. Its name stays in its queue until that comes to it, or until there are many such names.
    pub(super) fn remove(&mut self, at: &Coordinate) -> Option<V> {
        let slot = self.table.slot_mut(self.table.find(at).ok()?);
        let batch = slot.value.take()?;
        slot.set_uses(0);
        let queue = if slot.is_main() { &mut self.main } else { &mut self.small };
        queue.bytes -= Self::charge(at, &batch);
        self.len -= 1;
        if self.table.filled() > self.len + self.len / 2 + TAKEN_MAX {
            self.sweep();
        }
        Some(batch)
    }

    /// Forgets the names of what was taken.
    fn sweep(&mut self) {
        let table = &mut self.table;
        for queue in [&mut self.small, &mut self.main] {
            queue.names.retain(|name| {
                let Some(place) = table.place(*name) else { return false };
                let is_there = table.slot(place).value.is_some();
                if !is_there {
                    table.remove(place);
                }
                is_there
            });
        }
    }

    /// Takes out the batch that the policy wants least.
    pub(super) fn evict(&mut self) -> Option<(Coordinate, V)> {
        if self.main.names.is_empty() {
            self.fill_main();
        }
        loop {
            let small_is_over = self.small.bytes.saturating_mul(SMALL_PART) >= self.bytes();
            let from_small = !self.small.names.is_empty() && (small_is_over || self.main.names.is_empty());
            let queue = if from_small { &mut self.small } else { &mut self.main };
            let name = queue.names.pop_front()?;
            let Some(place) = self.table.place(name) else { continue };
            let slot = self.table.slot_mut(place);
            let uses = slot.uses();
            if uses >= if from_small { USES_TO_MAIN } else { 1 } {
                slot.set_uses(if from_small { 0 } else { uses - 1 });
                if from_small {
                    self.promote(name, place)
                } else {
                    self.main.names.push_back(name)
                }
                continue;
            }
            let (at, batch) = self.table.remove(place);
            let Some(batch) = batch else { continue };
            queue.bytes -= Self::charge(&at, &batch);
            self.len -= 1;
            if from_small {
                self.ghosts.add(self.table.ghost(&at), self.len + 1);
            }
            return Some((at, batch));
        }
    }

    /// Before the first one leaves: all but the newest are the main queue's.
    fn fill_main(&mut self) {
        while let Some(name) = self.small.names.front().copied() {
            let Some(place) = self.table.place(name) else { break };
            let charge = self.charge_at(place);
            if (self.small.bytes - charge).saturating_mul(SMALL_PART) < self.bytes() {
                break;
            }
            self.small.names.pop_front();
            self.promote(name, place);
        }
    }

    /// Makes a name that left the small queue the newest of the main queue.
    fn promote(&mut self, name: Name, place: usize) {
        let charge = self.charge_at(place);
        self.table.slot_mut(place).set_main();
        self.small.bytes -= charge;
        self.main.bytes += charge;
        self.main.names.push_back(name);
    }

    fn charge_at(&self, place: usize) -> usize {
        let slot = self.table.slot(place);
        slot.value.as_ref().map_or(0, |batch| self.table.with_coordinate(place, |at| Self::charge(at, batch)))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, RecordBatch};

    use super::*;
    use crate::Stratum;

    fn batch(rows: i32) -> Arc<Batch> {
        let column = Arc::new(Int32Array::from_iter_values(0..rows));
        Arc::new(Batch::new(RecordBatch::try_from_iter([("a", column as _)]).unwrap()))
    }

    fn at(number: u32) -> Coordinate {
        number.into()
    }

    /// The queues hold each entry once and charge what they hold.
    fn check(fifo: &Fifo<Arc<Batch>>) {
        let (mut filled, mut len) = (0, 0);
        for (queue, is_main) in [(&fifo.small, false), (&fifo.main, true)] {
            let mut bytes = 0;
            for name in &queue.names {
                let place = fifo.table.place(*name).unwrap();
                assert_eq!(fifo.table.slot(place).is_main(), is_main);
                bytes += fifo.charge_at(place);
                (filled, len) = (filled + 1, len + usize::from(fifo.table.slot(place).value.is_some()));
            }
            assert_eq!(queue.bytes, bytes);
        }
        assert_eq!((filled, len, fifo.coordinates().len()), (fifo.table.filled(), fifo.len, len));
        assert!(filled <= len + len / 2 + TAKEN_MAX, "{filled} places for {len} batches");
    }

    #[test]
    fn unused_leave_first_and_in_order() {
        let mut fifo = Fifo::new(Seed::random());
        (0..4).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        assert!(fifo.get(&at(0)).is_some());
        let mut left: Vec<_> = std::iter::from_fn(|| fifo.evict().map(|(at, _)| at.to_u64().unwrap())).collect();
        assert_eq!(left.pop(), Some(0), "the used one leaves last");
        assert_eq!(left, [3, 1, 2], "the newest is the small queue, the others are the main one");
        check(&fifo);
    }

    #[test]
    fn a_scan_does_not_wash_the_used_out() {
        let mut fifo = Fifo::new(Seed::random());
        (0..50).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        (0..50).for_each(|number| drop(fifo.get(&at(number))));
        for number in 1_000..5_000 {
            fifo.insert(&at(number), batch(1));
            fifo.evict();
        }
        check(&fifo);
        // All but the small queue's part, which the scan passes through.
        assert_eq!((0..50).filter(|&number| fifo.get(&at(number)).is_some()).count(), 47);
    }

    #[test]
    fn who_comes_back_goes_promote() {
        let mut fifo = Fifo::new(Seed::random());
        (0..20).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        let (first, _) = fifo.evict().unwrap();
        fifo.insert(&first, batch(1));
        assert!(fifo.table.slot(fifo.table.find(&first).unwrap()).is_main());
        check(&fifo);
    }

    /// Of a loop longer than the cache, about as many keys are hit as there is room for.
    #[test]
    fn a_loop_is_kept_in_part() {
        let mut fifo = Fifo::new(Seed::random());
        let mut hits = 0;
        for step in 0..12_000_u32 {
            let key = at(step % 300);
            hits += usize::from(fifo.get(&key).is_some());
            if !fifo.holds(&key) {
                fifo.insert(&key, batch(1));
            }
            if fifo.len() > 100 {
                fifo.evict();
            }
        }
        check(&fifo);
        assert!(hits > 3_000, "{hits}");
    }

    #[test]
    fn any_history_keeps_the_lists_sound() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut fifo = Fifo::new(Seed::random());
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // A third of the keys is a longer path.
            let number = (state >> 20) as u32 % 96;
            let key = if number < 64 { at(number) } else { at(0).child(Stratum::LAST).child(at(number).last()) };
            match state % 8 {
                0..3 => drop(fifo.insert(&key, batch((state >> 40) as i32 % 50))),
                3..6 => drop(fifo.get(&key)),
                6 => drop(fifo.remove(&key)),
                _ => drop(fifo.evict()),
            }
            if state.is_multiple_of(64) {
                check(&fifo);
            }
        }
        check(&fifo);
        while fifo.evict().is_some() {}
        check(&fifo);
        assert_eq!((fifo.bytes(), fifo.len()), (0, 0));
    }
}
