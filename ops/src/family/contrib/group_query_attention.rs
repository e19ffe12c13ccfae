//! [GroupQueryAttention](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GroupQueryAttention):
//! causal attention in which several heads of queries share one of keys and values, with a cache.

use super::{
    attention::shared,
    compose::{check, one, only},
    padding::{Extent, scaled, score_bias},
};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::{
        RmsNormalization, RotaryEmbedding,
        attend::{Heads, attend},
        attention::{by_batch, heads},
        wide::{check_float, filled, narrow, wide, with_wide},
    },
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// Normalised and rotated queries and keys, keys and values put behind those of a cache, and attention as `ai.onnx`'s
/// with the whole scale on the queries.
///
/// A sequence has `seqlens_k + 1` keys. In the first run, when there are as many new keys as `total_sequence_length`, the
/// cache counts as empty; else it holds what is before the new ones. A cache longer than `total_sequence_length` keeps
/// its length, and zeros stand behind the keys. A sink is one more key with a score of its own and a value of 0.
#[derive(Debug)]
pub struct GroupQueryAttention {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Factor of the scores; one over the root of the head size by default.
    pub scale: Option<f32>,
    /// Bound of the scores; 0 is none.
    pub softcap: f32,
    /// Whether a query sees no key after its own position.
    pub causal: bool,
    /// How many keys a query sees, its own counted.
    pub window: Option<usize>,
    /// Whether queries and keys are rotated.
    pub rotary: bool,
    /// Whether rotated pairs are neighbours.
    pub interleaved: bool,
    /// Whether there is a sink of score 0 where no input gives one.
    pub smooth: bool,
    /// What the normalisation of queries and keys adds to the mean of squares.
    pub epsilon: f32,
    /// The number of outputs.
    pub outputs: usize,
}

/// Where the inputs stand.
const PAST: [usize; 2] = [3, 4];
const LENGTHS: usize = 5;
const TOTAL: usize = 6;
const TABLES: [usize; 2] = [7, 8];
const POSITIONS: usize = 9;
const BIAS: usize = 10;
const SINK: usize = 11;
const SCALES: [usize; 2] = [12, 13];
const NORMS: [usize; 2] = [14, 15];

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let known = [
        "num_heads",
        "kv_num_heads",
        "scale",
        "softcap",
        "causal",
        "local_window_size",
        "do_rotary",
        "rotary_interleaved",
        "smooth_softmax",
        "qk_norm_epsilon",
        "qk_output",
        "sliding_window_cache",
        "kv_cache_bit_width",
        "k_quant_type",
        "v_quant_type",
    ];
    check(node, &known, 16, 3)?;
    for name in ["qk_output", "sliding_window_cache", "kv_cache_bit_width"] {
        only(node, name, 0)?;
    }
    let a = node.attributes;
    for name in ["k_quant_type", "v_quant_type"] {
        let kind = a.string_or(name, "NONE".into())?;
        if kind != "NONE" {
            return Err(Error::unsupported(format!("attribute '{name}' of '{kind}'; only NONE is read")));
        }
    }
    let (count, scale, _) = shared(node)?;
    let kv_heads = heads(node, "kv_num_heads")?
        .filter(|n| count % n == 0)
        .ok_or_else(|| Error::invalid(format!("attribute 'kv_num_heads' is missing or does not divide {count}")))?;
    let causal = a.flag_or("causal", true)?;
    let window = match a.int_or("local_window_size", -1)? {
        -1 => None,
        n if n > 0 && causal => usize::try_from(n).ok(),
        n => return Err(Error::invalid(format!("attribute 'local_window_size' is {n}"))),
    };
    Ok(Arc::new(GroupQueryAttention {
        heads: count,
        kv_heads,
        scale,
        softcap: a.float_or("softcap", 0.0)?,
        causal,
        window,
        rotary: a.flag_or("do_rotary", false)?,
        interleaved: a.flag_or("rotary_interleaved", false)?,
        smooth: a.int_or("smooth_softmax", -1)? > 0,
        epsilon: a.float_or("qk_norm_epsilon", 1e-6)?,
        outputs: node.outputs.max(1),
    }))
}

