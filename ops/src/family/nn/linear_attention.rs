//! [LinearAttention](https://onnx.ai/onnx/operators/onnx__LinearAttention.html): attention as a recurrence over a matrix.

use super::{
    attend::Heads,
    attention::heads,
    recurrent::dot,
    wide::{check_float, filled, narrow, via, wide, with_wide},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Float, transcendental::exp_f64},
    rows,
};
use std::sync::Arc;

/// How the state takes up a key and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateRule {
    /// Whether the state decays first.
    pub gated: bool,
    /// Whether what the state already gives for the key is taken off the value.
    pub delta: bool,
}

/// `S = exp(g) S + k (beta (v - S^T k))^T`, `o = scale q^T S`, position by position; gate and correction as the rule says.
///
/// Order of arithmetic: products are chains of fused multiply-adds in ascending index of the key starting from zero; the
/// state adds `k * v` fused.
#[derive(Debug)]
pub struct LinearAttention {
    /// Heads of the queries.
    pub q_heads: usize,
    /// Heads of keys, values and states.
    pub kv_heads: usize,
    /// Factor of the outputs; 0 is one over the root of the key's size.
    pub scale: f32,
    /// The update.
    pub rule: UpdateRule,
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let required = |name: &str| {
        heads(node, name)?.ok_or_else(|| Error::invalid(format!("attribute '{name}' is required and missing")))
    };
    let (q_heads, kv_heads) = (required("q_num_heads")?, required("kv_num_heads")?);
    if q_heads % kv_heads != 0 {
        return Err(Error::invalid(format!("{q_heads} query heads are no multiple of {kv_heads} heads")));
    }
    let (gated, delta) = match a.string_or("update_rule", "gated_delta".into())?.as_str() {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => return Err(Error::invalid(format!("attribute 'update_rule' is '{other}'"))),
    };
    let rule = UpdateRule { gated, delta };
    Ok(Arc::new(LinearAttention {
        q_heads,
        kv_heads,
        scale: a.float_or("scale", 0.0)?,
        rule,
        outputs: node.outputs.max(1),
    }))
}

fn packed(tensor: &Tensor, heads: usize, i: usize) -> Result<Heads> {
    match *tensor.shape() {
        [batch, length, hidden] if hidden % heads == 0 => {
            Ok(Heads { batch, heads, length, size: hidden / heads, packed: true })
        }
        _ => Err(Error::invalid(format!("input {i} has shape {:?} for {heads} heads", tensor.shape()))),
    }
}

