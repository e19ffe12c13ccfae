//! Opening an archive by its path.

use std::path::Path;

#[cfg(not(feature = "mmap"))]
use self::read::load;
#[cfg(feature = "mmap")]
use super::map::load;
use super::{Archive, OPENING};
use crate::{Error, Result};

impl Archive {
    /// Opens an archive file: mapped with the feature `mmap`, read into memory without it.
    ///
    /// A mapped file must not change while it is open: replace an archive by renaming a new file over it. Truncating a
    /// mapped file makes the operating system end the process on the next read, and a byte changed after its section
    /// was checked is not noticed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the file cannot be opened or read, [`Error::Corrupt`] as for
    /// [`Archive::from_buffer`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = load(path).map_err(Error::io(format!("open archive {name}")))?;
        if file.len() < OPENING.len() {
            return Err(Error::Corrupt(format!("{name}: {} bytes are no archive", file.len())));
        }
        Self::named(name, file)
    }
}

#[cfg(not(feature = "mmap"))]
mod read {
    //! Reading a whole file, for targets without maps.

    use std::{fs, io, path::Path};

    use arrow_buffer::Buffer;

    /// The file's bytes. They are moved once more where they do not come aligned.
    pub(super) fn load(path: &Path) -> io::Result<Buffer> {
        fs::read(path).map(Buffer::from)
    }
}
