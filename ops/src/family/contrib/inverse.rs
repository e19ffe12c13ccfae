//! [Inverse](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Inverse): the inverse of
//! each matrix.

use super::compose::check;
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{math::elementwise::same_float, movement::flow},
};
use std::sync::Arc;

/// The inverses of the matrices in the last two dimensions; a singular one is an error.
///
/// Order of arithmetic: Gauss-Jordan elimination with partial pivoting (the first of equal pivots) in f64, rounded once.
#[derive(Debug)]
pub struct Inverse;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 1, 1)?;
    Ok(Arc::new(Inverse))
}

/// The inverse of an n x n matrix; `None` when it has none.
fn inverse(mut m: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    let mut out: Vec<f64> = (0..n * n).map(|i| if i % (n + 1) == 0 { 1.0 } else { 0.0 }).collect();
    for c in 0..n {
        let mut pivot = c;
        for r in c + 1..n {
            if m[r * n + c].abs() > m[pivot * n + c].abs() {
                pivot = r;
            }
        }
        let head = m[pivot * n + c];
        if head == 0.0 {
            return None;
        }
        for k in 0..n {
            m.swap(pivot * n + k, c * n + k);
            out.swap(pivot * n + k, c * n + k);
            m[c * n + k] /= head;
            out[c * n + k] /= head;
        }
        for r in (0..n).filter(|r| *r != c) {
            let factor = m[r * n + c];
            for k in 0..n {
                m[r * n + k] -= factor * m[c * n + k];
                out[r * n + k] -= factor * out[c * n + k];
            }
        }
    }
    Some(out)
}

impl Operator for Inverse {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = same_float(&[inputs.dtype(0)?])?;
        let shape = inputs.shape(0)?;
        match shape {
            Some([.., a, b]) => drop(a.unify(b).map_err(|e| e.at("a matrix that is not square"))?),
            Some(s) => return Err(Error::invalid(format!("rank {} where 2 at least is expected", s.len()))),
            None => {}
        }
        Ok(vec![Fact::tensor(dtype, shape.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let n = match x.shape() {
            [.., n, m] if n == m => *n,
            s => return Err(Error::invalid(format!("matrices of shape {s:?} are not square"))),
        };
        let wide = x.cast(DType::F64)?;
        let mut out = Vec::with_capacity(x.len());
        for (i, m) in wide.as_slice::<f64>()?.chunks_exact((n * n).max(1)).enumerate() {
            let found = inverse(m.to_vec(), n);
            out.extend(found.ok_or_else(|| Error::invalid(format!("matrix {i} is singular")))?);
        }
        Ok(vec![Tensor::from_vec(x.shape(), out)?.cast(x.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| (a + 2 < inputs.get(0)?.shape()?.len()).then_some(a))
    }
}

#[cfg(test)]
mod tests {
    use crate::family::nn::testing::{close, count, run_in, t};

    #[test]
    fn of_stacked_matrices() {
        let x = t(&[2, 2, 2], &[0.0, 2.0, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        let got = run_in("com.microsoft", "Inverse", 1, &[], &[Some(x)], 1).unwrap();
        close(&got[0], &[2, 2, 2], &[0.0, 0.25, 0.5, 0.0, -2.0, 1.0, 1.5, -0.5]);
        for bad in [t(&[2, 2], &[1.0, 2.0, 2.0, 4.0]), count(&[2, 3]), count(&[4])] {
            assert!(run_in("com.microsoft", "Inverse", 1, &[], &[Some(bad)], 1).is_err());
        }
    }
}
