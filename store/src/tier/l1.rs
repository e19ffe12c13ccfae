//! L1, one hash away: the hot set, sharded by class under one hard budget of bytes.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{Displaced, Tier, TierStats, fifo::Fifo, hash::Seed};
use crate::{Batch, Class, Coordinate, Error, Result};

/// Rounds without anything to evict, while other puts hold the room, before a put gives up.
const ROUNDS_MAX: usize = 64;

/// The hot set. A coordinate's routing class chooses its shard, and consecutive coordinates visit all 96 in turn.
///
/// Each entry is charged with its batch and its bookkeeping. A batch under two coordinates is charged under each, so that
/// the budget is an upper bound. What leaves is chosen by S3-FIFO within a shard.
pub struct L1 {
    shards: Box<[Shard]>,
    budget_bytes: usize,
    /// Bytes held and bytes promised to puts under way: never over the budget.
    used_bytes: AtomicUsize,
    /// Where the next search for something to evict starts.
    cursor: AtomicUsize,
}

/// One class's part, on cache lines of its own.
#[repr(align(128))]
struct Shard {
    fifo: RwLock<Fifo>,
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    evictions: AtomicU64,
}

impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, Fifo> {
        self.fifo.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Fifo> {
        self.fifo.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl L1 {
    /// An empty tier that never charges more than this many bytes.
    pub fn new(budget_bytes: usize) -> Self {
        let seed = Seed::random();
        let shard = |_| Shard {
            fifo: RwLock::new(Fifo::new(seed.clone())),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            puts: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        };
        let shards = Class::all().map(shard).collect();
        Self { shards, budget_bytes, used_bytes: AtomicUsize::new(0), cursor: AtomicUsize::new(0) }
    }

    /// The batch at a coordinate, if it is in the hot set.
    pub fn find(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        let shard = self.shard(at);
        let found = shard.read().get(at);
        let counter = if found.is_some() { &shard.hits } else { &shard.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Takes the batch at a coordinate out.
    pub fn take(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        let batch = self.shard(at).write().remove(at)?;
        self.release(&batch);
        Some(batch)
    }

    fn shard(&self, at: &Coordinate) -> &Shard {
        &self.shards[at.routing_class().index()]
    }

    fn release(&self, batch: &Batch) {
        self.used_bytes.fetch_sub(Fifo::charge(batch), Ordering::Relaxed);
    }

    /// Takes so many bytes of the budget, and evicts until they are free.
    fn reserve(&self, at: &Coordinate, charge: usize, displaced: &mut Displaced) -> Result<()> {
        let take = |used: usize| used.checked_add(charge).filter(|&used| used <= self.budget_bytes);
        let mut rounds = 0;
        while self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            match self.evict_one(self.shard(at)) {
                Some(evicted) => displaced.push(evicted),
                None if charge <= self.budget_bytes && rounds < ROUNDS_MAX => {
                    rounds += 1;
                    std::hint::spin_loop();
                }
                None => return Err(exhausted(at, charge, self.budget_bytes)),
            }
        }
        Ok(())
    }

    /// Evicts from the shard at home while it holds its share, else from the next one that holds anything.
    fn evict_one(&self, home: &Shard) -> Option<(Coordinate, Arc<Batch>)> {
        let share = self.budget_bytes / self.shards.len();
        let start = self.cursor.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let (before, after) = self.shards.split_at(start);
        let own = (home.read().bytes() >= share).then_some(home);
        own.into_iter().chain(after).chain(before).find_map(|shard| {
            let evicted = shard.write().evict()?;
            self.release(&evicted.1);
            shard.evictions.fetch_add(1, Ordering::Relaxed);
            Some(evicted)
        })
    }
}

impl Tier for L1 {
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.find(at))
    }

    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced> {
        let charge = Fifo::charge(&batch);
        if charge > self.budget_bytes {
            return Err(exhausted(at, charge, self.budget_bytes));
        }
        let mut displaced = Vec::new();
        self.reserve(at, charge, &mut displaced)?;
        let shard = self.shard(at);
        let replaced = shard.write().insert(at, batch);
        shard.puts.fetch_add(1, Ordering::Relaxed);
        if let Some(replaced) = replaced {
            self.release(&replaced);
        }
        displaced.retain(|(other, _)| other != at);
        Ok(displaced)
    }

    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.take(at))
    }

    fn stats(&self) -> TierStats {
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

    fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }
}

impl fmt::Debug for L1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("L1").field(&self.stats()).finish()
    }
}

fn exhausted(at: &Coordinate, charge: usize, budget_bytes: usize) -> Error {
    Error::Exhausted(format!("{at}: its batch takes {charge} bytes of the hot tier's {budget_bytes}: raise the budget"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stratum, tier::suite};

    /// Keys all over the classes, in one class only, and too deep for the inline form.
    #[test]
    fn conforms() {
        let deep = |key: u32| {
            let path = (0..6).map(|_| Stratum::FIRST).chain(Stratum::from_number(key.into()));
            Coordinate::from_strata(path).unwrap_or_else(|_| key.into())
        };
        for (name, at) in [
            ("spread", &(|key: u32| Coordinate::from(key)) as &(dyn Fn(u32) -> Coordinate + Sync)),
            ("one class", &|key: u32| Coordinate::from(key * 96 + 5)),
            ("deep", &deep),
        ] {
            suite::conforms(name, &|budget_bytes| Box::new(L1::new(budget_bytes)), at);
        }
    }

    #[test]
    fn used_bytes_follow_what_is_held() {
        let tier = L1::new(200_000);
        for round in 0..3_000_u32 {
            let batch = suite::batch(round % 97, (round % 500) as usize);
            assert!(tier.put(&(round % 311).into(), batch).is_ok(), "round {round}");
            if round % 7 == 0 {
                tier.take(&(round % 13).into());
            }
            let held: usize = tier.shards.iter().map(|shard| shard.read().bytes()).sum();
            assert_eq!(tier.stats().bytes, held, "round {round}");
            assert!(held <= 200_000, "round {round}");
        }
        let stats = tier.stats();
        assert!(stats.evictions > 0 && stats.bytes > 100_000, "{stats:?}");
    }
}
