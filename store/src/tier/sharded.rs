//! Shards of queues under one hard budget of bytes: what the tiers in memory are made of.

use std::{
    fmt,
    num::NonZero,
    sync::{PoisonError, atomic::Ordering},
    thread,
};

use super::{
    TierStats,
    fifo::{Fifo, Held},
    hash::Seed,
};
use crate::{
    Class, Coordinate, Error, Result,
    sync::{AtomicU64, AtomicUsize, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// Shards for each processor, so that threads rarely meet in one.
const SHARDS_A_PROCESSOR: usize = 4;

/// Rounds without anything to evict, while other puts hold the room, before a put gives up.
const ROUNDS_MAX: usize = 64;

/// Entries under a budget. A coordinate's routing class chooses its shard, and consecutive coordinates visit all of them in
/// turn; there are as many as the processors ask for, up to one a class. What leaves is chosen by S3-FIFO within a shard.
pub(super) struct Sharded<V> {
    /// What errors call the tier.
    name: &'static str,
    shards: Box<[Shard<V>]>,
    budget_bytes: usize,
    /// Bytes held and bytes promised to puts under way: never over the budget.
    used_bytes: AtomicUsize,
    /// Where the next search for something to evict starts.
    cursor: AtomicUsize,
}

/// The part of some classes, on cache lines of its own. The counters come first, to share the lock's line.
#[repr(C, align(128))]
struct Shard<V> {
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    evictions: AtomicU64,
    fifo: RwLock<Fifo<V>>,
}

impl<V> Shard<V> {
    fn read(&self) -> RwLockReadGuard<'_, Fifo<V>> {
        self.fifo.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Fifo<V>> {
        self.fifo.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Held> Shard<V> {
    fn evict(&self, fifo: &mut Fifo<V>) -> Option<(Coordinate, V)> {
        let evicted = fifo.evict()?;
        self.evictions.fetch_add(1, Ordering::Relaxed);
        Some(evicted)
    }
}

impl<V: Held> Sharded<V> {
    /// No entries, and never a charge of more than this many bytes.
    pub(super) fn new(name: &'static str, budget_bytes: usize) -> Self {
        let seed = Seed::random();
        let shard = |_| Shard {
            fifo: RwLock::new(Fifo::new(seed.clone())),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            puts: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        };
        let wanted = SHARDS_A_PROCESSOR * thread::available_parallelism().map_or(1, NonZero::get);
        // A divisor of the number of classes, so that each shard has as many of them.
        let classes = Class::all().count();
        let count = (1..=classes).find(|count| classes.is_multiple_of(*count) && *count >= wanted).unwrap_or(classes);
        let shards = (0..count).map(shard).collect();
        Self { name, shards, budget_bytes, used_bytes: AtomicUsize::new(0), cursor: AtomicUsize::new(0) }
    }

    /// The entry at a coordinate; counted.
    pub(super) fn find(&self, at: &Coordinate) -> Option<V> {
        let shard = self.shard(at);
        let found = shard.read().get(at);
        let counter = if found.is_some() { &shard.hits } else { &shard.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Whether there is an entry at a coordinate; not counted.
    pub(super) fn holds(&self, at: &Coordinate) -> bool {
        self.shard(at).read().holds(at)
    }

    /// Takes the entry at a coordinate out.
    pub(super) fn take(&self, at: &Coordinate) -> Option<V> {
        let batch = self.shard(at).write().remove(at)?;
        self.release(Fifo::charge(at, &batch));
        Some(batch)
    }

    fn shard(&self, at: &Coordinate) -> &Shard<V> {
        &self.shards[at.routing_class().index() % self.shards.len()]
    }

    fn release(&self, charge: usize) {
        if charge > 0 {
            self.used_bytes.fetch_sub(charge, Ordering::Relaxed);
        }
    }

    /// Takes so many bytes of the budget; whether they were free.
    fn take_room(&self, charge: usize) -> bool {
        let take = |used: usize| used.checked_add(charge).filter(|&used| used <= self.budget_bytes);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Takes so many bytes of the budget, and evicts wherever there is something until they are free.
    fn reserve(&self, at: &Coordinate, charge: usize, displaced: &mut Vec<(Coordinate, V)>) -> Result<()> {
        let mut rounds = 0;
        while !self.take_room(charge) {
            match self.evict_one() {
                Some(evicted) => {
                    self.release(Fifo::charge(&evicted.0, &evicted.1));
                    displaced.push(evicted);
                }
                None if charge <= self.budget_bytes && rounds < ROUNDS_MAX => {
                    rounds += 1;
                    std::hint::spin_loop();
                }
                None => return Err(self.exhausted(at, charge)),
            }
        }
        Ok(())
    }

    /// Evicts from the next shard that holds anything. The bytes are the caller's to release or to use.
    fn evict_one(&self) -> Option<(Coordinate, V)> {
        let start = self.cursor.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let (before, after) = self.shards.split_at(start);
        after.iter().chain(before).find_map(|shard| shard.evict(&mut shard.write()))
    }

    /// Keeps an entry in place of any that the coordinate had, and gives what had to leave.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where the budget cannot take it.
    pub(super) fn insert(&self, at: &Coordinate, batch: V) -> Result<Vec<(Coordinate, V)>> {
        let charge = Fifo::charge(at, &batch);
        if charge > self.budget_bytes {
            return Err(self.exhausted(at, charge));
        }
        let mut displaced = Vec::new();
        let shard = self.shard(at);
        let mut fifo = shard.write();
        // What leaves, leaves this shard under the lock that is held, while it holds about its share or more; its bytes are
        // then this entry's.
        let share = self.budget_bytes / self.shards.len();
        let (mut freed, mut has_room) = (0, self.take_room(charge));
        while !has_room && fifo.bytes() >= share - share / 8 {
            let Some((other, batch)) = shard.evict(&mut fifo) else { break };
            freed += Fifo::charge(&other, &batch);
            displaced.push((other, batch));
            has_room = freed >= charge;
        }
        if has_room {
            self.release(freed.saturating_sub(charge));
        } else {
            drop(fifo);
            self.release(freed);
            self.reserve(at, charge, &mut displaced)?;
            fifo = shard.write();
        }
        let replaced = fifo.insert(at, batch);
        drop(fifo);
        shard.puts.fetch_add(1, Ordering::Relaxed);
        if let Some(replaced) = replaced {
            self.release(Fifo::charge(at, &replaced));
        }
        displaced.retain(|(other, _)| other != at);
        Ok(displaced)
    }

    fn exhausted(&self, at: &Coordinate, charge: usize) -> Error {
        let (name, budget) = (self.name, self.budget_bytes);
        Error::Exhausted(format!(
            "{at}: its batch takes {charge} bytes of the {name} tier's {budget}: raise the budget"
        ))
    }

    pub(super) fn stats(&self) -> TierStats {
        let bytes = self.used_bytes.load(Ordering::Relaxed);
        let mut stats = TierStats { bytes, budget_bytes: self.budget_bytes, ..TierStats::default() };
        for shard in &self.shards {
            stats.hits += shard.hits.load(Ordering::Relaxed);
            stats.misses += shard.misses.load(Ordering::Relaxed);
            stats.puts += shard.puts.load(Ordering::Relaxed);
            stats.evictions += shard.evictions.load(Ordering::Relaxed);
            stats.entries += shard.read().len();
        }
        stats
    }

    pub(super) fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Every coordinate that has an entry; in no order.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        self.shards.iter().flat_map(|shard| shard.read().coordinates()).collect()
    }
}

impl<V: Held> fmt::Debug for Sharded<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name).field(&self.stats()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::suite;

    #[test]
    fn used_bytes_follow_what_is_held() {
        let tier = Sharded::new("test", 200_000);
        for round in 0..3_000_u32 {
            let batch = suite::batch(round % 97, (round % 500) as usize);
            assert!(tier.insert(&(round % 311).into(), batch).is_ok(), "round {round}");
            if round % 7 == 0 {
                tier.take(&(round % 13).into());
            }
            let held: usize = tier.shards.iter().map(|shard| shard.read().bytes()).sum();
            assert_eq!(tier.stats().bytes, held, "round {round}");
            assert!(held <= 200_000, "round {round}");
        }
        let stats = tier.stats();
        assert!(stats.evictions > 0 && stats.bytes > 100_000, "{stats:?}");
        assert_eq!(tier.coordinates().len(), stats.entries);
    }
}
