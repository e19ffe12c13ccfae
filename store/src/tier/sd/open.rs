//! Opening a log: the index is read from the heads of all entries, and what a crash left is told from damage.
//!
//! A closed segment, and the part of the last one that the manifest says was durable, is entries without a gap. After that
//! part entries count as long as they are whole. What comes after the first that is not was under way when the power went,
//! unless a later entry says that the log was durable beyond it: then it is damage to what was acknowledged.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    sync::Arc,
};

use super::{
    Counters, Log, Place, Sd, SdOptions, Version,
    disk::{Disk, Folder},
    entry::{self, Entry, Kind},
    manifest::{self, Listed, Manifest},
    segment::{self, Segment},
    stream::{Spot, Stream},
};
use crate::{Coordinate, Error, Result};

/// What the entries of all segments say.
#[derive(Default)]
struct Scanned {
    /// The newest entry of each coordinate, and where it lies.
    newest: BTreeMap<Coordinate, (Newest, Spot)>,
    /// The streams by the puts that wrote them.
    streams: HashMap<Version, Arc<Stream>>,
    /// The greatest version that was given.
    last: u64,
    /// Segments with damage to what was acknowledged, with the place of the first one.
    damaged: Vec<(Arc<Segment>, u64)>,
    /// Where the entries of the last segment end, and, where a crash left more, where that ends.
    head: u64,
    debris: Option<u64>,
}

/// What is kept of an entry.
struct Newest {
    kind: Kind,
    version: Version,
    expires: u32,
    digest: [u8; 16],
}

impl Sd {
    /// Opens the log in a folder, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the folder cannot be used or another process holds it; [`Error::Corrupt`] for damage to
    /// what was acknowledged, naming file and position, unless it is to be salvaged.
    pub fn open(path: impl AsRef<Path>, options: SdOptions) -> Result<Self> {
        let path = path.as_ref();
        let folder = Folder::open(path).map_err(Error::io(format!("{}: opening the store", path.display())))?;
        Self::on(Arc::new(folder), options)
    }

    /// Opens the log on a disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn on(disk: Arc<dyn Disk>, options: SdOptions) -> Result<Self> {
        let names = disk.names().map_err(Error::io(format!("{}: listing files", disk.name())))?;
        let manifest = Manifest::load(&*disk, &names)?;
        check_manifest_is_there(&*disk, &names)?;
        let mut scanned = Scanned { last: manifest.last, ..Scanned::default() };
        let mut segments = BTreeMap::new();
        for listed in &manifest.segments {
            let segment = Arc::new(Segment::new(listed.number, open_file(&*disk, listed.number)?));
            scanned.read(&segment, *listed);
            segments.insert(listed.number, segment);
        }
        if let Some((segment, at)) = scanned.damaged.first().filter(|_| !options.salvage) {
            return Err(Error::Corrupt(format!(
                "{}: {} is damaged from byte {at} on: restore the folder from a copy, or open it to salvage what is left",
                disk.name(),
                segment::name(segment.number)
            )));
        }
        remove_strays(&*disk, &names, &manifest);
        let index = scanned.index(&*disk, options.salvage)?;
        let last = manifest.segments.last().copied();
        let active = last.and_then(|listed| segments.get(&listed.number)).cloned();
        let mut log = Log {
            is_found: active.is_some(),
            is_dirty: last.is_some_and(|listed| !listed.is_closed),
            active,
            head: scanned.head,
            debris: scanned.debris,
            next: scanned.last + 1,
            manifest,
            ..Log::default()
        };
        for place in index.values() {
            log.streams.add(&place.stream);
        }
        let sd = Self {
            disk,
            options,
            schemas: Default::default(),
            index: index.into(),
            segments: segments.into(),
            log: log.into(),
            durable: Default::default(),
            counters: Counters::default(),
        };
        for place in sd.index().values() {
            sd.charge(place, place.stream.name());
        }
        sd.rewrite(&scanned.damaged)?;
        Ok(sd)
    }
}

fn open_file(disk: &dyn Disk, number: u64) -> Result<Arc<dyn super::disk::DiskFile>> {
    let name = segment::name(number);
    disk.open(&name).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::Corrupt(format!("{}: {name} is missing: restore the folder from a copy", disk.name()))
        }
        _ => Error::io(format!("{}: {name}", disk.name()))(error),
    })
}

