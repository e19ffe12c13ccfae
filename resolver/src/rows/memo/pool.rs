//! Pools of memos: one for each entry point in each namespace, bounded together.

use super::Memo;
use crate::{Model, Session};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Whether rows are answered from what was computed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoMode {
    /// Where that pays, as measured: the model costs more than the looking up, and rows repeat.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Memos that are bounded together. Rows of one namespace are never answered from another.
#[derive(Debug, Default)]
pub struct MemoPool {
    shared: Arc<Shared>,
    memos: Mutex<HashMap<Key, Kept>>,
}

/// What tells memos apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    namespace: String,
    /// The model's address, which the weak reference beside it keeps from being used again.
    model: usize,
    entry: usize,
}

/// A memo, and the model that it is of.
type Kept = (Weak<Model>, Arc<Memo>);

/// What a pool's memos share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    budget_bytes: usize,
    clock: Option<fn() -> Duration>,
    used: AtomicUsize,
    ticks: AtomicU64,
    memos: Mutex<Vec<Weak<Memo>>>,
}

/// What a memo holds and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoStats {
    /// The namespace.
    pub namespace: String,
    /// The model's name.
    pub model: String,
    /// The entry point's name.
    pub entry: String,
    /// Rows whose answers it holds.
    pub entries: usize,
    /// Bytes of keys and answers.
    pub bytes: usize,
    /// Rows that were answered without a run of their own.
    pub hits: u64,
    /// Rows that were asked for and computed.
    pub misses: u64,
}

impl MemoPool {
    /// A pool that holds at most so many bytes, one batch more for a moment. The clock gives the time since some moment;
    /// without one, [`MemoMode::Auto`] never looks a row up.
    pub fn new(budget_bytes: usize, clock: Option<fn() -> Duration>) -> Self {
        Self { shared: Arc::new(Shared { budget_bytes, clock, ..Shared::default() }), memos: Mutex::default() }
    }

    /// The memo of a session's entry point in a namespace.
    pub fn memo(&self, namespace: &str, session: &Session) -> Arc<Memo> {
        let model = Arc::as_ptr(session.model()) as usize;
        let key = Key { namespace: namespace.to_owned(), model, entry: session.entry };
        let mut memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        memos.retain(|_, (model, _)| model.strong_count() > 0);
        let fresh = || {
            let memo = Arc::new(Memo::new(self.shared.clone()));
            self.shared.list().push(Arc::downgrade(&memo));
            (Arc::downgrade(session.model()), memo)
        };
        memos.entry(key).or_insert_with(fresh).1.clone()
    }

    /// What each memo holds and did, by namespace, model and entry point.
    pub fn stats(&self) -> Vec<MemoStats> {
        let memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<MemoStats> = memos
            .iter()
            .filter_map(|(key, (model, memo))| {
                let model = model.upgrade()?;
                Some(MemoStats {
                    namespace: key.namespace.clone(),
                    model: model.name().to_owned(),
                    entry: model.plan().entry_points.get(key.entry)?.name.clone(),
                    entries: memo.entries(),
                    bytes: memo.bytes.load(Ordering::Relaxed),
                    hits: memo.hits.load(Ordering::Relaxed),
                    misses: memo.misses.load(Ordering::Relaxed),
                })
            })
            .collect();
        let name = |s: &MemoStats| (s.namespace.clone(), s.model.clone(), s.entry.clone());
        all.sort_by_key(name);
        all
    }

    /// Forgets what a namespace's memos hold.
    pub fn clear(&self, namespace: &str) {
        let memos: Vec<Arc<Memo>> = {
            let memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
            memos.iter().filter(|(key, _)| key.namespace == namespace).map(|(_, (_, memo))| memo.clone()).collect()
        };
        memos.iter().for_each(|memo| memo.clear());
    }
}

impl Shared {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Memo>>> {
        let mut list = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|memo| memo.strong_count() > 0);
        list
    }

    pub(super) fn budget(&self) -> usize {
        self.budget_bytes
    }

    pub(super) fn now(&self) -> Option<Duration> {
        self.clock.map(|clock| clock())
    }

    pub(super) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    /// A memo's bytes have changed.
    pub(super) fn adjust(&self, before: usize, after: usize) {
        self.used.fetch_add(after, Ordering::Relaxed);
        self.used.fetch_sub(before, Ordering::Relaxed);
    }

    /// Empties memos until the rest fits, those that were not asked for longest first, the one that grew last.
    pub(super) fn shrink(&self, grown: &Memo) {
        while self.used.load(Ordering::Relaxed) > self.budget_bytes {
            let others = self.list().iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
            let oldest = others
                .iter()
                .filter(|memo| !std::ptr::eq(Arc::as_ptr(memo), grown) && memo.bytes.load(Ordering::Relaxed) > 0)
                .min_by_key(|memo| memo.asked.load(Ordering::Relaxed));
            match oldest {
                Some(memo) => memo.clear(),
                None => return grown.clear(),
            }
        }
    }
}
