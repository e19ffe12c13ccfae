//! [CausalConvWithState](https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html): a convolution of each channel
//! over the past, with a state.

use super::wide::{check_float, filled, narrow, via, wide, with_wide};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    numeric::{Float, transcendental::exp_f64},
    rows,
};
use std::sync::Arc;

/// `y[t] = sum over k of w[k] x[t - K + 1 + k] + bias`, by channel, with the state standing before the input.
///
/// Order of arithmetic: one chain of fused multiply-adds in ascending k starting from zero, then the bias, then
/// `y * (1 / (1 + exp(-y)))` when the activation is on.
#[derive(Debug)]
pub struct CausalConvWithState {
    /// Whether SiLU follows.
    pub silu: bool,
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let silu = match node.attributes.string_or("activation", "none".into())?.as_str() {
        "none" => false,
        "silu" | "swish" => true,
        other => return Err(Error::invalid(format!("attribute 'activation' is '{other}'"))),
    };
    Ok(Arc::new(CausalConvWithState { silu, outputs: node.outputs.max(1) }))
}

impl CausalConvWithState {
    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, w) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (&[batch, channels, length], &[maps, 1, k]) = (x.shape(), w.shape()) else {
            return Err(Error::invalid(format!(
                "a weight of shape {:?} for an input of shape {:?}",
                w.shape(),
                x.shape()
            )));
        };
        let read = |i: usize, shape: &[usize]| match inputs.optional_tensor(i)? {
            Some(t) if t.shape() != shape => {
                Err(Error::invalid(format!("input {i} has shape {:?}; {shape:?} is expected", t.shape())))
            }
            t => t.map(wide::<T>).transpose(),
        };
        if maps != channels || k == 0 {
            return Err(Error::invalid(format!("a weight of shape {:?} for {channels} channels", w.shape())));
        }
        let (bias, past) = (read(2, &[channels])?, read(3, &[batch, channels, k - 1])?);
        let (xs, ws) = (wide::<T>(x)?, wide::<T>(w)?);
        let mut out = filled(x.shape(), T::ZERO)?;
        let mut state = filled(&[batch, channels, k - 1], T::ZERO)?;
        for line in 0..batch * channels {
            let c = line % channels;
            let before = past
                .as_ref()
                .map_or_else(|| vec![T::ZERO; k - 1], |p| p[line * (k - 1)..(line + 1) * (k - 1)].to_vec());
            let all = [&before[..], &xs[line * length..(line + 1) * length]].concat();
            for (t, window) in all.windows(k).enumerate() {
                let mut y = window.iter().zip(&ws[c * k..]).fold(T::ZERO, |sum, (x, w)| x.mul_add(*w, sum));
                if let Some(b) = &bias {
                    y = y.add(b[c]);
                }
                if self.silu {
                    y = y.mul(via(y, |y| 1.0 / (1.0 + exp_f64(-y))));
                }
                out[line * length + t] = y;
            }
            state[line * (k - 1)..(line + 1) * (k - 1)].copy_from_slice(&all[length..]);
        }
        let mut outputs = vec![narrow(x.dtype(), x.shape(), out)?.into()];
        if self.outputs > 1 {
            outputs.push(narrow(x.dtype(), [batch, channels, k - 1], state)?.into());
        }
        Ok(outputs)
    }
}

impl Operator for CausalConvWithState {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.same_dtype()?)?;
        let (x, w) = (inputs.shape(0)?, inputs.shape(1)?);
        let k = w.and_then(|w| w.get(2)).cloned().unwrap_or(Dim::Unknown).map(|k| k.saturating_sub(1));
        let state = match x {
            Some([b, c, _]) => Some(vec![b.clone(), c.clone(), k]),
            Some(s) => return Err(Error::invalid(format!("input 0 has {} dimensions; 3 are expected", s.len()))),
            None => None,
        };
        let facts = [Fact::tensor(dtype, x.map(<[Dim]>::to_vec)), Fact::tensor(dtype, state)];
        Ok(facts.into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let wanted = [Rows::Axis(0), Rows::Free, Rows::Free, Rows::Axis(0)];
        if (0..inputs.len()).all(|i| inputs.get(i).is_none() || rows.get(i) == wanted.get(i)) {
            return vec![Rows::Axis(0); outputs.len()];
        }
        rows::opaque(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run_in, t};

    #[test]
    fn the_state_carries_over() {
        let w = t(&[1, 1, 3], &[1.0, 10.0, 100.0]);
        let x = |v: &[f32]| Some(t(&[1, 1, v.len()], v));
        let first = run_in("", "CausalConvWithState", 27, &[], &[x(&[1.0, 2.0, 3.0]), Some(w.clone())], 2).unwrap();
        close(&first[0], &[1, 1, 3], &[100.0, 210.0, 321.0]);
        let next = [x(&[4.0]), Some(w.clone()), Some(t(&[1], &[0.5])), Some(first[1].clone())];
        let next = run_in("", "CausalConvWithState", 27, &[], &next, 2).unwrap();
        close(&next[0], &[1, 1, 1], &[432.5]);
        close(&next[1], &[1, 1, 2], &[3.0, 4.0]);
        assert!(run_in("", "CausalConvWithState", 27, &[], &[Some(t(&[1, 2, 1], &[0.0; 2])), Some(w)], 1).is_err());
    }
}
