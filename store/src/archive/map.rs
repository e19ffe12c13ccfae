//! The memory map: a file's bytes as an Arrow buffer that keeps the map alive.

use std::{fs::File, io, path::Path, ptr::NonNull, sync::Arc};

use arrow_buffer::Buffer;
use memmap2::Mmap;

/// The file's bytes, mapped. An empty file is an empty buffer.
pub(super) fn load(path: &Path) -> io::Result<Buffer> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Buffer::from(Vec::<u8>::new()));
    }
    // SAFETY: the map is private and read-only, and `Archive::open` makes it the caller's duty that the file does not
    // change while it is open.
    let map = unsafe { Mmap::map(&file) }?;
    let Some(start) = NonNull::new(map.as_ptr().cast_mut()) else {
        return Err(io::Error::other("the map has no address"));
    };
    let length = map.len();
    // SAFETY: `start` is valid for reads of `length` bytes for as long as the map lives, the buffer owns the map through
    // the `Arc`, and a `Buffer` never writes through its pointer.
    Ok(unsafe { Buffer::from_custom_allocation(start, length, Arc::new(map)) })
}
