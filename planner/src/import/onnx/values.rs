//! Values of files as values of the engine, for comparing with recorded inputs and outputs.

use super::{OnnxValue, error::Result, lower};
use hologram_ops::{Error, Tensor, Value};

impl OnnxValue {
    /// The same value as the engine holds it; `file` names it in errors.
    ///
    /// # Errors
    /// [`OnnxError::Unsupported`](super::OnnxError::Unsupported) for element types that the engine does not have and for
    /// maps to anything but scalars of one type.
    pub fn to_value(&self, file: &str) -> Result<Value> {
        convert(self).map_err(|e| lower::in_file(file, "value", e))
    }
}

fn convert(value: &OnnxValue) -> Result<Value, Error> {
    Ok(match value {
        OnnxValue::Tensor(tensor) => Value::Tensor(lower::constant(tensor)?),
        OnnxValue::Sequence(values) => Value::Sequence(values.iter().map(convert).collect::<Result<_, _>>()?),
        OnnxValue::Optional(inner) => Value::Optional(inner.as_deref().map(convert).transpose()?.map(Box::new)),
        OnnxValue::Map { .. } => return map(value),
    })
}

/// Keys in order, and their values side by side in one tensor.
fn map(value: &OnnxValue) -> Result<Value, Error> {
    let OnnxValue::Map { keys, string_keys, values, .. } = value else {
        return Err(Error::invalid("a map is expected"));
    };
    let scalars: Vec<Tensor> =
        values.iter().map(|v| convert(v).and_then(Value::into_tensor)).collect::<Result<_, _>>()?;
    let Some(first) = scalars.first() else { return Err(Error::unsupported("an empty map")) };
    if scalars.iter().any(|t| t.dtype() != first.dtype() || t.len() != 1) {
        return Err(Error::unsupported("a map to anything but scalars of one type"));
    }
    let mut order: Vec<usize> = (0..scalars.len()).collect();
    let keys = if string_keys.is_empty() {
        order.sort_by_key(|i| keys[*i]);
        Tensor::from_vec([keys.len()], order.iter().map(|i| keys[*i]).collect())?
    } else {
        order.sort_by_key(|i| &string_keys[*i]);
        let texts: Result<Vec<&str>, _> = order.iter().map(|i| std::str::from_utf8(&string_keys[*i])).collect();
        let texts = texts.map_err(|_| Error::invalid("a key of a map is no UTF-8 text"))?;
        Tensor::from_string_iter([texts.len()], texts)?
    };
    let values = if first.buffer().is_ok() {
        let mut bytes = Vec::new();
        for i in &order {
            bytes.extend_from_slice(scalars[*i].buffer()?.as_slice());
        }
        Tensor::from_buffer(first.dtype(), [order.len()], bytes.into())?
    } else {
        let mut texts = Vec::new();
        for i in &order {
            texts.extend(scalars[*i].as_strings()?.iter().flatten().map(str::to_owned));
        }
        Tensor::from_string_iter([order.len()], texts)?
    };
    Ok(Value::Map { keys, values })
}
