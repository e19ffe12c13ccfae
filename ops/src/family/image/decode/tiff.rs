//! TIFF, through the `tiff` crate: the first image of a file, uncompressed or by PackBits, LZW, Deflate or fax codes.

use super::{Image, cmyk_to_rgb, size_of, wrong};
use crate::{Error, Limits, Result};
use std::{borrow::Cow, io::Cursor};
use tiff::{
    ColorType, TiffError,
    decoder::{Decoder, DecodingResult},
    tags::Tag,
};

/// A white page of fax codes takes a bit a row.
const MOST_PIXELS_A_BYTE: usize = 1 << 16;

/// The picture in a TIFF file, turned as its orientation says; 16 bits keep their high byte.
///
/// # Errors
/// Those of [`super::decode`].
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let shown = without_palette(bytes);
    let indexed = matches!(shown, Cow::Owned(_));
    let mut decoder = Decoder::new(Cursor::new(shown.as_ref())).map_err(said)?;
    let (width, height) = decoder.dimensions().map_err(said)?;
    let (width, height) = size_of(width, height, bytes, MOST_PIXELS_A_BYTE, limits)?;
    let mut bounds = tiff::decoder::Limits::default();
    bounds.decoding_buffer_size = (width * height * 8).max(1 << 20); // four channels of 16 bits, or a palette
    bounds.intermediate_buffer_size = bounds.decoding_buffer_size.saturating_add(bytes.len());
    let mut decoder = decoder.with_limits(bounds);
    let kind = decoder.colortype().map_err(said)?;
    let tag = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned::<u16>(tag).map_err(said);
    if tag(&mut decoder, Tag::PlanarConfiguration)?.is_some_and(|c| c != 1) {
        return Err(Error::unsupported("channels in planes of their own"));
    }
    let orientation = tag(&mut decoder, Tag::Orientation)?.unwrap_or(1);
    let palette = if indexed { decoder.get_tag_u16_vec(Tag::ColorMap).map_err(said)? } else { Vec::new() };
    let samples = match decoder.read_image().map_err(said)? {
        DecodingResult::U8(v) => v,
        DecodingResult::U16(v) => v.into_iter().map(|s| (s >> 8) as u8).collect(),
        _ => return Err(Error::unsupported("samples that are no unsigned integers of 8 or 16 bits")),
    };
    let size = (width, height);
    let image = match kind {
        ColorType::Gray(bits @ (1 | 2 | 4 | 8)) if indexed => {
            let colors = palette.len() / 3;
            let color = |index: u8| {
                let at = |channel: usize| palette.get(channel * colors + usize::from(index)).map(|v| (v >> 8) as u8);
                let found = if usize::from(index) < colors { [at(0), at(1), at(2)] } else { [None; 3] };
                let missing = || Error::invalid(format!("a pixel of color {index}, the palette has {colors}"));
                Ok([found[0].ok_or_else(missing)?, found[1].ok_or_else(missing)?, found[2].ok_or_else(missing)?])
            };
            let rows = unpacked(&samples, bits, size)?.into_iter().map(color).collect::<Result<Vec<_>>>()?;
            Image::new(width, height, 3, rows.into_flattened())?
        }
        ColorType::Gray(8 | 16) => Image::new(width, height, 1, samples)?,
        ColorType::Gray(bits @ (1 | 2 | 4)) => {
            let full = 255 / ((1u8 << bits) - 1);
            Image::new(width, height, 1, unpacked(&samples, bits, size)?.iter().map(|v| v * full).collect())?
        }
        ColorType::GrayA(8 | 16) | ColorType::Multiband { bit_depth: 8 | 16, num_samples: 2 } => {
            Image::of_channels(width, height, 2, samples)?
        }
        ColorType::RGB(8 | 16) => Image::new(width, height, 3, samples)?,
        ColorType::RGBA(8 | 16) => {
            let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(said)?;
            if extra.is_some_and(|e| e.first() == Some(&1)) {
                return Err(Error::unsupported("colors multiplied by their alpha"));
            }
            Image::of_channels(width, height, 4, samples)?
        }
        ColorType::CMYK(8 | 16) => {
            let inks = samples.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]);
            Image::new(width, height, 3, inks.flat_map(cmyk_to_rgb).collect())?
        }
        other => return Err(Error::unsupported(format!("pixels of kind {other:?}"))),
    };
    turned(image, orientation)
}

/// One value a byte from rows of values of fewer bits, each row starting at a byte.
fn unpacked(samples: &[u8], bits: u8, (width, height): (usize, usize)) -> Result<Vec<u8>> {
    let values = super::unpack_rows(samples, bits, width, (width * usize::from(bits)).div_ceil(8));
    let values: Vec<u8> = values.take(width * height).collect();
    match values.len() {
        n if n == width * height => Ok(values),
        n => Err(Error::invalid(format!("{n} of {} pixels", width * height))),
    }
}

/// The image with its rows and columns where the tag says that they belong (TIFF 6.0, Orientation).
fn turned(image: Image, orientation: u16) -> Result<Image> {
    if !(2..=8).contains(&orientation) {
        return Ok(image);
    }
    let (w, h, channels) = (image.width, image.height, image.channels);
    let (right, down) = (|x: usize| w - 1 - x, |y: usize| h - 1 - y);
    let (width, height) = if orientation < 5 { (w, h) } else { (h, w) };
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = match orientation {
                2 => (right(x), y),
                3 => (right(x), down(y)),
                4 => (x, down(y)),
                5 => (y, x),
                6 => (y, down(x)),
                7 => (right(y), down(x)),
                _ => (right(y), x),
            };
            pixels.extend_from_slice(&image.pixels[(from_y * w + from_x) * channels..][..channels]);
        }
    }
    Image::new(width, height, channels, pixels)
}

/// The file with its first image called gray when it has a palette, which the crate does not resolve but refuses.
fn without_palette(bytes: &[u8]) -> Cow<'_, [u8]> {
    let place = || {
        let big = bytes.starts_with(b"MM");
        let number = |at: usize, length: usize| {
            let mut digits = bytes.get(at..at.checked_add(length)?)?.to_vec();
            if !big {
                digits.reverse();
            }
            Some(digits.iter().fold(0usize, |n, d| n << 8 | usize::from(*d)))
        };
        let start = number(4, 4)?;
        let entries = (0..number(start, 2)?).map(|i| start + 2 + i * 12);
        let entry = entries.take_while(|at| at + 12 <= bytes.len()).find(|at| number(*at, 2) == Some(262))?;
        (number(entry + 8, 2)? == 3).then_some(entry + if big { 9 } else { 8 })
    };
    match place() {
        Some(at) => {
            let mut copy = bytes.to_vec();
            copy[at] = 1;
            Cow::Owned(copy)
        }
        None => Cow::Borrowed(bytes),
    }
}

fn said(error: TiffError) -> Error {
    match error {
        TiffError::UnsupportedError(e) => Error::unsupported(e.to_string()),
        TiffError::LimitsExceeded => Error::Exhausted("a buffer of more bytes than the image takes".to_owned()),
        other => wrong(other),
    }
}
