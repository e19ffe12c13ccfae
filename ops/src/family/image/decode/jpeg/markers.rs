//! The marker segments of a JPEG stream: what stands between the scans' data.

use super::huffman::{Table, Tables};
use crate::{Error, Result};

/// Row-major positions of the coefficients in the order in which a stream sends them.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The steps of a quantization table, row-major.
pub(super) type Steps = [u16; 64];

/// A component as the frame header declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Declared {
    /// Its name, which scans use.
    pub(super) id: u8,
    /// Horizontal and vertical sampling factors, 1 to 4.
    pub(super) sampling: (usize, usize),
    /// The index of its quantization table.
    pub(super) table: usize,
}

/// A frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Whether coefficients come in several passes.
    pub(super) progressive: bool,
    /// Pixels in a row.
    pub(super) width: usize,
    /// Rows.
    pub(super) height: usize,
    /// One, three or four components.
    pub(super) components: Vec<Declared>,
}

/// A component's part in a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The component's name.
    pub(super) id: u8,
    /// Indices of the tables for first and for further coefficients.
    pub(super) tables: (usize, usize),
}

/// A scan header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanHeader {
    /// The components whose blocks it carries.
    pub(super) parts: Vec<Part>,
    /// The first and the last coefficient sent, in zigzag order.
    pub(super) band: (usize, usize),
    /// The bit position that an earlier scan reached, 0 for a first one.
    pub(super) high: u32,
    /// The bit position that this scan reaches.
    pub(super) low: u32,
}

/// What the caller must act upon.
pub(super) enum Event {
    /// A frame begins.
    Frame(FrameHeader),
    /// A scan begins; its data stands at [`Stream::rest`].
    Scan(ScanHeader),
    /// The image is over.
    End,
}

/// A stream with the tables read so far.
pub(super) struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
    quantization: [Option<Steps>; 4],
    tables: Tables,
    restart: usize,
    jfif: bool,
    adobe: Option<u8>,
}

