//! Huffman codes and the bits of a scan.

use crate::{Error, Result};

/// Codes up to this many bits are found in one look.
const LOOK: u32 = 9;

/// A Huffman table made for decoding.
#[derive(Clone)]
pub(super) struct Table {
    /// For each beginning of `LOOK` bits the length and the symbol of its code, 0 when the code is longer.
    short: Vec<u16>,
    /// The largest code of each length, -1 when there is none.
    largest: [i32; 17],
    /// What to add to a code of each length to find its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

/// The tables that a scan may name.
#[derive(Default)]
pub(super) struct Tables {
    /// For first coefficients.
    pub(super) first: [Option<Table>; 4],
    /// For further coefficients.
    pub(super) further: [Option<Table>; 4],
}

impl Table {
    /// A table from the number of codes of each length 1 to 16, and their symbols in order.
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Result<Self> {
        let mut table =
            Self { short: vec![0; 1 << LOOK], largest: [-1; 17], offset: [0; 17], symbols: symbols.to_vec() };
        let (mut code, mut used) = (0u32, 0usize);
        for (length, count) in (1u32..=16).zip(counts) {
            let slot = length as usize;
            table.offset[slot] = used as i32 - code as i32;
            for symbol in symbols.iter().skip(used).take(usize::from(*count)) {
                // The code of all ones is no code, which also catches counts that do not fit the length.
                if code + 1 >= 1 << length {
                    return Err(Error::invalid(format!("a Huffman table has too many codes of {length} bits")));
                }
                if length <= LOOK {
                    let start = (code << (LOOK - length)) as usize;
                    let entry = (length as u16) << 8 | u16::from(*symbol);
                    table.short[start..start + (1 << (LOOK - length))].fill(entry);
                }
                table.largest[slot] = code as i32;
                code += 1;
            }
            used += usize::from(*count);
            code <<= 1;
        }
        Ok(table)
    }
}

/// The bits of a scan up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    pool: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// The bits at the start of `data`.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, pool: 0, count: 0 }
    }

    /// Bytes used: the marker that ends the scan stands at or after this place.
    pub(super) fn used(&self) -> usize {
        self.at
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(byte) = self.data.get(self.at).copied() else { return };
            let mut next = self.at + 1;
            if byte == 0xff {
                // A byte of ones is followed by a zero to tell it from a marker; fill bytes may stand in between.
                while self.data.get(next) == Some(&0xff) {
                    next += 1;
                }
                if self.data.get(next) != Some(&0) {
                    return;
                }
                next += 1;
            }
            self.pool = self.pool << 8 | u64::from(byte);
            self.count += 8;
            self.at = next;
        }
    }

    /// The next 16 bits, zeros behind the end.
    fn peek(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        let bits = if self.count >= 16 { self.pool >> (self.count - 16) } else { self.pool << (16 - self.count) };
        (bits & 0xffff) as u32
    }

    fn take(&mut self, bits: u32) -> Result<()> {
        if bits > self.count {
            let end = match self.data.get(self.at..).unwrap_or_default().iter().find(|b| **b != 0xff) {
                Some(marker) => format!("marker 0x{marker:02x} stands inside the data of a scan"),
                None => "the stream ends inside the data of a scan".to_owned(),
            };
            return Err(Error::invalid(end));
        }
        self.count -= bits;
        Ok(())
    }

    /// The next `n` bits, at most 16, as a number.
    pub(super) fn get(&mut self, n: u32) -> Result<i32> {
        let bits = self.peek() >> (16 - n);
        self.take(n)?;
        Ok(bits as i32)
    }

    /// The next `n` bits as a number whose first bit tells the sign, as T.81 F.2.2.1 extends it.
    pub(super) fn signed(&mut self, n: u32) -> Result<i32> {
        let v = self.get(n)?;
        Ok(if n > 0 && v < 1 << (n - 1) { v - (1 << n) + 1 } else { v })
    }

    /// The next symbol.
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8> {
        let bits = self.peek();
        let entry = table.short[(bits >> (16 - LOOK)) as usize];
        if entry != 0 {
            self.take(u32::from(entry >> 8))?;
            return Ok((entry & 0xff) as u8);
        }
        for length in LOOK + 1..=16 {
            let code = (bits >> (16 - length)) as i32;
            if code <= table.largest[length as usize] {
                self.take(length)?;
                let at = usize::try_from(code + table.offset[length as usize]).ok();
                return at.and_then(|at| table.symbols.get(at)).copied().ok_or_else(bad_code);
            }
        }
        self.take(16)?; // bits that are missing are the cause, when they are
        Err(bad_code())
    }

    /// Passes the restart marker of this number, dropping the bits that fill up the byte before it.
    pub(super) fn restart(&mut self, number: usize) -> Result<()> {
        self.fill();
        let rest = self.data.get(self.at..).unwrap_or_default();
        let ones = rest.iter().take_while(|b| **b == 0xff).count();
        match rest.get(ones).copied() {
            Some(b) if self.count < 8 && ones > 0 && usize::from(b) == 0xd0 + number % 8 => {
                self.at += ones + 1;
                (self.pool, self.count) = (0, 0);
                Ok(())
            }
            Some(_) => Err(Error::invalid(format!("restart marker {} is not where it is due", number % 8))),
            None => Err(Error::invalid("the stream ends before a restart marker")),
        }
    }
}

fn bad_code() -> Error {
    Error::invalid("the data of a scan holds a code that its Huffman table lacks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lengths: &[(usize, u8)], symbols: &[u8]) -> Result<Table> {
        let mut counts = [0; 16];
        lengths.iter().for_each(|(length, count)| counts[length - 1] = *count);
        Table::new(&counts, symbols)
    }

    #[test]
    fn codes_of_every_length_are_read() {
        // The codes are 0, 10, 11000000000 and 1100000000100000.
        let t = table(&[(1, 1), (2, 1), (11, 1), (16, 1)], &[7, 8, 9, 10]).unwrap();
        let data = [0b0101_1000, 0b0000_0011, 0b0000_0000, 0b1000_0010, 0xff, 0];
        let mut bits = Bits::new(&data);
        assert_eq!([7, 8, 9, 10].map(|_| bits.symbol(&t).unwrap()), [7, 8, 9, 10]);
        assert_eq!(bits.get(10), Ok(0b10_1111_1111));
        assert!(bits.get(1).unwrap_err().to_string().contains("ends inside"));
        assert!(Bits::new(&[0xfe, 0, 0]).symbol(&t).unwrap_err().to_string().contains("lacks"));
    }

    #[test]
    fn a_marker_ends_the_bits_and_restarts_are_counted() {
        let mut bits = Bits::new(&[0xa5, 0xff, 0xd1, 0x0f]);
        assert_eq!(bits.get(4), Ok(10));
        assert!(bits.get(5).unwrap_err().to_string().contains("marker 0xd1"));
        assert!(bits.restart(0).is_err());
        assert_eq!(bits.restart(9), Ok(()));
        assert_eq!((bits.get(8), bits.used()), (Ok(15), 4));
    }

    #[test]
    fn signs_are_extended_and_crowded_tables_refused() {
        let mut bits = Bits::new(&[0b0001_1011, 0b1000_0000]);
        let signed = [2, 2, 2, 2, 0, 3].map(|n| bits.signed(n).unwrap());
        assert_eq!(signed, [-3, -2, 2, 3, 0, 4]);
        assert!(table(&[(1, 2)], &[1, 2]).is_err());
        assert!(table(&[(1, 1), (2, 2)], &[1, 2, 3]).is_err());
        assert!(table(&[(1, 1)], &[1]).unwrap().symbols == [1]);
    }
}
