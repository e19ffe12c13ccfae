//! [Compress](https://onnx.ai/onnx/operators/onnx__Compress.html): the slices of an axis that a condition picks.

use super::select::{identity_map, remap};
use crate::{Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Value, fact::Facts, operator::axis_index};
use std::sync::Arc;

/// Keeps the slices (or, without an axis, the elements in row-major order) where input 1 is true; it may be shorter.
#[derive(Debug)]
pub struct Compress {
    /// The axis; the flattened tensor without one.
    pub axis: Option<i64>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Compress { axis: node.attributes.int("axis")? }))
}

impl Operator for Compress {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, "bool", |d| d == crate::DType::Bool)?;
        Ok(vec![match (self.axis, inputs.shape(0)?) {
            (None, _) => Fact::shaped(dtype, [Dim::Unknown]),
            (Some(axis), Some(s)) => {
                let mut s = s.to_vec();
                let axis = axis_index(axis, s.len())?;
                s[axis] = Dim::Unknown;
                Fact::tensor(dtype, Some(s))
            }
            _ => Fact::tensor(dtype, None),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, condition) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let flat;
        let (x, axis) = match self.axis {
            Some(a) => (x, axis_index(a, x.rank())?),
            None => {
                flat = x.reshape([x.len()])?;
                (&flat, 0)
            }
        };
        let picks = condition.as_slice::<bool>().map_err(|e| e.at("input 1"))?;
        let found: Vec<Option<usize>> = (0..picks.len()).filter(|i| picks[*i]).map(Some).collect();
        if found.last().is_some_and(|i| i.is_some_and(|i| i >= x.shape()[axis])) {
            return Err(Error::invalid(format!("input 1 picks beyond extent {}", x.shape()[axis])));
        }
        let mut maps: Vec<_> = x.shape().iter().map(|n| identity_map(*n)).collect();
        maps[axis] = found;
        Ok(vec![remap(x, &maps, None)?.into()])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn picks_slices_and_elements() {
        let x = i64s(&[3, 2], &[1, 2, 3, 4, 5, 6]);
        let c = |v: &[bool]| Tensor::from_slice([v.len()], v).unwrap();
        let axis = |a| [("axis", Attribute::Int(a))];
        let got = run("Compress", 11, &axis(0), &[x.clone(), c(&[false, true, true])]).unwrap();
        assert_eq!(got, i64s(&[2, 2], &[3, 4, 5, 6]));
        let got = run("Compress", 11, &axis(-1), &[x.clone(), c(&[false, true])]).unwrap();
        assert_eq!(got, i64s(&[3, 1], &[2, 4, 6]));
        let got = run("Compress", 11, &[], &[x.clone(), c(&[false, true, false, false, true])]).unwrap();
        assert_eq!(got, i64s(&[2], &[2, 5]));
        assert!(run("Compress", 11, &axis(1), &[x.clone(), c(&[false, false, true])]).is_err());
        assert!(run("Compress", 11, &axis(1), &[x.clone(), x]).is_err());
    }
}
