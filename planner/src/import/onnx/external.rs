//! External data: the bytes of tensors that lie in other files beside the model.
//!
//! The path comes from the file, so it is not trusted: it must stay inside the model's folder, also after symbolic
//! links are followed, and name a regular file that holds the range.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/ExternalData.md>.

use super::{
    error::{OnnxError, Result},
    proto::StringStringEntryProto,
    sha1,
};
use hologram_ops::Limits;
use prost::bytes::Bytes;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

/// The files beside one model, opened when first asked for.
pub(super) struct External {
    folder: Option<PathBuf>,
    open: BTreeMap<PathBuf, Opened>,
    read: u64,
}

struct Opened {
    file: File,
    size: u64,
    digest: Option<String>,
}

#[derive(Default)]
struct Range<'a> {
    location: Option<&'a str>,
    offset: u64,
    length: Option<u64>,
    checksum: Option<&'a str>,
}

impl External {
    /// The files of this folder; `None` when the model did not come from a file, and then there are none.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), open: BTreeMap::new(), read: 0 }
    }

    /// The `expected` bytes of a tensor.
    ///
    /// # Errors
    /// [`OnnxError::Invalid`] for a path that leaves the folder, a range that the file does not hold, or a wrong
    /// checksum; [`OnnxError::TooLarge`]; [`OnnxError::Io`].
    pub(super) fn read(
        &mut self,
        file: &str,
        tensor: &str,
        entries: &[StringStringEntryProto],
        expected: u64,
        limits: &Limits,
    ) -> Result<Bytes> {
        let place = format!("tensor '{tensor}', external data");
        let invalid = |message: String| OnnxError::invalid(file, place.clone(), message);
        let range = parse(entries).map_err(invalid)?;
        let location = range.location.ok_or_else(|| invalid("the key 'location' is missing".into()))?;
        if let Some(length) = range.length.filter(|n| *n != expected) {
            return Err(invalid(format!("'length' is {length} bytes; type and shape take {expected}")));
        }
        self.read = self.read.saturating_add(expected);
        if self.read > limits.bytes {
            return Err(OnnxError::too_large(file, "bytes of external data", self.read, limits.bytes));
        }
        let path = self.resolve(location).map_err(|e| e.at(file, &place))?;
        let opened = match self.open.entry(path.clone()) {
            std::collections::btree_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::btree_map::Entry::Vacant(e) => e.insert(Opened::new(&path)?),
        };
        if range.offset.checked_add(expected).is_none_or(|end| end > opened.size) {
            return Err(invalid(format!(
                "'{location}' has {} bytes; {expected} bytes at offset {} are asked for",
                opened.size, range.offset
            )));
        }
        let io = |source| OnnxError::Io { path: path.clone(), source };
        if let Some(checksum) = range.checksum {
            let digest = opened.digest().map_err(io)?;
            if !digest.eq_ignore_ascii_case(checksum) {
                return Err(invalid(format!("'{location}' has SHA-1 {digest}; the model says {checksum}")));
            }
        }
        let mut bytes = Vec::new();
        let size = usize::try_from(expected)
            .ok()
            .filter(|n| bytes.try_reserve_exact(*n).is_ok())
            .ok_or_else(|| invalid(format!("{expected} bytes do not fit into memory")))?;
        opened.file.seek(SeekFrom::Start(range.offset)).map_err(io)?;
        (&opened.file).take(expected).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() != size {
            return Err(invalid(format!("'{location}' became shorter while it was read")));
        }
        Ok(Bytes::from(bytes))
    }

    fn resolve(&self, location: &str) -> Result<PathBuf, Refused> {
        let folder = self.folder.as_deref().ok_or_else(|| {
            Refused::Rule("the model was given as bytes, so there is no folder to find external files in".into())
        })?;
        let inside = !location.is_empty()
            && !location.contains(['\\', '\0'])
            && Path::new(location).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(Refused::Rule(format!(
                "location '{location}' is refused: it must be a relative path inside the model's folder"
            )));
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Refused::Io(OnnxError::Io { path, source })
        };
        let root = folder.canonicalize().map_err(io(folder))?;
        let wanted = root.join(location);
        let path = wanted.canonicalize().map_err(io(&wanted))?;
        if !path.starts_with(&root) {
            return Err(Refused::Rule(format!(
                "location '{location}' is a symbolic link out of the model's folder: copy the file itself into the folder"
            )));
        }
        if !path.metadata().map_err(io(&path))?.is_file() {
            return Err(Refused::Rule(format!("location '{location}' is no regular file")));
        }
        Ok(path)
    }
}

enum Refused {
    Rule(String),
    Io(OnnxError),
}

impl Refused {
    fn at(self, file: &str, place: &str) -> OnnxError {
        match self {
            Self::Rule(message) => OnnxError::invalid(file, place, message),
            Self::Io(e) => e,
        }
    }
}

impl Opened {
    fn new(path: &Path) -> Result<Self> {
        let io = |source| OnnxError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        Ok(Self { file, size, digest: None })
    }

    fn digest(&mut self) -> std::io::Result<&str> {
        if self.digest.is_none() {
            self.file.seek(SeekFrom::Start(0))?;
            self.digest = Some(sha1::hex_digest(&self.file)?);
        }
        Ok(self.digest.as_deref().unwrap_or_default())
    }
}

fn parse(entries: &[StringStringEntryProto]) -> Result<Range<'_>, String> {
    let mut range = Range::default();
    for entry in entries {
        let value = entry.value.as_deref().unwrap_or_default();
        let number = |key: &str| value.parse::<u64>().map_err(|_| format!("'{key}' is '{value}', no number of bytes"));
        match entry.key.as_deref().unwrap_or_default() {
            "location" => range.location = Some(value),
            "offset" => range.offset = number("offset")?,
            "length" => range.length = Some(number("length")?),
            "checksum" => range.checksum = Some(value),
            _ => {}
        }
    }
    Ok(range)
}
