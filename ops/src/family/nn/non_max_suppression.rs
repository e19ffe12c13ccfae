//! [NonMaxSuppression](https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html): the best boxes that overlap little.

use super::wide::wide;
use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// For each batch and class the boxes by descending score (of equal scores the first) that overlap none chosen before
/// by more than a threshold; the output is `[chosen, 3]` of batch, class and box.
#[derive(Debug)]
pub struct NonMaxSuppression {
    /// Whether boxes are centre and size; else two opposite corners, y before x.
    pub centre: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(NonMaxSuppression { centre: node.attributes.flag_or("center_point_box", false)? }))
}

/// Low and high corner.
type Corners = [f32; 4];

impl NonMaxSuppression {
    fn corners(&self, b: &[f32]) -> Corners {
        if self.centre {
            let (w, h) = (b[2] / 2.0, b[3] / 2.0);
            [b[0] - w, b[1] - h, b[0] + w, b[1] + h]
        } else {
            [b[1].min(b[3]), b[0].min(b[2]), b[1].max(b[3]), b[0].max(b[2])]
        }
    }
}

/// Intersection over union.
fn overlap(a: &Corners, b: &Corners) -> f32 {
    let (w, h) = (a[2].min(b[2]) - a[0].max(b[0]), a[3].min(b[3]) - a[1].max(b[1]));
    if w <= 0.0 || h <= 0.0 {
        return 0.0;
    }
    let area = |c: &Corners| (c[2] - c[0]) * (c[3] - c[1]);
    let both = w * h;
    let either = area(a) + area(b) - both;
    if area(a) <= 0.0 || area(b) <= 0.0 || either <= 0.0 { 0.0 } else { both / either }
}

impl Operator for NonMaxSuppression {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        for i in 0..2 {
            inputs.dtype_where(i, "f32", |d| d == DType::F32)?;
        }
        Ok(vec![Fact::tensor(DType::I64, Some(vec![Dim::Unknown, Dim::Known(3)]))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (boxes, scores) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (&[batch, count, 4], &[batch2, classes, count2]) = (boxes.shape(), scores.shape()) else {
            return Err(Error::invalid(format!("boxes {:?} and scores {:?}", boxes.shape(), scores.shape())));
        };
        if batch != batch2 || count != count2 {
            return Err(Error::invalid(format!(
                "boxes {:?} and scores {:?} do not fit",
                boxes.shape(),
                scores.shape()
            )));
        }
        let threshold = |i: usize| match inputs.optional_tensor(i)? {
            None => Ok(None),
            Some(t) => Ok(wide::<f32>(t)?.first().copied()),
        };
        let most = inputs.ints(2)?.and_then(|v| v.first().copied()).unwrap_or(0);
        let most = usize::try_from(most).unwrap_or(0);
        let (closest, least) = (threshold(3)?.unwrap_or(0.0), threshold(4)?);
        let (bs, ss) = (boxes.as_slice::<f32>()?, scores.as_slice::<f32>()?);
        let mut chosen: Vec<i64> = Vec::new();
        for b in 0..batch {
            let corners: Vec<Corners> =
                bs[b * count * 4..(b + 1) * count * 4].chunks(4).map(|c| self.corners(c)).collect();
            for class in 0..classes {
                let score = &ss[(b * classes + class) * count..][..count];
                let mut order: Vec<usize> = (0..count).filter(|i| least.is_none_or(|l| score[*i] > l)).collect();
                order.sort_by(|i, j| score[*j].total_cmp(&score[*i]).then(i.cmp(j)));
                let mut kept: Vec<usize> = Vec::new();
                for i in order {
                    if kept.len() >= most {
                        break;
                    }
                    if kept.iter().all(|k| overlap(&corners[i], &corners[*k]) <= closest) {
                        kept.push(i);
                        chosen.extend([b as i64, class as i64, i as i64]);
                    }
                }
            }
        }
        Ok(vec![Tensor::from_vec([chosen.len() / 3, 3], chosen)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run_in, t};
    use crate::{Attribute, Tensor};

    #[test]
    fn overlapping_boxes_are_dropped() {
        let boxes = t(&[1, 3, 4], &[0.0, 0.0, 1.0, 2.0, 1.0, 2.2, 0.0, 0.2, 5.0, 5.0, 6.0, 6.0]);
        let scores = t(&[1, 1, 3], &[0.5, 0.9, 0.1]);
        let run = |most: i64, closest: f32, least: f32, attributes: &[(&str, Attribute)]| {
            let given =
                [boxes.clone(), scores.clone(), Tensor::scalar(most), Tensor::scalar(closest), Tensor::scalar(least)];
            let got = run_in("", "NonMaxSuppression", 11, attributes, &given.map(Some), 1).unwrap();
            got[0].as_slice::<i64>().unwrap().chunks(3).map(|c| c[2]).collect::<Vec<_>>()
        };
        assert_eq!(run(3, 0.5, 0.0, &[]), [1, 2]);
        assert_eq!(run(3, 0.9, 0.0, &[]), [1, 0, 2]);
        assert_eq!(run(1, 0.9, 0.0, &[]), [1]);
        assert_eq!(run(3, 0.9, 0.4, &[]), [1, 0]);
        let short = [boxes.clone(), t(&[1, 1, 2], &[0.5, 0.9])].map(Some);
        assert!(run_in("", "NonMaxSuppression", 10, &[], &short, 1).is_err());
    }
}
