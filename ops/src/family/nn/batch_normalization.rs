//! [BatchNormalization](https://onnx.ai/onnx/operators/onnx__BatchNormalization.html): each channel with its own mean
//! and variance.

use super::wide::{check_float, filled, narrow, sum16, via, wide, with_wide};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// `Y = scale (X - mean) / sqrt(variance + epsilon) + bias`, with statistics by channel (axis 1).
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
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let training = if node.since >= 14 {
        node.attributes.flag_or("training_mode", false)?
    } else {
        // Before version 14 training was told by the number of outputs, and by `is_test` before version 7.
        node.outputs > 1
    };
    if node.since < 14 && training {
        return Err(Error::unsupported("BatchNormalization before version 14 in training (more than one output)"));
    }
    if node.since < 7 && !node.attributes.flag_or("is_test", false)? {
        return Err(Error::unsupported("BatchNormalization before version 7 in training (is_test = 0, the default)"));
    }
    if node.since < 9 && !node.attributes.flag_or("spatial", true)? {
        return Err(Error::unsupported("BatchNormalization with spatial = 0"));
    }
    if !training && node.outputs > 1 {
        return Err(Error::invalid("BatchNormalization gives more than one output only in training"));
    }
    Ok(Arc::new(BatchNormalization {
        epsilon: node.attributes.float_or("epsilon", 1e-5)?,
        momentum: node.attributes.float_or("momentum", 0.9)?,
        training,
        outputs: node.outputs.max(1),
    }))
}

impl BatchNormalization {
    fn normalize<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let shape = x.shape();
        let (batch, channels) = (shape.first().copied().unwrap_or(1), shape.get(1).copied().unwrap_or(1));
        let plane: usize = shape.iter().skip(2).product();
        let mut given = Vec::new();
        for i in 1..5 {
            let t = inputs.tensor(i)?;
            if t.shape() != [channels] {
                let found = t.shape();
                return Err(Error::invalid(format!("input {i} has shape {found:?} for {channels} channels")));
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
        for (i, (running, found)) in [(running_mean, mean), (running_variance, variance)].into_iter().enumerate() {
            if i + 1 < self.outputs {
                let mixed = running.iter().zip(&found).map(|(r, f)| r.mul(kept).add(f.mul(T::ONE.sub(kept)))).collect();
                outputs.push(narrow(inputs.tensor(3 + i)?.dtype(), [channels], mixed)?.into());
            }
        }
        Ok(outputs)
    }
}

impl Operator for BatchNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
        if shape.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("input 0 has no dimensions; batch and channels are expected"));
        }
        let channels = shape.as_ref().map(|s| s.get(1).cloned().unwrap_or(Dim::Known(1)));
        for i in 1..5 {
            check_float(inputs.dtype(i)?).map_err(|e| e.at(format!("input {i}")))?;
            if let (Some(c), Some([given])) = (&channels, inputs.shape(i)?) {
                c.unify(given).map_err(|e| e.at(format!("channels of input {i}")))?;
            }
        }
        let mut facts = vec![Fact::tensor(dtype, shape)];
        for i in 1..self.outputs.min(3) {
            facts.push(Fact::tensor(inputs.dtype(2 + i)?, channels.clone().map(|c| vec![c])));
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
        let trains = run("BatchNormalization", 6, &epsilon, &inputs).unwrap_err().to_string();
        assert!(trains.contains("is_test = 0"), "{trains}");
        let by_feature = [test[0].clone(), test[1].clone(), ("spatial", Attribute::Int(0))];
        assert!(run("BatchNormalization", 6, &by_feature, &inputs).is_err(), "spatial = 0");
        let mut wrong = inputs.clone();
        wrong[4] = t(&[3], &[1.0, 1.0, 1.0]);
        assert!(run("BatchNormalization", 15, &epsilon, &wrong).is_err());

        let training = [("training_mode", Attribute::Int(1)), ("momentum", Attribute::Float(0.5))];
        let given: Vec<_> = inputs.into_iter().map(Some).collect();
        let got = run_in("", "BatchNormalization", 15, &training, &given, 3).unwrap();
        close(&got[1], &[2], &[(1.0 + 4.0) / 2.0, (3.0 + 7.0) / 2.0]);
        close(&got[2], &[2], &[(4.0 + 29.0 / 3.0) / 2.0, (16.0 + 29.0 / 3.0) / 2.0]);
    }
}
