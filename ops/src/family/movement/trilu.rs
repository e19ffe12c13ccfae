//! [Trilu](https://onnx.ai/onnx/operators/onnx__Trilu.html): the upper or lower triangle of matrices.

use super::{flow, select::copy_runs};
use crate::{Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// Keeps the elements on diagonal `k` (input 1, 0 without it) and above, or on it and below; zeros elsewhere.
#[derive(Debug)]
pub struct Trilu {
    /// Whether the upper part is kept.
    pub upper: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Trilu { upper: node.attributes.flag_or("upper", true)? }))
}

impl Operator for Trilu {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![Fact::tensor(inputs.dtype(0)?, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let [.., rows, columns] = x.shape() else {
            return Err(Error::invalid(format!("rank {} where 2 at least is expected", x.rank())));
        };
        let k = match inputs.ints(1)?.as_deref() {
            None => 0,
            Some([k]) => *k,
            Some(other) => {
                return Err(Error::invalid(format!("input 1 has {} elements, one is expected", other.len())));
            }
        };
        let zero = Tensor::zeros(x.dtype(), [])?;
        let pick = |i: usize| {
            let (r, c) = ((i / columns % rows) as i64, (i % columns) as i64);
            let on = c - r;
            let kept = if self.upper { on >= k } else { on <= k };
            if kept { (0, i) } else { (1, 0) }
        };
        Ok(vec![copy_runs(&[x, &zero], x.shape(), 1, (0..x.len()).map(pick))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| (a + 2 < inputs.get(0)?.shape()?.len()).then_some(a))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn triangles() {
        let x = i64s(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        for (upper, k, expected) in [
            (1, None, [1i64, 2, 3, 0, 5, 6]),
            (0, None, [1, 0, 0, 4, 5, 0]),
            (1, Some(1i64), [0, 2, 3, 0, 0, 6]),
            (0, Some(1), [1, 2, 0, 4, 5, 6]),
            (1, Some(i64::MAX), [0; 6]),
            (0, Some(-1), [0, 0, 0, 4, 0, 0]),
        ] {
            let inputs: Vec<Tensor> = [Some(x.clone()), k.map(Tensor::scalar)].into_iter().flatten().collect();
            let got = run("Trilu", 14, &[("upper", Attribute::Int(upper))], &inputs).unwrap();
            assert_eq!(got, i64s(&[2, 3], &expected));
        }
        assert!(run("Trilu", 14, &[], &[i64s(&[2], &[1, 2])]).is_err());
    }
}
