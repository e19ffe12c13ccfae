//! Hologram's store: coordinates, tiers of Arrow record batches, and the `.holo` archive container.
//!
//! It stands alone: no planner, no device, no query engine. Start with [`Store`] to keep batches under coordinates,
//! with [`Archive`] to open a file, and with [`Coordinate`] and [`Space`] to address both.
//!
//! ```
//! use hologram_store::{Coordinate, Space};
//!
//! let space = Space::new([("colour", 3), ("size", 4)])?;
//! let at = space.encode(&[2, 1])?;
//! assert_eq!(at, Coordinate::from(9_u32));
//! assert_eq!(space.decode(&at)?, [2, 1]);
//! # Ok::<(), hologram_store::Error>(())
//! ```

pub mod archive;
pub mod atlas;
mod batch;
mod column;
mod content;
mod encoded;
mod error;
mod flight;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(all(test, shuttle))]
mod schedules_tests;
mod store;
mod sync;
pub mod tier;

pub use archive::{Archive, ArchiveWriter, Section, SectionSpec};
pub use atlas::{Cell, Class, Coordinate, Space, Stratum};
pub use batch::Batch;
pub use column::{CoordinateType, coordinate_column, coordinate_field, coordinates_of};
pub use encoded::{Encoded, Schemas};
pub use error::{Error, Result};
#[cfg(feature = "metrics")]
pub use metrics::StoreMetrics;
pub use store::{Durability, Hint, Put, Scanned, Store, StoreBuilder, StoreStats};
#[cfg(feature = "remote")]
pub use tier::Ld;
#[cfg(feature = "mmap")]
pub use tier::Sd;
pub use tier::{L0, L1, L2, Region, Tier, TierStats};
