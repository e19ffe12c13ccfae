//! [LpNormalization](https://onnx.ai/onnx/operators/onnx__LpNormalization.html): vectors divided by their norm.

use super::{
    lp_pool::{power, root},
    wide::{check_float, filled, narrow, sum16, wide, with_wide},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float,
    operator::axis_index, rows,
};
use std::sync::Arc;

/// Each vector along an axis divided by its 1-norm or 2-norm; vectors of norm zero stay zero.
///
/// Order of arithmetic: sums in sixteen chains by index mod 16 and a tree, one division of each element.
#[derive(Debug)]
pub struct LpNormalization {
    /// The axis; negative counts from the end.
    pub axis: i64,
    /// 1 or 2.
    pub p: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let p = node.attributes.int_or("p", 2)?;
    if !matches!(p, 1 | 2) {
        return Err(Error::invalid(format!("attribute 'p' is {p}; it is 1 or 2")));
    }
    Ok(Arc::new(LpNormalization { axis: node.attributes.int_or("axis", -1)?, p }))
}

impl LpNormalization {
    fn normalize<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let shape = x.shape();
        let axis = axis_index(self.axis, shape.len())?;
        let (length, step): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
        let xs = wide::<T>(x)?;
        let mut out = filled(shape, T::ZERO)?;
        let p = self.p as f64;
        for outer in 0..shape[..axis].iter().product() {
            for inner in 0..step {
                let at = |i: usize| (outer * length + i) * step + inner;
                let norm = root(sum16((0..length).map(|i| power(xs[at(i)], p))), p);
                for i in 0..length {
                    out[at(i)] = if norm == T::ZERO { T::ZERO } else { xs[at(i)].div(norm) };
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for LpNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
        if let Some(s) = &shape {
            axis_index(self.axis, s.len())?;
        }
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        with_wide!(x.dtype(), T => Ok(vec![self.normalize::<T>(x)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        match inputs.get(0).and_then(Fact::shape).map(|s| axis_index(self.axis, s.len())) {
            Some(Ok(axis)) => rows::along(rows, &[axis], outputs.len()),
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, t};
    use crate::Attribute;

    #[test]
    fn vectors_have_norm_one_or_zero() {
        let x = t(&[2, 2], &[3.0, 0.0, -4.0, 0.0]);
        let of = |axis: i64, p: i64| [("axis", Attribute::Int(axis)), ("p", Attribute::Int(p))];
        close(&run("LpNormalization", 1, &of(0, 2), &[x.clone()]).unwrap()[0], &[2, 2], &[0.6, 0.0, -0.8, 0.0]);
        close(&run("LpNormalization", 22, &of(-1, 1), &[x.clone()]).unwrap()[0], &[2, 2], &[1.0, 0.0, -1.0, 0.0]);
        assert!(run("LpNormalization", 22, &of(0, 3), &[x.clone()]).is_err());
        assert!(run("LpNormalization", 22, &of(2, 2), &[x]).is_err());
    }
}
