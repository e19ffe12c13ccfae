//! [EmbedLayerNormalization](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.EmbedLayerNormalization):
//! the sum of word, position and segment embeddings, normalised.

use super::compose::{check, one};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        math::Add,
        movement::Gather,
        nn::{LayerNormalization, wide::check_float},
    },
    rows,
};
use std::sync::Arc;

/// Rows of the word, position and segment tables, added in this order in the working type and normalised along the last
/// axis. Outputs: the normalised sum, the number of ones in each row of the mask (0 without one), the sum.
#[derive(Debug)]
pub struct EmbedLayerNormalization {
    /// What is added to the variance.
    pub epsilon: f32,
    /// The number of outputs.
    pub outputs: usize,
}

/// Where the inputs stand.
const SEGMENTS: usize = 1;
const WORD: usize = 2;
const POSITION: usize = 3;
const SEGMENT: usize = 4;
const GAMMA: usize = 5;
const BETA: usize = 6;
const MASK: usize = 7;
const POSITIONS: usize = 8;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["epsilon", "mask_index_type"], 9, 3)?;
    Ok(Arc::new(EmbedLayerNormalization {
        epsilon: node.attributes.float_or("epsilon", 1e-12)?,
        outputs: node.outputs.max(1),
    }))
}

/// Rows of a table in its working type.
fn rows_of(table: &Tensor, ids: &Tensor, what: &str) -> Result<Tensor> {
    if let Some(id) = ids.to_i64_vec()?.into_iter().find(|id| *id < 0) {
        return Err(Error::invalid(format!("a {what} of {id}; it is not negative")));
    }
    one(&Gather { axis: 0 }, &[Some(&table.widen()?), Some(ids)]).map_err(|e| e.at(what))
}

