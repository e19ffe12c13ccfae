//! A disk in memory that lies: what was not synced may be there after a crash, or not, or in part; and any operation may be
//! made to fail.
//!
//! [`crash`](Lying::crash) gives the disk as the next start finds it. Of each write since the last sync of its file, every
//! sector of 512 bytes is kept, lost, or torn at some byte; of the names that were changed since the last
//! [`sync_names`](Disk::sync_names), some first ones are kept. A seed fixes which.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use arrow_buffer::Buffer;

use super::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// The disk.
#[derive(Debug, Default)]
pub struct Lying {
    state: Mutex<State>,
    /// Operations until one fails; negative is never.
    fuse: Arc<Fuse>,
}

#[derive(Debug)]
struct Fuse {
    left: AtomicI64,
    done: AtomicU64,
    kind: Mutex<io::ErrorKind>,
    /// Held for reading by every operation, so that a crash comes between operations.
    gate: RwLock<()>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self {
            left: AtomicI64::new(-1),
            done: AtomicU64::new(0),
            kind: Mutex::new(io::ErrorKind::Other),
            gate: RwLock::default(),
        }
    }
}

impl Fuse {
    fn operation(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation that changes the disk; fails where it is to.
    fn burn(&self) -> io::Result<()> {
        self.done.fetch_add(1, Ordering::Relaxed);
        if self.left.load(Ordering::Relaxed) >= 0 && self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            self.left.store(0, Ordering::Relaxed);
            let kind = *self.kind.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(io::Error::new(kind, "the disk was told to fail"));
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, Arc<Content>>,
    durable: BTreeMap<String, Arc<Content>>,
    /// Changes of names since the last sync, in order: a name and what it is now.
    changes: Vec<(String, Option<Arc<Content>>)>,
}

#[derive(Debug, Default)]
struct Content {
    inner: Mutex<Bytes>,
    fuse: Arc<Fuse>,
}

#[derive(Clone, Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    durable: Vec<u8>,
    writes: Vec<(usize, Vec<u8>)>,
}

impl Content {
    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SplitMix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Lying {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations changed the disk so far, or tried to.
    pub fn operations(&self) -> u64 {
        self.fuse.done.load(Ordering::Relaxed)
    }

    /// From so many operations on, each one that changes the disk fails with this kind; `None` is never.
    pub fn fail_after(&self, operations: Option<u32>, kind: io::ErrorKind) {
        *self.fuse.kind.lock().unwrap_or_else(PoisonError::into_inner) = kind;
        self.fuse.left.store(operations.map_or(-1, i64::from), Ordering::Relaxed);
    }

    /// The disk as the next start finds it when the power goes now.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let _all = self.fuse.gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut random = seed;
        let state = self.state();
        let mut names = state.durable.clone();
        let kept = draw(&mut random) as usize % (state.changes.len() + 1);
        for (name, content) in &state.changes[..kept] {
            match content {
                Some(content) => drop(names.insert(name.clone(), Arc::clone(content))),
                None => drop(names.remove(name)),
            }
        }
        let mut after = |content: &Arc<Content>| content.bytes().after_crash(&mut random);
        let disk = Self::default();
        let names: BTreeMap<String, Arc<Content>> = names
            .iter()
            .map(|(name, content)| (name.clone(), after(content)))
            .map(|(name, bytes)| {
                let inner = Mutex::new(Bytes { now: bytes.clone(), durable: bytes, writes: Vec::new() });
                (name, Arc::new(Content { inner, fuse: Arc::clone(&disk.fuse) }))
            })
            .collect();
        *disk.state() = State { durable: names.clone(), names, changes: Vec::new() };
        disk
    }

    /// The files with their bytes, as they are now.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.state().names.iter().map(|(name, content)| (name.clone(), content.bytes().now.clone())).collect()
    }

    /// A disk of these files, durable.
    #[must_use]
    pub fn of(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let disk = Self::default();
        let names: BTreeMap<String, Arc<Content>> = files
            .into_iter()
            .map(|(name, bytes)| {
                let inner = Mutex::new(Bytes { now: bytes.clone(), durable: bytes, writes: Vec::new() });
                (name, Arc::new(Content { inner, fuse: Arc::clone(&disk.fuse) }))
            })
            .collect();
        *disk.state() = State { durable: names.clone(), names, changes: Vec::new() };
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> io::Result<Arc<Content>> {
        self.state().names.get(name).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
    }
}

impl Bytes {
    fn after_crash(&self, random: &mut u64) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        if self.now.len() != bytes.len() && draw(random) & 1 == 0 {
            bytes.resize(self.now.len(), 0);
        }
        for (position, write) in &self.writes {
            // Sectors lie on boundaries of the file, wherever the write begins.
            let mut start = 0;
            while start < write.len() {
                let end = (start + SECTOR - (position + start) % SECTOR).min(write.len());
                let kept = match draw(random) % 4 {
                    0 => 0,
                    1 => draw(random) as usize % (end - start + 1),
                    _ => end - start,
                };
                for (i, byte) in write[start..start + kept].iter().enumerate() {
                    if let Some(place) = bytes.get_mut(position + start + i) {
                        *place = *byte;
                    }
                }
                start = end;
            }
        }
        bytes
    }
}

impl Disk for Lying {
    fn create(&self, name: &str, length: u64) -> io::Result<Arc<dyn DiskFile>> {
        let _operation = self.fuse.operation();
        self.fuse.burn()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = Bytes { now: vec![0; length], ..Bytes::default() };
        let content = Arc::new(Content { inner: Mutex::new(bytes), fuse: Arc::clone(&self.fuse) });
        let mut state = self.state();
        state.names.insert(name.to_owned(), Arc::clone(&content));
        state.changes.push((name.to_owned(), Some(Arc::clone(&content))));
        Ok(content)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.find(name)?)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let _operation = self.fuse.operation();
        self.fuse.burn()?;
        let content = self.find(from)?;
        let mut state = self.state();
        state.names.remove(from);
        state.names.insert(to.to_owned(), Arc::clone(&content));
        // One change: a name is never lost by a rename.
        state.changes.push((to.to_owned(), Some(content)));
        state.changes.push((from.to_owned(), None));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let _operation = self.fuse.operation();
        self.fuse.burn()?;
        self.find(name)?;
        let mut state = self.state();
        state.names.remove(name);
        state.changes.push((name.to_owned(), None));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let _operation = self.fuse.operation();
        self.fuse.burn()?;
        let mut state = self.state();
        state.durable = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn name(&self) -> String {
        "a disk in memory".to_owned()
    }
}

impl DiskFile for Content {
    fn length(&self) -> u64 {
        self.bytes().now.len() as u64
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let _operation = self.fuse.operation();
        let failed = self.fuse.burn();
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let mut inner = self.bytes();
        // A write that fails has written a part.
        let bytes = if failed.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let end = position.saturating_add(bytes.len());
        if inner.now.len() < end {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "past the file's end"));
        }
        inner.now[position..end].copy_from_slice(bytes);
        inner.writes.push((position, bytes.to_vec()));
        failed
    }

    fn sync(&self) -> io::Result<()> {
        let _operation = self.fuse.operation();
        self.fuse.burn()?;
        let mut inner = self.bytes();
        inner.durable = inner.now.clone();
        inner.writes.clear();
        Ok(())
    }

    fn view(&self, position: u64, length: usize) -> io::Result<Buffer> {
        let inner = self.bytes();
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let bytes = start.checked_add(length).and_then(|end| inner.now.get(start..end));
        bytes
            .map(Buffer::from_slice_ref)
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "past the file's end"))
    }
}
