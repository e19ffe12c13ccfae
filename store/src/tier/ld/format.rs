//! The bytes of an object: the Arrow IPC stream of a batch, or a Parquet file of it.

use arrow_buffer::Buffer;
use bytes::Bytes;

use crate::{Batch, Encoded, Result, Schemas, encoded::Shape};

/// How an object holds its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The Arrow IPC stream: the fastest to read.
    #[default]
    Arrow,
    /// Apache Parquet, compressed with zstd: the smallest, for what is read seldom. Needs the feature `parquet`. A batch
    /// that would not come back to the bit, as one with a union, is kept as [`Format::Arrow`].
    Parquet,
}

impl Format {
    const ALL: [Self; 2] = [Self::Arrow, Self::Parquet];

    /// What objects' names end in.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// The number that the log has for it.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Arrow => 0,
            Self::Parquet => 1,
        }
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.number() == number)
    }

    /// A batch's bytes, in this format if it can hold it.
    ///
    /// # Errors
    /// [`Invalid`](crate::Error::Invalid) for a type that Arrow IPC cannot express, and for Parquet without the feature `parquet`.
    pub(super) fn encode(self, batch: &Batch) -> Result<(Vec<u8>, Self)> {
        let stream = batch.encode()?;
        match self {
            Self::Arrow => Ok((stream, self)),
            Self::Parquet => {
                let file = parquet::encode(batch.records())?;
                let comes_back = |file: &Bytes| {
                    let read = parquet::decode(file.clone()).and_then(|read| Batch::new(read).encode());
                    read.is_ok_and(|read| read == stream)
                };
                match file.map(Bytes::from).filter(comes_back) {
                    Some(file) => Ok((file.into(), self)),
                    None => Ok((stream, Self::Arrow)),
                }
            }
        }
    }

    /// Reads bytes that were checked.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Error::Corrupt) where they do not decode, [`Invalid`](crate::Error::Invalid) for Parquet without the feature `parquet`.
    pub(super) fn decode(self, bytes: Vec<u8>, schemas: &Schemas) -> Result<Batch> {
        let records = match self {
            Self::Arrow => {
                let shape = Shape { schema_bytes: 0, is_plain: false };
                Encoded::checked(Buffer::from_vec(bytes), shape).decode(schemas)?
            }
            Self::Parquet => parquet::decode(bytes.into())?,
        };
        Ok(Batch::new(records))
    }
}

#[cfg(feature = "parquet")]
mod parquet {
    use ::parquet::{
        arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    };
    use arrow_array::RecordBatch;
    use arrow_schema::DataType;
    use bytes::Bytes;

    use crate::{Error, Result, encoded::contains};

    /// One row group of a batch; `None` where Parquet cannot express it.
    pub(super) fn encode(records: &RecordBatch) -> Result<Option<Vec<u8>>> {
        let is_union = |data_type: &DataType| matches!(data_type, DataType::Union(..));
        if records.schema().fields().iter().any(|field| contains(field.data_type(), is_union)) {
            return Ok(None);
        }
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(records.num_rows().max(1)))
            .set_created_by("hologram".to_owned())
            .build();
        let mut file = Vec::new();
        let written = ArrowWriter::try_new(&mut file, records.schema(), Some(properties)).and_then(|mut writer| {
            writer.write(records)?;
            writer.close()
        });
        Ok(written.is_ok().then_some(file))
    }

    pub(super) fn decode(bytes: Bytes) -> Result<RecordBatch> {
        let corrupt =
            |what: &dyn std::fmt::Display| Error::Corrupt(format!("a Parquet object does not decode: {what}"));
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| corrupt(&error))?;
        let (schema, rows) = (builder.schema().clone(), builder.metadata().file_metadata().num_rows());
        let rows = usize::try_from(rows).map_err(|error| corrupt(&error))?;
        let mut reader = builder.with_batch_size(rows.max(1)).build().map_err(|error| corrupt(&error))?;
        let records = match reader.next() {
            None => RecordBatch::new_empty(schema),
            Some(read) => read.map_err(|error| corrupt(&error))?,
        };
        if records.num_rows() != rows {
            return Err(corrupt(&format_args!("{} of {rows} rows in its first batch", records.num_rows())));
        }
        Ok(records)
    }
}

#[cfg(not(feature = "parquet"))]
mod parquet {
    use arrow_array::RecordBatch;
    use bytes::Bytes;

    use crate::{Error, Result};

    fn missing<T>() -> Result<T> {
        Err(Error::Invalid("Parquet objects need the feature `parquet` of hologram-store: build with it".into()))
    }

    pub(super) fn encode(_: &RecordBatch) -> Result<Option<Vec<u8>>> {
        missing()
    }

    pub(super) fn decode(_: Bytes) -> Result<RecordBatch> {
        missing()
    }
}

