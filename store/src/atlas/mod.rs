//! The atlas: every constant of the address space, and exact integer arithmetic over it.
//!
//! A base [`Cell`] is (class, page, byte). A [`Stratum`] adds a lane and is one digit of a [`Coordinate`], a path that
//! is also a natural number. A [`Space`] maps tuples of codes to coordinates. Nothing here knows batches, tiers or files,
//! and nothing here is a floating-point number. The other modules import these constants; none writes them again.
//!
//! ```
//! use hologram_store::atlas::{BASE_CELLS, STRATA};
//!
//! assert_eq!(BASE_CELLS, 1_179_648);
//! assert_eq!(STRATA, 773_094_113_280);
//! ```

mod cell;
mod class;
mod coordinate;
mod generators;
#[cfg(test)]
mod laws;
mod space;
mod stratum;
mod torus;
#[cfg(test)]
mod words;

pub use cell::{Byte, Cell, Page};
pub use class::{Capacity, Class};
pub use coordinate::{Coordinate, INLINE_STRATA};
pub use generators::{ByteRing, CellRing, ClassRing, PageRing, Residue};
pub use space::{Axis, Space};
pub(crate) use stratum::STRATUM_BYTES;
pub use stratum::Stratum;
pub use torus::Torus;

/// Classes in the atlas.
pub const CLASSES: u8 = 96;

/// Pages of one class.
pub const PAGES: u8 = 48;

/// Byte positions of one page.
pub const BYTES: u16 = 256;

/// Cells of one class: pages times bytes.
pub const CELLS: u16 = 12_288;

/// Base cells in all: classes times cells of a class.
pub const BASE_CELLS: u32 = 1_179_648;

/// Lanes of one base cell in the expanded space.
pub const LANES: u32 = 655_360;

/// Strata in all, the radix of a coordinate: base cells times lanes.
pub const STRATA: u64 = 773_094_113_280;

/// Bytes that one class of the pool holds.
pub const CLASS_BYTES: usize = CELLS as usize;

/// Four-byte numbers that one class of the pool holds.
pub const CLASS_F32_ROWS: usize = CLASS_BYTES / 4;

/// Bytes of the whole pool: 1.125 MiB.
pub const POOL_BYTES: usize = CLASSES as usize * CLASS_BYTES;

/// Most consecutive classes that one value may take; anything larger lives in an ordinary aligned buffer.
pub const CONSECUTIVE_CLASSES: u8 = 48;

const _: () = {
    assert!(CELLS == PAGES as u16 * BYTES);
    assert!(BASE_CELLS == CLASSES as u32 * CELLS as u32);
    assert!(STRATA == BASE_CELLS as u64 * LANES as u64);
};
