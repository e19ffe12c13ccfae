//! What the log asks of a disk, and the folder that answers.
//!
//! The trait is small so that tests can put a disk in its place that lies: one that loses, keeps or tears what was not
//! synced when the power went.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_buffer::Buffer;

use super::map::Map;

/// A folder of files.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// Makes a file of this length, all zeros, in place of any of the name. The name is durable after
    /// [`sync_names`](Self::sync_names), the length after the file's [`sync`](DiskFile::sync).
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str, length: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// The names of the files.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name, in place of any that has it.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a file away. Who reads it keeps reading.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes new, changed and removed names durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_names(&self) -> io::Result<()>;

    /// What errors call the disk.
    fn name(&self) -> String;
}

/// One file, read and written at positions by any number of threads.
pub trait DiskFile: Send + Sync + std::fmt::Debug {
    /// The length in bytes.
    fn length(&self) -> u64;

    /// Writes all of these bytes.
    ///
    /// # Errors
    /// What the system says; a part may have been written.
    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Makes what was written durable. A failure is final: what was written before may be lost, whatever a later sync says.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;

    /// Bytes that were written, without a copy where the disk can.
    ///
    /// # Errors
    /// What the system says; a range past the end.
    fn view(&self, position: u64, length: usize) -> io::Result<Buffer>;
}

/// A folder of the file system, whose files are mapped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock while it is open.
    _lock: File,
}

/// The file whose lock says that a store is open.
const LOCK: &str = "LOCK";

impl Folder {
    /// Opens a folder, making it if it is not there, and locks it against other stores.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::WouldBlock`] where another store holds it.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{}: another process has this store open; close it, or use another folder", path.display()),
            ),
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for Folder {
    fn create(&self, name: &str, length: u64) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        file.set_len(length)?;
        Ok(Arc::new(Mapped { map: Map::new(&file)?, file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        // A read-only disk is readable: writing then fails by itself.
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).open(&path).or_else(|_| File::open(&path))?;
        Ok(Arc::new(Mapped { map: Map::new(&file)?, file }))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| name != LOCK));
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

#[derive(Debug)]
struct Mapped {
    file: File,
    map: Map,
}

impl DiskFile for Mapped {
    fn length(&self) -> u64 {
        self.map.length() as u64
    }

    #[cfg(unix)]
    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, position)
    }

    #[cfg(not(unix))]
    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = &self.file;
        file.seek(SeekFrom::Start(position))?;
        file.write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn view(&self, position: u64, length: usize) -> io::Result<Buffer> {
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        self.map.slice(start, length).ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "past the file's end"))
    }
}
