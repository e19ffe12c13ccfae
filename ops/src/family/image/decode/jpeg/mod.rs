//! JPEG ([T.81](https://www.w3.org/Graphics/JPEG/itu-t81.pdf)) to the bit as libjpeg decodes it with its defaults.
//!
//! Baseline, extended sequential and progressive Huffman streams of 8 bits a sample. Not arithmetic coding, not the
//! lossless and hierarchical processes, not 12 bits. The standard leaves the inverse transform and the upsampling free;
//! both are the accurate integer ones of libjpeg, because ONNX compares with them. Start at [`decode`]: it reads the
//! markers ([`markers`]), fills the coefficients of a [`frame`] scan by scan ([`scan`], with [`huffman`]), transforms
//! them into planes ([`idct`]) and joins the planes to pixels ([`upsample`], [`color`]).

mod color;
mod frame;
mod huffman;
mod idct;
mod markers;
mod scan;
mod upsample;

use super::Image;
use crate::{Error, Limits, Result};
use color::Space;
use frame::Frame;
use markers::{Event, Stream};

/// The picture in a JPEG stream: grayscale for one component, RGB for three or four.
///
/// # Errors
/// [`Error::Invalid`] when the stream is cut or breaks the standard, [`Error::Unsupported`] for what the module does
/// not read, [`Error::Exhausted`] when it is larger than the limits.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image> {
    let mut stream = Stream::new(bytes)?;
    let mut frame: Option<Frame> = None;
    loop {
        match stream.next()? {
            Event::Frame(header) => {
                if frame.is_some() {
                    return Err(Error::invalid("the stream has a second frame header"));
                }
                frame = Some(Frame::new(header, stream.remaining(), limits)?);
            }
            Event::Scan(header) => {
                let frame = frame.as_mut().ok_or_else(|| Error::invalid("a scan stands before the frame header"))?;
                frame.adopt(&header, stream.quantization())?;
                let used = scan::decode(frame, &header, stream.tables(), stream.restart(), stream.rest())?;
                stream.skip(used);
            }
            Event::End => break,
        }
    }
    let frame = frame.ok_or_else(|| Error::invalid("the stream has no frame header"))?;
    frame.check_complete()?;
    let space = Space::of(&frame, stream.saw_jfif(), stream.adobe_transform());
    pixels(&frame, space)
}

fn pixels(frame: &Frame, space: Space) -> Result<Image> {
    let (width, height) = (frame.header.width, frame.header.height);
    let planes = frame.components.iter().map(idct::plane).collect::<Result<Vec<_>>>()?;
    let channels = if space == Space::Gray { 1 } else { 3 };
    let mut out = Vec::with_capacity(width * height * channels);
    let mut rows = vec![Vec::new(); planes.len()];
    for y in 0..height {
        for (row, (plane, component)) in rows.iter_mut().zip(planes.iter().zip(&frame.components)) {
            upsample::row(plane, component.expand, y, row);
            row.truncate(width);
        }
        color::join(space, &rows, &mut out);
    }
    Image::new(width, height, channels, out)
}
