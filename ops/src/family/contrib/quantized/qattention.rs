//! [QAttention](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QAttention): self-attention whose queries, keys and values are a product of bytes.

use super::{
    load::{only, unset},
    matmul_integer_to_float::{check_bias, scaled},
    parameters::{Parameters, check},
};
use crate::{
    Attributes, DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::broadcast_map,
    fact::Facts,
    family::{
        movement::concat::concat,
        nn::{
            attend::{Attend, Heads, attend},
            attention::{heads, joined},
        },
        quantize::{
            matmul_integer::{centred, check_bytes, product, product_fact},
            qlinear_matmul::scale,
        },
    },
    rows,
};
use std::sync::Arc;

/// Attention of the three thirds of `C * (weight_scale * input_scale) + bias`, with `C` the product of the centred bytes.
///
/// Order of arithmetic: the projection as in [`MatMulIntegerToFloat`](super::MatMulIntegerToFloat); keys times the
/// scale; then as Attention of `ai.onnx` goes on. What the mask hides has the filter's value added to its score; what
/// `unidirectional` hides has no weight.
#[derive(Debug)]
pub struct QAttention {
    /// Number of heads.
    pub heads: usize,
    /// Whether a query sees no key after its own position.
    pub causal: bool,
    /// Factor of the scores; one over the root of the head size where it is 0.
    pub scale: f32,
    /// What is added to the score of a key that the mask hides.
    pub filter: f32,
    /// The number of outputs.
    pub outputs: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let known = ["do_rotary", "mask_filter_value", "num_heads", "past_present_share_buffer", "scale", "unidirectional"];
    only(node, &known, 5..=9)?;
    unset(node, "do_rotary")?;
    unset(node, "past_present_share_buffer")?;
    let a = node.attributes;
    a.required("num_heads", Attributes::int)?;
    Ok(Arc::new(QAttention {
        heads: heads(node, "num_heads")?.unwrap_or(1),
        causal: a.flag_or("unidirectional", false)?,
        scale: a.float_or("scale", 0.0)?,
        filter: a.float_or("mask_filter_value", -10_000.0)?,
        outputs: node.outputs.max(1),
    }))
}

/// Which keys each query sees.
enum Mask {
    All,
    /// Of each batch the keys from the second number on, before the first.
    Span(Vec<(i64, i64)>),
    /// A number for each batch and key, or for each batch, query and key: 0 and less hide.
    Each {
        values: Vec<i64>,
        queries: usize,
    },
}

impl Mask {
    fn read(mask: Option<&Tensor>, batch: usize, queries: usize, keys: usize) -> Result<Self> {
        let Some(mask) = mask else { return Ok(Self::All) };
        let values = mask.to_i64_vec()?;
        match *mask.shape() {
            [n] if n == batch => Ok(Self::Span(values.into_iter().map(|end| (end, 0)).collect())),
            [n] if n == 2 * batch => {
                let (ends, starts) = values.split_at(batch);
                Ok(Self::Span(ends.iter().copied().zip(starts.iter().copied()).collect()))
            }
            [b, k] if (b, k) == (batch, keys) => Ok(Self::Each { values, queries: 1 }),
            // One value for all keys of a batch moves all scores alike.
            [b, 1] if b == batch || b == 1 => Ok(Self::All),
            [b, q, k] if (b, q, k) == (batch, queries, keys) => Ok(Self::Each { values, queries }),
            _ => Err(Error::unsupported(format!(
                "input 5 of shape {:?} for {batch} batches of {queries} queries and {keys} keys",
                mask.shape()
            ))),
        }
    }

    fn hides(&self, b: usize, q: usize, k: usize, keys: usize) -> bool {
        match self {
            Self::All => false,
            Self::Span(spans) => (k as i64) < spans[b].1 || k as i64 >= spans[b].0,
            Self::Each { values, queries } => values[(b * queries + q % queries) * keys + k] <= 0,
        }
    }
}

/// Slice `i` of axis 0, without the axis.
fn part(past: &Tensor, i: usize) -> Result<Tensor> {
    let shape = &past.shape()[1..];
    let count: usize = shape.iter().product();
    Tensor::from_slice(shape, &past.as_slice::<f32>()?[i * count..(i + 1) * count])
}

