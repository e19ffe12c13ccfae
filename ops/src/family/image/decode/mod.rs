//! Encoded images to pixels of eight bits: the formats behind [`super::ImageDecoder`].
//!
//! Each format is one file with one `decode(bytes, limits)`. PNG, TIFF, WebP and JPEG 2000 come from a crate; JPEG is
//! ours because no crate gives libjpeg's bits, BMP and PNM because those at hand round differently. Pixels are what
//! Pillow's `convert("RGB")` and `convert("L")` make of the same file, with two exceptions: gray of 16 bits keeps its
//! high byte (Pillow clips it), and a damaged file is an error (Pillow at times shows what is there). Start at
//! [`decode`].

mod bmp;
mod jpeg;
mod jpeg2000;
mod png;
mod pnm;
mod tiff;
mod webp;

use crate::{Error, Limits, Result};

/// A decoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Pixels in a row.
    pub(super) width: usize,
    /// Rows.
    pub(super) height: usize,
    /// 1 for gray, 3 for red, green and blue.
    channels: usize,
    /// Row by row, a pixel's channels next to one another.
    pixels: Vec<u8>,
}

/// What a format is known by, its name and its reader.
type Format = (fn(&[u8]) -> bool, &'static str, fn(&[u8], &Limits) -> Result<Image>);

const FORMATS: &[Format] = &[
    (|b| b.starts_with(&[0xff, 0xd8]), "JPEG", jpeg::decode),
    (|b| b.starts_with(b"\x89PNG\r\n\x1a\n"), "PNG", png::decode),
    (|b| b.starts_with(b"RIFF") && b.get(8..12) == Some(b"WEBP"), "WebP", webp::decode),
    (|b| b.starts_with(b"BM"), "BMP", bmp::decode),
    (|b| b.starts_with(b"II*\0") || b.starts_with(b"MM\0*"), "TIFF", tiff::decode),
    (|b| b.starts_with(b"II+\0") || b.starts_with(b"MM\0+"), "BigTIFF", tiff::decode),
    (|b| b.starts_with(b"\0\0\0\x0cjP  ") || b.starts_with(b"\xff\x4f\xff\x51"), "JPEG 2000", jpeg2000::decode),
    (|b| matches!(b, [b'P', b'1'..=b'6', ..]), "PNM", pnm::decode),
];

/// The image in an encoded stream of any of the formats, which its first bytes tell.
///
/// # Errors
/// [`Error::Invalid`] for a stream that is cut, damaged or of no known format, [`Error::Unsupported`] for a variant
/// that is not read, [`Error::Exhausted`] for more pixels than the limits admit.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let Some((_, name, decode)) = FORMATS.iter().find(|(matches, ..)| matches(bytes)) else {
        let names: Vec<_> = FORMATS.iter().map(|(_, name, _)| *name).collect();
        return Err(Error::invalid(format!("{} bytes of none of {}", bytes.len(), names.join(", "))));
    };
    decode(bytes, limits).map_err(|e| e.at(name))
}

impl Image {
    fn new(width: usize, height: usize, channels: usize, pixels: Vec<u8>) -> Result<Self> {
        if pixels.len() != width * height * channels {
            let have = pixels.len();
            return Err(Error::invalid(format!("{have} bytes of pixels for {width} x {height} of {channels} bytes")));
        }
        Ok(Self { width, height, channels, pixels })
    }

    /// An image of 1 (gray), 2 (gray, alpha), 3 (colour) or 4 (colour, alpha) channels; the alpha is dropped.
    fn of_channels(width: usize, height: usize, channels: usize, mut pixels: Vec<u8>) -> Result<Self> {
        let kept = if channels > 2 { 3 } else { 1 };
        if channels != kept {
            pixels = pixels.chunks_exact(channels).flat_map(|p| p.iter().take(kept).copied()).collect();
        }
        Self::new(width, height, kept, pixels)
    }

    /// Red, green and blue of each pixel.
    pub(super) fn into_rgb(self) -> Vec<u8> {
        match self.channels {
            1 => self.pixels.iter().flat_map(|v| [*v; 3]).collect(),
            _ => self.pixels,
        }
    }

    /// Blue, green and red of each pixel.
    pub(super) fn into_bgr(self) -> Vec<u8> {
        let mut pixels = self.into_rgb();
        pixels.chunks_exact_mut(3).for_each(<[u8]>::reverse);
        pixels
    }

    /// The luma of each pixel: of BT.601, in fractions of 16 bits rounded half up.
    pub(super) fn into_gray(self) -> Vec<u8> {
        match self.channels {
            1 => self.pixels,
            _ => self.pixels.chunks_exact(3).map(luma).collect(),
        }
    }
}

fn luma(pixel: &[u8]) -> u8 {
    let weighted = pixel.iter().zip([19595, 38470, 7471]).map(|(v, weight)| u32::from(*v) * weight);
    ((weighted.sum::<u32>() + 0x8000) >> 16) as u8
}

/// Whether an image may be this large; asked before anything is allocated for it.
fn check_size(width: usize, height: usize, limits: &Limits) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::invalid(format!("an image of {width} x {height} has no pixels")));
    }
    if (width as u64).saturating_mul(height as u64) > limits.pixels {
        return Err(Error::Exhausted(format!("an image of {width} x {height}; {} pixels are the most", limits.pixels)));
    }
    Ok(())
}

/// Whether an encoded image of some size brings bytes enough, for formats whose empty parts take next to none: it must
/// not be that a few bytes cost much time and memory. Up to 4 million pixels they may.
fn check_density(width: usize, height: usize, bytes: &[u8], most: usize) -> Result<()> {
    let (pixels, length) = (width * height, bytes.len());
    if pixels > 1 << 22 && pixels / length.max(1) > most {
        return Err(Error::Exhausted(format!(
            "{width} x {height} pixels of {length} bytes; {most} a byte are the most"
        )));
    }
    Ok(())
}

/// A width and a height as a crate gives them, after both checks.
fn size_of(width: u32, height: u32, bytes: &[u8], most: usize, limits: &Limits) -> Result<(usize, usize)> {
    let (width, height) = (width as usize, height as usize);
    check_size(width, height, limits)?;
    check_density(width, height, bytes, most)?;
    Ok((width, height))
}

/// What a decoder crate says is wrong.
fn wrong(error: impl std::fmt::Display) -> Error {
    Error::invalid(error.to_string())
}

/// The bytes `start..start + length`.
fn slice(bytes: &[u8], start: usize, length: usize) -> Result<&[u8]> {
    start
        .checked_add(length)
        .and_then(|end| bytes.get(start..end))
        .ok_or_else(|| Error::invalid(format!("{length} bytes at {start} are missing, the file has {}", bytes.len())))
}

/// Red, green and blue of cyan, magenta, yellow and black, each 0 for no ink.
fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(k);
    [c, m, y].map(|ink| {
        let product = u32::from(ink) * light + 128;
        light.saturating_sub(((product >> 8) + product) >> 8) as u8
    })
}

/// Values of `bits` bits (1, 2, 4 or 8), `width` of each row of `row` bytes, the highest bits of a byte first.
fn unpack_rows(bytes: &[u8], bits: u8, width: usize, row: usize) -> impl Iterator<Item = u8> {
    let (bits, mask) = (usize::from(bits), u8::MAX >> (8 - bits));
    bytes.chunks(row.max(1)).flat_map(move |row| {
        let value = move |x: usize| row.get(x * bits / 8).map(|byte| byte >> (8 - bits - x * bits % 8) & mask);
        (0..width).map_while(value)
    })
}

#[cfg(test)]
mod tests;
