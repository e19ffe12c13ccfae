//! From the values of a run to one Arrow array.

use super::cast::carrier;
use crate::{Error, ErrorKind, Port, Result};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Float32Array, Int32Array, ListArray,
    PrimitiveArray, StringArray, StructArray, types,
};
use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields};
use half::bf16;
use hologram_ops::{DType, Dim, Tensor, Value};
use std::{collections::HashMap, sync::Arc};

/// The name of an answer of several outputs.
const STRUCT_NAME: &str = "prediction";

/// How values become the answer.
#[derive(Debug)]
pub(super) struct Answer {
    field: FieldRef,
    outputs: Vec<Output>,
}

/// One output.
#[derive(Debug)]
struct Output {
    name: String,
    dtype: DType,
    ty: DataType,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Elements nested as the dimensions after the row axis say.
    Tensor(Vec<Dim>),
    /// A field for each column.
    Named(Fields),
    /// Text that is one of a few labels.
    Labels(Arc<StringArray>),
}

impl Answer {
    /// The answer of these outputs.
    pub(super) fn new(outputs: &[Port]) -> Result<Self> {
        let outputs = outputs.iter().map(Output::new).collect::<Result<Vec<_>>>()?;
        let field = match outputs.as_slice() {
            [] => return Err(Error::new(ErrorKind::Unsupported, "the model has no output")),
            [one] => Field::new(&one.name, one.ty.clone(), true),
            many => {
                let fields: Fields = many.iter().map(|o| Field::new(&o.name, o.ty.clone(), true)).collect();
                Field::new(STRUCT_NAME, DataType::Struct(fields), true)
            }
        };
        Ok(Self { field: Arc::new(field), outputs })
    }

    /// Name and type.
    pub(super) fn field(&self) -> &FieldRef {
        &self.field
    }

    /// The array of a run's values, which must have this many rows.
    pub(super) fn array(&self, values: &[Value], rows: usize) -> Result<ArrayRef> {
        if values.len() != self.outputs.len() {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} values for {} outputs", values.len(), self.outputs.len()),
            ));
        }
        let mut arrays = Vec::with_capacity(values.len());
        for (output, value) in self.outputs.iter().zip(values) {
            let place = |e: Error| Error::new(e.kind(), format!("output '{}': {e}", output.name));
            arrays.push(value.as_tensor().map_err(Error::from).and_then(|t| output.array(t, rows)).map_err(place)?);
        }
        match (self.field.data_type(), arrays.as_slice()) {
            (DataType::Struct(fields), _) if self.outputs.len() > 1 => {
                Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, None, rows)?))
            }
            (_, [one]) => Ok(one.clone()),
            _ => Err(Error::new(ErrorKind::Internal, "an answer without an array")),
        }
    }
}

impl Output {
    fn new(port: &Port) -> Result<Self> {
        let unfit = || {
            Error::new(
                ErrorKind::Unsupported,
                format!("output '{}' is {}: it has no row axis, use the tensors of the model", port.name, port.ty),
            )
        };
        let (Some(dtype), Some([_, dims @ ..])) = (port.dtype(), port.shape()) else { return Err(unfit()) };
        let element = carrier(dtype).ok_or_else(unfit)?;
        let dims = if dims == [Dim::Known(1)] && !port.zipped { &[][..] } else { dims };
        let k = port.labels.len();
        let unique = port.labels.iter().collect::<std::collections::HashSet<_>>().len() == k;
        let (ty, form) = match dims {
            [d] if k > 0 && unique && dtype != DType::String && d.known().is_none_or(|n| n == k) => {
                let fields: Fields = port.labels.iter().map(|l| Field::new(l, element.clone(), true)).collect();
                (DataType::Struct(fields.clone()), Form::Named(fields))
            }
            [] if k > 0 && dtype == DType::String => {
                let ty = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                (ty, Form::Labels(Arc::new(StringArray::from_iter_values(&port.labels))))
            }
            dims => {
                let mut ty = element;
                for d in dims.iter().rev() {
                    let item = Arc::new(Field::new_list_field(ty, false));
                    ty = match fixed_size(d) {
                        Some(n) => DataType::FixedSizeList(item, i32::try_from(n).map_err(|_| unfit())?),
                        None => DataType::List(item),
                    };
                }
                (ty, Form::Tensor(dims.to_vec()))
            }
        };
        Ok(Self { name: port.name.clone(), dtype, ty, form })
    }

