//! The data of one scan: blocks of coefficients, whole (sequential) or a slice of their bits (progressive).

use super::{
    frame::Frame,
    huffman::{Bits, Table, Tables},
    markers::{ScanHeader, ZIGZAG},
};
use crate::{Error, Result};

/// Reads the scan's data at the start of `data` into the frame, and says how many bytes it took.
pub(super) fn decode(
    frame: &mut Frame,
    scan: &ScanHeader,
    tables: &Tables,
    restart: usize,
    data: &[u8],
) -> Result<usize> {
    let parts = scan.parts.iter().map(|p| frame.index(p.id)).collect::<Result<Vec<_>>>()?;
    if parts.iter().enumerate().any(|(i, p)| parts[..i].contains(p)) {
        return Err(Error::invalid("a scan names a component twice"));
    }
    let coding = Coding::new(frame.header.progressive, scan)?;
    let mut chosen = Vec::new();
    for part in &scan.parts {
        chosen.push(Chosen {
            first: pick(&tables.first, part.tables.0, coding.needs_first())?,
            further: pick(&tables.further, part.tables.1, coding.needs_further())?,
        });
    }
    let alone = parts.len() == 1;
    let sampling = |i: usize| if alone { (1, 1) } else { frame.components[i].sampling };
    // For each block of a unit: its part, its component, its place in the unit and the unit's size.
    let mut layout = Vec::new();
    for (part, index) in parts.iter().enumerate() {
        let (h, v) = sampling(*index);
        layout.extend((0..h * v).map(|i| (part, *index, (i % h, i / h), (h, v))));
    }
    if layout.len() > 10 && !alone {
        return Err(Error::invalid(format!("a scan interleaves {} blocks, 10 are the most", layout.len())));
    }
    let (across, down) = if alone { frame.components[parts[0]].blocks } else { frame.units };

    let mut state = State { bits: Bits::new(data), last: vec![0; parts.len()], skip: 0 };
    let mut due = restart;
    let mut restarts = 0;
    for y in 0..down {
        for x in 0..across {
            if restart > 0 && due == 0 {
                state.bits.restart(restarts)?;
                state.last.fill(0);
                state.skip = 0;
                restarts += 1;
                due = restart;
            }
            due = due.saturating_sub(1);
            for (part, index, (dx, dy), (h, v)) in &layout {
                let component = &mut frame.components[*index];
                let at = (y * v + dy) * component.stride + x * h + dx;
                let block = component.coefficients.get_mut(at).ok_or_else(|| Error::invalid("a block outside"))?;
                state
                    .block(coding, block, *part, chosen[*part])
                    .map_err(|e| e.at(format_args!("unit {} of {}", y * across + x, across * down)))?;
            }
        }
    }
    Ok(state.bits.used())
}

fn pick(tables: &[Option<Table>; 4], slot: usize, needed: bool) -> Result<Option<&Table>> {
    let table = tables.get(slot).and_then(Option::as_ref);
    if needed && table.is_none() {
        return Err(Error::invalid(format!("a scan names Huffman table {slot}, which is not defined")));
    }
    Ok(table)
}

/// What a scan sends of each block.
#[derive(Clone, Copy)]
enum Coding {
    /// All of it.
    Whole,
    /// The first coefficient down to this bit.
    First(u32),
    /// One more bit of the first coefficient.
    FirstBit(u32),
    /// A band of further coefficients down to this bit.
    Band((usize, usize), u32),
    /// One more bit of a band.
    BandBit((usize, usize), u32),
}

impl Coding {
    fn new(progressive: bool, scan: &ScanHeader) -> Result<Self> {
        if !progressive {
            return Ok(Self::Whole); // libjpeg and others ignore the band of a sequential scan
        }
        let ((start, end), high, low) = (scan.band, scan.high, scan.low);
        let band = if start == 0 { end == 0 } else { start <= end && end < 64 && scan.parts.len() == 1 };
        if !band || low > 13 || high != 0 && high != low + 1 {
            return Err(Error::invalid(format!(
                "a progressive scan of coefficients {start} to {end}, bits {high} to {low}, of {} components",
                scan.parts.len()
            )));
        }
        Ok(match (start, high) {
            (0, 0) => Self::First(low),
            (0, _) => Self::FirstBit(low),
            (_, 0) => Self::Band(scan.band, low),
            _ => Self::BandBit(scan.band, low),
        })
    }

    fn needs_first(self) -> bool {
        matches!(self, Self::Whole | Self::First(_))
    }

    fn needs_further(self) -> bool {
        matches!(self, Self::Whole | Self::Band(..) | Self::BandBit(..))
    }
}

/// The tables of one component.
#[derive(Clone, Copy)]
struct Chosen<'a> {
    first: Option<&'a Table>,
    further: Option<&'a Table>,
}

