//! [SimplifiedLayerNormalization](https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md): vectors
//! divided by their root mean square.

use super::compose::{check, one};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::{
        RmsNormalization,
        layer_normalization::last_axes,
        rms_normalization::root_mean_square,
        wide::{narrow, wide, with_wide},
    },
    numeric::Float,
    operator::axis_index,
};
use std::sync::Arc;

/// [`RmsNormalization`] with a second output: one over each root mean square, in `f32`.
#[derive(Debug)]
pub struct SimplifiedLayerNormalization {
    /// The normalisation.
    pub norm: RmsNormalization,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["axis", "epsilon", "stash_type"], 2, 2)?;
    if !matches!(node.attributes.dtype("stash_type")?.unwrap_or(DType::F32), DType::F32) {
        return Err(Error::unsupported("attribute 'stash_type' other than float"));
    }
    let norm = RmsNormalization {
        axis: node.attributes.int_or("axis", -1)?,
        epsilon: node.attributes.float_or("epsilon", 1e-5)?,
    };
    Ok(if node.outputs < 2 { Arc::new(norm) } else { Arc::new(SimplifiedLayerNormalization { norm }) })
}

/// One over the root mean square of each vector from `axis` on.
fn inverse_roots<T: Float>(x: &Tensor, axis: i64, epsilon: f32) -> Result<Tensor> {
    let axis = axis_index(axis, x.rank())?;
    let inner: usize = x.shape()[axis..].iter().product();
    let xs = wide::<T>(x)?;
    let vectors: usize = x.shape()[..axis].iter().product();
    let roots = (0..vectors).map(|v| T::ONE.div(root_mean_square(&xs[v * inner..(v + 1) * inner], epsilon)));
    let kept: Vec<usize> = x.shape().iter().enumerate().map(|(i, d)| if i < axis { *d } else { 1 }).collect();
    narrow(DType::F32, kept, roots.collect())
}

impl Operator for SimplifiedLayerNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let mut facts = self.norm.infer(inputs)?;
        let kept = match inputs.shape(0)? {
            None => None,
            Some(s) => {
                let axis = axis_index(self.norm.axis, s.len())?;
                Some(s.iter().enumerate().map(|(i, d)| if i < axis { d.clone() } else { Dim::Known(1) }).collect())
            }
        };
        facts.push(Fact::tensor(DType::F32, kept));
        Ok(facts)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let y = one(&self.norm, &[Some(x), Some(inputs.tensor(1)?)])?;
        let roots = with_wide!(x.dtype(), T => inverse_roots::<T>(x, self.norm.axis, self.norm.epsilon))?;
        Ok(vec![y.into(), roots.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        last_axes(self.norm.axis, rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn both_outputs_in_both_domains() {
        let given = [t(&[2, 2], &[1.0, 7.0, -3.0, 4.0]), t(&[2], &[1.0, 2.0])].map(Some);
        let epsilon = [("epsilon", Attribute::Float(0.0))];
        let root = 12.5f32.sqrt();
        for domain in ["", "com.microsoft"] {
            for outputs in [1, 2] {
                let got = run_in(domain, "SimplifiedLayerNormalization", 1, &epsilon, &given, outputs).unwrap();
                close(&got[0], &[2, 2], &[0.2, 2.8, -3.0 / root, 8.0 / root]);
                if let Some(inverse) = got.get(1) {
                    close(inverse, &[2, 1], &[0.2, 1.0 / root]);
                }
            }
        }
        let stash = [("stash_type", Attribute::Int(11))];
        assert!(run_in("", "SimplifiedLayerNormalization", 1, &stash, &given, 1).is_err());
    }
}