impl Operator for EmbedLayerNormalization {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(WORD)?)?;
        for i in [POSITION, SEGMENT, GAMMA, BETA] {
            if i != SEGMENT {
                inputs.required(i)?;
            }
            if inputs.get(i).is_some() && inputs.dtype(i)? != dtype {
                return Err(Error::invalid(format!("input {i} is {} where {dtype} is expected", inputs.dtype(i)?)));
            }
        }
        for i in [0, SEGMENTS, MASK, POSITIONS] {
            if i == 0 || inputs.get(i).is_some() {
                inputs.dtype_where(i, "i32", |d| d == DType::I32)?;
                if inputs.shape(i)?.is_some_and(|s| s.len() != 2) {
                    return Err(Error::invalid(format!("input {i} has not two dimensions")));
                }
            }
        }
        if inputs.get(SEGMENTS).is_some() != inputs.get(SEGMENT).is_some() {
            return Err(Error::invalid("segment_ids and segment_embedding are given together or not at all"));
        }
        let hidden = match inputs.shape(WORD)? {
            None => Dim::Unknown,
            Some([_, hidden]) => hidden.clone(),
            Some(s) => return Err(Error::invalid(format!("input {WORD} has {} dimensions; 2 are expected", s.len()))),
        };
        let [batch, length] = match inputs.shape(0)? {
            Some([b, s]) => [b.clone(), s.clone()],
            _ => [Dim::Unknown, Dim::Unknown],
        };
        let whole = Fact::shaped(dtype, [batch.clone(), length, hidden]);
        let all = [whole.clone(), Fact::shaped(DType::I32, [batch]), whole];
        Ok(all.into_iter().take(self.outputs).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let ids = inputs.tensor(0)?;
        let &[batch, length] = ids.shape() else {
            return Err(Error::invalid(format!("input 0 has {} dimensions; 2 are expected", ids.rank())));
        };
        for (i, rows) in [(SEGMENTS, &[batch][..]), (MASK, &[batch]), (POSITIONS, &[batch, 1])] {
            if let Some(t) = inputs.optional_tensor(i)?
                && !rows.iter().any(|r| t.shape() == [*r, length])
            {
                return Err(Error::invalid(format!("input {i} has shape {:?} for {batch} x {length}", t.shape())));
            }
        }
        let word = inputs.tensor(WORD)?;
        let counted = Tensor::from_vec([1, length], (0..length as i64).collect())?;
        let positions = inputs.optional_tensor(POSITIONS)?.unwrap_or(&counted);
        let mut sum = one(
            &Add,
            &[Some(&rows_of(word, ids, "word")?), Some(&rows_of(inputs.tensor(POSITION)?, positions, "position")?)],
        )?;
        if let Some(segments) = inputs.optional_tensor(SEGMENTS)? {
            let rows = rows_of(inputs.tensor(SEGMENT)?, segments, "segment")?;
            sum = one(&Add, &[Some(&sum), Some(&rows)])?;
        }
        let norm = LayerNormalization { axis: -1, epsilon: self.epsilon, stash: DType::F32, outputs: 1 };
        let (gamma, beta) = (inputs.tensor(GAMMA)?.widen()?, inputs.tensor(BETA)?.widen()?);
        let y = one(&norm, &[Some(&sum), Some(&gamma), Some(&beta)])?;
        let count = |mask: &[i64]| mask.iter().filter(|m| **m == 1).count() as i32;
        let seen = match inputs.ints(MASK)? {
            Some(mask) if length > 0 => mask.chunks_exact(length).map(count).collect(),
            _ => vec![0; batch],
        };
        let all = [y.narrow(word.dtype())?, Tensor::from_vec([batch], seen)?, sum.narrow(word.dtype())?];
        Ok(all.into_iter().take(self.outputs).map(Value::from).collect())
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let given = |i: usize| inputs.get(i).is_some();
        let ids = [0, SEGMENTS, MASK].into_iter().all(|i| !given(i) || rows.get(i) == Some(&Rows::Axis(0)));
        let tables = (WORD..=BETA).all(|i| !given(i) || rows.get(i) == Some(&Rows::Free));
        let one = || inputs.get(POSITIONS).and_then(Fact::shape).is_some_and(|s| s.first() == Some(&Dim::Known(1)));
        let positions = match rows.get(POSITIONS).filter(|_| given(POSITIONS)) {
            None | Some(Rows::Axis(0)) => true,
            Some(Rows::Free) => one(),
            _ => false,
        };
        if ids && tables && positions { vec![Rows::Axis(0); outputs.len()] } else { rows::opaque(rows, outputs.len()) }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn tables_are_added_and_ones_counted() {
        let ids = |values: &[i32]| Some(Tensor::from_slice([2, 2], values).unwrap());
        let word = Some(t(&[3, 2], &[0.0, 0.0, 1.0, 3.0, 5.0, 5.0]));
        let position = Some(t(&[2, 2], &[0.0, 2.0, 4.0, 0.0]));
        let segment = Some(t(&[2, 2], &[0.0, 0.0, 1.0, 1.0]));
        let (gamma, beta) = (Some(t(&[2], &[1.0, 1.0])), Some(t(&[2], &[0.0, 10.0])));
        let go = |word_ids: &[i32], segments: Option<Tensor>, mask: Option<Tensor>| {
            let segment = segments.as_ref().and(segment.clone());
            let given =
                [ids(word_ids), segments, word.clone(), position.clone(), segment, gamma.clone(), beta.clone(), mask];
            run_in("com.microsoft", "EmbedLayerNormalization", 1, &[], &given, 3)
        };
        let got = go(&[0, 1, 1, 2], ids(&[0, 0, 1, 1]), ids(&[1, 1, 1, 0])).unwrap();
        close(&got[0], &[2, 2, 2], &[-1.0, 11.0, 1.0, 9.0, -1.0, 11.0, 1.0, 9.0]);
        assert_eq!(got[1].as_slice::<i32>().unwrap(), [2, 1]);
        close(&got[2], &[2, 2, 2], &[0.0, 2.0, 5.0, 3.0, 2.0, 6.0, 10.0, 6.0]);
        let got = go(&[0, 1, 1, 2], None, None).unwrap();
        assert_eq!(got[1].as_slice::<i32>().unwrap(), [0, 0]);
        assert!(go(&[0, 1, 1, 3], None, None).is_err(), "a word beyond the table");
        assert!(go(&[0, 1, 1, -1], None, None).is_err(), "a negative word");
    }
}
