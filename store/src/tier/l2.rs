//! L2, one decode away: batches as Arrow IPC streams in memory.
//!
//! What the hot tier displaces comes here, without spare capacity and without what a slice would keep alive. A get decodes
//! without a copy: the arrays lie in the stream's own buffer.

use std::sync::Arc;

use super::{Displaced, Tier, TierStats, sharded::Sharded};
use crate::{Batch, Coordinate, Encoded, Result, Schemas};

/// The encoded set, sharded by class under one hard budget of bytes, in the order of S3-FIFO.
///
/// Each entry is charged with its stream and its bookkeeping. What a reader decoded stays alive in its hands.
#[derive(Debug)]
pub struct L2 {
    entries: Sharded<Encoded>,
    schemas: Schemas,
}

impl L2 {
    /// An empty tier that never charges more than this many bytes.
    pub fn new(budget_bytes: usize) -> Self {
        Self { entries: Sharded::new("encoded", budget_bytes), schemas: Schemas::default() }
    }

    /// The batch at a coordinate, decoded.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) for a stream that does not decode; it was encoded here, so memory is wrong.
    pub fn find(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        self.entries.find(at).map(|encoded| self.decode(&encoded)).transpose()
    }

    /// Whether there is a stream at a coordinate; not counted.
    pub fn holds(&self, at: &Coordinate) -> bool {
        self.entries.holds(at)
    }

    /// Keeps a stream in place of any that the coordinate had, and gives the streams that had to leave.
    ///
    /// # Errors
    /// [`Error::Exhausted`](crate::Error::Exhausted) where the budget cannot take it.
    pub fn keep(&self, at: &Coordinate, encoded: Encoded) -> Result<Vec<(Coordinate, Encoded)>> {
        self.entries.insert(at, encoded)
    }

    /// Takes the stream at a coordinate out.
    pub fn take(&self, at: &Coordinate) -> Option<Encoded> {
        self.entries.take(at)
    }

    /// Every coordinate that it holds; in no order.
    pub fn coordinates(&self) -> Vec<Coordinate> {
        self.entries.coordinates()
    }

    fn decode(&self, encoded: &Encoded) -> Result<Arc<Batch>> {
        Ok(Arc::new(Batch::borrowed(encoded.decode(&self.schemas)?)))
    }
}

impl Tier for L2 {
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        self.find(at)
    }

    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced> {
        let displaced = self.keep(at, Encoded::of(&batch)?)?;
        displaced.into_iter().map(|(at, encoded)| Ok((at, self.decode(&encoded)?))).collect()
    }

    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        self.take(at).map(|encoded| self.decode(&encoded)).transpose()
    }

    fn stats(&self) -> TierStats {
        self.entries.stats()
    }

    fn budget_bytes(&self) -> usize {
        self.entries.budget_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::suite;

    #[test]
    fn conforms() {
        suite::conforms("L2", &|budget_bytes| Box::new(L2::new(budget_bytes)), &|key| Coordinate::from(key));
    }

    #[test]
    fn a_slice_is_held_without_what_it_was_cut_from() {
        let tier = L2::new(1 << 20);
        let whole = suite::batch(7, 10_000);
        let slice = Arc::new(Batch::new(whole.records().slice(5, 1)));
        assert!(slice.size_bytes() > 100_000);
        tier.put(&Coordinate::from(1u32), slice).unwrap();
        assert!(tier.stats().bytes < 4_000, "{:?}", tier.stats());
        let found = tier.find(&Coordinate::from(1u32)).unwrap().unwrap();
        assert_eq!(found.records(), &whole.records().slice(5, 1));
    }
}
