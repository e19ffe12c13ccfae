//! [DequantizeLinear](https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html): small integers to numbers.

use super::{
    granularity::{Granularity, bounds, singles, zero_points},
    quantize_linear::{is_float_code, optional_dtype, spread_rows},
};
use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// `y = (x - zero point) * scale`: an exact difference, a product in `f32`, one rounding to the output's type.
#[derive(Debug)]
pub struct DequantizeLinear {
    /// How scales are spread over the input.
    pub granularity: Granularity,
    /// The type of the output, where it is not the scale's.
    pub output: Option<DType>,
}

pub(crate) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let output = optional_dtype(node, "output_dtype")?;
    Ok(Arc::new(DequantizeLinear { granularity: Granularity::parse(node)?, output }))
}

fn check_types(x: DType, zero: Option<DType>) -> Result<()> {
    if !is_float_code(x) && x != DType::I32 {
        bounds(x).map_err(|_| Error::unsupported(format!("dequantising {x}; codes of up to 32 bits are")))?;
    }
    match zero {
        Some(z) if z != x => Err(Error::invalid(format!("the zero point is {z} where {x} is expected"))),
        _ => Ok(()),
    }
}

impl Operator for DequantizeLinear {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        check_types(inputs.dtype(0)?, inputs.get(2).map(|_| inputs.dtype(2)).transpose()?)?;
        let dtype = self.output.map_or_else(|| inputs.dtype(1), Ok)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, scale, zero) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.optional_tensor(2)?);
        check_types(x.dtype(), zero.map(|z| z.dtype()))?;
        let spread = self.granularity.spread(x.shape(), scale.shape())?;
        let scales = singles(scale)?;
        let out: Vec<f32> = if is_float_code(x.dtype()) {
            if let Some(z) = zero
                && singles(z)?.iter().any(|z| *z != 0.0)
            {
                return Err(Error::unsupported(format!("a zero point that is not 0 for {}", x.dtype())));
            }
            singles(x)?.iter().enumerate().map(|(i, v)| v * scales[spread.at(i)]).collect()
        } else {
            let zeros = zero_points(zero, scale)?;
            let product = |(i, v): (usize, &i64)| {
                let p = spread.at(i);
                (v - zeros[p]) as f32 * scales[p]
            };
            x.to_i64_vec()?.iter().enumerate().map(product).collect()
        };
        let out = Tensor::from_vec(x.shape(), out)?;
        Ok(vec![out.cast(self.output.unwrap_or(scale.dtype()))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        spread_rows(self.granularity, rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn tensors_axes_blocks_and_types() {
        let x = Tensor::from_vec([2, 3], vec![0u8, 3, 128, 255, 7, 100]).unwrap();
        let got = run("DequantizeLinear", 13, &[&x, &floats(&[], &[2.0]), &Tensor::scalar(128u8)]).unwrap();
        assert_eq!(got, floats(&[2, 3], &[-256.0, -250.0, 0.0, 254.0, -242.0, -56.0]));
        let axis = Attributes::new().with("axis", Attribute::Int(0));
        let zero = Tensor::from_vec([2], vec![0u8, 5]).unwrap();
        let got = run_with("DequantizeLinear", 13, &axis, &[&x, &floats(&[2], &[0.5, 2.0]), &zero]).unwrap();
        assert_eq!(got, floats(&[2, 3], &[0.0, 1.5, 64.0, 500.0, 4.0, 190.0]));
        let blocked = Attributes::new().with("block_size", Attribute::Int(2));
        let scale = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let got = run_with("DequantizeLinear", 21, &blocked, &[&x, &scale]).unwrap();
        assert_eq!(got, floats(&[2, 3], &[0.0, 3.0, 256.0, 765.0, 21.0, 400.0]));
        let half = Tensor::scalar(half::f16::from_f32(0.5));
        let got = run("DequantizeLinear", 19, &[&Tensor::from_vec([1], vec![-3i32]).unwrap(), &half]).unwrap();
        assert_eq!(got.as_slice::<half::f16>().unwrap(), [half::f16::from_f32(-1.5)]);
        assert!(run("DequantizeLinear", 13, &[&x, &floats(&[], &[2.0]), &Tensor::scalar(1i8)]).is_err());
        assert!(run("DequantizeLinear", 13, &[&floats(&[1], &[1.0]), &floats(&[], &[2.0])]).is_err());
        assert!(run("DequantizeLinear", 13, &[&x, &floats(&[3], &[2.0; 3]), &zero]).is_err(), "too few zero points");
    }
}
