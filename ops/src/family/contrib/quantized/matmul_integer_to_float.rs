//! [MatMulIntegerToFloat](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat): a matrix product of bytes, scaled to numbers.

use super::load::only;
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::{broadcast_map, broadcast_shape},
    fact::Facts,
    family::{
        math::MatMul,
        quantize::{
            matmul_integer::{centred, product, product_fact},
            qlinear_matmul::scale,
        },
    },
};
use std::sync::Arc;

/// `y = C * (a_scale * b_scale) + bias` with `C` the product of the centred factors in `i32`.
///
/// The left factor has one scale and zero point, the right one of each or one for each column. Order of arithmetic: the
/// product of the scales, that with `C`, and the sum, each in `f32`; `f16` is rounded to once, at the end.
#[derive(Debug)]
pub struct MatMulIntegerToFloat;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &[], 4..=7)?;
    Ok(Arc::new(MatMulIntegerToFloat))
}

/// `C * factors + bias`, of which the last two broadcast to the product.
pub(super) fn scaled(sums: &Tensor, factors: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let keep = |t: &Tensor, what: &str| match broadcast_shape(sums.shape(), t.shape())? == sums.shape() {
        true => Ok(()),
        false => Err(Error::invalid(format!("{what} of shape {:?} for a product of {:?}", t.shape(), sums.shape()))),
    };
    keep(factors, "scales")?;
    let y = broadcast_map::<i32, f32, f32>(sums, factors, |c, f| c as f32 * f)?;
    let Some(bias) = bias else { return Ok(y) };
    keep(bias, "a bias")?;
    broadcast_map::<f32, f32, f32>(&y, &bias.cast(DType::F32)?, |y, b| y + b)
}

/// Refuses a bias of more than one dimension or another type.
pub(super) fn check_bias(inputs: Facts<'_>, i: usize, dtype: DType) -> Result<()> {
    if inputs.get(i).is_none() {
        return Ok(());
    }
    inputs.dtype_where(i, dtype.name(), |t| t == dtype)?;
    match inputs.shape(i)? {
        None | Some([_]) => Ok(()),
        Some(s) => Err(Error::invalid(format!("input {i} has {} dimensions; a bias has 1", s.len()))),
    }
}

/// Refuses what is known to be more than one number.
fn check_single(inputs: Facts<'_>, i: usize) -> Result<()> {
    match inputs.get(i).and_then(Fact::known_shape) {
        Some(shape) if shape.iter().any(|d| *d != 1) => Err(Error::unsupported(format!(
            "input {i} of shape {shape:?}; the left factor has one scale and zero point"
        ))),
        _ => Ok(()),
    }
}

impl Operator for MatMulIntegerToFloat {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype_where(2, "f32 or f16", |t| matches!(t, DType::F32 | DType::F16))?;
        inputs.dtype_where(3, dtype.name(), |t| t == dtype)?;
        check_single(inputs, 2)?;
        check_single(inputs, 4)?;
        check_bias(inputs, 6, dtype)?;
        Ok(vec![product_fact(inputs.required(0)?, inputs.required(1)?, dtype)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let az = inputs.optional_tensor(4)?;
        if [Some(inputs.tensor(2)?), az].into_iter().flatten().any(|t| t.len() != 1) {
            return Err(Error::unsupported("a left factor of several scales or zero points"));
        }
        let sums = product(centred(a, az, true)?, centred(b, inputs.optional_tensor(5)?, false)?)?;
        let (left, right) = (scale(inputs, 2, 0, true)?.reshape([])?, scale(inputs, 3, b.rank(), false)?);
        let factors = broadcast_map::<f32, f32, f32>(&left, &right, |p, q| p * q)?;
        let y = scaled(&sums, &factors, inputs.optional_tensor(6)?)?;
        Ok(vec![y.cast(inputs.tensor(2)?.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let matrix = |i: usize| inputs.get(i).and_then(Fact::shape).is_none_or(|s: &[Dim]| s.len() > 1);
        // Scales or zero points of a stack of right factors could belong to rows.
        if [3, 5].into_iter().any(|i| inputs.get(i).is_some() && matrix(i)) {
            return crate::rows::opaque(rows, outputs.len());
        }
        super::parameters::rows_like(&MatMul, &[0, 1], rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Attribute, family::nn::testing::t};

    #[test]
    fn scales_zero_points_and_bias() {
        let (a, b) = (u8s(&[2, 3], &[11, 7, 3, 10, 6, 255]), i8s(&[3, 2], &[1, 4, -2, 5, 3, -128]));
        let (half, columns) = (t(&[], &[0.5]), t(&[2], &[1.0, 0.25]));
        let got = run("MatMulIntegerToFloat", &[], &[&a, &b, &half, &columns]).unwrap();
        assert_eq!(got, t(&[2, 2], &[3.0, -38.125, 381.5, -4071.25]));
        let (az, bz) = (u8s(&[1], &[12]), i8s(&[2], &[0, 1]));
        let bias = t(&[2], &[1.0, -1.0]);
        let got = run("MatMulIntegerToFloat", &[], &[&a, &b, &half, &columns, &az, &bz, &bias]).unwrap();
        assert_eq!(got, t(&[2, 2], &[-8.0, 141.25, 370.5, -3923.125]));
        assert!(run("MatMulIntegerToFloat", &[], &[&a, &b, &columns, &half]).is_err(), "two scales of A");
        assert!(run("MatMulIntegerToFloat", &[], &[&a, &b, &half, &t(&[3], &[1.0; 3])]).is_err(), "three scales of B");
        assert!(
            run("MatMulIntegerToFloat", &[], &[&a, &b, &half, &half, &bz]).is_err(),
            "a zero point of another type"
        );
        assert!(run("MatMulIntegerToFloat", &[("transB", Attribute::Int(1))], &[&a, &b, &half, &half]).is_err());
    }
}
