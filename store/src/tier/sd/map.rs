//! A file mapped for reading while it is written through its descriptor.

use std::{fs::File, io, ptr::NonNull, sync::Arc};

use arrow_buffer::Buffer;
use memmap2::{MmapOptions, MmapRaw};

/// A shared, read-only view of a whole file.
#[derive(Debug, Clone)]
pub(super) struct Map(Option<Arc<MmapRaw>>);

impl Map {
    /// Maps the file as long as it is now.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        // An empty file cannot be mapped.
        let is_empty = file.metadata()?.len() == 0;
        Ok(Self(if is_empty { None } else { Some(Arc::new(MmapOptions::new().map_raw_read_only(file)?)) }))
    }

    pub(super) fn length(&self) -> usize {
        self.0.as_ref().map_or(0, |map| map.len())
    }

    /// These bytes of the file, which keep the map alive. The log never writes bytes again that it has given out.
    pub(super) fn slice(&self, start: usize, length: usize) -> Option<Buffer> {
        let end = start.checked_add(length)?;
        if length == 0 {
            return (end <= self.length()).then(|| Buffer::from(Vec::<u8>::new()));
        }
        let map = self.0.as_ref().filter(|map| end <= map.len())?;
        // SAFETY: `start` is less than the map's length, so the sum lies in the map.
        let first = unsafe { map.as_ptr().add(start) };
        let first = NonNull::new(first.cast_mut())?;
        // SAFETY: `length` bytes from `first` on lie in the map, which the buffer keeps alive through the `Arc`. A raw map
        // asserts nothing of bytes outside the slice, so that others may be written through the file meanwhile; those
        // inside were written before, and the log writes none of them again. A `Buffer` never writes.
        Some(unsafe { Buffer::from_custom_allocation(first, length, Arc::clone(map) as _) })
    }
}
