//! What the log of a remote tier says: one object a change of the view, and now and then the whole view.
//!
//! Each is the Arrow IPC stream of one batch, which any Arrow reader opens, with the BLAKE3 digest of the stream after its
//! end. Its rows are changes: a coordinate's bytes, the digest of the object that lies there from now on (none where
//! nothing does), which upload of it, its length, the version, and whether the object is an Arrow IPC stream (0) or a Parquet
//! file (1). Its schema carries the number and who wrote it.

use std::sync::Arc;

use arrow_array::{
    Array, BinaryArray, FixedSizeBinaryArray, RecordBatch, UInt8Array, UInt64Array,
    builder::FixedSizeBinaryBuilder,
    cast::AsArray,
    types::{UInt8Type, UInt64Type},
};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};

use super::{Format, Named};
use crate::{Batch, Coordinate, Error, Result, coordinate_field, coordinates_of};

const DIGEST_BYTES: usize = 32;
const NUMBER: &str = "hologram.number";
const WRITER: &str = "hologram.writer";

/// Rows with the number of their object and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) number: u64,
    /// Different for each attempt to write a number.
    pub(super) writer: String,
    /// What lies at a coordinate from now on.
    pub(super) changes: Vec<(Coordinate, Option<Named>)>,
}

fn fields() -> Fields {
    Fields::from(vec![
        coordinate_field("coordinate", DataType::Binary),
        Field::new("digest", DataType::FixedSizeBinary(DIGEST_BYTES as i32), true),
        Field::new("upload", DataType::UInt64, false),
        Field::new("bytes", DataType::UInt64, false),
        Field::new("version", DataType::UInt64, false),
        Field::new("format", DataType::UInt8, false),
    ])
}

/// What makes a field what it is.
fn shape(field: &FieldRef) -> (&str, &DataType, bool) {
    (field.name(), field.data_type(), field.is_nullable())
}

