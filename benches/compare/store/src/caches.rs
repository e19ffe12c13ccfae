//! Ours and the peers in memory, each behind the same loops.
//!
//! The loops are provided methods, so that each contestant has its own compiled form of them and a call is not indirect.
//! Peers whose own hash is slower get foldhash, which quick_cache has by default.

use crate::traces::Access;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use hologram_store::{Batch, Coordinate, Hint, L1, Store, Tier};
use std::{
    collections::HashMap,
    hint::black_box,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

/// A map or a cache from numbers to batches.
pub(crate) trait Cache: Sync {
    /// Gets a batch that its reader owns; whether there was one.
    fn get(&self, key: u64) -> bool;

    /// Keeps a batch.
    fn put(&self, key: u64, batch: &Arc<Batch>);

    /// Gets all; how many were there.
    fn gets(&self, keys: &[u64]) -> usize {
        keys.iter().filter(|key| self.get(**key)).count()
    }

    /// Gets all and appends the nanoseconds of each.
    fn times(&self, keys: &[u64], times: &mut Vec<u64>) {
        for key in keys {
            let start = Instant::now();
            black_box(self.get(*key));
            times.push(start.elapsed().as_nanos() as u64);
        }
    }

    /// Keeps the batch of each key.
    fn puts(&self, keys: &[u64], batches: &[Arc<Batch>]) {
        keys.iter().for_each(|key| self.put(*key, &batches[*key as usize]));
    }

    /// Gets all, and keeps what is not there; how many were there.
    fn gets_or_puts(&self, keys: &[u64], batches: &[Arc<Batch>]) -> usize {
        let there = |key: &&u64| {
            let found = self.get(**key);
            if !found {
                self.put(**key, &batches[**key as usize]);
            }
            found
        };
        keys.iter().filter(there).count()
    }

    /// Follows a trace; how many were there. With hints, what a scan misses is not kept.
    fn follow(&self, trace: &[Access], batch: &Arc<Batch>, has_hints: bool) -> usize {
        let there = |access: &&Access| {
            let found = self.get(access.key);
            if !found && !(has_hints && access.is_scan) {
                self.put(access.key, batch);
            }
            found
        };
        trace.iter().filter(there).count()
    }
}

impl Cache for L1 {
    fn get(&self, key: u64) -> bool {
        black_box(self.find(&Coordinate::from(key))).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        drop(black_box(Tier::put(self, &Coordinate::from(key), Arc::clone(batch))));
    }
}

impl Cache for Store {
    fn get(&self, key: u64) -> bool {
        black_box(Store::get_local(self, &Coordinate::from(key), Hint::Point)).is_ok_and(|found| found.is_some())
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        drop(black_box(self.put_batch(&Coordinate::from(key), Batch::clone(batch))));
    }
}

type QuickCache = quick_cache::sync::Cache<u64, Arc<Batch>>;

impl Cache for QuickCache {
    fn get(&self, key: u64) -> bool {
        black_box(QuickCache::get(self, &key)).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        self.insert(key, Arc::clone(batch));
    }
}

type QuickCoordinates = quick_cache::sync::Cache<Coordinate, Arc<Batch>>;

impl Cache for QuickCoordinates {
    fn get(&self, key: u64) -> bool {
        black_box(QuickCoordinates::get(self, &Coordinate::from(key))).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        self.insert(Coordinate::from(key), Arc::clone(batch));
    }
}

type Moka = moka::sync::Cache<u64, Arc<Batch>, RandomState>;

impl Cache for Moka {
    fn get(&self, key: u64) -> bool {
        black_box(Moka::get(self, &key)).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        self.insert(key, Arc::clone(batch));
    }
}

type Foyer = foyer_memory::Cache<u64, Arc<Batch>, RandomState>;

impl Cache for Foyer {
    fn get(&self, key: u64) -> bool {
        black_box(Foyer::get(self, &key)).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        drop(black_box(self.insert(key, Arc::clone(batch))));
    }
}

type Dash = DashMap<u64, Arc<Batch>, RandomState>;

impl Cache for Dash {
    fn get(&self, key: u64) -> bool {
        black_box(Dash::get(self, &key).map(|found| Arc::clone(&found))).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        drop(black_box(self.insert(key, Arc::clone(batch))));
    }
}

type Papaya = papaya::HashMap<u64, Arc<Batch>, RandomState>;

impl Cache for Papaya {
    fn get(&self, key: u64) -> bool {
        black_box(self.pin().get(&key).cloned()).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        self.pin().insert(key, Arc::clone(batch));
    }
}

type Locked = RwLock<HashMap<u64, Arc<Batch>, RandomState>>;

impl Cache for Locked {
    fn get(&self, key: u64) -> bool {
        black_box(self.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()).is_some()
    }

    fn put(&self, key: u64, batch: &Arc<Batch>) {
        drop(black_box(self.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(batch))));
    }
}