/// What one block leaves to the next.
struct State<'a> {
    bits: Bits<'a>,
    /// The last first coefficient of each component.
    last: Vec<i32>,
    /// Blocks whose bands end before they begin.
    skip: u32,
}

impl State<'_> {
    fn block(&mut self, coding: Coding, block: &mut [i16; 64], part: usize, tables: Chosen<'_>) -> Result<()> {
        match (coding, tables.first, tables.further) {
            (Coding::Whole, Some(first), Some(further)) => {
                block[0] = self.first(first, part)? as i16;
                self.whole(block, further)
            }
            (Coding::First(low), Some(first), _) => {
                block[0] = (self.first(first, part)? << low) as i16;
                Ok(())
            }
            (Coding::FirstBit(low), ..) => {
                block[0] |= (self.bits.get(1)? << low) as i16;
                Ok(())
            }
            (Coding::Band(band, low), _, Some(further)) => self.band(block, further, band, low),
            (Coding::BandBit(band, low), _, Some(further)) => self.band_bit(block, further, band, low),
            _ => Err(Error::invalid("a scan lacks a Huffman table")),
        }
    }

    /// The first coefficient, sent as its difference from the last block's.
    fn first(&mut self, table: &Table, part: usize) -> Result<i32> {
        let size = u32::from(self.bits.symbol(table)?);
        if size > 15 {
            return Err(Error::invalid(format!("a first coefficient of {size} bits")));
        }
        let last = &mut self.last[part];
        *last = last.wrapping_add(self.bits.signed(size)?);
        Ok(*last)
    }

    fn whole(&mut self, block: &mut [i16; 64], table: &Table) -> Result<()> {
        let mut k = 1;
        while k < 64 {
            let (run, size) = halves(self.bits.symbol(table)?);
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => break,
                _ => {
                    *place(block, k + run, 63)? = self.bits.signed(size)? as i16;
                    k += run + 1;
                }
            }
        }
        Ok(())
    }

    fn band(&mut self, block: &mut [i16; 64], table: &Table, (start, end): (usize, usize), low: u32) -> Result<()> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        let mut k = start;
        while k <= end {
            let (run, size) = halves(self.bits.symbol(table)?);
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => {
                    self.skip = self.run_of_ends(run)? - 1;
                    break;
                }
                _ => {
                    *place(block, k + run, end)? = (self.bits.signed(size)? << low) as i16;
                    k += run + 1;
                }
            }
        }
        Ok(())
    }

    fn band_bit(&mut self, block: &mut [i16; 64], table: &Table, (start, end): (usize, usize), low: u32) -> Result<()> {
        let bit = 1i16 << low;
        let mut k = start;
        while self.skip == 0 && k <= end {
            let (mut run, size) = halves(self.bits.symbol(table)?);
            let new = match (run, size) {
                (15, 0) => 0,
                (_, 0) => {
                    self.skip = self.run_of_ends(run)?;
                    break;
                }
                _ if self.bits.get(1)? == 1 => bit,
                _ => -bit,
            };
            // Passes `run` coefficients that are still zero, and takes one more bit of each that is not.
            while k <= end {
                let c = &mut block[usize::from(ZIGZAG[k])];
                if *c != 0 {
                    self.refine(c, bit)?;
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            if new != 0 {
                *place(block, k, end)? = new;
            }
            k += 1;
        }
        if self.skip > 0 {
            for place in ZIGZAG.get(k..=end).unwrap_or_default() {
                let c = &mut block[usize::from(*place)];
                if *c != 0 {
                    self.refine(c, bit)?;
                }
            }
            self.skip -= 1;
        }
        Ok(())
    }

    fn refine(&mut self, coefficient: &mut i16, bit: i16) -> Result<()> {
        if self.bits.get(1)? == 1 && *coefficient & bit == 0 {
            *coefficient = coefficient.wrapping_add(if *coefficient > 0 { bit } else { -bit });
        }
        Ok(())
    }

    /// How many blocks, this one first, have nothing more in the band.
    fn run_of_ends(&mut self, size: usize) -> Result<u32> {
        Ok((1 << size) + self.bits.get(size as u32)? as u32)
    }
}

fn halves(symbol: u8) -> (usize, u32) {
    (usize::from(symbol >> 4), u32::from(symbol & 15))
}

fn place(block: &mut [i16; 64], k: usize, end: usize) -> Result<&mut i16> {
    let at = ZIGZAG.get(k).filter(|_| k <= end);
    let at = at.ok_or_else(|| Error::invalid(format!("a coefficient {k} behind the last one, {end}")))?;
    Ok(&mut block[usize::from(*at)])
}