impl Delta {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let wrong = |error| Error::Invalid(format!("a change of the remote tier: {error}"));
        let mut digests = FixedSizeBinaryBuilder::new(DIGEST_BYTES as i32);
        for (_, named) in &self.changes {
            match named {
                Some(named) => digests.append_value(named.digest).map_err(wrong)?,
                None => digests.append_null(),
            }
        }
        let numbers = |number: fn(&Named) -> u64| {
            Arc::new(UInt64Array::from_iter_values(self.changes.iter().map(|(_, n)| n.as_ref().map_or(0, number))))
        };
        let formats = self.changes.iter().map(|(_, n)| n.map_or(0, |named| named.format.number()));
        let metadata = [(NUMBER.into(), self.number.to_string()), (WRITER.into(), self.writer.clone())];
        let records = RecordBatch::try_new(
            Arc::new(Schema::new_with_metadata(fields(), metadata.into())),
            vec![
                Arc::new(BinaryArray::from_iter_values(self.changes.iter().map(|(at, _)| at.as_bytes()))),
                Arc::new(digests.finish()),
                numbers(|named| named.upload),
                numbers(|named| named.bytes),
                numbers(|named| named.version),
                Arc::new(UInt8Array::from_iter_values(formats)),
            ],
        );
        let mut bytes = Batch::new(records.map_err(wrong)?).encode()?;
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    /// Whether bytes are whole.
    pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
        let whole = bytes.split_last_chunk::<DIGEST_BYTES>();
        let is_whole = whole.is_some_and(|(stream, digest)| blake3::hash(stream) == *digest);
        if is_whole { Ok(()) } else { Err("the bytes do not match their digest".into()) }
    }

    /// Reads bytes that were checked.
    pub(super) fn decode(number: u64, bytes: &[u8]) -> Result<Self> {
        let corrupt =
            |what: &dyn std::fmt::Display| Error::Corrupt(format!("change {number} of the remote tier: {what}"));
        let (stream, _) = bytes.split_last_chunk::<DIGEST_BYTES>().ok_or_else(|| corrupt(&"it is cut off"))?;
        let mut reader = StreamReader::try_new(stream, None).map_err(|error| corrupt(&error))?;
        let records = reader.next().ok_or_else(|| corrupt(&"it holds no batch"))?.map_err(|error| corrupt(&error))?;
        let schema = records.schema();
        let about = |key| schema.metadata().get(key).cloned().unwrap_or_default();
        // Types and names, not metadata: changes that were written before coordinates had a type of their own are read, and
        // those before there were formats.
        let (ours, theirs) = (fields(), schema.fields());
        let is_one = ours.iter().take(theirs.len()).map(shape).eq(theirs.iter().map(shape));
        if !is_one || theirs.len() + 1 < ours.len() || about(NUMBER) != number.to_string() {
            return Err(corrupt(&"it is no change of this number"));
        }
        let coordinates = coordinates_of(records.column(0)).map_err(|error| corrupt(&error))?;
        let digests: &FixedSizeBinaryArray = records.column(1).as_fixed_size_binary();
        let [uploads, bytes, versions] = [2, 3, 4].map(|i| records.column(i).as_primitive::<UInt64Type>());
        let formats = records.columns().get(5).map(|column| column.as_primitive::<UInt8Type>());
        let change = |(row, at): (usize, Coordinate)| {
            let digest = digests.is_valid(row).then(|| digests.value(row).try_into()).transpose();
            let digest: Option<[u8; DIGEST_BYTES]> = digest.map_err(|error| corrupt(&error))?;
            let format = Format::of_number(formats.map_or(0, |formats| formats.value(row)));
            let format = format.ok_or_else(|| corrupt(&"an object of a format that this version does not know"))?;
            let named = |digest| {
                let (upload, bytes, version) = (uploads.value(row), bytes.value(row), versions.value(row));
                Named { digest, upload, bytes, version, format }
            };
            Ok((at, digest.map(named)))
        };
        let changes = coordinates.into_iter().enumerate().map(change).collect::<Result<_>>()?;
        Ok(Self { number, writer: about(WRITER), changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_come_back_and_every_byte_counts() {
        let named = Named { digest: [7; 32], upload: 4, bytes: 5, version: 9, format: Format::Parquet };
        let other = Named { format: Format::Arrow, ..named };
        let changes = [(1, Some(named)), (2, Some(other)), (u64::MAX, None)];
        let changes = changes.map(|(at, named)| (Coordinate::from(at), named)).to_vec();
        for changes in [changes, Vec::new()] {
            let delta = Delta { number: 9, writer: "w".into(), changes };
            let bytes = delta.encode().unwrap();
            assert!(Delta::check(&bytes).is_ok());
            assert_eq!(Delta::decode(9, &bytes).unwrap(), delta);
            assert!(Delta::decode(8, &bytes).is_err(), "another number's place");
            for i in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[i] ^= 0x40;
                assert!(Delta::check(&damaged).is_err() && Delta::check(&bytes[..i]).is_err(), "byte {i}");
            }
        }
    }

    /// Changes that were written before coordinates had an extension type, and objects formats.
    #[test]
    fn what_earlier_versions_wrote_is_read() {
        let named = Named { digest: [7; 32], upload: 4, bytes: 5, version: 9, format: Format::Arrow };
        let delta = Delta { number: 3, writer: "w".into(), changes: vec![(Coordinate::from(1_u32), Some(named))] };
        let bytes = delta.encode().unwrap();
        let (stream, _) = bytes.split_last_chunk::<DIGEST_BYTES>().unwrap();
        let records = StreamReader::try_new(stream, None).unwrap().next().unwrap().unwrap();
        let plain = |field: &FieldRef| field.as_ref().clone().with_metadata(Default::default());
        let schema = records.schema();
        let fields: Fields = schema.fields().iter().take(5).map(plain).collect();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        let records = RecordBatch::try_new(Arc::new(schema), records.columns()[..5].to_vec()).unwrap();
        let mut bytes = Batch::new(records).encode().unwrap();
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        assert_eq!(Delta::decode(3, &bytes).unwrap(), delta);
    }

    #[test]
    fn another_schema_is_refused() {
        let records = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let mut bytes = Batch::new(records).encode().unwrap();
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        assert!(matches!(Delta::decode(0, &bytes), Err(Error::Corrupt(_))));
    }
}
