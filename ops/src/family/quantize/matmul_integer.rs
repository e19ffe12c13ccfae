//! [MatMulInteger](https://onnx.ai/onnx/operators/onnx__MatMulInteger.html): a matrix product of bytes in 32 bits.

use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::{broadcast_map, broadcast_shape},
    fact::Facts,
    family::math::MatMul,
    rows,
};
use std::sync::Arc;

/// `Y = (A - zero point of A) (B - zero point of B)` in `i32`, which wraps; zero points are one, or one for each row of
/// `A` and each column of `B`.
#[derive(Debug)]
pub struct MatMulInteger;

pub(crate) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(MatMulInteger))
}

/// A byte tensor as `i32` less its zero points, which broadcast; those of a vector go along the rows of the left factor.
pub(crate) fn centred(x: &Tensor, zero: Option<&Tensor>, left: bool) -> Result<Tensor> {
    check_bytes(x.dtype())?;
    let as_i32 = |t: &Tensor| Tensor::from_vec(t.shape(), t.to_i64_vec()?.into_iter().map(|v| v as i32).collect());
    let Some(zero) = zero else { return as_i32(x) };
    if zero.dtype() != x.dtype() {
        return Err(Error::invalid(format!("the zero point is {} where {} is expected", zero.dtype(), x.dtype())));
    }
    let zero = as_i32(&by_row(zero, x.rank(), left)?)?;
    if broadcast_shape(x.shape(), zero.shape())? != x.shape() {
        let (x, zero) = (x.shape(), zero.shape());
        return Err(Error::invalid(format!("zero points of shape {zero:?} do not broadcast to {x:?}")));
    }
    broadcast_map::<i32, i32, i32>(&as_i32(x)?, &zero, i32::wrapping_sub)
}

/// A parameter of the left factor with more than one element and one dimension stands for its rows.
pub(crate) fn by_row(parameter: &Tensor, rank: usize, left: bool) -> Result<Tensor> {
    match parameter.shape() {
        [n] if left && *n > 1 && rank > 1 => parameter.reshape([*n, 1]),
        // One parameter must not add a dimension to a vector or a scalar.
        [1] => parameter.reshape([]),
        _ => Ok(parameter.clone()),
    }
}

pub(crate) fn check_bytes(dtype: DType) -> Result<()> {
    match dtype {
        DType::I8 | DType::U8 => Ok(()),
        other => Err(Error::unsupported(format!("a quantised product of {other}; i8 and u8 are"))),
    }
}

/// The fact of a product of these factors, in another type.
pub(crate) fn product_fact(a: &Fact, b: &Fact, dtype: DType) -> Result<Fact> {
    for f in [a, b] {
        check_bytes(f.dtype().ok_or_else(|| Error::invalid(format!("{} where a tensor is expected", f.ty)))?)?;
    }
    let as_output = |f: &Fact| Fact::tensor(dtype, f.shape().map(<[_]>::to_vec));
    let (a, b) = (as_output(a), as_output(b));
    MatMul.infer(Facts(&[Some(&a), Some(&b)])).map(|mut facts| facts.remove(0))
}

/// The product of two `i32` tensors.
pub(crate) fn product(a: Tensor, b: Tensor) -> Result<Tensor> {
    let (a, b) = (Value::Tensor(a), Value::Tensor(b));
    MatMul.evaluate(Inputs(&[Some(&a), Some(&b)]))?.remove(0).as_tensor().cloned()
}

impl Operator for MatMulInteger {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![product_fact(inputs.required(0)?, inputs.required(1)?, DType::I32)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let a = centred(inputs.tensor(0)?, inputs.optional_tensor(2)?, true)?;
        let b = centred(inputs.tensor(1)?, inputs.optional_tensor(3)?, false)?;
        Ok(vec![product(a, b)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // One zero point for each row of A would give rows meanings by position.
        let single =
            |i: usize| inputs.get(i).is_none_or(|f| f.known_shape().is_some_and(|s| s.iter().all(|d| *d == 1)));
        let free = rows.iter().skip(2).all(|r| *r == Rows::Free);
        if single(2) && free && rows.len() >= 2 {
            return MatMul.rows(&rows[..2], inputs, outputs);
        }
        rows::opaque(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_all},
    };

    #[test]
    fn zero_points_of_all_shapes() {
        let a = Tensor::from_vec([2, 3], vec![11u8, 7, 3, 10, 6, 255]).unwrap();
        let b = Tensor::from_vec([3, 2], vec![1i8, 4, -2, 5, 3, -128]).unwrap();
        let (az, bz) = (Tensor::scalar(12u8), Tensor::from_vec([2], vec![0i8, 1]).unwrap());
        let rows = Tensor::from_vec([2], vec![12u8, 0]).unwrap();
        for (inputs, want) in [
            (vec![Some(&a), Some(&b)], [6, -305, 763, -32_570]),
            (vec![Some(&a), Some(&b), Some(&az)], [-18, 1123, 739, -31_142]),
            (vec![Some(&a), Some(&b), Some(&rows), Some(&bz)], [-18, 1138, 763, -32_841]),
            (vec![Some(&a), Some(&b), None, Some(&bz)], [6, -326, 763, -32_841]),
        ] {
            let got = run_all("MatMulInteger", 10, &Attributes::new(), &inputs, 1).unwrap();
            assert_eq!(got[0], Tensor::from_vec([2, 2], want.to_vec()).unwrap(), "{inputs:?}");
        }
        assert!(run("MatMulInteger", 10, &[&a, &a]).is_err(), "inner dimensions");
        assert!(run("MatMulInteger", 10, &[&a, &b, &bz]).is_err(), "a zero point of another type");
        assert!(run("MatMulInteger", 10, &[&floats(&[1, 1], &[1.0]), &b]).is_err());
    }
}
