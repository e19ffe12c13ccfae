//! [DepthToSpace](https://onnx.ai/onnx/operators/onnx__DepthToSpace.html) and
//! [SpaceToDepth](https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html): blocks of positions and channels exchanged.

use super::{flow, transpose::transpose};
use crate::{Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Exchanges channels for blocks of positions of a tensor `[N, C, H, W]`.
#[derive(Debug)]
pub struct DepthSpace {
    /// Whether positions become channels.
    pub to_depth: bool,
    /// The extent of a block in both directions.
    pub block: usize,
    /// Whether the channel varies slower than the position in its block (`CRD`) instead of faster (`DCR`).
    pub column_row_depth: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let block = a.required("blocksize", crate::Attributes::int)?;
    let column_row_depth = match a.string_or("mode", "DCR".into())?.as_str() {
        "DCR" => false,
        "CRD" => true,
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'; DCR or CRD"))),
    };
    let block = usize::try_from(block).ok().filter(|b| (1..=1 << 16).contains(b));
    let block = block.ok_or_else(|| Error::invalid("attribute 'blocksize' is a small positive number"))?;
    Ok(Arc::new(DepthSpace { to_depth: node.op == "SpaceToDepth", block, column_row_depth }))
}

impl DepthSpace {
    /// The output's dimensions.
    fn dims(&self, shape: &[Dim]) -> Result<Vec<Dim>> {
        let [n, c, h, w] = shape else {
            return Err(Error::invalid(format!("rank {} where [N, C, H, W] is expected", shape.len())));
        };
        let b = self.block;
        let over = |d: &Dim, by: usize| match d.known() {
            Some(k) if k % by != 0 => Err(Error::invalid(format!("extent {k} is no multiple of {by}"))),
            _ => Ok(d.map(|k| k / by)),
        };
        let times = |d: &Dim, by: usize| d.map(|k| k.saturating_mul(by));
        Ok(if self.to_depth {
            vec![n.clone(), times(c, b * b), over(h, b)?, over(w, b)?]
        } else {
            vec![n.clone(), over(c, b * b)?, times(h, b), times(w, b)]
        })
    }
}

impl Operator for DepthSpace {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = inputs.shape(0)?.map(|s| self.dims(s)).transpose()?.unwrap_or_else(|| vec![Dim::Unknown; 4]);
        Ok(vec![Fact::tensor(dtype, Some(shape))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let dims: Vec<Dim> = x.shape().iter().copied().map(Dim::Known).collect();
        let out = crate::fact::known_shape(&self.dims(&dims)?).unwrap_or_default();
        let (b, n) = (self.block, out[0]);
        let (split, order): ([usize; 6], [usize; 6]) = match (self.to_depth, self.column_row_depth) {
            (true, false) => ([n, x.shape()[1], out[2], b, out[3], b], [0, 3, 5, 1, 2, 4]),
            (true, true) => ([n, x.shape()[1], out[2], b, out[3], b], [0, 1, 3, 5, 2, 4]),
            (false, false) => ([n, b, b, out[1], x.shape()[2], x.shape()[3]], [0, 3, 4, 1, 5, 2]),
            (false, true) => ([n, out[1], b, b, x.shape()[2], x.shape()[3]], [0, 1, 4, 2, 5, 3]),
        };
        Ok(vec![transpose(&x.reshape(split)?, &order)?.reshape(out)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| (a == 0).then_some(0))
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn both_ways_in_both_orders() {
        // Channel c at (0, w) is 10 c + w.
        let x = i64s(&[1, 8, 1, 2], &(0..16).map(|i| i / 2 * 10 + i % 2).collect::<Vec<_>>());
        let with = |mode: &str| [("blocksize", Attribute::Int(2)), ("mode", Attribute::String(mode.into()))];
        let got = run("DepthToSpace", 13, &with("DCR"), &[x.clone()]).unwrap();
        assert_eq!(got, i64s(&[1, 2, 2, 4], &[0, 20, 1, 21, 40, 60, 41, 61, 10, 30, 11, 31, 50, 70, 51, 71]));
        assert_eq!(run("SpaceToDepth", 28, &with("DCR"), &[got]).unwrap(), x);
        let got = run("DepthToSpace", 13, &with("CRD"), &[x.clone()]).unwrap();
        assert_eq!(got, i64s(&[1, 2, 2, 4], &[0, 10, 1, 11, 20, 30, 21, 31, 40, 50, 41, 51, 60, 70, 61, 71]));
        assert_eq!(run("SpaceToDepth", 28, &with("CRD"), &[got]).unwrap(), x);
        assert!(run("SpaceToDepth", 13, &with("DCR"), &[x.clone()]).is_err());
        assert!(run("DepthToSpace", 13, &[], &[x.clone()]).is_err());
        assert!(run("DepthToSpace", 13, &with("X"), &[x]).is_err());
    }
}
