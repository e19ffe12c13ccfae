//! [StringConcat](https://onnx.ai/onnx/operators/onnx__StringConcat.html): strings joined, element by element, broadcast.

use crate::{
    DType, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::{broadcast_shape, broadcast_strides, for_each_index, infer_broadcast},
    fact::Facts,
    rows,
    tensor::check_elements,
};
use arrow_array::Array;
use std::sync::Arc;

/// `Z = X + Y` for strings.
#[derive(Debug)]
pub struct StringConcat;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(StringConcat))
}

impl Operator for StringConcat {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "string", |d| d == DType::String)?;
        inputs.dtype_where(1, "string", |d| d == DType::String)?;
        infer_broadcast(inputs, DType::String)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (x, y) = (a.as_strings()?, b.as_strings()?);
        let shape = broadcast_shape(a.shape(), b.shape())?;
        let mut out: Vec<String> =
            Vec::with_capacity(check_elements(&shape, (x.len() as u64).saturating_mul(y.len() as u64))?);
        let strides = [broadcast_strides(a.shape(), &shape), broadcast_strides(b.shape(), &shape)];
        for_each_index(&shape, &strides, |[i, j]| out.push([x.value(i), y.value(j)].concat()));
        Ok(vec![Tensor::from_string_iter(shape, out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::movement::trial::*};

    #[test]
    fn joins_and_broadcasts() {
        let s = |shape: &[usize], v: &[&str]| Tensor::from_string_iter(shape, v).unwrap();
        let got = run("StringConcat", 20, &[], &[s(&[2, 1], &["a", ""]), s(&[2], &["x", "ö"])]).unwrap();
        assert_eq!(got, s(&[2, 2], &["ax", "aö", "x", "ö"]));
        assert!(run("StringConcat", 20, &[], &[s(&[2], &["a", "b"]), s(&[3], &["x", "y", "z"])]).is_err());
        assert!(run("StringConcat", 20, &[], &[s(&[1], &["a"]), i64s(&[1], &[1])]).is_err());
    }
}
