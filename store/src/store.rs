//! The store: tiers put together, equal content kept once, and one computation a miss.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arrow_array::RecordBatch;

use crate::{
    Batch, Coordinate, Error, Result,
    atlas::POOL_BYTES,
    content::Content,
    flight::{Flights, Turn},
    tier::{L0, L1, Region, Tier, TierStats},
};

/// A store of batches under coordinates.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int32Array, RecordBatch};
/// use hologram_store::{Coordinate, Store};
///
/// let store = Store::builder().l1_bytes(1 << 20).build();
/// let at = Coordinate::from(42_u32);
/// let answer = RecordBatch::try_from_iter([("answer", Arc::new(Int32Array::from(vec![42])) as _)])?;
///
/// let first = store.resolve(&at, || Ok::<_, hologram_store::Error>(answer))?;
/// let again = store.resolve(&at, || Err(hologram_store::Error::Invalid("never computed again".into())))?;
/// assert!(Arc::ptr_eq(&first, &again));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Store {
    l0: L0,
    l1: L1,
    content: Content,
    flights: Flights,
    is_strict: bool,
    computed: AtomicU64,
    shared: AtomicU64,
    unkept: AtomicU64,
}

/// What a store is made of.
#[derive(Clone, Debug)]
pub struct StoreBuilder {
    l0_bytes: usize,
    l1_bytes: usize,
    is_strict: bool,
}

/// A store's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// The pinned tier.
    pub l0: TierStats,
    /// The hot tier.
    pub l1: TierStats,
    /// Misses that were computed. A compiled archive leaves this at 0.
    pub computed: u64,
    /// Puts whose content was alive already.
    pub shared: u64,
    /// Computed batches that no budget could take.
    pub unkept: u64,
}

impl StoreBuilder {
    /// The pinned tier's budget in bytes; 64 pools of 1.125 MiB unless told.
    #[must_use]
    pub fn l0_bytes(mut self, bytes: usize) -> Self {
        self.l0_bytes = bytes;
        self
    }

    /// The hot tier's budget in bytes; 256 pools of 1.125 MiB unless told.
    #[must_use]
    pub fn l1_bytes(mut self, bytes: usize) -> Self {
        self.l1_bytes = bytes;
        self
    }

    /// Makes a miss an error instead of a computation.
    #[must_use]
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// The empty store.
    pub fn build(self) -> Store {
        Store {
            l0: L0::new(self.l0_bytes),
            l1: L1::new(self.l1_bytes),
            content: Content::new(),
            flights: Flights::default(),
            is_strict: self.is_strict,
            computed: AtomicU64::new(0),
            shared: AtomicU64::new(0),
            unkept: AtomicU64::new(0),
        }
    }
}

impl Store {
    /// A builder with default budgets.
    pub fn builder() -> StoreBuilder {
        StoreBuilder { l0_bytes: 64 * POOL_BYTES, l1_bytes: 256 * POOL_BYTES, is_strict: false }
    }

    /// The batch at a coordinate, if a tier in memory holds it.
    pub fn get_resident(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        self.l0.find(at).or_else(|| self.l1.find(at))
    }

    /// Keeps a batch under a coordinate: in its pinned slot if it has one, else in the hot tier. Equal content is kept
    /// once, and what is given back is what is kept.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where no budget can take it, [`Error::Invalid`] for a type that Arrow IPC cannot express.
    pub fn put(&self, at: &Coordinate, records: RecordBatch) -> Result<Arc<Batch>> {
        self.put_batch(at, Batch::new(records))
    }

    /// As [`Store::put`], for a batch that is charged already, such as [`Batch::borrowed`].
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn put_batch(&self, at: &Coordinate, batch: Batch) -> Result<Arc<Batch>> {
        let batch = self.share(batch)?;
        self.keep(at, &batch)?;
        Ok(batch)
    }

    /// Takes the batch at a coordinate out of every tier.
    pub fn remove(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        let pinned = self.l0.remove(at).ok().flatten();
        let hot = self.l1.take(at);
        pinned.or(hot)
    }

