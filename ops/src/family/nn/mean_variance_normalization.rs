//! [MeanVarianceNormalization](https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html): zero mean and unit
//! variance over some axes.

use super::wide::{check_float, filled, for_each_position, narrow, strides_of, sum16, via, wide, with_wide};
use crate::{
    Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, operator::axis_index,
    rows,
};
use std::sync::Arc;

/// `(X - mean) / (sqrt(variance) + 1e-9)` over some axes.
///
/// Order of arithmetic: sums in sixteen chains by index mod 16 over the reduced elements in row-major order and a tree.
#[derive(Debug)]
pub struct MeanVarianceNormalization {
    /// The axes that share a mean; negative count from the end.
    pub axes: Vec<i64>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(MeanVarianceNormalization { axes: node.attributes.ints_or("axes", vec![0, 2, 3])? }))
}

impl MeanVarianceNormalization {
    fn axes(&self, rank: usize) -> Result<Vec<usize>> {
        self.axes.iter().map(|a| axis_index(*a, rank)).collect()
    }

    fn normalize<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let shape = x.shape();
        let axes = self.axes(shape.len())?;
        let part = |inside: bool| -> Vec<usize> {
            shape.iter().enumerate().map(|(i, d)| if axes.contains(&i) == inside { *d } else { 1 }).collect()
        };
        let strides = strides_of(shape);
        let offsets = |shape: &[usize]| {
            let mut all = Vec::new();
            for_each_position(shape, |p| all.push(p.iter().zip(&strides).map(|(p, s)| p * s).sum::<usize>()));
            all
        };
        let (kept, reduced) = (offsets(&part(false)), offsets(&part(true)));
        let xs = wide::<T>(x)?;
        let mut out = filled(shape, T::ZERO)?;
        let count = T::from_f64(reduced.len() as f64);
        for k in kept {
            let mean = sum16(reduced.iter().map(|r| xs[k + r])).div(count);
            let square = |v: T| v.sub(mean).mul(v.sub(mean));
            let variance = sum16(reduced.iter().map(|r| square(xs[k + r]))).div(count);
            let deviation = via(variance, f64::sqrt).add(T::from_f64(1e-9));
            for r in &reduced {
                out[k + r] = xs[k + r].sub(mean).div(deviation);
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for MeanVarianceNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
        if let Some(s) = &shape {
            self.axes(s.len())?;
        }
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        with_wide!(x.dtype(), T => Ok(vec![self.normalize::<T>(x)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        match inputs.get(0).and_then(Fact::shape).map(|s| self.axes(s.len())) {
            Some(Ok(axes)) => rows::along(rows, &axes, outputs.len()),
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, ints, run, t};

    #[test]
    fn axes_share_statistics() {
        let x = t(&[2, 1, 1, 2], &[1.0, 3.0, 5.0, 7.0]);
        let root = 5.0f32.sqrt();
        let expected = [-3.0 / root, -1.0 / root, 1.0 / root, 3.0 / root];
        close(&run("MeanVarianceNormalization", 9, &[], &[x.clone()]).unwrap()[0], &[2, 1, 1, 2], &expected);
        let last = [("axes", ints(&[-1]))];
        close(&run("MeanVarianceNormalization", 13, &last, &[x]).unwrap()[0], &[2, 1, 1, 2], &[-1.0, 1.0, -1.0, 1.0]);
        assert!(run("MeanVarianceNormalization", 13, &[], &[count(&[2, 2])]).is_err());
    }
}
