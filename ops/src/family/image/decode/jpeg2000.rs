//! JPEG 2000, as a file or as a bare code stream, through the `hayro-jpeg2000` crate.
//!
//! The reversible transform is exact. The irreversible one is in floating point, whose last bit the standard leaves
//! open: it differs from OpenJPEG's by one here and there. The crate's vector code is off, so that all machines agree.

use super::{Image, cmyk_to_rgb, size_of, wrong};
use crate::{Error, Limits, Result};
use hayro_jpeg2000::{ColorSpace, DecodeSettings, DecoderContext};

/// Empty blocks take no bytes but as much time as others, so this is less than what the others admit.
const MOST_PIXELS_A_BYTE: usize = 4096;

/// The picture in a JPEG 2000 stream; palettes are resolved, profiles are not applied.
///
/// # Errors
/// Those of [`super::decode`].
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = hayro_jpeg2000::Image::new(bytes, &settings).map_err(wrong)?;
    let (width, height) = size_of(image.width(), image.height(), bytes, MOST_PIXELS_A_BYTE, limits)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(wrong)?;
    let channels = decoded.components().len();
    if decoded.components().iter().any(|c| c.samples().len() != width * height) {
        return Err(Error::unsupported("components of different sizes"));
    }
    let mut pixels = Vec::with_capacity(width * height * channels);
    for i in 0..width * height {
        pixels.extend(decoded.components().iter().map(|c| eight_bits(c.samples()[i], c.bit_depth())));
    }
    // A bare code stream does not say what its channels are; four of them are guessed to be inks.
    let bare = bytes.starts_with(&[0xff]);
    match (image.color_space(), channels) {
        (ColorSpace::CMYK, 4) if !bare => {
            let inks = pixels.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]);
            Image::new(width, height, 3, inks.flat_map(cmyk_to_rgb).collect())
        }
        (_, 1..=4) => Image::of_channels(width, height, channels, pixels),
        _ => Err(Error::unsupported(format!("an image of {channels} components"))),
    }
}

/// A sample of `depth` bits as one of eight, after rounding halves to even as OpenJPEG does.
fn eight_bits(sample: f32, depth: u8) -> u8 {
    let most = (2f64.powi(i32::from(depth)) - 1.0).max(1.0);
    let whole = f64::from(sample).round_ties_even().clamp(0.0, most);
    let scaled = if depth > 8 { whole / 2f64.powi(i32::from(depth) - 8) } else { (whole * 255.0 / most).round() };
    scaled as u8
}
