//! [ScatterElements](https://onnx.ai/onnx/operators/onnx__ScatterElements.html) (formerly Scatter) and
//! [ScatterND](https://onnx.ai/onnx/operators/onnx__ScatterND.html): elements or slices put into a copy of a tensor.

use super::{gather_elements, gather_nd, select::copy_runs};
use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Tensor, Value,
    fact::Facts,
    numeric::{Number, with_number},
};
use std::sync::Arc;

/// How an update meets what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// It replaces it.
    None,
    /// It is added.
    Add,
    /// It is multiplied.
    Mul,
    /// The greater stays.
    Max,
    /// The lesser stays.
    Min,
}

/// Puts updates (input 2) into the data at indices (input 1), in row-major order of the updates: of repeated indices
/// without a reduction the last one stays.
#[derive(Debug)]
pub struct Scatter {
    /// The axis of single elements; `None` for slices addressed by tuples.
    pub axis: Option<i64>,
    /// How an update meets what is there.
    pub reduction: Reduction,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let reduction = match node.attributes.string_or("reduction", "none".into())?.as_str() {
        "none" => Reduction::None,
        "add" => Reduction::Add,
        "mul" => Reduction::Mul,
        "max" => Reduction::Max,
        "min" => Reduction::Min,
        other => return Err(Error::invalid(format!("attribute 'reduction' is '{other}'; none, add, mul, max or min"))),
    };
    let axis = if node.op == "ScatterND" { None } else { Some(node.attributes.int_or("axis", 0)?) };
    Ok(Arc::new(Scatter { axis, reduction }))
}

impl Scatter {
    /// Where each update goes.
    fn positions(&self, data: &Tensor, indices: &Tensor, updates: &Tensor) -> Result<Vec<usize>> {
        let fits = |shape: &[usize]| {
            if updates.shape() == shape {
                return Ok(());
            }
            Err(Error::invalid(format!("updates of shape {:?} where {shape:?} is expected", updates.shape())))
        };
        if let Some(axis) = self.axis {
            fits(indices.shape())?;
            return gather_elements::positions(data.shape(), indices, axis);
        }
        let [lead @ .., k] = indices.shape() else { return Err(Error::invalid("input 1 is a scalar")) };
        let rest = data.shape().get(*k..);
        let rest = rest.ok_or_else(|| Error::invalid(format!("tuples of {k} indices for rank {}", data.rank())))?;
        fits(&[lead, rest].concat())?;
        let run: usize = rest.iter().product();
        let starts = if *k == 0 {
            vec![0; lead.iter().product()]
        } else {
            gather_nd::slices(data.shape(), &indices.to_i64_vec()?, *k, 0)?
        };
        Ok(starts.into_iter().flat_map(|s| s..s + run).collect())
    }

    fn reduce<T: Number>(&self, data: &Tensor, updates: &Tensor, at: &[usize]) -> Result<Tensor> {
        let mut out = data.as_slice::<T>()?.to_vec();
        for (to, u) in at.iter().zip(updates.as_slice::<T>()?) {
            let here = out[*to];
            out[*to] = match self.reduction {
                Reduction::None => *u,
                Reduction::Add => here.add(*u),
                Reduction::Mul => here.mul(*u),
                Reduction::Max if *u > here || u.is_nan() => *u,
                Reduction::Min if *u < here || u.is_nan() => *u,
                Reduction::Max | Reduction::Min => here,
            };
        }
        Tensor::from_vec(data.shape(), out)
    }
}

/// Booleans: a sum is "or", a product "and".
fn reduce_bool(reduction: Reduction, data: &Tensor, updates: &Tensor, at: &[usize]) -> Result<Tensor> {
    let mut out = data.as_slice::<bool>()?.to_vec();
    for (to, u) in at.iter().zip(updates.as_slice::<bool>()?) {
        out[*to] = match reduction {
            Reduction::None => *u,
            Reduction::Add | Reduction::Max => out[*to] || *u,
            Reduction::Mul | Reduction::Min => out[*to] && *u,
        };
    }
    Tensor::from_vec(data.shape(), out)
}

