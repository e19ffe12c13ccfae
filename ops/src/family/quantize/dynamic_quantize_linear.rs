//! [DynamicQuantizeLinear](https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html): numbers to bytes, with the
//! scale worked out from the data.

use super::granularity::saturate;
use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// `(y, scale, zero point)`: the range of the data with 0 in it becomes 0..=255. A range of nothing takes the scale 1/255.
#[derive(Debug)]
pub struct DynamicQuantizeLinear;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(DynamicQuantizeLinear))
}

/// The scale and the zero point of values of this range; of finite ones.
pub(crate) fn parameters(values: &[f32]) -> (f32, i64) {
    let least = values.iter().copied().fold(0.0f32, |a, b| if b < a { b } else { a });
    let greatest = values.iter().copied().fold(0.0f32, |a, b| if b > a { b } else { a });
    let range = if least == greatest { 1.0 } else { greatest - least };
    let scale = range / 255.0;
    (scale, saturate(f64::from(-least / scale), 0, (0, 255)))
}

impl Operator for DynamicQuantizeLinear {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "f32", |t| t == DType::F32)?;
        let scalar = |dtype| Fact::shaped(dtype, Vec::<Dim>::new());
        let y = Fact::tensor(DType::U8, inputs.shape(0)?.map(<[_]>::to_vec));
        Ok(vec![y, scalar(DType::F32), scalar(DType::U8)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let values = x.as_slice::<f32>()?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(Error::invalid("a range of infinite or undefined numbers cannot be quantised"));
        }
        let (scale, zero) = parameters(values);
        let y = values.iter().map(|v| saturate(f64::from(v / scale), zero, (0, 255)) as u8).collect();
        Ok(vec![
            Tensor::from_vec(x.shape(), y)?.into(),
            Tensor::scalar(scale).into(),
            Tensor::scalar(zero as u8).into(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_all},
    };

    #[test]
    fn ranges_on_both_sides_of_zero() {
        for (x, y, scale, zero) in [
            (&[0.0f32, 2.0, -3.0, -2.5, 1.34, 0.5][..], &[153u8, 255, 0, 26, 221, 179][..], 5.0 / 255.0, 153),
            (&[1.0, 255.0], &[1, 255], 1.0, 0),
            (&[-255.0, -5.0], &[0, 250], 1.0, 255),
            (&[0.0], &[0], 1.0 / 255.0, 0),
        ] {
            let x = floats(&[x.len(), 1], x);
            let got = run_all("DynamicQuantizeLinear", 11, &Attributes::new(), &[Some(&x)], 3).unwrap();
            assert_eq!(got[0].as_slice::<u8>().unwrap(), y);
            assert_eq!((&got[1], &got[2]), (&Tensor::scalar(scale as f32), &Tensor::scalar(zero as u8)));
        }
        assert!(run("DynamicQuantizeLinear", 11, &[&floats(&[1], &[f32::NAN])]).is_err());
        assert!(run("DynamicQuantizeLinear", 11, &[&Tensor::scalar(1i32)]).is_err());
    }
}
