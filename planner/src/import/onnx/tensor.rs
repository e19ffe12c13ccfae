//! Tensors: every way in which the format stores elements becomes one buffer in one order.
//!
//! Elements come out little-endian and row-major. Types under eight bits come out one byte an element: unsigned ones and
//! floats as their bits, signed ones extended. How many bytes there must be follows from type and shape alone, and is
//! checked before anything is allocated.

use super::{
    error::{OnnxError, Result},
    external::External,
    proto::{SparseTensorProto, TensorProto},
};
use hologram_ops::Limits;
use prost::bytes::Bytes;

/// A tensor as the file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxTensor {
    /// The name; empty for the tensors of attributes.
    pub name: String,
    /// The element type as a number of `TensorProto.DataType`.
    pub data_type: i32,
    /// The dimensions, outermost first; none for a scalar.
    pub dims: Vec<usize>,
    /// The elements.
    pub data: OnnxElements,
}

/// The elements of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnnxElements {
    /// Little-endian elements in row-major order, one after another; types under eight bits take one byte each.
    Bytes(Bytes),
    /// Strings, which are UTF-8 by the specification but not checked here.
    Strings(Vec<Bytes>),
}

impl OnnxTensor {
    /// The number of elements.
    pub fn len(&self) -> usize {
        count(&self.dims)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Elements of a shape that was checked; an empty one may have other dimensions whose product would overflow.
fn count(dims: &[usize]) -> usize {
    if dims.contains(&0) { 0 } else { dims.iter().product() }
}

/// What is to be known of an element type.
struct ElementType {
    code: i32,
    name: &'static str,
    bits: u64,
    signed: bool,
    /// The typed field that may hold the elements.
    field: Field,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Raw,
    Float,
    Int32,
    Int64,
    Uint64,
    Double,
    String,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw_data",
            Self::Float => "float_data",
            Self::Int32 => "int32_data",
            Self::Int64 => "int64_data",
            Self::Uint64 => "uint64_data",
            Self::Double => "double_data",
            Self::String => "string_data",
        }
    }
}

const fn row(code: i32, name: &'static str, bits: u64, signed: bool, field: Field) -> ElementType {
    ElementType { code, name, bits, signed, field }
}

/// `TensorProto.DataType`, with the typed field that the specification gives each type.
const TYPES: &[ElementType] = &[
    row(1, "float", 32, true, Field::Float),
    row(2, "uint8", 8, false, Field::Int32),
    row(3, "int8", 8, true, Field::Int32),
    row(4, "uint16", 16, false, Field::Int32),
    row(5, "int16", 16, true, Field::Int32),
    row(6, "int32", 32, true, Field::Int32),
    row(7, "int64", 64, true, Field::Int64),
    row(8, "string", 0, false, Field::String),
    row(9, "bool", 8, false, Field::Int32),
    row(10, "float16", 16, false, Field::Int32),
    row(11, "double", 64, true, Field::Double),
    row(12, "uint32", 32, false, Field::Uint64),
    row(13, "uint64", 64, false, Field::Uint64),
    row(14, "complex64", 64, true, Field::Float),
    row(15, "complex128", 128, true, Field::Double),
    row(16, "bfloat16", 16, false, Field::Int32),
    row(17, "float8e4m3fn", 8, false, Field::Int32),
    row(18, "float8e4m3fnuz", 8, false, Field::Int32),
    row(19, "float8e5m2", 8, false, Field::Int32),
    row(20, "float8e5m2fnuz", 8, false, Field::Int32),
    row(21, "uint4", 4, false, Field::Int32),
    row(22, "int4", 4, true, Field::Int32),
    row(23, "float4e2m1", 4, false, Field::Int32),
    row(24, "float8e8m0", 8, false, Field::Int32),
    row(25, "uint2", 2, false, Field::Int32),
    row(26, "int2", 2, true, Field::Int32),
    row(27, "float6e2m3", 6, false, Field::Int32),
    row(28, "float6e3m2", 6, false, Field::Int32),
];

const BOOL: i32 = 9;
const INT64: i32 = 7;

/// The name of an element type, or its number when it has none here.
pub(super) fn type_name(code: i32) -> String {
    TYPES.iter().find(|t| t.code == code).map_or_else(|| format!("type {code}"), |t| t.name.to_owned())
}

