//! [SkipLayerNormalization](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.SkipLayerNormalization):
//! a residual connection and the normalisation of the sum.

use super::{
    SimplifiedLayerNormalization,
    compose::{call, check, one, widened},
};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        math::Add,
        nn::{LayerNormalization, RmsNormalization},
    },
    rows,
};
use std::sync::Arc;

/// `X + skip + bias`, normalised along the last axis. Outputs: the normalised sum, mean and inverse deviation of its
/// vectors (in `f32`), the sum. Both sums are rounded in the working type, the first before the second.
#[derive(Debug)]
pub struct SkipLayerNormalization {
    /// What is added to the variance or the mean square.
    pub epsilon: f32,
    /// Whether vectors are divided by their root mean square only; there is no `beta` then, and the mean is 0.
    pub simplified: bool,
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    read(node, false)
}

/// Reads either form.
pub(super) fn read(node: &Node<'_>, simplified: bool) -> Result<Arc<dyn Operator>> {
    check(node, &["epsilon"], if simplified { 4 } else { 5 }, 4)?;
    let epsilon = node.attributes.float_or("epsilon", 1e-12)?;
    if epsilon.is_nan() || epsilon < 0.0 {
        return Err(Error::invalid(format!("attribute 'epsilon' is {epsilon}; it is not negative")));
    }
    Ok(Arc::new(SkipLayerNormalization { epsilon, simplified, outputs: node.outputs.max(1) }))
}

impl SkipLayerNormalization {
    /// The index of the bias.
    fn bias(&self) -> usize {
        if self.simplified { 3 } else { 4 }
    }

    /// The normalised sum, and the statistics when they are asked for.
    fn normalize(&self, sum: &Tensor, scale: &Tensor, beta: Option<&Tensor>) -> Result<Vec<Tensor>> {
        if !self.simplified {
            let outputs = self.outputs.min(3);
            let layer = LayerNormalization { axis: -1, epsilon: self.epsilon, stash: DType::F32, outputs };
            return call(&layer, &[Some(sum), Some(scale), beta]);
        }
        let norm = RmsNormalization { axis: -1, epsilon: self.epsilon };
        if self.outputs < 2 {
            return call(&norm, &[Some(sum), Some(scale)]);
        }
        let mut found = call(&SimplifiedLayerNormalization { norm }, &[Some(sum), Some(scale)])?;
        found.insert(1, Tensor::zeros(DType::F32, found[1].shape())?);
        Ok(found)
    }
}

