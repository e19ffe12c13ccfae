//! Opening an archive, and giving its sections out once they are checked.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow_buffer::{Buffer, MutableBuffer};

use super::{ALIGNMENT, Checksum, INDEX, Section, SectionInfo, index, message, seal::Seal};
use crate::{Coordinate, Error, Result};

/// An open `.holo` archive. Cloning shares it.
///
/// Opening checks the frame and the index and reads no section. Each section is checked when it is first asked for, and
/// what is given out lies in the archive's own memory.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

/// Keys and values, sorted by key.
type Metadata = Vec<(String, String)>;

struct Inner {
    /// What messages call the archive: its path, if it has one.
    name: String,
    file: Buffer,
    sections: Vec<Entry>,
    by_name: HashMap<String, usize>,
    by_coordinate: HashMap<Coordinate, usize>,
    metadata: Metadata,
}

struct Entry {
    info: Arc<SectionInfo>,
    /// Whether the checksum was seen to hold. It guards no other memory, so relaxed order is enough.
    verified: AtomicBool,
}

impl Archive {
    /// Opens an archive that is in memory. The buffer is copied once if it does not start on a 64-byte boundary.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes are no archive, are damaged outside the sections, or are of a later format.
    pub fn from_buffer(file: Buffer) -> Result<Self> {
        Self::named("archive in memory".into(), file)
    }

    /// Opens the archive in these bytes under a name for messages.
    pub(super) fn named(name: String, file: Buffer) -> Result<Self> {
        let file = aligned(file);
        match read(&file) {
            Ok((sections, metadata)) => Self::of(name, file, sections, metadata),
            Err(what) => Err(Error::Corrupt(format!("{name}: {what}"))),
        }
    }

    fn of(name: String, file: Buffer, infos: Vec<SectionInfo>, metadata: Metadata) -> Result<Self> {
        let (mut by_name, mut by_coordinate) = (HashMap::with_capacity(infos.len()), HashMap::new());
        let mut sections = Vec::with_capacity(infos.len());
        for (position, info) in infos.into_iter().enumerate() {
            let taken = by_name.insert(info.name().to_owned(), position).is_some()
                || info.name() == INDEX
                || info.coordinate().is_some_and(|at| by_coordinate.insert(at.clone(), position).is_some());
            if taken {
                let section = info.name();
                return Err(Error::Corrupt(format!(
                    "{name}: section {section:?} has a name or coordinate that is taken"
                )));
            }
            sections.push(Entry { info: Arc::new(info), verified: AtomicBool::new(false) });
        }
        Ok(Self(Arc::new(Inner { name, file, sections, by_name, by_coordinate, metadata })))
    }

    /// The section with this name, checked.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, [`Error::Corrupt`] where its checksum does not hold.
    pub fn section(&self, name: &str) -> Result<Section> {
        let position = self.0.by_name.get(name);
        let position = position.ok_or_else(|| Error::Missing(format!("{}: no section {name:?}", self.0.name)))?;
        self.checked(*position)
    }

    /// The section at this coordinate, which is relative to the archive, checked.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, [`Error::Corrupt`] where its checksum does not hold.
    pub fn by_coordinate(&self, at: &Coordinate) -> Result<Section> {
        let position = self.0.by_coordinate.get(at);
        let position = position.ok_or_else(|| Error::Missing(format!("{}: no section at {at}", self.0.name)))?;
        self.checked(*position)
    }

    /// What the index says of the section with this name. Its data is not looked at.
    pub fn info(&self, name: &str) -> Option<&SectionInfo> {
        let position = *self.0.by_name.get(name)?;
        self.0.sections.get(position).map(|entry| &*entry.info)
    }

    /// What the index says of each section, in the order of the file. Their data is not looked at.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = &SectionInfo> {
        self.0.sections.iter().map(|entry| &*entry.info)
    }

    /// The metadata, sorted by key.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.0.metadata
    }

    /// The metadata's value under a key.
    pub fn metadata_value(&self, key: &str) -> Option<&str> {
        self.0.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// The length of the whole file in bytes.
    pub fn size_bytes(&self) -> usize {
        self.0.file.len()
    }

    /// What messages call the archive: its path, if it was opened from one.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Checks every section that was not checked yet.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for the first section whose checksum does not hold.
    pub fn verify_all(&self) -> Result<()> {
        (0..self.0.sections.len()).try_for_each(|position| self.checked(position).map(drop))
    }

    fn checked(&self, position: usize) -> Result<Section> {
        let Inner { name, file, sections, .. } = &*self.0;
        let Some(Entry { info, verified }) = sections.get(position) else {
            return Err(Error::Missing(format!("{name}: no section number {position}")));
        };
        if !verified.load(Ordering::Relaxed) {
            if Checksum::of(&[&file[info.block.clone()]]) != info.checksum {
                let section = info.name();
                return Err(Error::Corrupt(format!(
                    "{name}: section {section:?} does not match its checksum: restore or recompile the archive"
                )));
            }
            verified.store(true, Ordering::Relaxed);
        }
        Ok(Section { info: info.clone(), data: file.slice_with_length(info.data.start, info.data.len()) })
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { name, file, sections, .. } = &*self.0;
        write!(f, "Archive({name}, {} sections, {} bytes)", sections.len(), file.len())
    }
}

/// The sections and the metadata of a file. Each part is parsed only after its checksum holds.
fn read(file: &[u8]) -> Result<(Vec<SectionInfo>, Metadata), String> {
    let (seal, footer) = Seal::decode(file)?;
    if Checksum::of(&[&file[seal.index.clone()]]) != seal.index_checksum {
        return Err("the index does not match its checksum: restore or recompile the archive".into());
    }
    let sections = index::decode(&file[seal.index_data.clone()], seal.head_length..seal.index.start)?;
    let metadata = message::read_footer(&file[footer], &sections, &seal.index)?;
    Ok((sections, metadata))
}

/// The same bytes, starting on a 64-byte boundary.
fn aligned(file: Buffer) -> Buffer {
    if file.as_ptr().addr().is_multiple_of(ALIGNMENT) {
        return file;
    }
    // Not every target's arrow allocator aligns to 64 bytes, so leave room to move the start.
    let mut copy = MutableBuffer::with_capacity(file.len() + ALIGNMENT);
    let skip = copy.as_ptr().addr().next_multiple_of(ALIGNMENT) - copy.as_ptr().addr();
    copy.resize(skip, 0);
    copy.extend_from_slice(&file);
    Buffer::from(copy).slice(skip)
}