#[cfg(feature = "parquet")]
#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, ListArray,
        NullArray, RecordBatch, RecordBatchOptions, StringArray, StringViewArray, StructArray,
        TimestampNanosecondArray, UInt64Array, UnionArray,
        types::{Int8Type, Int32Type},
    };
    use arrow_buffer::ScalarBuffer;
    use arrow_schema::{DataType, Field, Schema, UnionFields};

    use super::*;
    use crate::Error;

    fn columns() -> Vec<ArrayRef> {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        let dictionary: DictionaryArray<Int8Type> = ["b", "a", "b"].into_iter().collect();
        let nested =
            StructArray::from(vec![(Arc::new(Field::new("t", DataType::Utf8, true)), strings(&["x", "", "y"]))]);
        let numbers = Int32Array::from(vec![1, 2, 3]);
        let fields = UnionFields::try_new([0], [Field::new("n", DataType::Int32, false)]).unwrap();
        let union = UnionArray::try_new(fields, ScalarBuffer::from(vec![0_i8; 3]), None, vec![Arc::new(numbers)]);
        vec![
            Arc::new(Float32Array::from(vec![Some(-0.0), None, Some(f32::from_bits(0x7fc0_1234))])),
            Arc::new(Float64Array::from(vec![f64::MIN_POSITIVE / 2.0, f64::NAN, f64::INFINITY])),
            Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1])),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            Arc::new(TimestampNanosecondArray::from(vec![1, -1, i64::MIN]).with_timezone("+01:00")),
            Arc::new(StringViewArray::from(vec!["", "short", "a text that is longer than twelve bytes"])),
            Arc::new(BinaryViewArray::from_iter_values([&b"\xff"[..], b"", b"abc"])),
            Arc::new(NullArray::new(3)),
            Arc::new(list),
            Arc::new(dictionary),
            Arc::new(nested),
            Arc::new(union.unwrap()),
        ]
    }

    fn strings(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    /// In whichever format, what is read has the bits of what was written.
    #[test]
    fn every_batch_comes_back() {
        let mut batches: Vec<RecordBatch> =
            columns().into_iter().map(|column| RecordBatch::try_from_iter([("c", column)]).unwrap()).collect();
        batches.extend(batches.clone().iter().map(|records| records.slice(1, 2)));
        batches.extend(batches.clone().iter().map(|records| records.slice(0, 0)));
        let metadata = Schema::new_with_metadata(
            vec![Field::new("a", DataType::Utf8, false).with_metadata([("k".into(), "v".into())].into())],
            [("model".into(), "m".into())].into(),
        );
        batches.push(RecordBatch::try_new(Arc::new(metadata), vec![strings(&["1", "2"])]).unwrap());
        let rows = RecordBatchOptions::new().with_row_count(Some(3));
        batches.push(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &rows).unwrap());
        let mut as_parquet = 0;
        for records in batches {
            let batch = Batch::new(records);
            for format in Format::ALL {
                let (bytes, format) = format.encode(&batch).unwrap();
                as_parquet += usize::from(format == Format::Parquet);
                assert_eq!(format == Format::Parquet, bytes.starts_with(b"PAR1"));
                let read = format.decode(bytes, &Schemas::default()).unwrap();
                assert_eq!(
                    read.encode().unwrap(),
                    batch.encode().unwrap(),
                    "{:?} {format:?}",
                    batch.records().schema()
                );
            }
        }
        assert!(as_parquet >= 20, "{as_parquet} of them as Parquet");
    }

    #[test]
    fn what_repeats_is_small() {
        let labels = ["ham", "spam", "unknown"];
        let column = StringArray::from_iter_values((0..10_000).map(|i| labels[i * i % 3]));
        let batch = Batch::new(RecordBatch::try_from_iter([("label", Arc::new(column) as ArrayRef)]).unwrap());
        let [arrow, parquet] = Format::ALL.map(|format| format.encode(&batch).unwrap().0.len());
        assert!(parquet * 10 < arrow, "{parquet} bytes as Parquet, {arrow} as Arrow");
    }

    #[test]
    fn damage_is_an_error() {
        let batch = Batch::new(RecordBatch::try_from_iter([("c", strings(&["1", "2", "3"]))]).unwrap());
        let (bytes, format) = Format::Parquet.encode(&batch).unwrap();
        for length in 0..bytes.len() {
            let read = format.decode(bytes[..length].to_vec(), &Schemas::default());
            assert!(matches!(read, Err(Error::Corrupt(_))), "cut to {length}");
        }
    }

    #[test]
    fn names_and_numbers_are_told_apart() {
        for format in Format::ALL {
            assert_eq!(Format::of_number(format.number()), Some(format));
            assert_eq!(Format::of_extension(format.extension()), Some(format));
        }
        assert_eq!((Format::of_number(9), Format::of_extension("csv")), (None, None));
    }
}