/// Reads tensors of one file.
pub(super) struct TensorReader<'a> {
    pub(super) file: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) external: External,
}

impl TensorReader<'_> {
    /// A tensor in its plain form; `place` says where it was found.
    ///
    /// # Errors
    /// [`OnnxError`] naming file, tensor, expected and found sizes.
    pub(super) fn dense(&mut self, place: &str, proto: &TensorProto) -> Result<OnnxTensor> {
        let name = proto.name.clone().unwrap_or_default();
        let place = format!("{place} '{name}'");
        let file = self.file;
        let invalid = |message: String| OnnxError::invalid(file, place.clone(), message);
        let code = proto.data_type.unwrap_or(0);
        let Some(ty) = TYPES.iter().find(|t| t.code == code) else {
            return Err(if code == 0 {
                invalid("the element type is missing".into())
            } else {
                OnnxError::unsupported(file, place.clone(), format!("element type {code}; 1 to 28 are known"))
            });
        };
        if proto.segment.is_some() {
            return Err(OnnxError::unsupported(file, place, "a tensor stored in segments"));
        }
        let (dims, count) = self.shape(&place, &proto.dims)?;
        let field = stored_in(proto).map_err(invalid)?;
        if proto.data_location.unwrap_or(0) != 0 {
            if let Some(field) = field {
                return Err(invalid(format!("the elements are said to be external, but {} holds some", field.name())));
            }
            let size = packed_size(ty, count).filter(|_| ty.field != Field::String);
            let size = size.ok_or_else(|| invalid(format!("{} elements cannot be external", ty.name)))?;
            let raw = self.external.read(file, &name, &proto.external_data, size, self.limits)?;
            let data = OnnxElements::Bytes(unpack(ty, count, raw).map_err(invalid)?);
            return Ok(OnnxTensor { name, data_type: code, dims, data });
        }
        let data = match field {
            None if count == 0 => empty(ty),
            None => return Err(invalid(format!("0 elements where shape {dims:?} takes {count}"))),
            Some(Field::String) if ty.field == Field::String => {
                if proto.string_data.len() as u64 != count {
                    let found = proto.string_data.len();
                    return Err(invalid(format!("{found} strings where shape {dims:?} takes {count}")));
                }
                OnnxElements::Strings(proto.string_data.clone())
            }
            Some(Field::Raw) if ty.field != Field::String => {
                let raw = proto.raw_data.clone().unwrap_or_default();
                let size = packed_size(ty, count);
                if size != Some(raw.len() as u64) {
                    let size = size.unwrap_or(u64::MAX);
                    return Err(invalid(format!(
                        "raw_data has {} bytes; {} elements of shape {dims:?} take {size}",
                        raw.len(),
                        ty.name
                    )));
                }
                OnnxElements::Bytes(unpack(ty, count, raw).map_err(invalid)?)
            }
            Some(field) if field == ty.field => OnnxElements::Bytes(typed(ty, count, proto).map_err(invalid)?),
            Some(field) => return Err(invalid(format!("{} elements cannot be in {}", ty.name, field.name()))),
        };
        Ok(OnnxTensor { name, data_type: code, dims, data })
    }

    fn shape(&self, place: &str, dims: &[i64]) -> Result<(Vec<usize>, u64)> {
        let sizes: Option<Vec<usize>> = dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let Some(sizes) = sizes else {
            return Err(OnnxError::invalid(self.file, place, format!("shape {dims:?} has a negative dimension")));
        };
        let product = sizes.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
        let count = if sizes.contains(&0) { 0 } else { product.unwrap_or(u64::MAX) };
        if count > self.limits.elements {
            let what = format!("{place}: elements of shape {dims:?}");
            return Err(OnnxError::too_large(self.file, what, count, self.limits.elements));
        }
        Ok((sizes, count))
    }

    /// A sparse tensor in its dense form; its name is that of its values.
    ///
    /// # Errors
    /// [`OnnxError`] naming file and tensor; [`OnnxError::TooLarge`] when the dense form takes over a GiB.
    pub(super) fn sparse(&mut self, place: &str, proto: &SparseTensorProto) -> Result<OnnxTensor> {
        let file = self.file;
        let values = proto.values.as_deref().cloned().unwrap_or_default();
        let values = self.dense(&format!("{place}, values of sparse tensor"), &values)?;
        let place = format!("{place}, sparse tensor '{}'", values.name);
        let invalid = |message: String| OnnxError::invalid(file, place.clone(), message);
        let (dims, count) = self.shape(&place, &proto.dims)?;
        let OnnxElements::Bytes(bytes) = &values.data else {
            return Err(OnnxError::unsupported(file, place, "a sparse tensor of strings"));
        };
        let [stored] = values.dims[..] else {
            return Err(invalid(format!("its values have shape {:?}; one dimension is right", values.dims)));
        };
        let size = TYPES.iter().find(|t| t.code == values.data_type).map_or(1, element_size);
        let total = count.saturating_mul(size as u64);
        let limit = self.limits.bytes.min(SPARSE_BYTES_MAX);
        if total > limit {
            return Err(OnnxError::too_large(file, format!("{place}: bytes of the dense form"), total, limit));
        }
        let indices = match proto.indices.as_deref() {
            Some(indices) => linear_indices(&self.dense(&place, indices)?, &dims, stored).map_err(invalid)?,
            None if stored == 0 => Vec::new(),
            None => return Err(invalid("its indices are missing".into())),
        };
        // `total` is at most SPARSE_BYTES_MAX.
        let mut dense = vec![0u8; total as usize];
        let mut last = None;
        for (index, value) in indices.into_iter().zip(bytes.chunks_exact(size)) {
            if last.is_some_and(|l| l >= index) {
                return Err(invalid(format!("its indices are not ascending at {index}")));
            }
            last = Some(index);
            dense[index * size..(index + 1) * size].copy_from_slice(value);
        }
        let data = OnnxElements::Bytes(Bytes::from(dense));
        Ok(OnnxTensor { name: values.name, data_type: values.data_type, dims, data })
    }
}

