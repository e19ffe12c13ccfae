//! [Attention](https://onnx.ai/onnx/operators/onnx__Attention.html): scaled dot-product attention.

use super::{
    attend::{Attend, Capture, Heads, attend},
    wide::{check_float, filled, narrow, via, wide, with_wide},
};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, broadcast::broadcast_strides,
    fact::Facts, numeric::Float, rows,
};
use std::sync::Arc;

/// `softmax(softcap(Q K^T scale) + bias) V` by head, with an optional key-value cache.
///
/// Order of arithmetic: queries and keys are each multiplied by `sqrt(scale)`; a score is one chain of fused
/// multiply-adds in ascending index of the head; softmax takes the greatest score, `exp` of each difference, their sum
/// in sixteen chains by index mod 16 and a tree, and divides each; an output is one chain of fused multiply-adds in
/// ascending key. Keys of probability zero take part. Narrow floats are computed in `f32` throughout, and the softmax
/// is never computed in less than that.
#[derive(Debug)]
pub struct Attention {
    /// Whether a query sees no key after its own position.
    pub causal: bool,
    /// Factor of the scores; one over the root of the head size by default.
    pub scale: Option<f32>,
    /// Bound of the scores: `softcap * tanh(score / softcap)`; 0 is none.
    pub softcap: f32,
    /// Heads of three-dimensional queries.
    pub q_heads: Option<usize>,
    /// Heads of three-dimensional keys and values.
    pub kv_heads: Option<usize>,
    /// What the fourth output holds.
    pub capture: Capture,
    /// How many keys before its own position a query sees.
    pub left: Option<usize>,
    /// How many keys after its own position a query sees.
    pub right: Option<usize>,
    /// The number of outputs.
    pub outputs: usize,
}

/// A positive integer attribute.
pub(crate) fn heads(node: &Node<'_>, name: &str) -> Result<Option<usize>> {
    match node.attributes.int(name)? {
        None => Ok(None),
        Some(n) => match usize::try_from(n) {
            Ok(n) if n > 0 => Ok(Some(n)),
            _ => Err(Error::invalid(format!("attribute '{name}' is {n}; it is at least 1"))),
        },
    }
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let bound = |name: &str| match a.int_or(name, -1)? {
        -1 => Ok(None),
        n => usize::try_from(n).map(Some).map_err(|_| Error::invalid(format!("attribute '{name}' is {n}"))),
    };
    check_float(a.dtype("softmax_precision")?.unwrap_or(DType::F32))?;
    Ok(Arc::new(Attention {
        causal: a.flag_or("is_causal", false)?,
        scale: a.float("scale")?,
        softcap: a.float_or("softcap", 0.0)?,
        q_heads: heads(node, "q_num_heads")?,
        kv_heads: heads(node, "kv_num_heads")?,
        capture: match a.int_or("qk_matmul_output_mode", 0)? {
            0 => Capture::Product,
            1 => Capture::Capped,
            2 => Capture::Biased,
            3 => Capture::Softmax,
            n => return Err(Error::invalid(format!("attribute 'qk_matmul_output_mode' is {n}; it is 0 to 3"))),
        },
        left: bound("left_window_size")?,
        right: bound("right_window_size")?,
        outputs: node.outputs.max(1),
    }))
}

/// Batch, heads, length and head size of a shape of three or four dimensions.
fn head_dims(shape: &[Dim], heads: Option<usize>, what: &str) -> Result<[Dim; 4]> {
    match (shape, heads) {
        ([b, h, s, d], _) => Ok([b.clone(), h.clone(), s.clone(), d.clone()]),
        ([b, s, hidden], Some(n)) => {
            if let Some(hidden) = hidden.known()
                && hidden % n != 0
            {
                return Err(Error::invalid(format!("{what} of {hidden} elements for {n} heads")));
            }
            Ok([b.clone(), Dim::Known(n), s.clone(), hidden.map(|hidden| hidden / n)])
        }
        ([_, _, _], None) => {
            Err(Error::invalid(format!("{what} has three dimensions and its number of heads is not given")))
        }
        _ => Err(Error::invalid(format!("{what} has {} dimensions; 3 or 4 are expected", shape.len()))),
    }
}

fn known_heads(tensor: &Tensor, heads: Option<usize>, what: &str) -> Result<Heads> {
    let dims: Vec<Dim> = tensor.shape().iter().copied().map(Dim::Known).collect();
    let [batch, heads, length, size] = head_dims(&dims, heads, what)?.map(|d| d.known().unwrap_or(0));
    Ok(Heads { batch, heads, length, size, packed: tensor.rank() == 3 })
}