impl QAttention {
    /// Queries, keys and values, `[batch, length, hidden]` each.
    fn project(&self, inputs: Inputs<'_>) -> Result<[Tensor; 3]> {
        let (x, w) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let from = Parameters::read(inputs, x.dtype(), 3, 6)?;
        let sums =
            product(centred(x, inputs.optional_tensor(6)?, false)?, centred(w, inputs.optional_tensor(7)?, false)?)?;
        let factors = broadcast_map::<f32, f32, f32>(
            &scale(inputs, 4, w.rank(), false)?,
            &Tensor::scalar(from.scale),
            |w, x| w * x,
        )?;
        let all = scaled(&sums, &factors, Some(inputs.tensor(2)?))?;
        let &[batch, length, width] = all.shape() else {
            return Err(Error::invalid(format!("input 0 has {} dimensions; 3 are expected", x.rank())));
        };
        let hidden = width / 3;
        if width % 3 != 0 || hidden % self.heads != 0 {
            return Err(Error::invalid(format!("a weight of {width} columns for three times {} heads", self.heads)));
        }
        let values = all.as_slice::<f32>()?;
        let third = |i: usize| {
            let rows = (0..batch * length).flat_map(|r| values[r * width + i * hidden..][..hidden].iter().copied());
            Tensor::from_vec([batch, length, hidden], rows.collect())
        };
        Ok([third(0)?, third(1)?, third(2)?])
    }
}

