//! Compaction: live entries of old segments are copied to where the log ends, and the segments leave.

use std::sync::{Arc, MutexGuard, PoisonError, atomic::Ordering};

use super::{
    Log, Place, Sd,
    entry::{Entry, Kind},
    manifest::Listed,
    segment::{self, Segment},
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
            match entry.kind {
                Kind::Put => self.move_entry(log, segment, position, entry)?,
                Kind::Remove if self.is_needed(segment, &entry) => {
                    self.append(log, entry, &[], false)?;
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

    /// Copies an entry to where the log ends, if the index still names it.
    fn move_entry(
        &self,
        log: &mut MutexGuard<'_, Log>,
        segment: &Arc<Segment>,
        position: u64,
        entry: Entry,
    ) -> Result<()> {
        let is_here = |place: &Place| place.segment.number == segment.number && place.position == position;
        let Some(place) = self.index().get(&entry.at).filter(|place| is_here(place)).cloned() else { return Ok(()) };
        let at = entry.at.clone();
        let stream = if place.is_expired() { None } else { Some(self.stream(&at, &place)) };
        let moved = match stream {
            None => None,
            // A damaged entry moves as it is: its digest goes on saying so.
            Some(Err(Error::Corrupt(_))) => {
                let length = usize::try_from(entry.stream_bytes).unwrap_or(usize::MAX);
                let bytes = segment.file.view(place.stream_start, length);
                Some(bytes.map_err(Error::io(format!("{}: {}", self.disk.name(), segment::name(segment.number))))?)
            }
            Some(read) => Some(read?),
        };
        let moved = moved.map(|stream| self.append(log, entry, &stream, false)).transpose()?;
        self.point(&at, moved.map(|moved| Place { is_damaged: place.is_damaged, ..moved }));
        Ok(())
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
