//! Writing the log: changes that wait together become one object of it.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    io,
    sync::atomic::Ordering,
};

use object_store::PutPayload;
use tokio::{sync::oneshot, time::Instant};

use super::{Digest, Inner, Named, delta::Delta, lock, log::place};
use crate::{Coordinate, Error, Result};

/// The most changes of one object of the log.
const GROUP_MAX: usize = 1_024;

/// Changes that wait, and whether somebody writes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Pending>,
    is_writing: bool,
}

#[derive(Debug)]
struct Pending {
    at: Coordinate,
    object: Option<Object>,
    expected: Option<Option<u64>>,
    /// Takes the version, 0 where there was nothing to remove.
    answer: oneshot::Sender<Result<u64>>,
}

/// An object's name and bytes.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) digest: Digest,
    pub(super) bytes: PutPayload,
    is_uploaded: bool,
}

impl Object {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: blake3::hash(&bytes).into(), bytes: bytes.into(), is_uploaded: false }
    }

    fn named(&self, version: u64) -> Named {
        Named { digest: self.digest, bytes: self.bytes.content_length() as u64, version }
    }
}

impl Inner {
    /// Changes what lies at a coordinate; the change's number, 0 where there was nothing to remove.
    pub(super) async fn change(
        &self,
        at: Coordinate,
        mut object: Option<Object>,
        expected: Option<Option<u64>>,
    ) -> Result<u64> {
        if let Some(object) = &mut object {
            if self.view().references.contains_key(&object.digest) {
                self.counters.shared.fetch_add(1, Ordering::Relaxed);
            } else {
                self.upload(object, self.calls.deadline()).await?;
            }
        }
        let (answer, outcome) = oneshot::channel();
        let writes = {
            let mut queue = lock(&self.queue);
            queue.waiting.push_back(Pending { at, object, expected, answer });
            !std::mem::replace(&mut queue.is_writing, true)
        };
        if writes {
            self.write_all().await;
        }
        outcome.await.unwrap_or_else(|_| Err(Error::Invalid("the remote tier stopped before this change".into())))
    }

    async fn upload(&self, object: &mut Object, deadline: Instant) -> Result<()> {
        self.counters.uploaded.fetch_add(1, Ordering::Relaxed);
        self.calls.put(&self.object(&object.digest), object.bytes.clone(), deadline).await?;
        object.is_uploaded = true;
        Ok(())
    }

    /// Writes groups until nothing waits.
    async fn write_all(&self) {
        let mut stopped = Stopped { inner: self, is_done: false };
        while !stopped.is_done {
            let group = {
                let mut queue = lock(&self.queue);
                let group = queue.next_group();
                queue.is_writing = !group.is_empty();
                group
            };
            stopped.is_done = group.is_empty();
            if !stopped.is_done {
                self.write_group(group).await;
            }
        }
    }

    async fn write_group(&self, mut group: Vec<Pending>) {
        let outcome = self.try_write(&mut group, self.calls.deadline()).await;
        for pending in group {
            let outcome = outcome.as_ref().map_or_else(|error| Err(error.again()), |number| Ok(*number));
            // Whoever asked may have gone away.
            drop(pending.answer.send(outcome));
        }
    }

    /// Writes a group under the first number that is free, after reading what lies before it; that number. Changes that
    /// cannot be made are answered, and leave the group.
    async fn try_write(&self, group: &mut Vec<Pending>, deadline: Instant) -> Result<u64> {
        let writer = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
        loop {
            if !self.is_synced() {
                self.catch_up(deadline).await?;
            }
            for object in self.unnamed(group) {
                self.upload(object, deadline).await?;
            }
            let (number, changes) = self.possible(group);
            if group.is_empty() {
                return Ok(0);
            }
            let delta = Delta { number, writer: writer.clone(), changes };
            let path = place(&self.changes(), number);
            let is_written = self.calls.create(&path, delta.encode()?.into(), deadline).await?;
            if is_written && !self.is_synced() {
                // This process slept so long that the number may have been taken and collected: it counts for nothing.
                self.calls.delete(&path, deadline).await?;
                self.catch_up(deadline).await?;
                continue;
            }
            // The number is taken: by others, or by this group, where an answer was lost.
            if is_written || self.is_written_by(&writer, number, deadline).await? {
                self.settle(&delta, deadline).await;
                return Ok(number);
            }
            if Instant::now() >= deadline {
                let what = format!("{}: change {number} of the log", self.calls.store);
                return Err(Error::io(what)(io::Error::other("others wrote faster until the deadline was over")));
            }
            self.catch_up(deadline).await?;
        }
    }

