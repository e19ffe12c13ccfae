//! Encoded batches: one Arrow IPC stream of a schema and a batch, and reading it back in microseconds.
//!
//! The stream is what every tier beyond memory holds. It is a plain one: any Arrow reader opens it. Reading one here takes
//! no copy, and parses a schema once for all streams that begin with the same bytes. Whoever calls
//! [`decode`](Encoded::decode) has checked the bytes: arrow-ipc does not notice damage.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::{
    MetadataVersion,
    convert::try_schema_from_ipc_buffer,
    reader::{StreamDecoder, read_record_batch},
    root_as_message,
    writer::StreamWriter,
};
use arrow_schema::{DataType, Field, SchemaRef};
use twox_hash::XxHash3_128;

use crate::{Batch, Error, Result};

/// Schemas that a cache holds before it starts anew: a store has few, and a hostile one no more than this.
const SCHEMAS_MAX: usize = 4_096;

/// The marker and the length before a message.
const PREFIX_BYTES: usize = 8;

/// The Arrow IPC stream of one batch.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The stream.
    bytes: Buffer,
    shape: Shape,
}

/// What is known of a stream beside its bytes; tiers keep it with their indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The bytes of the schema's message, which come first.
    pub(crate) schema_bytes: u32,
    /// Whether the batch's message follows at once, without dictionaries.
    pub(crate) is_plain: bool,
}

impl Encoded {
    /// Encodes a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a type that Arrow IPC cannot express, [`Error::Exhausted`] for a schema over 4 GiB.
    pub fn of(batch: &Batch) -> Result<Self> {
        let records = batch.records();
        let wrong = |error| Error::Invalid(format!("batch that Arrow IPC cannot express: {error}"));
        let mut writer = StreamWriter::try_new(Vec::new(), &records.schema()).map_err(wrong)?;
        let schema_bytes = u32::try_from(writer.get_ref().len())
            .map_err(|_| Error::Exhausted("a schema of more than 4 GiB".into()))?;
        writer.write(records).and_then(|()| writer.finish()).map_err(wrong)?;
        let mut bytes = writer.into_inner().map_err(wrong)?;
        bytes.shrink_to_fit();
        let is_dictionary = |data_type: &DataType| matches!(data_type, DataType::Dictionary(..));
        let is_plain = !records.schema().fields().iter().any(|field| contains(field.data_type(), is_dictionary));
        Ok(Self { bytes: Buffer::from_vec(bytes), shape: Shape { schema_bytes, is_plain } })
    }

    /// A stream whose bytes were checked.
    #[cfg(any(test, feature = "mmap", feature = "remote"))]
    pub(crate) fn checked(bytes: Buffer, shape: Shape) -> Self {
        Self { bytes, shape }
    }

    /// The stream.
    pub fn bytes(&self) -> &Buffer {
        &self.bytes
    }

    #[cfg(any(test, feature = "mmap", feature = "remote"))]
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The batch. Its arrays lie in the stream's buffer.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a stream that does not decode.
    pub fn decode(&self, schemas: &Schemas) -> Result<RecordBatch> {
        let read = if self.shape.is_plain { self.decode_plain(schemas)? } else { None };
        match read {
            Some(records) => Ok(records),
            None => self.decode_stream(),
        }
    }

    /// One message after a schema that is known. `None` where the stream is not as its shape says.
    fn decode_plain(&self, schemas: &Schemas) -> Result<Option<RecordBatch>> {
        let start = self.shape.schema_bytes as usize;
        let Some(schema_bytes) = self.bytes.get(..start) else { return Ok(None) };
        let schema = match schemas.find(schema_bytes) {
            Some(schema) => schema,
            None => schemas.add(schema_bytes, self.read_schema()?),
        };
        let Some(prefix) = self.bytes.get(start..start + PREFIX_BYTES) else { return Ok(None) };
        let length = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]) as usize;
        let head = start + PREFIX_BYTES;
        let Some(message) = head.checked_add(length).and_then(|end| self.bytes.get(head..end)) else { return Ok(None) };
        let message = root_as_message(message).map_err(|error| corrupt(&error))?;
        let (body, bytes) = (head + length, usize::try_from(message.bodyLength()).unwrap_or(usize::MAX));
        let Some(batch) = message.header_as_record_batch() else { return Ok(None) };
        if bytes > self.bytes.len() - body {
            return Err(corrupt(&"a body past the end"));
        }
        let body = self.bytes.slice_with_length(body, bytes);
        read_record_batch(&body, batch, schema, &HashMap::new(), None, &MetadataVersion::V5)
            .map(Some)
            .map_err(|error| corrupt(&error))
    }

    fn read_schema(&self) -> Result<SchemaRef> {
        let bytes = self.bytes.get(..self.shape.schema_bytes as usize).unwrap_or_default();
        try_schema_from_ipc_buffer(bytes).map(SchemaRef::new).map_err(|error| corrupt(&error))
    }

    fn decode_stream(&self) -> Result<RecordBatch> {
        let mut decoder = StreamDecoder::new();
        let mut bytes = self.bytes.clone();
        let read = decoder.decode(&mut bytes).map_err(|error| corrupt(&error))?;
        read.ok_or_else(|| corrupt(&"it holds no batch"))
    }
}

