//! L1, one hash away: the hot set, sharded by class under one hard budget of bytes.

use std::sync::Arc;

use super::{Displaced, Tier, TierStats, sharded::Sharded};
use crate::{Batch, Coordinate, Result};

/// The hot set: decoded batches. A get takes a shared lock of one shard and counts a use.
///
/// Each entry is charged with its batch and its bookkeeping. A batch under two coordinates is charged under each, so that
/// the budget is an upper bound. What leaves is chosen by S3-FIFO within a shard.
#[derive(Debug)]
pub struct L1(Sharded<Arc<Batch>>);

impl L1 {
    /// An empty tier that never charges more than this many bytes.
    pub fn new(budget_bytes: usize) -> Self {
        Self(Sharded::new("hot", budget_bytes))
    }

    /// The batch at a coordinate, if it is in the hot set.
    pub fn find(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        self.0.find(at)
    }

    /// Takes the batch at a coordinate out.
    pub fn take(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        self.0.take(at)
    }

    /// Every coordinate that it holds; in no order.
    pub fn coordinates(&self) -> Vec<Coordinate> {
        self.0.coordinates()
    }
}

impl Tier for L1 {
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.find(at))
    }

    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced> {
        self.0.insert(at, batch)
    }

    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.take(at))
    }

    fn stats(&self) -> TierStats {
        self.0.stats()
    }

    fn budget_bytes(&self) -> usize {
        self.0.budget_bytes()
    }
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
}
