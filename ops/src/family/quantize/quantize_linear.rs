//! [QuantizeLinear](https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html): numbers to small integers.

use super::granularity::{Granularity, bounds, integers, saturate, singles, zero_points};
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Conversion, rows,
};
use half::{bf16, f16};
use std::sync::Arc;

/// `y = saturate(round(x / scale) + zero point)`, halves to even; to integers of up to 16 bits, or without rounding to
/// integers to floats of 8 and 4 bits.
///
/// The division is one rounding in the scale's type, or in the one that `precision` names.
#[derive(Debug)]
pub struct QuantizeLinear {
    /// How scales are spread over the input.
    pub granularity: Granularity,
    /// The type of the output where no zero point gives it.
    pub output: Option<DType>,
    /// The type to divide in, where it is not the scale's.
    pub precision: Option<DType>,
    /// How floats of eight bits are made.
    pub conversion: Conversion,
}

/// A type attribute, of which 0 means none.
pub(super) fn optional_dtype(node: &Node<'_>, name: &str) -> Result<Option<DType>> {
    match node.attributes.int_or(name, 0)? {
        0 => Ok(None),
        _ => node.attributes.dtype(name),
    }
}

pub(crate) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(QuantizeLinear {
        granularity: Granularity::parse(node)?,
        output: optional_dtype(node, "output_dtype")?,
        precision: optional_dtype(node, "precision")?,
        conversion: Conversion { saturate: node.attributes.flag_or("saturate", true)?, ..Conversion::default() },
    }))
}

impl QuantizeLinear {
    fn output_type(&self, zero: Option<DType>) -> Result<DType> {
        if let (Some(z), Some(o)) = (zero, self.output)
            && z != o
        {
            return Err(Error::invalid(format!("the zero point is {z} where 'output_dtype' says {o}")));
        }
        let dtype = zero.or(self.output).unwrap_or(DType::U8);
        if is_float_code(dtype) { Ok(dtype) } else { bounds(dtype).map(|_| dtype) }
    }
}

/// Whether values are quantised to floats of eight or four bits, which have no zero point but zero.
pub(super) fn is_float_code(dtype: DType) -> bool {
    dtype.is_float() && dtype.size() == 1 && dtype != DType::F8E8M0
}

/// `x / s`, rounded once to the type.
fn quotient(precision: DType, x: f32, s: f32) -> Result<f64> {
    Ok(match precision {
        DType::F32 => f64::from(x / s),
        DType::F16 => f16::from_f32(x / s).to_f64(),
        DType::BF16 => bf16::from_f32(x / s).to_f64(),
        DType::I32 => f64::from(x) / f64::from(s),
        other => return Err(Error::unsupported(format!("quantising with a scale of {other}"))),
    })
}

impl Operator for QuantizeLinear {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let zero = inputs.get(2).map(|_| inputs.dtype(2)).transpose()?;
        quotient(self.precision.map_or_else(|| inputs.dtype(1), Ok)?, 1.0, 1.0)?;
        Ok(vec![Fact::tensor(self.output_type(zero)?, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, scale, zero) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.optional_tensor(2)?);
        let dtype = self.output_type(zero.map(|z| z.dtype()))?;
        let spread = self.granularity.spread(x.shape(), scale.shape())?;
        let precision = self.precision.unwrap_or(scale.dtype());
        if is_float_code(dtype) {
            let zeros = zero.map_or_else(|| Ok(vec![0.0; scale.len()]), singles)?;
            let scales = singles(scale)?;
            let codes = singles(x)?
                .into_iter()
                .enumerate()
                .map(|(i, v)| {
                    let p = spread.at(i);
                    let zero = zeros.get(p).ok_or_else(|| Error::invalid("fewer zero points than scales"))?;
                    Ok(quotient(precision, v, scales[p])? + f64::from(*zero))
                })
                .collect::<Result<Vec<f64>>>()?;
            return Ok(vec![Tensor::from_vec(x.shape(), codes)?.cast_with(dtype, self.conversion)?.into()]);
        }
        let (scales, zeros, limits) = (singles(scale)?, zero_points(zero, scale)?, bounds(dtype)?);
        let values = singles(x)?
            .into_iter()
            .enumerate()
            .map(|(i, v)| {
                let p = spread.at(i);
                Ok(saturate(quotient(precision, v, scales[p])?, zeros[p], limits))
            })
            .collect::<Result<Vec<i64>>>()?;
        Ok(vec![integers(dtype, x.shape(), values.into_iter())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        spread_rows(self.granularity, rows, inputs, outputs)
    }
}

/// Rows stay independent where scales do not vary along them.
pub(super) fn spread_rows(g: Granularity, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
    let rank = |i: usize| inputs.get(i).and_then(Fact::shape).map(<[_]>::len);
    let single = rank(1) == Some(0) || inputs.get(1).and_then(Fact::known_shape).is_some_and(|s| s == [1]);
    match rank(0).map(|r| crate::operator::axis_index(g.axis, r)) {
        _ if single => rows::along(rows, &[], outputs.len()),
        Some(Ok(axis)) if g.block_size == 0 => rows::along(rows, &[axis], outputs.len()),
        _ => rows::opaque(rows, outputs.len()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, DType, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn tensors_axes_blocks_and_types() {
        let x = floats(&[2, 3], &[0.0, 2.5, -3.0, 1000.0, -1000.0, 254.0]);
        let u8s = |shape: &[usize], v: Vec<u8>| Tensor::from_vec(shape, v).unwrap();
        let got = run("QuantizeLinear", 13, &[&x, &floats(&[], &[2.0]), &u8s(&[], vec![128])]).unwrap();
        assert_eq!(got, u8s(&[2, 3], vec![128, 129, 126, 255, 0, 255]));
        let got = run("QuantizeLinear", 13, &[&x, &floats(&[3], &[1.0, 5.0, 2.0])]).unwrap();
        assert_eq!(got, u8s(&[2, 3], vec![0, 0, 0, 255, 0, 127]));
        let blocked = Attributes::new().with("block_size", Attribute::Int(2));
        let zero = Tensor::from_vec([2, 2], vec![0i16, 1, 2, -3]).unwrap();
        let scale = floats(&[2, 2], &[0.5, 1.0, 0.01, 4.0]);
        let got = run_with("QuantizeLinear", 21, &blocked, &[&x, &scale, &zero]).unwrap();
        // 1000 / 0.01 lies beyond i16 on both sides.
        assert_eq!(got, Tensor::from_vec([2, 3], vec![0i16, 5, -2, 32_767, -32_768, 61]).unwrap());
        let to = Attributes::new().with("output_dtype", Attribute::Int(i64::from(DType::I8.code())));
        let got = run_with("QuantizeLinear", 21, &to, &[&x, &floats(&[], &[2.0])]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [0, 1, -2, 127, -128, 127]);
        assert!(run("QuantizeLinear", 13, &[&x, &floats(&[2], &[1.0, 2.0])]).is_err(), "scales of another length");
        assert!(run_with("QuantizeLinear", 21, &to, &[&x, &floats(&[], &[2.0]), &u8s(&[], vec![1])]).is_err());
        assert!(run("QuantizeLinear", 13, &[&x, &floats(&[], &[2.0]), &floats(&[], &[0.0])]).is_err());
    }
}
