//! Global pools: one value for each channel of each image.
//! [GlobalAveragePool](https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html),
//! [GlobalMaxPool](https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html),
//! [GlobalLpPool](https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html).

use super::{
    lp_pool::{exponent, power, root},
    wide::{check_float, filled, narrow, sum16, wide, with_wide},
    window::layout,
};
use crate::{Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// What a global pool takes of a plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Global {
    /// The mean; sums are in sixteen chains by index mod 16 and a tree.
    Average,
    /// The greatest element; a NaN is greater than everything.
    Max,
    /// The norm of this exponent; sums as in the mean.
    Norm(f64),
}

/// One value for each plane of `[N, C, D...]`; the output is `[N, C, 1...]`.
#[derive(Debug)]
pub struct GlobalPool {
    /// What is taken.
    pub global: Global,
}

pub(super) fn parse_average(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(GlobalPool { global: Global::Average }))
}

pub(super) fn parse_max(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(GlobalPool { global: Global::Max }))
}

pub(super) fn parse_norm(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(GlobalPool { global: Global::Norm(exponent(node)?) }))
}

impl GlobalPool {
    fn pool<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let mut shape = vec![1; x.rank()];
        (shape[0], shape[1]) = (batch, channels);
        let xs = wide::<T>(x)?;
        let plane: usize = spatial.iter().product();
        let mut out = filled(&shape, T::ZERO)?;
        for (p, y) in out.iter_mut().enumerate() {
            let values = xs[p * plane..(p + 1) * plane].iter().copied();
            *y = match self.global {
                Global::Average => sum16(values).div(T::from_f64(plane as f64)),
                Global::Max => values.fold(T::LEAST, |best, v| if v > best || v.is_nan() { v } else { best }),
                Global::Norm(p) => root(sum16(values.map(|v| power(v, p))), p),
            };
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for GlobalPool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let shape = match inputs.shape(0)? {
            None => None,
            Some(x) => {
                let (n, c, spatial) = layout(x)?;
                Some([n, c].into_iter().chain(spatial.iter().map(|_| Dim::Known(1))).collect())
            }
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        with_wide!(x.dtype(), T => Ok(vec![self.pool::<T>(x)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, t};
    use crate::Attribute;

    #[test]
    fn one_value_a_plane() {
        let x = t(&[1, 2, 1, 3], &[3.0, -4.0, 0.0, 1.0, 2.0, 6.0]);
        for (op, expected) in [
            ("GlobalAveragePool", [-1.0f32 / 3.0, 3.0]),
            ("GlobalMaxPool", [3.0, 6.0]),
            ("GlobalLpPool", [5.0, 41.0f32.sqrt()]),
        ] {
            close(&run(op, 13, &[], std::slice::from_ref(&x)).unwrap()[0], &[1, 2, 1, 1], &expected);
            assert!(run(op, 13, &[], &[t(&[2], &[1.0, 2.0])]).is_err(), "{op}");
        }
        let p1 = [("p", Attribute::Int(1))];
        close(&run("GlobalLpPool", 2, &p1, &[x]).unwrap()[0], &[1, 2, 1, 1], &[7.0, 9.0]);
    }
}
