//! Tensor files: ONNX's `input_0.pb`, `output_0.pb` and so on, as its test data has them.
//!
//! Source: <https://github.com/onnx/onnx/blob/main/onnx/onnx-data.proto>.

use super::{Failure, Result, console::counted, model_file};
use crate::{
    Error, ErrorKind,
    ops::{DType, Limits, Tensor, Type, Value},
};
use hologram_planner::import::onnx::{
    OnnxType, OnnxValue,
    proto::{MapProto, OptionalProto, SequenceProto, TensorProto, container_type as kind},
};
use hologram_resolver::Port;
use prost::{Message, bytes::Bytes};
use std::path::Path;

/// The values `input_0.pb`, `input_1.pb`, ... of a folder, one for each input of a model.
pub(super) fn read(folder: &Path, ports: &[Port]) -> Result<Vec<Value>> {
    let limits = Limits::default();
    let mut values = Vec::with_capacity(ports.len());
    for (i, port) in ports.iter().enumerate() {
        let path = folder.join(format!("input_{i}.pb"));
        model_file::check_exists(&path).map_err(|e| {
            e.hint(format!("the model takes {}; number {i} is '{}'", counted(ports.len(), "input"), port.name))
        })?;
        let value = OnnxValue::load(&path, &onnx_type(&port.ty), &limits).map_err(hologram_planner::Error::from)?;
        values.push(value.to_value(&path.display().to_string()).map_err(hologram_planner::Error::from)?);
    }
    Ok(values)
}

/// The values as `output_0.pb`, `output_1.pb`, ... of a folder.
pub(super) fn write(folder: &Path, ports: &[Port], values: &[Value]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::from(e).at(folder.display()))?;
    for (i, (port, value)) in ports.iter().zip(values).enumerate() {
        let path = folder.join(format!("output_{i}.pb"));
        let bytes = encode(&port.name, value).map_err(|e| e.at(format!("output '{}'", port.name)))?;
        std::fs::write(&path, bytes).map_err(|e| Failure::from(e).at(path.display()))?;
    }
    Ok(())
}

/// What a file of this type holds; it does not say so itself.
fn onnx_type(ty: &Type) -> OnnxType {
    let tensor = |dtype: &DType| OnnxType::Tensor { data_type: dtype.code(), shape: None };
    match ty {
        Type::Unknown => OnnxType::Unknown,
        Type::Tensor { dtype, .. } => tensor(dtype),
        Type::Sequence(of) => OnnxType::Sequence(Box::new(onnx_type(of))),
        Type::Optional(of) => OnnxType::Optional(Box::new(onnx_type(of))),
        Type::Map { key, value } => OnnxType::Map { key_type: key.code(), value_type: Box::new(tensor(value)) },
    }
}

fn encode(name: &str, value: &Value) -> Result<Vec<u8>, Error> {
    Ok(match value {
        Value::Tensor(tensor) => tensor_proto(name, tensor)?.encode_to_vec(),
        Value::Sequence(values) => sequence(name, values)?.encode_to_vec(),
        Value::Optional(inner) => optional(name, inner.as_deref())?.encode_to_vec(),
        Value::Map { keys, values } => map(name, keys, values)?.encode_to_vec(),
    })
}

fn tensor_proto(name: &str, tensor: &Tensor) -> Result<TensorProto, Error> {
    let dims: Result<Vec<i64>, _> = tensor.shape().iter().map(|d| i64::try_from(*d)).collect();
    let mut proto = TensorProto {
        dims: dims.map_err(|_| Error::new(ErrorKind::Exhausted, "a dimension over 63 bits"))?,
        data_type: Some(tensor.dtype().code()),
        name: Some(name.to_owned()),
        ..TensorProto::default()
    };
    if tensor.dtype() == DType::String {
        proto.string_data =
            tensor.as_strings()?.iter().flatten().map(|s| Bytes::copy_from_slice(s.as_bytes())).collect();
        return Ok(proto);
    }
    let (bytes, bits) = (tensor.buffer()?.as_slice(), tensor.dtype().bits());
    proto.raw_data = Some(if bits >= 8 { Bytes::copy_from_slice(bytes) } else { packed(bytes, bits).into() });
    Ok(proto)
}

/// Elements of fewer than eight bits as one stream of bits, the first in the lowest ones.
fn packed(elements: &[u8], bits: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; (elements.len() * bits).div_ceil(8)];
    for (i, element) in elements.iter().enumerate() {
        let wide = u16::from(element & ((1 << bits) - 1)) << (i * bits % 8);
        for (byte, part) in bytes.iter_mut().skip(i * bits / 8).zip(wide.to_le_bytes()) {
            *byte |= part;
        }
    }
    bytes
}

