//! SD, this host's disk: a log of segments, mapped, written in groups, that opens after any crash.
//!
//! A put appends an entry to the segment that is written to, and the index in memory points to it. Whoever asks for
//! durability waits for the next `fdatasync`, which one of those who wait runs for all of them. A get checks the stream's
//! digest where it lies in the map and hands out arrays that lie there too. Nothing is written in place: entries that are
//! replaced leave with their segment, once what is left of it was copied. Equal batches are written once: the entries of
//! the others name the first one's stream, which was compared byte for byte.
//!
//! What a crash leaves behind: the manifest lists the segments; entries that were durable are whole, and each entry tells
//! how far the log was durable when it was written, so that damage to what was acknowledged is told apart from what was
//! still under way. The first is an error, the second never happened.
//!
//! `docs/store/format.mdx` draws the files byte by byte.

mod compact;
pub mod disk;
mod entry;
#[cfg(any(test, feature = "testing"))]
pub mod lying;
mod manifest;
mod map;
mod open;
mod segment;
mod stream;

use std::{
    collections::BTreeMap,
    io,
    ops::RangeBounds,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use arrow_buffer::Buffer;

use super::{Displaced, Tier, TierStats};
use crate::{
    Batch, Coordinate, Error, Result,
    encoded::{Encoded, Schemas, Shape},
};
use disk::Disk;
use entry::{Entry, Kind};
use manifest::{Listed, Manifest};
use segment::Segment;
use stream::{Spot, Stream, Streams};

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct SdOptions {
    /// The most bytes of entries that are held.
    pub budget_bytes: u64,
    /// The bytes of a segment; a larger entry gets a segment of its own.
    pub segment_bytes: u64,
    /// Whether a folder with damage to what was acknowledged opens without what is lost, in place of an error.
    pub salvage: bool,
}

impl Default for SdOptions {
    fn default() -> Self {
        Self { budget_bytes: 64 << 30, segment_bytes: 64 << 20, salvage: false }
    }
}

/// The version of a batch: each change of a store has a greater one.
pub type Version = u64;

/// What a put asks beside keeping the batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct PutOptions {
    /// Whether to wait until the batch is durable.
    pub durable: bool,
    /// After how long the batch is as if it were not there.
    pub ttl: Option<Duration>,
    /// The version that must be there now, for a compare-and-swap: `Some(None)` is nothing.
    pub expected: Option<Option<Version>>,
}

/// What a log did and holds, beyond a tier's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SdStats {
    /// Segments.
    pub segments: usize,
    /// Streams that lie there; fewer than coordinates where batches are equal.
    pub streams: usize,
    /// Bytes that entries fill, those included that were replaced.
    pub disk_bytes: u64,
    /// Syncs of segments; each serves all that waited.
    pub syncs: u64,
    /// Entries whose stream did not match its digest.
    pub quarantined: u64,
    /// Segments whose live entries were copied.
    pub compactions: u64,
    /// Writes and syncs that the disk refused.
    pub failures: u64,
}

/// The tier on this host's disk.
#[derive(Debug)]
pub struct Sd {
    disk: Arc<dyn Disk>,
    options: SdOptions,
    schemas: Schemas,
    index: RwLock<BTreeMap<Coordinate, Place>>,
    segments: RwLock<BTreeMap<u64, Arc<Segment>>>,
    log: Mutex<Log>,
    durable: Condvar,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    live: AtomicU64,
    streams: AtomicU64,
    syncs: AtomicU64,
    quarantined: AtomicU64,
    compactions: AtomicU64,
    failures: AtomicU64,
}

/// What lies at a coordinate.
#[derive(Clone, Debug)]
struct Place {
    version: Version,
    expires: u32,
    stream: Arc<Stream>,
    /// The entry that names the stream, where it is not the one that holds it.
    reference: Option<Spot>,
}

impl Place {
    fn is_expired(&self) -> bool {
        self.expires != 0 && now() >= self.expires
    }