/// A contestant with its name.
pub(crate) type Named = (&'static str, Box<dyn Cache>);

/// The name of our hot tier in every table.
pub(crate) const OURS: &str = "hologram L1";

/// The name of the whole store, in memory only.
pub(crate) const STORE: &str = "hologram Store";

/// Our hot tier with room for so many batches like this one.
pub(crate) fn hot_tier(capacity: usize, batch: &Arc<Batch>) -> L1 {
    let probe = L1::new(usize::MAX);
    Cache::put(&probe, 0, batch);
    L1::new(capacity * probe.stats().bytes)
}

/// Ours and the peers that evict, each with room for so many batches.
pub(crate) fn evicting(capacity: usize, batch: &Arc<Batch>) -> Vec<Named> {
    let count = capacity as u64;
    let moka: Moka = moka::sync::Cache::builder().max_capacity(count).build_with_hasher(RandomState::default());
    let foyer = |config: foyer_memory::EvictionConfig| -> Box<dyn Cache> {
        let builder = foyer_memory::CacheBuilder::new(capacity).with_hash_builder(RandomState::default());
        Box::new(builder.with_eviction_config(config).build::<foyer_memory::CacheProperties>())
    };
    vec![
        (OURS, Box::new(hot_tier(capacity, batch))),
        ("quick_cache", Box::new(QuickCache::new(capacity))),
        ("moka", Box::new(moka)),
        ("foyer LRU", foyer(foyer_memory::LruConfig::default().into())),
        ("foyer LFU", foyer(foyer_memory::LfuConfig::default().into())),
        ("foyer S3-FIFO", foyer(foyer_memory::S3FifoConfig::default().into())),
    ]
}

/// Ours, the peers that evict with room for twice as many batches, so that nothing leaves, and the maps.
pub(crate) fn holding(count: usize, batch: &Arc<Batch>) -> Vec<Named> {
    let mut all = evicting(2 * count, batch);
    // What evicts in another way gets in the same way.
    all.truncate(4);
    let store = Store::builder().l1_bytes(usize::MAX).build();
    all.insert(1, (STORE, Box::new(store)));
    // With the keys that ours has, of 32 bytes.
    all.insert(3, ("quick_cache, coordinates", Box::new(QuickCoordinates::new(2 * count))));
    all.push(("dashmap", Box::new(Dash::with_hasher(RandomState::default()))));
    all.push(("papaya", Box::new(Papaya::with_hasher(RandomState::default()))));
    all.push(("RwLock of HashMap", Box::new(Locked::default())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keep_what_they_are_given() {
        let batch = crate::keys::batch(8, 0).unwrap();
        let batches = vec![Arc::clone(&batch); 100];
        let keys: Vec<u64> = (0..100).collect();
        for (name, cache) in holding(1_000, &batch) {
            cache.puts(&keys, &batches);
            assert_eq!((cache.gets(&keys), cache.get(100)), (100, false), "{name}");
        }
        for (name, cache) in evicting(10, &batch) {
            cache.puts(&keys, &batches);
            let found = cache.gets(&keys);
            // A sharded cache may hold a few more or less.
            assert!(found <= 30, "{name}: {found}");
        }
    }
}
