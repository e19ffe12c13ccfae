//! [MultiHeadAttention](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MultiHeadAttention):
//! attention of queries to keys and values that are projected already, but for their bias.

use super::{
    attention::{check_mask, shared, total},
    compose::check,
    padding::{Bias, Extent, Padding, scaled, score_bias},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::{
        Capture,
        attend::{Heads, attend},
        attention::{by_batch, joined},
        wide::{check_float, narrow, wide, with_wide},
    },
    numeric::Float,
};
use std::sync::Arc;

/// Queries, keys and values in heads, each plus its part of a bias, and attention among them as `ai.onnx`'s with the
/// whole scale on the queries. Outputs: the heads' sums, keys, values, and what the softmax is taken of.
///
/// Queries are `[batch, length, hidden]`, or with keys and values `[batch, length, heads, 3, size]`. Keys and values are
/// `[batch, length, hidden]`, together `[batch, length, heads, 2, size]`, or `[batch, heads, length, size]`, which get no
/// bias. Nothing that is packed gets one.
#[derive(Debug)]
pub struct MultiHeadAttention {
    /// The number of heads.
    pub heads: usize,
    /// Whether a query sees no key after its own position.
    pub causal: bool,
    /// Factor of the scores; one over the root of the head size by default.
    pub scale: Option<f32>,
    /// What masked scores get added.
    pub filter: f32,
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["num_heads", "unidirectional", "scale", "mask_filter_value"], 8, 4)?;
    let (heads, scale, filter) = shared(node)?;
    let causal = node.attributes.flag_or("unidirectional", false)?;
    Ok(Arc::new(MultiHeadAttention { heads, causal, scale, filter, outputs: node.outputs.max(1) }))
}

/// Where queries, keys and values lie: the input, how many vectors each of its heads holds, and which one is meant.
fn places(packed: bool, paired: bool) -> [(usize, usize, usize); 3] {
    match (packed, paired) {
        (true, _) => [(0, 3, 0), (0, 3, 1), (0, 3, 2)],
        (_, true) => [(0, 1, 0), (1, 2, 0), (1, 2, 1)],
        _ => [(0, 1, 0), (1, 1, 0), (2, 1, 0)],
    }
}

/// Batch, heads, length and size of one of `parts` vectors a head.
fn dims(shape: &[Dim], heads: usize, parts: usize, input: usize) -> Result<[Dim; 4]> {
    let wrong =
        || Error::invalid(format!("input {input} is {} for {heads} heads of {parts}", crate::fact::shape_text(shape)));
    let all = match shape {
        [b, s, hidden] if parts == 1 => {
            if hidden.known().is_some_and(|n| n % heads != 0) {
                return Err(wrong());
            }
            [b.clone(), Dim::Known(heads), s.clone(), hidden.map(|n| n / heads)]
        }
        [b, n, s, d] if parts == 1 && input > 0 => [b.clone(), n.clone(), s.clone(), d.clone()],
        [b, s, n, p, d] if parts > 1 => {
            p.unify(&Dim::Known(parts)).map_err(|_| wrong())?;
            [b.clone(), n.clone(), s.clone(), d.clone()]
        }
        _ => return Err(wrong()),
    };
    all[1].unify(&Dim::Known(heads)).map_err(|_| wrong())?;
    Ok(all)
}

/// One of `parts` vectors of each head, with its bias.
fn part<T: Float>(
    x: &Tensor,
    heads: usize,
    (input, parts, which): (usize, usize, usize),
    bias: Option<&[T]>,
) -> Result<(Vec<T>, Heads)> {
    let shape: Vec<Dim> = x.shape().iter().copied().map(Dim::Known).collect();
    let [batch, heads, length, size] = dims(&shape, heads, parts, input)?.map(|d| d.known().unwrap_or(0));
    let found = Heads { batch, heads, length, size, packed: x.rank() != 4 };
    let xs = wide::<T>(x)?;
    let vectors = xs.chunks_exact(size.max(1)).skip(which).step_by(parts);
    let mut values: Vec<T> = vectors.flatten().copied().collect();
    if let Some(bias) = bias.filter(|_| found.packed) {
        for (v, b) in values.iter_mut().zip(bias.iter().cycle()) {
            *v = v.add(*b);
        }
    }
    Ok((values, found))
}

