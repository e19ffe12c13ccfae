//! Compaction: live entries of old segments are copied to where the log ends, and the segments leave.

use std::sync::{Arc, MutexGuard, PoisonError, atomic::Ordering};

use super::{
    Log, Place, Sd,
    entry::{Entry, Kind},
    manifest::Listed,
    segment::{self, Segment},
    stream::Spot,
};
use crate::{Error, Result};

impl Sd {
    /// Copies what is live out of every segment that holds anything else, and gives the disk space back.
    ///
    /// # Errors
    /// [`Error::Exhausted`] or [`Error::Unavailable`] where the copies cannot be written: nothing is lost then.
    pub fn compact(&self) -> Result<()> {
        let mut log = self.log();
        if log.active.as_ref().is_some_and(|active| active.used() > active.live()) {
            self.roll(&mut log, 0, false)?;
        }
        for segment in self.closed(&log).into_iter().filter(|segment| segment.used() > segment.live()) {
            self.compact_segment(&mut log, &segment)?;
        }
        Ok(())
    }

    /// Compacts the segment with most to give, where the log holds more that is replaced than that is live.
    pub(super) fn compact_some(&self, log: &mut MutexGuard<'_, Log>) -> Result<()> {
        let (used, live): (Vec<u64>, Vec<u64>) = self.segments().values().map(|s| (s.used(), s.live())).unzip();
        let (used, live): (u64, u64) = (used.iter().sum(), live.iter().sum());
        if used.saturating_sub(live) <= live.max(2 * self.options.segment_bytes) {
            return Ok(());
        }
        let most = self.closed(log).into_iter().max_by_key(|segment| segment.used().saturating_sub(segment.live()));
        most.map_or(Ok(()), |segment| self.compact_segment(log, &segment))
    }

    /// Copies what is left of damaged segments, so that the next start finds no damage.
    pub(super) fn rewrite(&self, damaged: &[(Arc<Segment>, u64)]) -> Result<()> {
        if damaged.is_empty() {
            return Ok(());
        }
        let mut log = self.log();
        self.roll(&mut log, 0, false)?;
        damaged.iter().try_for_each(|(segment, _)| self.compact_segment(&mut log, segment))
    }

    fn closed(&self, log: &Log) -> Vec<Arc<Segment>> {
        let active = log.active.as_ref().map(|active| active.number);
        self.segments().values().filter(|segment| Some(segment.number) != active).cloned().collect()
    }

    fn compact_segment(&self, log: &mut MutexGuard<'_, Log>, segment: &Arc<Segment>) -> Result<()> {
        for (position, entry) in segment.read(segment.used()) {
            let from = Spot::of(segment, position, &entry);
            match entry.kind {
                Kind::Put | Kind::Hold => self.move_stream(log, &from, &entry)?,
                Kind::Refer(_) => self.move_reference(log, &from, &entry)?,
                Kind::Remove if self.is_needed(segment, &entry) => {
                    self.append(log, &entry, &[], false)?;
                }
                Kind::Remove => {}
            }
        }
        let Some(active) = log.active.clone() else { return Ok(()) };
        self.sync_now(log, &active)?;
        self.list(log, |manifest, log| {
            manifest.segments.retain(|listed| listed.number != segment.number);
            for listed in manifest.segments.iter_mut().filter(|listed| listed.number == active.number) {
                *listed = Listed { bytes: log.head, ..*listed };
            }
        })?;
        self.segments.write().unwrap_or_else(PoisonError::into_inner).remove(&segment.number);
        self.counters.compactions.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.disk.remove(&segment::name(segment.number)) {
            tracing::warn!(segment = segment.number, %error, "a segment that nothing names stays until the next start");
        }
        Ok(())
    }

    /// Copies a stream to where the log ends, if a coordinate still names it.
    fn move_stream(&self, log: &mut MutexGuard<'_, Log>, from: &Spot, entry: &Entry) -> Result<()> {
        let is_own = self.is_current(log, entry);
        let stream = log.streams.get(entry.digest, entry.version);
        let Some(stream) = stream.filter(|stream| stream.spot().is(from)) else { return Ok(()) };
        let bytes = match self.stream(&entry.at, &stream) {
            // A damaged one moves as it is: its digest goes on saying so.
            Err(Error::Corrupt(_)) => {
                let what = || format!("{}: {}", self.disk.name(), segment::name(from.segment.number));
                self.raw(&stream).map_err(|error| Error::io(what())(error))?
            }
            read => read?,
        };
        let kind = if is_own { Kind::Put } else { Kind::Hold };
        stream.move_to(self.append(log, &Entry { kind, ..entry.clone() }, &bytes, false)?);
        Ok(())
    }

    /// Copies an entry that names another's stream to where the log ends, if it still counts.
    fn move_reference(&self, log: &mut MutexGuard<'_, Log>, from: &Spot, entry: &Entry) -> Result<()> {
        let is_from = |place: &Place| place.reference.as_ref().is_some_and(|spot| spot.is(from));
        if !self.is_current(log, entry) || !self.index().get(&entry.at).is_some_and(is_from) {
            return Ok(());
        }
        let spot = self.append(log, entry, &[], false)?;
        if let Some(place) = self.index_mut().get_mut(&entry.at) {
            spot.keep();
            from.let_go();
            place.reference = Some(spot);
        }
        Ok(())
    }

    /// Whether an entry says what lies at its coordinate. What has expired is taken out.
    fn is_current(&self, log: &mut Log, entry: &Entry) -> bool {
        let is_this = |place: &&Place| place.version == entry.key_version();
        let is_expired = self.index().get(&entry.at).filter(is_this).map(Place::is_expired);
        if is_expired == Some(true) {
            self.point(log, &entry.at, None);
        }
        is_expired == Some(false)
    }

    /// Whether a removal still keeps an older entry of another segment from coming back. Only earlier segments can hold
    /// one: what was copied to later ones since was live, and what is removed was not.
    fn is_needed(&self, segment: &Segment, removal: &Entry) -> bool {
        let is_replaced = self.index().get(&removal.at).is_some_and(|place| place.version > removal.version);
        let segments = self.segments();
        let mut earlier = segments.range(..segment.number).map(|(_, other)| other.oldest.load(Ordering::Relaxed));
        !is_replaced && earlier.any(|oldest| oldest < removal.version)
    }
}
