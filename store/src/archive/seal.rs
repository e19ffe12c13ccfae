//! The seal: 96 bytes before the footer that say where the index lies and hold the checksums of all that is not a section.

use std::ops::Range;

use super::{CLOSING_BYTES, Checksum, END_OF_STREAM, FORMAT_VERSION, MAGIC, OPENING};

/// The fields of the seal in order, with the bytes of each. Numbers are little-endian.
pub const SEAL_FIELDS: [(&str, usize); 10] = [
    ("tag", 8),
    ("format_version", 8),
    ("head_length", 8),
    ("index_offset", 8),
    ("index_length", 8),
    ("index_data_offset", 8),
    ("index_data_length", 8),
    ("index_checksum", 16),
    ("file_length", 8),
    ("frame_checksum", 16),
];

pub(super) const SEAL_BYTES: usize = 96;

const TAG: &[u8; 8] = b"HOLOSEAL";

/// The seal without its last field, which covers the rest.
const COVERED_BYTES: usize = SEAL_BYTES - 16;

const _: () = {
    let (mut total, mut field) = (0, 0);
    while field < SEAL_FIELDS.len() {
        total += SEAL_FIELDS[field].1;
        field += 1;
    }
    assert!(total == SEAL_BYTES);
};

/// Where things lie in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// The opening magic and the schema message.
    pub(super) head_length: usize,
    /// The index's Arrow message.
    pub(super) index: Range<usize>,
    /// The index's rows within it.
    pub(super) index_data: Range<usize>,
    /// The digest of the index's Arrow message.
    pub(super) index_checksum: Checksum,
    /// The length of the whole file.
    pub(super) file_length: usize,
}

impl Seal {
    /// What follows the index to the end of the file: end of stream, seal, footer, its length, the magic.
    pub(super) fn encode_tail(&self, head: &[u8], footer: &[u8], footer_length: i32) -> Vec<u8> {
        let mut bytes = END_OF_STREAM.to_vec();
        bytes.extend_from_slice(TAG);
        for number in [
            FORMAT_VERSION,
            self.head_length as u64,
            self.index.start as u64,
            self.index.len() as u64,
            self.index_data.start as u64,
            self.index_data.len() as u64,
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.index_checksum.0);
        bytes.extend_from_slice(&(self.file_length as u64).to_le_bytes());
        let mut closing = footer_length.to_le_bytes().to_vec();
        closing.extend_from_slice(MAGIC);
        let frame = Checksum::of(&[head, &bytes, footer, &closing]);
        bytes.extend_from_slice(&frame.0);
        bytes.extend_from_slice(footer);
        bytes.extend_from_slice(&closing);
        bytes
    }

    /// The seal of a file whose frame, which is everything outside the blocks, is intact, and the footer's place.
    ///
    /// # Errors
    /// Says in words what is wrong; the caller adds which file.
    pub(super) fn decode(file: &[u8]) -> Result<(Self, Range<usize>), String> {
        if !file.starts_with(OPENING) {
            return Err("it does not start as an Arrow file: it is no .holo archive".into());
        }
        if !file.ends_with(MAGIC) || file.len() < OPENING.len() + END_OF_STREAM.len() + SEAL_BYTES + CLOSING_BYTES {
            return Err("it does not end as an Arrow file: it is cut short or damaged".into());
        }
        let closing = file.len() - CLOSING_BYTES;
        let footer_length = file[closing..].first_chunk().map_or(-1, |&length| i32::from_le_bytes(length));
        let footer = usize::try_from(footer_length)
            .ok()
            .and_then(|length| closing.checked_sub(length))
            .filter(|&start| start >= OPENING.len() + END_OF_STREAM.len() + SEAL_BYTES)
            .ok_or_else(|| format!("the footer's length of {footer_length} bytes does not fit the file"))?;
        let start = footer - SEAL_BYTES;
        let (blocks_end, seal) = (start - END_OF_STREAM.len(), &file[start..footer]);
        if !seal.starts_with(TAG) {
            return Err("it has no seal: it is an Arrow file of another writer, or damaged".into());
        }
        let (numbers, _) = seal[TAG.len()..].as_chunks();
        let numbers: Vec<u64> = numbers.iter().map(|&number| u64::from_le_bytes(number)).collect();
        // The index's checksum takes the place of two numbers.
        let [version, head, index, index_length, data, data_length, _, _, file_length, ..] = numbers[..] else {
            return Err("the seal is cut short".into());
        };
        if version == 0 || version > FORMAT_VERSION {
            return Err(format!("format version {version}: this build reads up to {FORMAT_VERSION}"));
        }
        let position = |number: u64| {
            let fits = |&position: &usize| position <= blocks_end;
            usize::try_from(number)
                .ok()
                .filter(fits)
                .ok_or_else(|| format!("the seal points to {number}, past the blocks"))
        };
        let head_length = position(head)?;
        let frame = [&file[..head_length], &file[blocks_end..start + COVERED_BYTES], &file[footer..]];
        if seal[COVERED_BYTES..] != Checksum::of(&frame).0 {
            return Err("the checksum of its frame does not hold: it is damaged".into());
        }
        if usize::try_from(file_length) != Ok(file.len()) {
            return Err(format!("it has {} bytes where the seal says {file_length}", file.len()));
        }
        let range = |start: u64, length: u64| {
            let start = position(start)?;
            let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
            let end = end.filter(|&end| end <= blocks_end).ok_or("the seal's index runs past the blocks")?;
            Ok::<_, String>(start..end)
        };
        let (index, index_data) = (range(index, index_length)?, range(data, data_length)?);
        if index.end != blocks_end || index.start < head_length {
            return Err("the index does not end where the blocks end".into());
        }
        if index_data.start < index.start || index_data.end > index.end {
            return Err("the index's rows lie outside its block".into());
        }
        let mut index_checksum = Checksum([0; 16]);
        index_checksum.0.copy_from_slice(&seal[TAG.len() + 48..TAG.len() + 64]);
        let file_length = file.len();
        Ok((Self { head_length, index, index_data, index_checksum, file_length }, footer..closing))
    }
}
