//! [Flatten](https://onnx.ai/onnx/operators/onnx__Flatten.html): a tensor as a matrix.

use super::flow;
use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts, tensor::element_count,
};
use std::sync::Arc;

/// The dimensions before `axis` become one, and so do those from it on.
#[derive(Debug)]
pub struct Flatten {
    /// Where to cut, `-rank..=rank`.
    pub axis: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Flatten { axis: node.attributes.int_or("axis", 1)? }))
}

impl Flatten {
    fn cut(&self, rank: usize) -> Result<usize> {
        let r = i64::try_from(rank).unwrap_or(i64::MAX);
        let at = if self.axis < 0 { self.axis + r } else { self.axis };
        usize::try_from(at)
            .ok()
            .filter(|a| *a <= rank)
            .ok_or_else(|| Error::invalid(format!("axis {} is out of range for rank {rank}", self.axis)))
    }
}

/// The product of dimensions; a single one that is not 1 stays what it is.
fn product(dims: &[Dim]) -> Dim {
    let mut rest = dims.iter().filter(|d| **d != Dim::Known(1));
    match (rest.next(), rest.next()) {
        (None, _) => Dim::Known(1),
        (Some(one), None) => one.clone(),
        _ => dims.iter().try_fold(1usize, |n, d| n.checked_mul(d.known()?)).map_or(Dim::Unknown, Dim::Known),
    }
}

impl Operator for Flatten {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        Ok(vec![match inputs.shape(0)? {
            Some(s) => {
                let cut = self.cut(s.len())?;
                Fact::shaped(dtype, [product(&s[..cut]), product(&s[cut..])])
            }
            None => Fact::shaped(dtype, [Dim::Unknown, Dim::Unknown]),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let cut = self.cut(x.rank())?;
        let shape = [element_count(&x.shape()[..cut])?, element_count(&x.shape()[cut..])?];
        Ok(vec![x.reshape(shape)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::reshaped(rows, inputs, outputs)
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, DType, Tensor, family::movement::trial::*};

    #[test]
    fn cuts_at_every_axis() {
        let x = Tensor::zeros(DType::F32, [2, 3, 4]).unwrap();
        for (axis, expected) in [
            (0, Some([1, 24])),
            (1, Some([2, 12])),
            (2, Some([6, 4])),
            (3, Some([24, 1])),
            (-1, Some([6, 4])),
            (4, None),
        ] {
            let got = run("Flatten", 13, &[("axis", Attribute::Int(axis))], &[x.clone()]);
            assert_eq!(got.ok().map(|t| t.shape().to_vec()), expected.map(Vec::from), "axis {axis}");
        }
    }
}
