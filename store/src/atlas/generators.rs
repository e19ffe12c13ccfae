//! The three generators: exact addition, multiplication and scaling modulo a constant, and the maps onto them.
//!
//! `n mod 12,288`, `n mod 96`, `n mod 48` and `n mod 256` carry sums to sums and products to products, for numbers of any
//! size. They route and place; no query does arithmetic here.

use std::ops::{Add, Mul};

use num_bigint::BigUint;

use super::{BYTES, CELLS, CLASSES, PAGES};

/// A residue modulo `MODULUS`, which is at least 1 and below 2^32 so that products fit in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Residue<const MODULUS: u64>(u64);

/// The positions of one class: integers mod 12,288.
pub type CellRing = Residue<{ CELLS as u64 }>;
/// The classes: integers mod 96.
pub type ClassRing = Residue<{ CLASSES as u64 }>;
/// The pages: integers mod 48.
pub type PageRing = Residue<{ PAGES as u64 }>;
/// The byte positions: integers mod 256.
pub type ByteRing = Residue<{ BYTES as u64 }>;

impl<const MODULUS: u64> Residue<MODULUS> {
    const IN_RANGE: () = assert!(MODULUS >= 1 && MODULUS < 1 << 32);

    /// The residue of a number.
    pub fn new(number: u64) -> Self {
        let () = Self::IN_RANGE;
        Self(number % MODULUS)
    }

    /// The residue of a number of any size.
    pub fn project(number: &BigUint) -> Self {
        let () = Self::IN_RANGE;
        // Horner over 32-bit digits: the remainder is below 2^32, so each step fits in 64 bits.
        Self(number.to_u32_digits().iter().rev().fold(0, |rest, &digit| ((rest << 32) | u64::from(digit)) % MODULUS))
    }

    /// The residue as a number below the modulus.
    pub fn number(self) -> u64 {
        self.0
    }

    /// This residue added to itself `factor` times.
    pub fn scale(self, factor: u64) -> Self {
        self * Self::new(factor)
    }
}

impl<const MODULUS: u64> Add for Residue<MODULUS> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0) % MODULUS)
    }
}

impl<const MODULUS: u64> Mul for Residue<MODULUS> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self((self.0 * other.0) % MODULUS)
    }
}
