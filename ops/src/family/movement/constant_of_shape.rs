//! [ConstantOfShape](https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html): one value throughout a shape.

use super::{expand::told_shape, flow, select};
use crate::{Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// Fills the shape in input 0 with one element.
#[derive(Debug)]
pub struct ConstantOfShape {
    /// The element: a tensor with one; `f32` 0 by default.
    pub value: Tensor,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let value = node.attributes.tensor_or("value", Tensor::scalar(0.0f32))?;
    if value.len() != 1 {
        return Err(Error::invalid(format!("attribute 'value' has {} elements where one is expected", value.len())));
    }
    Ok(Arc::new(ConstantOfShape { value }))
}

impl Operator for ConstantOfShape {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "an integer", crate::DType::is_integer)?;
        Ok(vec![Fact::tensor(self.value.dtype(), told_shape(inputs, 0)?)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let shape = select::list(inputs.tensor(0)?).map_err(|e| e.at("input 0"))?;
        let shape = shape.into_iter().map(select::size_of).collect::<Result<Vec<_>>>()?;
        Ok(vec![select::fill(&self.value, shape)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let spread = match rows {
            [Rows::Extent] => outputs.first().and_then(Fact::shape).and_then(|to| flow::spread(&[], to)),
            _ => None,
        };
        let found = spread.map(Rows::Axis).or_else(|| flow::shape_only(rows)).unwrap_or(Rows::Mixed);
        vec![found; outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn fills_and_stays_within_bounds() {
        let v = |n: &[i64]| i64s(&[n.len()], n);
        let one = [("value", Attribute::Tensor(Tensor::from_vec([1], vec![3u16]).unwrap()))];
        let got = run("ConstantOfShape", 9, &one, &[v(&[2, 1])]).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 1], vec![3u16; 2]).unwrap());
        assert_eq!(run("ConstantOfShape", 9, &[], &[v(&[])]).unwrap(), Tensor::scalar(0.0f32));
        assert_eq!(run("ConstantOfShape", 9, &[], &[v(&[0, 3])]).unwrap().shape(), [0, 3]);
        assert!(run("ConstantOfShape", 9, &[], &[v(&[-1])]).is_err());
        assert!(run("ConstantOfShape", 9, &[], &[i64s(&[1, 2], &[2, 3])]).is_err(), "a matrix");
        assert!(run("ConstantOfShape", 9, &[], &[v(&[i64::MAX, i64::MAX])]).is_err());
        assert!(run("ConstantOfShape", 9, &[("value", Attribute::Tensor(v(&[1, 2])))], &[v(&[1])]).is_err());
    }
}
