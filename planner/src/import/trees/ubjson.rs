//! UBJSON (draft 12) as XGBoost writes it: big-endian numbers, counted and typed arrays.
//!
//! An announced count is never trusted: an item takes at least one byte, so types without content cannot fill an array.

use super::error::{ImportError, Source};
use super::value::Value;

/// Deeper nesting is refused; XGBoost's models nest ten deep.
const DEPTH_MAX: usize = 64;

/// Parses a whole document.
pub(super) fn parse(source: Source<'_>, bytes: &[u8]) -> Result<Value, ImportError> {
    let mut parser = Parser { source, bytes, at: 0 };
    let marker = parser.marker()?;
    let value = parser.value(marker, 0)?;
    if parser.at == bytes.len() { Ok(value) } else { Err(parser.fault("bytes follow the document")) }
}

struct Parser<'a> {
    source: Source<'a>,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn fault(&self, reason: impl std::fmt::Display) -> ImportError {
        self.source.malformed(format!("byte {}", self.at), reason)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(self.fault("the file ends inside the document")),
        }
    }

    /// The next marker that is no filler.
    fn marker(&mut self) -> Result<u8, ImportError> {
        loop {
            let [marker] = self.take()?;
            if marker != b'N' {
                return Ok(marker);
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<Value, ImportError> {
        if depth > DEPTH_MAX {
            return Err(self.fault(format!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(match marker {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'd' => {
                let narrow = f32::from_be_bytes(self.take()?);
                Value::Real { wide: f64::from(narrow), narrow }
            }
            b'D' => {
                let wide = f64::from_be_bytes(self.take()?);
                Value::Real { wide, narrow: wide as f32 }
            }
            b'C' => Value::Text(char::from(self.take::<1>()?[0]).to_string()),
            b'S' => Value::Text(self.text()?),
            b'[' => self.array(depth)?,
            b'{' => self.object(depth)?,
            b'i' | b'U' | b'I' | b'l' | b'L' => Value::Integer(self.integer(marker)?),
            other => return Err(self.fault(format!("unknown marker {:?}", char::from(other)))),
        })
    }

    fn integer(&mut self, marker: u8) -> Result<i64, ImportError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.take()?)),
            b'U' => i64::from(u8::from_be_bytes(self.take()?)),
            b'I' => i64::from(i16::from_be_bytes(self.take()?)),
            b'l' => i64::from(i32::from_be_bytes(self.take()?)),
            b'L' => i64::from_be_bytes(self.take()?),
            other => return Err(self.fault(format!("a whole number expected, marker {:?} found", char::from(other)))),
        })
    }

    /// A length: a whole number that the rest of the file can hold at one byte an item.
    fn length(&mut self) -> Result<usize, ImportError> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        let left = self.bytes.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => Ok(length),
            _ => Err(self.fault(format!("length {length} announced, {left} bytes left"))),
        }
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let length = self.length()?;
        let text = std::str::from_utf8(&self.bytes[self.at..self.at + length]);
        let text = text.map_err(|_| self.fault("the text is not UTF-8"))?.to_owned();
        self.at += length;
        Ok(text)
    }

    /// The optional type and count at the start of a container.
    fn header(&mut self) -> Result<(Option<u8>, Option<usize>), ImportError> {
        let mut kind = None;
        if self.peek() == Some(b'$') {
            self.at += 1;
            let [marker] = self.take()?;
            if !b"iUIlLdDCS[{".contains(&marker) {
                return Err(self.fault(format!("an array of type {:?}", char::from(marker))));
            }
            kind = Some(marker);
        }
        if self.peek() == Some(b'#') {
            self.at += 1;
            return Ok((kind, Some(self.length()?)));
        }
        if kind.is_some() {
            return Err(self.fault("a typed container needs a count"));
        }
        Ok((None, None))
    }

    fn item(&mut self, kind: Option<u8>, depth: usize) -> Result<Value, ImportError> {
        let marker = match kind {
            Some(marker) => marker,
            None => self.marker()?,
        };
        self.value(marker, depth + 1)
    }

    fn array(&mut self, depth: usize) -> Result<Value, ImportError> {
        let (kind, count) = self.header()?;
        let mut items = Vec::new();
        match count {
            Some(count) => {
                for _ in 0..count {
                    items.push(self.item(kind, depth)?);
                }
            }
            None => loop {
                let marker = self.marker()?;
                if marker == b']' {
                    break;
                }
                items.push(self.value(marker, depth + 1)?);
            },
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, ImportError> {
        let (kind, count) = self.header()?;
        let mut members = Vec::new();
        loop {
            match count {
                Some(count) if members.len() == count => break,
                None if self.peek() == Some(b'}') => {
                    self.at += 1;
                    break;
                }
                None if self.peek() == Some(b'N') => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            let key = self.text()?;
            members.push((key, self.item(kind, depth)?));
        }
        Ok(Value::Object(members))
    }
}
