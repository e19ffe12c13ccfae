//! [LayerNormalization](https://onnx.ai/onnx/operators/onnx__LayerNormalization.html): each vector along the last axes
//! with its own mean and variance.

use super::wide::{check_float, filled, narrow, sum16, via, wide, with_wide};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::{broadcast_strides, for_each_index},
    fact::{Facts, broadcast},
    numeric::Float,
    operator::axis_index,
    rows,
};
use std::sync::Arc;

/// `Y = (X - mean) / sqrt(variance + epsilon) * scale + bias` over the axes from `axis` on.
///
/// Order of arithmetic: mean and variance are sums in sixteen chains by index mod 16 and a tree, each divided once;
/// `inverse = 1 / sqrt(variance + epsilon)`; then `((x - mean) * inverse) * scale + bias`, each operation rounded.
/// Narrow floats are computed in `f32` whatever `stash_type` says, which then is only the type of the statistics.
#[derive(Debug)]
pub struct LayerNormalization {
    /// The first normalised axis; negative counts from the end.
    pub axis: i64,
    /// What is added to the variance.
    pub epsilon: f32,
    /// The type of the outputs `Mean` and `InvStdDev`.
    pub stash: DType,
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(LayerNormalization {
        axis: node.attributes.int_or("axis", -1)?,
        epsilon: node.attributes.float_or("epsilon", 1e-5)?,
        stash: stash(node)?,
        outputs: node.outputs.max(1),
    }))
}

/// The attribute `stash_type`.
pub(crate) fn stash(node: &Node<'_>) -> Result<DType> {
    check_float(node.attributes.dtype("stash_type")?.unwrap_or(DType::F32))
}

/// Multiplies by a scale and adds a bias, both broadcast to the shape.
pub(crate) fn scale_and_shift<T: Float>(
    values: &mut [T],
    shape: &[usize],
    scale: Option<&Tensor>,
    bias: Option<&Tensor>,
) -> Result<()> {
    for (what, tensor) in [("scale", scale), ("bias", bias)] {
        let Some(tensor) = tensor else { continue };
        if crate::broadcast::broadcast_shape(shape, tensor.shape()).ok().as_deref() != Some(shape) {
            return Err(Error::invalid(format!(
                "the {what} has shape {:?}, which does not broadcast to {shape:?}",
                tensor.shape()
            )));
        }
        let given = wide::<T>(tensor)?;
        let mut i = 0;
        for_each_index(shape, &[broadcast_strides(tensor.shape(), shape)], |[j]| {
            values[i] = if what == "scale" { values[i].mul(given[j]) } else { values[i].add(given[j]) };
            i += 1;
        });
    }
    Ok(())
}

/// Checks that a scale or bias broadcasts to the input.
pub(crate) fn check_parameter(inputs: Facts<'_>, i: usize) -> Result<()> {
    if inputs.get(i).is_none() {
        return Ok(());
    }
    check_float(inputs.dtype(i)?).map_err(|e| e.at(format!("input {i}")))?;
    if let (Some(x), Some(p)) = (inputs.shape(0)?, inputs.shape(i)?) {
        let out = broadcast(x, p).map_err(|e| e.at(format!("input {i}")))?;
        for (o, d) in out.iter().zip(x) {
            if out.len() != x.len() || matches!((o, d), (Dim::Known(a), Dim::Known(b)) if a != b) {
                return Err(Error::invalid(format!("input {i} does not broadcast to input 0")));
            }
        }
    }
    Ok(())
}

/// Mean and inverse standard deviation of a vector, in the declared order.
pub(crate) fn statistics<T: Float>(x: &[T], epsilon: f32) -> (T, T) {
    let count = T::from_f64(x.len() as f64);
    let mean = sum16(x.iter().copied()).div(count);
    let variance = sum16(x.iter().map(|v| v.sub(mean).mul(v.sub(mean)))).div(count);
    (mean, T::ONE.div(via(variance.add(T::from_f32(epsilon)), f64::sqrt)))
}

