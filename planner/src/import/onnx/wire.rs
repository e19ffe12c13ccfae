//! A pass over the wire format before anything is decoded.
//!
//! A protobuf file can claim lengths that it does not have, nest without end, and turn two bytes into hundreds of bytes
//! of memory. This pass walks the bytes once with the schema in hand, allocates nothing, and checks that every field
//! has the wire type of its declaration and fits into what is left of its message, that text is UTF-8, and that depth,
//! nodes and decoded size stay within the limits. Errors carry the byte offset, which the decoder could not give.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::error::{OnnxError, Result};
use super::schema::{
    Field, Schema,
    Shape::{Blob, Doubles, Floats, Message, Text, Varint, Varints},
};
use hologram_ops::Limits;

/// Messages may nest no deeper than the decoder can follow, whatever the limits say.
const DECODER_NESTING_MAX: u32 = 96;

/// Checks the bytes of one message.
///
/// # Errors
/// [`OnnxError::Truncated`], [`OnnxError::Invalid`] or [`OnnxError::TooLarge`] with the byte offset.
pub(super) fn scan(file: &str, bytes: &[u8], schema: &'static Schema, limits: &Limits) -> Result<()> {
    let total = bytes.len() as u64;
    if total > limits.bytes {
        return Err(OnnxError::too_large(file, "bytes of the file", total, limits.bytes));
    }
    let mut scan = Scan { file, bytes, at: 0, limits, nodes: 0, decoded: 0 };
    scan.message(schema, bytes.len(), 0)
}

struct Scan<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: &'a Limits,
    nodes: u64,
    decoded: u64,
}

impl Scan<'_> {
    fn message(&mut self, schema: &'static Schema, end: usize, depth: u32) -> Result<()> {
        let nesting = self.limits.nesting.min(DECODER_NESTING_MAX);
        if depth > nesting {
            let what = format!("nesting of {} at byte {}", schema.name, self.at);
            return Err(OnnxError::too_large(self.file, what, u64::from(depth), u64::from(nesting)));
        }
        self.count(schema)?;
        while self.at < end {
            self.field(schema, end, depth)?;
        }
        Ok(())
    }

    fn count(&mut self, schema: &Schema) -> Result<()> {
        if schema.is_node {
            self.nodes += 1;
            if self.nodes > self.limits.nodes {
                let what = format!("nodes, by byte {}", self.at);
                return Err(OnnxError::too_large(self.file, what, self.nodes, self.limits.nodes));
            }
        }
        self.grow(schema.size as u64)
    }

    fn grow(&mut self, bytes: u64) -> Result<()> {
        self.decoded = self.decoded.saturating_add(bytes);
        if self.decoded > self.limits.bytes {
            let what = format!("decoded bytes, by byte {}", self.at);
            return Err(OnnxError::too_large(self.file, what, self.decoded, self.limits.bytes));
        }
        Ok(())
    }

    fn field(&mut self, schema: &'static Schema, end: usize, depth: u32) -> Result<()> {
        let start = self.at;
        let key = self.varint(end, || format!("the key of a field of {}", schema.name))?;
        let (number, wire) = (key >> 3, key & 7);
        if number == 0 || key > u64::from(u32::MAX) {
            return Err(self.damaged(start, format!("{number} is no field number of {}", schema.name)));
        }
        let Some(field) = schema.fields.iter().find(|f| f.number == number) else {
            return self.unknown(schema, number, wire, start, end);
        };
        match (field.shape, wire) {
            (Varint | Varints, 0) => {
                self.varint(end, || name_of(schema, field))?;
                self.grow(8)
            }
            (Floats, 5) => self.skip(4, end, schema, field).and_then(|()| self.grow(4)),
            (Doubles, 1) => self.skip(8, end, schema, field).and_then(|()| self.grow(8)),
            (_, 2) => self.delimited(schema, field, end, depth),
            _ => Err(self.damaged(start, format!("{} has wire type {wire}", name_of(schema, field)))),
        }
    }

    fn delimited(&mut self, schema: &'static Schema, field: &Field, end: usize, depth: u32) -> Result<()> {
        let start = self.at;
        let length = self.varint(end, || name_of(schema, field))?;
        let stop = self.stop(length, end, || name_of(schema, field))?;
        let content = &self.bytes[self.at..stop];
        match field.shape {
            Message(inner) => return self.message(inner, stop, depth + 1),
            Text => {
                if let Err(e) = std::str::from_utf8(content) {
                    let offset = self.at + e.valid_up_to();
                    return Err(self.damaged(offset, format!("{} is no UTF-8 text", name_of(schema, field))));
                }
                self.grow(length.saturating_add(size_of::<String>() as u64))?;
            }
            Blob => self.grow(size_of::<prost::bytes::Bytes>() as u64)?,
            Varints => {
                let count = content.iter().filter(|b| **b < 0x80).count() as u64;
                if content.last().is_some_and(|b| *b >= 0x80) {
                    let name = name_of(schema, field);
                    return Err(OnnxError::Truncated {
                        file: self.file.to_owned(),
                        offset: stop as u64,
                        field: format!("the last integer of {name}"),
                        needed: 1,
                        found: 0,
                    });
                }
                self.grow(count.saturating_mul(8))?;
            }
            Floats | Doubles => {
                let width = if matches!(field.shape, Floats) { 4 } else { 8 };
                if !content.len().is_multiple_of(width) {
                    let name = name_of(schema, field);
                    return Err(self.damaged(start, format!("{name} has {length} bytes, no multiple of {width}")));
                }
                self.grow(length)?;
            }
            Varint => return Err(self.damaged(start, format!("{} has wire type 2", name_of(schema, field)))),
        }
        self.at = stop;
        Ok(())
    }

    /// Fields of later versions of the format are skipped, as protobuf asks for.
    fn unknown(&mut self, schema: &Schema, number: u64, wire: u64, start: usize, end: usize) -> Result<()> {
        let name = || format!("field {number} of {}", schema.name);
        let length = match wire {
            0 => return self.varint(end, name).map(|_| ()),
            1 => 8,
            2 => self.varint(end, name)?,
            5 => 4,
            _ => return Err(self.damaged(start, format!("{} has wire type {wire}, which ONNX does not use", name()))),
        };
        self.at = self.stop(length, end, name)?;
        Ok(())
    }

    fn skip(&mut self, width: u64, end: usize, schema: &Schema, field: &Field) -> Result<()> {
        self.at = self.stop(width, end, || name_of(schema, field))?;
        Ok(())
    }

    /// Where a field of this length stops, if it fits.
    fn stop(&self, length: u64, end: usize, field: impl Fn() -> String) -> Result<usize> {
        let left = (end - self.at) as u64;
        if length > left {
            return Err(OnnxError::Truncated {
                file: self.file.to_owned(),
                offset: self.at as u64,
                field: field(),
                needed: length,
                found: left,
            });
        }
        // `length` is at most `left`, which came from a usize.
        Ok(self.at + length as usize)
    }

    fn varint(&mut self, end: usize, field: impl Fn() -> String) -> Result<u64> {
        let start = self.at;
        let mut value = 0u64;
        for i in 0..10 {
            let Some(byte) = self.bytes[..end].get(self.at).copied() else {
                return Err(OnnxError::Truncated {
                    file: self.file.to_owned(),
                    offset: self.at as u64,
                    field: field(),
                    needed: 1,
                    found: 0,
                });
            };
            self.at += 1;
            if i == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged(start, format!("{}: an integer longer than 64 bits", field())))
    }

    fn damaged(&self, offset: usize, message: String) -> OnnxError {
        OnnxError::invalid(self.file, format!("byte {offset}"), format!("{message}; the file is damaged or no ONNX"))
    }
}

