//! Entries of a segment: a head of 64 bytes, the key, and the Arrow IPC stream, each from a 64-byte boundary.
//!
//! A batch that equals one of the log is an entry without a stream, which names the put that wrote it. When that put's own
//! key is given something else, compaction keeps its stream as an entry that others name and its key does not.
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | the tag `HENT` |
//! | 4 | the kind: 1 keeps a batch, 2 removes one, 3 keeps a batch whose stream another entry holds, 4 is a stream for those |
//! | 5 | flags: 1 where the stream holds no dictionaries |
//! | 6..8 | zeros |
//! | 8..16 | the sequence number, which is the version |
//! | 16..20 | the key's length |
//! | 20..24 | the length of the stream's schema message |
//! | 24..32 | the stream's length; of kind 3 the version of the put that wrote the stream |
//! | 32..36 | when it expires, in seconds since 1970; 0 is never |
//! | 36..40 | by how much the version is ahead of the last one that was durable when the entry was written |
//! | 40..56 | the xxh3-128 of the stream |
//! | 56..64 | the xxh3-64 of the segment's number, the position, bytes 0..56 and the key |
//!
//! Numbers are little-endian, the digests big-endian as is their canonical form. Zeros fill up to the boundaries. The
//! number and the position in the head's digest keep an entry from being read where another file's bytes turned up.

use std::hash::Hasher;

use twox_hash::{XxHash3_64, XxHash3_128};

use crate::{Coordinate, Error, Result, encoded::Shape};

/// Every part of an entry begins on a multiple of this.
pub(super) const ALIGNMENT: u64 = 64;

/// The bytes of a head.
pub(super) const HEAD_BYTES: usize = 64;

const TAG: &[u8; 4] = b"HENT";

/// The longest key in bytes: 10,922 strata.
const KEY_BYTES_MAX: u32 = 65_532;

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Remove,
    /// A put whose stream is that of the put with this version.
    Refer(u64),
    /// The stream of a put whose key has something else by now.
    Hold,
}

/// An entry without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Coordinate,
    pub(super) kind: Kind,
    pub(super) version: u64,
    /// In seconds since 1970; 0 is never.
    pub(super) expires: u32,
    /// By how much `version` is ahead of the last durable one at the time of writing; the greatest number is that or more.
    pub(super) ahead: u32,
    pub(super) shape: Shape,
    pub(super) stream_bytes: u64,
    pub(super) digest: [u8; 16],
}

/// The digest of a stream.
pub(super) fn digest(stream: &[u8]) -> [u8; 16] {
    XxHash3_128::oneshot(stream).to_be_bytes()
}

/// A length with what fills up to the boundary.
pub(super) fn aligned(length: u64) -> u64 {
    length.div_ceil(ALIGNMENT) * ALIGNMENT
}

impl Entry {
    /// The version that counts for its key; the greatest number where the entry says nothing of it.
    pub(super) fn key_version(&self) -> u64 {
        if self.kind == Kind::Hold { u64::MAX } else { self.version }
    }

    /// Where the stream begins, from the entry's start.
    pub(super) fn stream_start(&self) -> u64 {
        HEAD_BYTES as u64 + aligned(self.at.as_bytes().len() as u64)
    }

    /// The bytes of the whole entry with its padding.
    pub(super) fn length(&self) -> u64 {
        self.stream_start() + aligned(self.stream_bytes)
    }

