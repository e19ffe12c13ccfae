//! The torus: pages times bytes with wrap-around, and the generators component by component.

use std::ops::{Add, Mul};

use num_bigint::BigUint;

use super::{Byte, ByteRing, Page, PageRing};

/// A point of Z48 x Z256. Sums and products are taken in each component and wrap around exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Torus {
    page: PageRing,
    byte: ByteRing,
}

impl Torus {
    /// The neutral element of addition.
    pub fn zero() -> Self {
        Self::from_number(0)
    }

    /// The neutral element of multiplication.
    pub fn one() -> Self {
        Self::from_number(1)
    }

    /// The point at this page and byte.
    pub fn new(page: Page, byte: Byte) -> Self {
        Self { page: PageRing::new(page.index().into()), byte: ByteRing::new(byte.0.into()) }
    }

    /// The point that a number projects to: its residues mod 48 and mod 256.
    pub fn from_number(number: u64) -> Self {
        Self { page: PageRing::new(number), byte: ByteRing::new(number) }
    }

    /// The point that a number of any size projects to.
    pub fn project(number: &BigUint) -> Self {
        Self { page: PageRing::project(number), byte: ByteRing::project(number) }
    }

    /// The page component.
    pub fn page(self) -> PageRing {
        self.page
    }

    /// The byte component.
    pub fn byte(self) -> ByteRing {
        self.byte
    }

    /// This point added to itself `factor` times.
    pub fn scale(self, factor: u64) -> Self {
        Self { page: self.page.scale(factor), byte: self.byte.scale(factor) }
    }
}

impl Add for Torus {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { page: self.page + other.page, byte: self.byte + other.byte }
    }
}

impl Mul for Torus {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self { page: self.page * other.page, byte: self.byte * other.byte }
    }
}