fn sequence(name: &str, values: &[Value]) -> Result<SequenceProto, Error> {
    let mut proto = SequenceProto {
        name: Some(name.to_owned()),
        elem_type: Some(values.first().map_or(kind::TENSOR, kind_of)),
        ..SequenceProto::default()
    };
    for value in values {
        match value {
            Value::Tensor(tensor) => proto.tensor_values.push(tensor_proto("", tensor)?),
            Value::Sequence(values) => proto.sequence_values.push(sequence("", values)?),
            Value::Optional(inner) => proto.optional_values.push(optional("", inner.as_deref())?),
            Value::Map { keys, values } => proto.map_values.push(map("", keys, values)?),
        }
    }
    Ok(proto)
}

fn optional(name: &str, inner: Option<&Value>) -> Result<OptionalProto, Error> {
    let mut proto = OptionalProto {
        name: Some(name.to_owned()),
        elem_type: Some(inner.map_or(kind::UNDEFINED, kind_of)),
        ..OptionalProto::default()
    };
    match inner {
        None => {}
        Some(Value::Tensor(tensor)) => proto.tensor_value = Some(Box::new(tensor_proto("", tensor)?)),
        Some(Value::Sequence(values)) => proto.sequence_value = Some(Box::new(sequence("", values)?)),
        Some(Value::Optional(inner)) => proto.optional_value = Some(Box::new(optional("", inner.as_deref())?)),
        Some(Value::Map { keys, values }) => proto.map_value = Some(Box::new(map("", keys, values)?)),
    }
    Ok(proto)
}

fn map(name: &str, keys: &Tensor, values: &Tensor) -> Result<MapProto, Error> {
    let mut proto =
        MapProto { name: Some(name.to_owned()), key_type: Some(keys.dtype().code()), ..MapProto::default() };
    if keys.dtype() == DType::String {
        proto.string_keys = keys.as_strings()?.iter().flatten().map(|s| Bytes::copy_from_slice(s.as_bytes())).collect();
    } else {
        proto.keys = keys.to_i64_vec()?;
    }
    let scalars = (0..values.len()).map(|i| scalar(values, i)).collect::<Result<Vec<_>, _>>()?;
    proto.values = Some(Box::new(sequence("", &scalars)?));
    Ok(proto)
}

/// Element `i` as a tensor of no dimensions.
fn scalar(values: &Tensor, i: usize) -> Result<Value, Error> {
    let none: [usize; 0] = [];
    if values.dtype() == DType::String {
        return Ok(Value::Tensor(Tensor::from_string_iter(none, [values.as_strings()?.value(i)])?));
    }
    let size = values.dtype().size();
    let bytes = values.buffer()?.slice_with_length(i * size, size);
    Ok(Value::Tensor(Tensor::from_buffer(values.dtype(), none, bytes)?))
}

fn kind_of(value: &Value) -> i32 {
    match value {
        Value::Tensor(_) => kind::TENSOR,
        Value::Sequence(_) => kind::SEQUENCE,
        Value::Optional(_) => kind::OPTIONAL,
        Value::Map { .. } => kind::MAP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_come_back() {
        let floats = Tensor::from_vec([2, 2], vec![1.0f32, -0.0, f32::NAN, 4.0]).unwrap();
        let nibbles = Tensor::from_buffer(DType::U4, [5], vec![1u8, 2, 15, 0, 7].into()).unwrap();
        let strings = Tensor::from_string_iter([2], ["a", "\u{e9}"]).unwrap();
        let map = Value::Map {
            keys: Tensor::from_vec([2], vec![-1i64, 3]).unwrap(),
            values: Tensor::from_vec([2], vec![0.5f32, 0.25]).unwrap(),
        };
        let cases = [
            Value::Tensor(floats.clone()),
            Value::Tensor(nibbles),
            Value::Tensor(strings.clone()),
            Value::Tensor(Tensor::scalar(7i64)),
            Value::Tensor(Tensor::zeros(DType::Bool, [0, 3]).unwrap()),
            Value::Sequence(vec![Value::Tensor(floats.clone()), Value::Tensor(Tensor::scalar(1.0f32))]),
            Value::Optional(None),
            Value::Optional(Some(Box::new(Value::Tensor(strings)))),
            Value::Sequence(vec![map.clone()]),
            map,
        ];
        for value in cases {
            let ty = onnx_type(&Type::of(&value));
            let bytes = encode("x", &value).unwrap();
            let back = OnnxValue::parse("x.pb", bytes.into(), &ty, &Limits::default()).unwrap();
            assert_eq!(back.to_value("x.pb").unwrap(), value);
        }
    }
}