fn corrupt(error: &dyn std::fmt::Display) -> Error {
    Error::Corrupt(format!("an encoded batch does not decode: {error}"))
}

/// Whether a type or one that is nested in it is as asked.
pub(crate) fn contains(data_type: &DataType, is: fn(&DataType) -> bool) -> bool {
    let nested = |field: &Field| contains(field.data_type(), is);
    is(data_type)
        || match data_type {
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => nested(field),
            DataType::Struct(fields) => fields.iter().any(|field| nested(field)),
            DataType::Union(fields, _) => fields.iter().any(|(_, field)| nested(field)),
            DataType::RunEndEncoded(ends, values) => nested(ends) || nested(values),
            DataType::Dictionary(_, values) => contains(values, is),
            _ => false,
        }
}

/// Schemas by the bytes of their messages.
#[derive(Debug, Default)]
pub struct Schemas(RwLock<HashMap<u128, Known>>);

/// A schema with the bytes that it was read from.
#[derive(Debug)]
struct Known {
    bytes: Box<[u8]>,
    schema: SchemaRef,
}

impl Schemas {
    fn find(&self, bytes: &[u8]) -> Option<SchemaRef> {
        let schemas = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = schemas.get(&XxHash3_128::oneshot(bytes))?;
        (*known.bytes == *bytes).then(|| SchemaRef::clone(&known.schema))
    }

    fn add(&self, bytes: &[u8], schema: SchemaRef) -> SchemaRef {
        let mut schemas = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if schemas.len() >= SCHEMAS_MAX {
            schemas.clear();
        }
        let known = Known { bytes: bytes.into(), schema: SchemaRef::clone(&schema) };
        schemas.insert(XxHash3_128::oneshot(bytes), known);
        schema
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow_array::{
        Array, ArrayRef, DictionaryArray, Float32Array, Int32Array, Int64Array, ListArray, StringViewArray,
        StructArray,
        types::{Int8Type, Int32Type},
    };

    fn columns() -> Vec<(&'static str, ArrayRef)> {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        let dictionary: DictionaryArray<Int8Type> = ["a", "b", "a"].into_iter().collect();
        let nested = StructArray::from(vec![(
            Arc::new(Field::new("d", dictionary.data_type().clone(), false)),
            Arc::new(dictionary.clone()) as ArrayRef,
        )]);
        vec![
            ("number", Arc::new(Float32Array::from(vec![Some(1.5), None, Some(-0.0)]))),
            ("text", Arc::new(StringViewArray::from(vec!["", "short", "a text that is longer than twelve bytes"]))),
            ("list", Arc::new(list)),
            ("codes", Arc::new(dictionary)),
            ("nested", Arc::new(nested)),
        ]
    }

    #[test]
    fn every_column_comes_back_in_the_streams_own_bytes() {
        let schemas = Schemas::default();
        let all = columns();
        let sets = (0..all.len()).map(|i| vec![all[i].clone()]).chain([all.clone()]);
        for set in sets {
            let records = RecordBatch::try_from_iter(set).unwrap();
            let encoded = Encoded::of(&Batch::new(records.clone())).unwrap();
            assert_eq!(encoded.bytes().as_slice(), Batch::new(records.clone()).encode().unwrap());
            for _ in 0..2 {
                let read = encoded.decode(&schemas).unwrap();
                assert_eq!((read.schema(), &read), (records.schema(), &records));
                let inside = encoded.bytes().as_ptr_range();
                for buffer in read.columns().iter().flat_map(|c| c.to_data().buffers().to_vec()) {
                    // What Arrow makes of nothing lies nowhere in particular.
                    assert!(buffer.is_empty() || inside.contains(&buffer.as_ptr()), "{:?}", records.schema());
                }
            }
        }
    }

    #[test]
    fn schemas_are_told_apart_and_bounded() {
        let schemas = Schemas::default();
        for i in 0..SCHEMAS_MAX + 10 {
            let column: ArrayRef = Arc::new(Int64Array::from(vec![i as i64]));
            let records = RecordBatch::try_from_iter([(i.to_string(), column)]).unwrap();
            assert_eq!(Encoded::of(&Batch::new(records.clone())).unwrap().decode(&schemas).unwrap(), records);
        }
        assert!(schemas.0.read().unwrap().len() <= SCHEMAS_MAX);
    }

    #[test]
    fn a_wrong_shape_is_no_wrong_answer() {
        let records = RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef)]).unwrap();
        let encoded = Encoded::of(&Batch::new(records.clone())).unwrap();
        for schema_bytes in 0..encoded.bytes().len() as u32 + 9 {
            let shape = Shape { schema_bytes, is_plain: true };
            let read = Encoded::checked(encoded.bytes().clone(), shape).decode(&Schemas::default());
            assert!(read.is_err() || read.is_ok_and(|read| read == records), "{schema_bytes}");
        }
        let shape = Shape { is_plain: false, ..encoded.shape() };
        let read = Encoded::checked(encoded.bytes().clone(), shape).decode(&Schemas::default()).unwrap();
        assert_eq!(read, records);
    }
}
