//! [QLinearConv](https://onnx.ai/onnx/operators/onnx__QLinearConv.html): a convolution of bytes, quantised again.

use super::{
    conv_integer::{convolved_fact, geometry, sums},
    granularity::{bounds, integers, saturate, singles},
    matmul_integer::check_bytes,
};
use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, family::nn::Conv, rows};
use std::sync::Arc;

/// `y = saturate(round((C + bias) * (x_scale * w_scale / y_scale)) + y_zero_point)` with `C` the convolution of the
/// centred inputs in `i32`; the factor and its product are `f32`, halves go to even. The weight's scale is one, or one
/// for each output channel.
#[derive(Debug)]
pub struct QLinearConv {
    /// The geometry.
    pub conv: Conv,
}

pub(crate) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(QLinearConv { conv: geometry(node)? }))
}

/// The one number of a scale.
pub(crate) fn single(inputs: Inputs<'_>, i: usize) -> Result<f32> {
    match singles(inputs.tensor(i)?)?[..] {
        [one] => Ok(one),
        ref many => Err(Error::invalid(format!("input {i} has {} scales where one is expected", many.len()))),
    }
}

impl Operator for QLinearConv {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(7)?;
        check_bytes(dtype)?;
        if inputs.get(8).is_some() {
            inputs.dtype_where(8, "i32", |t| t == DType::I32)?;
        }
        Ok(vec![convolved_fact(&self.conv, inputs.required(0)?, inputs.required(3)?, dtype)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, w, zero) = (inputs.tensor(0)?, inputs.tensor(3)?, inputs.tensor(7)?);
        let sums = sums(&self.conv, x, Some(inputs.tensor(2)?), w, Some(inputs.tensor(5)?))?;
        let channels = sums.shape().get(1).copied().unwrap_or(0);
        let plane: usize = sums.shape().iter().skip(2).product();
        let (x_scale, w_scales, y_scale) = (single(inputs, 1)?, singles(inputs.tensor(4)?)?, single(inputs, 6)?);
        let bias = inputs.optional_tensor(8)?.map(|b| b.as_slice::<i32>()).transpose()?;
        let fits = w_scales.len() == 1 || w_scales.len() == channels;
        if !fits || bias.is_some_and(|b| b.len() != channels) {
            return Err(Error::invalid(format!("scales or biases of another number than {channels} output channels")));
        }
        let [zero_point] = zero.to_i64_vec()?[..] else {
            return Err(Error::invalid("the output's zero point is one number"));
        };
        let limits = bounds(zero.dtype())?;
        let values = sums.as_slice::<i32>()?.iter().enumerate().map(|(i, c)| {
            let m = i / plane % channels;
            let factor = x_scale * w_scales[if w_scales.len() == 1 { 0 } else { m }] / y_scale;
            let sum = c.wrapping_add(bias.map_or(0, |b| b[m]));
            saturate(f64::from(sum as f32 * factor), zero_point, limits)
        });
        Ok(vec![integers(zero.dtype(), sums.shape(), values)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn channels_have_their_scales_and_biases() {
        let x = Tensor::from_vec([1, 1, 2, 3], vec![2u8, 3, 4, 5, 6, 7]).unwrap();
        let w = Tensor::from_vec([2, 1, 1, 2], vec![1i8, 1, 3, -1]).unwrap();
        let (xz, wz, yz) = (Tensor::scalar(1u8), Tensor::from_vec([2], vec![0i8, 1]).unwrap(), Tensor::scalar(10u8));
        let (one, ws) = (floats(&[], &[0.5]), floats(&[2], &[1.0, 0.5]));
        let bias = Tensor::from_vec([2], vec![0, 100]).unwrap();
        let inputs = [&x, &one, &xz, &w, &ws, &wz, &one, &yz, &bias];
        // Centred sums: 3 5 9 11 and -2 -2 -2 -2.
        let want = Tensor::from_vec([1, 2, 2, 2], vec![13u8, 15, 19, 21, 59, 59, 59, 59]).unwrap();
        assert_eq!(run("QLinearConv", 10, &inputs).unwrap(), want);
        assert!(run("QLinearConv", 10, &inputs[..7]).is_err(), "no zero point of the output");
        assert!(run("QLinearConv", 10, &[&x, &ws, &xz, &w, &ws, &wz, &one, &yz]).is_err(), "two scales of the input");
    }
}
