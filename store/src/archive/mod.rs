//! The `.holo` archive: an Arrow IPC file of named, checksummed, 64-byte-aligned sections, opened without reading them.
//!
//! Any Arrow reader opens it as a table with one row a section. [`Archive`] reads it by offset instead, checks each byte
//! before it is used, and copies nothing. `docs/spec/holo.mdx` draws every field.
//!
//! ```text
//! 0   "ARROW1" 0 0                                 \ head: magic and the schema message
//! 8   schema message, padded to 64                 /
//!     section 0: message head | name kind ... | data on a 64-byte boundary | padding to 64
//!     section 1: ...                                 each block has its xxh3-128 in the index
//!     index:     message head | "index" ...   | rows of offsets and checksums     | padding to 64
//!     end of stream, 8 bytes
//!     seal, 96 bytes: version, where the index lies, its xxh3-128, the xxh3-128 of all else
//!     Arrow footer: schema, blocks, metadata
//! -10 footer length, "ARROW1"
//! ```
//!
//! Blocks lie end to end, so that each byte of the file is covered by one checksum. The checksums detect damage, not
//! forgery: whoever can write the file can write its checksums.

mod checksum;
mod index;
mod info;
mod message;
mod mounted;
mod reader;
mod seal;
mod writer;

#[cfg(not(target_family = "wasm"))]
mod file;
#[cfg(all(feature = "mmap", not(target_family = "wasm")))]
mod map;
#[cfg(test)]
mod tests;

pub use checksum::Checksum;
pub use index::INDEX_FIELDS;
pub use info::{Section, SectionInfo, SectionSpec};
pub use mounted::Mounted;
pub use reader::Archive;
pub use seal::SEAL_FIELDS;
pub use writer::ArchiveWriter;

/// The format version that this build writes; it reads every version up to it.
pub const FORMAT_VERSION: u64 = 1;

/// The metadata key under which the writer itself notes the format version.
pub const FORMAT_KEY: &str = "hologram.format";

/// The name and kind of the section that the container keeps for itself.
pub const INDEX: &str = "index";

/// The boundary on which every section's data starts.
pub const ALIGNMENT: usize = 64;

/// What opens and closes every Arrow file.
const MAGIC: &[u8; 6] = b"ARROW1";

/// The magic, and two bytes of padding.
const OPENING: &[u8; 8] = b"ARROW1\0\0";

/// Ends the messages for readers that stream.
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The footer's length and the closing magic.
const CLOSING_BYTES: usize = 4 + MAGIC.len();
