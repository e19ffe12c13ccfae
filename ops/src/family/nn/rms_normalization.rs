//! [RMSNormalization](https://onnx.ai/onnx/operators/onnx__RMSNormalization.html): each vector along the last axes
//! divided by its root mean square.

use super::{
    layer_normalization::{check_parameter, last_axes, scale_and_shift, stash},
    wide::{check_float, filled, narrow, sum16, via, wide, with_wide},
};
use crate::{
    Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, operator::axis_index,
};
use std::sync::Arc;

/// `Y = X / sqrt(mean(X^2) + epsilon) * scale` over the axes from `axis` on.
///
/// Order of arithmetic: squares each rounded, their sum in sixteen chains by index mod 16 and a tree, divided once, the
/// root, one division of each element, one product with the scale. Narrow floats are computed in `f32`.
#[derive(Debug)]
pub struct RmsNormalization {
    /// The first normalised axis; negative counts from the end.
    pub axis: i64,
    /// What is added to the mean of squares.
    pub epsilon: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    stash(node)?;
    Ok(Arc::new(RmsNormalization {
        axis: node.attributes.int_or("axis", -1)?,
        epsilon: node.attributes.float_or("epsilon", 1e-5)?,
    }))
}

/// The root mean square of a vector, in the declared order.
pub(crate) fn root_mean_square<T: Float>(x: &[T], epsilon: f32) -> T {
    let mean = sum16(x.iter().map(|v| v.mul(*v))).div(T::from_f64(x.len() as f64));
    via(mean.add(T::from_f32(epsilon)), f64::sqrt)
}

impl RmsNormalization {
    fn normalize<T: Float>(&self, x: &Tensor, scale: &Tensor) -> Result<Tensor> {
        let shape = x.shape();
        let axis = axis_index(self.axis, shape.len())?;
        let inner: usize = shape[axis..].iter().product();
        let xs = wide::<T>(x)?;
        let mut out = filled(shape, T::ZERO)?;
        for v in 0..shape[..axis].iter().product() {
            let at = v * inner..(v + 1) * inner;
            let root = root_mean_square(&xs[at.clone()], self.epsilon);
            for i in at {
                out[i] = xs[i].div(root);
            }
        }
        scale_and_shift(&mut out, shape, Some(scale), None)?;
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for RmsNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        inputs.required(1)?;
        check_parameter(inputs, 1)?;
        let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
        if let Some(s) = &shape {
            axis_index(self.axis, s.len())?;
        }
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, scale) = (inputs.tensor(0)?, inputs.tensor(1)?);
        with_wide!(x.dtype(), T => Ok(vec![self.normalize::<T>(x, scale)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        last_axes(self.axis, rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, run, t};
    use crate::Attribute;

    #[test]
    fn vectors_are_divided_by_their_root_mean_square() {
        let x = t(&[2, 2], &[1.0, 7.0, -3.0, 4.0]);
        let epsilon = [("epsilon", Attribute::Float(0.0))];
        let got = run("RMSNormalization", 23, &epsilon, &[x.clone(), t(&[2], &[1.0, 2.0])]).unwrap();
        let root = 12.5f32.sqrt();
        close(&got[0], &[2, 2], &[0.2, 2.8, -3.0 / root, 8.0 / root]);
        assert!(run("RMSNormalization", 23, &[], &[x.clone(), count(&[3])]).is_err());
        assert!(run("RMSNormalization", 23, &[("axis", Attribute::Int(2))], &[x, count(&[2])]).is_err());
    }
}
