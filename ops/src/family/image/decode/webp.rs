//! WebP, lossy and lossless, through the `image-webp` crate. Of an animation, the first frame.

use super::{Image, size_of, slice, wrong};
use crate::{Error, Limits, Result};
use image_webp::WebPDecoder;
use std::io::Cursor;

/// Images of one color take no bytes a pixel.
const MOST_PIXELS_A_BYTE: usize = 1 << 16;

/// The picture in a WebP file.
///
/// # Errors
/// Those of [`super::decode`].
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    // The crate takes zeros for the end of lossy data that is cut.
    let declared = slice(bytes, 4, 4)?.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
    if (bytes.len() as u64) < declared + 8 {
        return Err(Error::invalid(format!("the file takes {} bytes, {} are there", declared + 8, bytes.len())));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = size_of(width, height, bytes, MOST_PIXELS_A_BYTE, limits)?;
    decoder.set_memory_limit(bytes.len().saturating_add(width * height * 8));
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; width * height * channels];
    if decoder.is_animated() {
        decoder.read_frame(&mut pixels).map_err(wrong)?;
    } else {
        decoder.read_image(&mut pixels).map_err(wrong)?;
    }
    Image::of_channels(width, height, channels, pixels)
}
