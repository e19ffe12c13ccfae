//! From a column's type to an input's element type: chosen when columns are bound, done batch by batch.

use super::convert::{convert, counted, is_countable, without_runs};
use crate::{Error, ErrorKind, Result};
use arrow_array::{Array, ArrayRef, Float64Array, PrimitiveArray, StringViewArray, cast::AsArray, types};
use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};
use arrow_schema::DataType;
use half::{bf16, f16};
use hologram_ops::{DType, Tensor};
use std::{collections::HashMap, sync::Arc};

/// What turns a column into elements.
#[derive(Debug, Clone)]
pub(super) struct Convert {
    dtype: DType,
    /// The column's type without its dictionary.
    plain: DataType,
    /// The type that the values become: the [`carrier`] of the element type.
    carrier: DataType,
    /// The code of each category, where categories are coded.
    codes: Option<Codes>,
}

/// The code of each category: by its text, or by its bits as a number.
#[derive(Debug, Clone)]
enum Codes {
    Text(Arc<HashMap<String, u32>>),
    Number(Arc<HashMap<u64, u32>>),
}

/// The bits of a number, one pattern for both zeros.
fn number_key(x: f64) -> u64 {
    (x + 0.0).to_bits()
}

/// The Arrow type that carries elements of a type between columns and tensors; `None` for types that Arrow lacks.
pub(super) fn carrier(dtype: DType) -> Option<DataType> {
    Some(match dtype {
        DType::F32 | DType::BF16 => DataType::Float32,
        DType::F64 => DataType::Float64,
        DType::F16 => DataType::Float16,
        DType::I8 => DataType::Int8,
        DType::I16 => DataType::Int16,
        DType::I32 => DataType::Int32,
        DType::I64 => DataType::Int64,
        DType::U8 => DataType::UInt8,
        DType::U16 => DataType::UInt16,
        DType::U32 => DataType::UInt32,
        DType::U64 => DataType::UInt64,
        DType::Bool => DataType::Boolean,
        DType::String => DataType::Utf8View,
        _ => return None,
    })
}

/// The type of the values behind a dictionary or runs.
fn plain(ty: &DataType) -> &DataType {
    match ty {
        DataType::Dictionary(_, values) => values,
        DataType::RunEndEncoded(_, values) => values.data_type(),
        other => other,
    }
}

/// Whether a column that was bound as one type may come as another: texts in any layout, behind a dictionary or not.
pub(super) fn is_same_column(bound: &DataType, given: &DataType) -> bool {
    bound.equals_datatype(given) || plain(bound).is_string() && plain(given).is_string()
}

impl Convert {
    /// The conversion from a column's type, and whether it keeps every value; the error says why there is none.
    pub(super) fn new(from: &DataType, dtype: DType, categories: Option<&[String]>) -> Result<(Self, bool), String> {
        let plain = plain(from).clone();
        let carrier = carrier(dtype).ok_or_else(|| format!("takes {dtype}, which no column holds"))?;
        let mut convert = Self { dtype, plain, carrier, codes: None };
        if dtype == DType::String {
            if !convert.plain.is_string() && convert.plain != DataType::Null {
                return Err(format!("takes text, and the column is {from}: cast it to text"));
            }
            return Ok((convert, true));
        }
        let plain = convert.plain.clone();
        if plain.is_string() {
            let categories = categories.ok_or_else(|| format!("takes {dtype}, and the column is {from}"))?;
            let coded = (0u32..).zip(categories).map(|(i, c)| (c.clone(), i));
            convert.codes = Some(Codes::Text(Arc::new(coded.collect())));
            return Ok((convert, true));
        }
        if let Some(categories) = categories {
            let known = |c: &String| match (c.as_str(), &plain) {
                ("true", DataType::Boolean) => Some(1.0),
                ("false", DataType::Boolean) => Some(0.0),
                (text, t) if t.is_numeric() => text.parse::<f64>().ok(),
                _ => None,
            };
            let coded = (0u32..).zip(categories).map(|(i, c)| known(c).map(|x| (number_key(x), i)));
            let coded: HashMap<u64, u32> = coded.collect::<Option<_>>().ok_or_else(|| {
                format!("takes one of the categories {}, and the column is {from}", categories.join(", "))
            })?;
            convert.codes = Some(Codes::Number(Arc::new(coded)));
            return Ok((convert, true));
        }
        if !is_countable(&plain) {
            return Err(format!("takes {dtype}, and the column is {from}"));
        }
        Ok((convert, exact(&counted(&plain), dtype)))
    }

