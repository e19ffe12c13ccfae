//! [InstanceNormalization](https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html): each channel of each image
//! with its own mean and variance.

use super::group_normalization::normalize_groups;
use super::wide::{check_float, with_wide};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, rows};
use std::sync::Arc;

/// `y = scale (x - mean) / sqrt(variance + epsilon) + bias` over the spatial axes of each channel of each image.
///
/// Order of arithmetic: that of [`LayerNormalization`](super::LayerNormalization).
#[derive(Debug)]
pub struct InstanceNormalization {
    /// What is added to the variance.
    pub epsilon: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(InstanceNormalization { epsilon: node.attributes.float_or("epsilon", 1e-5)? }))
}

impl Operator for InstanceNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        infer_channels(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let channels = x.shape().get(1).copied().unwrap_or(0);
        with_wide!(x.dtype(), T => Ok(vec![normalize_groups::<T>(inputs, channels, false, self.epsilon)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

/// The output is as the input, which has batch and channels.
pub(super) fn infer_channels(inputs: Facts<'_>) -> Result<Vec<Fact>> {
    let dtype = check_float(inputs.dtype(0)?)?;
    for i in 1..3 {
        check_float(inputs.dtype(i)?).map_err(|e| e.at(format!("input {i}")))?;
    }
    let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
    if shape.as_ref().is_some_and(|s| s.len() < 2) {
        return Err(Error::invalid("input 0 has less than two dimensions; batch and channels are expected"));
    }
    Ok(vec![Fact::tensor(dtype, shape)])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, run, t};
    use crate::Attribute;

    #[test]
    fn planes_are_normalised() {
        let x = t(&[1, 2, 2], &[1.0, 3.0, -2.0, 4.0]);
        let given = [x.clone(), t(&[2], &[1.0, 2.0]), t(&[2], &[0.5, 0.0])];
        let epsilon = [("epsilon", Attribute::Float(0.0))];
        let got = run("InstanceNormalization", 6, &epsilon, &given).unwrap();
        close(&got[0], &[1, 2, 2], &[-0.5, 1.5, -2.0, 2.0]);
        assert!(run("InstanceNormalization", 22, &[], &[x, count(&[3]), count(&[2])]).is_err());
    }
}
