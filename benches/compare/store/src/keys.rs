//! Keys and batches: seeded, the same in every run and for every contestant.

use anyhow::Result;
use arrow_array::{Int64Array, RecordBatch};
use hologram_store::Batch;
use std::sync::Arc;

/// A generator of pseudorandom numbers: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (u128::from(self.next()) * u128::from(bound) >> 64) as u64
    }

    /// A number of at least 0 and less than 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The numbers below a bound in some order.
    pub(crate) fn permutation(&mut self, count: u64) -> Vec<u64> {
        let mut order: Vec<u64> = (0..count).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

/// Ranks whose frequency falls as a power of the rank.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// The sums of the frequencies up to each rank.
    sums: Vec<f64>,
    /// The key of each rank, so that the keys that are used most do not lie together.
    keys: Vec<u64>,
}

impl Zipf {
    pub(crate) fn new(keys: u64, exponent: f64, random: &mut Random) -> Self {
        let mut sum = 0.0;
        let add = |rank: u64| {
            sum += libm::pow(rank as f64, -exponent);
            sum
        };
        Self { sums: (1..=keys).map(add).collect(), keys: random.permutation(keys) }
    }

    pub(crate) fn key(&self, random: &mut Random) -> u64 {
        let at = random.unit() * self.sums.last().copied().unwrap_or(0.0);
        let rank = self.sums.partition_point(|sum| *sum <= at);
        self.keys[rank.min(self.keys.len() - 1)]
    }
}

/// A batch of one column with so many bytes of numbers.
///
/// # Errors
/// None for a column of numbers.
pub(crate) fn batch(bytes: usize, first: i64) -> Result<Arc<Batch>> {
    let column = Int64Array::from_iter_values(first..first + (bytes / 8) as i64);
    Ok(Arc::new(Batch::new(RecordBatch::try_from_iter([("a", Arc::new(column) as _)])?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_falls_with_the_rank() {
        let mut random = Random::new(1);
        let zipf = Zipf::new(1_000, 0.99, &mut random);
        let mut counts = vec![0_u32; 1_000];
        (0..100_000).for_each(|_| counts[zipf.key(&mut random) as usize] += 1);
        // The first rank's part is 1 / (1 + 2^-0.99 + ... + 1000^-0.99) = 0.130.
        let first = counts[zipf.keys[0] as usize];
        assert!((12_500..13_500).contains(&first), "{first}");
        assert!(counts[zipf.keys[9] as usize] < first / 8);
        assert_eq!(counts.iter().sum::<u32>(), 100_000);
        let mut sorted = random.permutation(50);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
