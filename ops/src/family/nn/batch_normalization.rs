//! [BatchNormalization](https://onnx.ai/onnx/operators/onnx__BatchNormalization.html): each channel with its own mean
//! and variance.

use super::wide::{check_float, filled, narrow, sum16, via, wide, with_wide};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// `Y = scale (X - mean) / sqrt(variance + epsilon) + bias`, with statistics by channel (axis 1), or, with `spatial = 0`
/// before version 9, by every index but the first.
///
/// Order of arithmetic: `factor = scale / sqrt(variance + epsilon)`, then one fused `(x - mean) * factor + bias`.
/// In training the statistics are the batch's own, sums in sixteen chains by index mod 16 and a tree.
#[derive(Debug)]
pub struct BatchNormalization {
    /// What is added to the variance.
    pub epsilon: f32,
    /// How much of the running statistics stays in training.
    pub momentum: f32,
    /// Whether statistics are the batch's own; running statistics are then outputs.
    pub training: bool,
    /// Whether statistics are by channel and not by every index but the first.
    pub spatial: bool,
    /// The number of outputs: running mean and variance after the first, and before version 14 the batch's own after them.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let training = if node.since >= 14 {
        node.attributes.flag_or("training_mode", false)?
    } else {
        // Before version 14 training was told by the number of outputs.
        node.outputs > 1
    };
    // Before version 7 by an attribute besides, which must say the same.
    if node.since < 7 && node.attributes.flag_or("is_test", false)? == training {
        return Err(Error::invalid(
            "BatchNormalization before version 7 has one output and is_test = 1, or five and is_test = 0",
        ));
    }
    let spatial = node.since >= 9 || node.attributes.flag_or("spatial", true)?;
    if !training && node.outputs > 1 {
        return Err(Error::invalid("BatchNormalization gives more than one output only in training"));
    }
    Ok(Arc::new(BatchNormalization {
        epsilon: node.attributes.float_or("epsilon", 1e-5)?,
        momentum: node.attributes.float_or("momentum", 0.9)?,
        training,
        spatial,
        outputs: node.outputs.max(1),
    }))
}

impl BatchNormalization {
    fn normalize<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let shape = x.shape();
        let batch = shape.first().copied().unwrap_or(1);
        let by = self.statistics(shape);
        let channels: usize = by.iter().product();
        let plane: usize = if self.spatial { shape.iter().skip(2).product() } else { 1 };
        let mut given = Vec::new();
        for i in 1..5 {
            let t = inputs.tensor(i)?;
            if t.shape() != by {
                return Err(Error::invalid(format!(
                    "input {i} has shape {:?} for statistics of shape {by:?}",
                    t.shape()
                )));
            }
            given.push(wide::<T>(t)?);
        }
        let (scale, bias) = (&given[0], &given[1]);
        let (mut mean, mut variance) = (given[2].to_vec(), given[3].to_vec());
        let xs = wide::<T>(x)?;
        let at = |n: usize, c: usize| (n * channels + c) * plane..(n * channels + c + 1) * plane;
        let (running_mean, running_variance) = (mean.clone(), variance.clone());
        if self.training {
            let count = T::from_f64((batch * plane) as f64);
            for c in 0..channels {
                let values = || (0..batch).flat_map(|n| xs[at(n, c)].iter().copied());
                let m = sum16(values()).div(count);
                mean[c] = m;
                variance[c] = sum16(values().map(|v| v.sub(m).mul(v.sub(m)))).div(count);
            }
        }
        let mut out = filled(shape, T::ZERO)?;
        for c in 0..channels {
            let factor = scale[c].div(via(variance[c].add(T::from_f32(self.epsilon)), f64::sqrt));
            for n in 0..batch {
                for i in at(n, c) {
                    out[i] = xs[i].sub(mean[c]).mul_add(factor, bias[c]);
                }
            }
        }
        let mut outputs = vec![narrow(x.dtype(), shape, out)?.into()];
        let kept = T::from_f32(self.momentum);
        for (i, (running, found)) in [(running_mean, &mean), (running_variance, &variance)].into_iter().enumerate() {
            let mixed = running.iter().zip(found).map(|(r, f)| r.mul(kept).add(f.mul(T::ONE.sub(kept)))).collect();
            outputs.push(narrow(inputs.tensor(3 + i)?.dtype(), by.clone(), mixed)?.into());
        }
        for (i, saved) in [mean, variance].into_iter().enumerate() {
            outputs.push(narrow(inputs.tensor(3 + i)?.dtype(), by.clone(), saved)?.into());
        }
        outputs.truncate(self.outputs);
        Ok(outputs)
    }

    /// The shape of the statistics for an input of this shape.
    fn statistics<D: Clone + From<usize>>(&self, shape: &[D]) -> Vec<D> {
        if self.spatial {
            vec![shape.get(1).cloned().unwrap_or_else(|| D::from(1))]
        } else {
            shape.get(1..).unwrap_or_default().to_vec()
        }
    }
}

