//! BMP of Windows and OS/2: 1, 4, 8, 16, 24 and 32 bits a pixel, uncompressed, by bit fields or by run lengths.

use super::{Image, check_density, check_size, slice};
use crate::{Error, Limits, Result};

/// A run of two bytes holds 255.
const MOST_PIXELS_A_BYTE: usize = 128;

/// What the headers say.
struct Header {
    width: usize,
    height: usize,
    /// Whether the first row is the uppermost.
    top_down: bool,
    bits: usize,
    compression: u32,
    /// Colors of the palette.
    colors: usize,
    /// Where the palette starts, and the bytes of each color.
    palette: (usize, usize),
    /// The bits of red, green and blue in a pixel.
    masks: [u32; 3],
    /// Where the pixels start.
    pixels: usize,
}

/// The picture in a BMP file.
///
/// # Errors
/// Those of [`super::decode`].
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let header = Header::read(bytes)?;
    let (width, height) = (header.width, header.height);
    check_size(width, height, limits)?;
    check_density(width, height, bytes, MOST_PIXELS_A_BYTE)?;
    let mut pixels = match (header.compression, header.bits) {
        (0, 1 | 4 | 8) => {
            let (body, row) = header.rows(bytes)?;
            header.painted(bytes, super::unpack_rows(body, header.bits as u8, width, row).take(width * height))?
        }
        (1, 8) | (2, 4) => header.painted(bytes, header.runs(bytes)?.into_iter())?,
        (0, 24) => {
            let (body, row) = header.rows(bytes)?;
            let rows = body.chunks(row).map(|r| r.chunks_exact(3).take(width));
            rows.flatten().flat_map(|p| [p[2], p[1], p[0]]).collect()
        }
        (0, 16 | 32) | (3 | 6, 16 | 32) => {
            let (body, row) = header.rows(bytes)?;
            let (size, masks) = (header.bits / 8, header.masks);
            let rows = body.chunks(row).map(|r| r.chunks_exact(size).take(width));
            let whole = |p: &[u8]| p.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b));
            rows.flatten().flat_map(|p| masks.map(|mask| field(whole(p), mask))).collect()
        }
        (compression, bits) => {
            return Err(Error::unsupported(format!("{bits} bits a pixel with compression {compression}")));
        }
    };
    if !header.top_down {
        let row = width * 3;
        let (mut top, mut bottom) = (0, height - 1);
        while top < bottom {
            let (above, below) = pixels.split_at_mut(bottom * row);
            let (above, below) = (above.get_mut(top * row..).unwrap_or_default(), below);
            above.iter_mut().zip(below).take(row).for_each(|(a, b)| std::mem::swap(a, b));
            (top, bottom) = (top + 1, bottom - 1);
        }
    }
    Image::new(width, height, 3, pixels)
}

