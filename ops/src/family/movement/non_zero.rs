//! [NonZero](https://onnx.ai/onnx/operators/onnx__NonZero.html): where the elements that are not zero stand.

use super::select::strides;
use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// The indices of elements other than zero in row-major order, one column each: `[rank, count]`.
#[derive(Debug)]
pub struct NonZero;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(NonZero))
}

impl Operator for NonZero {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let rank = inputs.shape(0)?.map_or(Dim::Unknown, |s| Dim::Known(s.len()));
        Ok(vec![Fact::shaped(DType::I64, [rank, Dim::Unknown])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        if x.dtype() == DType::String {
            return Err(Error::unsupported("strings that are not zero"));
        }
        let flags = x.cast(DType::Bool)?;
        let found: Vec<usize> =
            flags.as_slice::<bool>()?.iter().enumerate().filter(|(_, b)| **b).map(|(i, _)| i).collect();
        let steps = strides(x.shape());
        let out = (0..x.rank())
            .flat_map(|a| found.iter().map(move |i| (a, *i)))
            .map(|(a, i)| (i / steps[a] % x.shape()[a]) as i64)
            .collect();
        Ok(vec![Tensor::from_vec([x.rank(), found.len()], out)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::movement::trial::*};

    #[test]
    fn indices_in_columns() {
        let x = f32s(&[2, 3], &[0.0, 1.0, 0.0, -2.0, 0.0, f32::NAN]);
        assert_eq!(run("NonZero", 13, &[], &[x]).unwrap(), i64s(&[2, 3], &[0, 1, 1, 1, 0, 2]));
        let b = Tensor::from_vec([2], vec![false, true]).unwrap();
        assert_eq!(run("NonZero", 13, &[], &[b]).unwrap(), i64s(&[1, 1], &[1]));
        assert_eq!(run("NonZero", 13, &[], &[Tensor::scalar(5i32)]).unwrap(), i64s(&[0, 1], &[]));
    }
}
