//! The manifest: which segments there are. Segments that it does not list hold nothing that was acknowledged.
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | the tag `HOLOSTOR` |
//! | 8..16 | the version of the format: 2; 1 has no entries that name another's stream |
//! | 16..24 | the number of the next segment |
//! | 24..32 | how many segments there are |
//! | 32..40 | the greatest version that was given so far: the entry may be gone; not in format 1 |
//! | then 24 each | a segment's number, how many of its bytes durable entries fill, and 1 if no others do, else 0 |
//! | the last 16 | the xxh3-128 of everything before |
//!
//! It is written beside its place, made durable, and then named `MANIFEST`.

use twox_hash::XxHash3_128;

use super::disk::Disk;
use crate::{Error, Result};

/// The manifest's file.
pub(super) const NAME: &str = "MANIFEST";

const PARTIAL: &str = "MANIFEST.partial";
const TAG: &[u8; 8] = b"HOLOSTOR";
const VERSION: u64 = 2;
const FIXED_BYTES: usize = 32;
/// The format without `last`.
const FIRST: u64 = 1;
const DIGEST_BYTES: usize = 16;

/// Which segments there are, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The number of the segment that is made next.
    pub(super) next: u64,
    /// The greatest version that was given when this was written.
    pub(super) last: u64,
    pub(super) segments: Vec<Listed>,
}

/// A segment as the manifest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) number: u64,
    /// How many of its bytes entries fill that were durable when this was written.
    pub(super) bytes: u64,
    /// Whether there are no entries after them.
    pub(super) is_closed: bool,
}

impl Manifest {
    /// Reads the manifest; an empty one where there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it is damaged, [`Error::Invalid`] for a later format, [`Error::Unavailable`] where it cannot
    /// be read.
    pub(super) fn load(disk: &dyn Disk, names: &[String]) -> Result<Self> {
        if !names.iter().any(|name| name == NAME) {
            return Ok(Self::default());
        }
        let what = || format!("{}: {NAME}", disk.name());
        let file = disk.open(NAME).map_err(Error::io(what()))?;
        let length = usize::try_from(file.length()).unwrap_or(usize::MAX);
        let bytes = file.view(0, length).map_err(Error::io(what()))?;
        match Self::decode(&bytes) {
            Some((FIRST..=VERSION, manifest)) => Ok(manifest),
            Some((version, _)) => Err(Error::Invalid(format!(
                "{}: format {version}, of a later Hologram; this one reads up to {VERSION}: open it with a newer one",
                what()
            ))),
            None => Err(Error::Corrupt(format!(
                "{}: it does not match its checksum: restore the folder from a copy",
                what()
            ))),
        }
    }

    /// Puts the manifest in place of the one before, durably.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the one before is then still there, or this one is.
    pub(super) fn store(&self, disk: &dyn Disk) -> Result<()> {
        let bytes = self.encode(VERSION);
        let write = || {
            let file = disk.create(PARTIAL, bytes.len() as u64)?;
            file.write(&bytes, 0)?;
            file.sync()?;
            disk.rename(PARTIAL, NAME)?;
            disk.sync_names()
        };
        write().map_err(Error::io(format!("{}: writing {NAME}", disk.name())))
    }

    fn encode(&self, version: u64) -> Vec<u8> {
        let mut bytes = TAG.to_vec();
        let last = (version > FIRST).then_some(self.last);
        for number in [version, self.next, self.segments.len() as u64].into_iter().chain(last) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for listed in &self.segments {
            for number in [listed.number, listed.bytes, listed.is_closed.into()] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&XxHash3_128::oneshot(&bytes).to_be_bytes());
        bytes
    }

    /// The version of the format, and what it says.
    fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let (content, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
        if XxHash3_128::oneshot(content).to_be_bytes() != digest || content.len() < FIXED_BYTES || &content[..8] != TAG
        {
            return None;
        }
        let numbers: Vec<u64> = content[8..].as_chunks::<8>().0.iter().map(|n| u64::from_le_bytes(*n)).collect();
        let [version, next, count, rest @ ..] = &numbers[..] else { return None };
        let (last, segments) = match rest {
            _ if *version > VERSION => return Some((*version, Self::default())),
            segments if *version == FIRST => (0, segments),
            [last, segments @ ..] => (*last, segments),
            [] => return None,
        };
        let listed = |n: &[u64; 3]| Listed { number: n[0], bytes: n[1], is_closed: n[2] == 1 };
        let segments: Vec<Listed> = segments.as_chunks::<3>().0.iter().map(listed).collect();
        (segments.len() as u64 == *count).then_some((*version, Self { next: *next, last, segments }))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::lying::Lying, *};

    #[test]
    fn earlier_formats_are_read_and_later_ones_refused() {
        let manifest = Manifest { next: 1, last: 0, segments: Vec::new() };
        let load = |version| {
            let disk = Lying::of(vec![(NAME.to_owned(), manifest.encode(version))]);
            Manifest::load(&disk, &[NAME.to_owned()])
        };
        assert_eq!(load(1).unwrap(), manifest);
        assert_eq!(load(VERSION).unwrap(), manifest);
        assert!(matches!(load(VERSION + 1), Err(Error::Invalid(what)) if what.contains("later Hologram")));
    }

    #[test]
    fn every_byte_counts() {
        let listed = |number, bytes, is_closed| Listed { number, bytes, is_closed };
        for segments in [vec![], vec![listed(3, 64, true), listed(4, 1 << 40, false)]] {
            let manifest = Manifest { next: 5, last: 9, segments };
            let bytes = manifest.encode(VERSION);
            assert_eq!(Manifest::decode(&bytes), Some((VERSION, manifest)));
            for i in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[i] ^= 0x10;
                assert_eq!(Manifest::decode(&changed), None, "byte {i}");
                assert_eq!(Manifest::decode(&bytes[..i]), None, "cut to {i}");
            }
        }
    }
}