fn name_of(schema: &Schema, field: &Field) -> String {
    format!("{}.{}", schema.name, field.name)
}

/// What a file that cannot be an ONNX model seems to be, with advice; `None` when it may be one.
pub(super) fn other_format(bytes: &[u8]) -> Option<&'static str> {
    const STARTS: &[(&[u8], &str)] = &[
        (
            b"version https://git-lfs.github.com/spec",
            "a Git LFS pointer: run `git lfs pull` to fetch the model that it stands for",
        ),
        (b"PK\x03\x04", "a zip archive (perhaps a PyTorch checkpoint or a packed model): unpack or export it first"),
        (b"\x1f\x8b", "a gzip archive: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
        (b"\x89HDF", "an HDF5 file (perhaps a Keras model): export it to ONNX first"),
        (b"\x7fELF", "an executable"),
        (b"ARROW1", "an Arrow IPC file (perhaps a compiled archive)"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"GGUF", "a GGUF file"),
        (b"\x80\x02", "a Python pickle (perhaps a PyTorch checkpoint): export it to ONNX first"),
        (b"\x80\x04", "a Python pickle: export it to ONNX first"),
    ];
    if bytes.is_empty() {
        return Some("an empty file");
    }
    if let Some((_, found)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(found);
    }
    match bytes.get(4..8) {
        Some(b"ORTM") => return Some("a model in onnxruntime's own format: use the .onnx file that it was made from"),
        Some(b"TFL3") => return Some("a TensorFlow Lite model: convert it to ONNX first"),
        _ => {}
    }
    if bytes.get(8) == Some(&b'{') && bytes.get(4..8) == Some(&[0; 4]) {
        return Some("a safetensors file");
    }
    let head = &bytes[..bytes.len().min(512)];
    if head.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)) && has_no_stray_bytes(head) {
        let start = String::from_utf8_lossy(head).trim_start().to_ascii_lowercase();
        return Some(match start.as_bytes() {
            s if s.starts_with(b"<!doctype") || s.starts_with(b"<html") => {
                "an HTML page: the download gave a page instead of the file"
            }
            s if s.starts_with(b"<") => "an XML file",
            s if s.starts_with(b"{") || s.starts_with(b"[") => "a JSON file",
            _ => "a text file",
        });
    }
    None
}

/// Whether the bytes are UTF-8, up to a character that the cut at the end may have split.
fn has_no_stray_bytes(head: &[u8]) -> bool {
    std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true)
}
