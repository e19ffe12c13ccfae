//! PNG, through the `png` crate. Of an animation, the image that stands for it.

use super::{Image, size_of, wrong};
use crate::{Error, Limits, Result};
use png::{ColorType, Decoder, Transformations};
use std::io::Cursor;

/// Deflate shrinks to 1/1032, and eight pixels fit into a byte.
const MOST_PIXELS_A_BYTE: usize = 8 * 1032;

/// The picture in a PNG file; palettes are resolved, 16 bits keep their high byte, gamma and profiles are not applied.
///
/// # Errors
/// Those of [`super::decode`].
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(wrong)?;
    let (width, height) = size_of(header.width, header.height, bytes, MOST_PIXELS_A_BYTE, limits)?;
    let mut reader = decoder.read_info().map_err(wrong)?;
    let channels = match reader.output_color_type().0 {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(Error::invalid("the palette is missing")),
    };
    let mut pixels = vec![0; width * height * channels];
    reader.next_frame(&mut pixels).map_err(wrong)?;
    Image::of_channels(width, height, channels, pixels)
}