    /// Objects that were not written because coordinates named them, which none does any more.
    fn unnamed<'a>(&self, group: &'a mut [Pending]) -> Vec<&'a mut Object> {
        let view = self.view();
        let objects = group.iter_mut().filter_map(|pending| pending.object.as_mut());
        objects.filter(|object| !object.is_uploaded && !view.references.contains_key(&object.digest)).collect()
    }

    /// The next number and what the group changes under it, as of the change before. What is impossible is answered.
    fn possible(&self, group: &mut Vec<Pending>) -> (u64, Vec<(Coordinate, Option<Named>)>) {
        let view = self.view();
        let number = view.number + 1;
        let mut bytes = view.bytes;
        let mut changes = Vec::with_capacity(group.len());
        for pending in std::mem::take(group) {
            let there = view.index.get(&pending.at);
            let named = pending.object.as_ref().map(|object| object.named(number));
            let grown = bytes.saturating_sub(there.map_or(0, |named| named.bytes));
            let grown = grown.saturating_add(named.map_or(0, |named| named.bytes));
            let version = there.map(|named| named.version);
            let refused = if pending.expected.is_some_and(|expected| expected != version) {
                let words = |version: Option<u64>| version.map_or("nothing".to_owned(), |v| format!("version {v}"));
                let (at, there) = (&pending.at, words(version));
                let expected = words(pending.expected.flatten());
                Err(Error::Conflict(format!("{at}: {there} is there, {expected} was expected: read it again")))
            } else if named.is_some() && grown > self.options.budget_bytes {
                let (at, budget) = (&pending.at, self.options.budget_bytes);
                let what = format!("{at}: {grown} bytes over the {budget} of the remote tier");
                Err(Error::Exhausted(format!("{what}: raise the budget, or remove something")))
            } else if named.is_none() && there.is_none() {
                Ok(0)
            } else {
                bytes = grown;
                changes.push((pending.at.clone(), named));
                group.push(pending);
                continue;
            };
            drop(pending.answer.send(refused));
        }
        (number, changes)
    }

    async fn is_written_by(&self, writer: &str, number: u64, deadline: Instant) -> Result<bool> {
        Ok(self.read(&self.changes(), number, deadline).await?.is_some_and(|delta| delta.writer == writer))
    }

    /// After a change was written: the view says so, and now and then it is written whole.
    async fn settle(&self, delta: &Delta, deadline: Instant) {
        self.apply(delta, false);
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        if delta.number.is_multiple_of(self.options.checkpoint_every.max(1))
            && let Err(error) = self.write_view(deadline).await
        {
            tracing::warn!(%error, "the remote tier's view was not written whole: it opens from an older one");
        }
    }

    /// Writes the whole view; its number.
    pub(super) async fn write_view(&self, deadline: Instant) -> Result<u64> {
        let (number, changes) = {
            let view = self.view();
            (view.number, view.index.iter().map(|(at, named)| (at.clone(), Some(*named))).collect())
        };
        if number > 0 {
            let whole = Delta { number, writer: String::new(), changes };
            self.calls.put(&place(&self.checkpoints(), number), whole.encode()?.into(), deadline).await?;
        }
        Ok(number)
    }
}

/// Lets others write when whoever did is stopped before the end.
struct Stopped<'a> {
    inner: &'a Inner,
    is_done: bool,
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let mut queue = lock(&self.inner.queue);
            queue.is_writing = false;
            // Those who wait learn that their change was not written.
            queue.waiting.clear();
        }
    }
}

impl Queue {
    /// What is written next: of each coordinate the first change that waits.
    fn next_group(&mut self) -> Vec<Pending> {
        let mut coordinates = HashSet::new();
        let mut group = Vec::new();
        let mut later = VecDeque::new();
        for pending in std::mem::take(&mut self.waiting) {
            if group.len() < GROUP_MAX && coordinates.insert(pending.at.clone()) {
                group.push(pending);
            } else {
                later.push_back(pending);
            }
        }
        self.waiting = later;
        group
    }
}
