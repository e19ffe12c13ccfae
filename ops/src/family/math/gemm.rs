//! [Gemm](https://onnx.ai/onnx/operators/onnx__Gemm.html): a matrix product with a scaled addend.

use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::{broadcast_shape, broadcast_strides, for_each_index},
    fact::{Facts, broadcast, shape_text},
    family::math::elementwise::same_number,
    numeric::{Number, with_number},
    rows,
    tensor::element_count,
};
use std::sync::Arc;

/// `Y = alpha A' B' + beta C`, where a prime transposes if the flag says so and `C` broadcasts to the product's shape.
///
/// Order of arithmetic: each product is one chain of fused multiply-adds in ascending k, starting from zero; times
/// `alpha`; plus `beta * C` by one fused multiply-add (so that with both 1 it is one addition). Narrow floats do all of
/// it in `f32` and round once. Integers wrap; a fractional `alpha` or `beta` truncates the sum, worked out in doubles.
#[derive(Debug)]
pub struct Gemm {
    /// The factor of the product.
    pub alpha: f32,
    /// The factor of the addend.
    pub beta: f32,
    /// Whether `A` is transposed.
    pub transpose_a: bool,
    /// Whether `B` is transposed.
    pub transpose_b: bool,
    /// Whether `C` has the product's shape: before version 7 without the attribute `broadcast`.
    pub same_shape: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    Ok(Arc::new(Gemm {
        alpha: a.float_or("alpha", 1.0)?,
        beta: a.float_or("beta", 1.0)?,
        transpose_a: a.flag_or("transA", false)?,
        transpose_b: a.flag_or("transB", false)?,
        same_shape: node.since < 7 && !a.flag_or("broadcast", false)?,
    }))
}

/// Rows and columns of a matrix, transposed if asked.
fn sides<D: Clone>(shape: &[D], transposed: bool, which: char) -> Result<(D, D)> {
    match shape {
        [rows, columns] if transposed => Ok((columns.clone(), rows.clone())),
        [rows, columns] => Ok((rows.clone(), columns.clone())),
        other => Err(Error::invalid(format!("input {which} has rank {} where a matrix is expected", other.len()))),
    }
}