    fn array(&self, tensor: &Tensor, rows: usize) -> Result<ArrayRef> {
        let shape = tensor.shape();
        let wrong = |what: String| Error::invalid(format!("its shape is {shape:?} where {what} is expected"));
        if tensor.dtype() != self.dtype {
            return Err(Error::invalid(format!("its type is {} where {} is expected", tensor.dtype(), self.dtype)));
        }
        let Some((first, inner)) = shape.split_first() else {
            return Err(wrong(format!("one row for each of {rows}")));
        };
        if *first != rows {
            return Err(wrong(format!("one row for each of {rows}")));
        }
        match &self.form {
            Form::Named(fields) => {
                if inner != [fields.len()] {
                    return Err(wrong(format!("[{rows}, {}]", fields.len())));
                }
                let columns = (0..fields.len()).map(|c| column(tensor, c, fields.len())).collect::<Result<Vec<_>>>()?;
                Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, rows)?))
            }
            Form::Labels(labels) => {
                if tensor.len() != rows {
                    return Err(wrong(format!("one label for each of {rows}")));
                }
                label_array(tensor, labels)
            }
            Form::Tensor(dims) => {
                let inner = if dims.is_empty() && inner == [1] { &[][..] } else { inner };
                let fits =
                    inner.len() == dims.len() && inner.iter().zip(dims).all(|(n, d)| d.known().is_none_or(|k| k == *n));
                if !fits {
                    return Err(wrong(format!("[{rows}] of {}", hologram_ops::fact::shape_text(dims))));
                }
                nested(elements(tensor)?, rows, inner, dims)
            }
        }
    }
}

/// The size of a fixed-size list; a list of no elements has no fixed-size form whose length can be told.
fn fixed_size(dim: &Dim) -> Option<usize> {
    dim.known().filter(|n| *n > 0)
}

/// Elements under lists, a level for each dimension after the row axis.
fn nested(elements: ArrayRef, rows: usize, inner: &[usize], dims: &[Dim]) -> Result<ArrayRef> {
    let mut array = elements;
    for level in (0..inner.len()).rev() {
        let lists = inner[..level].iter().try_fold(rows, |n, d| n.checked_mul(*d));
        // Arrow counts lists and the elements of lists in 32 bits; more than that is no batch.
        let lists = lists.filter(|n| i32::try_from((*n).max(array.len())).is_ok()).ok_or_else(|| {
            Error::new(ErrorKind::Exhausted, format!("{rows} rows of shape {inner:?} in one batch; send fewer rows"))
        })?;
        let item = Arc::new(Field::new_list_field(array.data_type().clone(), false));
        array = match fixed_size(&dims[level]) {
            Some(n) => {
                let size = i32::try_from(n)
                    .map_err(|_| Error::new(ErrorKind::Exhausted, format!("a list of {n} elements")))?;
                Arc::new(FixedSizeListArray::try_new_with_length(item, size, array, None, lists)?)
            }
            None => {
                let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(inner[level], lists));
                Arc::new(ListArray::try_new(item, offsets, array, None)?)
            }
        };
    }
    Ok(array)
}

