//! [Attention](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Attention): the
//! projection of queries, keys and values by one matrix, and their attention.

use super::{
    compose::{check, one, only},
    padding::{Bias, Extent, Padding, scaled, score_bias},
};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        math::{Add, MatMul},
        nn::{
            attend::{Heads, attend},
            attention::{by_batch, heads, joined},
            wide::{check_float, narrow, wide, with_wide},
        },
    },
    numeric::{Element, Float},
};
use std::sync::Arc;

/// `X W + b` split into queries, keys and values by column, and attention among them. The product is that of
/// [`MatMul`]; scores and outputs are those of `ai.onnx`'s attention with the whole scale on the queries.
#[derive(Debug)]
pub struct PackedAttention {
    /// The number of heads.
    pub heads: usize,
    /// Whether a query sees no key after its own position.
    pub causal: bool,
    /// Factor of the scores; one over the root of the head size by default.
    pub scale: Option<f32>,
    /// What masked scores get added.
    pub filter: f32,
    /// Columns of queries, keys and values; a third each by default.
    pub sizes: Option<[usize; 3]>,
    /// The number of outputs.
    pub outputs: usize,
}

/// The attributes that attention operators share: heads, scale, what masked scores get.
pub(super) fn shared(node: &Node<'_>) -> Result<(usize, Option<f32>, f32)> {
    let count =
        heads(node, "num_heads")?.ok_or_else(|| Error::invalid("attribute 'num_heads' is required and missing"))?;
    let scale = node.attributes.float("scale")?.filter(|s| *s != 0.0);
    Ok((count, scale, node.attributes.float_or("mask_filter_value", -10_000.0)?))
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let known = [
        "num_heads",
        "unidirectional",
        "scale",
        "mask_filter_value",
        "qkv_hidden_sizes",
        "do_rotary",
        "rotary_embedding_dim",
        "past_present_share_buffer",
    ];
    check(node, &known, 6, 2)?;
    for name in ["do_rotary", "rotary_embedding_dim", "past_present_share_buffer"] {
        only(node, name, 0)?;
    }
    let (count, scale, filter) = shared(node)?;
    let sizes = match node.attributes.ints_or("qkv_hidden_sizes", Vec::new())?.as_slice() {
        [] => None,
        [q, k, v] if q == k && [q, v].iter().all(|n| **n > 0 && **n % count as i64 == 0) => {
            Some([*q as usize, *k as usize, *v as usize])
        }
        other => {
            return Err(Error::invalid(format!("attribute 'qkv_hidden_sizes' is {other:?} for {count} heads")));
        }
    };
    Ok(Arc::new(PackedAttention {
        heads: count,
        causal: node.attributes.flag_or("unidirectional", false)?,
        scale,
        filter,
        sizes,
        outputs: node.outputs.max(1),
    }))
}

/// Some columns of a matrix.
fn columns<T: Element>(values: &[T], width: usize, from: usize, count: usize) -> Vec<T> {
    values.chunks_exact(width.max(1)).flat_map(|row| &row[from..from + count]).copied().collect()
}