impl Operator for SkipLayerNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.same_dtype()?;
        inputs.required(2)?;
        let shape = inputs.shape(0)?;
        if let Some(x) = shape {
            let last = match x {
                [.., last] if x.len() == 2 || x.len() == 3 => last,
                _ => return Err(Error::invalid(format!("input 0 has {} dimensions; 2 or 3 are expected", x.len()))),
            };
            if let Some(skip) = inputs.shape(1)? {
                let behind = x.len().checked_sub(skip.len()).map(|n| &x[n..]);
                let fits = behind.is_some_and(|x| {
                    skip.iter()
                        .zip(x)
                        .enumerate()
                        .all(|(i, (s, x))| s.unify(x).is_ok() || skip.len() == 3 && i == 0 && *s == Dim::Known(1))
                });
                if !fits || skip.len() < 2 {
                    return Err(Error::invalid("input 1 has neither the shape of input 0 nor that of one of its rows"));
                }
            }
            for i in 2..inputs.len() {
                match inputs.get(i).and_then(Fact::shape) {
                    None => {}
                    Some([size]) => drop(size.unify(last).map_err(|e| e.at(format!("input {i}")))?),
                    Some(s) => {
                        return Err(Error::invalid(format!("input {i} has rank {}; a vector is expected", s.len())));
                    }
                }
            }
        }
        let kept = shape.map(|s| {
            let mut kept = s.to_vec();
            kept.pop();
            kept.push(Dim::Known(1));
            kept
        });
        let whole = Fact::tensor(dtype, shape.map(<[_]>::to_vec));
        let statistic = Fact::tensor(DType::F32, kept);
        Ok([whole.clone(), statistic.clone(), statistic, whole].into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        let wide = widened(inputs)?;
        let get = |i: usize| wide.get(i).and_then(Option::as_ref);
        let mut sum = one(&Add, &[get(0), get(1)])?;
        if sum.shape() != inputs.tensor(0)?.shape() {
            return Err(Error::invalid(format!("a sum of shape {:?} for input 0", sum.shape())));
        }
        if let Some(bias) = get(self.bias()) {
            sum = one(&Add, &[Some(&sum), Some(bias)])?;
        }
        let scale = get(2).ok_or_else(|| Error::invalid("input 2 is required and missing"))?;
        let mut all = self.normalize(&sum, scale, if self.simplified { None } else { get(3) })?;
        all[0] = all[0].clone().narrow(dtype)?;
        all.truncate(3);
        if self.outputs > 3 {
            all.push(sum.narrow(dtype)?);
        }
        Ok(all.into_iter().map(Value::from).collect())
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = |i: usize| inputs.get(i).and_then(Fact::shape).map(<[Dim]>::len);
        let parameters = (2..rows.len()).all(|i| rows[i] == Rows::Free);
        let one = |s: &[Dim]| s.len() == 2 && rank(0) == Some(3) || s.len() == 3 && s[0] == Dim::Known(1);
        let skip = match rows.get(1) {
            Some(Rows::Axis(0)) => rank(0).is_some() && rank(0) == rank(1),
            Some(Rows::Free) => inputs.get(1).and_then(Fact::shape).is_some_and(one),
            _ => false,
        };
        if rows.first() == Some(&Rows::Axis(0)) && parameters && skip {
            return vec![Rows::Axis(0); outputs.len()];
        }
        rows::opaque(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, count, run_in, t},
    };

    fn go(op: &str, inputs: &[Option<Tensor>], outputs: usize) -> crate::Result<Vec<Tensor>> {
        run_in("com.microsoft", op, 1, &[("epsilon", Attribute::Float(0.0))], inputs, outputs)
    }

    #[test]
    fn the_sum_is_normalised_and_given() {
        let (x, skip) = (t(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]), t(&[1, 2], &[0.0, 1.0]));
        let (scale, beta, bias) = (t(&[2], &[1.0, 2.0]), t(&[2], &[0.0, 1.0]), t(&[2], &[0.5, 0.5]));
        let given = [&x, &skip, &scale, &beta, &bias].map(|t| Some(t.clone()));
        let got = go("SkipLayerNormalization", &given, 4).unwrap();
        close(&got[0], &[2, 1, 2], &[-1.0, 3.0, -1.0, 3.0]);
        close(&got[1], &[2, 1, 1], &[2.5, 4.5]);
        close(&got[2], &[2, 1, 1], &[1.0, 1.0]);
        close(&got[3], &[2, 1, 2], &[1.5, 3.5, 3.5, 5.5]);
        let whole = go("SkipLayerNormalization", &[Some(x.clone()), Some(x.clone()), Some(scale.clone())], 1).unwrap();
        close(&whole[0], &[2, 1, 2], &[-1.0, 2.0, -1.0, 2.0]);
        for bad in [count(&[2]), count(&[3, 1, 2]), count(&[2, 2]), count(&[2, 2, 1, 2])] {
            assert!(go("SkipLayerNormalization", &[Some(x.clone()), Some(bad), Some(scale.clone())], 1).is_err());
        }
        assert!(go("SkipLayerNormalization", &[Some(x.clone()), Some(x), Some(count(&[3]))], 1).is_err());
    }

    #[test]
    fn the_simplified_form_takes_no_mean_off() {
        let (x, skip) = (t(&[1, 2], &[1.0, 3.0]), t(&[1, 2], &[0.0, 4.0]));
        let (scale, bias) = (t(&[2], &[1.0, 2.0]), t(&[2], &[0.0, 0.0]));
        let given = [&x, &skip, &scale, &bias].map(|t| Some(t.clone()));
        for outputs in [1, 4] {
            let got = go("SkipSimplifiedLayerNormalization", &given, outputs).unwrap();
            close(&got[0], &[1, 2], &[0.2, 2.8]);
            if let [_, mean, inverse, sum] = got.as_slice() {
                close(mean, &[1, 1], &[0.0]);
                close(inverse, &[1, 1], &[0.2]);
                close(sum, &[1, 2], &[1.0, 7.0]);
            }
        }
        let five = [&x, &skip, &scale, &bias, &bias].map(|t| Some(t.clone()));
        assert!(go("SkipSimplifiedLayerNormalization", &five, 1).is_err());
    }
}
