//! Checksums: xxh3-128 over one piece of the file, or over several in order.

use std::fmt;

use twox_hash::XxHash3_128;

/// An xxh3-128 digest, stored as 16 bytes in big-endian order, which is its canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum(pub [u8; 16]);

impl Checksum {
    /// The digest of the pieces, one after the other.
    pub fn of(pieces: &[&[u8]]) -> Self {
        let digest = match pieces {
            [piece] => XxHash3_128::oneshot(piece),
            _ => {
                let mut state = XxHash3_128::new();
                pieces.iter().for_each(|piece| state.write(piece));
                state.finish_128()
            }
        };
        Self(digest.to_be_bytes())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}