impl PackedAttention {
    /// Columns of queries, keys and values.
    fn sizes(&self, columns: usize) -> Result<[usize; 3]> {
        let sizes = self.sizes.unwrap_or([columns / 3; 3]);
        if sizes.iter().sum::<usize>() != columns || sizes.iter().any(|n| n % self.heads != 0) {
            return Err(Error::invalid(format!(
                "weights of {columns} columns for queries, keys and values of {} heads",
                self.heads
            )));
        }
        Ok(sizes)
    }

    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        let &[batch, length, _] = inputs.tensor(0)?.shape() else {
            return Err(Error::invalid(format!("input 0 has shape {:?}; 3 dimensions", inputs.tensor(0)?.shape())));
        };
        let mut all = one(&MatMul, &[Some(&inputs.tensor(0)?.widen()?), Some(&inputs.tensor(1)?.widen()?)])?;
        let width = all.shape().last().copied().unwrap_or(0);
        if let Some(bias) = inputs.optional_tensor(2)? {
            if bias.shape() != [width] {
                return Err(Error::invalid(format!("a bias of shape {:?} for {width} columns", bias.shape())));
            }
            all = one(&Add, &[Some(&all), Some(&bias.widen()?)])?;
        }
        let [hq, hk, hv] = self.sizes(width)?;
        let all = all.as_slice::<T>()?;
        let part = |hidden: usize, from: usize| {
            let heads = Heads { batch, heads: self.heads, length, size: hidden / self.heads, packed: true };
            (columns(all, width, from, hidden), heads)
        };
        let ((q, qh), (k, kh), (v, vh)) = (part(hq, 0), part(hk, hq), part(hv, hq + hk));
        let (past_key, past_value) = match inputs.optional_tensor(4)? {
            None => (None, None),
            Some(past) => {
                let [2, rest @ ..] = past.shape() else {
                    return Err(Error::invalid(format!("input 4 has shape {:?}; keys and values", past.shape())));
                };
                let values = wide::<T>(past)?;
                let (keys, values) = values.split_at(values.len() / 2);
                (Some(Tensor::from_slice(rest, keys)?), Some(Tensor::from_slice(rest, values)?))
            }
        };
        let (mut keys, kh) = joined::<T>(past_key.as_ref(), &Tensor::from_vec(kh.shape(), k)?, kh)?;
        let (values, vh) = joined::<T>(past_value.as_ref(), &Tensor::from_vec(vh.shape(), v)?, vh)?;
        let of = Extent { batch, heads: self.heads, queries: length, keys: kh.length };
        let bias = Bias {
            of,
            padding: Padding::read(inputs.optional_tensor(3)?, of)?,
            filter: self.filter,
            causal: self.causal.then(|| kh.length - length),
            more: score_bias::<T>(inputs.optional_tensor(5)?, of)?,
        };
        let settings = scaled::<T>(self.scale, qh.size, 0.0, None);
        let at = |b: usize, h: usize, i: usize, j: usize| bias.at(b, h, i, j);
        let (y, _) = attend(&q, qh, &keys, kh, &values, vh, &settings, &at)?;
        let mut outputs = vec![narrow(dtype, [batch, length, hv], y)?.into()];
        if self.outputs > 1 {
            if kh.size != vh.size {
                return Err(Error::invalid("a present state of keys and values of different sizes"));
            }
            keys.extend(values);
            outputs.push(narrow(dtype, [&[2], &kh.shape()[..]].concat(), keys)?.into());
        }
        Ok(outputs)
    }
}

/// The number of keys with those of a cache.
pub(super) fn total(past: Option<&Dim>, new: &Dim) -> Dim {
    match (past.map(Dim::known), new.known()) {
        (None | Some(Some(0)), _) => new.clone(),
        (Some(Some(p)), Some(n)) => Dim::Known(p.saturating_add(n)),
        _ => Dim::Unknown,
    }
}

/// Checks the type and rank of a mask of keys.
pub(super) fn check_mask(inputs: Facts<'_>, i: usize) -> Result<()> {
    if inputs.get(i).is_some() {
        inputs.dtype_where(i, "i32", |d| d == DType::I32)?;
        if let Some(s) = inputs.shape(i)?
            && !(1..=3).contains(&s.len())
        {
            return Err(Error::unsupported(format!("a mask of {} dimensions at input {i}", s.len())));
        }
    }
    Ok(())
}

