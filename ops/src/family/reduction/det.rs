//! [Det](https://onnx.ai/onnx/operators/onnx__Det.html): the determinant of each matrix.

use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, family::movement::flow,
};
use std::sync::Arc;

/// The determinants of the matrices in the last two dimensions.
///
/// Order of arithmetic: Gaussian elimination with partial pivoting (the first of equal pivots) in f64, rounded once.
#[derive(Debug)]
pub struct Det;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Det))
}

fn determinant(mut m: Vec<f64>, n: usize) -> f64 {
    let mut det = 1.0;
    for c in 0..n {
        let mut pivot = c;
        for r in c + 1..n {
            if m[r * n + c].abs() > m[pivot * n + c].abs() {
                pivot = r;
            }
        }
        let head = m[pivot * n + c];
        if head == 0.0 {
            return 0.0;
        }
        if pivot != c {
            (0..n).for_each(|k| m.swap(pivot * n + k, c * n + k));
            det = -det;
        }
        det *= head;
        for r in c + 1..n {
            let factor = m[r * n + c] / head;
            for k in c..n {
                m[r * n + k] -= factor * m[c * n + k];
            }
        }
    }
    det
}

impl Operator for Det {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = match inputs.shape(0)? {
            Some([stack @ .., a, b]) => {
                a.unify(b).map_err(|e| e.at("a matrix that is not square"))?;
                Some(stack.to_vec())
            }
            Some(s) => return Err(Error::invalid(format!("rank {} where 2 at least is expected", s.len()))),
            None => None,
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let [stack @ .., n, m] = x.shape() else {
            return Err(Error::invalid(format!("rank {} where 2 at least is expected", x.rank())));
        };
        if n != m {
            return Err(Error::invalid(format!("a matrix of {n} x {m} is not square")));
        }
        let (n, count) = (*n, crate::tensor::check_elements(stack, crate::Limits::default().elements)?);
        let wide = x.cast(DType::F64)?;
        let v = wide.as_slice::<f64>()?;
        let out = (0..count).map(|i| determinant(v[i * n * n..(i + 1) * n * n].to_vec(), n)).collect();
        Ok(vec![Tensor::from_vec(stack, out)?.cast(x.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| (a + 2 < inputs.get(0)?.shape()?.len()).then_some(a))
    }
}

#[cfg(test)]
mod tests {
    use crate::family::movement::trial::*;

    #[test]
    fn of_stacked_matrices() {
        let x = f32s(
            &[2, 3, 3],
            &[
                0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, // pivots once
                1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 0.0, 1.0, 5.0, // singular
            ],
        );
        let got = run("Det", 11, &[], &[x]).unwrap();
        let v = got.as_slice::<f32>().unwrap();
        assert!((v[0] + 5.0).abs() < 1e-5 && v[1] == 0.0, "{v:?}");
        assert_eq!(run("Det", 11, &[], &[f32s(&[2, 2], &[0.0, 1.0, 2.0, 3.0])]).unwrap(), f32s(&[], &[-2.0]));
        assert!(run("Det", 11, &[], &[f32s(&[1, 2], &[0.0; 2])]).is_err());
        assert!(run("Det", 11, &[], &[f32s(&[2], &[0.0; 2])]).is_err());
    }
}
