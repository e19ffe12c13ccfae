//! Writing an archive, section by section, straight through.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    ops::Range,
};

use arrow_ipc::Block;

use super::{
    ALIGNMENT, CLOSING_BYTES, Checksum, END_OF_STREAM, FORMAT_KEY, FORMAT_VERSION, INDEX, OPENING, SectionInfo,
    SectionSpec, index,
    message::{self, Row},
    seal::{SEAL_BYTES, Seal},
};
use crate::{Coordinate, Error, Result};

/// Writes a `.holo` archive to anything that takes bytes. The same calls give the same bytes.
///
/// ```
/// use hologram_store::{Archive, ArchiveWriter, SectionSpec};
///
/// let mut writer = ArchiveWriter::new(Vec::new())?;
/// writer.section(&SectionSpec::new("scale", "weight").tensor("f32", [2]), &[0, 0, 128, 63, 0, 0, 0, 64])?;
/// let file = writer.finish(&[("target", "x86-64-v3")])?;
///
/// let archive = Archive::from_buffer(file.into())?;
/// assert_eq!(archive.section("scale")?.data().typed_data::<f32>(), [1.0, 2.0]);
/// # Ok::<(), hologram_store::Error>(())
/// ```
///
/// A writer that is dropped before [`ArchiveWriter::finish`] leaves a file that no reader opens.
#[derive(Debug)]
pub struct ArchiveWriter<W> {
    sink: W,
    head: Vec<u8>,
    position: usize,
    sections: Vec<SectionInfo>,
    blocks: Vec<Block>,
    /// The section of each coordinate, to refuse a second one.
    coordinates: HashMap<Coordinate, usize>,
    names: HashMap<String, usize>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive: writes the magic and the schema.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the sink refuses a write.
    pub fn new(sink: W) -> Result<Self> {
        let head = [&OPENING[..], &message::schema_message()?].concat();
        let (sections, blocks, coordinates, names) = Default::default();
        let mut writer = Self { sink, head, position: 0, sections, blocks, coordinates, names };
        writer.sink.write_all(&writer.head).map_err(Error::io("write the head of an archive"))?;
        writer.position = writer.head.len();
        Ok(writer)
    }

    /// Writes one section. The data is not kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or a coordinate that is taken or malformed, [`Error::Unavailable`] where the sink
    /// refuses a write; the archive is then unusable.
    pub fn section(&mut self, spec: &SectionSpec, data: &[u8]) -> Result<()> {
        let name = &spec.name;
        index::check(spec)?;
        if name == INDEX {
            return Err(Error::Invalid(format!("section {name:?}: the name is the container's own: take another")));
        }
        if self.names.contains_key(name) {
            return Err(Error::Invalid(format!("section {name:?} is written twice: name each section once")));
        }
        if let Some(&taken) = spec.coordinate.as_ref().and_then(|at| self.coordinates.get(at)) {
            let by = self.sections.get(taken).map_or("", SectionInfo::name);
            return Err(Error::Invalid(format!("section {name:?}: its coordinate is that of section {by:?}")));
        }
        let section = self.block(spec, data)?;
        self.names.insert(name.clone(), self.sections.len());
        if let Some(at) = &spec.coordinate {
            self.coordinates.insert(at.clone(), self.sections.len());
        }
        self.sections.push(section);
        Ok(())
    }

    /// Ends the archive with its metadata, and gives the sink back. Keys are sorted; the format version is added.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key given twice or reserved, [`Error::Unavailable`] where the sink refuses a write.
    pub fn finish<K: AsRef<str>, V: AsRef<str>>(mut self, metadata: &[(K, V)]) -> Result<W> {
        let mut sorted = BTreeMap::from([(FORMAT_KEY.to_owned(), FORMAT_VERSION.to_string())]);
        for (key, value) in metadata {
            if sorted.insert(key.as_ref().to_owned(), value.as_ref().to_owned()).is_some() {
                let key = key.as_ref();
                return Err(Error::Invalid(format!("metadata key {key:?} is reserved or given twice")));
            }
        }
        let metadata: Vec<_> = sorted.into_iter().collect();
        let rows = index::encode(&self.sections);
        let spec = SectionSpec::new(INDEX, INDEX);
        let SectionInfo { block, data, checksum, .. } = self.block(&spec, &rows)?;
        let footer = message::footer(&self.blocks, &metadata);
        let footer_length = i32::try_from(footer.len())
            .map_err(|_| Error::Exhausted("the archive's footer is over 2 GiB: write fewer sections".into()))?;
        let seal = Seal {
            head_length: self.head.len(),
            index: block,
            index_data: data,
            index_checksum: checksum,
            file_length: self.position + END_OF_STREAM.len() + SEAL_BYTES + footer.len() + CLOSING_BYTES,
        };
        let tail = seal.encode_tail(&self.head, &footer, footer_length);
        self.sink.write_all(&tail).map_err(Error::io("write the footer of an archive"))?;
        self.sink.flush().map_err(Error::io("flush an archive"))?;
        Ok(self.sink)
    }

    /// The sink that is written to.
    pub fn sink(&self) -> &W {
        &self.sink
    }

    /// Writes one row's message and gives its place.
    fn block(&mut self, spec: &SectionSpec, data: &[u8]) -> Result<SectionInfo> {
        let row = Row::new(spec, data.len(), Checksum::of(&[data]))?;
        let padding = &[0; ALIGNMENT][..row.padding];
        for piece in [&row.head, data, padding] {
            self.sink.write_all(piece).map_err(Error::io(format!("write section {:?} of an archive", spec.name)))?;
        }
        let start = self.position;
        let data_start = start + row.head.len();
        let data_range: Range<usize> = data_start..data_start + data.len();
        self.position = data_range.end + row.padding;
        let block = start..self.position;
        self.blocks.push(row.block(&block));
        let checksum = Checksum::of(&[&row.head, data, padding]);
        Ok(SectionInfo { spec: spec.clone(), block, data: data_range, checksum })
    }
}
