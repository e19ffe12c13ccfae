//! The index: one row a section, as the data of the archive's last section.
//!
//! Rows are little-endian and packed, so that reading them needs nothing but bounds checks.

use std::ops::Range;

use super::{ALIGNMENT, Checksum, SectionInfo, SectionSpec};
use crate::{Coordinate, Error, Result, atlas::LANES};

/// The fields of one row in order, with the bytes of each; `None` where an earlier field gives the length.
///
/// The index is a `u64` count of rows, and then the rows.
pub const INDEX_FIELDS: [(&str, Option<usize>); 15] = [
    ("block_offset", Some(8)),
    ("block_length", Some(8)),
    ("data_offset", Some(8)),
    ("data_length", Some(8)),
    ("checksum", Some(16)),
    ("name_length", Some(2)),
    ("kind_length", Some(2)),
    ("dtype_length", Some(2)),
    ("rank", Some(2)),
    ("coordinate_length", Some(2)),
    ("name", None),
    ("kind", None),
    ("dtype", None),
    ("shape", None),
    ("coordinate", None),
];

/// Bytes of a row's fields of fixed length.
const ROW_BYTES_MIN: usize = 4 * 8 + 16 + 5 * 2;

/// Checks what a writer says about a section, so that the index can hold it.
pub(super) fn check(spec: &SectionSpec) -> Result<()> {
    let name = &spec.name;
    let invalid = |what: String| Err(Error::Invalid(format!("section {name:?}: {what}")));
    if name.is_empty() {
        return invalid("its name is empty: give each section a name".into());
    }
    let coordinate_length = spec.coordinate.as_ref().map_or(0, |at| at.as_bytes().len());
    for (what, length) in [
        ("name, in bytes", name.len()),
        ("kind, in bytes", spec.kind.len()),
        ("dtype, in bytes", spec.dtype.len()),
        ("shape, in axes", spec.shape.len()),
        ("coordinate, in bytes", coordinate_length),
    ] {
        if u16::try_from(length).is_err() {
            return invalid(format!("its {what}, is {length} long: the limit is {}", u16::MAX));
        }
    }
    match &spec.coordinate {
        Some(at) if !is_relative(at) => {
            invalid(format!("coordinate {at} is not relative: its first stratum must be below {LANES}"))
        }
        _ => Ok(()),
    }
}

/// Whether a coordinate may stand in an archive: its first stratum is a lane of the first cell.
pub(super) fn is_relative(at: &Coordinate) -> bool {
    at.stratum(0).is_some_and(|root| root.number() < u64::from(LANES))
}

/// The index of these sections.
pub(super) fn encode(sections: &[SectionInfo]) -> Vec<u8> {
    let mut bytes = (sections.len() as u64).to_le_bytes().to_vec();
    for SectionInfo { spec, block, data, checksum } in sections {
        let coordinate = spec.coordinate.as_ref().map_or(&[][..], Coordinate::as_bytes);
        for number in [block.start, block.len(), data.start, data.len()] {
            bytes.extend_from_slice(&(number as u64).to_le_bytes());
        }
        bytes.extend_from_slice(&checksum.0);
        for length in [spec.name.len(), spec.kind.len(), spec.dtype.len(), spec.shape.len(), coordinate.len()] {
            bytes.extend_from_slice(&(length as u16).to_le_bytes());
        }
        for text in [&spec.name, &spec.kind, &spec.dtype] {
            bytes.extend_from_slice(text.as_bytes());
        }
        spec.shape.iter().for_each(|extent| bytes.extend_from_slice(&extent.to_le_bytes()));
        bytes.extend_from_slice(coordinate);
    }
    bytes
}

/// The sections of an index whose checksum holds. They tile the bytes from `blocks.start` to `blocks.end`.
///
/// # Errors
/// Says in words what is wrong; the caller adds which file.
pub(super) fn decode(bytes: &[u8], blocks: Range<usize>) -> Result<Vec<SectionInfo>, String> {
    let mut rows = Rows(bytes);
    let count = rows.number()?;
    if count > bytes.len() / ROW_BYTES_MIN {
        return Err(format!("the index of {} bytes cannot hold {count} rows", bytes.len()));
    }
    let mut sections = Vec::with_capacity(count);
    let mut next = blocks.start;
    for row in 0..count {
        let section = rows.section().map_err(|what| format!("index row {row}: {what}"))?;
        if section.block.start != next || section.block.end > blocks.end || section.block.is_empty() {
            return Err(format!("index row {row}: the block does not follow the one before"));
        }
        next = section.block.end;
        sections.push(section);
    }
    match (rows.0.is_empty(), next == blocks.end) {
        (true, true) => Ok(sections),
        (false, _) => Err(format!("the index has {} bytes after its last row", rows.0.len())),
        (true, false) => Err("the blocks do not reach the index".into()),
    }
}

/// The bytes of an index that are still to be read.
struct Rows<'a>(&'a [u8]);

impl<'a> Rows<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<usize, String> {
        let number = u64::from_le_bytes(self.array()?);
        usize::try_from(number).map_err(|_| format!("{number} does not fit this machine's addresses"))
    }

    fn length(&mut self) -> Result<usize, String> {
        Ok(u16::from_le_bytes(self.array()?).into())
    }

    fn range(&mut self) -> Result<Range<usize>, String> {
        let (start, length) = (self.number()?, self.number()?);
        let end =
            start.checked_add(length).ok_or_else(|| format!("{length} bytes at {start} run past all addresses"))?;
        Ok(start..end)
    }

    fn text(&mut self, length: usize) -> Result<String, String> {
        let bytes = self.take(length)?;
        str::from_utf8(bytes).map(Into::into).map_err(|_| "a text is not UTF-8".into())
    }

    fn section(&mut self) -> Result<SectionInfo, String> {
        let (block, data, checksum) = (self.range()?, self.range()?, Checksum(self.array()?));
        if data.start < block.start || data.end > block.end {
            return Err("the data lies outside its block".into());
        }
        if !block.start.is_multiple_of(ALIGNMENT) || !data.start.is_multiple_of(ALIGNMENT) {
            return Err(format!("the block or its data is not on a boundary of {ALIGNMENT} bytes"));
        }
        let [name, kind, dtype, rank, coordinate] =
            [self.length()?, self.length()?, self.length()?, self.length()?, self.length()?];
        let (name, kind, dtype) = (self.text(name)?, self.text(kind)?, self.text(dtype)?);
        let shape = self.take(rank * 8)?.as_chunks().0.iter().map(|&extent| u64::from_le_bytes(extent)).collect();
        let coordinate = match self.take(coordinate)? {
            [] => None,
            bytes => Some(Coordinate::from_bytes(bytes).map_err(|error| error.to_string())?),
        };
        let spec = SectionSpec { name, kind, dtype, shape, coordinate };
        check(&spec).map_err(|error| error.to_string())?;
        Ok(SectionInfo { spec, block, data, checksum })
    }
}