/// A cache in front of new keys or values, as `[batch, heads, past + length, size]`.
pub(crate) fn joined<T: Float>(past: Option<&Tensor>, new: &Tensor, heads: Heads) -> Result<(Vec<T>, Heads)> {
    let before = match past.map(Tensor::shape) {
        None => 0,
        Some([b, h, n, d]) if [*b, *h, *d] == [heads.batch, heads.heads, heads.size] => *n,
        Some(found) => {
            return Err(Error::invalid(format!("a cache of shape {found:?} does not fit the keys or values")));
        }
    };
    let all = Heads { length: before + heads.length, packed: false, ..heads };
    let (xs, ps) = (wide::<T>(new)?, past.map(wide::<T>).transpose()?);
    let mut out = filled(&all.shape(), T::ZERO)?;
    for b in 0..all.batch {
        for h in 0..all.heads {
            for s in 0..all.length {
                let at = all.at(b, h, s);
                let source = match (&ps, s.checked_sub(before)) {
                    (_, Some(s)) => &xs[heads.at(b, h, s)..][..heads.size],
                    (Some(ps), None) => &ps[((b * all.heads + h) * before + s) * heads.size..][..heads.size],
                    (None, None) => continue,
                };
                out[at..at + heads.size].copy_from_slice(source);
            }
        }
    }
    Ok((out, all))
}

impl Attention {
    fn run<T: Float>(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (q, k, v) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
        let (past_key, past_value) = (inputs.optional_tensor(4)?, inputs.optional_tensor(5)?);
        let valid = inputs.ints(6)?;
        if past_key.is_some() != past_value.is_some() {
            return Err(Error::invalid("past_key and past_value are given together or not at all"));
        }
        let qh = known_heads(q, self.q_heads, "the query")?;
        let (keys, kh) = joined::<T>(past_key, k, known_heads(k, self.kv_heads, "the key")?)?;
        let (values, vh) = joined::<T>(past_value, v, known_heads(v, self.kv_heads, "the value")?)?;
        if valid.as_ref().is_some_and(|n| n.len() != qh.batch) {
            return Err(Error::invalid("nonpad_kv_seqlen has not one number for each batch"));
        }
        let past = past_key.map_or(0, |p| p.shape()[2] as i64);
        let mask = inputs
            .optional_tensor(3)?
            .map(|m| Mask::<T>::read(m, [qh.batch, qh.heads, qh.length, kh.length]))
            .transpose()?;
        let none = T::LEAST;
        let bias = |b: usize, h: usize, i: usize, j: usize| {
            let count = valid.as_ref().map(|n| n[b]);
            let offset = if past_key.is_some() { past } else { count.map_or(0, |n| n - qh.length as i64) };
            let (p, j64) = (i as i64 + offset, j as i64);
            let hidden = self.causal && j64 > p
                || self.left.is_some_and(|w| p - j64 > w as i64)
                || self.right.is_some_and(|w| j64 - p > w as i64)
                || count.is_some_and(|n| j64 >= n);
            if hidden { none } else { mask.as_ref().map_or(T::ZERO, |m| m.at(b, h, i, j)) }
        };
        let scale = self.scale.map_or_else(|| 1.0 / (qh.size as f64).sqrt(), f64::from);
        let root = via(T::from_f64(scale), f64::sqrt);
        let settings = Attend {
            query_factor: root,
            key_factor: root,
            softcap: T::from_f32(self.softcap),
            capture: (self.outputs > 3).then_some(self.capture),
        };
        let (out, captured) = attend(&wide::<T>(q)?, qh, &keys, kh, &values, vh, &settings, &bias)?;
        let shape = Heads { size: vh.size, ..qh }.shape();
        let mut outputs = vec![narrow(q.dtype(), shape, out)?.into()];
        if self.outputs > 1 {
            outputs.push(narrow(k.dtype(), kh.shape(), keys)?.into());
        }
        if self.outputs > 2 {
            outputs.push(narrow(v.dtype(), vh.shape(), values)?.into());
        }
        if self.outputs > 3 {
            outputs.push(narrow(q.dtype(), [qh.batch, qh.heads, qh.length, kh.length], captured)?.into());
        }
        Ok(outputs)
    }
}

/// A mask broadcast to batch, heads, queries and keys; keys beyond its end are hidden.
pub(crate) struct Mask<T> {
    values: Vec<T>,
    strides: Vec<usize>,
    keys: usize,
}

impl<T: Float> Mask<T> {
    pub(crate) fn read(mask: &Tensor, full: [usize; 4]) -> Result<Self> {
        let wrong = || Error::invalid(format!("a mask of shape {:?} for scores of shape {full:?}", mask.shape()));
        let keys = *mask.shape().last().ok_or_else(wrong)?;
        let mut seen = full;
        seen[3] = keys;
        if keys > full[3] || crate::broadcast::broadcast_shape(mask.shape(), &seen)? != seen {
            return Err(wrong());
        }
        let values = if mask.dtype() == DType::Bool {
            mask.as_slice::<bool>()?.iter().map(|m| if *m { T::ZERO } else { T::LEAST }).collect()
        } else {
            wide::<T>(mask)?.into_owned()
        };
        Ok(Self { values, strides: broadcast_strides(mask.shape(), &seen), keys })
    }

    pub(crate) fn at(&self, b: usize, h: usize, i: usize, j: usize) -> T {
        if j >= self.keys {
            return T::LEAST;
        }
        let s = &self.strides;
        self.values[b * s[0] + h * s[1] + i * s[2] + j * s[3]]
    }
}

