//! The store: tiers put together, equal content kept once, and one computation a miss.
//!
//! A store with a disk keeps everything there, and its tiers in memory are caches of it: a put is in the log before it is
//! in a cache, and what leaves a cache is only dropped. Writes of one coordinate are put in order by a lock of its class,
//! so that no cache ever holds an older version than the disk.

use std::{
    ops::RangeBounds,
    sync::{Arc, PoisonError, atomic::Ordering},
};
#[cfg(feature = "mmap")]
use std::{path::Path, time::Duration};

use arrow_array::RecordBatch;

#[cfg(feature = "remote")]
use crate::tier::ld::{Ld, LdStats};
#[cfg(feature = "mmap")]
use crate::tier::sd::{PutOptions, Sd, SdOptions, SdStats, Version};
use crate::{
    Batch, Class, Coordinate, Encoded, Error, Result,
    atlas::POOL_BYTES,
    content::Content,
    flight::{Flights, Turn},
    sync::{AtomicU64, Mutex, MutexGuard},
    tier::{L0, L1, L2, Region, Tier, TierStats},
};

/// How safe a put is when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// It can be read; a crash may lose it.
    #[default]
    Memory,
    /// It is on this host's disk: no crash loses it.
    Local,
    /// The remote tier acknowledged it: the loss of this host loses nothing, and other processes see it.
    #[cfg(feature = "remote")]
    Remote,
}

/// How a batch will be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Again, by itself: it comes to the hot tier.
    #[default]
    Point,
    /// Once, with its neighbours: it leaves the hot tier alone.
    Scan,
    /// All the time: it gets a pinned slot of its own, as far as the pinned tier has room, until [`Store::unpin_at`].
    Pin,
}

/// What a put asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Put {
    /// How safe the batch is when the put returns.
    pub durability: Durability,
    /// How it will be used.
    pub hint: Hint,
    /// After how long it is as if it were not there; at least a second. A batch that runs out stays out of memory's tiers.
    #[cfg(feature = "mmap")]
    pub ttl: Option<Duration>,
    /// The version that must be there now: `Some(None)` is nothing.
    #[cfg(feature = "mmap")]
    pub expected: Option<Option<Version>>,
}

/// A batch of a scan with its coordinate.
pub type Scanned = (Coordinate, Result<Arc<Batch>>);

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
    l2: L2,
    #[cfg(feature = "mmap")]
    sd: Option<Sd>,
    #[cfg(feature = "remote")]
    ld: Option<Ld>,
    /// Held while copies of what changed in the remote tier are dropped.
    #[cfg(feature = "remote")]
    dropping: Mutex<()>,
    /// One for each routing class: held while a coordinate of it changes or moves, with the moment when the last change of it
    /// ended.
    changed: Box<[Mutex<u64>]>,
    /// Counts changes.
    clock: AtomicU64,
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
    l2_bytes: usize,
    is_strict: bool,
    #[cfg(feature = "mmap")]
    disk: SdOptions,
    #[cfg(feature = "remote")]
    remote: Option<Ld>,
}