    /// The batch at a coordinate: found, or computed once and kept. Threads that miss together share one computation.
    ///
    /// A miss is counted and warned of. An answer that no budget can take is given all the same, and counted.
    ///
    /// # Errors
    /// What `compute` gives; under strict [`Error::Missing`] instead of computing; [`Error::Invalid`] where `compute`
    /// asks for the same coordinate.
    pub fn resolve<E: From<Error>>(
        &self,
        at: &Coordinate,
        compute: impl FnOnce() -> Result<RecordBatch, E>,
    ) -> Result<Arc<Batch>, E> {
        loop {
            if let Some(found) = self.get_resident(at) {
                return Ok(found);
            }
            let lead = match self.flights.enter(at)? {
                Turn::Waited(Some(found)) => return Ok(found),
                Turn::Waited(None) => continue,
                Turn::Lead(lead) => lead,
            };
            // Another leader may have landed between the look and the lead.
            if let Some(found) = self.get_resident(at) {
                lead.land(&found);
                return Ok(found);
            }
            if self.is_strict {
                let what = format!("{at}: nothing is kept there, and the store is strict: compile its answer");
                return Err(Error::Missing(what).into());
            }
            self.computed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(coordinate = %at, "no tier holds this answer: computing it");
            let batch = self.share(Batch::new(compute()?))?;
            match self.keep(at, &batch) {
                Err(Error::Exhausted(_)) => {
                    self.unkept.fetch_add(1, Ordering::Relaxed);
                }
                kept => kept?,
            }
            lead.land(&batch);
            return Ok(batch);
        }
    }

    /// Makes pinned slots for a coordinate and the siblings after it. The region reads them by index.
    ///
    /// # Errors
    /// As [`L0::pin`].
    pub fn pin(&self, first: &Coordinate, slots: usize) -> Result<Arc<Region>> {
        self.l0.pin(first, slots)
    }

    /// Gives pinned slots up. Their batches stay readable for whoever still holds the region.
    pub fn unpin(&self, region: &Arc<Region>) {
        self.l0.unpin(region);
    }

    /// What the store holds and what it did since it was made.
    pub fn stats(&self) -> StoreStats {
        StoreStats {
            l0: self.l0.stats(),
            l1: self.l1.stats(),
            computed: self.computed.load(Ordering::Relaxed),
            shared: self.shared.load(Ordering::Relaxed),
            unkept: self.unkept.load(Ordering::Relaxed),
        }
    }

    fn share(&self, batch: Batch) -> Result<Arc<Batch>> {
        let (batch, is_shared) = self.content.share(batch)?;
        self.shared.fetch_add(is_shared.into(), Ordering::Relaxed);
        Ok(batch)
    }

