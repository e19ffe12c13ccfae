//! Losses: [NegativeLogLikelihoodLoss](https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html),
//! [SoftmaxCrossEntropyLoss](https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html).

use super::wide::{check_float, filled, narrow, sum16, via, wide, with_wide};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Float, transcendental::exp_f64},
    rows,
};
use std::sync::Arc;

/// How the losses of samples become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// They do not.
    None,
    /// Their sum.
    Sum,
    /// Their sum over the sum of their weights.
    Mean,
}

/// The negative log-probability of the target class (axis 1) of each sample, weighted by class.
///
/// Order of arithmetic: a logarithm of softmax is `(x - max) - log(sum of exp(x - max))` with the sum in sixteen chains
/// by class mod 16 and a tree; sums over samples likewise.
#[derive(Debug)]
pub struct Loss {
    /// How the losses of samples become one.
    pub reduction: Reduction,
    /// A target that does not count.
    pub ignore: Option<i64>,
    /// Whether the input holds scores, of which the softmax is taken first.
    pub softmax: bool,
    /// The number of outputs; the second one is the logarithm of the softmax.
    pub outputs: usize,
}

fn parse(node: &Node<'_>, softmax: bool) -> Result<Arc<dyn Operator>> {
    let reduction = match node.attributes.string_or("reduction", "mean".into())?.as_str() {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        "mean" => Reduction::Mean,
        other => return Err(Error::invalid(format!("attribute 'reduction' is '{other}'"))),
    };
    let ignore = node.attributes.int("ignore_index")?;
    let outputs = if softmax { node.outputs.clamp(1, 2) } else { 1 };
    Ok(Arc::new(Loss { reduction, ignore, softmax, outputs }))
}

pub(super) fn parse_likelihood(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    parse(node, false)
}

pub(super) fn parse_softmax(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    parse(node, true)
}

impl Loss {
    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let targets = inputs.ints(1)?.ok_or_else(|| Error::invalid("input 1 is required and missing"))?;
        let [batch, classes, rest @ ..] = x.shape() else {
            return Err(Error::invalid("input 0 has less than two dimensions; batch and classes are expected"));
        };
        let samples = [&[*batch][..], rest].concat();
        if inputs.tensor(1)?.shape() != samples {
            return Err(Error::invalid(format!(
                "input 1 has shape {:?}; {samples:?} is expected",
                inputs.tensor(1)?.shape()
            )));
        }
        let weights = inputs.optional_tensor(2)?.map(wide::<T>).transpose()?;
        if weights.as_ref().is_some_and(|w| w.len() != *classes) {
            return Err(Error::invalid(format!("input 2 has not one weight for each of {classes} classes")));
        }
        let inner: usize = rest.iter().product();
        let mut logs = wide::<T>(x)?.into_owned();
        if self.softmax {
            for vector in 0..batch * inner {
                let at = |c: usize| (vector / inner * classes + c) * inner + vector % inner;
                let greatest = (0..*classes)
                    .fold(T::LEAST, |m, c| if logs[at(c)] > m || logs[at(c)].is_nan() { logs[at(c)] } else { m });
                let sum = sum16((0..*classes).map(|c| via(logs[at(c)].sub(greatest), exp_f64)));
                let log = via(sum, libm::log);
                for c in 0..*classes {
                    logs[at(c)] = logs[at(c)].sub(greatest).sub(log);
                }
            }
        }
        let mut losses = filled(&samples, T::ZERO)?;
        let mut counted = filled(&samples, T::ZERO)?;
        for (i, target) in targets.iter().enumerate() {
            if Some(*target) == self.ignore {
                continue;
            }
            let class = usize::try_from(*target).ok().filter(|c| c < classes);
            let class = class.ok_or_else(|| Error::invalid(format!("target {target} of {classes} classes")))?;
            let weight = weights.as_ref().map_or(T::ONE, |w| w[class]);
            counted[i] = weight;
            losses[i] = logs[(i / inner * classes + class) * inner + i % inner].neg().mul(weight);
        }
        let total = sum16(losses.iter().copied());
        let loss = match self.reduction {
            Reduction::None => narrow(x.dtype(), samples, losses)?,
            Reduction::Sum => narrow(x.dtype(), [], vec![total])?,
            Reduction::Mean => narrow(x.dtype(), [], vec![total.div(sum16(counted.into_iter()))])?,
        };
        let mut outputs: Vec<Value> = vec![loss.into()];
        if self.outputs > 1 {
            let all: Tensor = narrow(x.dtype(), x.shape(), logs)?;
            outputs.push(all.into());
        }
        Ok(outputs)
    }
}

impl Operator for Loss {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let x = inputs.shape(0)?.map(<[Dim]>::to_vec);
        let shape =
            if self.reduction == Reduction::None { inputs.shape(1)?.map(<[Dim]>::to_vec) } else { Some(Vec::new()) };
        Ok([Fact::tensor(dtype, shape), Fact::tensor(dtype, x)].into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        match rows {
            [Rows::Axis(0), Rows::Axis(0), rest @ ..]
                if self.reduction == Reduction::None && rest.iter().all(|r| *r == Rows::Free) =>
            {
                vec![Rows::Axis(0); outputs.len()]
            }
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, run_in, t};
    use crate::{Attribute, Tensor};

    #[test]
    fn targets_weights_and_reductions() {
        let x = t(&[2, 3], &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
        let target = |v: [i64; 2]| Tensor::from_slice([2], &v).unwrap();
        let weight = t(&[3], &[1.0, 2.0, 4.0]);
        let by = |r: &str| ("reduction", Attribute::String(r.into()));
        let op = "NegativeLogLikelihoodLoss";
        let given = [x.clone(), target([2, 1]), weight.clone()];
        close(&run(op, 13, &[by("none")], &given).unwrap()[0], &[2], &[12.0, 10.0]);
        close(&run(op, 13, &[by("sum")], &given).unwrap()[0], &[], &[22.0]);
        close(&run(op, 22, &[], &given).unwrap()[0], &[], &[22.0 / 6.0]);
        let ignoring = [by("mean"), ("ignore_index", Attribute::Int(-7))];
        close(&run(op, 12, &ignoring, &[x.clone(), target([-7, 1]), weight]).unwrap()[0], &[], &[5.0]);
        assert!(run(op, 12, &[], &[x.clone(), target([3, 1])]).is_err());
        assert!(run(op, 12, &[], &[x, Tensor::from_vec([1], vec![1i64]).unwrap()]).is_err());
        let scores = [Some(t(&[1, 2], &[0.0, 0.0])), Some(Tensor::from_vec([1], vec![1i32]).unwrap())];
        let got = run_in("", "SoftmaxCrossEntropyLoss", 13, &[], &scores, 2).unwrap();
        let ln2 = std::f32::consts::LN_2;
        close(&got[0], &[], &[ln2]);
        close(&got[1], &[1, 2], &[-ln2, -ln2]);
    }
}
