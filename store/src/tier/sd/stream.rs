//! Streams of the log: each is written once, and any number of coordinates name it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{
    Version,
    entry::{self, Entry},
    segment::Segment,
};
use crate::encoded::Shape;

/// Where an entry lies.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) segment: Arc<Segment>,
    pub(super) position: u64,
    /// The bytes of the whole entry.
    pub(super) length: u64,
}

impl Spot {
    pub(super) fn of(segment: &Arc<Segment>, position: u64, entry: &Entry) -> Self {
        Self { segment: Arc::clone(segment), position, length: entry.length() }
    }

    /// Whether it is the same place.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.segment.number == other.segment.number && self.position == other.position
    }

    /// The entry is needed from now on.
    pub(super) fn keep(&self) {
        self.segment.live.fetch_add(self.length, Ordering::Relaxed);
    }

    /// The entry is needed no more.
    pub(super) fn let_go(&self) {
        self.segment.live.fetch_sub(self.length, Ordering::Relaxed);
    }
}

/// The stream of a batch.
#[derive(Debug)]
pub(super) struct Stream {
    /// The version of the put that wrote it, by which other entries name it.
    pub(super) origin: Version,
    pub(super) shape: Shape,
    pub(super) bytes: u64,
    pub(super) digest: [u8; 16],
    spot: Mutex<Spot>,
    /// How many coordinates name it; changed with the log held.
    names: AtomicU64,
    is_damaged: AtomicBool,
}

impl Stream {
    /// The stream of an entry that holds one, which nothing names yet.
    pub(super) fn new(entry: &Entry, spot: Spot) -> Self {
        Self {
            origin: entry.version,
            shape: entry.shape,
            bytes: entry.stream_bytes,
            digest: entry.digest,
            spot: spot.into(),
            names: AtomicU64::new(0),
            is_damaged: AtomicBool::new(false),
        }
    }

    /// The entry that holds it.
    pub(super) fn spot(&self) -> Spot {
        self.spot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its segment and where in it the stream begins.
    pub(super) fn start(&self) -> (Arc<Segment>, u64) {
        let Spot { segment, position, length } = self.spot();
        (segment, position + length - entry::aligned(self.bytes))
    }

    /// It was copied to another entry, which is needed in place of the one before.
    pub(super) fn move_to(&self, spot: Spot) {
        spot.keep();
        std::mem::replace(&mut *self.spot.lock().unwrap_or_else(PoisonError::into_inner), spot).let_go();
    }

    pub(super) fn names(&self) -> u64 {
        self.names.load(Ordering::Relaxed)
    }

    /// One coordinate more names it; whether it is the first.
    pub(super) fn name(&self) -> bool {
        self.names.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// One coordinate less names it; whether it was the last.
    pub(super) fn unname(&self) -> bool {
        self.names.fetch_sub(1, Ordering::Relaxed) == 1
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Notes that its bytes do not match its digest; whether that is news.
    pub(super) fn damage(&self) -> bool {
        !self.is_damaged.swap(true, Ordering::Relaxed)
    }
}

/// The streams that coordinates name, by digest and by the put that wrote them.
#[derive(Debug, Default)]
pub(super) struct Streams(BTreeMap<([u8; 16], Version), Arc<Stream>>);

impl Streams {
    /// A stream with this digest that is `equal`.
    pub(super) fn find(&self, digest: [u8; 16], equal: impl Fn(&Stream) -> bool) -> Option<Arc<Stream>> {
        let alike = self.0.range((digest, 0)..=(digest, Version::MAX));
        alike.map(|(_, stream)| stream).find(|stream| equal(stream)).cloned()
    }

    /// The stream that a put wrote.
    pub(super) fn get(&self, digest: [u8; 16], origin: Version) -> Option<Arc<Stream>> {
        self.0.get(&(digest, origin)).cloned()
    }

    pub(super) fn add(&mut self, stream: &Arc<Stream>) {
        self.0.insert((stream.digest, stream.origin), Arc::clone(stream));
    }

    pub(super) fn remove(&mut self, stream: &Stream) {
        self.0.remove(&(stream.digest, stream.origin));
    }
}