    /// Puts a batch where its coordinate belongs, and leaves no older version elsewhere.
    fn keep(&self, at: &Coordinate, batch: &Arc<Batch>) -> Result<()> {
        if self.l0.covers(at) {
            match self.l0.put(at, Arc::clone(batch)) {
                Ok(_) => {
                    self.l1.take(at);
                    return Ok(());
                }
                // Unpinned meanwhile, or full: the hot tier takes it.
                Err(Error::Exhausted(_) | Error::Invalid(_)) => drop(self.l0.remove(at)?),
                Err(error) => return Err(error),
            }
        }
        let kept = self.l1.put(at, Arc::clone(batch));
        if kept.is_err() {
            self.l1.take(at);
        }
        kept.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use arrow_array::{Int32Array, cast::AsArray, types::Int32Type};
    use tracing::{Event, Level, Metadata, span};

    use super::*;

    fn records(value: i32) -> RecordBatch {
        rows(value, 1)
    }

    fn rows(value: i32, rows: usize) -> RecordBatch {
        RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![value; rows])) as _)]).unwrap()
    }

    fn value(batch: &Batch) -> i32 {
        batch.records().column(0).as_primitive::<Int32Type>().value(0)
    }

    fn at(number: u32) -> Coordinate {
        number.into()
    }

    fn small() -> Store {
        Store::builder().l0_bytes(100_000).l1_bytes(100_000).build()
    }

    /// Counts warnings.
    struct Warnings(Arc<AtomicUsize>);

    impl tracing::Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == Level::WARN
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn what_is_given_out_crosses_threads() {
        fn crosses<T: Send + Sync>() {}
        crosses::<Store>();
        crosses::<Arc<Region>>();
        crosses::<crate::Archive>();
        crosses::<crate::Section>();
    }

    #[test]
    fn puts_are_found_and_removed() {
        let store = small();
        for number in 0..20 {
            store.put(&at(number), records(number as i32)).unwrap();
        }
        for number in 0..20 {
            assert_eq!(store.get_resident(&at(number)).map(|batch| value(&batch)), Some(number as i32));
            assert!(store.remove(&at(number)).is_some() && store.get_resident(&at(number)).is_none());
        }
        assert_eq!(store.stats().l1.bytes, 0);
    }

    #[test]
    fn equal_content_is_stored_once() {
        let store = small();
        let (one, two) = (store.put(&at(1), records(5)).unwrap(), store.put(&at(2), records(5)).unwrap());
        assert!(Arc::ptr_eq(&one, &two) && store.stats().shared == 1);
        assert!(!Arc::ptr_eq(&one, &store.put(&at(3), records(6)).unwrap()));
        assert_eq!(store.get_resident(&at(3)).map(|batch| value(&batch)), Some(6));
    }

    #[test]
    fn miss_warns_once() {
        let warnings = Arc::new(AtomicUsize::new(0));
        let store = small();
        tracing::subscriber::with_default(Warnings(Arc::clone(&warnings)), || {
            for _ in 0..3 {
                let found = store.resolve::<Error>(&at(1), || Ok(records(1))).unwrap();
                assert_eq!(value(&found), 1);
            }
        });
        assert_eq!((warnings.load(Ordering::Relaxed), store.stats().computed), (1, 1));
    }

    #[test]
    fn strict_refuses_a_miss() {
        let store = Store::builder().strict(true).build();
        let missed = store.resolve(&at(1), || -> Result<_> { unreachable!("strict computes nothing") });
        assert!(matches!(&missed, Err(Error::Missing(what)) if what.contains("0.0.0.1")), "{missed:?}");
        store.put(&at(1), records(1)).unwrap();
        assert_eq!(value(&store.resolve::<Error>(&at(1), || Ok(records(2))).unwrap()), 1);
        assert_eq!(store.stats().computed, 0);
    }

    #[test]
    fn threads_share_one_computation() {
        for round in 0..50 {
            let (store, barrier, runs) = (small(), Barrier::new(4), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        barrier.wait();
                        let found = store.resolve::<Error>(&at(round), || {
                            runs.fetch_add(1, Ordering::Relaxed);
                            thread::yield_now();
                            Ok(records(9))
                        });
                        assert_eq!(found.map(|batch| value(&batch)).ok(), Some(9));
                    });
                }
            });
            assert_eq!(runs.load(Ordering::Relaxed), 1, "round {round}");
        }
    }

    #[test]
    fn a_failed_or_panicked_computation_leaves_the_next_one_free() {
        let store = small();
        let failed = store.resolve(&at(1), || Err(Error::Invalid("no".into())));
        assert!(matches!(failed, Err(Error::Invalid(_))));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.resolve::<Error>(&at(1), || panic!("in a computation"))
        }));
        assert!(panicked.is_err());
        assert_eq!(store.resolve::<Error>(&at(1), || Ok(records(3))).map(|batch| value(&batch)).ok(), Some(3));
    }

    #[test]
    fn a_computation_that_asks_for_itself_is_refused() {
        let store = small();
        let cyclic = store.resolve(&at(1), || {
            let inner = store.resolve(&at(1), || Ok::<_, Error>(records(1)))?;
            Ok::<_, Error>(inner.records().clone())
        });
        assert!(matches!(cyclic, Err(Error::Invalid(what)) if what.contains("asks for itself")));
        let nested = store.resolve(&at(1), || {
            let inner = store.resolve(&at(2), || Ok::<_, Error>(records(4)))?;
            Ok::<_, Error>(inner.records().clone())
        });
        assert_eq!(nested.map(|batch| value(&batch)).ok(), Some(4));
    }

    #[test]
    fn an_answer_over_the_budget_is_given_but_not_kept() {
        let store = small();
        for runs in 1..3 {
            assert_eq!(store.resolve::<Error>(&at(1), || Ok(rows(8, 50_000))).map(|batch| value(&batch)).ok(), Some(8));
            assert_eq!((store.stats().computed, store.stats().unkept), (runs, runs));
        }
        assert!(matches!(store.put(&at(1), rows(8, 50_000)), Err(Error::Exhausted(_))));
    }

    #[test]
    fn no_older_version_comes_back() {
        let store = small();
        store.put(&at(5), records(1)).unwrap();
        let region = store.pin(&at(4), 4).unwrap();
        assert_eq!(store.get_resident(&at(5)).map(|batch| value(&batch)), Some(1), "not moved by pinning");
        store.put(&at(5), records(2)).unwrap();
        assert_eq!(region.get(1).map(|batch| value(&batch)), Some(2));
        store.unpin(&region);
        assert!(store.get_resident(&at(5)).is_none(), "version 1 left the hot tier");
        // A version that fits no budget replaces nothing, and the former version is gone too.
        store.put(&at(5), records(3)).unwrap();
        assert!(store.put(&at(5), rows(4, 50_000)).is_err());
        assert!(store.get_resident(&at(5)).is_none());
    }
}