impl Operator for PackedAttention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        for i in [1, 2, 4, 5] {
            if (i == 1 || inputs.get(i).is_some()) && inputs.dtype(i)? != dtype {
                return Err(Error::invalid(format!("input {i} is {} where {dtype} is expected", inputs.dtype(i)?)));
            }
        }
        check_mask(inputs, 3)?;
        let [batch, length, features] = match inputs.shape(0)? {
            Some([b, s, f]) => [b.clone(), s.clone(), f.clone()],
            Some(s) => return Err(Error::invalid(format!("input 0 has {} dimensions; 3 are expected", s.len()))),
            None => [Dim::Unknown, Dim::Unknown, Dim::Unknown],
        };
        let columns = match inputs.shape(1)? {
            Some([rows, columns]) => {
                rows.unify(&features).map_err(|e| e.at("input 1"))?;
                columns.clone()
            }
            Some(s) => return Err(Error::invalid(format!("input 1 has {} dimensions; 2 are expected", s.len()))),
            None => Dim::Unknown,
        };
        let sizes = match columns.known() {
            Some(n) => Some(self.sizes(n)?),
            None => self.sizes,
        };
        let [_, size, hidden] = sizes.map_or([Dim::Unknown, Dim::Unknown, Dim::Unknown], |s| s.map(Dim::Known));
        let past = match inputs.get(4).map(Fact::shape) {
            None => Some(Dim::Known(0)),
            Some(Some([_, _, _, n, _])) => Some(n.clone()),
            Some(None) => None,
            Some(Some(s)) => {
                return Err(Error::invalid(format!("input 4 has {} dimensions; 5 are expected", s.len())));
            }
        };
        let keys = total(Some(&past.unwrap_or(Dim::Unknown)), &length);
        let present = [Dim::Known(2), batch.clone(), Dim::Known(self.heads), keys, size.map(|n| n / self.heads)];
        let all = [Fact::shaped(dtype, [batch, length, hidden]), Fact::shaped(dtype, present)];
        Ok(all.into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // A cache has its rows along axis 1, which this rule does not follow.
        let mut found = by_batch(rows, inputs, &[1, 2, 5], outputs.len());
        if found.first() == Some(&Rows::Axis(0)) {
            if inputs.get(4).is_some() {
                return vec![Rows::Mixed; outputs.len()];
            }
            found.iter_mut().skip(1).for_each(|r| *r = Rows::Axis(1));
        }
        found
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
        run_in("com.microsoft", "Attention", 1, &all, inputs, outputs)
    }

    #[test]
    fn projections_masks_and_caches() {
        // One feature x gives query x, key x and value 10 x.
        let (x, w) = (t(&[1, 2, 1], &[1.0, 2.0]), t(&[1, 3], &[1.0, 1.0, 10.0]));
        let logistic = |x: f32| 10.0 + 10.0 / (1.0 + libm::expf(-x));
        let given = [Some(x.clone()), Some(w.clone())];
        close(&go(&[], &given, 1).unwrap()[0], &[1, 2, 1], &[logistic(1.0), logistic(2.0)]);
        let causal = ("unidirectional", Attribute::Int(1));
        close(&go(&[causal.clone()], &given, 1).unwrap()[0], &[1, 2, 1], &[10.0, logistic(2.0)]);
        let mask = Tensor::from_vec([1], vec![1i32]).unwrap();
        let masked = [Some(x.clone()), Some(w.clone()), Some(t(&[3], &[0.0, 0.0, 1.0])), Some(mask)];
        close(&go(&[], &masked, 1).unwrap()[0], &[1, 2, 1], &[11.0, 11.0]);
        // The first token again, out of the cache.
        let past = Some(t(&[2, 1, 1, 1, 1], &[1.0, 10.0]));
        let second = [Some(t(&[1, 1, 1], &[2.0])), Some(w.clone()), None, None, past];
        let got = go(&[causal], &second, 2).unwrap();
        close(&got[0], &[1, 1, 1], &[logistic(2.0)]);
        close(&got[1], &[2, 1, 1, 2, 1], &[1.0, 2.0, 10.0, 20.0]);
    }

    #[test]
    fn what_is_not_read_is_refused() {
        let given = [Some(t(&[1, 1, 1], &[1.0])), Some(t(&[1, 3], &[1.0; 3]))];
        for name in ["do_rotary", "rotary_embedding_dim", "past_present_share_buffer", "odd"] {
            let error = go(&[(name, Attribute::Int(1))], &given, 1).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(go(&[("qkv_hidden_sizes", Attribute::Ints(vec![1, 1]))], &given, 1).is_err());
        assert!(go(&[], &[given[0].clone(), Some(t(&[1, 4], &[1.0; 4]))], 1).is_err());
        let four = Tensor::from_vec([1, 1, 1, 1], vec![1i32]).unwrap();
        assert!(go(&[], &[given[0].clone(), given[1].clone(), None, Some(four)], 1).is_err());
    }
}