    /// Whether categories are coded.
    pub(super) fn is_coded(&self) -> bool {
        self.codes.is_some()
    }

    /// The column as an array of the carrier's type, NULLs kept; texts may stay behind a dictionary. A dictionary's values
    /// are cast once.
    pub(super) fn array(&self, column: &ArrayRef) -> Result<ArrayRef> {
        if let Some(dictionary) = column.as_any_dictionary_opt() {
            let (keys, values) = (dictionary.keys(), dictionary.values());
            if values.len() <= column.len() {
                if self.dtype == DType::String && values.null_count() == 0 {
                    return Ok(dictionary.with_values(self.values(values)?));
                }
                return Ok(arrow_select::take::take(&self.values(values)?, keys, None)?);
            }
            return self.values(&arrow_select::take::take(values, keys, None)?);
        }
        if matches!(column.data_type(), DataType::RunEndEncoded(_, _)) {
            return self.values(&without_runs(column)?);
        }
        self.values(column)
    }

    /// Zeros in place of a column of numbers that is not given.
    pub(super) fn zeros(&self, rows: usize) -> Result<ArrayRef> {
        let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0; rows]));
        convert(&zeros, &self.carrier)
    }

    fn values(&self, column: &ArrayRef) -> Result<ArrayRef> {
        if let Some(codes) = &self.codes {
            return self.coded(column, codes);
        }
        convert(column, &self.carrier)
    }

    /// Categories as codes: NaN for what is in no category, or NULL where the element type has no NaN.
    fn coded(&self, column: &ArrayRef, codes: &Codes) -> Result<ArrayRef> {
        let unknown = self.dtype.is_float().then_some(f64::NAN);
        let numbers: Float64Array = match codes {
            Codes::Text(codes) => {
                let text = convert(column, &DataType::Utf8View)?;
                let code = |s: &str| codes.get(s).map(|c| f64::from(*c)).or(unknown);
                text.as_string_view().iter().map(|s| s.and_then(code)).collect()
            }
            Codes::Number(codes) => {
                let numbers = convert(column, &DataType::Float64)?;
                let code = |x: f64| codes.get(&number_key(x)).map(|c| f64::from(*c)).or(unknown);
                numbers.as_primitive::<types::Float64Type>().iter().map(|x| x.and_then(code)).collect()
            }
        };
        convert(&(Arc::new(numbers) as ArrayRef), &self.carrier)
    }

    /// The elements of an array that [`array`](Self::array) gave; NULL is NaN in float types, and something in others.
    pub(super) fn elements(&self, array: &ArrayRef) -> Result<Tensor> {
        let n = array.len();
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let texts = dictionary.values();
            return match codes(dictionary.keys()).filter(|_| array.null_count() == 0) {
                Some(codes) => Ok(Tensor::from_codes([n], codes, texts.as_string_view().clone())?),
                None => self.elements(&arrow_select::take::take(texts, dictionary.keys(), None)?),
            };
        }
        let tensor = match self.dtype {
            DType::String if array.null_count() > 0 => {
                let texts = array.as_string_view().iter().map(Option::unwrap_or_default);
                Tensor::from_strings([n], StringViewArray::from_iter_values(texts))
            }
            DType::String => Tensor::from_strings([n], array.as_string_view().clone()),
            DType::Bool => Tensor::from_vec([n], array.as_boolean().values().iter().collect::<Vec<bool>>()),
            DType::BF16 => {
                let values = filled::<types::Float32Type>(array, f32::NAN);
                Tensor::from_vec([n], values.typed_data::<f32>().iter().map(|v| bf16::from_f32(*v)).collect())
            }
            DType::F32 => Tensor::from_buffer(self.dtype, [n], filled::<types::Float32Type>(array, f32::NAN)),
            DType::F64 => Tensor::from_buffer(self.dtype, [n], filled::<types::Float64Type>(array, f64::NAN)),
            DType::F16 => Tensor::from_buffer(self.dtype, [n], filled::<types::Float16Type>(array, f16::NAN)),
            DType::I8 => Tensor::from_buffer(self.dtype, [n], filled::<types::Int8Type>(array, 0)),
            DType::I16 => Tensor::from_buffer(self.dtype, [n], filled::<types::Int16Type>(array, 0)),
            DType::I32 => Tensor::from_buffer(self.dtype, [n], filled::<types::Int32Type>(array, 0)),
            DType::I64 => Tensor::from_buffer(self.dtype, [n], filled::<types::Int64Type>(array, 0)),
            DType::U8 => Tensor::from_buffer(self.dtype, [n], filled::<types::UInt8Type>(array, 0)),
            DType::U16 => Tensor::from_buffer(self.dtype, [n], filled::<types::UInt16Type>(array, 0)),
            DType::U32 => Tensor::from_buffer(self.dtype, [n], filled::<types::UInt32Type>(array, 0)),
            DType::U64 => Tensor::from_buffer(self.dtype, [n], filled::<types::UInt64Type>(array, 0)),
            other => return Err(Error::new(ErrorKind::Unsupported, format!("{other} elements from a column"))),
        };
        Ok(tensor?)
    }
}