impl Operator for Attention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let (kt, vt) = (check_float(inputs.dtype(1)?)?, check_float(inputs.dtype(2)?)?);
        let types = [dtype, kt, vt, dtype];
        let (Some(q), Some(k), Some(v)) = (inputs.shape(0)?, inputs.shape(1)?, inputs.shape(2)?) else {
            return Ok(types.iter().take(self.outputs).map(|t| Fact::tensor(*t, None)).collect());
        };
        let [b, qn, s, _] = head_dims(q, self.q_heads, "the query")?;
        let [_, kn, length, kd] = head_dims(k, self.kv_heads, "the key")?;
        let [_, vn, _, vd] = head_dims(v, self.kv_heads, "the value")?;
        let total = match inputs.get(4) {
            None => length,
            Some(past) => match (past.shape().and_then(|p| p.get(2)).and_then(Dim::known), length.known()) {
                (Some(p), Some(n)) => Dim::Known(p.saturating_add(n)),
                (Some(0), None) => length,
                _ => Dim::Unknown,
            },
        };
        let y = if q.len() == 4 {
            vec![b.clone(), qn.clone(), s.clone(), vd.clone()]
        } else {
            vec![b.clone(), s.clone(), vd.map(|d| d.saturating_mul(qn.known().unwrap_or(1)))]
        };
        let shapes =
            [y, vec![b.clone(), kn, total.clone(), kd], vec![b.clone(), vn, total.clone(), vd], vec![b, qn, s, total]];
        Ok(types.iter().zip(shapes).take(self.outputs).map(|(t, s)| Fact::tensor(*t, Some(s))).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.run::<T>(inputs))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        by_batch(rows, inputs, &[3], outputs.len())
    }
}

/// Rows along axis 0 of every given input, except that those in `shared` may be the same for all rows when they have no
/// batch axis of their own (fewer than four dimensions, or a batch of 1).
pub(crate) fn by_batch(rows: &[Rows], inputs: Facts<'_>, shared: &[usize], outputs: usize) -> Vec<Rows> {
    let fits = |i: usize| match (inputs.get(i), rows.get(i)) {
        (None, _) => true,
        (Some(f), Some(Rows::Axis(0))) => !shared.contains(&i) || f.shape().is_some_and(|s| s.len() == 4),
        (Some(f), Some(Rows::Free)) => {
            shared.contains(&i) && f.shape().is_some_and(|s| s.len() < 4 || s[0] == Dim::Known(1))
        }
        _ => false,
    };
    if (0..inputs.len()).all(fits) && rows.first() == Some(&Rows::Axis(0)) {
        return vec![Rows::Axis(0); outputs];
    }
    rows::opaque(rows, outputs)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, run_in, t};
    use crate::{Attribute, Tensor};

    #[test]
    fn masks_caches_and_groups() {
        // One query head of size 1, scores are q k: softmax over two keys is a logistic function.
        let q = t(&[1, 2, 1, 1], &[1.0, 2.0]);
        let (k, v) = (t(&[1, 1, 2, 1], &[0.0, 1.0]), t(&[1, 1, 2, 1], &[10.0, 20.0]));
        let logistic = |x: f32| 10.0 + 10.0 / (1.0 + libm::expf(-x));
        let given = [q.clone(), k.clone(), v.clone()];
        close(&run("Attention", 23, &[], &given).unwrap()[0], &[1, 2, 1, 1], &[logistic(1.0), logistic(2.0)]);
        let causal = [("is_causal", Attribute::Int(1))];
        close(&run("Attention", 23, &causal, &given).unwrap()[0], &[1, 2, 1, 1], &[10.0, 10.0]);
        let mask = Tensor::from_vec([1, 2], vec![false, true]).unwrap();
        let masked = [q.clone(), k.clone(), v.clone(), mask];
        close(&run("Attention", 23, &[], &masked).unwrap()[0], &[1, 2, 1, 1], &[20.0, 20.0]);

        let cached =
            [q, k.clone(), v.clone()].map(Some).into_iter().chain([None, Some(k), Some(v)]).collect::<Vec<_>>();
        let got = run_in("", "Attention", 24, &causal, &cached, 4).unwrap();
        assert_eq!(got[1].as_slice::<f32>().unwrap(), [0.0, 1.0, 0.0, 1.0]);
        close(&got[3], &[1, 2, 1, 4], &[0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 2.0]);
    }

    #[test]
    fn nothing_to_see_gives_zeros_and_bad_shapes_errors() {
        let (q, k) = (t(&[1, 1, 1, 1], &[1.0]), t(&[1, 1, 2, 1], &[0.0, 1.0]));
        let mask = Tensor::from_vec([1, 2], vec![false, false]).unwrap();
        let got = run("Attention", 23, &[], &[q.clone(), k.clone(), k.clone(), mask]).unwrap();
        assert_eq!(got[0].as_slice::<f32>().unwrap(), [0.0]);
        let wide = Tensor::from_vec([1, 3], vec![true; 3]).unwrap();
        assert!(run("Attention", 23, &[], &[q, k.clone(), k.clone(), wide]).is_err());
        assert!(run("Attention", 23, &[], &[t(&[1, 1, 2], &[1.0, 2.0]), k.clone(), k]).is_err());
    }
}
