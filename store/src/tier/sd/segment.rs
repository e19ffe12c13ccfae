//! A segment: one file of entries, written from its start to its end and then never again.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    disk::DiskFile,
    entry::{ALIGNMENT, Entry},
};

/// One file of entries.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) file: Arc<dyn DiskFile>,
    /// The bytes that entries fill.
    pub(super) used: AtomicU64,
    /// The bytes of entries that the index names.
    pub(super) live: AtomicU64,
    /// The least version that an entry has for its key.
    pub(super) oldest: AtomicU64,
}

/// The file of a segment.
pub(super) fn name(number: u64) -> String {
    format!("{number:08}.seg")
}

impl Segment {
    pub(super) fn new(number: u64, file: Arc<dyn DiskFile>) -> Self {
        let zero = || AtomicU64::new(0);
        Self { number, file, used: zero(), live: zero(), oldest: AtomicU64::new(u64::MAX) }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Notes an entry that was written or read.
    pub(super) fn add(&self, end: u64, version: u64) {
        self.used.fetch_max(end, Ordering::Relaxed);
        self.oldest.fetch_min(version, Ordering::Relaxed);
    }

    fn bytes(&self, position: u64, length: usize) -> Option<Vec<u8>> {
        self.file.view(position, length).ok().map(|bytes| bytes.to_vec())
    }

    /// Every entry up to `end` with its position, in order. Bytes that are no entry are searched for the next one from
    /// boundary to boundary.
    pub(super) fn read(&self, end: u64) -> Vec<(u64, Entry)> {
        let end = end.min(self.file.length());
        let (mut position, mut found) = (0, Vec::new());
        while position < end {
            match Entry::read(self.number, position, end, |at, length| self.bytes(at, length)) {
                None => position += ALIGNMENT,
                Some(entry) => {
                    let next = position + entry.length();
                    found.push((position, entry));
                    position = next;
                }
            }
        }
        found
    }

    /// Whether these bytes are all zeros, as space that was never written to is.
    pub(super) fn is_blank(&self, start: u64, end: u64) -> bool {
        const PIECE: u64 = 1 << 20;
        (start..end).step_by(PIECE as usize).all(|at| {
            let length = PIECE.min(end - at) as usize;
            self.file.view(at, length).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
        })
    }
}
