//! The hash of coordinates: folded multiplications keyed by the process, for tables that answer in tens of nanoseconds.
//!
//! It is the folded multiply of foldhash and wyhash, here because nearly every coordinate is one word. Keys come from users,
//! so the seed is random; the table compares whole keys in any case.

use std::{collections::hash_map::RandomState, hash::BuildHasher};

/// A random seed.
#[derive(Clone, Debug)]
pub(super) struct Seed([u64; 2]);

impl Seed {
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        // Odd, so that multiplying by one loses nothing.
        Self([random.hash_one(0_u8), random.hash_one(1_u8) | 1])
    }

    /// The hash of a word; its high bits are as good as its low ones.
    pub(super) fn word(&self, word: u64) -> u64 {
        // Twice: one product leaves the high bits of neighbours alike.
        fold(fold(word ^ self.0[0], self.0[1]) ^ self.0[0], self.0[1])
    }

    /// The hash of bytes.
    pub(super) fn path(&self, bytes: &[u8]) -> u64 {
        let hash = bytes.chunks(8).fold(bytes.len() as u64, |hash, piece| {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            fold(u64::from_le_bytes(word) ^ hash, self.0[1] ^ hash.rotate_left(32)).rotate_left(23)
        });
        self.word(hash)
    }
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Coordinate;

    /// Neighbouring keys spread over the high bits, which choose a place, and the low bits, which memories of keys use.
    #[test]
    fn neighbours_spread() {
        for _ in 0..8 {
            let seed = Seed::random();
            let hashes: Vec<u64> = (0..4_096_u64)
                .map(|number| seed.word(number * 96))
                .chain(
                    (0..4_096_u64).map(|number| seed.path(Coordinate::from(u128::from(number + 1) << 80).as_bytes())),
                )
                .collect();
            assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "{seed:?}");
            for shift in [0, 32 - 13, 64 - 13] {
                let buckets: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 8_191).collect();
                // Of 8,192 buckets a random function leaves 1 / e empty.
                assert!(buckets.len() > 4_900, "{seed:?}, shift {shift}: {} buckets", buckets.len());
            }
        }
    }
}
