//! [GatherElements](https://onnx.ai/onnx/operators/onnx__GatherElements.html): elements picked along an axis, one by one.

use super::{
    flow,
    select::{select, strides, wrap_index},
};
use crate::{
    Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, operator::axis_index,
};
use std::sync::Arc;

/// Element `[i, j, ...]` of the output is the data's at the same place with the axis's index taken from input 1.
#[derive(Debug)]
pub struct GatherElements {
    /// The axis, `-rank..rank`.
    pub axis: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(GatherElements { axis: node.attributes.int_or("axis", 0)? }))
}

/// For each element of `indices`, the flat index into `data` with the axis's index replaced.
pub(super) fn positions(data: &[usize], indices: &Tensor, axis: i64) -> Result<Vec<usize>> {
    let axis = axis_index(axis, data.len())?;
    let shape = indices.shape();
    if shape.len() != data.len() || (0..data.len()).any(|a| a != axis && shape[a] > data[a]) {
        return Err(Error::invalid(format!(
            "indices of shape {shape:?} do not lie in shape {data:?} along axis {axis}"
        )));
    }
    let (from, steps) = (strides(shape), strides(data));
    let at = indices.to_i64_vec().map_err(|e| e.at("input 1"))?;
    at.iter()
        .enumerate()
        .map(|(i, index)| {
            let along = wrap_index(*index, data[axis]).map_err(|e| e.at("input 1"))?;
            let place = |a: usize| if a == axis { along } else { i / from[a] % shape[a] };
            Ok((0..data.len()).map(|a| place(a) * steps[a]).sum())
        })
        .collect()
}

impl Operator for GatherElements {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(1, "an integer", crate::DType::is_integer)?;
        Ok(vec![Fact::tensor(inputs.dtype(0)?, inputs.shape(1)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (data, indices) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let at = positions(data.shape(), indices, self.axis)?;
        Ok(vec![select(data, indices.shape(), at.into_iter())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = inputs.get(0).and_then(Fact::shape).map(<[_]>::len);
        let axis = rank.and_then(|r| axis_index(self.axis, r).ok());
        let found = match (flow::shape_only(rows), rows, axis) {
            (Some(r), ..) => r,
            (None, [Rows::Axis(a), Rows::Axis(b)], Some(axis)) if a == b && *a != axis => Rows::Axis(*a),
            // Indices by row into a table that is the same along every other axis.
            (None, [Rows::Free, Rows::Axis(a)], Some(axis)) if *a == axis => Rows::Axis(*a),
            _ => Rows::Mixed,
        };
        vec![found; outputs.len()]
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn picks_along_an_axis() {
        let x = f32s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let axis = |a| [("axis", Attribute::Int(a))];
        let got = run("GatherElements", 13, &axis(0), &[x.clone(), i64s(&[2, 2], &[-1, 0, 1, 2])]).unwrap();
        assert_eq!(got, f32s(&[2, 2], &[5.0, 2.0, 3.0, 6.0]));
        let got = run("GatherElements", 13, &axis(1), &[x.clone(), i64s(&[2, 3], &[1, 0, 0, 0, 1, -1])]).unwrap();
        assert_eq!(got, f32s(&[2, 3], &[2.0, 1.0, 1.0, 3.0, 4.0, 4.0]));
        for bad in [i64s(&[1, 1], &[2]), i64s(&[4, 1], &[0; 4]), i64s(&[2], &[0, 0])] {
            assert!(run("GatherElements", 13, &axis(1), &[x.clone(), bad]).is_err());
        }
    }
}
