//! [Clip](https://onnx.ai/onnx/operators/onnx__Clip.html): bounds on each element.

use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::math::elementwise::{map_each, same_number},
    numeric::{Number, with_number},
    rows,
};
use std::sync::Arc;

/// `min(max(x, low), high)`; the bounds are attributes before version 11 and scalar inputs from there on. NaN stays. A
/// bound that is not given is the greatest `f32` from version 6 to 10, and none before and since.
#[derive(Debug)]
pub struct Clip {
    /// The bounds, where attributes give them.
    pub fixed: Option<(f32, f32)>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let (low, high) = if node.since < 6 { (f32::NEG_INFINITY, f32::INFINITY) } else { (f32::MIN, f32::MAX) };
    let fixed = if node.since < 11 { Some((a.float_or("min", low)?, a.float_or("max", high)?)) } else { None };
    Ok(Arc::new(Clip { fixed }))
}

fn or<T: Number>(bound: Option<&Tensor>, default: T) -> Result<T> {
    bound.map_or(Ok(default), Tensor::item::<T>).map_err(|e| e.at("a bound"))
}

fn clip<T: Number>(x: &Tensor, low: T, high: T) -> Result<Tensor> {
    map_each::<T, T>(x, |v| {
        let v = if v < low { low } else { v };
        if v > high { high } else { v }
    })
}

impl Operator for Clip {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype: DType = same_number(&[inputs.same_dtype()?])?;
        let shape = inputs.shape(0)?.map(<[_]>::to_vec);
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        let x = inputs.tensor(0)?.widen()?;
        let bound = |i: usize| match inputs.optional_tensor(i)? {
            Some(t) if t.dtype() != dtype => {
                Err(Error::invalid(format!("input {i} is {} where {dtype} is expected", t.dtype())))
            }
            t => t.map(Tensor::widen).transpose(),
        };
        let (least, greatest) = (bound(1)?, bound(2)?);
        with_number!(x.dtype(), T => {
            let (low, high) = match self.fixed {
                Some((low, high)) => (T::from_f64(f64::from(low)), T::from_f64(f64::from(high))),
                None => (
                    or(least.as_ref(), T::LEAST)?,
                    or(greatest.as_ref(), T::GREATEST)?,
                ),
            };
            Ok(vec![clip::<T>(&x, low, high)?.narrow(dtype)?.into()])
        })
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_all, run_with},
    };

    #[test]
    fn bounds_from_inputs_and_attributes() {
        let x = floats(&[2, 2], &[-2.0, 0.5, 3.0, f32::NAN]);
        let (low, high) = (floats(&[], &[-1.0]), floats(&[], &[2.0]));
        let none = Attributes::new();
        for (inputs, want) in [
            (vec![Some(&x), Some(&low), Some(&high)], [-1.0, 0.5, 2.0, f32::NAN]),
            (vec![Some(&x), None, Some(&high)], [-2.0, 0.5, 2.0, f32::NAN]),
            (vec![Some(&x), Some(&low)], [-1.0, 0.5, 3.0, f32::NAN]),
            (vec![Some(&x), Some(&high), Some(&low)], [-1.0, -1.0, -1.0, f32::NAN]),
        ] {
            assert_eq!(run_all("Clip", 13, &none, &inputs, 1).unwrap()[0], floats(&[2, 2], &want), "{inputs:?}");
        }
        let fixed = Attributes::new().with("min", Attribute::Float(0.0)).with("max", Attribute::Float(1.0));
        assert_eq!(run_with("Clip", 7, &fixed, &[&x]).unwrap(), floats(&[2, 2], &[0.0, 0.5, 1.0, f32::NAN]));
        let far = Tensor::from_vec([2], vec![1e300, -1e300]).unwrap();
        assert_eq!(run("Clip", 5, &[&far]).unwrap(), far, "no bounds");
        let widest = Tensor::from_vec([2], vec![f64::from(f32::MAX), f64::from(f32::MIN)]).unwrap();
        assert_eq!(run("Clip", 6, &[&far]).unwrap(), widest, "the bounds of f32");
        assert!(run("Clip", 13, &[&x, &Tensor::scalar(1i32)]).is_err(), "a bound of another type");
        assert!(run("Clip", 13, &[&x, &floats(&[2], &[0.0, 1.0])]).is_err(), "two bounds");
    }
}