/// A store's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// The pinned tier.
    pub l0: TierStats,
    /// The hot tier.
    pub l1: TierStats,
    /// The encoded tier.
    pub l2: TierStats,
    /// The disk tier, if there is one.
    #[cfg(feature = "mmap")]
    pub sd: Option<TierStats>,
    /// The disk tier's log, if there is one.
    #[cfg(feature = "mmap")]
    pub log: Option<SdStats>,
    /// The remote tier, if there is one.
    #[cfg(feature = "remote")]
    pub ld: Option<TierStats>,
    /// What the remote tier did, if there is one.
    #[cfg(feature = "remote")]
    pub remote: Option<LdStats>,
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

    /// The encoded tier's budget in bytes; 256 pools of 1.125 MiB unless told.
    #[must_use]
    pub fn l2_bytes(mut self, bytes: usize) -> Self {
        self.l2_bytes = bytes;
        self
    }

    /// How the log on disk is kept.
    #[cfg(feature = "mmap")]
    #[must_use]
    pub fn disk(mut self, options: SdOptions) -> Self {
        self.disk = options;
        self
    }

    /// The tier beyond this host. What lies there lies in the store; what is put here stays here until it is put with
    /// [`Durability::Remote`] or sent by [`Store::send`](Store::send). One tier is of one store: a second store opens its own.
    #[cfg(feature = "remote")]
    #[must_use]
    pub fn remote(mut self, ld: Ld) -> Self {
        ld.watch();
        self.remote = Some(ld);
        self
    }

    /// Makes a miss an error instead of a computation.
    #[must_use]
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// The store in a folder, which is made if it is not there: what was kept there is there.
    ///
    /// # Errors
    /// As [`Sd::open`].
    #[cfg(feature = "mmap")]
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Store> {
        let sd = Sd::open(folder, self.disk.clone())?;
        Ok(self.on(sd))
    }

    /// The store over a log that is open.
    #[cfg(feature = "mmap")]
    pub fn on(self, sd: Sd) -> Store {
        Store { sd: Some(sd), ..self.build() }
    }

    /// The empty store, in memory only.
    pub fn build(self) -> Store {
        Store {
            l0: L0::new(self.l0_bytes),
            l1: L1::new(self.l1_bytes),
            l2: L2::new(self.l2_bytes),
            #[cfg(feature = "mmap")]
            sd: None,
            #[cfg(feature = "remote")]
            ld: self.remote,
            #[cfg(feature = "remote")]
            dropping: Mutex::default(),
            changed: Class::all().map(|_| Mutex::default()).collect(),
            clock: AtomicU64::new(0),
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
        StoreBuilder {
            l0_bytes: 64 * POOL_BYTES,
            l1_bytes: 256 * POOL_BYTES,
            l2_bytes: 256 * POOL_BYTES,
            is_strict: false,
            #[cfg(feature = "mmap")]
            disk: SdOptions::default(),
            #[cfg(feature = "remote")]
            remote: None,
        }
    }

    /// The batch at a coordinate, if a tier in memory holds it.
    pub fn get_resident(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        // Streams in memory were encoded here: one that does not decode is as good as none.
        self.l0.find(at).or_else(|| self.l1.find(at)).or_else(|| self.l2.find(at).ok().flatten())
    }

    /// The batch at a coordinate, if a tier of this host holds it. What is read from outside of the hot tier comes to it,
    /// unless the hint says otherwise. Reading the disk may block.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where bytes on disk do not match their digest, [`Error::Unavailable`] where the disk fails.
    pub fn get_local(&self, at: &Coordinate, hint: Hint) -> Result<Option<Arc<Batch>>> {
        if hint == Hint::Pin {
            return self.get_pinned(at);
        }
        if let Some(found) = self.l0.find(at).or_else(|| self.l1.find(at)) {
            return Ok(Some(found));
        }
        if hint == Hint::Scan {
            if let Some(found) = self.l2.find(at)? {
                return Ok(Some(found));
            }
        } else if let Some(found) = self.promote_stream(at)? {
            return Ok(Some(found));
        }
        self.get_from_disk(at, hint)
    }

    /// The batch at a coordinate, if any tier holds it, the remote one among them. What is read from outside of the hot tier
    /// comes to it, unless the hint says otherwise. Threads that miss the same remote batch together read it once, and a
    /// future that is dropped stops none of the others.
    ///
    /// # Errors
    /// As [`Store::get_local`]; with a remote tier, [`Error::Corrupt`] where its bytes do not match their name, and
    /// [`Error::Unavailable`] where it does not answer in time.
    pub async fn get(&self, at: &Coordinate, hint: Hint) -> Result<Option<Arc<Batch>>> {
        #[cfg(feature = "remote")]
        if let Some(ld) = self.ld.as_ref().filter(|ld| ld.has_changed()) {
            // Left by a change whose future was dropped.
            self.drop_changed(ld);
        }
        if let Some(found) = self.get_local(at, hint)? {
            return Ok(Some(found));
        }
        #[cfg(feature = "remote")]
        return self.get_remote(at, hint).await;
        #[cfg(not(feature = "remote"))]
        Ok(None)
    }

    /// What this host holds at a coordinate, in a pinned slot from now on if there is room.
    fn get_pinned(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        if let Some(found) = self.l0.find(at) {
            return Ok(Some(found));
        }
        // Nothing of its class changes while it moves.
        let _changes = self.changes(at);
        let mut found = self.l1.find(at);
        if found.is_none() {
            found = self.l2.find(at)?;
        }
        #[cfg(feature = "mmap")]
        if let (None, Some(sd)) = (&found, &self.sd) {
            let read = sd.find(at)?.map(|(batch, _)| batch);
            if !sd.is_lasting(at) {
                return Ok(read);
            }
            found = read;
        }
        if let Some(found) = &found
            && self.pin_one(at)
            && self.l0.put(at, Arc::clone(found)).is_ok()
        {
            self.l1.take(at);
            self.l2.take(at);
        }
        Ok(found)
    }

    /// Makes a slot for a coordinate alone, if it has none; whether it has one.
    fn pin_one(&self, at: &Coordinate) -> bool {
        self.l0.covers(at) || self.l0.pin(at, 1).is_ok()
    }

    #[cfg(not(feature = "mmap"))]
    fn get_from_disk(&self, _: &Coordinate, _: Hint) -> Result<Option<Arc<Batch>>> {
        Ok(None)
    }

    #[cfg(feature = "mmap")]
    fn get_from_disk(&self, at: &Coordinate, hint: Hint) -> Result<Option<Arc<Batch>>> {
        let Some(sd) = &self.sd else { return Ok(None) };
        let Some((found, version)) = sd.find(at)? else { return Ok(None) };
        if hint == Hint::Point && sd.is_lasting(at) {
            let changes = self.changes(at);
            if sd.version(at) == Some(version)
                && let Ok(out) = self.l1.put(at, Arc::clone(&found))
            {
                self.demote(&changes, out);
            }
        }
        Ok(Some(found))
    }

    /// Keeps a batch under a coordinate: in its pinned slot if it has one, else in the hot tier, and on disk if there is
    /// one. Equal content is kept once in memory, and what is given back is what is kept.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where no budget can take it, [`Error::Invalid`] for a type that Arrow IPC cannot express,
    /// [`Error::Unavailable`] where the disk fails.
    pub fn put(&self, at: &Coordinate, records: RecordBatch) -> Result<Arc<Batch>> {
        self.put_batch(at, Batch::new(records))
    }

    /// As [`Store::put`], for a batch that is charged already, such as [`Batch::borrowed`].
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn put_batch(&self, at: &Coordinate, batch: Batch) -> Result<Arc<Batch>> {
        #[cfg(feature = "remote")]
        self.may_keep_changes(at)?;
        let batch = self.share(batch)?;
        self.keep(at, &batch, Put::default())?;
        Ok(batch)
    }

    /// As [`Store::put`], with what else the put asks; what is given back is the version, 0 without a disk.
    ///
    /// # Errors
    /// As [`Store::put`]; [`Error::Conflict`] where another version than the expected one is there; [`Error::Invalid`] where
    /// more is asked than a store without a disk can do, or [`Durability::Remote`], which is waited for by `put_durable`.
    pub fn put_with(&self, at: &Coordinate, records: RecordBatch, put: Put) -> Result<u64> {
        #[cfg(feature = "remote")]
        if put.durability == Durability::Remote {
            return Err(Error::Invalid(format!("{at}: a remote put is waited for: await put_durable")));
        }
        #[cfg(feature = "remote")]
        self.may_keep_changes(at)?;
        let batch = self.share(Batch::new(records))?;
        let version = self.keep(at, &batch, put)?;
        #[cfg(feature = "mmap")]
        if let (Some(sd), Durability::Local) = (&self.sd, put.durability) {
            sd.wait_durable(version)?;
        }
        Ok(version)
    }

    /// Takes the batch at a coordinate out of every tier; whether there was one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the disk fails; [`Error::Invalid`] where the remote tier holds one, which
    /// `remove_durable` takes out.
    pub fn remove(&self, at: &Coordinate) -> Result<bool> {
        #[cfg(feature = "remote")]
        if self.ld.as_ref().is_some_and(|ld| ld.version(at).is_some()) {
            return Err(Error::Invalid(format!("{at}: the remote tier holds it: await remove_durable")));
        }
        self.remove_local(at)
    }

    fn remove_local(&self, at: &Coordinate) -> Result<bool> {
        let _changes = self.change(at);
        #[cfg(feature = "mmap")]
        let on_disk = self.sd.as_ref().map_or(Ok(false), |sd| sd.delete(at, PutOptions::default()))?;
        #[cfg(not(feature = "mmap"))]
        let on_disk = false;
        let pinned = self.l0.remove(at).ok().flatten().is_some();
        let hot = self.l1.take(at).is_some();
        Ok(self.l2.take(at).is_some() | pinned | hot | on_disk)
    }

    /// Everything that this host holds in a range of coordinates, in order, as it is now. Batches are read when they are
    /// asked for. With a remote tier, `stream` gives what lies there too.
    pub fn scan(&self, range: impl RangeBounds<Coordinate>) -> Box<dyn Iterator<Item = Scanned> + Send + '_> {
        #[cfg(feature = "mmap")]
        if let Some(sd) = &self.sd {
            return Box::new(sd.scan(range).map(|(at, _, read)| (at, read)));
        }
        let found = self.coordinates_here(range);
        let held: Vec<_> =
            found.into_iter().filter_map(|at| self.get_resident(&at).map(|batch| (at, Ok(batch)))).collect();
        Box::new(held.into_iter())
    }

    /// Every coordinate in a range that holds a batch in any tier, in order, as it is now.
    pub fn coordinates(&self, range: impl RangeBounds<Coordinate>) -> Vec<Coordinate> {
        #[cfg(feature = "remote")]
        if let Some(ld) = &self.ld {
            let range = (range.start_bound().cloned(), range.end_bound().cloned());
            let mut all = self.coordinates_here(range.clone());
            all.extend(ld.entries(range).into_iter().map(|(at, _)| at));
            all.sort_unstable();
            all.dedup();
            return all;
        }
        self.coordinates_here(range)
    }

    fn coordinates_here(&self, range: impl RangeBounds<Coordinate>) -> Vec<Coordinate> {
        #[cfg(feature = "mmap")]
        if let Some(sd) = &self.sd {
            return sd.scan(range).coordinates();
        }
        let mut found: Vec<Coordinate> = [self.l0.coordinates(), self.l1.coordinates(), self.l2.coordinates()].concat();
        found.retain(|at| range.contains(at));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Makes everything that was put durable. Without a disk there is nothing to do.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the disk fails.
    pub fn flush(&self) -> Result<()> {
        #[cfg(feature = "mmap")]
        if let Some(sd) = &self.sd {
            return sd.flush();
        }
        Ok(())
    }

    /// The disk tier, if there is one.
    #[cfg(feature = "mmap")]
    pub fn disk(&self) -> Option<&Sd> {
        self.sd.as_ref()
    }

    /// The batch at a coordinate: found, or computed once and kept. Threads that miss together share one computation.
    ///
    /// A miss is counted and warned of. An answer that no budget can take is given all the same, and counted.
    ///
    /// # Errors
    /// What `compute` gives; under strict [`Error::Missing`] instead of computing; [`Error::Invalid`] where `compute`
    /// asks for the same coordinate, or where only the remote tier holds it: await [`Store::get`] first.
    pub fn resolve<E: From<Error>>(
        &self,
        at: &Coordinate,
        compute: impl FnOnce() -> Result<RecordBatch, E>,
    ) -> Result<Arc<Batch>, E> {
        loop {
            if let Some(found) = self.get_local(at, Hint::Point)? {
                return Ok(found);
            }
            let lead = match self.flights.enter(at)? {
                Turn::Waited(Some(found)) => return Ok(found),
                Turn::Waited(None) => continue,
                Turn::Lead(lead) => lead,
            };
            // Another leader may have landed between the look and the lead.
            if let Some(found) = self.get_local(at, Hint::Point)? {
                lead.land(&found);
                return Ok(found);
            }
            #[cfg(feature = "remote")]
            if self.ld.as_ref().is_some_and(|ld| ld.version(at).is_some()) {
                let what = format!("{at}: it lies in the remote tier: await get before this");
                return Err(Error::Invalid(what).into());
            }
            if self.is_strict {
                let what = format!("{at}: nothing is kept there, and the store is strict: compile its answer");
                return Err(Error::Missing(what).into());
            }
            self.computed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(coordinate = %at, "no tier holds this answer: computing it");
            let batch = self.share(Batch::new(compute()?))?;
            match self.keep(at, &batch, Put::default()).map(drop) {
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

    /// Gives the slot up that [`Hint::Pin`] made for a coordinate; its batch goes to the hot tier. Whether there was one.
    pub fn unpin_at(&self, at: &Coordinate) -> bool {
        let changes = self.changes(at);
        let Some(region) = self.l0.unpin_at(at) else { return false };
        if let Some(batch) = region.get(0)
            && let Ok(out) = self.l1.put(at, batch)
        {
            self.demote(&changes, out);
        }
        true
    }

    /// What the store holds and what it did since it was made.
    pub fn stats(&self) -> StoreStats {
        StoreStats {
            l0: self.l0.stats(),
            l1: self.l1.stats(),
            l2: self.l2.stats(),
            #[cfg(feature = "mmap")]
            sd: self.sd.as_ref().map(Tier::stats),
            #[cfg(feature = "mmap")]
            log: self.sd.as_ref().map(Sd::log_stats),
            #[cfg(feature = "remote")]
            ld: self.ld.as_ref().map(Tier::stats),
            #[cfg(feature = "remote")]
            remote: self.ld.as_ref().map(Ld::remote_stats),
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

    /// Holds the class of a coordinate.
    fn changes(&self, at: &Coordinate) -> Changes<'_> {
        let class = at.routing_class();
        let held = self.changed[class.index()].lock().unwrap_or_else(PoisonError::into_inner);
        Changes { class, held, since: self.clock.load(Ordering::Relaxed), ends_on: None }
    }

    /// Holds the class of a coordinate that changes.
    fn change(&self, at: &Coordinate) -> Changes<'_> {
        let mut changes = self.changes(at);
        changes.ends_on = Some(&self.clock);
        changes
    }

    /// The batch of a stream in memory, which comes to the hot tier before it leaves the encoded one.
    fn promote_stream(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        if !self.l2.holds(at) {
            return Ok(None);
        }
        let changes = self.changes(at);
        let Some(found) = self.l2.find(at)? else { return Ok(None) };
        if let Ok(out) = self.l1.put(at, Arc::clone(&found)) {
            self.l2.take(at);
            self.demote(&changes, out);
        }
        Ok(Some(found))
    }

    /// Puts a batch where its coordinate belongs, and leaves no older version elsewhere; its version.
    fn keep(&self, at: &Coordinate, batch: &Arc<Batch>, put: Put) -> Result<u64> {
        let changes = self.change(at);
        let version = self.keep_on_disk(at, batch, put)?;
        // On disk it is safe: the tiers in memory may take it or not.
        let is_safe = version != 0;
        self.l2.take(at);
        if self.runs_out(&put) || is_safe && put.hint == Hint::Scan {
            drop(self.l0.remove(at));
            self.l1.take(at);
            return Ok(version);
        }
        match self.keep_in_memory(at, batch, put.hint, &changes) {
            Err(Error::Exhausted(_)) if is_safe => Ok(version),
            kept => kept.map(|()| version),
        }
    }

    #[cfg(not(feature = "mmap"))]
    fn keep_on_disk(&self, at: &Coordinate, _: &Batch, put: Put) -> Result<u64> {
        match put.durability {
            Durability::Memory => Ok(0),
            _ => Err(Error::Invalid(format!("{at}: a store without a disk keeps nothing durable"))),
        }
    }

    #[cfg(feature = "mmap")]
    fn keep_on_disk(&self, at: &Coordinate, batch: &Batch, put: Put) -> Result<u64> {
        if let Some(sd) = &self.sd {
            return sd.insert(at, batch, PutOptions { durable: false, ttl: put.ttl, expected: put.expected });
        }
        if put.durability != Durability::Memory || put.ttl.is_some() || put.expected.is_some() {
            let what =
                "durable puts, batches that run out and compare-and-swap need a disk: open the store in a folder";
            return Err(Error::Invalid(format!("{at}: {what}")));
        }
        Ok(0)
    }

    #[cfg(not(feature = "mmap"))]
    fn runs_out(&self, _: &Put) -> bool {
        false
    }

    #[cfg(feature = "mmap")]
    fn runs_out(&self, put: &Put) -> bool {
        put.ttl.is_some()
    }

    fn keep_in_memory(&self, at: &Coordinate, batch: &Arc<Batch>, hint: Hint, changes: &Changes<'_>) -> Result<()> {
        if hint == Hint::Pin {
            self.pin_one(at);
        }
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
        match self.l1.put(at, Arc::clone(batch)) {
            Ok(displaced) => {
                self.demote(changes, displaced);
                Ok(())
            }
            Err(error) => {
                self.l1.take(at);
                // What is too large for the hot tier may be smaller as a stream.
                let encoded = Encoded::of(batch)?;
                self.l2.keep(at, encoded).map(drop).map_err(|_| error)
            }
        }
    }

    /// What the hot tier displaced becomes streams, unless its class changed since, or changes just now: an older version
    /// must never come back. What the encoded tier has no room for leaves memory; on disk it stays.
    fn demote(&self, changes: &Changes<'_>, displaced: Vec<(Coordinate, Arc<Batch>)>) {
        for (at, batch) in displaced {
            let class = at.routing_class();
            let other = if class == changes.class { None } else { self.changed[class.index()].try_lock().ok() };
            let is_still_so =
                class == changes.class || other.as_ref().is_some_and(|changed| **changed <= changes.since);
            if !is_still_so {
                continue;
            }
            let kept = Encoded::of(&batch).and_then(|encoded| self.l2.keep(&at, encoded));
            if let Err(error) = kept {
                tracing::debug!(coordinate = %at, %error, "a batch leaves memory");
            }
        }
    }
}

#[cfg(all(test, feature = "mmap"))]
mod model_tests;
#[cfg(feature = "remote")]
mod remote;

/// A class that is held, and the moment since when.
struct Changes<'a> {
    class: Class,
    held: MutexGuard<'a, u64>,
    since: u64,
    /// The clock on which a change ends. Its end counts, not its begin: what another thread displaced between the two is
    /// the older version.
    ends_on: Option<&'a AtomicU64>,
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        if let Some(clock) = self.ends_on {
            *self.held = clock.fetch_add(1, Ordering::Relaxed) + 1;
        }
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
        Store::builder().l0_bytes(100_000).l1_bytes(100_000).l2_bytes(100_000).build()
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
            assert!(store.remove(&at(number)).unwrap() && store.get_resident(&at(number)).is_none());
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

    #[test]
    fn pins_stay_until_they_are_given_up() {
        let store = Store::builder().l0_bytes(20_000).l1_bytes(3_000).l2_bytes(3_000).build();
        let pin = Put { hint: Hint::Pin, ..Put::default() };
        store.put_with(&at(1), records(1), pin).unwrap();
        store.put(&at(2), records(2)).unwrap();
        assert_eq!(store.get_local(&at(2), Hint::Pin).unwrap().map(|batch| value(&batch)), Some(2));
        assert!(store.get_local(&at(3), Hint::Pin).unwrap().is_none() && !store.l0.covers(&at(3)));
        (10..200).for_each(|number| drop(store.put(&at(number), records(0)).unwrap()));
        assert_eq!((store.stats().l0.entries, store.stats().l1.evictions > 0), (2, true));
        store.put(&at(2), records(20)).unwrap();
        for (number, expected) in [(1, 1), (2, 20)] {
            assert_eq!(store.get_resident(&at(number)).map(|batch| value(&batch)), Some(expected));
            assert!(store.unpin_at(&at(number)) && !store.unpin_at(&at(number)));
            assert_eq!(store.get_resident(&at(number)).map(|batch| value(&batch)), Some(expected), "in the hot tier");
        }
        assert_eq!(store.stats().l0.entries, 0);
        // Without room a pin is a put like any other.
        let store = Store::builder().l0_bytes(0).build();
        store.put_with(&at(1), records(1), pin).unwrap();
        assert_eq!(store.get_local(&at(1), Hint::Pin).unwrap().map(|batch| value(&batch)), Some(1));
        assert_eq!((store.stats().l0.entries, store.stats().l1.entries), (0, 1));
    }

    #[test]
    fn what_was_displaced_within_a_change_is_not_demoted() {
        let store = small();
        for is_within in [false, true] {
            store.put(&at(0), records(1)).unwrap();
            let change = store.change(&at(0));
            let ended = is_within.then_some(change);
            let other = store.changes(&at(1));
            let displaced = store.l1.take(&at(0)).unwrap();
            drop(ended);
            store.demote(&other, vec![(at(0), displaced)]);
            assert_eq!(store.l2.holds(&at(0)), !is_within);
            drop(other);
            store.remove(&at(0)).unwrap();
        }
    }

    /// A batch of a value that takes more than a few entries' room.
    fn wide(value: u32) -> RecordBatch {
        rows(value as i32, 200)
    }

    #[test]
    fn what_leaves_the_hot_tier_is_a_decode_away() {
        let store = Store::builder().l0_bytes(0).l1_bytes(20_000).l2_bytes(1 << 20).build();
        (0..100).for_each(|number| drop(store.put(&at(number), wide(number)).unwrap()));
        let stats = store.stats();
        assert!(stats.l1.entries < 30 && stats.l2.entries > 60, "{stats:?}");
        assert_eq!(stats.l1.entries + stats.l2.entries, 100);
        for number in 0..100 {
            let scanned = store.get_local(&at(number), Hint::Scan).unwrap();
            assert_eq!(scanned.map(|batch| value(&batch)), Some(number as i32));
        }
        assert_eq!((store.stats().l1.entries, store.stats().l2.entries), (stats.l1.entries, stats.l2.entries));
        for number in (0..100).rev() {
            let found = store.get_local(&at(number), Hint::Point).unwrap();
            assert_eq!(found.map(|batch| value(&batch)), Some(number as i32));
            assert!(store.l1.find(&at(number)).is_some(), "it came to the hot tier");
        }
        let scanned: Vec<i32> = store.scan(at(10)..at(13)).map(|(_, batch)| value(&batch.unwrap())).collect();
        assert_eq!(scanned, [10, 11, 12]);
    }

    #[cfg(feature = "mmap")]
    #[test]
    fn a_store_in_a_folder_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::builder().l0_bytes(0).l1_bytes(20_000).l2_bytes(20_000).open(folder.path()).unwrap();
        let local = Put { durability: Durability::Local, ..Put::default() };
        {
            let store = open();
            let version = store.put_with(&at(0), wide(0), local).unwrap();
            assert!(store.stats().log.unwrap().syncs == 1 && version > 0);
            (1..200).for_each(|number| drop(store.put(&at(number), wide(number)).unwrap()));
            let next = store.put_with(&at(0), wide(1_000), Put { expected: Some(Some(version)), ..local }).unwrap();
            let late = store.put_with(&at(0), wide(1), Put { expected: Some(Some(version)), ..local });
            assert!(next > version && matches!(late, Err(Error::Conflict(_))));
            assert!(store.remove(&at(7)).unwrap() && !store.remove(&at(7)).unwrap());
            let brief = Put { ttl: Some(Duration::from_secs(1)), ..Put::default() };
            store.put_with(&at(8), wide(8), brief).unwrap();
            assert!(store.get_resident(&at(8)).is_none(), "what runs out is not kept in memory");
        }
        let store = open();
        for number in (0..200).filter(|number| !matches!(number, 7 | 8)) {
            let expected = if number == 0 { 1_000 } else { number as i32 };
            let found = store.get_local(&at(number), Hint::Point).unwrap();
            assert_eq!(found.map(|batch| value(&batch)), Some(expected), "{number}");
        }
        assert!(store.get_local(&at(7), Hint::Point).unwrap().is_none());
        let computed = store.resolve(&at(5), || Err(Error::Invalid("it is on disk".into())));
        assert_eq!(computed.map(|batch| value(&batch)).ok(), Some(5));
        let memory = Store::builder().build().put_with(&at(0), wide(0), local);
        assert!(matches!(memory, Err(Error::Invalid(what)) if what.contains("folder")));
    }

    /// One writer a key takes odd steps by putting the step's number and even ones by removing; readers, through tiers far
    /// too small, see no step older than the last that was done before they asked.
    #[cfg(feature = "mmap")]
    #[test]
    fn no_reader_sees_an_older_version() {
        let folder = tempfile::tempdir().unwrap();
        let options = SdOptions { segment_bytes: 1 << 16, ..SdOptions::default() };
        let store =
            Store::builder().l0_bytes(0).l1_bytes(8_000).l2_bytes(8_000).disk(options).open(folder.path()).unwrap();
        let keys: Vec<(Coordinate, AtomicUsize)> = (0..24).map(|key| (at(key), AtomicUsize::new(0))).collect();
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            for worker in 0..2 {
                let (store, keys, done) = (&store, &keys, &done);
                scope.spawn(move || {
                    for step in 1..400_usize {
                        for (at, acked) in keys.iter().skip(worker).step_by(2) {
                            if step % 2 == 1 {
                                store.put(at, wide(step as u32)).unwrap();
                            } else {
                                store.remove(at).unwrap();
                            }
                            acked.store(step, Ordering::SeqCst);
                        }
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
            for reader in 0..2_usize {
                let (store, keys, done) = (&store, &keys, &done);
                scope.spawn(move || {
                    let mut turn = reader;
                    while done.load(Ordering::SeqCst) < 2 {
                        turn = turn.wrapping_mul(5).wrapping_add(7);
                        let (at, acked) = &keys[turn % keys.len()];
                        let before = acked.load(Ordering::SeqCst);
                        let hint = if turn % 3 == 0 { Hint::Scan } else { Hint::Point };
                        let found = store.get_local(at, hint).unwrap().map(|batch| value(&batch) as usize);
                        let after = acked.load(Ordering::SeqCst) + 1;
                        match found {
                            Some(step) => {
                                assert!(step >= before && step <= after, "{at}: {step} in {before}..={after}")
                            }
                            None => assert!(before % 2 == 0 || after > before, "{at}: nothing at {before}..={after}"),
                        }
                    }
                });
            }
        });
    }
}
