//! Sections: what is said about one, where it lies, and its bytes.

use std::{fmt, ops::Range, sync::Arc};

use arrow_buffer::Buffer;

use super::Checksum;
use crate::Coordinate;

/// What a writer says about one section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SectionSpec {
    /// The name, unique in its archive and not empty.
    pub name: String,
    /// What the section is for, as text that the layers above agree on, such as `weight` or `plan`.
    pub kind: String,
    /// The type of the elements, as text; empty for plain bytes.
    pub dtype: String,
    /// The extent along each axis, in elements; empty for a scalar or plain bytes.
    pub shape: Vec<u64>,
    /// The coordinate relative to the archive, if the section has one: its first stratum is below 655,360.
    pub coordinate: Option<Coordinate>,
}

impl SectionSpec {
    /// A section of plain bytes with a name and a kind.
    pub fn new(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { name: name.into(), kind: kind.into(), ..Self::default() }
    }

    /// The same section with an element type and a shape.
    #[must_use]
    pub fn tensor(mut self, dtype: impl Into<String>, shape: impl Into<Vec<u64>>) -> Self {
        (self.dtype, self.shape) = (dtype.into(), shape.into());
        self
    }

    /// The same section under a coordinate.
    #[must_use]
    pub fn at(mut self, coordinate: Coordinate) -> Self {
        self.coordinate = Some(coordinate);
        self
    }
}

/// What an archive's index says about one section. Having it says nothing about whether the data is intact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionInfo {
    pub(super) spec: SectionSpec,
    /// The whole Arrow message: prefix, metadata, body and padding. Starts and ends on 64-byte boundaries.
    pub(super) block: Range<usize>,
    /// The data within the block. Starts on a 64-byte boundary.
    pub(super) data: Range<usize>,
    pub(super) checksum: Checksum,
}

impl SectionInfo {
    /// The name, unique in the archive.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What the section is for.
    pub fn kind(&self) -> &str {
        &self.spec.kind
    }

    /// The type of the elements, as text; empty for plain bytes.
    pub fn dtype(&self) -> &str {
        &self.spec.dtype
    }

    /// The extent along each axis, in elements.
    pub fn shape(&self) -> &[u64] {
        &self.spec.shape
    }

    /// The coordinate relative to the archive.
    pub fn coordinate(&self) -> Option<&Coordinate> {
        self.spec.coordinate.as_ref()
    }

    /// The length of the data in bytes.
    pub fn size_bytes(&self) -> usize {
        self.data.len()
    }

    /// Where the data lies in the file, in bytes.
    pub fn file_range(&self) -> Range<usize> {
        self.data.clone()
    }

    /// The xxh3-128 of the section's whole Arrow message.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }
}

/// A section whose bytes were checked. Cloning shares them; they keep the archive's memory alive.
#[derive(Clone)]
pub struct Section {
    pub(super) info: Arc<SectionInfo>,
    pub(super) data: Buffer,
}

impl Section {
    /// What the index says about it.
    pub fn info(&self) -> &SectionInfo {
        &self.info
    }

    /// The name, unique in the archive.
    pub fn name(&self) -> &str {
        self.info.name()
    }

    /// What the section is for.
    pub fn kind(&self) -> &str {
        self.info.kind()
    }

    /// The type of the elements, as text; empty for plain bytes.
    pub fn dtype(&self) -> &str {
        self.info.dtype()
    }

    /// The extent along each axis, in elements.
    pub fn shape(&self) -> &[u64] {
        self.info.shape()
    }

    /// The coordinate relative to the archive.
    pub fn coordinate(&self) -> Option<&Coordinate> {
        self.info.coordinate()
    }

    /// The bytes, in place and aligned to 64.
    pub fn data(&self) -> &Buffer {
        &self.data
    }

    /// The bytes, in place and aligned to 64.
    pub fn into_data(self) -> Buffer {
        self.data
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SectionSpec { name, kind, dtype, shape, .. } = &self.info.spec;
        write!(f, "Section({name:?} {kind} {dtype}{shape:?}, {} bytes)", self.data.len())
    }
}
