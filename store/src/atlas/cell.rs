//! Base cells: the three digits class, page and byte, and their one linear number.

use std::fmt;

use super::{BASE_CELLS, BYTES, CELLS, Class, PAGES};
use crate::{Error, Result};

/// One of the 48 pages of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(u8);

impl Page {
    /// The page with this index.
    ///
    /// # Errors
    /// [`Error::Invalid`] from 48 on.
    pub fn new(index: u8) -> Result<Self> {
        if index < PAGES {
            Ok(Self(index))
        } else {
            Err(Error::Invalid(format!("page {index}: pages are below {PAGES}")))
        }
    }

    /// The index, below 48.
    pub fn index(self) -> u8 {
        self.0
    }
}

/// One of the 256 byte positions of a page; every `u8` is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Byte(pub u8);

/// A base cell: class, page, byte. Its linear number is `class * 12,288 + page * 256 + byte`, and cells are ordered by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(u32);

impl Cell {
    /// The cell with these digits.
    pub fn new(class: Class, page: Page, byte: Byte) -> Self {
        Self(u32::from(class.id()) * u32::from(CELLS) + u32::from(page.0) * u32::from(BYTES) + u32::from(byte.0))
    }

    /// The cell with this linear number.
    ///
    /// # Errors
    /// [`Error::Invalid`] from 1,179,648 on.
    pub fn from_linear(linear: u32) -> Result<Self> {
        if linear < BASE_CELLS {
            Ok(Self(linear))
        } else {
            Err(Error::Invalid(format!("cell {linear}: base cells are below {BASE_CELLS}")))
        }
    }

    /// The cell with a linear number known to be in range.
    pub(super) fn known(linear: u32) -> Self {
        debug_assert!(linear < BASE_CELLS, "cell {linear}");
        Self(linear)
    }

    /// The linear number, below 1,179,648.
    pub fn linear(self) -> u32 {
        self.0
    }

    /// The class digit.
    pub fn class(self) -> Class {
        Class::known((self.0 / u32::from(CELLS)) as u8)
    }

    /// The page digit.
    pub fn page(self) -> Page {
        Page(((self.0 / u32::from(BYTES)) % u32::from(PAGES)) as u8)
    }

    /// The byte digit.
    pub fn byte(self) -> Byte {
        Byte(self.0 as u8)
    }

    /// The position within the class, below 12,288: `page * 256 + byte`.
    pub fn offset(self) -> u16 {
        (self.0 % u32::from(CELLS)) as u16
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class(), self.page().0, self.byte().0)
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell, and with them every cell of each class: digits to number and back, in order, none twice.
    #[test]
    fn cell_bijection() {
        let mut linear = 0;
        for class in Class::all() {
            for page in 0..48 {
                for byte in 0..=255 {
                    let (page, byte) = (Page::new(page).unwrap(), Byte(byte));
                    let cell = Cell::new(class, page, byte);
                    assert_eq!(cell.linear(), linear);
                    assert_eq!((cell.class(), cell.page(), cell.byte()), (class, page, byte));
                    assert_eq!(u32::from(cell.offset()), linear % 12_288);
                    assert_eq!(Cell::from_linear(linear).unwrap(), cell);
                    linear += 1;
                }
            }
        }
        assert_eq!(linear, 1_179_648);
        assert!(Cell::from_linear(linear).is_err());
        assert!(Page::new(48).is_err());
    }

    #[test]
    fn counts() {
        assert_eq!((PAGES, BYTES, CELLS, BASE_CELLS), (48, 256, 12_288, 1_179_648));
    }
}
