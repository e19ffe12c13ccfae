//! Coordinates as a column of Arrow: an extension type over numbers or bytes.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, LargeBinaryArray, UInt64Array,
    cast::AsArray,
    types::{BinaryViewType, GenericBinaryType, UInt64Type},
};
use arrow_schema::{ArrowError, DataType, Field, extension::ExtensionType};

use crate::{Coordinate, Error, Result, atlas::STRATUM_BYTES};

/// The extension type `hologram.coordinate`, without metadata. Its storage is one of
///
/// | storage | a value is |
/// | --- | --- |
/// | `UInt64` | the coordinate's natural number |
/// | `FixedSizeBinary(6 * depth)` | its byte form, six bytes a stratum, for coordinates of one depth |
/// | `Binary`, `LargeBinary`, `BinaryView` | its byte form, for coordinates of any depth |
///
/// Order and prefixes of the bytes are those of the coordinates; numbers are in the order of the coordinates where all are
/// of one stratum, which is where [`coordinate_column`] uses them. See the Arrow format's [extension
/// types](https://arrow.apache.org/docs/format/Columnar.html#extension-types).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoordinateType;

impl ExtensionType for CoordinateType {
    const NAME: &'static str = "hologram.coordinate";

    type Metadata = ();

    fn metadata(&self) -> &() {
        &()
    }

    fn serialize_metadata(&self) -> Option<String> {
        None
    }

    fn deserialize_metadata(metadata: Option<&str>) -> Result<(), ArrowError> {
        match metadata {
            None | Some("") => Ok(()),
            Some(other) => {
                Err(ArrowError::InvalidArgumentError(format!("{}: it has no metadata, not {other:?}", Self::NAME)))
            }
        }
    }

    fn supports_data_type(&self, data_type: &DataType) -> Result<(), ArrowError> {
        match data_type {
            DataType::UInt64 | DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Ok(()),
            DataType::FixedSizeBinary(width) if *width > 0 && width % STRATUM_BYTES as i32 == 0 => Ok(()),
            other => Err(ArrowError::InvalidArgumentError(format!(
                "{}: {other} cannot hold it: use UInt64, FixedSizeBinary of a multiple of {STRATUM_BYTES}, or Binary",
                Self::NAME
            ))),
        }
    }

    fn try_new(data_type: &DataType, (): ()) -> Result<Self, ArrowError> {
        Self.supports_data_type(data_type)?;
        Ok(Self)
    }
}

/// Coordinates as a column that is never null, in the smallest storage that is in their order: numbers where each is of one
/// stratum, bytes of one width where all are of one depth, and else bytes with offsets of 64 bits.
pub fn coordinate_column(name: &str, coordinates: &[Coordinate]) -> (Field, ArrayRef) {
    let depth = coordinates.first().map_or(1, Coordinate::depth);
    let values = coordinates.iter().map(Coordinate::as_bytes);
    let numbers: Option<Vec<u64>> = coordinates.iter().map(|at| at.to_u64().filter(|_| at.depth() == 1)).collect();
    let one_width = || coordinates.iter().all(|at| at.depth() == depth).then(|| values.clone());
    let array: ArrayRef = if let Some(numbers) = numbers {
        Arc::new(UInt64Array::from(numbers))
    } else if let Some(array) = one_width().and_then(|values| FixedSizeBinaryArray::try_from_iter(values).ok()) {
        Arc::new(array)
    } else {
        // Offsets of 64 bits, for as many as there are.
        Arc::new(LargeBinaryArray::from_iter_values(values))
    };
    (coordinate_field(name, array.data_type().clone()), array)
}

/// A column of coordinates in this storage, never null. A storage that cannot hold them leaves the column without the
/// extension type.
pub fn coordinate_field(name: &str, storage: DataType) -> Field {
    let mut field = Field::new(name, storage, false);
    // Nothing to try again: the field keeps its storage.
    let _ = field.try_with_extension_type(CoordinateType);
    field
}