/// The value of a field of bits, scaled to 255 and rounded down.
fn field(pixel: u32, mask: u32) -> u8 {
    let most = mask.unbounded_shr(mask.trailing_zeros());
    let value = (pixel & mask).unbounded_shr(mask.trailing_zeros());
    (u64::from(value) * 255).checked_div(u64::from(most)).unwrap_or(0) as u8
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self> {
        let size = long(bytes, 14)? as usize;
        let pixels = long(bytes, 10)? as usize;
        let header = slice(bytes, 14, size)?;
        if size == 12 {
            let bits = usize::from(word(header, 10)?);
            let (width, height) = (usize::from(word(header, 4)?), usize::from(word(header, 6)?));
            let palette = (14 + size, 3);
            let colors = if bits <= 8 { 1 << bits } else { 0 };
            let masks = default_masks(bits);
            return Ok(Self { width, height, top_down: false, bits, compression: 0, colors, palette, masks, pixels });
        }
        if !matches!(size, 40 | 52 | 56 | 64 | 108 | 124) {
            return Err(Error::unsupported(format!("a header of {size} bytes")));
        }
        let (bits, compression) = (usize::from(word(header, 14)?), long(header, 16)?);
        // Negative numbers: of rows, it means that the uppermost comes first.
        let (width, height) = (long(header, 4)?.cast_signed(), long(header, 8)?.cast_signed());
        let width = usize::try_from(width).map_err(|_| Error::invalid(format!("a width of {width}")))?;
        let mut palette = 14 + size;
        let mut masks = default_masks(bits);
        if matches!(compression, 3 | 6) {
            // The masks follow a header of the first kind and are part of the later ones: the same place.
            masks = [long(bytes, 54)?, long(bytes, 58)?, long(bytes, 62)?];
            palette += if size > 40 {
                0
            } else if compression == 3 {
                12
            } else {
                16
            };
        }
        let colors = match long(header, 32)? as usize {
            0 if bits <= 8 => 1 << bits,
            n => n,
        };
        Ok(Self {
            width,
            height: height.unsigned_abs() as usize,
            top_down: height < 0,
            bits,
            compression,
            colors,
            palette: (palette, 4),
            masks,
            pixels,
        })
    }

    /// The bytes of uncompressed pixels and of one row, which ends at a multiple of four; the last may end before.
    fn rows<'a>(&self, bytes: &'a [u8]) -> Result<(&'a [u8], usize)> {
        let row = (self.width * self.bits).div_ceil(32) * 4;
        let length = row * (self.height - 1) + (self.width * self.bits).div_ceil(8);
        Ok((slice(bytes, self.pixels, length)?, row))
    }

    /// Red, green and blue of pixels that name colors of the palette.
    fn painted(&self, bytes: &[u8], indices: impl Iterator<Item = u8>) -> Result<Vec<u8>> {
        let (start, size) = self.palette;
        let colors = slice(bytes, start, self.colors.min(256) * size)?;
        let mut out = Vec::with_capacity(self.width * self.height * 3);
        for index in indices {
            let at = usize::from(index) * size;
            let color = colors
                .get(at..at + 3)
                .ok_or_else(|| Error::invalid(format!("a pixel of color {index}, the palette has {}", self.colors)))?;
            out.extend([color[2], color[1], color[0]]);
        }
        Ok(out)
    }

    /// The pixels of run lengths: their colors, rows one after the other.
    fn runs(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let half = self.bits == 4;
        let end = self.width * self.height;
        let mut data = bytes.get(self.pixels..).unwrap_or_default();
        let mut out: Vec<u8> = Vec::new();
        let nibbles = |b: u8| [b >> 4, b & 15];
        while out.len() < end {
            let (count, byte) = match data {
                [count, byte, rest @ ..] => {
                    data = rest;
                    (usize::from(*count), *byte)
                }
                _ => return Err(Error::invalid(format!("the runs end after {} of {end} pixels", out.len()))),
            };
            let left = self.width - out.len() % self.width;
            match (count, byte) {
                (0, 0) if left < self.width => out.resize(out.len() + left, 0),
                (0, 0) => {} // the row is full already
                (0, 1) => return Err(Error::invalid(format!("the bitmap ends after {} of {end} pixels", out.len()))),
                (0, 2) => {
                    let (right, up) = (slice(data, 0, 2)?[0], data[1]);
                    data = &data[2..];
                    let passed = usize::from(right) + usize::from(up) * self.width;
                    out.resize((out.len() + passed).min(end), 0);
                }
                (0, n) => {
                    let n = usize::from(n);
                    let length = if half { n.div_ceil(2) } else { n };
                    let named = slice(data, 0, length)?;
                    if half {
                        out.extend(named.iter().flat_map(|b| nibbles(*b)).take(n));
                    } else {
                        out.extend_from_slice(named);
                    }
                    data = data.get(length + length % 2..).unwrap_or_default();
                }
                (n, byte) if half => out.extend(nibbles(byte).into_iter().cycle().take(n.min(left))),
                (n, byte) => out.resize(out.len() + n.min(left), byte),
            }
        }
        out.truncate(end);
        Ok(out)
    }
}

/// Five bits a channel, or eight.
fn default_masks(bits: usize) -> [u32; 3] {
    if bits == 16 { [0x7c00, 0x3e0, 0x1f] } else { [0xff_0000, 0xff00, 0xff] }
}

fn word(bytes: &[u8], at: usize) -> Result<u16> {
    Ok(slice(bytes, at, 2)?.iter().rev().fold(0, |v, b| v << 8 | u16::from(*b)))
}

fn long(bytes: &[u8], at: usize) -> Result<u32> {
    Ok(slice(bytes, at, 4)?.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)))
}
