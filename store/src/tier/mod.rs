//! Tiers: places that hold batches, by distance. One trait, one file each, and one suite that every tier passes.
//!
//! [`L0`] is an index away and holds what is pinned; [`L1`] is one hash away and holds the hot set under a hard budget;
//! [`L2`] is one decode away and holds streams in memory; `Sd` is this host's disk;
//! `Ld` is an object store beyond the network.
//! A tier keeps or refuses; it never computes. [`Store`](crate::Store) puts tiers together.

mod fifo;
mod ghosts;
mod hash;

mod l0;
mod l1;
mod l2;
#[cfg(feature = "remote")]
pub mod ld;
#[cfg(feature = "mmap")]
pub mod sd;
mod sharded;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod table;

#[cfg(any(feature = "mmap", feature = "remote"))]
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

pub use l0::{L0, Region};
pub use l1::L1;
pub use l2::L2;
#[cfg(feature = "remote")]
pub use ld::Ld;
#[cfg(feature = "mmap")]
pub use sd::Sd;

use crate::{Batch, Coordinate, Result};

/// Whether a range of coordinates holds none for certain: a tree's own ranges refuse such a one.
#[cfg(any(feature = "mmap", feature = "remote"))]
fn is_empty(range: &impl RangeBounds<Coordinate>) -> bool {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start >= end,
        _ => false,
    }
}

/// What a put pushed out, for the next tier outward to take.
pub type Displaced = Vec<(Coordinate, Arc<Batch>)>;

/// A place that holds batches under coordinates, within a budget of bytes. [`suite`] checks an implementation.
///
/// Methods may be called from any number of threads at once.
pub trait Tier: Send + Sync {
    /// The batch at a coordinate, if this tier holds it.
    ///
    /// # Errors
    /// Where the tier's medium fails. A tier in memory does not.
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>>;

    /// Keeps a batch in place of any that the coordinate had, and gives what had to leave. The coordinate's own former
    /// batch is not among it.
    ///
    /// # Errors
    /// [`Exhausted`](crate::Error::Exhausted) where the budget cannot take it, and [`Invalid`](crate::Error::Invalid)
    /// where the tier does not cover the coordinate; what the tier held stays readable or is given by a later put.
    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced>;

    /// Takes the batch at a coordinate out.
    ///
    /// # Errors
    /// Where the tier's medium fails.
    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>>;

    /// What the tier holds and what it did since it was made.
    fn stats(&self) -> TierStats;

    /// The bytes that it never goes over.
    fn budget_bytes(&self) -> usize;
}

/// A tier's counters. They are read one after the other, so that under load they may be a few calls apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Gets that found a batch.
    pub hits: u64,
    /// Gets that found none.
    pub misses: u64,
    /// Puts that kept their batch.
    pub puts: u64,
    /// Batches that left to make room.
    pub evictions: u64,
    /// Batches held.
    pub entries: usize,
    /// Bytes charged for what is held.
    pub bytes: usize,
    /// The budget in bytes.
    pub budget_bytes: usize,
}