/// The keys of a dictionary without NULL, which are none of them negative.
fn codes(keys: &dyn Array) -> Option<ScalarBuffer<u32>> {
    fn each<K: types::ArrowDictionaryKeyType>(keys: &dyn Array) -> ScalarBuffer<u32> {
        keys.as_primitive::<K>().values().iter().map(|key| key.as_usize() as u32).collect()
    }
    Some(match keys.data_type() {
        DataType::Int8 => each::<types::Int8Type>(keys),
        DataType::Int16 => each::<types::Int16Type>(keys),
        // Numbers that are not negative have the same bits.
        DataType::Int32 => ScalarBuffer::from(keys.as_primitive::<types::Int32Type>().values().inner().clone()),
        DataType::Int64 => each::<types::Int64Type>(keys),
        DataType::UInt8 => each::<types::UInt8Type>(keys),
        DataType::UInt16 => each::<types::UInt16Type>(keys),
        DataType::UInt32 => keys.as_primitive::<types::UInt32Type>().values().clone(),
        DataType::UInt64 => each::<types::UInt64Type>(keys),
        _ => return None,
    })
}

/// The values of a primitive array; where it is NULL, what stands for that. Without NULLs nothing is copied.
fn filled<T: types::ArrowPrimitiveType>(array: &ArrayRef, null: T::Native) -> Buffer {
    let array: &PrimitiveArray<T> = array.as_primitive();
    if array.null_count() == 0 {
        return array.values().inner().clone();
    }
    Buffer::from_vec(array.iter().map(|v| v.unwrap_or(null)).collect::<Vec<T::Native>>())
}

/// Whether a number type holds every value of a column's type.
fn exact(from: &DataType, to: DType) -> bool {
    // Significant bits, and whether there is a sign.
    let integer = match from {
        DataType::Boolean | DataType::Null => return true,
        DataType::Int8 => (7, true),
        DataType::Int16 => (15, true),
        DataType::Int32 => (31, true),
        DataType::Int64 => (63, true),
        DataType::UInt8 => (8, false),
        DataType::UInt16 => (16, false),
        DataType::UInt32 => (32, false),
        DataType::UInt64 => (64, false),
        DataType::Float16 => return matches!(to, DType::F16 | DType::F32 | DType::F64),
        DataType::Float32 => return matches!(to, DType::F32 | DType::F64),
        DataType::Float64 => return to == DType::F64,
        _ => return false,
    };
    let held = match to {
        DType::F16 => (11, true),
        DType::BF16 => (8, true),
        DType::F32 => (24, true),
        DType::F64 => (53, true),
        DType::I8 => (7, true),
        DType::I16 => (15, true),
        DType::I32 => (31, true),
        DType::I64 => (63, true),
        DType::U8 => (8, false),
        DType::U16 => (16, false),
        DType::U32 => (32, false),
        DType::U64 => (64, false),
        _ => return false,
    };
    integer.0 <= held.0 && (held.1 || !integer.1)
}
