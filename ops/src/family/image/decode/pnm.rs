//! Portable Anymap: bitmaps, graymaps and pixmaps, as text (P1, P2, P3) and as bytes (P4, P5, P6).

use super::{Image, check_size};
use crate::{Error, Limits, Result};

/// The picture in a PNM file; samples of another maximum than 255 are scaled to it, halves going to the even value.
///
/// # Errors
/// Those of [`super::decode`].
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let kind = bytes.get(1).copied().unwrap_or_default();
    let mut text = Text { bytes, at: 2 };
    let (width, height) = (text.number("the width")?, text.number("the height")?);
    check_size(width, height, limits)?;
    let bitmap = matches!(kind, b'1' | b'4');
    let most = if bitmap { 1 } else { text.number("the largest value")? };
    if !(1..=65535).contains(&most) {
        return Err(Error::invalid(format!("the largest value is {most}, outside 1 to 65535")));
    }
    let channels = if matches!(kind, b'3' | b'6') { 3 } else { 1 };
    let count = width * height * channels;
    let (wide, row) = (most > 255, width.div_ceil(8));
    let need = match kind {
        b'4' => row * height,
        b'5' | b'6' => count * if wide { 2 } else { 1 },
        _ => count, // a digit each
    };
    let start = text.at + usize::from(kind > b'3'); // one blank ends the header of bytes
    let have = bytes.len().saturating_sub(start);
    if have < need {
        return Err(Error::invalid(format!(
            "an image of {width} x {height} takes {need} bytes at least, {have} are there"
        )));
    }
    let body = bytes.get(start..).unwrap_or_default();
    let scaled = |value: usize| scale(value, most);
    let pixels = match kind {
        b'1' => (0..count).map(|_| text.bit()).collect::<Result<_>>()?,
        b'2' | b'3' => (0..count).map(|_| text.number("a sample").and_then(scaled)).collect::<Result<_>>()?,
        b'4' => super::unpack_rows(body, 1, width, row).take(count).map(|bit| if bit == 1 { 0 } else { 255 }).collect(),
        _ if wide => {
            let words = body.chunks_exact(2).take(count);
            words.map(|w| scaled(usize::from(w[0]) << 8 | usize::from(w[1]))).collect::<Result<_>>()?
        }
        _ => body.iter().take(count).map(|v| scaled(usize::from(*v))).collect::<Result<_>>()?,
    };
    Image::new(width, height, channels, pixels)
}

fn scale(value: usize, most: usize) -> Result<u8> {
    if value > most {
        return Err(Error::invalid(format!("a sample of {value}, the largest is {most}")));
    }
    Ok(if most == 255 { value as u8 } else { (value as f64 / most as f64 * 255.0).round_ties_even() as u8 })
}

/// Numbers between blanks and comments.
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn skip_blanks(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    self.at += rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
                }
                b if b.is_ascii_whitespace() || *b == 0x0b => self.at += 1,
                _ => break,
            }
        }
    }

    fn number(&mut self, what: &str) -> Result<usize> {
        self.skip_blanks();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let number = rest.get(..length).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| d.parse::<u32>().ok());
        self.at += length;
        number.map(|n| n as usize).ok_or_else(|| Error::invalid(format!("{what} is no number at byte {}", self.at)))
    }

    /// A pixel of a bitmap, whose digits need no blanks in between: 1 is black.
    fn bit(&mut self) -> Result<u8> {
        self.skip_blanks();
        self.at += 1;
        match self.bytes.get(self.at - 1) {
            Some(b'0') => Ok(255),
            Some(b'1') => Ok(0),
            _ => Err(Error::invalid(format!("a pixel is neither 0 nor 1 at byte {}", self.at - 1))),
        }
    }
}