/// A tensor's elements as an array, without a copy where Arrow has the type in the same form.
fn elements(tensor: &Tensor) -> Result<ArrayRef> {
    let n = tensor.len();
    Ok(match tensor.dtype() {
        DType::String => Arc::new(tensor.as_strings()?.clone()),
        DType::Bool => Arc::new(BooleanArray::from(tensor.as_slice::<bool>()?.to_vec())),
        DType::BF16 => {
            let values = tensor.as_slice::<bf16>()?.iter().map(|v| v.to_f32());
            Arc::new(Float32Array::from_iter_values(values))
        }
        DType::F32 => primitive::<types::Float32Type>(tensor.buffer()?, n),
        DType::F64 => primitive::<types::Float64Type>(tensor.buffer()?, n),
        DType::F16 => primitive::<types::Float16Type>(tensor.buffer()?, n),
        DType::I8 => primitive::<types::Int8Type>(tensor.buffer()?, n),
        DType::I16 => primitive::<types::Int16Type>(tensor.buffer()?, n),
        DType::I32 => primitive::<types::Int32Type>(tensor.buffer()?, n),
        DType::I64 => primitive::<types::Int64Type>(tensor.buffer()?, n),
        DType::U8 => primitive::<types::UInt8Type>(tensor.buffer()?, n),
        DType::U16 => primitive::<types::UInt16Type>(tensor.buffer()?, n),
        DType::U32 => primitive::<types::UInt32Type>(tensor.buffer()?, n),
        DType::U64 => primitive::<types::UInt64Type>(tensor.buffer()?, n),
        other => return Err(Error::new(ErrorKind::Unsupported, format!("{other} elements in an answer"))),
    })
}

fn primitive<T: types::ArrowPrimitiveType>(buffer: &Buffer, n: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(buffer.clone(), 0, n), None))
}

/// Column `c` of a `[rows, k]` tensor.
fn column(tensor: &Tensor, c: usize, k: usize) -> Result<ArrayRef> {
    fn strided<T: ArrowNativeType>(buffer: &Buffer, c: usize, k: usize) -> Buffer {
        Buffer::from_vec(buffer.typed_data::<T>().iter().skip(c).step_by(k).copied().collect::<Vec<T>>())
    }
    let buffer = tensor.buffer()?;
    let picked = match tensor.dtype().size() {
        1 => strided::<u8>(buffer, c, k),
        2 => strided::<u16>(buffer, c, k),
        4 => strided::<u32>(buffer, c, k),
        _ => strided::<u64>(buffer, c, k),
    };
    let rows = tensor.len().checked_div(k).unwrap_or(0);
    elements(&Tensor::from_buffer(tensor.dtype(), [rows], picked)?)
}

/// Labels by their position in the model's list; a label that is not in it is added behind.
fn label_array(tensor: &Tensor, labels: &Arc<StringArray>) -> Result<ArrayRef> {
    let mut codes: HashMap<&str, i32> = (0i32..).zip(labels.iter().flatten()).map(|(i, l)| (l, i)).collect();
    let mut added: Vec<&str> = Vec::new();
    let found = tensor.texts()?;
    let mut coded: Vec<i32> = Vec::with_capacity(found.texts.len());
    for (place, label) in (0_u32..).zip(&found.texts) {
        let known = codes.get(label).copied();
        // A text that no element has may be missing.
        let code = match known.or_else(|| (!found.codes.contains(&place)).then_some(0)) {
            Some(code) => code,
            None => {
                let next = i32::try_from(codes.len())
                    .map_err(|_| Error::new(ErrorKind::Exhausted, "more labels than codes"))?;
                codes.insert(label, next);
                added.push(label);
                next
            }
        };
        coded.push(code);
    }
    let keys: Vec<i32> = found.codes.iter().map(|code| coded[*code as usize]).collect();
    let values: ArrayRef = if added.is_empty() {
        labels.clone()
    } else {
        Arc::new(StringArray::from_iter_values(labels.iter().flatten().chain(added)))
    };
    Ok(Arc::new(DictionaryArray::try_new(Int32Array::from(keys), values)?))
}