    /// Head and key with their padding, for this place.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is too long.
    pub(super) fn head(&self, segment: u64, position: u64) -> Result<Vec<u8>> {
        let key = self.at.as_bytes();
        let key_bytes = u32::try_from(key.len()).ok().filter(|n| *n <= KEY_BYTES_MAX);
        let key_bytes = key_bytes.ok_or_else(|| {
            Error::Invalid(format!(
                "a coordinate of {} strata; on disk {} are the most",
                self.at.depth(),
                KEY_BYTES_MAX / 6
            ))
        })?;
        let mut bytes = Vec::with_capacity(self.stream_start() as usize);
        bytes.extend_from_slice(TAG);
        bytes.extend_from_slice(&[
            match self.kind {
                Kind::Put => 1,
                Kind::Remove => 2,
                Kind::Refer(_) => 3,
                Kind::Hold => 4,
            },
            u8::from(self.shape.is_plain),
            0,
            0,
        ]);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&key_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.shape.schema_bytes.to_le_bytes());
        let long = if let Kind::Refer(origin) = self.kind { origin } else { self.stream_bytes };
        bytes.extend_from_slice(&long.to_le_bytes());
        bytes.extend_from_slice(&self.expires.to_le_bytes());
        bytes.extend_from_slice(&self.ahead.to_le_bytes());
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(&head_digest(segment, position, &bytes, key));
        bytes.extend_from_slice(key);
        bytes.resize(self.stream_start() as usize, 0);
        Ok(bytes)
    }

    /// The entry at a position, if its head is whole: `read` gives the bytes of the segment at a position.
    pub(super) fn read(
        segment: u64,
        position: u64,
        end: u64,
        mut read: impl FnMut(u64, usize) -> Option<Vec<u8>>,
    ) -> Option<Self> {
        if position.checked_add(HEAD_BYTES as u64)? > end {
            return None;
        }
        let head = read(position, HEAD_BYTES)?;
        let word = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let long = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        if head.get(..4)? != TAG || word(16)? > KEY_BYTES_MAX {
            return None;
        }
        let key = read(position + HEAD_BYTES as u64, word(16)? as usize)?;
        if head_digest(segment, position, &head[..56], &key) != head[56..] {
            return None;
        }
        let (kind, stream_bytes) = match (head[4], long(24)?) {
            (1, bytes) => (Kind::Put, bytes),
            (2, bytes) => (Kind::Remove, bytes),
            (3, origin) => (Kind::Refer(origin), 0),
            (4, bytes) => (Kind::Hold, bytes),
            _ => return None,
        };
        let entry = Self {
            at: Coordinate::from_bytes(&key).ok()?,
            kind,
            version: long(8)?,
            expires: word(32)?,
            ahead: word(36)?,
            shape: Shape { schema_bytes: word(20)?, is_plain: head[5] & 1 == 1 },
            stream_bytes,
            digest: head[40..56].try_into().ok()?,
        };
        // A head that holds may still name more than there is, where a file was cut.
        let fits = entry.stream_bytes <= end && position.checked_add(entry.length()).is_some_and(|last| last <= end);
        fits.then_some(entry)
    }
}

fn head_digest(segment: u64, position: u64, head: &[u8], key: &[u8]) -> [u8; 8] {
    let mut state = XxHash3_64::new();
    state.write(&segment.to_le_bytes());
    state.write(&position.to_le_bytes());
    state.write(head);
    state.write(key);
    state.finish().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_head_counts() {
        for (kind, stream_bytes) in [(Kind::Put, 500), (Kind::Remove, 0), (Kind::Refer(6), 0), (Kind::Hold, 500)] {
            every_byte_counts(&Entry {
                at: Coordinate::from(u128::MAX),
                kind,
                version: 7,
                expires: 9,
                ahead: 2,
                shape: Shape { schema_bytes: 100, is_plain: true },
                stream_bytes,
                digest: [3; 16],
            });
        }
    }

    fn every_byte_counts(entry: &Entry) {
        let bytes = entry.head(2, 640).unwrap();
        let end = 640 + entry.length();
        let read_from = |bytes: &[u8], segment, position, end| {
            let bytes = bytes.to_vec();
            Entry::read(segment, position, end, |at, length| {
                let start = usize::try_from(at - position).ok()?;
                bytes.get(start..start + length).map(<[u8]>::to_vec)
            })
        };
        assert_eq!(read_from(&bytes, 2, 640, end), Some(entry.clone()));
        assert_eq!(read_from(&bytes, 3, 640, end), None, "another segment");
        assert_eq!(read_from(&bytes, 2, 704, end + 64), None, "another position");
        assert_eq!(read_from(&bytes, 2, 640, end - 1), None, "a file that ends before");
        let covered = HEAD_BYTES + entry.at.as_bytes().len();
        for i in 0..covered {
            for mask in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[i] ^= mask;
                assert_eq!(read_from(&changed, 2, 640, end), None, "byte {i} ^ {mask:x}");
            }
        }
        for length in 0..covered {
            assert_eq!(read_from(&bytes[..length], 2, 640, end), None, "cut to {length}");
        }
    }
}