/// How many keys each sequence has, and how many of them come from the cache.
struct Lengths {
    first: bool,
    total: usize,
    keys: Vec<usize>,
    past: Vec<usize>,
}

impl GroupQueryAttention {
    /// The head size of queries of this width.
    fn size(&self, hidden: usize, packed: bool) -> Result<usize> {
        let count = self.heads + if packed { 2 * self.kv_heads } else { 0 };
        if !hidden.is_multiple_of(count) {
            return Err(Error::invalid(format!("input 0 of {hidden} elements for {count} heads")));
        }
        Ok(hidden / count)
    }

    fn lengths(&self, inputs: Inputs<'_>, batch: usize, new: usize) -> Result<Lengths> {
        let each = inputs.ints(LENGTHS)?.ok_or_else(|| Error::invalid("seqlens_k is required and missing"))?;
        let total = match inputs.ints(TOTAL)?.as_deref() {
            Some([n]) => usize::try_from(*n).ok().filter(|n| *n >= new),
            _ => None,
        };
        let total = total.ok_or_else(|| Error::invalid(format!("total_sequence_length holds not {new} at least")))?;
        let first = total == new;
        let keys: Option<Vec<usize>> =
            each.iter().map(|n| usize::try_from(n.checked_add(1)?).ok().filter(|n| *n <= total)).collect();
        let keys = keys
            .filter(|k| k.len() == batch)
            .ok_or_else(|| Error::invalid(format!("seqlens_k {each:?} for {batch} sequences of {total} keys")))?;
        let past: Option<Vec<usize>> = keys.iter().map(|n| if first { Some(0) } else { n.checked_sub(new) }).collect();
        let past = past
            .ok_or_else(|| Error::invalid(format!("seqlens_k {each:?} for {new} new keys; it is less than theirs")))?;
        Ok(Lengths { first, total, keys, past })
    }

    /// Normalises and rotates queries or keys, `[batch, length, heads * size]`.
    fn placed(&self, x: Tensor, count: usize, norm: usize, lengths: &Lengths, inputs: Inputs<'_>) -> Result<Tensor> {
        let &[batch, length, hidden] = x.shape() else { return Ok(x) };
        let mut x = x;
        if let Some(weight) = inputs.optional_tensor(norm)? {
            let apart = x.reshape([batch, length, count, hidden / count])?;
            let rms = RmsNormalization { axis: -1, epsilon: self.epsilon };
            x = one(&rms, &[Some(&apart), Some(&weight.widen()?)])?.reshape([batch, length, hidden])?;
        }
        if !self.rotary {
            return Ok(x);
        }
        let (cos, sin) = (inputs.tensor(TABLES[0])?.widen()?, inputs.tensor(TABLES[1])?.widen()?);
        let given = inputs.ints(POSITIONS)?;
        let positions = if lengths.first {
            // One offset for all sequences.
            vec![given.map_or(Some(0), |p| p.first().copied()).unwrap_or(0)]
        } else {
            let counted = || lengths.past.iter().flat_map(|p| (0..length).map(move |i| (p + i) as i64)).collect();
            given.unwrap_or_else(counted)
        };
        let rotation = RotaryEmbedding {
            interleaved: self.interleaved,
            dim: cos.shape().last().copied().unwrap_or(0) * 2,
            heads: Some(count),
            positions: 1,
            tables: [2, 3],
        };
        let positions = Tensor::from_vec([positions.len()], positions)?;
        one(&rotation, &[Some(&x), Some(&positions), Some(&cos), Some(&sin)])
    }