/// A few bytes can claim any dense size, so this bound does not follow the general one.
const SPARSE_BYTES_MAX: u64 = 1 << 30;

/// Indices are `[stored]` positions in row-major order or `[stored, rank]` coordinates.
fn linear_indices(indices: &OnnxTensor, dims: &[usize], stored: usize) -> Result<Vec<usize>, String> {
    let OnnxElements::Bytes(bytes) = &indices.data else { return Err("its indices are strings".into()) };
    if indices.data_type != INT64 {
        return Err(format!("its indices are {}; int64 is right", type_name(indices.data_type)));
    }
    let width = match indices.dims[..] {
        [n] if n == stored => 1,
        [n, rank] if n == stored && rank == dims.len() && rank > 0 => rank,
        _ => {
            return Err(format!(
                "its indices have shape {:?}; [{stored}] or [{stored}, {}] is right",
                indices.dims,
                dims.len()
            ));
        }
    };
    let flat = [count(dims)];
    let bounds = if indices.dims.len() == 1 { &flat[..] } else { dims };
    let numbers: Vec<i64> = bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
    let linear = |row: &[i64]| {
        row.iter().zip(bounds).try_fold(0usize, |n, (i, d)| {
            let i = usize::try_from(*i).ok().filter(|i| i < d);
            i.map(|i| n * d + i).ok_or_else(|| format!("its index {row:?} is outside of {bounds:?}"))
        })
    };
    numbers.chunks_exact(width).map(linear).collect()
}

/// The one field that holds elements, if any does.
fn stored_in(proto: &TensorProto) -> Result<Option<Field>, String> {
    let fields = [
        (Field::Raw, proto.raw_data.as_ref().is_none_or(Bytes::is_empty)),
        (Field::Float, proto.float_data.is_empty()),
        (Field::Int32, proto.int32_data.is_empty()),
        (Field::Int64, proto.int64_data.is_empty()),
        (Field::Uint64, proto.uint64_data.is_empty()),
        (Field::Double, proto.double_data.is_empty()),
        (Field::String, proto.string_data.is_empty()),
    ];
    let mut held = fields.into_iter().filter(|(_, is_empty)| !is_empty).map(|(field, _)| field);
    match (held.next(), held.next()) {
        (Some(a), Some(b)) => Err(format!("elements are both in {} and in {}", a.name(), b.name())),
        (one, _) => Ok(one),
    }
}

fn empty(ty: &ElementType) -> OnnxElements {
    if ty.field == Field::String { OnnxElements::Strings(Vec::new()) } else { OnnxElements::Bytes(Bytes::new()) }
}

