//! LD, the network: immutable objects named by their content, and a log that says which lies where.
//!
//! Objects hold the Arrow IPC stream of a batch, or a Parquet file of it, under the BLAKE3 digest of their bytes and the
//! number of an upload, so that equal content lies there once and damage is noticed. The log is a row of numbered objects,
//! each written only if its number is free: whoever writes one has read all before it, so that any number of processes share
//! a tier and a compare-and-swap holds among them. The whole view is written now and then, and a tier opens from the last of
//! these and what came after.
//!
//! Work runs on the runtime that the tier was opened on, whoever waits for it: a future that is dropped stops nothing that
//! others wait for, and loses nothing that was acknowledged.
//!
//! `docs/store/remote.mdx` says what is promised.

mod calls;
mod collect;
mod commit;
mod delta;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
mod format;
mod log;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    io,
    ops::RangeBounds,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, SystemTime},
};

use object_store::{ObjectStore, path::Path};
use tokio::{
    runtime::Handle,
    sync::{Mutex as AsyncMutex, OnceCell},
};

#[cfg(feature = "mmap")]
use super::sd::{PutOptions, Sd};
use super::{Displaced, Tier, TierStats};
use crate::{Batch, Coordinate, Error, Result, Schemas};
use calls::Calls;
use commit::Queue;
pub use format::Format;

/// How a remote tier is used.
#[derive(Clone, Debug)]
pub struct LdOptions {
    /// The most bytes of objects that coordinates may name, counted once for each coordinate.
    pub budget_bytes: u64,
    /// How long one call of the tier may take, all attempts together.
    pub deadline: Duration,
    /// How long one attempt may take.
    pub attempt: Duration,
    /// The longest first wait before another attempt; it doubles with each, up to 64 times this.
    pub backoff: Duration,
    /// Attempts after the first.
    pub retries: u32,
    /// Attempts after the first that all callers have together before the store answers again: ten answers give one back.
    pub retry_budget: u32,
    /// After how many changes of the log the whole view is written.
    pub checkpoint_every: u64,
    /// How objects that are written hold their batch; those of either format are read.
    pub format: Format,
}

impl Default for LdOptions {
    fn default() -> Self {
        Self {
            budget_bytes: u64::MAX,
            deadline: Duration::from_secs(30),
            attempt: Duration::from_secs(10),
            backoff: Duration::from_millis(50),
            retries: 8,
            retry_budget: 100,
            checkpoint_every: 64,
            format: Format::Arrow,
        }
    }
}

/// What a remote tier did, beyond a tier's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LdStats {
    /// The number of the last change that is known.
    pub number: u64,
    /// Objects that coordinates name.
    pub objects: usize,
    /// Attempts made.
    pub requests: u64,
    /// Attempts after a first one.
    pub retries: u64,
    /// Objects read.
    pub fetched: u64,
    /// Objects written.
    pub uploaded: u64,
    /// Puts whose object lay there already.
    pub shared: u64,
    /// Groups of changes written to the log.
    pub commits: u64,
    /// Objects that a collection deleted.
    pub collected: u64,
}

pub(crate) type Digest = [u8; 32];

/// What lies at a coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The BLAKE3 digest of the object's bytes.
    pub digest: [u8; 32],
    /// Which upload of these bytes it is.
    pub upload: u64,
    /// The object's length.
    pub bytes: u64,
    /// How it holds the batch.
    pub format: Format,
    /// The number of the change since when it lies there.
    pub version: u64,
}

/// What the log says so far.
#[derive(Debug, Default)]
struct View {
    number: u64,
    index: BTreeMap<Coordinate, Named>,
    /// How many coordinates name an object: a digest and an upload of it.
    references: BTreeMap<(Digest, u64), usize>,
    bytes: u64,
}

impl View {
    /// Points a coordinate to an object, or to nothing.
    fn point(&mut self, at: &Coordinate, named: Option<Named>) {
        let former = match named {
            Some(named) => {
                *self.references.entry((named.digest, named.upload)).or_default() += 1;
                self.bytes = self.bytes.saturating_add(named.bytes);
                self.index.insert(at.clone(), named)
            }
            None => self.index.remove(at),
        };
        let Some(former) = former else { return };
        self.bytes = self.bytes.saturating_sub(former.bytes);
        let name = (former.digest, former.upload);
        if let Some(count) = self.references.get_mut(&name) {
            *count -= 1;
            if *count == 0 {
                self.references.remove(&name);
            }
        }
    }