    /// The bytes of entries that nothing needs when this leaves and a stream is kept.
    fn frees(&self, kept: Option<&Arc<Stream>>) -> u64 {
        let is_last = self.stream.names() == 1 && kept.is_none_or(|kept| !Arc::ptr_eq(kept, &self.stream));
        let stream = if is_last { self.stream.spot().length } else { 0 };
        stream + self.reference.as_ref().map_or(0, |spot| spot.length)
    }
}

/// What is written to.
#[derive(Debug, Default)]
struct Log {
    active: Option<Arc<Segment>>,
    /// Where the next entry goes.
    head: u64,
    next: Version,
    /// Versions up to this one are durable.
    synced: Version,
    /// Whether entries were written since the last sync.
    is_dirty: bool,
    /// Bytes after the head that a crash left, to be blanked before anything is written over them.
    debris: Option<u64>,
    /// Whether the active segment was found at the start and nothing was written to it since.
    is_found: bool,
    /// Whether somebody syncs just now.
    is_syncing: bool,
    /// Why nothing can be written any more.
    failed: Option<String>,
    manifest: Manifest,
    streams: Streams,
}

/// Seconds since 1970.
fn now() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
}

impl Sd {
    /// The batch at a coordinate with its version, checked against its digest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes do not match: the entry stays out from then on, and a copy elsewhere may take its
    /// place. [`Error::Unavailable`] where the disk does not answer.
    pub fn find(&self, at: &Coordinate) -> Result<Option<(Arc<Batch>, Version)>> {
        let found = self.load(at);
        let counter = if matches!(found, Ok(Some(_))) { &self.counters.hits } else { &self.counters.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// The version at a coordinate.
    pub fn version(&self, at: &Coordinate) -> Option<Version> {
        self.index().get(at).filter(|place| !place.is_expired()).map(|place| place.version)
    }

    /// Whether what lies at a coordinate stays until it is replaced.
    pub fn is_lasting(&self, at: &Coordinate) -> bool {
        self.index().get(at).is_some_and(|place| place.expires == 0)
    }

    /// Waits until a version that was put is durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the disk fails.
    pub fn wait_durable(&self, version: Version) -> Result<()> {
        self.wait(version)
    }

    fn load(&self, at: &Coordinate) -> Result<Option<(Arc<Batch>, Version)>> {
        let place = self.index().get(at).cloned();
        let Some(place) = place.filter(|place| !place.is_expired()) else { return Ok(None) };
        self.read(at, &place).map(|batch| Some((batch, place.version)))
    }

    /// The bytes of a stream that are checked; `at` is a coordinate that names it.
    fn stream(&self, at: &Coordinate, stream: &Stream) -> Result<Buffer> {
        let segment = stream.spot().segment.number;
        let what = || format!("{}: {} of {at}", self.disk.name(), segment::name(segment));
        let damaged = || Error::Corrupt(format!("{}: the bytes do not match their digest: put it anew", what()));
        if stream.is_damaged() {
            return Err(damaged());
        }
        let bytes = self.raw(stream).map_err(|error| Error::io(what())(error))?;
        if entry::digest(&bytes) != stream.digest {
            // It is not read again, and keeps older batches from taking its place.
            if stream.damage() {
                self.counters.quarantined.fetch_add(1, Ordering::Relaxed);
                tracing::error!(coordinate = %at, segment, "an entry does not match its digest");
            }
            return Err(damaged());
        }
        Ok(bytes)
    }

    /// The bytes of a stream as they are.
    fn raw(&self, stream: &Stream) -> io::Result<Buffer> {
        let (segment, start) = stream.start();
        segment.file.view(start, usize::try_from(stream.bytes).unwrap_or(usize::MAX))
    }

    fn read(&self, at: &Coordinate, place: &Place) -> Result<Arc<Batch>> {
        let bytes = self.stream(at, &place.stream)?;
        let records = Encoded::checked(bytes, place.stream.shape).decode(&self.schemas)?;
        Ok(Arc::new(Batch::borrowed(records)))
    }

    /// Keeps a batch; its version.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another version than the expected one is there; [`Error::Exhausted`] over the budget or on a
    /// full disk; [`Error::Unavailable`] where the disk fails: nothing is acknowledged then, and after a failed sync nothing
    /// is written any more. What was there stays readable in every case.
    pub fn insert(&self, at: &Coordinate, batch: &Batch, options: PutOptions) -> Result<Version> {
        let encoded = Encoded::of(batch)?;
        let expires = options
            .ttl
            .map_or(0, |ttl| now().saturating_add(u32::try_from(ttl.as_secs().max(1)).unwrap_or(u32::MAX)).max(1));
        let entry = Entry {
            at: at.clone(),
            kind: Kind::Put,
            version: 0,
            expires,
            ahead: 0,
            shape: encoded.shape(),
            stream_bytes: encoded.bytes().len() as u64,
            digest: entry::digest(encoded.bytes()),
        };
        let version = self.change(entry, encoded.bytes(), options.expected)?;
        self.counters.puts.fetch_add(1, Ordering::Relaxed);
        if options.durable {
            self.wait(version)?;
        }
        Ok(version)
    }

    /// Takes a batch out; whether there was one.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn delete(&self, at: &Coordinate, options: PutOptions) -> Result<bool> {
        if options.expected.is_none() && !self.index().contains_key(at) {
            return Ok(false);
        }
        let entry = Entry {
            at: at.clone(),
            kind: Kind::Remove,
            version: 0,
            expires: 0,
            ahead: 0,
            shape: Shape { schema_bytes: 0, is_plain: true },
            stream_bytes: 0,
            digest: entry::digest(&[]),
        };
        let version = self.change(entry, &[], options.expected)?;
        if options.durable {
            self.wait(version)?;
        }
        Ok(true)
    }

    /// Takes the oldest batches out until there is room for so many bytes and for a sixteenth of the budget.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn shed(&self, bytes: usize) -> Result<()> {
        let room = (bytes as u64).saturating_add(self.options.budget_bytes / 16);
        let target = self.options.budget_bytes.saturating_sub(room);
        let mut oldest: Vec<(Version, Coordinate)> =
            self.index().iter().map(|(at, place)| (place.version, at.clone())).collect();
        oldest.sort_unstable_by_key(|(version, _)| *version);
        for (_, at) in oldest {
            if self.counters.live.load(Ordering::Relaxed) <= target {
                break;
            }
            self.delete(&at, PutOptions::default())?;
        }
        Ok(())
    }

