//! The hash of coordinates: two multiplications keyed by the process, for maps that answer in tens of nanoseconds.
//!
//! It is the folded multiply of foldhash and wyhash, here because a coordinate is always two words of 128 bits. Keys come
//! from users, so the seed is random; the map compares whole keys in any case.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

/// Makes hashers with one random seed.
#[derive(Clone, Debug)]
pub(super) struct Seed([u64; 2]);

impl Seed {
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        // Odd, so that multiplying by one loses nothing.
        Self([random.hash_one(0_u8), random.hash_one(1_u8) | 1])
    }
}

impl BuildHasher for Seed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.0[0], seed: self.0[1] }
    }
}

/// The hash so far.
pub(super) struct Folded {
    state: u64,
    seed: u64,
}

impl Hasher for Folded {
    fn write_u128(&mut self, word: u128) {
        self.state = fold(word as u64 ^ self.state, (word >> 64) as u64 ^ self.seed).rotate_left(23);
    }

    fn write_u64(&mut self, word: u64) {
        self.write_u128(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u128(word as u128);
    }

    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(16) {
            let mut word = [0; 16];
            word[..piece.len()].copy_from_slice(piece);
            self.write_u128(u128::from_ne_bytes(word));
        }
    }

    fn finish(&self) -> u64 {
        fold(self.state, self.seed)
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

    /// Neighbouring keys spread over the low bits, which choose the bucket, and the high bits, which tag it.
    #[test]
    fn neighbours_spread() {
        for _ in 0..8 {
            let seed = Seed::random();
            let hashes: Vec<u64> = (0..4_096_u64)
                .map(|number| seed.hash_one(Coordinate::from(number * 96)))
                .chain((0..4_096_u64).map(|number| seed.hash_one(Coordinate::from(u128::from(number + 1) << 80))))
                .collect();
            assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "{seed:?}");
            for shift in [0, 57 - 12, 64 - 13] {
                let buckets: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 8_191).collect();
                // Of 8,192 buckets a random function leaves 1 / e empty.
                assert!(buckets.len() > 4_900, "{seed:?}, shift {shift}: {} buckets", buckets.len());
            }
        }
    }
}