impl LayerNormalization {
    fn normalize<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let shape = x.shape();
        let axis = axis_index(self.axis, shape.len())?;
        let inner: usize = shape[axis..].iter().product();
        let xs = wide::<T>(x)?;
        let mut out = filled(shape, T::ZERO)?;
        let (mut means, mut inverses) = (Vec::new(), Vec::new());
        let vectors: usize = shape[..axis].iter().product();
        for v in 0..vectors {
            let at = v * inner..(v + 1) * inner;
            let (mean, inverse) = statistics(&xs[at.clone()], self.epsilon);
            for i in at {
                out[i] = xs[i].sub(mean).mul(inverse);
            }
            means.push(mean);
            inverses.push(inverse);
        }
        scale_and_shift(&mut out, shape, Some(inputs.tensor(1)?), inputs.optional_tensor(2)?)?;
        let mut outputs = vec![narrow(x.dtype(), shape, out)?.into()];
        let kept: Vec<usize> = shape.iter().enumerate().map(|(i, d)| if i < axis { *d } else { 1 }).collect();
        for statistic in [means, inverses].into_iter().take(self.outputs - 1) {
            outputs.push(narrow_any(self.stash, &kept, statistic)?.into());
        }
        Ok(outputs)
    }
}

/// Elements of a working type in any floating-point type.
fn narrow_any<T: Float>(dtype: DType, shape: &[usize], values: Vec<T>) -> Result<Tensor> {
    narrow(dtype, shape, values)
}

impl Operator for LayerNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        inputs.required(1)?;
        for i in 1..3 {
            check_parameter(inputs, i)?;
        }
        let shape = inputs.shape(0)?;
        let kept = match shape {
            None => None,
            Some(s) => {
                let axis = axis_index(self.axis, s.len())?;
                Some(s.iter().enumerate().map(|(i, d)| if i < axis { d.clone() } else { Dim::Known(1) }).collect())
            }
        };
        let mut facts = vec![Fact::tensor(dtype, shape.map(<[Dim]>::to_vec))];
        for _ in 1..self.outputs.min(3) {
            facts.push(Fact::tensor(self.stash, Option::<Vec<Dim>>::clone(&kept)));
        }
        Ok(facts)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.normalize::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        last_axes(self.axis, rows, inputs, outputs)
    }
}

/// Rows where everything from `axis` on is mixed and parameters do not vary by row.
pub(crate) fn last_axes(axis: i64, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
    let shape = inputs.get(0).and_then(Fact::shape);
    match shape.map(|s| (s.len(), axis_index(axis, s.len()))) {
        Some((rank, Ok(first))) => {
            let axes: Vec<usize> = (first..rank).collect();
            // A parameter of higher rank than the normalised axes could vary by row.
            let varies = (1..inputs.len())
                .filter_map(|i| inputs.get(i))
                .any(|f| f.shape().is_none_or(|s| s.len() > rank - first));
            if varies { rows::opaque(rows, outputs.len()) } else { rows::along(rows, &axes, outputs.len()) }
        }
        _ => rows::opaque(rows, outputs.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, run, run_in, t};
    use crate::Attribute;

    #[test]
    fn vectors_are_normalised_and_statistics_given() {
        let x = t(&[2, 1, 3], &[1.0, 2.0, 6.0, -1.0, -1.0, 2.0]);
        let (scale, bias) = (t(&[3], &[1.0, 2.0, 3.0]), t(&[3], &[0.0, 0.0, 1.0]));
        let epsilon = ("epsilon", Attribute::Float(0.0));
        let given = [Some(x.clone()), Some(scale.clone()), Some(bias)];
        let got = run_in("", "LayerNormalization", 17, &[epsilon.clone()], &given, 3).unwrap();
        let (a, b) = ((14.0f32 / 3.0).sqrt(), 2.0f32.sqrt());
        let y = [-2.0 / a, -2.0 / a, 9.0 / a + 1.0, -1.0 / b, -2.0 / b, 6.0 / b + 1.0];
        close(&got[0], &[2, 1, 3], &y);
        close(&got[1], &[2, 1, 1], &[3.0, 0.0]);
        close(&got[2], &[2, 1, 1], &[1.0 / a, 1.0 / b]);
        let all = [epsilon, ("axis", Attribute::Int(0))];
        let got = run("LayerNormalization", 17, &all, &[x.clone(), scale]).unwrap();
        assert!(got[0].as_slice::<f32>().unwrap()[0] < 0.0);
        for bad in [count(&[4]), count(&[5, 2, 1, 3])] {
            assert!(run("LayerNormalization", 17, &[], &[x.clone(), bad]).is_err());
        }
        assert!(run("LayerNormalization", 17, &[("axis", Attribute::Int(3))], &[x, count(&[3])]).is_err());
    }
}