    /// Appends an entry and points the index to it; the entry's version.
    fn change(&self, entry: Entry, stream: &[u8], expected: Option<Option<Version>>) -> Result<Version> {
        let mut log = self.log();
        let there = self.index().get(&entry.at).cloned();
        let current = there.as_ref().filter(|place| !place.is_expired()).map(|place| place.version);
        if let Some(expected) = expected.filter(|expected| *expected != current) {
            let words = |version: Option<Version>| version.map_or("nothing".to_owned(), |v| format!("version {v}"));
            let (at, current, expected) = (&entry.at, words(current), words(expected));
            return Err(Error::Conflict(format!("{at}: {current} is there, {expected} was expected: read it again")));
        }
        let is_put = entry.kind == Kind::Put;
        let equal = |there: &Stream| {
            there.shape == entry.shape && self.raw(there).is_ok_and(|bytes| bytes.as_slice() == stream)
        };
        let shared = if is_put { log.streams.find(entry.digest, equal) } else { None };
        let entry = match &shared {
            Some(shared) => Entry { kind: Kind::Refer(shared.origin), stream_bytes: 0, ..entry },
            None => entry,
        };
        let stream = if shared.is_some() { &[] } else { stream };
        let (charge, freed) = (entry.length(), there.as_ref().map_or(0, |place| place.frees(shared.as_ref())));
        let live = self.counters.live.load(Ordering::Relaxed).saturating_sub(freed);
        if is_put && live.saturating_add(charge) > self.options.budget_bytes {
            let (at, budget) = (&entry.at, self.options.budget_bytes);
            return Err(Error::Exhausted(format!(
                "{at}: {charge} bytes over the {budget} of the disk tier: raise the budget, or remove something"
            )));
        }
        let version = log.next;
        let entry = Entry { version, ..entry };
        // Named before the log may be compacted, which takes out what has expired and streams that nothing names.
        if let Some(shared) = &shared {
            shared.name();
        }
        let appended = self.append(&mut log, &entry, stream, true);
        if let (Err(_), Some(shared)) = (&appended, &shared) {
            self.unname(&mut log, shared);
        }
        let spot = appended?;
        log.next = version + 1;
        let place = is_put.then(|| match shared {
            Some(stream) => Place { version, expires: entry.expires, stream, reference: Some(spot) },
            None => {
                let stream = Arc::new(Stream::new(&entry, spot));
                stream.name();
                log.streams.add(&stream);
                Place { version, expires: entry.expires, stream, reference: None }
            }
        });
        self.point(&mut log, &entry.at, place);
        Ok(version)
    }

