//! Mounting: an archive's relative coordinates under the ordinal that a store gives its model.

use super::{Archive, Section, index::is_relative};
use crate::{
    Coordinate, Error, Result,
    atlas::{Cell, Stratum},
};

/// An archive under a model's ordinal.
///
/// In an archive the first stratum of a coordinate is a number below 655,360: which tensor. Mounting makes it the lane of
/// a base cell, and the cell is the model's ordinal. So a model's coordinates share three bytes and lie in one range, and
/// a store holds up to 1,179,648 models.
#[derive(Clone, Debug)]
pub struct Mounted {
    archive: Archive,
    model: Cell,
}

impl Mounted {
    /// Mounts an archive under an ordinal.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an ordinal from 1,179,648 on.
    pub fn new(archive: Archive, ordinal: u32) -> Result<Self> {
        Ok(Self { archive, model: Cell::from_linear(ordinal)? })
    }

    /// The archive.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The model's ordinal.
    pub fn ordinal(&self) -> u32 {
        self.model.linear()
    }

    /// The coordinate in the store of a coordinate in the archive.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the first stratum is 655,360 or more.
    pub fn absolute(&self, relative: &Coordinate) -> Result<Coordinate> {
        match relative.stratum(0) {
            Some(root) if is_relative(relative) => Ok(relative.with_root(Stratum::new(self.model, root.lane())?)),
            _ => Err(Error::Invalid(format!("coordinate {relative} is not relative to an archive"))),
        }
    }

    /// The coordinate in the archive of a coordinate in the store; `None` where it belongs to another model.
    pub fn relative(&self, absolute: &Coordinate) -> Option<Coordinate> {
        let root = absolute.stratum(0).filter(|root| root.cell() == self.model)?;
        Some(absolute.with_root(Stratum::new(Cell::from_linear(0).ok()?, root.lane()).ok()?))
    }

    /// The section at a coordinate of the store, checked.
    ///
    /// # Errors
    /// [`Error::Missing`] where the archive holds none there, [`Error::Corrupt`] where its checksum does not hold.
    pub fn section_at(&self, absolute: &Coordinate) -> Result<Section> {
        match self.relative(absolute) {
            Some(relative) => self.archive.by_coordinate(&relative),
            None => Err(Error::Missing(format!("{}: {absolute} belongs to another model", self.archive.name()))),
        }
    }
}