impl Operator for Scatter {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, "an integer", DType::is_integer)?;
        inputs.dtype_where(2, &dtype.to_string(), |d| d == dtype)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (data, indices, updates) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
        let at = self.positions(data, indices, updates)?;
        let out = match (self.reduction, data.dtype()) {
            (Reduction::None, _) => {
                let mut from: Vec<(usize, usize)> = (0..data.len()).map(|i| (0, i)).collect();
                at.iter().enumerate().for_each(|(i, to)| from[*to] = (1, i));
                copy_runs(&[data, updates], data.shape(), 1, from.into_iter())?
            }
            (r, DType::Bool) => reduce_bool(r, data, updates, &at)?,
            (_, dtype) => {
                let (wide, updates) = (data.widen()?, updates.widen()?);
                with_number!(wide.dtype(), T => self.reduce::<T>(&wide, &updates, &at))?.narrow(dtype)?
            }
        };
        Ok(vec![out.into()])
    }

    fn missing(&self) -> Missing {
        if self.reduction == Reduction::None { Missing::Carries } else { Missing::Rejects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn elements_with_every_reduction() {
        let data = f32s(&[1, 5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
        let (indices, updates) = (i64s(&[1, 3], &[1, -2, 1]), f32s(&[1, 3], &[1.5, 2.5, 9.0]));
        for (reduction, expected) in [
            ("none", [1.0, 9.0, 3.0, 2.5, 5.0]),
            ("add", [1.0, 12.5, 3.0, 6.5, 5.0]),
            ("mul", [1.0, 27.0, 3.0, 10.0, 5.0]),
            ("max", [1.0, 9.0, 3.0, 4.0, 5.0]),
            ("min", [1.0, 1.5, 3.0, 2.5, 5.0]),
        ] {
            let attributes = [("axis", Attribute::Int(1)), ("reduction", Attribute::String(reduction.into()))];
            let inputs = [data.clone(), indices.clone(), updates.clone()];
            assert_eq!(run("ScatterElements", 18, &attributes, &inputs).unwrap(), f32s(&[1, 5], &expected));
        }
        let inputs = [data.clone(), i64s(&[1, 1], &[5]), f32s(&[1, 1], &[0.0])];
        assert!(run("ScatterElements", 18, &[("axis", Attribute::Int(1))], &inputs).is_err());
        assert!(run("Scatter", 9, &[], &[data.clone(), indices.clone(), f32s(&[1, 2], &[0.0; 2])]).is_err());
        assert!(run("Scatter", 9, &[], &[data, indices.clone(), indices]).is_err());
    }

    #[test]
    fn slices_by_tuples() {
        let data = i64s(&[3, 2], &[1, 2, 3, 4, 5, 6]);
        let got = run("ScatterND", 18, &[], &[data.clone(), i64s(&[2, 1], &[2, 0]), i64s(&[2, 2], &[7, 8, 9, 10])]);
        assert_eq!(got.unwrap(), i64s(&[3, 2], &[9, 10, 3, 4, 7, 8]));
        let add = [("reduction", Attribute::String("add".into()))];
        let got = run("ScatterND", 18, &add, &[data.clone(), i64s(&[2, 2], &[0, 1, 0, 1]), i64s(&[2], &[10, 20])]);
        assert_eq!(got.unwrap(), i64s(&[3, 2], &[1, 32, 3, 4, 5, 6]));
        let s = Tensor::from_string_iter([2], ["a", "b"]).unwrap();
        let u = Tensor::from_string_iter([1], ["c"]).unwrap();
        let got = run("ScatterND", 18, &[], &[s, i64s(&[1, 1], &[-1]), u]).unwrap();
        assert_eq!(got, Tensor::from_string_iter([2], ["a", "c"]).unwrap());
        assert!(run("ScatterND", 18, &[], &[data.clone(), i64s(&[1, 3], &[0; 3]), i64s(&[1], &[0])]).is_err());
        assert!(run("ScatterND", 18, &[], &[data, i64s(&[1, 1], &[0]), i64s(&[1], &[0])]).is_err());
    }
}
