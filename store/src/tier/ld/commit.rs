//! Writing the log: changes that wait together become one object of it.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    io,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use object_store::PutPayload;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    Digest, Format, Inner, Named, View,
    calls::after,
    collect::{OBJECT_AGE, SLEEP_AGE, SYNC_AGE},
    delta::Delta,
    lock,
    log::place,
};
use crate::{Coordinate, Error, Result};

/// What lies at coordinates from now on.
type Changes = Vec<(Coordinate, Option<Named>)>;

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

/// An object's bytes and their digest.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) digest: Digest,
    bytes: PutPayload,
    format: Format,
    /// The upload that this change made, and when.
    uploaded: Option<(u64, SystemTime)>,
}

impl Object {
    pub(super) fn new((bytes, format): (Vec<u8>, Format)) -> Self {
        Self { digest: blake3::hash(&bytes).into(), bytes: bytes.into(), format, uploaded: None }
    }

    fn length(&self) -> u64 {
        self.bytes.content_length() as u64
    }

    /// The upload that a coordinate may name: one of this change that is young, or one that a coordinate names.
    fn upload(&self, view: &View) -> Option<u64> {
        let own = self.uploaded.filter(|(_, when)| is_young(*when)).map(|(upload, _)| upload);
        own.or_else(|| view.upload_of(&self.digest))
    }
}

/// Whether an upload is far from the age at which it may be collected without a name.
fn is_young(when: SystemTime) -> bool {
    when.elapsed().is_ok_and(|age| age < OBJECT_AGE / 2)
}

impl Inner {
    /// Changes what lies at a coordinate; the change's number, 0 where there was nothing to remove.
    pub(super) async fn change(
        self: &Arc<Self>,
        at: Coordinate,
        mut object: Option<Object>,
        expected: Option<Option<u64>>,
    ) -> Result<u64> {
        if let Some(object) = &mut object {
            let is_there = object.upload(&self.view()).is_some();
            if is_there {
                self.counters.shared.fetch_add(1, Ordering::Relaxed);
            } else {
                self.upload(object).await?;
            }
        }
        let unavailable = |why: &str| {
            let what = format!("{}: a change of the remote tier, which may be written or not", self.calls.store);
            Error::io(what)(io::Error::other(why.to_owned()))
        };
        let (answer, outcome) = oneshot::channel();
        let writes = {
            let mut queue = lock(&self.queue);
            queue.waiting.push_back(Pending { at, object, expected, answer });
            !std::mem::replace(&mut queue.is_writing, true)
        };
        if writes {
            let inner = Arc::clone(self);
            self.runtime.spawn(async move { inner.write_all().await });
        }
        // Once for those before it, once for itself.
        match timeout_at(after(self.options.deadline.saturating_mul(2)), outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(unavailable("the work of the tier stopped")),
            Err(_) => Err(unavailable("no turn before the deadline")),
        }
    }

    /// Writes an object, under a name that nothing had before.
    async fn upload(&self, object: &mut Object) -> Result<()> {
        self.counters.uploaded.fetch_add(1, Ordering::Relaxed);
        let (upload, start) = (RandomState::new().hash_one(object.digest), SystemTime::now());
        self.write_object(object, upload).await?;
        object.uploaded = Some((upload, start));
        Ok(())
    }

