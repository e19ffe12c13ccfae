//! Calls to an object store: a deadline for all attempts together, a shorter one for each, waits between them that grow and
//! are drawn at random, and a budget of retries that all callers share.
//!
//! The budget keeps a store that is down from being asked many times as often as one that is up: a retry takes one token of
//! it, an answer gives a tenth back.

use std::{
    collections::hash_map::RandomState,
    future::Future,
    hash::{BuildHasher, Hasher},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use tokio::time::{Instant, sleep, timeout_at};

use super::LdOptions;
use crate::{Error, Result};

/// What a retry takes of the budget; an answer gives back one.
const TOKEN: u64 = 10;

/// The longest wait between attempts, in first waits.
const BACKOFF_MAX: u32 = 64;

/// How long bytes may take on their way: a megabyte a second is slow.
fn moving(bytes: u64) -> Duration {
    Duration::from_secs(bytes >> 20)
}

/// So long from now; what is too long for the clock is a year.
pub(super) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now + YEAR)
}

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// An object store behind deadlines and retries.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    options: LdOptions,
    /// In tenths of a retry.
    budget: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    random: RandomState,
}

/// Why an attempt failed.
pub(super) enum Trouble {
    Store(object_store::Error),
    /// The bytes are not those that the name promises.
    Damaged(String),
}

impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

impl Trouble {
    /// Whether the same call may succeed a moment later.
    fn may_pass(&self) -> bool {
        use object_store::Error as E;
        !matches!(
            self,
            Self::Store(
                E::NotFound { .. }
                    | E::InvalidPath { .. }
                    | E::NotSupported { .. }
                    | E::AlreadyExists { .. }
                    | E::Precondition { .. }
                    | E::NotModified { .. }
                    | E::NotImplemented { .. }
                    | E::PermissionDenied { .. }
                    | E::Unauthenticated { .. }
                    | E::UnknownConfigurationKey { .. }
            )
        )
    }

    fn is_missing(&self) -> bool {
        matches!(self, Self::Store(object_store::Error::NotFound { .. }))
    }

    fn is_taken(&self) -> bool {
        matches!(
            self,
            Self::Store(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
        )
    }
}

impl Calls {
    pub(super) fn new(store: Arc<dyn ObjectStore>, root: Path, options: LdOptions) -> Self {
        let budget = AtomicU64::new(u64::from(options.retry_budget) * TOKEN);
        let (requests, retries) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { store, root, options, budget, requests, retries, random: RandomState::new() }
    }

    /// When an operation that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline_for(0)
    }

    /// The same for an operation that moves so many bytes, which may be slow.
    pub(super) fn deadline_for(&self, bytes: u64) -> Instant {
        after(self.options.deadline.saturating_add(moving(bytes)))
    }

    /// The bytes at a path, once `check` takes them; `None` where nothing lies there.
    pub(super) async fn get(
        &self,
        path: &Path,
        bytes: u64,
        deadline: Instant,
        check: impl Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Option<Vec<u8>>> {
        let attempt = async || {
            let bytes = self.store.get(path).await?.bytes().await?;
            check(&bytes).map_err(Trouble::Damaged)?;
            Ok(Vec::from(bytes))
        };
        match self.call(attempt, bytes, deadline).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err((trouble, _)) if trouble.is_missing() => Ok(None),
            Err(failed) => Err(self.error(path, "reading", failed)),
        }
    }

    /// Writes an object whose bytes are always the same.
    pub(super) async fn put(&self, path: &Path, bytes: PutPayload, deadline: Instant) -> Result<()> {
        let attempt = async || Ok(self.store.put(path, bytes.clone()).await.map(drop)?);
        self.call(attempt, bytes.content_length() as u64, deadline)
            .await
            .map_err(|failed| self.error(path, "writing", failed))
    }