impl<'a> Stream<'a> {
    /// A stream at its first marker, which must be the start of an image.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self> {
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err(Error::invalid("the stream does not start with the marker of an image"));
        }
        Ok(Self {
            bytes,
            at: 2,
            quantization: [None; 4],
            tables: Tables::default(),
            restart: 0,
            jfif: false,
            adobe: None,
        })
    }

    /// The bytes not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// How many bytes are not read yet.
    pub(super) fn remaining(&self) -> usize {
        self.rest().len()
    }

    /// Passes over bytes that a scan used.
    pub(super) fn skip(&mut self, used: usize) {
        self.at += used;
    }

    /// The quantization tables in force.
    pub(super) fn quantization(&self) -> &[Option<Steps>; 4] {
        &self.quantization
    }

    /// The Huffman tables in force.
    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Units between restart markers; 0 for none.
    pub(super) fn restart(&self) -> usize {
        self.restart
    }

    /// Whether the stream calls itself JFIF, whose three components are luma and chroma.
    pub(super) fn saw_jfif(&self) -> bool {
        self.jfif
    }

    /// What Adobe's marker says of the colours, if it is there.
    pub(super) fn adobe_transform(&self) -> Option<u8> {
        self.adobe
    }

    /// Reads up to the next frame, scan or end.
    pub(super) fn next(&mut self) -> Result<Event> {
        loop {
            let marker = self.marker()?;
            match marker {
                0xd9 => return Ok(Event::End),
                0x01 | 0xd0..=0xd7 => {} // stand alone and say nothing here
                0xd8 => return Err(Error::invalid("a second image starts inside the first")),
                _ => {
                    let segment = self.segment(marker)?;
                    let at = |e: Error| e.at(format_args!("the segment of marker 0x{marker:02x}"));
                    match marker {
                        0xc4 => self.huffman(segment).map_err(at)?,
                        0xc0..=0xc2 => return frame(marker, segment).map(Event::Frame).map_err(at),
                        0xc3 | 0xc5..=0xcf => return Err(Error::unsupported(process(marker))),
                        0xda => return scan(segment).map(Event::Scan).map_err(at),
                        0xdb => self.steps(segment).map_err(at)?,
                        0xdd => self.restart = usize::from(word(segment, 0).map_err(at)?),
                        0xe0 => self.jfif |= segment.len() >= 14 && segment.starts_with(b"JFIF\0"),
                        0xee if segment.len() >= 12 && segment.starts_with(b"Adobe") => {
                            self.adobe = segment.get(11).copied();
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// The next marker; bytes between segments that are none are passed over, as every decoder does.
    fn marker(&mut self) -> Result<u8> {
        let rest = self.rest();
        let found = rest.windows(2).position(|w| w[0] == 0xff && w[1] != 0 && w[1] != 0xff);
        let place = found.ok_or_else(|| {
            Error::invalid(format!("the stream ends after {} bytes without its end marker", self.bytes.len()))
        })?;
        self.at += place + 2;
        Ok(rest[place + 1])
    }

    fn segment(&mut self, marker: u8) -> Result<&'a [u8]> {
        let rest = self.rest();
        let length = word(rest, 0).map(usize::from).unwrap_or(2);
        let segment = rest.get(2..length.max(2)).filter(|_| length >= 2 && rest.len() >= 2);
        let segment = segment.ok_or_else(|| {
            let have = rest.len();
            Error::invalid(format!("the segment of marker 0x{marker:02x} takes {length} bytes, {have} are left"))
        })?;
        self.at += length;
        Ok(segment)
    }

    fn steps(&mut self, mut segment: &[u8]) -> Result<()> {
        while !segment.is_empty() {
            let (wide, slot) = halves(byte(segment, 0)?);
            let slot = self.quantization.get_mut(slot).ok_or_else(|| outside("quantization table", slot))?;
            let mut steps = [0; 64];
            for (i, place) in ZIGZAG.iter().enumerate() {
                steps[usize::from(*place)] = match wide {
                    0 => u16::from(byte(segment, 1 + i)?),
                    1 => word(segment, 1 + 2 * i)?,
                    _ => return Err(Error::invalid(format!("quantization steps of precision {wide}"))),
                };
            }
            *slot = Some(steps);
            segment = segment.get(1 + 64 * (wide + 1)..).unwrap_or_default();
        }
        Ok(())
    }

    fn huffman(&mut self, mut segment: &[u8]) -> Result<()> {
        while !segment.is_empty() {
            let (class, slot) = halves(byte(segment, 0)?);
            let counts = segment.get(1..17).ok_or_else(|| Error::invalid("a Huffman table is cut"))?;
            let total: usize = counts.iter().map(|c| usize::from(*c)).sum();
            let symbols = segment.get(17..17 + total).ok_or_else(|| {
                Error::invalid(format!("a Huffman table has {total} symbols, {} are there", segment.len() - 17))
            })?;
            let table = Table::new(counts, symbols)?;
            let slots = match class {
                0 => &mut self.tables.first,
                1 => &mut self.tables.further,
                _ => return Err(Error::invalid(format!("a Huffman table of class {class}"))),
            };
            *slots.get_mut(slot).ok_or_else(|| outside("Huffman table", slot))? = Some(table);
            segment = &segment[17 + total..];
        }
        Ok(())
    }
}

fn frame(marker: u8, segment: &[u8]) -> Result<FrameHeader> {
    match byte(segment, 0)? {
        8 => {}
        bits => return Err(Error::unsupported(format!("JPEG of {bits} bits a sample; 8 are read"))),
    }
    let (height, width) = (usize::from(word(segment, 1)?), usize::from(word(segment, 3)?));
    if height == 0 {
        return Err(Error::unsupported("JPEG that gives its height after the first scan (marker DNL)"));
    }
    if width == 0 {
        return Err(Error::invalid("the image has no columns"));
    }
    let count = usize::from(byte(segment, 5)?);
    if !matches!(count, 1 | 3 | 4) {
        return Err(Error::unsupported(format!("JPEG of {count} components; 1, 3 and 4 are read")));
    }
    let components = (0..count).map(|i| {
        let (h, v) = halves(byte(segment, 7 + 3 * i)?);
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
            return Err(Error::invalid(format!("component {i} has sampling factors {h} and {v}, outside 1 to 4")));
        }
        let table = usize::from(byte(segment, 8 + 3 * i)?);
        Ok(Declared { id: byte(segment, 6 + 3 * i)?, sampling: (h, v), table })
    });
    Ok(FrameHeader { progressive: marker == 0xc2, width, height, components: components.collect::<Result<_>>()? })
}

fn scan(segment: &[u8]) -> Result<ScanHeader> {
    let count = usize::from(byte(segment, 0)?);
    if !(1..=4).contains(&count) {
        return Err(Error::invalid(format!("a scan of {count} components")));
    }
    let part = |i: usize| {
        let tables = halves(byte(segment, 2 + 2 * i)?);
        Ok(Part { id: byte(segment, 1 + 2 * i)?, tables })
    };
    let parts = (0..count).map(part).collect::<Result<_>>()?;
    let end = 1 + 2 * count;
    let (high, low) = halves(byte(segment, end + 2)?);
    let band = (usize::from(byte(segment, end)?), usize::from(byte(segment, end + 1)?));
    Ok(ScanHeader { parts, band, high: high as u32, low: low as u32 })
}

fn process(marker: u8) -> String {
    let name = match marker {
        0xc3 => "the lossless process",
        0xc5..=0xc7 => "the hierarchical process",
        0xc8 => "the reserved process 0xc8",
        0xcb | 0xcf => "the lossless process with arithmetic coding",
        _ => "arithmetic coding",
    };
    format!("JPEG with {name}; baseline, extended and progressive with Huffman coding are read")
}

fn halves(byte: u8) -> (usize, usize) {
    (usize::from(byte >> 4), usize::from(byte & 15))
}

fn byte(segment: &[u8], at: usize) -> Result<u8> {
    segment.get(at).copied().ok_or_else(|| Error::invalid(format!("byte {at} is missing, there are {}", segment.len())))
}

fn word(segment: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_be_bytes([byte(segment, at)?, byte(segment, at + 1)?]))
}

fn outside(what: &str, slot: usize) -> Error {
    Error::invalid(format!("{what} {slot}; there are four"))
}
