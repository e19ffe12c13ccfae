//! From the components of a stream to gray or RGB.

use super::{super::cmyk_to_rgb, frame::Frame};

/// What the components of a frame mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// One component of luma.
    Gray,
    /// Red, green and blue.
    Rgb,
    /// Luma and two of chroma (BT.601, full range).
    Ycc,
    /// Cyan, magenta, yellow and black, stored inverted as Adobe does.
    Cmyk,
    /// As the one before, with the first three as luma and chroma.
    Ycck,
}

impl Space {
    /// The meaning that libjpeg gives to a frame's components, by its markers first and then by their names.
    pub(super) fn of(frame: &Frame, jfif: bool, adobe: Option<u8>) -> Self {
        let ids: Vec<u8> = frame.header.components.iter().map(|c| c.id).collect();
        match (ids.as_slice(), adobe) {
            ([_], _) => Self::Gray,
            ([_, _, _], Some(0)) if !jfif => Self::Rgb,
            (b"RGB", None) if !jfif => Self::Rgb,
            ([_, _, _], _) => Self::Ycc,
            (_, None | Some(0)) => Self::Cmyk,
            _ => Self::Ycck,
        }
    }
}

/// Appends a row of pixels made of a row of each component.
pub(super) fn join(space: Space, rows: &[Vec<u8>], out: &mut Vec<u8>) {
    match (space, rows) {
        (Space::Rgb, [a, b, c]) => {
            out.extend(a.iter().zip(b).zip(c).flat_map(|((r, g), b)| [*r, *g, *b]));
        }
        (Space::Ycc, [a, b, c]) => {
            out.extend(a.iter().zip(b).zip(c).flat_map(|((y, cb), cr)| rgb(*y, *cb, *cr)));
        }
        (Space::Cmyk, [a, b, c, d]) => {
            let inks = a.iter().zip(b).zip(c).zip(d).map(|(((c, m), y), k)| [*c, *m, *y, *k].map(|v| 255 - v));
            out.extend(inks.flat_map(cmyk_to_rgb));
        }
        (Space::Ycck, [a, b, c, d]) => {
            // Luma and chroma are of the colors that the inks leave over, and inverting those twice changes nothing.
            let inks = a.iter().zip(b).zip(c).zip(d).map(|(((y, cb), cr), k)| {
                let [c, m, y] = rgb(*y, *cb, *cr);
                [c, m, y, 255 - k]
            });
            out.extend(inks.flat_map(cmyk_to_rgb));
        }
        _ => out.extend(rows.iter().take(1).flatten()),
    }
}

/// RGB of luma and chroma, with fractions of 16 bits rounded half up as libjpeg's tables hold them.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let r = y + ((91881 * cr + HALF) >> 16); // 1.40200
    let g = y + ((-22554 * cb - 46802 * cr + HALF) >> 16); // 0.34414, 0.71414
    let b = y + ((116_130 * cb + HALF) >> 16); // 1.77200
    [r, g, b].map(|v| v.clamp(0, 255) as u8)
}