    /// Writes an object if nothing lies there; whether it did. An attempt whose answer was lost may have done it too.
    pub(super) async fn create(&self, path: &Path, bytes: PutPayload, deadline: Instant) -> Result<bool> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let attempt = async || Ok(self.store.put_opts(path, bytes.clone(), options.clone()).await.map(drop)?);
        match self.call(attempt, bytes.content_length() as u64, deadline).await {
            Ok(()) => Ok(true),
            Err((trouble, _)) if trouble.is_taken() => Ok(false),
            Err(failed) => Err(self.error(path, "writing", failed)),
        }
    }

    /// Deletes an object, if it is there.
    pub(super) async fn delete(&self, path: &Path, deadline: Instant) -> Result<()> {
        match self.call(async || Ok(self.store.delete(path).await?), 0, deadline).await {
            Ok(()) => Ok(()),
            Err((trouble, _)) if trouble.is_missing() => Ok(()),
            Err(failed) => Err(self.error(path, "deleting", failed)),
        }
    }

    /// What lies in a folder, after a path if one is given, in order, with the second since 1970 when each was written.
    pub(super) async fn list(
        &self,
        folder: &Path,
        after: Option<&Path>,
        deadline: Instant,
    ) -> Result<Vec<(Path, i64)>> {
        use futures::TryStreamExt;
        let attempt = async || {
            let listed = match after {
                Some(after) => self.store.list_with_offset(Some(folder), after),
                None => self.store.list(Some(folder)),
            };
            Ok(listed.map_ok(|meta| (meta.location, meta.last_modified.timestamp())).try_collect::<Vec<_>>().await?)
        };
        let mut found =
            self.call(attempt, 0, deadline).await.map_err(|failed| self.error(folder, "listing", failed))?;
        found.sort_unstable();
        Ok(found)
    }

    /// When an object was written, in seconds since 1970 by the store's clock; `None` where nothing lies there.
    pub(super) async fn written(&self, path: &Path, deadline: Instant) -> Result<Option<i64>> {
        match self.call(async || Ok(self.store.head(path).await?), 0, deadline).await {
            Ok(meta) => Ok(Some(meta.last_modified.timestamp())),
            Err((trouble, _)) if trouble.is_missing() => Ok(None),
            Err(failed) => Err(self.error(path, "looking at", failed)),
        }
    }

    async fn call<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        attempt: impl Fn() -> F,
        bytes: u64,
        deadline: Instant,
    ) -> Result<T, (Trouble, &'static str)> {
        let mut wait = self.options.backoff;
        for tried in 0_u32.. {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let until = deadline.min(after(self.options.attempt.saturating_add(moving(bytes))));
            let trouble = match timeout_at(until, attempt()).await {
                Ok(Ok(value)) => {
                    self.refund();
                    return Ok(value);
                }
                Ok(Err(trouble)) if !trouble.may_pass() => {
                    self.refund();
                    return Err((trouble, ""));
                }
                Ok(Err(trouble)) => trouble,
                Err(_) => {
                    let source = "no answer in time".into();
                    Trouble::Store(object_store::Error::Generic { store: "remote", source })
                }
            };
            let wake = after(self.jittered(wait));
            let why_not = if tried >= self.options.retries {
                "; it was tried as often as the settings allow"
            } else if wake >= deadline {
                "; the deadline is over"
            } else if !self.take_token() {
                "; too many calls fail just now for another attempt"
            } else {
                self.retries.fetch_add(1, Ordering::Relaxed);
                sleep(wake - Instant::now()).await;
                wait = wait.saturating_mul(2).min(self.options.backoff.saturating_mul(BACKOFF_MAX));
                continue;
            };
            return Err((trouble, why_not));
        }
        unreachable!("the attempts end with an answer or an error")
    }

    /// Between nothing and the wait: those who failed together come back apart.
    fn jittered(&self, wait: Duration) -> Duration {
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(self.requests.load(Ordering::Relaxed));
        wait.min(YEAR).mul_f64((hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    fn take_token(&self) -> bool {
        let take = |tokens: u64| tokens.checked_sub(TOKEN);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn refund(&self) {
        let full = u64::from(self.options.retry_budget) * TOKEN;
        let give = |tokens: u64| (tokens < full).then_some(tokens + 1);
        let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    fn error(&self, path: &Path, doing: &str, (trouble, why): (Trouble, &str)) -> Error {
        let what = format!("{}: {doing} {path}", self.store);
        match trouble {
            Trouble::Damaged(damage) => Error::Corrupt(format!("{what}: {damage}{why}: put it anew")),
            Trouble::Store(error) => {
                let kind = match &error {
                    object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                        io::ErrorKind::PermissionDenied
                    }
                    object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
                        io::ErrorKind::Unsupported
                    }
                    _ => io::ErrorKind::Other,
                };
                Error::Unavailable { what, source: io::Error::new(kind, format!("{error}{why}")) }
            }
        }
    }
}