/// One segment may be there before the first manifest, and then holds nothing; else the manifest was lost.
fn check_manifest_is_there(disk: &dyn Disk, names: &[String]) -> Result<()> {
    let segments: Vec<&String> = names.iter().filter(|name| name.ends_with(".seg")).collect();
    if names.iter().any(|name| name == manifest::NAME) {
        return Ok(());
    }
    let is_blank = |name: &String| {
        let start = disk.open(name).and_then(|file| file.view(0, file.length().min(entry::ALIGNMENT) as usize));
        start.is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    if segments.len() < 2 && segments.into_iter().all(is_blank) {
        return Ok(());
    }
    let (folder, name) = (disk.name(), manifest::NAME);
    Err(Error::Corrupt(format!("{folder}: there are segments and no {name}: restore the folder from a copy")))
}

/// Takes away what the manifest does not list. That it cannot be taken away changes nothing.
fn remove_strays(disk: &dyn Disk, names: &[String], manifest: &Manifest) {
    let listed: Vec<String> = manifest.segments.iter().map(|listed| segment::name(listed.number)).collect();
    for name in names.iter().filter(|name| name.ends_with(".seg") && !listed.contains(name)) {
        if let Err(error) = disk.remove(name) {
            tracing::debug!(%name, %error, "a file that nothing names stays");
        }
    }
}

impl Scanned {
    fn read(&mut self, segment: &Arc<Segment>, listed: Listed) {
        let end = if listed.is_closed { listed.bytes } else { segment.file.length() };
        let found = segment.read(end);
        let mut expected = 0;
        let mut rest = found.iter().peekable();
        // Entries without a gap; after what was durable they must be whole too.
        while let Some((position, entry)) = rest.peek() {
            if *position != expected || *position >= listed.bytes && !is_whole(segment, *position, entry) {
                break;
            }
            self.add(segment, *position, entry);
            expected = position + entry.length();
            rest.next();
        }
        (self.head, self.debris) = (expected, None);
        // Does an entry further on say that the log was durable beyond this point?
        let beyond: Vec<&(u64, Entry)> = rest.collect();
        let whole = |(position, entry): &&&(u64, Entry)| is_whole(segment, *position, entry);
        let durable = beyond.iter().filter(whole).map(|(_, e)| e.version.saturating_sub(e.ahead.into())).max();
        if expected < listed.bytes || durable.is_some_and(|durable| durable > self.last) {
            self.damaged.push((Arc::clone(segment), expected));
            for (position, entry) in beyond {
                self.add(segment, *position, entry);
                self.head = position + entry.length();
            }
            self.head = self.head.max(listed.bytes);
        } else if let Some(end) = self.written(segment, expected) {
            self.debris = Some(end);
        }
    }

    /// The end of what is not blank after a position.
    fn written(&self, segment: &Segment, from: u64) -> Option<u64> {
        const PIECE: u64 = 1 << 16;
        let end = segment.file.length();
        let mut last = None;
        let mut at = from;
        while at < end {
            let next = (at + PIECE).min(end);
            if !segment.is_blank(at, next) {
                last = Some(next);
            }
            at = next;
        }
        last
    }

    fn add(&mut self, segment: &Arc<Segment>, position: u64, entry: &Entry) {
        self.last = self.last.max(entry.version);
        segment.add(position + entry.length(), entry.key_version());
        let spot = Spot::of(segment, position, entry);
        if matches!(entry.kind, Kind::Put | Kind::Hold) {
            self.streams.insert(entry.version, Arc::new(Stream::new(entry, spot.clone())));
        }
        if entry.kind == Kind::Hold || self.newest.get(&entry.at).is_some_and(|(at, _)| at.version >= entry.version) {
            return;
        }
        let Entry { kind, version, expires, digest, .. } = *entry;
        self.newest.insert(entry.at.clone(), (Newest { kind, version, expires, digest }, spot));
    }

    /// What lies where.
    fn index(&mut self, disk: &dyn Disk, salvage: bool) -> Result<BTreeMap<Coordinate, Place>> {
        let mut index = BTreeMap::new();
        for (at, (Newest { kind, version, expires, digest }, spot)) in std::mem::take(&mut self.newest) {
            let (origin, reference) = match kind {
                Kind::Put => (version, None),
                Kind::Refer(origin) => (origin, Some(spot)),
                Kind::Remove | Kind::Hold => continue,
            };
            let stream = self.streams.get(&origin).filter(|stream| stream.digest == digest);
            let place = stream.map(|stream| Place { version, expires, stream: Arc::clone(stream), reference });
            match place {
                Some(place) if place.is_expired() => {}
                Some(place) => drop(index.insert(at, place)),
                None if salvage => tracing::error!(coordinate = %at, "the stream that an entry names is lost"),
                None => {
                    return Err(Error::Corrupt(format!(
                        "{}: the stream of {at} is missing: restore the folder from a copy, or open it to salvage what is left",
                        disk.name()
                    )));
                }
            }
        }
        Ok(index)
    }
}

/// Whether an entry's stream matches its digest, where it holds one.
fn is_whole(segment: &Segment, position: u64, entry: &Entry) -> bool {
    if matches!(entry.kind, Kind::Refer(_)) {
        return true;
    }
    let length = usize::try_from(entry.stream_bytes).unwrap_or(usize::MAX);
    let stream = segment.file.view(position + entry.stream_start(), length);
    stream.is_ok_and(|stream| entry::digest(&stream) == entry.digest)
}