impl LinearAttention {
    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (q, k, v) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
        let qh = packed(q, self.q_heads, 0)?;
        let (kh, vh) = (packed(k, self.kv_heads, 1)?, packed(v, self.kv_heads, 2)?);
        let same = |h: &Heads| h.batch == qh.batch && h.length == qh.length;
        if !same(&kh) || !same(&vh) || kh.size != qh.size {
            return Err(Error::invalid(format!(
                "queries {:?}, keys {:?} and values {:?}",
                q.shape(),
                k.shape(),
                v.shape()
            )));
        }
        let (dk, dv) = (kh.size, vh.size);
        let gate = |i: usize, on: bool, sizes: &[usize]| match (inputs.optional_tensor(i)?, on) {
            (Some(t), true) => {
                let last = t.shape().last().copied().unwrap_or(0);
                if t.shape() != [qh.batch, qh.length, last] || !sizes.contains(&last) {
                    return Err(Error::invalid(format!("input {i} has shape {:?}", t.shape())));
                }
                Ok(Some((wide::<T>(t)?, last)))
            }
            (None, false) => Ok(None),
            (given, _) => Err(Error::invalid(format!(
                "input {i} is {} where the update rule says otherwise",
                if given.is_some() { "given" } else { "missing" }
            ))),
        };
        let decay = gate(4, self.rule.gated, &[self.kv_heads, self.kv_heads * dk])?;
        let beta = gate(5, self.rule.delta, &[self.kv_heads, 1])?;
        let state_shape = [qh.batch, self.kv_heads, dk, dv];
        let past = inputs.optional_tensor(3)?;
        let mut state = match past {
            None => filled(&state_shape, T::ZERO)?,
            Some(p) if p.shape() == state_shape => wide::<T>(p)?.into_owned(),
            Some(p) => {
                return Err(Error::invalid(format!("input 3 has shape {:?}; {state_shape:?} is expected", p.shape())));
            }
        };
        let scale = if self.scale == 0.0 { 1.0 / (dk as f64).sqrt() } else { f64::from(self.scale) };
        let scale = T::from_f64(scale);
        let (qs, ks, vs) = (wide::<T>(q)?, wide::<T>(k)?, wide::<T>(v)?);
        let oh = Heads { size: dv, ..qh };
        let mut out = filled(&oh.shape(), T::ZERO)?;
        let group = self.q_heads / self.kv_heads;
        for b in 0..qh.batch {
            for h in 0..self.kv_heads {
                let s = &mut state[(b * self.kv_heads + h) * dk * dv..][..dk * dv];
                for t in 0..qh.length {
                    let token = b * qh.length + t;
                    let key = &ks[kh.at(b, h, t)..][..dk];
                    let mut value = vs[vh.at(b, h, t)..][..dv].to_vec();
                    if let Some((g, last)) = &decay {
                        for d in 0..dk {
                            let at = if *last == self.kv_heads { h } else { h * dk + d };
                            let factor = via(g[token * last + at], exp_f64);
                            s[d * dv..(d + 1) * dv].iter_mut().for_each(|v| *v = v.mul(factor));
                        }
                    }
                    if let Some((rates, last)) = &beta {
                        let rate = rates[token * last + if *last == 1 { 0 } else { h }];
                        for (m, v) in value.iter_mut().enumerate() {
                            let known = (0..dk).fold(T::ZERO, |sum, d| s[d * dv + m].mul_add(key[d], sum));
                            *v = rate.mul(v.sub(known));
                        }
                    }
                    for d in 0..dk {
                        for m in 0..dv {
                            s[d * dv + m] = key[d].mul_add(value[m], s[d * dv + m]);
                        }
                    }
                    for query_head in h * group..(h + 1) * group {
                        let query = &qs[qh.at(b, query_head, t)..][..dk];
                        let at = oh.at(b, query_head, t);
                        for m in 0..dv {
                            let column: Vec<T> = (0..dk).map(|d| s[d * dv + m]).collect();
                            out[at + m] = scale.mul(dot(query, &column));
                        }
                    }
                }
            }
        }
        let mut outputs = vec![narrow(q.dtype(), oh.shape(), out)?.into()];
        if self.outputs > 1 {
            outputs.push(narrow(past.map_or(q.dtype(), Tensor::dtype), state_shape, state)?.into());
        }
        Ok(outputs)
    }
}

impl Operator for LinearAttention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let state_type = if inputs.get(3).is_some() { check_float(inputs.dtype(3)?)? } else { dtype };
        let (Some([b, t, q]), Some([_, _, v])) = (inputs.shape(0)?, inputs.shape(2)?) else {
            return Ok([dtype, state_type].iter().take(self.outputs).map(|d| Fact::tensor(*d, None)).collect());
        };
        let dv = v.map(|n| n / self.kv_heads);
        let y = vec![b.clone(), t.clone(), dv.map(|n| n.saturating_mul(self.q_heads))];
        let state = vec![b.clone(), Dim::Known(self.kv_heads), q.map(|n| n / self.q_heads), dv];
        let facts = [Fact::tensor(dtype, Some(y)), Fact::tensor(state_type, Some(state))];
        Ok(facts.into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if (0..inputs.len()).all(|i| inputs.get(i).is_none() || rows.get(i) == Some(&Rows::Axis(0))) {
            return vec![Rows::Axis(0); outputs.len()];
        }
        rows::opaque(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run_in, t};
    use crate::Attribute;

    #[test]
    fn the_state_accumulates_and_corrects() {
        let rule = |r: &str| {
            [
                ("q_num_heads", Attribute::Int(1)),
                ("kv_num_heads", Attribute::Int(1)),
                ("scale", Attribute::Float(1.0)),
                ("update_rule", Attribute::String(r.into())),
            ]
        };
        let one = |a: f32, b: f32| Some(t(&[1, 2, 1], &[a, b]));
        let qkv = [one(1.0, 2.0), one(1.0, 3.0), one(5.0, 7.0)];
        let got = run_in("", "LinearAttention", 27, &rule("linear"), &qkv, 2).unwrap();
        close(&got[0], &[1, 2, 1], &[5.0, 52.0]);
        let corrected: Vec<_> = qkv.iter().cloned().chain([None, None, one(1.0, 0.5)]).collect();
        let got = run_in("", "LinearAttention", 27, &rule("delta"), &corrected, 2).unwrap();
        // S = 5, then 5 + 3 * 0.5 (7 - 15).
        close(&got[1], &[1, 1, 1, 1], &[-7.0]);
        assert!(run_in("", "LinearAttention", 27, &rule("gated"), &qkv, 1).is_err());
    }
}
