//! Codes of two, four and eight bits in bytes, the lowest bits first.

use crate::{Error, Node, Result};

/// The attribute `bits`.
///
/// # Errors
/// [`Error::Unsupported`] for other than 2, 4 and 8.
pub(super) fn bits(node: &Node<'_>) -> Result<usize> {
    match node.attributes.int_or("bits", 4)? {
        2 => Ok(2),
        4 => Ok(4),
        8 => Ok(8),
        n => Err(Error::unsupported(format!("attribute 'bits' is {n}; 2, 4 and 8 are read"))),
    }
}

/// The attribute `block_size`, a power of two and at least 16.
///
/// # Errors
/// [`Error::Invalid`] for others.
pub(super) fn block_size(size: i64) -> Result<usize> {
    match usize::try_from(size) {
        Ok(n) if n >= 16 && n.is_power_of_two() => Ok(n),
        _ => Err(Error::invalid(format!("attribute 'block_size' is {size}; powers of two from 16 on are expected"))),
    }
}

/// The code at position `i` of a run of them that begins at a byte of its own.
pub(super) fn code(bytes: &[u8], bits: usize, i: usize) -> i64 {
    let each = 8 / bits;
    i64::from(bytes[i / each] >> (i % each * bits) & (0xff >> (8 - bits)))
}

/// Bytes that this many codes take.
pub(super) fn bytes(bits: usize, codes: usize) -> usize {
    codes.div_ceil(8 / bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bits_come_first() {
        let found = |bits: usize| (0..16 / bits).map(|i| code(&[0b1110_0100, 0x9f], bits, i)).collect::<Vec<_>>();
        assert_eq!(found(2), [0, 1, 2, 3, 3, 3, 1, 2]);
        assert_eq!(found(4), [4, 14, 15, 9]);
        assert_eq!(found(8), [228, 159]);
        assert_eq!([2, 4, 8].map(|bits| bytes(bits, 5)), [2, 3, 5]);
        assert!(block_size(24).is_err() && block_size(8).is_err() && block_size(-16).is_err());
        assert_eq!(block_size(64).unwrap(), 64);
    }
}
