//! Strata: one digit of a coordinate, a base cell with a lane.

use std::{fmt, str::FromStr};

use super::{Byte, CLASSES, Cell, Class, LANES, Page, STRATA};
use crate::{Error, Result};

/// Bytes of one stratum in a coordinate's byte form.
pub(crate) const STRATUM_BYTES: usize = 6;

/// A base cell and a lane, as one number below 773,094,113,280: `cell * 655,360 + lane`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stratum(u64);

impl Stratum {
    /// The first stratum.
    pub const FIRST: Self = Self(0);

    /// The last stratum.
    pub const LAST: Self = Self(STRATA - 1);

    /// The first stratum of class 95, below which content has its coordinates.
    pub const CONTENT: Self = Self(STRATA / CLASSES as u64 * (CLASSES as u64 - 1));

    /// The stratum at this cell and lane.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a lane from 655,360 on.
    #[inline]
    pub fn new(cell: Cell, lane: u32) -> Result<Self> {
        if lane < LANES {
            Ok(Self(u64::from(cell.linear()) * u64::from(LANES) + u64::from(lane)))
        } else {
            Err(Error::Invalid(format!("lane {lane} of cell {cell}: lanes are below {LANES}")))
        }
    }

    /// The stratum with this number.
    ///
    /// # Errors
    /// [`Error::Invalid`] from 773,094,113,280 on.
    #[inline]
    pub fn from_number(number: u64) -> Result<Self> {
        if number < STRATA {
            Ok(Self(number))
        } else {
            Err(Error::Invalid(format!("stratum {number}: strata are below {STRATA}")))
        }
    }

    /// The stratum with a number known to be in range.
    pub(super) fn known(number: u64) -> Self {
        debug_assert!(number < STRATA, "stratum {number}");
        Self(number)
    }

    /// The number, below 773,094,113,280.
    #[inline]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The base cell.
    #[inline]
    pub fn cell(self) -> Cell {
        Cell::known((self.0 / u64::from(LANES)) as u32)
    }

    /// The lane, below 655,360.
    #[inline]
    pub fn lane(self) -> u32 {
        (self.0 % u64::from(LANES)) as u32
    }

    /// The six bytes `[class][page][byte][lane, 24 bits, big-endian]`.
    #[inline]
    pub fn to_bytes(self) -> [u8; STRATUM_BYTES] {
        let cell = self.cell();
        let high = u64::from(cell.class().id()) << 16 | u64::from(cell.page().index()) << 8 | u64::from(cell.byte().0);
        // One word, so that the bytes leave in one store.
        let [_, _, digits @ ..] = (high << 24 | u64::from(self.lane())).to_be_bytes();
        digits
    }

    /// The stratum with this byte form.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a digit is out of range.
    pub fn from_bytes([class, page, byte, high, middle, low]: [u8; STRATUM_BYTES]) -> Result<Self> {
        let cell = Cell::new(Class::new(class)?, Page::new(page)?, Byte(byte));
        Self::new(cell, u32::from_be_bytes([0, high, middle, low]))
    }
}

impl fmt::Display for Stratum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.cell(), self.lane())
    }
}

impl fmt::Debug for Stratum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stratum({self})")
    }
}

impl FromStr for Stratum {
    type Err = Error;

    /// Reads the digits as they are displayed: `class.page.byte.lane`.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::Invalid(format!("stratum {text:?}: write class.page.byte.lane, as in 12.3.255.7"));
        let mut digits = text.split('.').map(|digit| digit.parse::<u32>().map_err(|_| invalid()));
        let mut next = || digits.next().unwrap_or_else(|| Err(invalid()));
        let (class, page, byte, lane) = (next()?, next()?, next()?, next()?);
        if digits.next().is_some() {
            return Err(invalid());
        }
        let small = |digit| u8::try_from(digit).map_err(|_| invalid());
        Self::new(Cell::new(Class::new(small(class)?)?, Page::new(small(page)?)?, Byte(small(byte)?)), lane)
    }
}