    /// New keys or values behind those of the cache: `[batch, heads, length, size]`, zeros where there are none. There is
    /// one more of them than the shape says, of zeros, when `sink` is set.
    fn joined<T: Float>(
        &self,
        past: Option<&Tensor>,
        new: &Tensor,
        of: Heads,
        lengths: &Lengths,
    ) -> Result<(Vec<T>, Heads)> {
        let before = match past.map(Tensor::shape) {
            None => 0,
            Some([b, h, n, d]) if [*b, *h, *d] == [of.batch, of.heads, of.size] => *n,
            Some(found) => return Err(Error::invalid(format!("a cache of shape {found:?} does not fit the keys"))),
        };
        let all = Heads { length: before.max(lengths.total), packed: false, ..of };
        let (xs, ps) = (wide::<T>(new)?, past.map(wide::<T>).transpose()?);
        let mut out = filled(&all.shape(), T::ZERO)?;
        for b in 0..of.batch {
            let kept = lengths.past[b];
            if kept > before {
                return Err(Error::invalid(format!("{kept} keys of a cache that holds {before}")));
            }
            for h in 0..of.heads {
                if let Some(ps) = &ps {
                    let from = (b * of.heads + h) * before * of.size;
                    let to = all.at(b, h, 0);
                    out[to..to + kept * of.size].copy_from_slice(&ps[from..from + kept * of.size]);
                }
                for s in 0..of.length {
                    let (from, to) = (of.at(b, h, s), all.at(b, h, kept + s));
                    out[to..to + of.size].copy_from_slice(&xs[from..from + of.size]);
                }
            }
        }
        Ok((out, all))
    }

    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let query = inputs.tensor(0)?;
        let &[batch, length, hidden] = query.shape() else {
            return Err(Error::invalid(format!("input 0 has {} dimensions; 3 are expected", query.rank())));
        };
        let packed = inputs.get(1).is_none();
        let size = self.size(hidden, packed)?;
        let (wq, wk) = (self.heads * size, self.kv_heads * size);
        let [q, k, v] = if packed {
            let all = wide::<T>(query)?;
            let part = |from: usize, width: usize| {
                let rows = all.chunks_exact(hidden.max(1)).flat_map(|row| &row[from..from + width]);
                Tensor::from_vec([batch, length, width], rows.copied().collect::<Vec<T>>())
            };
            [part(0, wq)?, part(wq, wk)?, part(wq + wk, wk)?]
        } else {
            [query.widen()?, inputs.tensor(1)?.widen()?, inputs.tensor(2)?.widen()?]
        };
        for t in [&k, &v] {
            if t.shape() != [batch, length, wk] {
                return Err(Error::invalid(format!("keys or values of shape {:?} for {wk} elements", t.shape())));
            }
        }
        let lengths = self.lengths(inputs, batch, length)?;
        let q = self.placed(q, self.heads, NORMS[0], &lengths, inputs)?;
        let k = self.placed(k, self.kv_heads, NORMS[1], &lengths, inputs)?;
        let qh = Heads { batch, heads: self.heads, length, size, packed: true };
        let kh = Heads { heads: self.kv_heads, ..qh };
        let (past_key, past_value) = (inputs.optional_tensor(PAST[0])?, inputs.optional_tensor(PAST[1])?);
        if past_key.is_some() != past_value.is_some() {
            return Err(Error::invalid("past_key and past_value are given together or not at all"));
        }
        let (keys, all) = self.joined::<T>(past_key, &k, kh, &lengths)?;
        let (values, _) = self.joined::<T>(past_value, &v, kh, &lengths)?;
        let y = self.attend::<T>(inputs, &q, qh, (&keys, &values, all), &lengths)?;
        let dtype = query.dtype();
        let outputs = [(vec![batch, length, wq], y), (all.shape(), keys), (all.shape(), values)];
        outputs.into_iter().take(self.outputs).map(|(shape, v)| Ok(narrow(dtype, shape, v)?.into())).collect()
    }

    fn attend<T: Float>(
        &self,
        inputs: Inputs<'_>,
        q: &Tensor,
        qh: Heads,
        (keys, values, all): (&[T], &[T], Heads),
        lengths: &Lengths,
    ) -> Result<Vec<T>> {
        let of = Extent { batch: qh.batch, heads: qh.heads, queries: qh.length, keys: lengths.total };
        let more = score_bias::<T>(inputs.optional_tensor(BIAS)?, of)?;
        let sink = match inputs.optional_tensor(SINK)? {
            Some(s) if s.shape() == [self.heads] => Some(wide::<T>(s)?.into_owned()),
            Some(s) => return Err(Error::invalid(format!("a sink of shape {:?} for {} heads", s.shape(), self.heads))),
            None => self.smooth.then(|| vec![T::ZERO; self.heads]),
        };
        let bias = |b: usize, h: usize, i: usize, j: usize| {
            if j == all.length {
                return sink.as_ref().map_or(T::LEAST, |s| s[h]);
            }
            let at = lengths.past[b] + i;
            let hidden =
                j >= lengths.keys[b] || self.causal && j > at || self.window.is_some_and(|w| at >= w && j <= at - w);
            if hidden { T::LEAST } else { more.as_ref().map_or(T::ZERO, |m| m.at(b, h, i, j)) }
        };
        let settings = scaled::<T>(self.scale, qh.size, self.softcap, None);
        let q = wide::<T>(q)?;
        let attended = if sink.is_some() {
            let longer = Heads { length: all.length + 1, ..all };
            let extend = |x: &[T]| {
                let heads = x.chunks_exact((all.length * all.size).max(1));
                heads.flat_map(|x| x.iter().copied().chain(std::iter::repeat_n(T::ZERO, all.size))).collect::<Vec<T>>()
            };
            attend(&q, qh, &extend(keys), longer, &extend(values), longer, &settings, &bias)?
        } else {
            attend(&q, qh, keys, all, values, all, &settings, &bias)?
        };
        Ok(attended.0)
    }
}

