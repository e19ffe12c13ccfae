//! An object store that fails: before a call, after it so that the answer is lost, by damage to what is read, or by silence.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// What goes wrong, each in so many of a thousand calls, and how slow it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The call does nothing and fails.
    pub before: u64,
    /// The call does what it should and fails.
    pub after: u64,
    /// A byte of what is read is another one.
    pub damaged: u64,
    /// There is no answer for a long time.
    pub silent: u64,
    /// How long every call takes.
    pub delay: Duration,
}

/// An object store over another one, with faults drawn from a seed.
#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    faults: Mutex<Faults>,
    state: AtomicU64,
    gets: AtomicU64,
}

impl Faulty {
    /// The store over another one, without faults so far.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Self {
        Self { inner, faults: Mutex::default(), state: AtomicU64::new(seed | 1), gets: AtomicU64::new(0) }
    }

    /// From now on this goes wrong.
    pub fn set(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Reads so far, those that failed included.
    pub fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> u64 {
        // SplitMix64.
        let mut z = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn hits(&self, in_a_thousand: u64) -> bool {
        in_a_thousand > 0 && self.draw() % 1_000 < in_a_thousand
    }

    async fn before(&self) -> Result<()> {
        let faults = self.faults();
        if !faults.delay.is_zero() {
            tokio::time::sleep(faults.delay).await;
        }
        if self.hits(faults.silent) {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        if self.hits(faults.before) { Err(fault("it was not done")) } else { Ok(()) }
    }

    fn after<T>(&self, done: Result<T>) -> Result<T> {
        if self.hits(self.faults().after) { Err(fault("the answer was lost")) } else { done }
    }
}

fn fault(what: &'static str) -> Error {
    Error::Generic { store: "faulty", source: what.into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.before().await?;
        self.after(self.inner.put_opts(location, payload, options).await)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.before().await?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.before().await?;
        let found = self.after(self.inner.get_opts(location, options).await)?;
        if !self.hits(self.faults().damaged) {
            return Ok(found);
        }
        let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
        let mut bytes = Vec::from(found.bytes().await?);
        let at = self.draw() as usize % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x10;
        }
        let payload = GetResultPayload::Stream(futures::stream::iter([Ok(bytes.into())]).boxed());
        Ok(GetResult { payload, meta, range, attributes })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.before().await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.hits(self.faults().before) {
            return futures::stream::iter([Err(fault("it was not done"))]).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.hits(self.faults().before) {
            return futures::stream::iter([Err(fault("it was not done"))]).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.before().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.before().await?;
        self.after(self.inner.copy_opts(from, to, options).await)
    }
}
