//! [GroupNormalization](https://onnx.ai/onnx/operators/onnx__GroupNormalization.html): groups of channels of each image
//! with their own mean and variance.

use super::{
    attention::heads,
    instance_normalization::infer_channels,
    layer_normalization::{stash, statistics},
    wide::{filled, narrow, wide, with_wide},
};
use crate::{Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// `y = scale (x - mean) / sqrt(variance + epsilon) + bias` over a group of channels and all spatial axes.
///
/// Order of arithmetic: that of [`LayerNormalization`](super::LayerNormalization).
#[derive(Debug)]
pub struct GroupNormalization {
    /// Number of groups.
    pub groups: usize,
    /// What is added to the variance.
    pub epsilon: f32,
    /// Whether scale and bias have an element for each group (version 18) instead of each channel.
    pub by_group: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    stash(node)?;
    Ok(Arc::new(GroupNormalization {
        groups: heads(node, "num_groups")?
            .ok_or_else(|| Error::invalid("attribute 'num_groups' is required and missing"))?,
        epsilon: node.attributes.float_or("epsilon", 1e-5)?,
        by_group: node.since < 21,
    }))
}

impl Operator for GroupNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        infer_channels(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        with_wide!(dtype, T => Ok(vec![normalize_groups::<T>(inputs, self.groups, self.by_group, self.epsilon)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

/// Normalises groups of channels, then scales and shifts by channel or by group.
pub(super) fn normalize_groups<T: Float>(
    inputs: Inputs<'_>,
    groups: usize,
    by_group: bool,
    epsilon: f32,
) -> Result<Tensor> {
    let x = inputs.tensor(0)?;
    let [batch, channels, spatial @ ..] = x.shape() else {
        return Err(Error::invalid("input 0 has less than two dimensions; batch and channels are expected"));
    };
    if groups == 0 && *channels != 0 || groups != 0 && channels % groups != 0 {
        return Err(Error::invalid(format!("{channels} channels do not divide into {groups} groups")));
    }
    let parameters = if by_group { groups } else { *channels };
    let mut given = Vec::new();
    for i in 1..3 {
        let t = inputs.tensor(i)?;
        if t.shape() != [parameters] {
            return Err(Error::invalid(format!("input {i} has shape {:?}; [{parameters}] is expected", t.shape())));
        }
        given.push(wide::<T>(t)?);
    }
    let xs = wide::<T>(x)?;
    let mut out = filled(x.shape(), T::ZERO)?;
    let plane: usize = spatial.iter().product();
    let per_group = channels.checked_div(groups).unwrap_or(0);
    let size = per_group * plane;
    for vector in 0..batch * groups {
        let at = vector * size..(vector + 1) * size;
        let (mean, inverse) = statistics(&xs[at.clone()], epsilon);
        for i in at {
            let group = vector % groups;
            let p = if by_group { group } else { i / plane % channels };
            out[i] = xs[i].sub(mean).mul(inverse).mul(given[0][p]).add(given[1][p]);
        }
    }
    narrow(x.dtype(), x.shape(), out)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, t};
    use crate::Attribute;

    #[test]
    fn parameters_are_by_channel_since_version_21() {
        let x = t(&[1, 4, 1], &[1.0, 3.0, -2.0, 4.0]);
        let attributes = [("num_groups", Attribute::Int(2)), ("epsilon", Attribute::Float(0.0))];
        let two = [x.clone(), t(&[2], &[1.0, 2.0]), t(&[2], &[0.5, 0.0])];
        let four = [x, t(&[4], &[1.0, 2.0, 3.0, 4.0]), t(&[4], &[0.0, 0.0, 0.0, 1.0])];
        close(&run("GroupNormalization", 18, &attributes, &two).unwrap()[0], &[1, 4, 1], &[-0.5, 1.5, -2.0, 2.0]);
        close(&run("GroupNormalization", 21, &attributes, &four).unwrap()[0], &[1, 4, 1], &[-1.0, 2.0, -3.0, 5.0]);
        assert!(run("GroupNormalization", 21, &attributes, &two).is_err());
        assert!(run("GroupNormalization", 21, &[("num_groups", Attribute::Int(3))], &four).is_err());
    }
}