/// Bytes of `raw_data`, where elements under eight bits lie side by side.
fn packed_size(ty: &ElementType, count: u64) -> Option<u64> {
    count.checked_mul(ty.bits).map(|bits| bits.div_ceil(8))
}

/// Bytes of one element here.
fn element_size(ty: &ElementType) -> usize {
    // At most 16.
    ty.bits.div_ceil(8) as usize
}

/// One byte an element for types under eight bits; the others stay as they are.
fn unpack(ty: &ElementType, count: u64, raw: Bytes) -> Result<Bytes, String> {
    if ty.code == BOOL {
        let stray = raw.iter().position(|b| *b > 1);
        return stray.map_or(Ok(raw.clone()), |i| Err(format!("element {i} is {}, no boolean", raw[i])));
    }
    if ty.bits >= 8 {
        return Ok(raw);
    }
    // `raw` holds `count` elements, so the result is at most four times as long.
    Ok((0..count as usize).map(|i| bits_at(ty, &raw, i)).collect::<Vec<u8>>().into())
}

/// Element `i` of a stream of bits, least significant first, as the specification packs every type under eight bits.
fn bits_at(ty: &ElementType, raw: &[u8], i: usize) -> u8 {
    let bits = ty.bits as usize;
    let first = i * bits;
    let low = raw.get(first / 8).copied().unwrap_or(0);
    let high = raw.get(first / 8 + 1).copied().unwrap_or(0);
    let value = (u16::from_le_bytes([low, high]) >> (first % 8)) as u8 & ((1u8 << bits) - 1);
    extend(ty, value)
}

fn extend(ty: &ElementType, value: u8) -> u8 {
    let unused = 8 - ty.bits as u32;
    // An arithmetic shift back copies the sign.
    if ty.signed { (((value << unused) as i8) >> unused) as u8 } else { value }
}

/// The elements of a typed field.
fn typed(ty: &ElementType, count: u64, proto: &TensorProto) -> Result<Bytes, String> {
    let found = match ty.field {
        Field::Float => proto.float_data.len(),
        Field::Int32 => proto.int32_data.len(),
        Field::Int64 => proto.int64_data.len(),
        Field::Uint64 => proto.uint64_data.len(),
        _ => proto.double_data.len(),
    } as u64;
    // Complex numbers take two entries; elements of two and four bits share one, those of six do not.
    let expected = match ty.code {
        14 | 15 => count.saturating_mul(2),
        _ if matches!(ty.bits, 2 | 4) => count.div_ceil(8 / ty.bits),
        _ => count,
    };
    if found != expected {
        return Err(format!("{} has {found} entries; {} elements need {expected}", ty.field.name(), ty.name));
    }
    let bytes: Vec<u8> = match ty.field {
        Field::Float => proto.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Field::Int64 => proto.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Field::Uint64 => return unsigned(ty, &proto.uint64_data),
        Field::Int32 => return small(ty, count, &proto.int32_data),
        _ => proto.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    Ok(bytes.into())
}

fn unsigned(ty: &ElementType, values: &[u64]) -> Result<Bytes, String> {
    if ty.bits == 64 {
        return Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into());
    }
    let mut bytes = Vec::with_capacity(values.len() * 4);
    for value in values {
        let value = u32::try_from(*value).map_err(|_| format!("{value} is no {}", ty.name))?;
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    Ok(bytes.into())
}

/// `int32_data`: the bits of a float, a small integer, or packed elements in each entry.
fn small(ty: &ElementType, count: u64, values: &[i32]) -> Result<Bytes, String> {
    let (low, high) = match (ty.code, ty.bits) {
        (BOOL, _) => (0, 1),
        // Two or four elements share a byte, which writers give as signed or unsigned.
        (_, 2 | 4) => (-128, 255),
        (_, 32) => (i64::from(i32::MIN), i64::from(i32::MAX)),
        (_, bits) if ty.signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        (_, bits) => (0, (1 << bits) - 1),
    };
    if let Some(i) = values.iter().position(|v| !(low..=high).contains(&i64::from(*v))) {
        return Err(format!("entry {i} of int32_data is {}; {} takes {low} to {high}", values[i], ty.name));
    }
    let width = element_size(ty);
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(width)).collect();
    match ty.bits {
        2 | 4 => unpack(ty, count, bytes.into()),
        _ => Ok(bytes.into()),
    }
}
