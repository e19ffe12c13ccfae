//! [Gather](https://onnx.ai/onnx/operators/onnx__Gather.html): slices of an axis by index, as `numpy.take`.

use super::{
    flow,
    select::{around, copy_runs, select, wrap_index},
};
use crate::{Dim, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts, operator::axis_index};
use std::sync::Arc;

/// The output's shape is the data's with the axis replaced by the shape of the indices.
#[derive(Debug)]
pub struct Gather {
    /// The axis, `-rank..rank`.
    pub axis: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Gather { axis: node.attributes.int_or("axis", 0)? }))
}

impl Operator for Gather {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, "an integer", crate::DType::is_integer)?;
        let (Some(data), Some(indices)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let axis = axis_index(self.axis, data.len())?;
        let shape: Vec<Dim> = [&data[..axis], indices, &data[axis + 1..]].concat();
        // Known elements of a shape stay known.
        let dims = match (&inputs.required(0)?.dims, inputs.ints(1)?) {
            (Some(dims), Some(at)) if data.len() == 1 && shape.len() <= 1 => {
                Some(at.iter().map(|i| Ok(dims[wrap_index(*i, dims.len())?].clone())).collect::<Result<Vec<_>>>()?)
            }
            _ => None,
        };
        Ok(vec![Fact { dims, ..Fact::tensor(dtype, Some(shape)) }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (data, indices) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let axis = axis_index(self.axis, data.rank())?;
        let (outer, extent, inner) = around(data.shape(), axis);
        let at = indices.to_i64_vec().map_err(|e| e.at("input 1"))?;
        let at = at.iter().map(|i| wrap_index(*i, extent)).collect::<Result<Vec<_>>>().map_err(|e| e.at("input 1"))?;
        let shape = [&data.shape()[..axis], indices.shape(), &data.shape()[axis + 1..]].concat();
        if data.rank() == 1 {
            return Ok(vec![select(data, shape, at.into_iter())?.into()]);
        }
        let runs = (0..outer).flat_map(|o| at.iter().map(move |i| (0, (o * extent + i) * inner)));
        Ok(vec![copy_runs(&[data], shape, inner, runs)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = |i: usize| inputs.get(i).and_then(Fact::shape).map(<[Dim]>::len);
        let found = match (flow::shape_only(rows), rows, rank(0), rank(1)) {
            (Some(r), ..) => r,
            (None, [Rows::Free, Rows::Axis(b)], Some(r), _) => {
                axis_index(self.axis, r).map_or(Rows::Mixed, |axis| Rows::Axis(axis + b))
            }
            (None, [Rows::Axis(a), Rows::Free], Some(r), Some(q)) => match axis_index(self.axis, r) {
                Ok(axis) if *a < axis => Rows::Axis(*a),
                Ok(axis) if *a > axis => Rows::Axis(a + q - 1),
                _ => Rows::Mixed,
            },
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
    use super::*;
    use crate::{Attribute, DType, Tensor, family::movement::trial::*};

    #[test]
    fn takes_slices_with_negative_and_scalar_indices() {
        let x = f32s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let axis = |a| [("axis", Attribute::Int(a))];
        let got = run("Gather", 13, &axis(1), &[x.clone(), i64s(&[2, 1], &[-1, 0])]).unwrap();
        assert_eq!(got, f32s(&[2, 2, 1], &[2.0, 0.0, 5.0, 3.0]));
        let got = run("Gather", 13, &axis(0), &[x.clone(), Tensor::scalar(1i32)]).unwrap();
        assert_eq!(got, f32s(&[3], &[3.0, 4.0, 5.0]));
        let s = Tensor::from_string_iter([3], ["a", "b", "c"]).unwrap();
        let got = run("Gather", 13, &[], &[s, i64s(&[2], &[2, 0])]).unwrap();
        assert_eq!(got, Tensor::from_string_iter([2], ["c", "a"]).unwrap());
        assert!(run("Gather", 13, &axis(0), &[x.clone(), i64s(&[1], &[2])]).is_err());
        assert!(run("Gather", 13, &axis(0), &[x.clone(), i64s(&[1], &[-3])]).is_err());
        assert!(run("Gather", 13, &axis(0), &[x.clone(), f32s(&[1], &[0.0])]).is_err());
        assert!(run("Gather", 13, &axis(2), &[x, i64s(&[1], &[0])]).is_err());
    }

    #[test]
    fn shape_elements_and_row_axes() {
        let dims = Fact { dims: Some(vec![Dim::symbol("N"), Dim::Known(7)]), ..Fact::shaped(DType::I64, [2]) };
        let out = infer("Gather", 13, &[], &[dims, Fact::constant(Tensor::scalar(0i64))]).unwrap();
        assert_eq!((out[0].dims.clone(), out[0].shape()), (Some(vec![Dim::symbol("N")]), Some(&[][..])));
        let table = Fact::shaped(DType::F32, [30, 8]);
        let ids = Fact::shaped(DType::I64, [Dim::symbol("N"), Dim::Known(5)]);
        let facts = [Some(&table), Some(&ids)];
        let rows = |axis, r: [Rows; 2]| Gather { axis }.rows(&r, Facts(&facts), std::slice::from_ref(&table))[0];
        assert_eq!(rows(0, [Rows::Free, Rows::Axis(0)]), Rows::Axis(0));
        assert_eq!(rows(1, [Rows::Free, Rows::Axis(0)]), Rows::Axis(1));
        assert_eq!(rows(1, [Rows::Axis(0), Rows::Free]), Rows::Axis(0));
        assert_eq!(rows(0, [Rows::Axis(1), Rows::Free]), Rows::Axis(2));
        assert_eq!(rows(0, [Rows::Axis(0), Rows::Free]), Rows::Mixed);
        assert_eq!(rows(0, [Rows::Extent, Rows::Free]), Rows::Extent);
    }
}