impl Operator for GroupQueryAttention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        for i in [1, 2, 3, 4, 7, 8, 10, 11, 14, 15] {
            if inputs.get(i).is_some() && inputs.dtype(i)? != dtype {
                return Err(Error::invalid(format!("input {i} is {} where {dtype} is expected", inputs.dtype(i)?)));
            }
        }
        for i in [LENGTHS, TOTAL] {
            inputs.dtype_where(i, "i32", |d| d == DType::I32)?;
        }
        if let Some(i) = SCALES.into_iter().find(|i| inputs.get(*i).is_some()) {
            return Err(Error::unsupported(format!("input {i}, a scale of a quantised cache")));
        }
        for pair in [[1, 2], PAST, TABLES, NORMS] {
            if inputs.get(pair[0]).is_some() != inputs.get(pair[1]).is_some() {
                let [a, b] = pair;
                return Err(Error::invalid(format!("inputs {a} and {b} are given together or not at all")));
            }
        }
        if self.rotary {
            inputs.required(TABLES[0])?;
        }
        let [batch, length, hidden] = match inputs.shape(0)? {
            Some([b, s, h]) => [b.clone(), s.clone(), h.clone()],
            Some(s) => return Err(Error::invalid(format!("input 0 has {} dimensions; 3 are expected", s.len()))),
            None => [Dim::Unknown, Dim::Unknown, Dim::Unknown],
        };
        let size = match hidden.known() {
            Some(n) => Dim::Known(self.size(n, inputs.get(1).is_none())?),
            None => Dim::Unknown,
        };
        let total = match inputs.ints(TOTAL)?.as_deref() {
            Some([n]) => usize::try_from(*n).ok(),
            _ => None,
        };
        let past = match inputs.get(PAST[0]) {
            None => Some(0),
            Some(p) => p.shape().and_then(|s| s.get(2)).and_then(Dim::known),
        };
        let keys = match (total, past) {
            (Some(t), Some(p)) => Dim::Known(t.max(p)),
            _ => Dim::Unknown,
        };
        let y = [batch.clone(), length, size.map(|n| n.saturating_mul(self.heads))];
        let cache = Fact::shaped(dtype, [batch, Dim::Known(self.kv_heads), keys, size]);
        Ok([Fact::shaped(dtype, y), cache.clone(), cache].into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // The first run takes the position of its first row for all.
        if inputs.get(POSITIONS).is_some() {
            return rows::opaque(rows, outputs.len());
        }
        let shared = [TOTAL, TABLES[0], TABLES[1], BIAS, SINK, NORMS[0], NORMS[1]];
        by_batch(rows, inputs, &shared, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    /// Queries, keys, values, a cache; `seqlens_k` and the total follow.
    fn go(
        attributes: &[(&str, Attribute)],
        given: [Option<Tensor>; 5],
        keys: i32,
        more: &[Option<Tensor>],
    ) -> crate::Result<Vec<Tensor>> {
        let count = |n: i32, shape: &[usize]| Some(Tensor::from_slice(shape, &[n]).unwrap());
        let all = [&[("num_heads", Attribute::Int(2)), ("kv_num_heads", Attribute::Int(1))], attributes].concat();
        let inputs = [&given[..], &[count(keys - 1, &[1]), count(keys, &[])], more].concat();
        run_in("com.microsoft", "GroupQueryAttention", 1, &all, &inputs, 3)
    }

    #[test]
    fn heads_share_keys_and_see_the_past() {
        let logistic = |x: f32| 10.0 + 10.0 / (1.0 + libm::expf(-x));
        // Two heads of one element; two positions.
        let q = Some(t(&[1, 2, 2], &[1.0, 2.0, 1.0, 2.0]));
        let (k, v) = (Some(t(&[1, 2, 1], &[0.0, 1.0])), Some(t(&[1, 2, 1], &[10.0, 20.0])));
        let got = go(&[], [q, k, v, None, None], 2, &[]).unwrap();
        close(&got[0], &[1, 2, 2], &[10.0, 10.0, logistic(1.0), logistic(2.0)]);
        close(&got[1], &[1, 1, 2, 1], &[0.0, 1.0]);
        // The second position alone, packed, with a cache that is longer than it need be.
        let packed = Some(t(&[1, 1, 4], &[1.0, 2.0, 1.0, 20.0]));
        let past = [Some(t(&[1, 1, 3, 1], &[0.0, 7.0, 7.0])), Some(t(&[1, 1, 3, 1], &[10.0, 7.0, 7.0]))];
        let second = || [packed.clone(), None, None, past[0].clone(), past[1].clone()];
        let got = go(&[], second(), 2, &[]).unwrap();
        close(&got[0], &[1, 1, 2], &[logistic(1.0), logistic(2.0)]);
        close(&got[2], &[1, 1, 3, 1], &[10.0, 20.0, 0.0]);
        let window = [("local_window_size", Attribute::Int(1))];
        close(&go(&window, second(), 2, &[]).unwrap()[0], &[1, 1, 2], &[20.0, 20.0]);
        // A sink that takes a third of each head beside two equal scores.
        let even = Some(t(&[1, 1, 4], &[0.0, 0.0, 1.0, 20.0]));
        let smooth = [("smooth_softmax", Attribute::Int(1))];
        let given = [even, None, None, past[0].clone(), past[1].clone()];
        close(&go(&smooth, given, 2, &[]).unwrap()[0], &[1, 1, 2], &[10.0, 10.0]);
        assert!(go(&[], second(), 5, &[]).is_err(), "a cache that holds less");
        // Heads of one element have a root mean square of their own size: queries become 1, keys 2.
        let norms = [None, None, None, None, None, None, None, Some(t(&[1], &[1.0])), Some(t(&[1], &[2.0]))];
        let got = go(&[("qk_norm_epsilon", Attribute::Float(0.0))], second(), 2, &norms).unwrap();
        close(&got[0], &[1, 1, 2], &[logistic(2.0), logistic(2.0)]);
    }

    #[test]
    fn what_is_not_read_is_refused() {
        let packed = || [Some(t(&[1, 1, 4], &[1.0; 4])), None, None, None, None];
        assert!(go(&[], packed(), 1, &[]).is_ok());
        for (name, value) in [
            ("qk_output", Attribute::Int(1)),
            ("sliding_window_cache", Attribute::Int(1)),
            ("kv_cache_bit_width", Attribute::Int(8)),
            ("k_quant_type", Attribute::String("PER_TENSOR".into())),
            ("odd", Attribute::Int(0)),
        ] {
            let error = go(&[(name, value)], packed(), 1, &[]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(go(&[("do_rotary", Attribute::Int(1))], packed(), 1, &[]).is_err(), "no tables");
        let scale = [None, None, None, None, None, Some(t(&[1], &[1.0]))];
        assert!(go(&[], packed(), 1, &scale).is_err(), "a quantised cache");
    }
}