impl Operator for Gemm {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = same_number(&[inputs.same_dtype()?])?;
        let (Some(a), Some(b)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Ok(vec![Fact::tensor(dtype, Some(vec![Dim::Unknown, Dim::Unknown]))]);
        };
        let ((m, k), (l, n)) = (sides(a, self.transpose_a, 'A')?, sides(b, self.transpose_b, 'B')?);
        k.unify(&l).map_err(|e| e.at("inner dimensions of a product"))?;
        let shape = vec![m, n];
        if let Some(c) = inputs.get(2).and_then(Fact::shape) {
            let both = broadcast(&shape, c)?;
            let grows = both.len() > 2
                || both.iter().zip(&shape).any(|(x, y)| x.known().zip(y.known()).is_some_and(|(x, y)| x != y));
            if grows {
                return Err(Error::invalid("input C does not broadcast to the product's shape"));
            }
            let differ = |(x, y): (&Dim, &Dim)| x.known().zip(y.known()).is_some_and(|(x, y)| x != y);
            if self.same_shape && (c.len() != 2 || c.iter().zip(&shape).any(differ)) {
                return Err(Error::invalid(format!("input C of shape {} where nothing broadcasts", shape_text(c))));
            }
        }
        Ok(vec![Fact::tensor(dtype, Some(shape))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b, c) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.optional_tensor(2)?);
        let (x, y, z) = (a.widen()?, b.widen()?, c.map(Tensor::widen).transpose()?);
        let result = with_number!(x.dtype(), T => self.product::<T>(&x, &y, z.as_ref()));
        Ok(vec![result?.narrow(a.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let axis = usize::from(self.transpose_a);
        let addend = match (rows.get(2), inputs.get(2).map(Fact::shape)) {
            (_, None) => true,
            // A constant addend must be the same for all rows.
            (Some(Rows::Free), Some(Some([.., first, _]))) => *first == Dim::Known(1),
            (Some(Rows::Free), Some(Some(_))) => true,
            (Some(Rows::Axis(0)), Some(Some([_, _]))) => true,
            _ => false,
        };
        match rows {
            [Rows::Axis(r), Rows::Free, ..] if *r == axis && addend => vec![Rows::Axis(0); outputs.len()],
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

impl Gemm {
    fn product<T: Number>(&self, a: &Tensor, b: &Tensor, c: Option<&Tensor>) -> Result<Tensor> {
        let (x, y) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
        let ((m, k), (l, n)) = (sides(a.shape(), self.transpose_a, 'A')?, sides(b.shape(), self.transpose_b, 'B')?);
        if k != l {
            return Err(Error::invalid(format!("inner dimensions {k} and {l} of a product differ")));
        }
        let shape = [m, n];
        let mut out = Vec::with_capacity(element_count(&shape)?);
        for r in 0..m {
            for s in 0..n {
                out.push((0..k).fold(T::ZERO, |sum, i| {
                    let p = if self.transpose_a { x[i * m + r] } else { x[r * k + i] };
                    let q = if self.transpose_b { y[s * k + i] } else { y[i * n + s] };
                    p.mul_add(q, sum)
                }));
            }
        }
        let exact = T::DTYPE.is_float() || self.alpha.fract() == 0.0 && self.beta.fract() == 0.0;
        let (alpha, beta) = (T::from_f64(f64::from(self.alpha)), T::from_f64(f64::from(self.beta)));
        let Some(c) = c.filter(|_| self.beta != 0.0) else {
            let scaled = |v: T| T::from_f64(v.to_f64() * f64::from(self.alpha));
            out.iter_mut().for_each(|v| *v = if exact { v.mul(alpha) } else { scaled(*v) });
            return Tensor::from_vec(shape, out);
        };
        let z = c.as_slice::<T>()?;
        if broadcast_shape(&shape, c.shape())? != shape || self.same_shape && c.shape() != shape {
            return Err(Error::invalid(format!("input C of shape {:?} does not broadcast to {shape:?}", c.shape())));
        }
        let mut at = 0;
        for_each_index(&shape, &[broadcast_strides(c.shape(), &shape)], |[i]| {
            out[at] = if exact {
                beta.mul_add(z[i], out[at].mul(alpha))
            } else {
                T::from_f64(out[at].to_f64() * f64::from(self.alpha) + z[i].to_f64() * f64::from(self.beta))
            };
            at += 1;
        });
        Tensor::from_vec(shape, out)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn transposes_factors_and_addends() {
        let a = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let at = floats(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let b = floats(&[3, 2], &[1.0, -1.0, 0.0, 2.0, 3.0, 1.0]);
        let bt = floats(&[2, 3], &[1.0, 0.0, 3.0, -1.0, 2.0, 1.0]);
        let none = Attributes::new;
        let flag = |n: &str| none().with(n, Attribute::Int(1));
        let scaled = none().with("alpha", Attribute::Float(0.5)).with("beta", Attribute::Float(2.0));
        let (row, column) = (floats(&[2], &[10.0, 20.0]), floats(&[2, 1], &[10.0, 20.0]));
        for (attributes, inputs, want) in [
            (none(), vec![&a, &b], [10.0, 6.0, 22.0, 12.0]),
            (flag("transA"), vec![&at, &b], [10.0, 6.0, 22.0, 12.0]),
            (flag("transB"), vec![&a, &bt], [10.0, 6.0, 22.0, 12.0]),
            (none(), vec![&a, &b, &row], [20.0, 26.0, 32.0, 32.0]),
            (none(), vec![&a, &b, &column], [20.0, 16.0, 42.0, 32.0]),
            (scaled, vec![&a, &b, &row], [25.0, 43.0, 31.0, 46.0]),
        ] {
            assert_eq!(run_with("Gemm", 13, &attributes, &inputs).unwrap(), floats(&[2, 2], &want), "{attributes:?}");
        }
        let (x, y) =
            (Tensor::from_vec([1, 2], vec![3i32, 4]).unwrap(), Tensor::from_vec([2, 1], vec![5i32, 6]).unwrap());
        assert_eq!(run("Gemm", 13, &[&x, &y]).unwrap().as_slice::<i32>().unwrap(), [39]);
        let half = none().with("alpha", Attribute::Float(0.5));
        assert_eq!(run_with("Gemm", 13, &half, &[&x, &y]).unwrap().as_slice::<i32>().unwrap(), [19]);
        let full = floats(&[2, 2], &[10.0, 20.0, 30.0, 40.0]);
        assert_eq!(run("Gemm", 6, &[&a, &b, &full]).unwrap(), floats(&[2, 2], &[20.0, 26.0, 52.0, 52.0]));
        let got = run_with("Gemm", 6, &flag("broadcast"), &[&a, &b, &row]).unwrap();
        assert_eq!(got, floats(&[2, 2], &[20.0, 26.0, 32.0, 32.0]));
        assert!(run("Gemm", 6, &[&a, &b, &row]).is_err(), "nothing broadcasts");
        assert!(run("Gemm", 13, &[&a, &a]).is_err(), "inner dimensions");
        assert!(run("Gemm", 13, &[&a, &row]).is_err(), "a vector");
        assert!(
            run("Gemm", 13, &[&a, &b, &floats(&[3, 2, 2], &[0.0; 12])]).is_err(),
            "an addend that grows the output"
        );
    }
}
