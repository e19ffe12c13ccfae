//! [MatMul](https://onnx.ai/onnx/operators/onnx__MatMul.html): the matrix product, stacked as `numpy.matmul` stacks.

use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::{broadcast_shape, broadcast_strides, for_each_index},
    fact::{Facts, broadcast},
    numeric::{Number, with_number},
    rows,
    tensor::element_count,
};
use std::sync::Arc;

/// `Y = A B` over the last two dimensions, with the leading ones broadcast.
///
/// Order of arithmetic: each output is one chain of fused multiply-adds in ascending k, starting from zero.
#[derive(Debug)]
pub struct MatMul;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(MatMul))
}

/// The output shape of a product of these shapes.
fn product_shape(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>> {
    let (Some(last), Some(_)) = (a.last(), b.last()) else {
        return Err(Error::invalid("a product of a scalar; inputs need at least one dimension"));
    };
    let inner = if b.len() == 1 { &b[0] } else { &b[b.len() - 2] };
    last.unify(inner).map_err(|e| e.at("inner dimensions of a product"))?;
    let stack = |s: &[Dim]| s[..s.len().saturating_sub(2)].to_vec();
    let mut shape = broadcast(&stack(a), &stack(b))?;
    if a.len() > 1 {
        shape.push(a[a.len() - 2].clone());
    }
    if b.len() > 1 {
        shape.push(b[b.len() - 1].clone());
    }
    Ok(shape)
}

impl Operator for MatMul {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.same_dtype()?;
        let shape = match (inputs.shape(0)?, inputs.shape(1)?) {
            (Some(a), Some(b)) => Some(product_shape(a, b)?),
            _ => None,
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (x, y) = (a.widen()?, b.widen()?);
        with_number!(x.dtype(), T => Ok(vec![product::<T>(&x, &y)?.narrow(a.dtype())?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = |i: usize| inputs.get(i).and_then(Fact::shape).map(<[Dim]>::len);
        match (rows, rank(0), rank(1)) {
            ([Rows::Axis(r), Rows::Free], Some(a), Some(b)) if r + 1 < a && b <= 2.max(a - r - 1) => {
                vec![Rows::Axis(*r); outputs.len()]
            }
            ([Rows::Axis(r), Rows::Axis(q)], Some(a), Some(b)) if a == b && r == q && r + 2 < a => {
                vec![Rows::Axis(*r); outputs.len()]
            }
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

/// The product in the declared order.
fn product<T: Number>(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (x, y) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
    let matrix = |s: &[usize], row: bool| match s {
        [] => Err(Error::invalid("a product of a scalar; inputs need at least one dimension")),
        [k] => Ok(if row { (Vec::new(), 1, *k) } else { (Vec::new(), *k, 1) }),
        [stack @ .., m, k] => Ok((stack.to_vec(), *m, *k)),
    };
    let ((sa, m, k), (sb, k2, n)) = (matrix(a.shape(), true)?, matrix(b.shape(), false)?);
    if k != k2 {
        return Err(Error::invalid(format!("inner dimensions {k} and {k2} of a product differ")));
    }
    let stack = broadcast_shape(&sa, &sb)?;
    let mut shape = stack.clone();
    if a.rank() > 1 {
        shape.push(m);
    }
    if b.rank() > 1 {
        shape.push(n);
    }
    let mut out = Vec::with_capacity(element_count(&shape)?);
    for_each_index(&stack, &[broadcast_strides(&sa, &stack), broadcast_strides(&sb, &stack)], |[i, j]| {
        let (x, y) = (&x[i * m * k..(i + 1) * m * k], &y[j * k * n..(j + 1) * k * n]);
        for r in 0..m {
            for c in 0..n {
                out.push((0..k).fold(T::ZERO, |sum, l| x[r * k + l].mul_add(y[l * n + c], sum)));
            }
        }
    });
    Tensor::from_vec(shape, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_vectors_and_matrices_as_numpy_does() {
        let t = |shape: &[usize]| {
            let n: usize = shape.iter().product();
            Tensor::from_vec(shape, (0..n).map(|i| i as i32).collect()).unwrap()
        };
        for (a, b, shape, first) in [
            (&[3][..], &[3][..], &[][..], 5),
            (&[2, 3], &[3], &[2], 5),
            (&[3], &[3, 2], &[2], 10),
            (&[2, 2, 3], &[3, 2], &[2, 2, 2], 10),
            (&[2, 1, 2, 3], &[4, 3, 2], &[2, 4, 2, 2], 10),
        ] {
            let got = product::<i32>(&t(a), &t(b)).unwrap();
            assert_eq!((got.shape(), got.as_slice::<i32>().unwrap()[0]), (shape, first), "{a:?} x {b:?}");
        }
        assert!(product::<i32>(&t(&[2, 3]), &t(&[2, 3])).is_err());
    }
}
