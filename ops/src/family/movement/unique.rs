//! [Unique](https://onnx.ai/onnx/operators/onnx__Unique.html): the distinct elements or slices.

use super::select::{around, identity_map, remap};
use crate::{
    DType, Dim, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    fact::Facts,
    numeric::{Number, with_number},
    operator::axis_index,
};
use std::{cmp::Ordering, sync::Arc};

/// The distinct elements (or slices along an axis), where each stands first, where each input element went, and how often
/// each stands. NaNs are equal to one another and greater than numbers.
#[derive(Debug)]
pub struct Unique {
    /// The axis; the flattened tensor without one.
    pub axis: Option<i64>,
    /// Whether they are in ascending order instead of that of their first appearance.
    pub sorted: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Unique { axis: node.attributes.int("axis")?, sorted: node.attributes.flag_or("sorted", true)? }))
}

/// Each slice's index in the order of slices, sorted stably: equal slices lie beside each other, the first one first.
fn order(x: &Tensor, axis: usize) -> Result<(Vec<usize>, Vec<bool>)> {
    let (outer, extent, inner) = around(x.shape(), axis);
    let places: Vec<usize> = (0..outer).flat_map(|o| (0..inner).map(move |i| o * extent * inner + i)).collect();
    let sort = |compare: &dyn Fn(usize, usize) -> Ordering| {
        let slices = |a: usize, b: usize| {
            let mut each = places.iter().map(|p| compare(p + a * inner, p + b * inner));
            each.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        };
        let mut all: Vec<usize> = (0..extent).collect();
        all.sort_by(|a, b| slices(*a, *b));
        let fresh = (0..extent).map(|i| i == 0 || slices(all[i - 1], all[i]).is_ne()).collect();
        (all, fresh)
    };
    Ok(match x.dtype() {
        DType::String => {
            let s = x.as_strings()?;
            sort(&|a, b| s.value(a).cmp(s.value(b)))
        }
        DType::Bool => {
            let v = x.as_slice::<bool>()?;
            sort(&|a, b| v[a].cmp(&v[b]))
        }
        _ => {
            let x = x.widen()?;
            with_number!(x.dtype(), T => {
                let v = x.as_slice::<T>()?;
                Ok(sort(&|a, b| v[a].partial_cmp(&v[b]).unwrap_or_else(|| v[a].is_nan().cmp(&v[b].is_nan()))))
            })?
        }
    })
}

impl Operator for Unique {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = match (self.axis, inputs.shape(0)?) {
            (None, _) => Some(vec![Dim::Unknown]),
            (Some(axis), Some(s)) => {
                let mut s = s.to_vec();
                let axis = axis_index(axis, s.len())?;
                s[axis] = Dim::Unknown;
                Some(s)
            }
            _ => None,
        };
        let counts = Fact::shaped(DType::I64, [Dim::Unknown]);
        Ok(vec![Fact::tensor(dtype, shape), counts.clone(), counts.clone(), counts])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let flat;
        let (x, axis) = match self.axis {
            Some(a) => (x, axis_index(a, x.rank())?),
            None => {
                flat = x.reshape([x.len()])?;
                (&flat, 0)
            }
        };
        let (all, fresh) = order(x, axis)?;
        // Groups in ascending order: (first index, count), and the group of each slice.
        let mut groups: Vec<(usize, i64)> = Vec::new();
        let mut group = vec![0usize; all.len()];
        for (i, f) in all.iter().zip(fresh) {
            if f {
                groups.push((*i, 0));
            }
            if let Some(last) = groups.last_mut() {
                last.1 += 1;
            }
            group[*i] = groups.len() - 1;
        }
        let mut sequence: Vec<usize> = (0..groups.len()).collect();
        if !self.sorted {
            sequence.sort_by_key(|g| groups[*g].0);
        }
        let mut rank = vec![0i64; groups.len()];
        sequence.iter().enumerate().for_each(|(r, g)| rank[*g] = r as i64);
        let mut maps: Vec<_> = x.shape().iter().map(|n| identity_map(*n)).collect();
        maps[axis] = sequence.iter().map(|g| Some(groups[*g].0)).collect();
        let list = |v: Vec<i64>| Ok::<_, crate::Error>(Value::from(Tensor::from_vec([v.len()], v)?));
        Ok(vec![
            remap(x, &maps, None)?.into(),
            list(sequence.iter().map(|g| groups[*g].0 as i64).collect())?,
            list(group.iter().map(|g| rank[*g]).collect())?,
            list(sequence.iter().map(|g| groups[*g].1).collect())?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, Value, family::movement::trial::*};

    #[test]
    fn examples_of_the_specification() {
        let go = |attributes: &[(&str, Attribute)], x: Tensor, expected: [Tensor; 4]| {
            let got = run_values("Unique", 11, attributes, &[Some(x.into())], 4).unwrap();
            assert_eq!(got, expected.map(Value::Tensor));
        };
        let v = |n: &[i64]| i64s(&[n.len()], n);
        let unsorted = [("sorted", Attribute::Int(0))];
        let x = f32s(&[6], &[2.0, 1.0, 1.0, 3.0, 4.0, 3.0]);
        go(
            &unsorted,
            x,
            [f32s(&[4], &[2.0, 1.0, 3.0, 4.0]), v(&[0, 1, 3, 4]), v(&[0, 1, 1, 2, 3, 2]), v(&[1, 2, 2, 1])],
        );
        let x = i64s(&[2, 2], &[1, 3, 2, 3]);
        go(&[], x, [v(&[1, 2, 3]), v(&[0, 2, 1]), v(&[0, 2, 1, 2]), v(&[1, 1, 2])]);
        let x = i64s(&[3, 3], &[1, 0, 0, 1, 0, 0, 2, 3, 4]);
        let axis = [("axis", Attribute::Int(0))];
        go(&axis, x, [i64s(&[2, 3], &[1, 0, 0, 2, 3, 4]), v(&[0, 2]), v(&[0, 0, 1]), v(&[2, 1])]);
        let s = |n: &[&str]| Tensor::from_string_iter([n.len()], n).unwrap();
        go(&[], s(&["b", "a", "b"]), [s(&["a", "b"]), v(&[1, 0]), v(&[1, 0, 1]), v(&[1, 2])]);
        let x = f32s(&[3], &[f32::NAN, 1.0, f32::NAN]);
        go(&[], x, [f32s(&[2], &[1.0, f32::NAN]), v(&[1, 0]), v(&[1, 0, 1]), v(&[1, 2])]);
    }
}
