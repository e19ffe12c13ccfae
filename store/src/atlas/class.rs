//! Classes: labels that say where a value is placed, and how much a class holds. A class never changes data.

use std::fmt;

use super::{CLASS_BYTES, CLASSES, CONSECUTIVE_CLASSES};
use crate::{Error, Result};

/// One of the 96 classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(u8);

impl Class {
    /// The class with this id.
    ///
    /// # Errors
    /// [`Error::Invalid`] from 96 on.
    pub fn new(id: u8) -> Result<Self> {
        if id < CLASSES {
            Ok(Self(id))
        } else {
            Err(Error::Invalid(format!("class {id}: classes are below {CLASSES}")))
        }
    }

    /// The class of a number by its residue mod 96.
    pub(super) fn reduce(number: u64) -> Self {
        Self((number % u64::from(CLASSES)) as u8)
    }

    /// The class with an id known to be below 96.
    pub(super) fn known(id: u8) -> Self {
        debug_assert!(id < CLASSES, "class {id}");
        Self(id)
    }

    /// The id, below 96.
    pub fn id(self) -> u8 {
        self.0
    }

    /// The id as an index into a table of 96 rows.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Every class in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..CLASSES).map(Self)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a value of some size is placed: in the class pool, or class-free beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// In this many consecutive classes of the pool, at least one.
    Classes(u8),
    /// In an ordinary aligned buffer, under the same keys.
    ClassFree,
}

impl Capacity {
    /// The placement of a value of this many bytes: consecutive classes of 12,288 bytes each, up to 48 of them.
    pub fn of(size_bytes: usize) -> Self {
        let classes = size_bytes.div_ceil(CLASS_BYTES).max(1);
        match u8::try_from(classes) {
            Ok(classes) if classes <= CONSECUTIVE_CLASSES => Self::Classes(classes),
            _ => Self::ClassFree,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlas::{CLASS_F32_ROWS, POOL_BYTES};

    #[test]
    fn class_ids_are_below_96() {
        for id in 0..=u8::MAX {
            assert_eq!(Class::new(id).map(Class::id).ok(), (id < 96).then_some(id), "class {id}");
        }
        assert_eq!(Class::all().len(), 96);
        assert!(Class::all().enumerate().all(|(index, class)| class.index() == index));
    }

    #[test]
    fn class_capacity() {
        assert_eq!(CLASS_BYTES, 12_288);
        assert_eq!(CLASS_F32_ROWS, 3_072);
        for (size_bytes, expected) in [
            (0, Capacity::Classes(1)),
            (1, Capacity::Classes(1)),
            (12_288, Capacity::Classes(1)),
            (12_289, Capacity::Classes(2)),
            (48 * 12_288, Capacity::Classes(48)),
        ] {
            assert_eq!(Capacity::of(size_bytes), expected, "{size_bytes} bytes");
        }
    }

    #[test]
    fn boundary_pool_size() {
        assert_eq!(POOL_BYTES, 1_179_648);
        assert_eq!(POOL_BYTES * 8, 9 << 20, "1.125 MiB");
    }

    #[test]
    fn spill_to_linear() {
        for size_bytes in [48 * 12_288 + 1, 49 * 12_288, POOL_BYTES, 256 * 12_288, usize::MAX] {
            assert_eq!(Capacity::of(size_bytes), Capacity::ClassFree, "{size_bytes} bytes");
        }
    }
}
