//! Columns in other types: numbers to numbers, text to one kind of text, encoded columns to plain ones.
//!
//! A number is read as the widest of its kind and written in the type that is asked for. A value that does not fit is an
//! error, never a NULL and never another number. Tests hold this to what arrow's own cast kernels give.

use crate::{Error, ErrorKind, Result};
use arrow_array::{
    Array, ArrayRef, BooleanArray, PrimitiveArray, StringViewArray, UInt64Array, cast::AsArray, downcast_run_array,
    new_null_array, types::*,
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use half::f16;
use std::{borrow::Cow, sync::Arc};

/// The type that counts the units of a date, time or duration; any other type as it is.
pub(super) fn counted(ty: &DataType) -> DataType {
    match ty {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(_, _) | DataType::Duration(_) => DataType::Int64,
        other => other.clone(),
    }
}

/// Whether [`convert`] takes a type to any number type.
pub(super) fn is_countable(ty: &DataType) -> bool {
    let counted = counted(ty);
    counted.is_numeric() || matches!(counted, DataType::Boolean | DataType::Null)
}

/// The column in this type: a number type, boolean or `Utf8View`.
///
/// # Errors
/// When a value does not fit, or the types do not convert.
pub(super) fn convert(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(column.clone());
    }
    match (column.data_type(), to) {
        (DataType::Null, _) => Ok(new_null_array(to, column.len())),
        (DataType::Utf8, DataType::Utf8View) => Ok(Arc::new(StringViewArray::from(column.as_string::<i32>()))),
        (DataType::LargeUtf8, DataType::Utf8View) => Ok(Arc::new(StringViewArray::from(column.as_string::<i64>()))),
        _ => write(&read(column)?, column, to),
    }
}

/// A run-end encoded column as a plain one.
pub(super) fn without_runs(column: &ArrayRef) -> Result<ArrayRef> {
    let plain = downcast_run_array! {
        column => {
            let at: UInt64Array = (0..column.len()).map(|i| column.get_physical_index(i) as u64).collect::<Vec<_>>().into();
            arrow_select::take::take(column.values(), &at, None)?
        },
        _ => column.clone(),
    };
    Ok(plain)
}