impl Operator for BatchNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
        if shape.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("input 0 has no dimensions; batch and channels are expected"));
        }
        let by = shape.as_ref().map(|s| self.statistics(s));
        for i in 1..5 {
            check_float(inputs.dtype(i)?).map_err(|e| e.at(format!("input {i}")))?;
            for (c, given) in by.iter().flatten().zip(inputs.shape(i)?.into_iter().flatten()) {
                c.unify(given).map_err(|e| e.at(format!("channels of input {i}")))?;
            }
        }
        let mut facts = vec![Fact::tensor(dtype, shape)];
        for i in 1..self.outputs.min(5) {
            facts.push(Fact::tensor(inputs.dtype(3 + (i - 1) % 2)?, by.clone()));
        }
        Ok(facts)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.normalize::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if self.training { rows::opaque(rows, outputs.len()) } else { rows::leading(rows, outputs.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, run, run_in, t};
    use crate::Attribute;

    #[test]
    fn channels_have_their_own_statistics() {
        let x = count(&[2, 2, 3]);
        let p = |a: f32, b: f32| t(&[2], &[a, b]);
        let parameters = [p(2.0, 4.0), p(0.5, -1.0), p(1.0, 3.0), p(4.0, 16.0)];
        let inputs: Vec<_> = std::iter::once(x.clone()).chain(parameters).collect();
        let expected = [-0.5, 0.5, 1.5, -1.0, 0.0, 1.0, 5.5, 6.5, 7.5, 5.0, 6.0, 7.0];
        let epsilon = [("epsilon", Attribute::Float(0.0))];
        for version in [7, 9, 14, 15] {
            close(&run("BatchNormalization", version, &epsilon, &inputs).unwrap()[0], &[2, 2, 3], &expected);
        }
        let test = [epsilon[0].clone(), ("is_test", Attribute::Int(1))];
        close(&run("BatchNormalization", 6, &test, &inputs).unwrap()[0], &[2, 2, 3], &expected);
        let torn = run("BatchNormalization", 6, &epsilon, &inputs).unwrap_err().to_string();
        assert!(torn.contains("is_test"), "{torn}");
        let by_feature = [test[0].clone(), test[1].clone(), ("spatial", Attribute::Int(0))];
        assert!(run("BatchNormalization", 6, &by_feature, &inputs).is_err(), "statistics by channel");
        let each = |v: f32| t(&[2, 3], &[v; 6]);
        let features = [x.clone(), each(2.0), each(1.0), each(3.0), each(4.0)];
        let halves: Vec<f32> = (0..12).map(|i| i as f32 - 2.0).collect();
        close(&run("BatchNormalization", 6, &by_feature, &features).unwrap()[0], &[2, 2, 3], &halves);
        let mut wrong = inputs.clone();
        wrong[4] = t(&[3], &[1.0, 1.0, 1.0]);
        assert!(run("BatchNormalization", 15, &epsilon, &wrong).is_err());

        let training = [("training_mode", Attribute::Int(1)), ("momentum", Attribute::Float(0.5))];
        let given: Vec<_> = inputs.into_iter().map(Some).collect();
        let got = run_in("", "BatchNormalization", 15, &training, &given, 3).unwrap();
        close(&got[1], &[2], &[(1.0 + 4.0) / 2.0, (3.0 + 7.0) / 2.0]);
        close(&got[2], &[2], &[(4.0 + 29.0 / 3.0) / 2.0, (16.0 + 29.0 / 3.0) / 2.0]);
        for version in [6, 7, 9] {
            let older = run_in("", "BatchNormalization", version, &training[1..], &given, 5).unwrap();
            assert_eq!(older[..3], got, "version {version}");
            close(&older[3], &[2], &[4.0, 7.0]);
            close(&older[4], &[2], &[29.0 / 3.0, 29.0 / 3.0]);
        }
    }
}
