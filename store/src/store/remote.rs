//! The store with a tier beyond this host.
//!
//! What lies in the remote tier is shared; what is put on this host alone is a change of this host, and hides what lies
//! there until it is sent. Memory holds copies of both. A copy of a shared batch goes when another process changes it, once
//! this one has read the log.

use std::{
    ops::RangeBounds,
    sync::{Arc, PoisonError},
};

use arrow_array::RecordBatch;
use futures::{Stream, StreamExt};

use super::{Durability, Hint, Put, Scanned, Store};
#[cfg(feature = "mmap")]
use crate::tier::sd::PutOptions;
use crate::{
    Batch, Coordinate, Error, Result,
    tier::{Tier, ld::Ld},
};

/// Changes of this host that are sent at the same time, and objects that a scan reads ahead.
const AT_ONCE: usize = 32;

impl Store {
    /// The remote tier, if there is one.
    pub fn remote(&self) -> Option<&Ld> {
        self.ld.as_ref()
    }

    /// As [`Store::put_with`], for any durability: with [`Durability::Remote`] it returns once the remote tier has
    /// acknowledged the batch, and `expected` is that tier's version. [`Durability::Local`] blocks for one sync of the disk.
    ///
    /// A future that is dropped before that leaves either the former batch or this one.
    ///
    /// # Errors
    /// As [`Store::put_with`] and [`Ld::insert`]. Where the remote tier does not take the batch, what lay there still does,
    /// and a change of this host that lay before it is the new batch, not sent yet.
    pub async fn put_durable(&self, at: &Coordinate, records: RecordBatch, put: Put) -> Result<u64> {
        if put.durability != Durability::Remote {
            return self.put_with(at, records, put);
        }
        let ld = self.ld.as_ref().ok_or_else(|| {
            Error::Invalid(format!("{at}: a store without a remote tier keeps nothing remote: build it with one"))
        })?;
        if self.runs_out(&put) {
            return Err(Error::Invalid(format!("{at}: what runs out is kept on this host only")));
        }
        let batch = self.share(Batch::new(records))?;
        // A change that waits here is older, and must not come back if this process stops half-way.
        let mut own = self.own_version(at);
        if own.is_some() {
            if self.expects(&put).is_some() {
                let what = "a change of this host was not sent yet: send or discard it first";
                return Err(Error::Conflict(format!("{at}: {what}")));
            }
            own = Some(self.keep(at, &batch, Put { durability: Durability::Memory, ..put })?);
            self.flush()?;
        }
        let outcome = ld.insert(at, &batch, self.expects(&put)).await;
        self.drop_changed(ld);
        let version = outcome?;
        self.settle(ld, at, &batch, version, own, put.hint)?;
        if own.is_some() {
            // The end of the change too, before anybody relies on what took its place.
            self.flush()?;
        }
        Ok(version)
    }

    /// Takes the batch at a coordinate out of every tier, the remote one among them; whether there was one.
    ///
    /// # Errors
    /// As [`Store::remove`] and [`Ld::delete`].
    pub async fn remove_durable(&self, at: &Coordinate) -> Result<bool> {
        let Some(ld) = &self.ld else { return self.remove_local(at) };
        let own = self.own_version(at);
        let outcome = ld.delete(at, None).await;
        self.drop_changed(ld);
        let was_there = outcome?;
        let was_here = if own.is_some() && self.own_version(at) == own {
            self.discard(at)?
        } else {
            // An answer that was computed here lies in memory alone.
            let _changes = self.change(at);
            self.own_version(at).is_none() && self.forget(at)
        };
        Ok(was_there || was_here)
    }

    /// Gives up the change of this host at a coordinate, so that what is remote shows again; whether there was one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the disk fails.
    pub fn discard(&self, at: &Coordinate) -> Result<bool> {
        let was_there = {
            let _changes = self.change(at);
            let was_there = self.own_version(at).is_some();
            if was_there {
                self.end_own_change(at)?;
                self.forget(at);
            }
            was_there
        };
        self.flush()?;
        Ok(was_there)
    }

    /// Sends every change of this host to the remote tier, where it takes the place of what lies there; how many were sent.
    /// What runs out stays. A process that stops in the middle of it sends what was under way once more.
    ///
    /// # Errors
    /// The first that a change met, as [`Ld::insert`] and [`Store::get_local`]; the others are sent all the same.
    pub async fn send(&self) -> Result<u64> {
        let Some(ld) = &self.ld else { return Ok(0) };
        let outcomes = futures::stream::iter(self.own_changes())
            .map(async |at| self.send_one(ld, at).await)
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<Result<bool>>>()
            .await;
        self.drop_changed(ld);
        self.flush()?;
        outcomes.into_iter().try_fold(0, |sent, one| Ok(sent + u64::from(one?)))
    }

    /// Reads what other processes changed in the remote tier, and drops older copies; how many changes of the log that were.
    ///
    /// # Errors
    /// As [`Ld::refresh`].
    pub async fn refresh(&self) -> Result<u64> {
        let Some(ld) = &self.ld else { return Ok(0) };
        let outcome = ld.refresh().await;
        self.drop_changed(ld);
        outcome
    }