/// Numbers in the widest type of their kind; what stands where a NULL is means nothing.
enum Wide<'a> {
    Signed(Cow<'a, [i64]>),
    Unsigned(Cow<'a, [u64]>),
    Float(Cow<'a, [f64]>),
}

fn unsuited(from: &DataType, to: &str) -> Error {
    Error::invalid(format!("a column of {from} does not become {to}"))
}

fn read(column: &ArrayRef) -> Result<Wide<'_>> {
    fn each<T: ArrowPrimitiveType, W>(column: &ArrayRef, widen: impl Fn(T::Native) -> W) -> Vec<W> {
        column.as_primitive::<T>().values().iter().map(|v| widen(*v)).collect()
    }
    let signed = |v: Vec<i64>| Ok(Wide::Signed(Cow::Owned(v)));
    let unsigned = |v: Vec<u64>| Ok(Wide::Unsigned(Cow::Owned(v)));
    let float = |v: Vec<f64>| Ok(Wide::Float(Cow::Owned(v)));
    let decimal = |scale: i8, v: &dyn Fn(usize) -> String| {
        let text = |i: usize| if column.is_valid(i) { v(i).parse::<f64>() } else { Ok(0.0) };
        let values = (0..column.len()).map(text).collect::<Result<Vec<f64>, _>>();
        values.map_err(|e| Error::new(ErrorKind::Internal, format!("a decimal of scale {scale}: {e}"))).and_then(float)
    };
    match column.data_type() {
        DataType::Boolean => signed(column.as_boolean().values().iter().map(i64::from).collect()),
        DataType::Int8 => signed(each::<Int8Type, _>(column, i64::from)),
        DataType::Int16 => signed(each::<Int16Type, _>(column, i64::from)),
        DataType::Int32 => signed(each::<Int32Type, _>(column, i64::from)),
        DataType::Int64 => Ok(Wide::Signed(Cow::Borrowed(column.as_primitive::<Int64Type>().values()))),
        DataType::UInt8 => unsigned(each::<UInt8Type, _>(column, u64::from)),
        DataType::UInt16 => unsigned(each::<UInt16Type, _>(column, u64::from)),
        DataType::UInt32 => unsigned(each::<UInt32Type, _>(column, u64::from)),
        DataType::UInt64 => Ok(Wide::Unsigned(Cow::Borrowed(column.as_primitive::<UInt64Type>().values()))),
        DataType::Float16 => float(each::<Float16Type, _>(column, f16::to_f64)),
        DataType::Float32 => float(each::<Float32Type, _>(column, f64::from)),
        DataType::Float64 => Ok(Wide::Float(Cow::Borrowed(column.as_primitive::<Float64Type>().values()))),
        DataType::Decimal32(_, s) => {
            let array = column.as_primitive::<Decimal32Type>();
            decimal(*s, &|i| array.value_as_string(i))
        }
        DataType::Decimal64(_, s) => {
            let array = column.as_primitive::<Decimal64Type>();
            decimal(*s, &|i| array.value_as_string(i))
        }
        DataType::Decimal128(_, s) => {
            let array = column.as_primitive::<Decimal128Type>();
            decimal(*s, &|i| array.value_as_string(i))
        }
        DataType::Decimal256(_, s) => {
            let array = column.as_primitive::<Decimal256Type>();
            decimal(*s, &|i| array.value_as_string(i))
        }
        DataType::Date32 | DataType::Time32(_) => {
            let days = column.to_data().into_builder().data_type(DataType::Int32).build()?;
            signed(PrimitiveArray::<Int32Type>::from(days).values().iter().map(|v| i64::from(*v)).collect())
        }
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(_, _) | DataType::Duration(_) => {
            let units = column.to_data().into_builder().data_type(DataType::Int64).build()?;
            signed(PrimitiveArray::<Int64Type>::from(units).values().to_vec())
        }
        other => Err(unsuited(other, "a number")),
    }
}

/// A number type that wide numbers are written in; `None` where a value does not fit. Floats round, and become integers
/// by leaving out the fraction.
trait Target: ArrowPrimitiveType {
    fn signed(v: i64) -> Option<Self::Native>;
    fn unsigned(v: u64) -> Option<Self::Native>;
    fn float(v: f64) -> Option<Self::Native>;
}

macro_rules! integer_targets {
    ($($arrow:ty = $t:ty),+ $(,)?) => {$(
        impl Target for $arrow {
            #[inline]
            fn signed(v: i64) -> Option<$t> {
                v.try_into().ok()
            }
            #[inline]
            fn unsigned(v: u64) -> Option<$t> {
                v.try_into().ok()
            }
            #[inline]
            fn float(v: f64) -> Option<$t> {
                // The bounds are powers of two, or rounded away from zero to one; both compare exactly.
                let whole = v.trunc();
                let fits = whole >= <$t>::MIN as f64 && whole < <$t>::MAX as f64 + if <$t>::BITS < 53 { 1.0 } else { 0.0 };
                fits.then_some(whole as $t)
            }
        }
    )+};
}
integer_targets!(
    Int8Type = i8,
    Int16Type = i16,
    Int32Type = i32,
    Int64Type = i64,
    UInt8Type = u8,
    UInt16Type = u16,
    UInt32Type = u32,
    UInt64Type = u64,
);

macro_rules! float_targets {
    ($($arrow:ty = $signed:expr, $unsigned:expr, $float:expr;)+) => {$(
        impl Target for $arrow {
            #[inline]
            fn signed(v: i64) -> Option<Self::Native> {
                Some($signed(v))
            }
            #[inline]
            fn unsigned(v: u64) -> Option<Self::Native> {
                Some($unsigned(v))
            }
            #[inline]
            fn float(v: f64) -> Option<Self::Native> {
                Some($float(v))
            }
        }
    )+};
}
float_targets!(
    Float16Type = |v| f16::from_f64(v as f64), |v| f16::from_f64(v as f64), f16::from_f64;
    Float32Type = |v| v as f32, |v| v as f32, |v| v as f32;
    Float64Type = |v| v as f64, |v| v as f64, |v| v;
);

fn write(wide: &Wide<'_>, column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let nulls = column.nulls().cloned();
    match to {
        DataType::Boolean => {
            let values = match wide {
                Wide::Signed(v) => v.iter().map(|v| *v != 0).collect(),
                Wide::Unsigned(v) => v.iter().map(|v| *v != 0).collect(),
                Wide::Float(v) => v.iter().map(|v| *v != 0.0).collect(),
            };
            Ok(Arc::new(BooleanArray::new(values, nulls)))
        }
        DataType::Int8 => numbers::<Int8Type>(wide, nulls),
        DataType::Int16 => numbers::<Int16Type>(wide, nulls),
        DataType::Int32 => numbers::<Int32Type>(wide, nulls),
        DataType::Int64 => numbers::<Int64Type>(wide, nulls),
        DataType::UInt8 => numbers::<UInt8Type>(wide, nulls),
        DataType::UInt16 => numbers::<UInt16Type>(wide, nulls),
        DataType::UInt32 => numbers::<UInt32Type>(wide, nulls),
        DataType::UInt64 => numbers::<UInt64Type>(wide, nulls),
        DataType::Float16 => numbers::<Float16Type>(wide, nulls),
        DataType::Float32 => numbers::<Float32Type>(wide, nulls),
        DataType::Float64 => numbers::<Float64Type>(wide, nulls),
        other => Err(unsuited(column.data_type(), &other.to_string())),
    }
}

fn numbers<T: Target>(wide: &Wide<'_>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let nulls = nulls.as_ref();
    let values = match wide {
        Wide::Signed(v) => each(v, nulls, T::signed, &T::DATA_TYPE),
        Wide::Unsigned(v) => each(v, nulls, T::unsigned, &T::DATA_TYPE),
        Wide::Float(v) => each(v, nulls, T::float, &T::DATA_TYPE),
    };
    Ok(Arc::new(PrimitiveArray::<T>::new(values?.into(), nulls.cloned())))
}

fn each<W: Copy + std::fmt::Display, N: Default>(
    values: &[W],
    nulls: Option<&NullBuffer>,
    narrow: impl Fn(W) -> Option<N>,
    to: &DataType,
) -> Result<Vec<N>> {
    let mut out = Vec::with_capacity(values.len());
    for (i, v) in values.iter().enumerate() {
        match narrow(*v) {
            Some(n) => out.push(n),
            None if nulls.is_some_and(|n| n.is_null(i)) => out.push(N::default()),
            None => {
                return Err(Error::invalid(format!("row {i}: {v} does not fit {to}; filter it out or cast it first")));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int64Array, RunArray};
    use arrow_cast::{CastOptions, cast_with_options};
    use arrow_schema::TimeUnit;

    const NUMBERS: [DataType; 12] = [
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
    ];

    fn theirs(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
        cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }).ok()
    }

    /// One value a column, so that each that does not fit is seen.
    fn singles() -> Vec<ArrayRef> {
        let floats = [0.0, -0.0, 0.5, -0.9, 1.5, 127.0, 127.9, 128.0, -128.9, -129.0, 255.5, 256.0, 32_767.5, 65_504.0];
        let floats = floats.iter().copied().chain([65_520.0, 2_147_483_647.5, 2_147_483_648.0, 4_294_967_296.0, 1e40]);
        let floats =
            floats.chain([9_223_372_036_854_775_807.0, -9_223_372_036_854_775_808.0, 18_446_744_073_709_551_615.0]);
        let floats = floats.chain([16_777_217.0, 1.0e-45, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]);
        let ints = [0i64, 1, -1, 127, 128, -128, -129, 255, 256, 65_535, 65_536, 16_777_217, i64::MAX, i64::MIN];
        let ints = ints.into_iter().chain([9_007_199_791_611_905, (1 << 40) + 1, 2_047, 2_049]);
        let mut all: Vec<ArrayRef> = floats.map(|v| Arc::new(Float64Array::from(vec![v])) as ArrayRef).collect();
        all.extend(ints.map(|v| Arc::new(Int64Array::from(vec![v])) as ArrayRef));
        all.push(Arc::new(UInt64Array::from(vec![u64::MAX])));
        all.push(Arc::new(Float64Array::from(vec![None])));
        all
    }

    #[test]
    fn every_pair_of_number_types_gives_what_arrow_gives() {
        let mut pairs = 0;
        for value in singles() {
            for from in &NUMBERS {
                let Some(column) = theirs(&value, from) else { continue };
                for to in &NUMBERS {
                    let (got, want) = (convert(&column, to).ok(), theirs(&column, to));
                    assert_eq!(got.is_some(), want.is_some(), "{column:?} to {to}");
                    if let (Some(got), Some(want)) = (got, want) {
                        assert_eq!(&got, &want, "{column:?} to {to}");
                        pairs += 1;
                    }
                }
            }
        }
        assert!(pairs > 3_000, "{pairs} pairs");
    }

    #[test]
    fn what_stands_under_a_null_does_not_matter() {
        let under = Int64Array::new(vec![7, i64::MAX].into(), Some(vec![true, false].into()));
        let got = convert(&(Arc::new(under) as ArrayRef), &DataType::Int8).unwrap();
        assert_eq!((got.len(), got.null_count(), got.as_primitive::<Int8Type>().value(0)), (2, 1, 7));
        let nothing = convert(&new_null_array(&DataType::Null, 3), &DataType::Float32).unwrap();
        assert_eq!((nothing.data_type(), nothing.null_count()), (&DataType::Float32, 3));
    }

    #[test]
    fn decimals_dates_and_times_are_counted() {
        let money = [
            DataType::Decimal32(8, 2),
            DataType::Decimal64(9, 2),
            DataType::Decimal128(9, 2),
            DataType::Decimal256(40, 2),
        ];
        for ty in money {
            let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(12.25), None, Some(-0.5)]));
            let column = theirs(&values, &ty).unwrap();
            for to in [DataType::Float64, DataType::Float32, DataType::Int32] {
                assert_eq!(&convert(&column, &to).unwrap(), &theirs(&column, &to).unwrap(), "{ty} to {to}");
            }
        }
        let units: ArrayRef = Arc::new(Int64Array::from(vec![Some(86_400_000), None]));
        for ty in [
            DataType::Date64,
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            DataType::Duration(TimeUnit::Second),
            DataType::Time64(TimeUnit::Nanosecond),
        ] {
            assert!(is_countable(&ty) && counted(&ty) == DataType::Int64, "{ty}");
            let got = convert(&theirs(&units, &ty).unwrap(), &DataType::Int64).unwrap();
            assert_eq!(&got, &units, "{ty}");
        }
        let days = theirs(&(Arc::new(Int64Array::from(vec![3])) as ArrayRef), &DataType::Int32).unwrap();
        let dates = theirs(&days, &DataType::Date32).unwrap();
        assert_eq!(convert(&dates, &DataType::Float64).unwrap().as_primitive::<Float64Type>().value(0), 3.0);
        assert!(!is_countable(&DataType::Binary) && !is_countable(&DataType::Utf8));
    }

    #[test]
    fn text_and_runs_become_plain() {
        let text: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("longer than twelve bytes")]));
        for ty in [DataType::Utf8, DataType::LargeUtf8] {
            assert_eq!(&convert(&theirs(&text, &ty).unwrap(), &DataType::Utf8View).unwrap(), &text);
        }
        let ends = PrimitiveArray::<Int32Type>::from(vec![2, 3]);
        let runs = RunArray::try_new(&ends, &Int64Array::from(vec![Some(5), None])).unwrap();
        let sliced: ArrayRef = Arc::new(runs.slice(1, 2));
        assert_eq!(without_runs(&sliced).unwrap().as_primitive::<Int64Type>(), &Int64Array::from(vec![Some(5), None]));
        assert!(convert(&text, &DataType::Float32).is_err());
        assert!(convert(&(Arc::new(Int64Array::from(vec![1])) as ArrayRef), &DataType::Utf8View).is_err());
    }
}