impl MultiHeadAttention {
    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let q = inputs.tensor(0)?;
        let paired = inputs.optional_tensor(1)?.is_some_and(|k| k.rank() == 5);
        let places = places(q.rank() == 5, paired);
        let bias = inputs.optional_tensor(3)?.map(wide::<T>).transpose()?;
        if bias.is_some() && places[2].1 > 1 {
            return Err(Error::unsupported("input 3, a bias, beside packed heads"));
        }
        let mut offset = 0;
        let mut parts = Vec::with_capacity(3);
        for place in places {
            let x = inputs.tensor(place.0)?;
            let shape: Vec<Dim> = x.shape().iter().copied().map(Dim::Known).collect();
            let [_, n, _, d] = dims(&shape, self.heads, place.1, place.0)?.map(|d| d.known().unwrap_or(0));
            let own = match bias.as_deref() {
                None => None,
                Some(b) => Some(
                    b.get(offset..offset + n * d)
                        .ok_or_else(|| Error::invalid(format!("a bias of {} elements is too short", b.len())))?,
                ),
            };
            offset += n * d;
            parts.push(part::<T>(x, self.heads, place, own)?);
        }
        if bias.as_ref().is_some_and(|b| b.len() != offset) {
            return Err(Error::invalid(format!("a bias for {offset} elements of queries, keys and values")));
        }
        let Ok([(q, qh), (k, kh), (v, vh)]) = <[_; 3]>::try_from(parts) else {
            return Err(Error::invalid("queries, keys and values are three"));
        };
        let (past_key, past_value) = (inputs.optional_tensor(6)?, inputs.optional_tensor(7)?);
        if past_key.is_some() != past_value.is_some() {
            return Err(Error::invalid("past_key and past_value are given together or not at all"));
        }
        let past = past_key.map_or(0, |p| p.shape().get(2).copied().unwrap_or(0));
        let (keys, kh) = joined::<T>(past_key, &Tensor::from_vec(kh.shape(), k)?, kh)?;
        let (values, vh) = joined::<T>(past_value, &Tensor::from_vec(vh.shape(), v)?, vh)?;
        let of = Extent { batch: qh.batch, heads: qh.heads, queries: qh.length, keys: kh.length };
        let bias = Bias {
            of,
            padding: Padding::read(inputs.optional_tensor(4)?, of)?,
            filter: self.filter,
            causal: self.causal.then_some(past),
            more: score_bias::<T>(inputs.optional_tensor(5)?, of)?,
        };
        let capture = (self.outputs > 3).then_some(Capture::Biased);
        let settings = scaled::<T>(self.scale, qh.size, 0.0, capture);
        let at = |b: usize, h: usize, i: usize, j: usize| bias.at(b, h, i, j);
        let (y, shown) = attend(&q, qh, &keys, kh, &values, vh, &settings, &at)?;
        let dtype = inputs.tensor(0)?.dtype();
        let all = [
            (vec![qh.batch, qh.length, qh.heads * vh.size], y),
            (kh.shape(), keys),
            (vh.shape(), values),
            (vec![of.batch, of.heads, of.queries, of.keys], shown),
        ];
        all.into_iter().take(self.outputs).map(|(shape, v)| Ok(narrow(dtype, shape, v)?.into())).collect()
    }
}