    /// Points the index to what lies at a coordinate now, if anything does, with the log held. The stream has its name.
    fn point(&self, log: &mut Log, at: &Coordinate, place: Option<Place>) {
        let mut index = self.index_mut();
        // What leaves is uncharged first, so that the budget holds at every moment.
        if let Some(replaced) = index.remove(at) {
            self.unname(log, &replaced.stream);
            replaced.reference.iter().for_each(|spot| self.uncharge(spot));
        }
        if let Some(place) = place {
            self.charge(&place, place.reference.is_none());
            index.insert(at.clone(), place);
        }
    }

    /// Counts what a place needs; its stream only where nothing named it before.
    fn charge(&self, place: &Place, is_first: bool) {
        let stream = is_first.then(|| place.stream.spot());
        self.counters.streams.fetch_add(is_first.into(), Ordering::Relaxed);
        for spot in stream.iter().chain(&place.reference) {
            self.counters.live.fetch_add(spot.length, Ordering::Relaxed);
            spot.keep();
        }
    }

    fn uncharge(&self, spot: &Spot) {
        self.counters.live.fetch_sub(spot.length, Ordering::Relaxed);
        spot.let_go();
    }

    /// One coordinate less names a stream. With the last one it is needed no more.
    fn unname(&self, log: &mut Log, stream: &Stream) {
        if stream.unname() {
            log.streams.remove(stream);
            self.counters.streams.fetch_sub(1, Ordering::Relaxed);
            self.uncharge(&stream.spot());
        }
    }

    /// Writes an entry where the log ends. Where it fails, the log ends where it did.
    fn append(&self, log: &mut MutexGuard<'_, Log>, entry: &Entry, stream: &[u8], may_compact: bool) -> Result<Spot> {
        if let Some(why) = &log.failed {
            return Err(self.unavailable(why));
        }
        let length = entry.length();
        let has_room = |segment: &Arc<Segment>| log.head.saturating_add(length) <= segment.file.length();
        match log.active.clone().filter(has_room) {
            Some(active) => self.reopen(log, &active)?,
            None => self.roll(log, length, may_compact)?,
        }
        let Some(active) = log.active.clone() else { return Err(self.unavailable("no segment is open")) };
        let ahead = u32::try_from(entry.version.saturating_sub(log.synced)).unwrap_or(u32::MAX);
        let entry = Entry { ahead, ..entry.clone() };
        let position = log.head;
        let head = entry.head(active.number, position)?;
        let write = || {
            active.file.write(&head, position)?;
            active.file.write(stream, position + head.len() as u64)
        };
        write().map_err(|error| self.disk_error("writing an entry", error))?;
        log.head += length;
        log.is_dirty = true;
        active.add(log.head, entry.key_version());
        Ok(Spot::of(&active, position, &entry))
    }

    /// Before the first entry is written to a segment that was found: what a crash left after its entries is blanked, so
    /// that it is never taken for an entry, and the manifest says that there will be more.
    fn reopen(&self, log: &mut MutexGuard<'_, Log>, active: &Segment) -> Result<()> {
        if !log.is_found {
            return Ok(());
        }
        if let Some(end) = log.debris {
            let length = usize::try_from(end.saturating_sub(log.head)).unwrap_or(usize::MAX);
            let blank = || active.file.write(&vec![0; length], log.head);
            blank().map_err(|error| self.disk_error("blanking what a crash left", error))?;
            log.debris = None;
            log.is_dirty = true;
        }
        self.sync_now(log, active)?;
        self.list(log, |manifest, log| {
            for listed in manifest.segments.iter_mut().filter(|listed| listed.number == active.number) {
                (listed.bytes, listed.is_closed) = (log.head, false);
            }
        })?;
        log.is_found = false;
        Ok(())
    }