    async fn write_object(&self, object: &Object, upload: u64) -> Result<()> {
        let deadline = self.calls.deadline_for(object.length());
        self.calls.put(&self.object(&object.digest, upload, object.format), object.bytes.clone(), deadline).await
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

    /// Writes a group and answers it; now and then the whole view after it.
    async fn write_group(&self, mut group: Vec<Pending>) {
        let outcome = self.try_write(&mut group, self.calls.deadline()).await;
        for pending in group {
            let outcome = outcome.as_ref().map_or_else(|error| Err(error.again()), |number| Ok(*number));
            // Whoever asked may have gone away.
            drop(pending.answer.send(outcome));
        }
        let every = self.options.checkpoint_every.max(1);
        if outcome.is_ok_and(|number| number > 0 && number.is_multiple_of(every))
            && let Err(error) = self.write_view(self.calls.deadline()).await
        {
            tracing::warn!(%error, "the remote tier's view was not written whole: it opens from an older one");
        }
    }

    /// Writes a group under the first number that is free, after reading what lies before it; that number. Changes that
    /// cannot be made are answered, and leave the group.
    async fn try_write(&self, group: &mut Vec<Pending>, deadline: Instant) -> Result<u64> {
        let writer = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
        loop {
            let start = SystemTime::now();
            if !self.synced().elapsed().is_ok_and(|age| age < SYNC_AGE) {
                self.catch_up(deadline).await?;
            }
            let known_since = self.synced();
            let Some((number, changes)) = self.possible(group) else {
                self.upload_unnamed(group).await?;
                continue;
            };
            if group.is_empty() {
                return Ok(0);
            }
            let delta = Delta { number, writer: writer.clone(), changes };
            let path = place(&self.changes(), number);
            let is_written = self.calls.create(&path, delta.encode()?.into(), deadline).await?;
            // The number is taken: by others, or by this group, where an answer was lost.
            if is_written || self.is_written_by(&writer, number, deadline).await? {
                let has_slept = known_since.elapsed().is_ok_and(|age| age >= SLEEP_AGE);
                if !has_slept || self.numbers(&self.checkpoints(), number - 1, deadline).await?.is_empty() {
                    self.set_synced(start);
                    self.apply(&delta);
                    self.counters.commits.fetch_add(1, Ordering::Relaxed);
                    self.renew_uploads(group).await?;
                    return Ok(number);
                }
                // The number had been taken and collected while this process slept: what it wrote counts for nothing.
                self.calls.delete(&path, deadline).await?;
            }
            if Instant::now() >= deadline {
                let what = format!("{}: change {number} of the log", self.calls.store);
                return Err(Error::io(what)(io::Error::other("others wrote faster until the deadline was over")));
            }
            self.catch_up(deadline).await?;
        }
    }

    /// Writes the objects that no coordinate names, or not any more.
    async fn upload_unnamed(&self, group: &mut [Pending]) -> Result<()> {
        for object in group.iter_mut().filter_map(|pending| pending.object.as_mut()) {
            let is_there = object.upload(&self.view()).is_some();
            if !is_there {
                self.upload(object).await?;
            }
        }
        Ok(())
    }

    /// Objects that were old when they got their name may have been collected just before: they are written again.
    async fn renew_uploads(&self, group: &[Pending]) -> Result<()> {
        for object in group.iter().filter_map(|pending| pending.object.as_ref()) {
            if let Some((upload, _)) = object.uploaded.filter(|(_, when)| !is_young(*when)) {
                self.write_object(object, upload).await?;
            }
        }
        Ok(())
    }

    /// The next number and what the group changes under it, as of the change before; `None` where an object must be written
    /// first. What is impossible is answered.
    fn possible(&self, group: &mut Vec<Pending>) -> Option<(u64, Changes)> {
        let view = self.view();
        let number = view.number + 1;
        if group.iter().filter_map(|pending| pending.object.as_ref()).any(|object| object.upload(&view).is_none()) {
            return None;
        }
        let mut bytes = view.bytes;
        let mut changes = Vec::with_capacity(group.len());
        for pending in std::mem::take(group) {
            let there = view.index.get(&pending.at);
            let named = pending.object.as_ref().and_then(|object| {
                let upload = object.upload(&view)?;
                Some(Named {
                    digest: object.digest,
                    upload,
                    bytes: object.length(),
                    format: object.format,
                    version: number,
                })
            });
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
            } else if pending.object.is_none() && there.is_none() {
                Ok(0)
            } else {
                bytes = grown;
                changes.push((pending.at.clone(), named));
                group.push(pending);
                continue;
            };
            drop(pending.answer.send(refused));
        }
        Some((number, changes))
    }

    async fn is_written_by(&self, writer: &str, number: u64, deadline: Instant) -> Result<bool> {
        Ok(self.read(&self.changes(), number, deadline).await?.is_some_and(|delta| delta.writer == writer))
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