impl Operator for MultiHeadAttention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        for i in [1, 2, 3, 5, 6, 7] {
            if inputs.get(i).is_some() && inputs.dtype(i)? != dtype {
                return Err(Error::invalid(format!("input {i} is {} where {dtype} is expected", inputs.dtype(i)?)));
            }
        }
        check_mask(inputs, 4)?;
        let unknown = || Ok(vec![Fact::tensor(dtype, None); self.outputs]);
        let Some(q) = inputs.shape(0)? else { return unknown() };
        let packed = q.len() == 5;
        let keys = inputs.get(1).and_then(Fact::shape);
        if !packed && keys.is_none() {
            inputs.required(1)?;
            return unknown();
        }
        let places = places(packed, keys.is_some_and(|k| k.len() == 5));
        let used = |i: usize| places.iter().any(|p| p.0 == i);
        if let Some(i) = (1..3).find(|i| inputs.get(*i).is_some() != used(*i)) {
            let what = if used(i) { "missing" } else { "given beside packed heads" };
            return Err(Error::invalid(format!("input {i} is {what}")));
        }
        if inputs.get(3).is_some() && places[2].1 > 1 {
            return Err(Error::unsupported("input 3, a bias, beside packed heads"));
        }
        let mut found = Vec::with_capacity(3);
        for (input, parts, _) in places {
            match inputs.shape(input)? {
                Some(s) => found.push(dims(s, self.heads, parts, input)?),
                None => return unknown(),
            }
        }
        let [[batch, n, length, _], [_, _, kl, kd], [_, _, _, vd]] = &found[..] else { return unknown() };
        let past = inputs.get(6).map(|p| p.shape().and_then(|s| s.get(2)).cloned().unwrap_or(Dim::Unknown));
        let keys = total(past.as_ref(), kl);
        let cache = |size: &Dim| vec![batch.clone(), n.clone(), keys.clone(), size.clone()];
        let all = [
            vec![batch.clone(), length.clone(), vd.map(|d| d.saturating_mul(self.heads))],
            cache(kd),
            cache(vd),
            vec![batch.clone(), n.clone(), length.clone(), keys.clone()],
        ];
        Ok(all.into_iter().take(self.outputs).map(|s| Fact::shaped(dtype, s)).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        by_batch(rows, inputs, &[3, 5], outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    fn go(attributes: &[(&str, Attribute)], inputs: &[Option<Tensor>], outputs: usize) -> crate::Result<Vec<Tensor>> {
        let all = [&[("num_heads", Attribute::Int(1))], attributes].concat();
        run_in("com.microsoft", "MultiHeadAttention", 1, &all, inputs, outputs)
    }

    #[test]
    fn every_packing_gives_the_same() {
        let q = Some(t(&[1, 2, 1], &[1.0, 2.0]));
        let (k, v) = (Some(t(&[1, 2, 1], &[0.0, 1.0])), Some(t(&[1, 2, 1], &[10.0, 20.0])));
        let logistic = |x: f32| 10.0 + 10.0 / (1.0 + libm::expf(-x));
        let want = [logistic(1.0), logistic(2.0)];
        let apart = go(&[], &[q.clone(), k, v], 1).unwrap();
        close(&apart[0], &[1, 2, 1], &want);
        let kv = Some(t(&[1, 2, 1, 2, 1], &[0.0, 10.0, 1.0, 20.0]));
        close(&go(&[], &[q.clone(), kv], 1).unwrap()[0], &[1, 2, 1], &want);
        let qkv = Some(t(&[1, 2, 1, 3, 1], &[1.0, 0.0, 10.0, 2.0, 1.0, 20.0]));
        close(&go(&[], &[qkv.clone()], 1).unwrap()[0], &[1, 2, 1], &want);
        let cached = [Some(t(&[1, 1, 2, 1], &[0.0, 1.0])), Some(t(&[1, 1, 2, 1], &[10.0, 20.0]))];
        let given = [&[q.clone()], &cached[..]].concat();
        close(&go(&[], &given, 1).unwrap()[0], &[1, 2, 1], &want);
        assert!(go(&[], &[qkv.clone(), None, None, Some(t(&[3], &[1.0, 0.0, 5.0]))], 1).is_err(), "a bias");
        assert!(go(&[], &[qkv, cached[0].clone()], 1).is_err(), "keys beside packed heads");
        assert!(go(&[], &[q], 1).is_err(), "no keys");
    }

    #[test]
    fn the_bias_moves_what_is_not_cached() {
        let q = Some(t(&[1, 1, 1], &[1.0]));
        let (k, v) = (Some(t(&[1, 2, 1], &[0.0, 1.0])), Some(t(&[1, 2, 1], &[10.0, 20.0])));
        let bias = Some(t(&[3], &[1.0, 0.5, 5.0]));
        let y = 10.0 + 10.0 / (1.0 + libm::expf(-2.0));
        let got = go(&[], &[q.clone(), k, v, bias.clone()], 4).unwrap();
        close(&got[0], &[1, 1, 1], &[y + 5.0]);
        close(&got[1], &[1, 1, 2, 1], &[0.5, 1.5]);
        close(&got[2], &[1, 1, 2, 1], &[15.0, 25.0]);
        close(&got[3], &[1, 1, 1, 2], &[1.0, 3.0]);
        let cached = [Some(t(&[1, 1, 2, 1], &[0.0, 1.0])), Some(t(&[1, 1, 2, 1], &[10.0, 20.0]))];
        close(&go(&[], &[&[q], &cached[..], &[bias]].concat(), 1).unwrap()[0], &[1, 1, 1], &[y]);
    }

    #[test]
    fn masks_hide_keys() {
        let ones = || Some(t(&[1, 2, 1], &[1.0, 1.0]));
        let v = Some(t(&[1, 2, 1], &[10.0, 20.0]));
        let causal = [("unidirectional", Attribute::Int(1))];
        close(&go(&causal, &[ones(), ones(), v.clone()], 1).unwrap()[0], &[1, 2, 1], &[10.0, 15.0]);
        let mask = |shape: &[usize], values: &[i32]| Some(Tensor::from_slice(shape, values).unwrap());
        let masked = |mask| go(&[], &[ones(), ones(), v.clone(), None, mask], 1);
        close(&masked(mask(&[1], &[1])).unwrap()[0], &[1, 2, 1], &[10.0, 10.0]);
        close(&masked(mask(&[1, 2], &[0, 1])).unwrap()[0], &[1, 2, 1], &[20.0, 20.0]);
        close(&masked(mask(&[1, 2, 2], &[0, 1, 1, 0])).unwrap()[0], &[1, 2, 1], &[20.0, 10.0]);
        assert!(masked(mask(&[5], &[0; 5])).is_err());
    }
}