    /// Changes the manifest, durably, when everything that was written is durable; on an error it is as before.
    fn list(&self, log: &mut MutexGuard<'_, Log>, change: impl FnOnce(&mut Manifest, &Log)) -> Result<()> {
        let mut manifest = Manifest { last: log.next - 1, ..log.manifest.clone() };
        change(&mut manifest, log);
        manifest.store(&*self.disk)?;
        log.manifest = manifest;
        Ok(())
    }

    /// Ends the active segment and begins one with room for an entry of this length.
    fn roll(&self, log: &mut MutexGuard<'_, Log>, length: u64, may_compact: bool) -> Result<()> {
        if let Some(active) = log.active.clone() {
            self.sync_now(log, &active)?;
        }
        let number = log.manifest.next;
        let name = segment::name(number);
        let create = || {
            let file = self.disk.create(&name, self.options.segment_bytes.max(length))?;
            file.sync()?;
            self.disk.sync_names()?;
            Ok(file)
        };
        let file = create().map_err(|error| self.disk_error("making a segment", error))?;
        self.list(log, |manifest, log| {
            if let Some(last) = manifest.segments.last_mut() {
                (last.bytes, last.is_closed) = (log.head, true);
            }
            manifest.next = number + 1;
            manifest.segments.push(Listed { number, bytes: 0, is_closed: false });
        })?;
        let segment = Arc::new(Segment::new(number, file));
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&segment));
        (log.active, log.head, log.debris, log.is_found) = (Some(segment), 0, None, false);
        if may_compact { self.compact_some(log) } else { Ok(()) }
    }

    /// Makes everything that was written durable, with the log held.
    fn sync_now(&self, log: &mut MutexGuard<'_, Log>, active: &Segment) -> Result<()> {
        if let Some(why) = &log.failed {
            return Err(self.unavailable(why));
        }
        // A sync that somebody runs just now may fail yet.
        if !log.is_dirty && !log.is_syncing {
            return Ok(());
        }
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        match active.file.sync() {
            Ok(()) => {
                log.synced = log.next - 1;
                log.is_dirty = false;
                self.durable.notify_all();
                Ok(())
            }
            Err(error) => Err(self.fail(log, &error)),
        }
    }

    /// Waits until a version is durable. One of those who wait syncs for all.
    fn wait(&self, version: Version) -> Result<()> {
        let mut log = self.log();
        loop {
            if log.synced >= version {
                return Ok(());
            }
            if let Some(why) = &log.failed {
                return Err(self.unavailable(why));
            }
            if log.is_syncing {
                log = self.durable.wait(log).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some(active) = log.active.clone() else { return Err(self.unavailable("no segment is open")) };
            (log.is_syncing, log.is_dirty) = (true, false);
            let target = log.next - 1;
            drop(log);
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
            let outcome = active.file.sync();
            log = self.log();
            log.is_syncing = false;
            self.durable.notify_all();
            match outcome {
                Ok(()) => log.synced = log.synced.max(target),
                Err(error) => return Err(self.fail(&mut log, &error)),
            }
        }
    }

    /// After a failed sync nothing is known of what was written: the log takes nothing more until it is opened again.
    fn fail(&self, log: &mut MutexGuard<'_, Log>, error: &io::Error) -> Error {
        let why = format!("a sync failed ({error}), and what was written before may be lost: open the store again");
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(disk = %self.disk.name(), %error, "a sync failed: the log takes nothing more");
        log.failed = Some(why.clone());
        self.durable.notify_all();
        self.unavailable(&why)
    }

    fn unavailable(&self, why: &str) -> Error {
        Error::io(self.disk.name())(io::Error::other(why.to_owned()))
    }

    fn disk_error(&self, doing: &str, error: io::Error) -> Error {
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Error::Exhausted(format!("{}: {doing}: {error}: free some space", self.disk.name()))
            }
            _ => Error::io(format!("{}: {doing}", self.disk.name()))(error),
        }
    }

    /// Makes everything that was put durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the disk fails.
    pub fn flush(&self) -> Result<()> {
        let (last, is_under_way) = {
            let log = self.log();
            (log.next - 1, log.is_dirty || log.is_syncing)
        };
        if is_under_way { self.wait(last) } else { Ok(()) }
    }

    /// Everything in a range of coordinates as it is now, in order; batches are read when they are asked for, as they were
    /// now.
    pub fn scan(&self, range: impl RangeBounds<Coordinate>) -> Scan<'_> {
        if super::is_empty(&range) {
            return Scan { sd: self, places: Vec::new().into_iter() };
        }
        let places: Vec<(Coordinate, Place)> = self
            .index()
            .range(range)
            .filter(|(_, place)| !place.is_expired())
            .map(|(at, place)| (at.clone(), place.clone()))
            .collect();
        Scan { sd: self, places: places.into_iter() }
    }

    /// Checks every stream; the coordinates of those that are damaged.
    pub fn verify(&self) -> Vec<Coordinate> {
        self.scan(..).filter_map(|(at, _, read)| matches!(read, Err(Error::Corrupt(_))).then_some(at)).collect()
    }

    /// What the log holds and did.
    pub fn log_stats(&self) -> SdStats {
        let segments = self.segments();
        SdStats {
            segments: segments.len(),
            streams: usize::try_from(self.counters.streams.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            disk_bytes: segments.values().map(|segment| segment.used()).sum(),
            syncs: self.counters.syncs.load(Ordering::Relaxed),
            quarantined: self.counters.quarantined.load(Ordering::Relaxed),
            compactions: self.counters.compactions.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockReadGuard<'_, BTreeMap<Coordinate, Place>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Coordinate, Place>> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sd {
    /// Says in the manifest how far the last segment is filled, so that the next start can tell damage from what was under
    /// way. Where it cannot be said, the next start treats the end as after a crash.
    fn drop(&mut self) {
        let close = || -> Result<()> {
            let mut log = self.log();
            let Some(active) = log.active.clone() else { return Ok(()) };
            if log.manifest.segments.iter().all(|listed| listed.is_closed) {
                return Ok(());
            }
            self.sync_now(&mut log, &active)?;
            self.list(&mut log, |manifest, log| {
                for listed in manifest.segments.iter_mut().filter(|listed| listed.number == active.number) {
                    (listed.bytes, listed.is_closed) = (log.head, true);
                }
            })
        };
        if let Err(error) = close() {
            tracing::warn!(%error, "the store was not closed; it opens as after a crash");
        }
    }
}

/// A snapshot of a range of coordinates.
#[derive(Debug)]
pub struct Scan<'a> {
    sd: &'a Sd,
    places: std::vec::IntoIter<(Coordinate, Place)>,
}

impl Scan<'_> {
    /// The coordinates that are left, without reading what lies there.
    pub fn coordinates(self) -> Vec<Coordinate> {
        self.places.map(|(at, _)| at).collect()
    }
}

impl Iterator for Scan<'_> {
    type Item = (Coordinate, Version, Result<Arc<Batch>>);

    fn next(&mut self) -> Option<Self::Item> {
        let (at, place) = self.places.next()?;
        let read = self.sd.read(&at, &place);
        Some((at, place.version, read))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl Tier for Sd {
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.find(at)?.map(|(batch, _)| batch))
    }

    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced> {
        self.insert(at, &batch, PutOptions::default()).map(|_| Vec::new())
    }

    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        let batch = self.load(at)?.map(|(batch, _)| batch);
        self.delete(at, PutOptions::default())?;
        Ok(batch)
    }

    fn stats(&self) -> TierStats {
        TierStats {
            hits: self.counters.hits.load(Ordering::Relaxed),
            misses: self.counters.misses.load(Ordering::Relaxed),
            puts: self.counters.puts.load(Ordering::Relaxed),
            evictions: 0,
            entries: self.index().len(),
            bytes: usize::try_from(self.counters.live.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            budget_bytes: self.budget_bytes(),
        }
    }

    fn budget_bytes(&self) -> usize {
        usize::try_from(self.options.budget_bytes).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