    /// An upload of these bytes that a coordinate names.
    fn upload_of(&self, digest: &Digest) -> Option<u64> {
        self.references.range((*digest, 0)..=(*digest, u64::MAX)).next().map(|((_, upload), _)| *upload)
    }
}

/// The tier beyond the network. Clones are the same tier.
#[derive(Clone, Debug)]
pub struct Ld(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Calls,
    options: LdOptions,
    runtime: Handle,
    #[cfg(feature = "mmap")]
    cache: Option<Sd>,
    schemas: Schemas,
    view: RwLock<View>,
    /// Held while the view is brought up to date; when it was so last.
    catching_up: AsyncMutex<()>,
    synced: Mutex<SystemTime>,
    queue: Mutex<Queue>,
    flights: Mutex<HashMap<Digest, Arc<Flight>>>,
    /// What changed, until the store of this tier has dropped its copies; `None` without a store.
    changed: Mutex<Option<BTreeSet<Coordinate>>>,
    counters: Counters,
}

type Flight = OnceCell<Result<Arc<Batch>>>;

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    fetched: AtomicU64,
    uploaded: AtomicU64,
    shared: AtomicU64,
    commits: AtomicU64,
    collected: AtomicU64,
}

impl Ld {
    /// The tier at a URL such as `s3://bucket/folder`, `file:///folder` or `memory:///`; options are those of object_store,
    /// as `aws_endpoint`. Which schemes there are depends on the features: `s3` brings that one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL that names nothing; else as [`Ld::open`]. Options that object_store does not know are
    /// passed over.
    pub async fn connect(
        url: &str,
        settings: impl IntoIterator<Item = (String, String)>,
        options: LdOptions,
    ) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| Error::Invalid(format!("remote tier '{url}': {error}"));
        let parsed = url.parse().map_err(|error| wrong(&error))?;
        let (store, root) = object_store::parse_url_opts(&parsed, settings).map_err(|error| wrong(&error))?;
        Self::open(store.into(), root, options).await
    }

    /// The tier in a folder of an object store, which must offer to write an object only if its name is free. What lies
    /// there is there.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the log is damaged, [`Error::Unavailable`] where the store does not answer,
    /// [`Error::Invalid`] outside of a tokio runtime.
    pub async fn open(store: Arc<dyn ObjectStore>, root: Path, options: LdOptions) -> Result<Self> {
        let runtime = Handle::try_current()
            .map_err(|error| Error::Invalid(format!("a remote tier is opened on a tokio runtime: {error}")))?;
        let inner = Inner {
            calls: Calls::new(store, root, options.clone()),
            options,
            runtime,
            #[cfg(feature = "mmap")]
            cache: None,
            schemas: Schemas::default(),
            view: RwLock::default(),
            catching_up: AsyncMutex::default(),
            synced: Mutex::new(SystemTime::UNIX_EPOCH),
            queue: Mutex::default(),
            flights: Mutex::default(),
            changed: Mutex::default(),
            counters: Counters::default(),
        };
        let deadline = inner.calls.deadline();
        inner.catch_up(deadline).await?;
        Ok(Self(Arc::new(inner)))
    }

    /// Keeps the objects that it reads and writes in a log on disk too, up to that log's budget; the oldest leave first.
    /// The log belongs to this tier, and may be deleted while it is closed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tier of which there are clones.
    #[cfg(feature = "mmap")]
    pub fn with_cache(self, cache: Sd) -> Result<Self> {
        let inner = Arc::try_unwrap(self.0)
            .map_err(|_| Error::Invalid("a remote tier gets its cache before it is cloned".into()))?;
        Ok(Self(Arc::new(Inner { cache: Some(cache), ..inner })))
    }

    /// Runs work on the tier's runtime. It goes on when whoever waits for it goes away.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        match self.0.runtime.spawn(work).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => Err(Error::Corrupt("reading the remote tier's bytes failed".into())),
            Err(error) => Err(Error::io("the remote tier's runtime is gone")(io::Error::other(error))),
        }
    }

    /// As [`run`](Self::run), for callers that block.
    fn block<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let (answer, outcome) = mpsc::sync_channel(1);
        self.0.runtime.spawn(async move { answer.send(work.await) });
        outcome.recv().unwrap_or_else(|error| Err(Error::io("the remote tier's runtime")(io::Error::other(error))))
    }

    /// The batch at a coordinate with its version, as of the changes that are known. Callers that miss the same object
    /// together share one request.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the object's bytes do not match its name or the object is gone, [`Error::Unavailable`] where
    /// the store does not answer in time.
    pub async fn fetch(&self, at: &Coordinate) -> Result<Option<(Arc<Batch>, u64)>> {
        if self.version(at).is_none() {
            self.0.counters.misses.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let (inner, at) = (Arc::clone(&self.0), at.clone());
        self.run(async move { inner.fetch(&at).await }).await
    }

    /// The batch of an object, as [`entries`](Self::entries) gave it. Where it was replaced and collected since, what lies at
    /// the coordinate now, if anything does.
    ///
    /// # Errors
    /// As [`Ld::fetch`].
    pub async fn read(&self, at: &Coordinate, named: Named) -> Result<Option<Arc<Batch>>> {
        let (inner, at) = (Arc::clone(&self.0), at.clone());
        self.run(async move {
            match inner.shared_load(named).await {
                Err(Error::Missing(_)) => Ok(inner.fetch(&at).await?.map(|(batch, _)| batch)),
                found => found.map(Some),
            }
        })
        .await
    }

    /// Keeps a batch; its version. It is acknowledged by the object store then, and other processes see it.
    ///
    /// `expected` is the version that must be there now, `Some(None)` nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another version is there, [`Error::Exhausted`] over the budget, [`Error::Unavailable`] where
    /// the store does not answer in time: the batch may be there or not, and [`Ld::refresh`] tells.
    pub async fn insert(&self, at: &Coordinate, batch: &Arc<Batch>, expected: Option<Option<u64>>) -> Result<u64> {
        let (inner, at, batch) = (Arc::clone(&self.0), at.clone(), Arc::clone(batch));
        self.run(async move { inner.insert(at, batch, expected).await }).await
    }

    /// Takes a batch out; whether there was one. Its object stays until [`Ld::collect`].
    ///
    /// # Errors
    /// As [`Ld::insert`].
    pub async fn delete(&self, at: &Coordinate, expected: Option<Option<u64>>) -> Result<bool> {
        let (inner, at) = (Arc::clone(&self.0), at.clone());
        self.run(async move { Ok(inner.change(at, None, expected).await? != 0) }).await
    }

    /// Reads what other processes changed; how many changes of the log that were.
    ///
    /// # Errors
    /// As [`Ld::open`].
    pub async fn refresh(&self) -> Result<u64> {
        let inner = Arc::clone(&self.0);
        self.run(async move {
            let before = inner.view().number;
            inner.catch_up(inner.calls.deadline()).await?;
            Ok(inner.view().number - before)
        })
        .await
    }

    /// Deletes objects that no coordinate names and that were written longer ago than this, ten minutes at least, and what of
    /// the log is older than a week and not needed to open the tier. How many objects went. A reader whose object goes
    /// reads what took its place.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store does not answer in time: what went is gone, what stays is collected next time.
    pub async fn collect(&self, older_than: Duration) -> Result<u64> {
        let inner = Arc::clone(&self.0);
        self.run(
            async move { inner.collect(older_than.max(collect::OBJECT_AGE), older_than.max(collect::LOG_AGE)).await },
        )
        .await
    }

    /// Reads every object; the coordinates whose object is damaged or gone.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store does not answer in time.
    pub async fn verify(&self) -> Result<Vec<Coordinate>> {
        let inner = Arc::clone(&self.0);
        self.run(async move {
            let mut damaged = Vec::new();
            for (at, named) in inner.entries(..) {
                match inner.load(named).await {
                    Ok(_) => {}
                    Err(Error::Corrupt(_)) => damaged.push(at),
                    Err(Error::Missing(_)) => {
                        // Replaced and collected meanwhile, or gone.
                        inner.catch_up(inner.calls.deadline()).await?;
                        if inner.view().index.get(&at) == Some(&named) {
                            damaged.push(at);
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(damaged)
        })
        .await
    }

    /// The version at a coordinate, as of the changes that are known.
    pub fn version(&self, at: &Coordinate) -> Option<u64> {
        self.0.view().index.get(at).map(|named| named.version)
    }

    /// What lies in a range of coordinates, in order, as of the changes that are known.
    pub fn entries(&self, range: impl RangeBounds<Coordinate>) -> Vec<(Coordinate, Named)> {
        self.0.entries(range)
    }

    /// What the tier holds and did.
    pub fn remote_stats(&self) -> LdStats {
        let (counters, calls) = (&self.0.counters, &self.0.calls);
        let view = self.0.view();
        LdStats {
            number: view.number,
            objects: view.references.len(),
            requests: calls.requests.load(Ordering::Relaxed),
            retries: calls.retries.load(Ordering::Relaxed),
            fetched: counters.fetched.load(Ordering::Relaxed),
            uploaded: counters.uploaded.load(Ordering::Relaxed),
            shared: counters.shared.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            collected: counters.collected.load(Ordering::Relaxed),
        }
    }

    /// From now on a store drops its copies of what changes.
    pub(crate) fn watch(&self) {
        lock(&self.0.changed).get_or_insert_default();
    }

    /// Whether there is something that [`take_changed`](Self::take_changed) would give.
    pub(crate) fn has_changed(&self) -> bool {
        lock(&self.0.changed).as_ref().is_some_and(|changed| !changed.is_empty())
    }

    /// What changed since this was last asked.
    pub(crate) fn take_changed(&self) -> BTreeSet<Coordinate> {
        lock(&self.0.changed).as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl Inner {
    fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries(&self, range: impl RangeBounds<Coordinate>) -> Vec<(Coordinate, Named)> {
        if super::is_empty(&range) {
            return Vec::new();
        }
        self.view().index.range(range).map(|(at, named)| (at.clone(), *named)).collect()
    }

    fn tell(&self, changed: impl IntoIterator<Item = Coordinate>) {
        if let Some(there) = &mut *lock(&self.changed) {
            there.extend(changed);
        }
    }

    fn object(&self, digest: &Digest, upload: u64, format: Format) -> Path {
        let (digest, extension) = (blake3::Hash::from(*digest).to_hex(), format.extension());
        self.calls.root.clone().join("objects").join(format!("{digest}-{upload:016x}.{extension}"))
    }

    async fn fetch(&self, at: &Coordinate) -> Result<Option<(Arc<Batch>, u64)>> {
        let mut named = self.view().index.get(at).copied();
        let found = loop {
            let Some(known) = named else { break None };
            match self.shared_load(known).await {
                Ok(batch) => break Some((batch, known.version)),
                // Replaced and collected since the log was read.
                Err(Error::Missing(_)) => {
                    self.catch_up(self.calls.deadline()).await?;
                    named = self.view().index.get(at).copied();
                    if named == Some(known) {
                        let object = self.object(&known.digest, known.upload, known.format);
                        return Err(Error::Corrupt(format!("{at}: its object {object} is gone: put it anew")));
                    }
                }
                Err(error) => return Err(error),
            }
        };
        let counter = if found.is_some() { &self.counters.hits } else { &self.counters.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(found)
    }

    /// The batch of an object, from this host if it is there, else by one request for all who ask for it now.
    async fn shared_load(&self, named: Named) -> Result<Arc<Batch>> {
        if let Some(batch) = self.cached(&named.digest) {
            return Ok(batch);
        }
        let flight = Arc::clone(lock(&self.flights).entry(named.digest).or_default());
        let outcome = flight.get_or_init(|| self.load(named)).await;
        let mut flights = lock(&self.flights);
        if flights.get(&named.digest).is_some_and(|there| Arc::ptr_eq(there, &flight)) {
            flights.remove(&named.digest);
        }
        drop(flights);
        match outcome {
            Ok(batch) => Ok(Arc::clone(batch)),
            Err(error) => Err(error.again()),
        }
    }

    async fn load(&self, named: Named) -> Result<Arc<Batch>> {
        let path = self.object(&named.digest, named.upload, named.format);
        let check = |bytes: &[u8]| {
            let is_whole = bytes.len() as u64 == named.bytes && *blake3::hash(bytes).as_bytes() == named.digest;
            if is_whole { Ok(()) } else { Err("the bytes do not match the name".to_owned()) }
        };
        let bytes = self.calls.get(&path, named.bytes, self.calls.deadline_for(named.bytes), check).await?;
        let bytes = bytes.ok_or_else(|| Error::Missing(format!("{path} is not there")))?;
        self.counters.fetched.fetch_add(1, Ordering::Relaxed);
        let batch = Arc::new(named.format.decode(bytes, &self.schemas)?);
        self.remember(&named.digest, &batch);
        Ok(batch)
    }

    async fn insert(self: &Arc<Self>, at: Coordinate, batch: Arc<Batch>, expected: Option<Option<u64>>) -> Result<u64> {
        let object = commit::Object::new(self.encode(&batch).await?);
        let digest = object.digest;
        let version = self.change(at, Some(object), expected).await?;
        self.counters.puts.fetch_add(1, Ordering::Relaxed);
        self.remember(&digest, &batch);
        Ok(version)
    }

    /// A batch's bytes; what takes long does not hold the runtime up.
    async fn encode(&self, batch: &Arc<Batch>) -> Result<(Vec<u8>, Format)> {
        let (format, batch) = (self.options.format, Arc::clone(batch));
        if format == Format::Arrow {
            return format.encode(&batch);
        }
        let encoded = self.runtime.spawn_blocking(move || format.encode(&batch)).await;
        encoded.unwrap_or_else(|error| Err(Error::io("encoding a remote object")(io::Error::other(error))))
    }

    #[cfg(not(feature = "mmap"))]
    fn cached(&self, _: &Digest) -> Option<Arc<Batch>> {
        None
    }

    #[cfg(not(feature = "mmap"))]
    fn remember(&self, _: &Digest, _: &Arc<Batch>) {}

    /// The batch of an object that this host's disk has; a damaged copy is as good as none.
    #[cfg(feature = "mmap")]
    fn cached(&self, digest: &Digest) -> Option<Arc<Batch>> {
        let (cache, at) = (self.cache.as_ref()?, Coordinate::of_digest(digest));
        match cache.find(&at) {
            Ok(found) => found.map(|(batch, _)| batch),
            Err(error) => {
                tracing::warn!(%error, "a copy of a remote object cannot be read: it is fetched again");
                drop(cache.delete(&at, PutOptions::default()));
                None
            }
        }
    }

    /// Keeps a copy of an object on this host's disk, in place of older ones where there is no room.
    #[cfg(feature = "mmap")]
    fn remember(&self, digest: &Digest, batch: &Arc<Batch>) {
        let Some(cache) = &self.cache else { return };
        let at = Coordinate::of_digest(digest);
        if cache.version(&at).is_some() {
            return;
        }
        let mut outcome = cache.insert(&at, batch, PutOptions::default());
        if matches!(outcome, Err(Error::Exhausted(_))) && cache.shed(batch.size_bytes()).is_ok() {
            outcome = cache.insert(&at, batch, PutOptions::default());
        }
        if let Err(error) = outcome {
            tracing::debug!(%error, "a remote object gets no copy on this host");
        }
    }
}

impl Tier for Ld {
    /// Blocks; from a thread of the tier's own runtime, that needs another one that is free.
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        let (inner, at) = (Arc::clone(&self.0), at.clone());
        Ok(self.block(async move { inner.fetch(&at).await })?.map(|(batch, _)| batch))
    }

    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced> {
        let (inner, at) = (Arc::clone(&self.0), at.clone());
        self.block(async move { inner.insert(at, batch, None).await }).map(|_| Vec::new())
    }

    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        let (inner, at) = (Arc::clone(&self.0), at.clone());
        self.block(async move {
            let Some(named) = inner.view().index.get(&at).copied() else { return Ok(None) };
            let batch = inner.shared_load(named).await?;
            inner.change(at, None, None).await?;
            Ok(Some(batch))
        })
    }

    fn stats(&self) -> TierStats {
        let (counters, view) = (&self.0.counters, self.0.view());
        TierStats {
            hits: counters.hits.load(Ordering::Relaxed),
            misses: counters.misses.load(Ordering::Relaxed),
            puts: counters.puts.load(Ordering::Relaxed),
            evictions: 0,
            entries: view.index.len(),
            bytes: usize::try_from(view.bytes).unwrap_or(usize::MAX),
            budget_bytes: self.budget_bytes(),
        }
    }

    fn budget_bytes(&self) -> usize {
        usize::try_from(self.0.options.budget_bytes).unwrap_or(usize::MAX)
    }
}

/// The digest and the upload that an object's name says.
fn read_object_name(name: &str) -> Option<(Digest, u64)> {
    let (name, extension) = name.rsplit_once('.')?;
    Format::of_extension(extension)?;
    let (digest, upload) = name.split_once('-')?;
    let digest = blake3::Hash::from_hex(digest).ok()?;
    Some((digest.into(), u64::from_str_radix(upload, 16).ok()?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
