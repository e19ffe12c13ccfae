//! [TopK](https://onnx.ai/onnx/operators/onnx__TopK.html): the greatest or least elements of an axis, and where they stand.

use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::movement::{
        flow,
        select::{around, select, size_of},
    },
    numeric::{Number, with_number},
    operator::axis_index,
};
use std::{cmp::Ordering, sync::Arc};

/// The k greatest (or least) elements along an axis in order, equal ones by ascending index; NaN is greater than every
/// number.
#[derive(Debug)]
pub struct TopK {
    /// The axis, `-rank..rank`.
    pub axis: i64,
    /// The number of elements as an attribute, before version 10; input 1 since.
    pub k: Option<i64>,
    /// Whether the greatest are sought (the least can be from version 11).
    pub largest: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    Ok(Arc::new(TopK {
        axis: a.int_or("axis", -1)?,
        k: if node.since < 10 { Some(a.required("k", crate::Attributes::int)?) } else { None },
        largest: node.since < 11 || a.flag_or("largest", true)?,
    }))
}

/// The order of numbers with NaN last.
fn order<T: Number>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl TopK {
    fn find<T: Number>(&self, x: &Tensor, axis: usize, k: usize) -> Result<(Vec<usize>, Vec<i64>)> {
        let v = x.as_slice::<T>()?;
        let (outer, extent, inner) = around(x.shape(), axis);
        if k > extent {
            return Err(Error::invalid(format!("the first {k} of {extent} elements are asked for")));
        }
        let (mut flat, mut along) = (vec![0; outer * k * inner], vec![0; outer * k * inner]);
        for o in 0..outer {
            for i in 0..inner {
                let at = |j: usize| (o * extent + j) * inner + i;
                let mut all: Vec<usize> = (0..extent).collect();
                all.sort_by(|a, b| {
                    let by_value = order(v[at(*a)], v[at(*b)]);
                    if self.largest { by_value.reverse() } else { by_value }
                });
                for (j, found) in all.into_iter().take(k).enumerate() {
                    let to = (o * k + j) * inner + i;
                    (flat[to], along[to]) = (at(found), found as i64);
                }
            }
        }
        Ok((flat, along))
    }
}

impl Operator for TopK {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let k = match self.k {
            Some(k) => Dim::Known(size_of(k)?),
            None => match inputs.ints(1)?.as_deref() {
                Some([k]) => Dim::Known(size_of(*k)?),
                Some(other) => {
                    return Err(Error::invalid(format!("input 1 has {} elements, one is expected", other.len())));
                }
                None => inputs.required(1)?.dims.as_ref().and_then(|d| d.first().cloned()).unwrap_or(Dim::Unknown),
            },
        };
        let shape = match inputs.shape(0)? {
            Some(s) => {
                let mut s = s.to_vec();
                let axis = axis_index(self.axis, s.len())?;
                s[axis] = k;
                Some(s)
            }
            None => None,
        };
        Ok(vec![Fact::tensor(dtype, shape.clone()), Fact::tensor(DType::I64, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let k = match self.k {
            Some(k) => k,
            None => match inputs.tensor(1)?.to_i64_vec()?.as_slice() {
                [k] => *k,
                other => return Err(Error::invalid(format!("input 1 has {} elements, one is expected", other.len()))),
            },
        };
        let (axis, k) = (axis_index(self.axis, x.rank())?, size_of(k)?);
        let wide = x.widen()?;
        let (flat, along) = with_number!(wide.dtype(), T => self.find::<T>(&wide, axis, k))?;
        let mut shape = x.shape().to_vec();
        shape[axis] = k;
        let values = select(x, shape.clone(), flat.into_iter())?;
        Ok(vec![values.into(), Tensor::from_vec(shape, along)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let axis = axis_index(self.axis, inputs.get(0)?.shape()?.len()).ok()?;
            (a != axis).then_some(a)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Value, family::movement::trial::*};

    #[test]
    fn finds_in_order_with_ties_by_index() {
        let x = f32s(&[2, 4], &[1.0, 3.0, 3.0, 0.0, 7.0, f32::NAN, 5.0, 7.0]);
        let int = Attribute::Int;
        let both = |version, attributes: &[(&str, Attribute)], k: Option<i64>| {
            let inputs = [Some(x.clone().into()), k.map(|k| i64s(&[1], &[k]).into())];
            run_values("TopK", version, attributes, if k.is_some() { &inputs[..] } else { &inputs[..1] }, 2)
        };
        let expected: Vec<Value> =
            vec![f32s(&[2, 2], &[3.0, 3.0, f32::NAN, 7.0]).into(), i64s(&[2, 2], &[1, 2, 1, 0]).into()];
        assert_eq!(both(11, &[], Some(2)).unwrap(), expected);
        assert_eq!(both(10, &[], Some(2)).unwrap(), expected);
        assert_eq!(both(9, &[("k", int(2))], None).unwrap(), expected);
        let got = both(11, &[("largest", int(0)), ("axis", int(0))], Some(1)).unwrap();
        assert_eq!(got[1], i64s(&[1, 4], &[0, 0, 0, 0]).into());
        assert!(both(11, &[], Some(5)).is_err());
        assert!(both(11, &[], Some(-1)).is_err());
        assert!(both(9, &[], None).is_err());
    }
}
