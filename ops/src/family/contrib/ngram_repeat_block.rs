//! [NGramRepeatBlock](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NGramRepeatBlock):
//! scores of the tokens that would repeat an n-gram.

use super::compose::check;
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::{
        attention::heads,
        wide::{check_float, narrow, wide, with_wide},
    },
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// Negative infinity for each token that follows what the sequence ends with (its last n - 1 tokens) somewhere in the
/// sequence; other scores as they are.
#[derive(Debug)]
pub struct NGramRepeatBlock {
    /// The length of an n-gram.
    pub size: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["ngram_size"], 2, 1)?;
    let size = heads(node, "ngram_size")?;
    let size = size.ok_or_else(|| Error::invalid("attribute 'ngram_size' is required and missing"))?;
    Ok(Arc::new(NGramRepeatBlock { size }))
}

impl NGramRepeatBlock {
    fn block<T: Float>(&self, ids: &Tensor, scores: &Tensor) -> Result<Tensor> {
        let (&[batch, length], &[rows, words]) = (ids.shape(), scores.shape()) else {
            return Err(Error::invalid("both inputs have two dimensions"));
        };
        if rows != batch {
            return Err(Error::invalid(format!("scores of {rows} sequences for {batch}")));
        }
        let mut out = wide::<T>(scores)?.into_owned();
        for (b, ids) in ids.to_i64_vec()?.chunks_exact(length.max(1)).enumerate() {
            // What the sequence ends with; too short a sequence ends with no n-gram's begin.
            let Some(end) = (length + 1).checked_sub(self.size).map(|n| &ids[n..]) else { continue };
            for gram in ids.windows(self.size).filter(|gram| gram.starts_with(end)) {
                let token = gram[self.size - 1];
                let at = usize::try_from(token).ok().filter(|t| *t < words);
                let at = at.ok_or_else(|| Error::invalid(format!("token {token} of {words}")))?;
                out[b * words + at] = T::LEAST;
            }
        }
        narrow(scores.dtype(), scores.shape(), out)
    }
}

impl Operator for NGramRepeatBlock {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "i64", |d| d == DType::I64)?;
        let dtype = check_float(inputs.dtype(1)?)?;
        for i in 0..2 {
            if inputs.shape(i)?.is_some_and(|s| s.len() != 2) {
                return Err(Error::invalid(format!("input {i} has not two dimensions")));
            }
        }
        Ok(vec![Fact::tensor(dtype, inputs.shape(1)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (ids, scores) = (inputs.tensor(0)?, inputs.tensor(1)?);
        with_wide!(scores.dtype(), T => Ok(vec![self.block::<T>(ids, scores)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        match rows {
            [Rows::Axis(0), Rows::Axis(0)] => vec![Rows::Axis(0); outputs.len()],
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{run_in, t},
    };

    #[test]
    fn what_would_repeat_is_blocked() {
        let go = |size: i64, ids: [i64; 5]| {
            let ids = Some(Tensor::from_slice([1, 5], &ids).unwrap());
            let attributes = [("ngram_size", Attribute::Int(size))];
            let got =
                run_in("com.microsoft", "NGramRepeatBlock", 1, &attributes, &[ids, Some(t(&[1, 4], &[0.5; 4]))], 1)?;
            let blocked = |v: &f32| *v == f32::NEG_INFINITY;
            Ok::<_, crate::Error>(got[0].as_slice::<f32>()?.iter().map(blocked).collect::<Vec<_>>())
        };
        // ... 1 2 ends as "1 2" once did, before 3.
        assert_eq!(go(3, [1, 2, 3, 1, 2]).unwrap(), [false, false, false, true]);
        assert_eq!(go(2, [1, 2, 3, 1, 2]).unwrap(), [false, false, false, true]);
        assert_eq!(go(1, [1, 2, 3, 1, 2]).unwrap(), [false, true, true, true]);
        assert_eq!(go(7, [1, 1, 1, 1, 1]).unwrap(), [false; 4]);
        assert!(go(0, [0; 5]).is_err());
        assert!(go(1, [4; 5]).is_err(), "a token without a score");
    }
}
