//! Seeded inputs that both engines make for themselves: the numbers of `seeded` in python/peer.py.

use anyhow::{Result, bail};
use hologram_ops::{DType, Tensor, Value};
use serde_json::{Value as Json, json};

/// How an input's elements are drawn.
#[derive(Debug, Clone)]
pub(crate) enum Draw {
    /// Uniform between two numbers; integers are below the second.
    Between(f64, f64),
    /// As `Between`, with a range for each place of the last dimension.
    Columns(&'static [(f64, f64)]),
    /// As `Columns`; from the place on to the other one, numbers are rounded down.
    Categories(&'static [(f64, f64)], usize, usize),
    /// The same number everywhere.
    Fill(i64),
    /// One of these words.
    Words(&'static [&'static str]),
}

/// One input of a case.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) draw: Draw,
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the number at `index` of the sequence that starts at `seed`.
fn split_mix(seed: u64, index: u64) -> u64 {
    let mut x = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The number at `index` in 0..1, of 24 bits.
fn unit(seed: u64, index: usize) -> f64 {
    (split_mix(seed, index as u64) >> 40) as f64 / f64::from(1 << 24)
}

/// The number at `index` in `0..count`.
fn below(seed: u64, index: usize, count: usize) -> usize {
    ((split_mix(seed, index as u64) >> 32) % count as u64) as usize
}

impl Input {
    /// The input as the peer is asked for it.
    pub(crate) fn wanted(&self, seed: u64) -> Json {
        match self.draw {
            Draw::Between(low, high) => json!({"shape": self.shape, "seed": seed, "low": low, "high": high}),
            Draw::Columns(columns) => json!({"shape": self.shape, "seed": seed, "columns": columns}),
            Draw::Categories(columns, first, end) => {
                json!({"shape": self.shape, "seed": seed, "columns": columns, "whole": [first, end]})
            }
            Draw::Fill(number) => json!({"shape": self.shape, "fill": number}),
            Draw::Words(words) => json!({"shape": self.shape, "seed": seed, "words": words}),
        }
    }

    /// The input for Hologram, and its sum as the peer answers it.
    ///
    /// # Errors
    /// A draw that does not fit the type.
    pub(crate) fn make(&self, seed: u64) -> Result<(Value, f64)> {
        let count = self.shape.iter().product::<usize>();
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        let number = |i: usize| match self.draw {
            Draw::Columns(columns) | Draw::Categories(columns, ..) => {
                let (low, high) = columns[i % width];
                let number = low + (high - low) * unit(seed, i);
                match self.draw {
                    Draw::Categories(_, first, end) if (first..end).contains(&(i % width)) => number.floor(),
                    _ => number,
                }
            }
            Draw::Between(low, high) => low + (high - low) * unit(seed, i),
            Draw::Fill(number) => number as f64,
            Draw::Words(_) => f64::NAN,
        };
        Ok(match (self.dtype, &self.draw) {
            (DType::String, Draw::Words(words)) => {
                let drawn: Vec<&str> = (0..count).map(|i| words[below(seed, i, words.len())]).collect();
                let sum = drawn.iter().map(|w| w.len() as f64).sum();
                (Tensor::from_string_iter(self.shape.as_slice(), &drawn)?.into(), sum)
            }
            (DType::F32, Draw::Between(..) | Draw::Columns(_) | Draw::Categories(..) | Draw::Fill(_)) => {
                let drawn: Vec<f32> = (0..count).map(|i| number(i) as f32).collect();
                let sum = drawn.iter().map(|x| f64::from(*x)).sum();
                (Tensor::from_vec(self.shape.as_slice(), drawn)?.into(), sum)
            }
            (DType::F64, Draw::Between(..)) => {
                let drawn: Vec<f64> = (0..count).map(number).collect();
                let sum = drawn.iter().sum();
                (Tensor::from_vec(self.shape.as_slice(), drawn)?.into(), sum)
            }
            (DType::I64, Draw::Between(low, high)) => {
                let span = (*high - *low) as usize;
                let drawn: Vec<i64> = (0..count).map(|i| *low as i64 + below(seed, i, span) as i64).collect();
                let sum = drawn.iter().map(|x| *x as f64).sum();
                (Tensor::from_vec(self.shape.as_slice(), drawn)?.into(), sum)
            }
            (DType::I64, Draw::Fill(number)) => {
                (Tensor::from_vec(self.shape.as_slice(), vec![*number; count])?.into(), (*number * count as i64) as f64)
            }
            (dtype, draw) => bail!("input '{}' is {dtype}, which {draw:?} does not make", self.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_published_numbers() {
        // The reference implementation's first numbers from seed 1234567.
        let first: Vec<u64> = (0..3).map(|i| split_mix(1_234_567, i)).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_stay_in_their_ranges() {
        let input = |dtype, draw| Input { name: "x".into(), dtype, shape: vec![100, 2], draw };
        let (value, _) = input(DType::F32, Draw::Columns(&[(0.0, 1.0), (5.0, 6.0)])).make(1).unwrap();
        let tensor = value.into_tensor().unwrap();
        assert!(tensor.as_slice::<f32>().unwrap().chunks(2).all(|r| r[0] <= 1.0 && (5.0..=6.0).contains(&r[1])));
        let (value, sum) = input(DType::I64, Draw::Between(3.0, 5.0)).make(1).unwrap();
        let tensor = value.into_tensor().unwrap();
        let drawn = tensor.as_slice::<i64>().unwrap();
        assert!(drawn.contains(&3) && drawn.contains(&4) && drawn.iter().all(|x| (3..5).contains(x)));
        assert_eq!(drawn.iter().sum::<i64>() as f64, sum);
        assert!(input(DType::I64, Draw::Words(&["a"])).make(1).is_err());
    }
}