/// The coordinates of a column in any storage of [`CoordinateType`], whether or not its field says so.
///
/// # Errors
/// [`Error::Invalid`] for another type, for a null, and for bytes that are no coordinate; it names the row.
pub fn coordinates_of(column: &dyn Array) -> Result<Vec<Coordinate>> {
    let wrong = |error: ArrowError| Error::Invalid(error.to_string());
    CoordinateType.supports_data_type(column.data_type()).map_err(wrong)?;
    let value = |row: usize| match column.data_type() {
        DataType::UInt64 => Ok(Coordinate::from(column.as_primitive::<UInt64Type>().value(row))),
        DataType::FixedSizeBinary(_) => Coordinate::from_bytes(column.as_fixed_size_binary().value(row)),
        DataType::BinaryView => Coordinate::from_bytes(column.as_byte_view::<BinaryViewType>().value(row)),
        DataType::LargeBinary => Coordinate::from_bytes(column.as_bytes::<GenericBinaryType<i64>>().value(row)),
        _ => Coordinate::from_bytes(column.as_bytes::<GenericBinaryType<i32>>().value(row)),
    };
    let row = |row: usize| {
        if column.is_null(row) { Err(Error::Invalid("it is null".into())) } else { value(row) }.map_err(|error| {
            let what = if let Error::Invalid(what) = error { what } else { error.to_string() };
            Error::Invalid(format!("row {row} of a column of coordinates: {what}"))
        })
    };
    (0..column.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, BinaryViewArray, Int32Array, RecordBatch};
    use arrow_schema::Schema;

    use super::*;
    use crate::{Batch, Encoded, Schemas, Stratum};

    fn path(depth: usize, last: u32) -> Coordinate {
        let path = (1..depth).map(|_| Stratum::LAST).chain(Stratum::from_number(last.into()));
        Coordinate::from_strata(path).unwrap()
    }

    #[test]
    fn the_smallest_storage_holds_them() {
        let cases: [(&str, Vec<Coordinate>, DataType); 6] = [
            ("none", vec![], DataType::UInt64),
            ("one stratum", vec![path(1, 7), Coordinate::root(Stratum::LAST)], DataType::UInt64),
            ("two strata", vec![path(2, 1), path(2, 0)], DataType::FixedSizeBinary(12)),
            ("deep", vec![path(9, 1)], DataType::FixedSizeBinary(54)),
            ("mixed", vec![path(1, 1), path(2, 0)], DataType::LargeBinary),
            ("mixed and deep", vec![path(7, 1), path(1, 0), path(7, 1)], DataType::LargeBinary),
        ];
        for (name, coordinates, storage) in cases {
            let (field, array) = coordinate_column("at", &coordinates);
            assert_eq!(array.data_type(), &storage, "{name}");
            assert_eq!(field.try_extension_type::<CoordinateType>().unwrap(), CoordinateType, "{name}");
            assert_eq!(coordinates_of(&array).unwrap(), coordinates, "{name}");
            // The type travels with a stream, and comes back.
            let schema = Arc::new(Schema::new(vec![field]));
            let batch = Batch::new(RecordBatch::try_new(schema, vec![array]).unwrap());
            let read = Encoded::of(&batch).unwrap().decode(&Schemas::default()).unwrap();
            assert!(read.schema().field(0).try_extension_type::<CoordinateType>().is_ok(), "{name}");
            assert_eq!(coordinates_of(read.column(0)).unwrap(), coordinates, "{name}");
        }
    }

    #[test]
    fn every_storage_is_read() {
        let bytes = [path(1, 3), path(3, 4)];
        let values = || bytes.iter().map(Coordinate::as_bytes);
        let columns: [ArrayRef; 2] =
            [Arc::new(BinaryArray::from_iter_values(values())), Arc::new(BinaryViewArray::from_iter_values(values()))];
        for column in columns {
            assert_eq!(coordinates_of(&column).unwrap(), bytes);
        }
        let numbers = UInt64Array::from(vec![0, u64::MAX]);
        assert_eq!(coordinates_of(&numbers).unwrap(), [0, u64::MAX].map(Coordinate::from));
    }

    #[test]
    fn what_is_no_coordinate_is_named() {
        let cases: [(ArrayRef, &str); 5] = [
            (Arc::new(Int32Array::from(vec![1])), "Int32"),
            (Arc::new(UInt64Array::from(vec![Some(1), None])), "row 1 of a column of coordinates: it is null"),
            (
                Arc::new(BinaryArray::from_vec(vec![&[0; 6], &[0; 7]])),
                "row 1 of a column of coordinates: coordinate of 7",
            ),
            (Arc::new(BinaryArray::from_vec(vec![&[255; 6]])), "row 0 of a column of coordinates: "),
            (Arc::new(FixedSizeBinaryArray::try_from_iter([[0; 7]].into_iter()).unwrap()), "FixedSizeBinary(7)"),
        ];
        for (column, expected) in cases {
            let error = coordinates_of(&column).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let plain = Field::new("at", DataType::UInt64, false);
        assert!(plain.try_extension_type::<CoordinateType>().is_err());
        assert!(CoordinateType::deserialize_metadata(Some("more")).is_err());
        assert!(coordinate_field("at", DataType::Utf8).metadata().is_empty());
    }
}