    /// Everything in a range of coordinates in every tier, in order, as it is now. Batches are read some ahead of where
    /// they are asked for. Where an object was replaced and collected meanwhile, what took its place is given.
    pub fn stream(&self, range: impl RangeBounds<Coordinate>) -> impl Stream<Item = Scanned> + Send + '_ {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        // What is here first: a change that is sent in between is in both.
        let mut here = self.scan(range.clone()).peekable();
        let mut there = self.ld.as_ref().map_or_else(Vec::new, |ld| ld.entries(range)).into_iter().peekable();
        let merged = std::iter::from_fn(move || {
            let (one, other) = (here.peek().map(|(at, _)| at), there.peek().map(|(at, _)| at));
            match (one, other) {
                (Some(one), Some(other)) if one > other => there.next().map(|(at, named)| (at, Err(named))),
                (None, Some(_)) => there.next().map(|(at, named)| (at, Err(named))),
                (one, other) => {
                    if one == other {
                        there.next();
                    }
                    here.next().map(|(at, read)| (at, Ok(read)))
                }
            }
        });
        futures::stream::iter(merged)
            .map(async |(at, what)| match (what, &self.ld) {
                (Ok(read), _) => Some((at, read)),
                (Err(named), Some(ld)) => {
                    let read = ld.read(&at, named).await.transpose()?;
                    Some((at, read))
                }
                (Err(_), None) => None,
            })
            .buffered(AT_ONCE)
            .filter_map(std::future::ready)
    }

    pub(super) async fn get_remote(&self, at: &Coordinate, hint: Hint) -> Result<Option<Arc<Batch>>> {
        let Some(ld) = &self.ld else { return Ok(None) };
        let outcome = ld.fetch(at).await;
        self.drop_changed(ld);
        let Some((batch, version)) = outcome? else { return Ok(None) };
        if hint != Hint::Scan {
            let changes = self.changes(at);
            let is_newest = ld.version(at) == Some(version) && self.own_version(at).is_none();
            if is_newest {
                // Memory may have no room for it.
                let _ = self.keep_in_memory(at, &batch, hint, &changes);
            }
        }
        Ok(Some(batch))
    }

    /// A put on this host needs a place from which it cannot fall back to what is remote.
    pub(super) fn may_keep_changes(&self, at: &Coordinate) -> Result<()> {
        #[cfg(feature = "mmap")]
        let has_disk = self.sd.is_some();
        #[cfg(not(feature = "mmap"))]
        let has_disk = false;
        if self.ld.is_none() || has_disk {
            return Ok(());
        }
        let what = "a store with a remote tier and no folder keeps no changes of its own: await put_durable";
        Err(Error::Invalid(format!("{at}: {what}")))
    }

    async fn send_one(&self, ld: &Ld, at: Coordinate) -> Result<bool> {
        let Some((batch, own)) = self.own_change(&at)? else { return Ok(false) };
        let version = ld.insert(&at, &batch, None).await?;
        self.settle(ld, &at, &batch, version, Some(own), Hint::Scan)?;
        Ok(true)
    }

    /// After the remote tier took a batch: the change of this host that it was ends, and memory may hold it.
    fn settle(
        &self,
        ld: &Ld,
        at: &Coordinate,
        batch: &Arc<Batch>,
        version: u64,
        own: Option<u64>,
        hint: Hint,
    ) -> Result<()> {
        let changes = self.change(at);
        if self.own_version(at) != own {
            // There is something newer here.
            return Ok(());
        }
        if own.is_some() {
            self.end_own_change(at)?;
        }
        self.forget(at);
        if hint == Hint::Scan || ld.version(at) != Some(version) {
            return Ok(());
        }
        match self.keep_in_memory(at, batch, hint, &changes) {
            Err(Error::Exhausted(_)) => Ok(()),
            kept => kept,
        }
    }

    /// Drops the copies of what changed. Whoever returns from here has seen all of them dropped.
    pub(super) fn drop_changed(&self, ld: &Ld) {
        let _one = self.dropping.lock().unwrap_or_else(PoisonError::into_inner);
        for at in ld.take_changed() {
            let _changes = self.change(&at);
            if self.own_version(&at).is_none() {
                self.forget(&at);
            }
        }
    }

    /// Takes a coordinate out of memory, with its class held; whether it was there.
    fn forget(&self, at: &Coordinate) -> bool {
        let was_pinned = self.l0.remove(at).ok().flatten().is_some();
        let was_hot = self.l1.take(at).is_some();
        self.l2.take(at).is_some() | was_pinned | was_hot
    }
}

#[cfg(not(feature = "mmap"))]
impl Store {
    fn expects(&self, _: &Put) -> Option<Option<u64>> {
        None
    }

    fn own_version(&self, _: &Coordinate) -> Option<u64> {
        None
    }

    fn own_changes(&self) -> Vec<Coordinate> {
        Vec::new()
    }

    fn own_change(&self, _: &Coordinate) -> Result<Option<(Arc<Batch>, u64)>> {
        Ok(None)
    }

    fn end_own_change(&self, _: &Coordinate) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "mmap")]
impl Store {
    fn expects(&self, put: &Put) -> Option<Option<u64>> {
        put.expected
    }

    /// The version of the change of this host at a coordinate, if one was not sent yet.
    fn own_version(&self, at: &Coordinate) -> Option<u64> {
        self.sd.as_ref().and_then(|sd| sd.version(at))
    }

    /// Where changes of this host lie that do not run out.
    fn own_changes(&self) -> Vec<Coordinate> {
        let Some(sd) = &self.sd else { return Vec::new() };
        let mut found = sd.scan(..).coordinates();
        found.retain(|at| sd.is_lasting(at));
        found
    }

    fn own_change(&self, at: &Coordinate) -> Result<Option<(Arc<Batch>, u64)>> {
        self.sd.as_ref().map_or(Ok(None), |sd| sd.find(at))
    }

    fn end_own_change(&self, at: &Coordinate) -> Result<()> {
        self.sd.as_ref().map_or(Ok(()), |sd| sd.delete(at, PutOptions::default()).map(drop))
    }
}

#[cfg(test)]
mod tests;
