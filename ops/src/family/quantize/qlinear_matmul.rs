//! [QLinearMatMul](https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html): a matrix product of bytes, quantised again.

use super::{
    granularity::{bounds, integers, saturate, singles},
    matmul_integer::{by_row, centred, check_bytes, product, product_fact},
};
use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    broadcast::{broadcast_map, broadcast_shape},
    fact::Facts,
};
use std::sync::Arc;

/// `y = saturate(round(C * (a_scale * b_scale / y_scale)) + y_zero_point)` with `C` the product of the centred factors
/// in `i32`; the factor and its product with `C` are `f32`, halves go to even.
#[derive(Debug)]
pub struct QLinearMatMul;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(QLinearMatMul))
}

/// A scale as an `f32` tensor of its shape.
pub(crate) fn scale(inputs: Inputs<'_>, i: usize, rank: usize, left: bool) -> Result<Tensor> {
    let t = by_row(inputs.tensor(i)?, rank, left)?;
    Tensor::from_vec(t.shape(), singles(&t)?)
}

impl Operator for QLinearMatMul {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(7)?;
        check_bytes(dtype)?;
        Ok(vec![product_fact(inputs.required(0)?, inputs.required(3)?, dtype)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b, zero) = (inputs.tensor(0)?, inputs.tensor(3)?, inputs.tensor(7)?);
        let sums = product(centred(a, Some(inputs.tensor(2)?), true)?, centred(b, Some(inputs.tensor(5)?), false)?)?;
        let (left, right) = (scale(inputs, 1, a.rank(), true)?, scale(inputs, 4, b.rank(), false)?);
        let factors = broadcast_map::<f32, f32, f32>(&left, &right, |p, q| p * q)?;
        let factors = broadcast_map::<f32, f32, f32>(&factors, &scale(inputs, 6, 0, false)?, |p, q| p / q)?;
        if broadcast_shape(sums.shape(), factors.shape())? != sums.shape() {
            let (sums, factors) = (sums.shape(), factors.shape());
            return Err(Error::invalid(format!("scales of shape {factors:?} do not broadcast to {sums:?}")));
        }
        let scaled = broadcast_map::<i32, f32, f32>(&sums, &factors, |c, f| c as f32 * f)?;
        let [zero_point] = zero.to_i64_vec()?[..] else {
            return Err(Error::unsupported("an output with several zero points"));
        };
        let limits = bounds(zero.dtype())?;
        let values = scaled.as_slice::<f32>()?.iter().map(|v| saturate(f64::from(*v), zero_point, limits));
        Ok(vec![integers(zero.dtype(), scaled.shape(), values)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn products_are_scaled_rounded_and_saturated() {
        let a = Tensor::from_vec([2, 3], vec![11u8, 7, 3, 10, 6, 255]).unwrap();
        let b = Tensor::from_vec([3, 2], vec![1i8, 4, -2, 5, 3, -128]).unwrap();
        let (az, bz, yz) = (Tensor::scalar(12u8), Tensor::scalar(0i8), Tensor::scalar(128u8));
        let one = |v: f32| floats(&[], &[v]);
        let got = run("QLinearMatMul", 21, &[&a, &one(0.5), &az, &b, &one(0.25), &bz, &one(2.0), &yz]).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 2], vec![127u8, 198, 174, 0]).unwrap());
        let (rows, columns) = (floats(&[2], &[0.5, 1.0]), floats(&[2], &[1.0, 0.25]));
        let yz = Tensor::scalar(-1i8);
        let got = run("QLinearMatMul", 10, &[&a, &rows, &az, &b, &columns, &bz, &one(8.0), &yz]).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 2], vec![-2i8, 17, 91, -128]).unwrap());
        assert!(run("QLinearMatMul", 10, &[&a, &rows, &az, &b, &columns, &bz, &one(8.0)]).is_err());
        assert!(
            run("QLinearMatMul", 10, &[&a, &floats(&[3], &[1.0; 3]), &az, &b, &columns, &bz, &one(8.0), &yz]).is_err()
        );
    }
}
