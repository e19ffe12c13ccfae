//! JSON as the libraries write it: RFC 8259, and `NaN`, `Infinity` and `-Infinity` as XGBoost does.
//!
//! Numbers keep both roundings ([`Value::Real`]), which a general parser does not, and nesting is bounded.

use super::error::{ImportError, Source};
use super::value::Value;

/// Deeper nesting is refused. CatBoost nests one object a tree level.
const DEPTH_MAX: usize = 256;

/// Parses a whole document.
pub(super) fn parse(source: Source<'_>, bytes: &[u8]) -> Result<Value, ImportError> {
    let mut parser = Parser { source, bytes, at: 0 };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at == bytes.len() { Ok(value) } else { Err(parser.fault("text follows the document")) }
}

struct Parser<'a> {
    source: Source<'a>,
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn fault(&self, reason: &str) -> ImportError {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        self.source.malformed(format!("line {line}, byte {}", self.at), reason)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Skips white space and takes `expected` if it comes next.
    fn accept(&mut self, expected: u8) -> bool {
        self.skip_space();
        let found = self.bytes.get(self.at) == Some(&expected);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, ImportError> {
        if depth > DEPTH_MAX {
            return Err(self.fault(&format!("nested deeper than {DEPTH_MAX}")));
        }
        self.skip_space();
        match self.bytes.get(self.at) {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.text().map(Value::Text),
            Some(b't') if self.word("true") => Ok(Value::Bool(true)),
            Some(b'f') if self.word("false") => Ok(Value::Bool(false)),
            Some(b'n') if self.word("null") => Ok(Value::Null),
            Some(b'N') if self.word("NaN") => Ok(Value::Real { wide: f64::NAN, narrow: f32::NAN }),
            Some(b'I') if self.word("Infinity") => Ok(Value::Real { wide: f64::INFINITY, narrow: f32::INFINITY }),
            Some(b'-') if self.word("-Infinity") => {
                Ok(Value::Real { wide: f64::NEG_INFINITY, narrow: f32::NEG_INFINITY })
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.fault("no value begins here")),
            None => Err(self.fault("the file ends inside the document")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, ImportError> {
        self.at += 1;
        let mut members = Vec::new();
        if self.accept(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let key = self.text()?;
            if !self.accept(b':') {
                return Err(self.fault("`:` expected"));
            }
            members.push((key, self.value(depth + 1)?));
            if self.accept(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.accept(b',') {
                return Err(self.fault("`,` or `}` expected"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, ImportError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.accept(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.accept(b']') {
                return Ok(Value::Array(items));
            }
            if !self.accept(b',') {
                return Err(self.fault("`,` or `]` expected"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, ImportError> {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        let text = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let value = match text.parse::<i64>() {
            // -0 is a real number with a sign.
            Ok(whole) if whole != 0 || !text.starts_with('-') => Some(Value::Integer(whole)),
            _ => match (text.parse(), text.parse()) {
                (Ok(wide), Ok(narrow)) => Some(Value::Real { wide, narrow }),
                _ => None,
            },
        };
        let value = value.ok_or_else(|| self.fault("no number"))?;
        self.at += length;
        Ok(value)
    }

    fn text(&mut self) -> Result<String, ImportError> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.fault("`\"` expected"));
        }
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let rest = &self.bytes[self.at..];
            let Some(length) = rest.iter().position(|&byte| byte == b'"' || byte == b'\\') else {
                return Err(self.fault("the file ends inside a text"));
            };
            text.extend_from_slice(&rest[..length]);
            self.at += length + 1;
            if rest[length] == b'"' {
                return String::from_utf8(text).map_err(|_| self.fault("the text is not UTF-8"));
            }
            let character = self.escape()?;
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// The character that follows a backslash.
    fn escape(&mut self) -> Result<char, ImportError> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        Ok(match byte {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(literal @ (b'"' | b'\\' | b'/')) => char::from(literal),
            Some(b'u') => {
                let unit = self.hex4()?;
                let low_follows = (0xD800..0xDC00).contains(&unit) && self.word("\\u");
                let code = if low_follows {
                    let low = self.hex4()?;
                    0x1_0000 + ((unit - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3ff)
                } else {
                    unit
                };
                char::from_u32(code).ok_or_else(|| self.fault("an escape names no character"))?
            }
            _ => return Err(self.fault("unknown escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, ImportError> {
        let digits = self.bytes.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.fault("four hexadecimal digits expected"))?;
        self.at += 4;
        Ok(code)
    }
}
