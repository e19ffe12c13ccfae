//! Checksums: xxh3-128 over one piece of the file, or over several in order.

use std::fmt;

use xxhash_rust::xxh3::Xxh3Default;

/// An xxh3-128 digest, stored as 16 bytes in big-endian order, which is its canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum(pub [u8; 16]);

impl Checksum {
    /// The digest of the pieces, one after the other.
    pub fn of(pieces: &[&[u8]]) -> Self {
        let digest = match pieces {
            [piece] => xxhash_rust::xxh3::xxh3_128(piece),
            _ => {
                let mut state = Xxh3Default::new();
                pieces.iter().for_each(|piece| state.update(piece));
                state.digest128()
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
