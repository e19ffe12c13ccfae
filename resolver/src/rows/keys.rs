//! Rows as keys: the bytes of all elements of a row, so that equal rows are found whatever their columns are.
//!
//! Keys are of what a run would see, after every cast. All NaNs are one; both zeros are two.

use super::columns::{Batch, Parts};
use crate::Result;
use arrow_buffer::{ArrowNativeType, ToByteSlice};
use hologram_ops::{DType, Tensor};
use std::{hash::BuildHasher, ops::Range};

/// The keys of some rows of a batch.
pub(super) struct Keys {
    bytes: Vec<u8>,
    ends: Ends,
}

/// Where each key ends.
enum Ends {
    /// All have the same length.
    Every(usize),
    /// One after another.
    Listed(Vec<usize>),
}

/// Elements of an input, so many a row.
struct Field<'a> {
    elements: &'a Tensor,
    each: usize,
}

/// A part of a key: the shape of an input's row, or some of its elements.
enum Part<'a> {
    Shape(&'a [usize]),
    Field(Field<'a>),
}

impl Part<'_> {
    /// Its bytes.
    fn width(&self) -> usize {
        match self {
            Self::Shape(shape) => size_of_val(*shape),
            Self::Field(field) => field.each * field.elements.dtype().size(),
        }
    }
}

impl Keys {
    /// The keys of some neighbouring rows of a batch.
    ///
    /// # Errors
    /// Those of tensors that are not what they say.
    pub(super) fn new(batch: &Batch, rows: &Range<usize>) -> Result<Self> {
        // For each input its shape, then its elements, whatever columns they come from.
        let mut parts = Vec::new();
        for port in batch.ports() {
            match &port.parts {
                Parts::Columns { columns, inner } => {
                    parts.push(Part::Shape(inner));
                    parts.extend(columns.iter().map(|elements| Part::Field(Field { elements, each: 1 })));
                }
                Parts::Uniform { flat, inner } => {
                    parts.push(Part::Shape(inner));
                    parts.push(Part::Field(Field { elements: flat, each: inner.iter().product() }));
                }
                Parts::Ragged { .. } => return Self::listed(batch, rows),
            }
        }
        if parts.iter().any(|part| matches!(part, Part::Field(field) if field.elements.dtype() == DType::String)) {
            return Self::listed(batch, rows);
        }
        let width: usize = parts.iter().map(Part::width).sum();
        let mut bytes = vec![0; width * rows.len()];
        let mut at = 0;
        for part in parts {
            match &part {
                Part::Shape([]) => {}
                Part::Shape(shape) => {
                    let shape: Vec<u8> = shape.iter().flat_map(|n| n.to_le_bytes()).collect();
                    bytes.chunks_exact_mut(width).for_each(|key| key[at..at + shape.len()].copy_from_slice(&shape));
                }
                Part::Field(field) => field.write(rows.start * field.each, &mut bytes, (width, at))?,
            }
            at += part.width();
        }
        Ok(Self { bytes, ends: Ends::Every(width) })
    }

    /// Keys of several lengths, in the same order: each text says how long it is.
    fn listed(batch: &Batch, rows: &Range<usize>) -> Result<Self> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(rows.len()));
        for row in rows.clone() {
            for port in batch.ports() {
                match &port.parts {
                    Parts::Columns { columns, inner } => {
                        inner.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
                        columns.iter().try_for_each(|elements| push(elements, row..row + 1, &mut bytes))?;
                    }
                    Parts::Uniform { flat, inner } => {
                        inner.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
                        let each = inner.iter().product::<usize>();
                        push(flat, row * each..(row + 1) * each, &mut bytes)?;
                    }
                    Parts::Ragged { flat, starts, shapes } => {
                        shapes[row].iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
                        let each = shapes[row].iter().product::<usize>();
                        push(flat, starts[row]..starts[row] + each, &mut bytes)?;
                    }
                }
            }
            ends.push(bytes.len());
        }
        Ok(Self { bytes, ends: Ends::Listed(ends) })
    }

    /// A row's key.
    pub(super) fn get(&self, row: usize) -> &[u8] {
        match &self.ends {
            Ends::Every(width) => &self.bytes[row * width..][..*width],
            Ends::Listed(ends) => &self.bytes[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]],
        }
    }

    /// The hash of each key, in order.
    pub(super) fn hashes(&self, rows: usize, hasher: &impl BuildHasher) -> Vec<u64> {
        (0..rows).map(|row| hasher.hash_one(self.get(row))).collect()
    }
}

impl Field<'_> {
    /// Writes the elements from `first` on into keys of a width, `at` bytes after each key's start.
    fn write(&self, first: usize, keys: &mut [u8], place: (usize, usize)) -> Result<()> {
        let elements = self.elements.buffer()?;
        match self.elements.dtype() {
            DType::F16 => self.each(elements.typed_data(), first, keys, place, |x| one_nan_16(x, 0x7C00)),
            DType::BF16 => self.each(elements.typed_data(), first, keys, place, |x| one_nan_16(x, 0x7F80)),
            DType::F32 => self.each(elements.typed_data(), first, keys, place, one_nan_32),
            DType::F64 => self.each(elements.typed_data(), first, keys, place, one_nan_64),
            other => match other.size() {
                1 => self.each(elements.typed_data::<u8>(), first, keys, place, |x| x),
                2 => self.each(elements.typed_data::<u16>(), first, keys, place, |x| x),
                4 => self.each(elements.typed_data::<u32>(), first, keys, place, |x| x),
                _ => self.each(elements.typed_data::<u64>(), first, keys, place, |x| x),
            },
        }
        Ok(())
    }

    #[inline(always)]
    fn each<T: ArrowNativeType>(
        &self,
        elements: &[T],
        first: usize,
        keys: &mut [u8],
        (width, at): (usize, usize),
        canonical: impl Fn(T) -> T,
    ) {
        if self.each == 0 {
            return;
        }
        for (key, row) in keys.chunks_exact_mut(width).zip(elements[first..].chunks_exact(self.each)) {
            for (place, x) in key[at..].chunks_exact_mut(size_of::<T>()).zip(row) {
                place.copy_from_slice(std::slice::from_ref(&canonical(*x)).to_byte_slice());
            }
        }
    }
}

fn one_nan_16(x: u16, infinity: u16) -> u16 {
    if x & 0x7FFF > infinity { infinity | 1 } else { x }
}

fn one_nan_32(x: u32) -> u32 {
    if x & 0x7FFF_FFFF > 0x7F80_0000 { 0x7FC0_0000 } else { x }
}

fn one_nan_64(x: u64) -> u64 {
    if x & (u64::MAX >> 1) > 0x7FF0_0000_0000_0000 { 0x7FF8_0000_0000_0000 } else { x }
}

/// Appends elements to a key.
fn push(elements: &Tensor, range: Range<usize>, key: &mut Vec<u8>) -> Result<()> {
    if elements.dtype() == DType::String {
        let texts = elements.as_strings()?;
        for i in range {
            let text = texts.value(i);
            key.extend_from_slice(&text.len().to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
        return Ok(());
    }
    let (start, each) = (key.len(), range.len());
    let width = each * elements.dtype().size();
    key.resize(start + width, 0);
    Field { elements, each }.write(range.start, &mut key[start..], (width, 0))
}