impl Operator for QAttention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        check(inputs, dtype, 3, 6)?;
        let weight = inputs.dtype(1)?;
        check_bytes(weight)?;
        check_bias(inputs, 2, DType::F32)?;
        inputs.required(2)?;
        inputs.dtype_where(4, "f32", |t| t == DType::F32)?;
        if inputs.get(5).is_some() {
            inputs.dtype_where(5, "i32", |t| t == DType::I32)?;
        }
        if inputs.get(7).is_some() {
            inputs.dtype_where(7, weight.name(), |t| t == weight)?;
        }
        let past = match inputs.get(8) {
            None => Some(Dim::Known(0)),
            Some(_) => {
                inputs.dtype_where(8, "f32", |t| t == DType::F32)?;
                match inputs.shape(8)? {
                    None => None,
                    Some([_, _, _, length, _]) => Some(length.clone()),
                    Some(s) => {
                        return Err(Error::invalid(format!("input 8 has {} dimensions; 5 are expected", s.len())));
                    }
                }
            }
        };
        let all = product_fact(inputs.required(0)?, inputs.required(1)?, DType::F32)?;
        let shapes = match all.shape() {
            None => [None, None],
            Some([batch, length, width]) => {
                if let Some(w) = width.known()
                    && w % (3 * self.heads) != 0
                {
                    return Err(Error::invalid(format!(
                        "a weight of {w} columns for three times {} heads",
                        self.heads
                    )));
                }
                let total = match past.as_ref().and_then(Dim::known) {
                    Some(0) => length.clone(),
                    Some(p) => length.map(|n| n.saturating_add(p)),
                    None => Dim::Unknown,
                };
                let each = width.map(|w| w / 3 / self.heads);
                let present = vec![Dim::Known(2), batch.clone(), Dim::Known(self.heads), total, each];
                [Some(vec![batch.clone(), length.clone(), width.map(|w| w / 3)]), Some(present)]
            }
            Some(s) => return Err(Error::invalid(format!("a projection of {} dimensions; 3 are expected", s.len()))),
        };
        Ok(shapes.into_iter().take(self.outputs).map(|s| Fact::tensor(DType::F32, s)).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let [q, k, v] = self.project(inputs)?;
        let &[batch, length, hidden] = q.shape() else {
            return Err(Error::invalid("queries have three dimensions"));
        };
        let size = hidden / self.heads;
        let own = Heads { batch, heads: self.heads, length, size, packed: true };
        let past = inputs.optional_tensor(8)?;
        if past.is_some_and(|p| p.rank() != 5 || p.shape()[0] != 2) {
            return Err(Error::invalid("input 8 is [2, batch, heads, length, size]"));
        }
        let (past_key, past_value) = (past.map(|p| part(p, 0)).transpose()?, past.map(|p| part(p, 1)).transpose()?);
        let (keys, kh) = joined::<f32>(past_key.as_ref(), &k, own)?;
        let (values, vh) = joined::<f32>(past_value.as_ref(), &v, own)?;
        let mask = Mask::read(inputs.optional_tensor(5)?, batch, length, kh.length)?;
        let before = kh.length - length;
        let bias = |b: usize, _: usize, i: usize, j: usize| {
            if self.causal && j > before + i {
                return f32::NEG_INFINITY;
            }
            if mask.hides(b, i, j, kh.length) { self.filter } else { 0.0 }
        };
        let factor = if self.scale == 0.0 { 1.0 / (size as f32).sqrt() } else { self.scale };
        let settings = Attend { query_factor: 1.0, key_factor: factor, softcap: 0.0, capture: None };
        let (out, _) = attend(q.as_slice::<f32>()?, own, &keys, kh, &values, vh, &settings, &bias)?;
        let mut outputs = vec![Tensor::from_vec([batch, length, hidden], out)?.into()];
        if self.outputs > 1 {
            let stacked = |values: Vec<f32>| Tensor::from_vec([&[1][..], &kh.shape()].concat(), values);
            outputs.push(concat(&[&stacked(keys)?, &stacked(values)?], 0)?.into());
        }
        Ok(outputs)
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // A mask or a cache of several batches could lie along the rows or not.
        if inputs.get(5).is_some() || inputs.get(8).is_some() {
            return rows::opaque(rows, outputs.len());
        }
        let y = rows::leading(rows, 1)[0];
        let present = if y == Rows::Axis(0) { Rows::Axis(1) } else { y };
        (0..outputs.len()).map(|i| if i == 0 { y } else { present }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::u8s;
    use crate::{
        Attribute, Result, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    /// Two positions of one number each; queries and keys are 0, values the input less 1, plus the bias.
    fn attend(
        mask: Option<Tensor>,
        past: Option<Tensor>,
        flags: &[(&str, i64)],
        outputs: usize,
    ) -> Result<Vec<Tensor>> {
        let given = [
            Some(u8s(&[1, 2, 1], &[3, 5])),
            Some(u8s(&[1, 3], &[8, 8, 9])),
            Some(t(&[3], &[0.0, 0.0, 0.5])),
            Some(t(&[], &[0.5])),
            Some(t(&[3], &[1.0, 1.0, 2.0])),
            mask,
            Some(u8s(&[], &[1])),
            Some(u8s(&[], &[8])),
            past,
        ];
        let attributes: Vec<(&str, Attribute)> = flags.iter().map(|(n, v)| (*n, Attribute::Int(*v))).collect();
        run_in("com.microsoft", "QAttention", 1, &attributes, &given, outputs)
    }

    #[test]
    fn masks_and_past() {
        let one = ("num_heads", 1);
        let i32s = |shape: &[usize], v: Vec<i32>| Some(Tensor::from_vec(shape, v).unwrap());
        // The values are 2.5 and 4.5.
        for (mask, causal, want) in [
            (None, 0, [3.5f32, 3.5]),
            (None, 1, [2.5, 3.5]),
            (i32s(&[1], vec![1]), 0, [2.5, 2.5]),
            (i32s(&[2], vec![2, 1]), 0, [4.5, 4.5]),
            (i32s(&[1, 2], vec![0, 1]), 0, [4.5, 4.5]),
            (i32s(&[1, 1], vec![0]), 0, [3.5, 3.5]),
            (i32s(&[1, 2, 2], vec![0, 1, 1, 0]), 0, [4.5, 2.5]),
        ] {
            let shown = format!("{mask:?} {causal}");
            let got = attend(mask, None, &[one, ("unidirectional", causal)], 1).expect(&shown);
            close(&got[0], &[1, 2, 1], &want);
        }
        let past = t(&[2, 1, 1, 1, 1], &[0.0, 8.5]);
        let got = attend(None, Some(past), &[one, ("unidirectional", 1)], 2).unwrap();
        close(&got[0], &[1, 2, 1], &[5.5, 15.5 / 3.0]);
        close(&got[1], &[2, 1, 1, 3, 1], &[0.0, 0.0, 0.0, 8.5, 2.5, 4.5]);
        assert!(attend(i32s(&[3], vec![0; 3]), None, &[one], 1).is_err(), "a mask of another shape");
        assert!(attend(None, Some(t(&[2, 1, 1, 1], &[0.0; 2])), &[one], 1).is_err(), "a past of four dimensions");
        assert!(attend(None, None, &[], 1).is_err(), "no heads");
        assert!(attend(None, None, &[("num_heads", 2)], 1).is_err(), "two heads of one column");
        for name in ["do_rotary", "past_present_share_buffer"] {
            let error = attend(None, None, &[one, (name, 1)], 1).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
