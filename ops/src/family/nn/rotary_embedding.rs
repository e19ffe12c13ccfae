//! [RotaryEmbedding](https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html): positions as rotations of pairs.

use super::{
    attend::Heads,
    attention::heads,
    wide::{check_float, narrow, wide, with_wide},
};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// Each pair `(x1, x2)` of a head's first `dim` elements becomes `(c x1 - s x2, s x1 + c x2)`, with cosine and sine
/// from tables; products and sums are each rounded.
#[derive(Debug)]
pub struct RotaryEmbedding {
    /// Whether pairs are neighbours; else the first half is paired with the second.
    pub interleaved: bool,
    /// How many elements of a head rotate; 0 is all.
    pub dim: usize,
    /// Heads of three-dimensional inputs.
    pub heads: Option<usize>,
    /// Where the input with positions stands; tables follow or come before it.
    pub positions: usize,
    /// Where the tables of cosines and sines stand.
    pub tables: [usize; 2],
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(read(node, 3, [1, 2])?))
}

/// Reads the attributes; domains differ in the order of inputs.
pub(crate) fn read(node: &Node<'_>, positions: usize, tables: [usize; 2]) -> Result<RotaryEmbedding> {
    let dim = node.attributes.int_or("rotary_embedding_dim", 0)?;
    let dim = usize::try_from(dim)
        .ok()
        .filter(|d| d % 2 == 0)
        .ok_or_else(|| Error::invalid(format!("attribute 'rotary_embedding_dim' is {dim}; it is even")))?;
    let count = if node.attributes.int_or("num_heads", 0)? == 0 { None } else { heads(node, "num_heads")? };
    let interleaved = node.attributes.flag_or("interleaved", false)?;
    Ok(RotaryEmbedding { interleaved, dim, heads: count, positions, tables })
}

impl RotaryEmbedding {
    fn layout(&self, shape: &[usize], table: usize) -> Result<Heads> {
        match shape {
            [batch, heads, length, size] => {
                Ok(Heads { batch: *batch, heads: *heads, length: *length, size: *size, packed: false })
            }
            [batch, length, hidden] => {
                // Without a number of heads the table tells their size.
                let size = match self.heads {
                    Some(n) if hidden % n == 0 => hidden / n,
                    None if self.dim == 0 && table > 0 && hidden % (2 * table) == 0 => 2 * table,
                    _ => {
                        return Err(Error::invalid(format!(
                            "input 0 of {hidden} elements a position cannot be split into heads; 'num_heads' is {:?}",
                            self.heads
                        )));
                    }
                };
                Ok(Heads { batch: *batch, heads: hidden / size, length: *length, size, packed: true })
            }
            _ => Err(Error::invalid(format!("input 0 has {} dimensions; 3 or 4 are expected", shape.len()))),
        }
    }

    fn rotate<T: Float>(&self, inputs: Inputs<'_>) -> Result<Tensor> {
        let x = inputs.tensor(0)?;
        let (cos, sin) = (inputs.tensor(self.tables[0])?, inputs.tensor(self.tables[1])?);
        let layout = self.layout(x.shape(), cos.shape().last().copied().unwrap_or(0))?;
        let half = if self.dim == 0 { layout.size } else { self.dim } / 2;
        let positions = inputs.ints(self.positions)?;
        let pairs = layout.batch * layout.length;
        let table_shape = if positions.is_some() { None } else { Some(vec![layout.batch, layout.length, half]) };
        let fits = |t: &Tensor| match &table_shape {
            Some(s) => t.shape() == s,
            None => matches!(t.shape(), [_, last] if *last == half),
        };
        if 2 * half > layout.size || layout.size % 2 != 0 && self.dim == 0 || !fits(cos) || cos.shape() != sin.shape() {
            return Err(Error::invalid(format!(
                "tables of shapes {:?} and {:?} for heads of {} elements of which {} rotate",
                cos.shape(),
                sin.shape(),
                layout.size,
                2 * half
            )));
        }
        let rows: Vec<usize> = match &positions {
            None => (0..pairs).collect(),
            Some(p) => {
                // One offset for all, or one position for each token.
                let each: Vec<i64> = match p.as_slice() {
                    [first] if pairs != 1 => {
                        (0..pairs).map(|i| first.saturating_add((i % layout.length) as i64)).collect()
                    }
                    p if p.len() == pairs => p.to_vec(),
                    p => return Err(Error::invalid(format!("{} positions for {pairs} tokens", p.len()))),
                };
                each.into_iter()
                    .map(|p| {
                        usize::try_from(p).ok().filter(|p| *p < cos.shape()[0]).ok_or_else(|| {
                            Error::invalid(format!("position {p} in tables of {} positions", cos.shape()[0]))
                        })
                    })
                    .collect::<Result<_>>()?
            }
        };
        let (cs, sn) = (wide::<T>(cos)?, wide::<T>(sin)?);
        let mut out = wide::<T>(x)?.into_owned();
        for b in 0..layout.batch {
            for s in 0..layout.length {
                let row = rows[b * layout.length + s] * half;
                for h in 0..layout.heads {
                    let at = layout.at(b, h, s);
                    for i in 0..half {
                        let (p, q) =
                            if self.interleaved { (at + 2 * i, at + 2 * i + 1) } else { (at + i, at + half + i) };
                        let (x1, x2, c, n) = (out[p], out[q], cs[row + i], sn[row + i]);
                        out[p] = c.mul(x1).sub(n.mul(x2));
                        out[q] = n.mul(x1).add(c.mul(x2));
                    }
                }
            }
        }
        narrow(x.dtype(), x.shape(), out)
    }
}

impl Operator for RotaryEmbedding {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        for t in self.tables {
            check_float(inputs.dtype(t)?).map_err(|e| e.at(format!("input {t}")))?;
        }
        let shape = inputs.shape(0)?.map(<[Dim]>::to_vec);
        if let Some(s) = &shape
            && !matches!(s.len(), 3 | 4)
        {
            return Err(Error::invalid(format!("input 0 has {} dimensions; 3 or 4 are expected", s.len())));
        }
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => Ok(vec![self.rotate::<T>(inputs)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let free = |i: usize| rows.get(i) == Some(&Rows::Free);
        let one_offset =
            inputs.get(self.positions).and_then(Fact::known_shape).is_some_and(|s| s.iter().all(|d| *d == 1));
        let moved = match (inputs.get(self.positions), rows.get(self.positions)) {
            (None, _) => self.tables.iter().all(|t| rows.get(*t) == Some(&Rows::Axis(0))),
            (Some(_), Some(Rows::Axis(0))) => self.tables.iter().all(|t| free(*t)),
            (Some(_), Some(Rows::Free)) => one_offset && self.tables.iter().all(|t| free(*t)),
            _ => false,
        };
        if rows.first() == Some(&Rows::Axis(0)) && moved {
            return vec![Rows::Axis(0); outputs.len()];
        }
        rows::opaque(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, t};
    use crate::{Attribute, Tensor};

    #[test]
    fn pairs_rotate_by_position() {
        let x = t(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]);
        let (cos, sin) = (t(&[2, 2], &[1.0, 1.0, 0.0, 0.5]), t(&[2, 2], &[0.0, 0.0, 1.0, 0.25]));
        let at = |p: i64| Tensor::from_vec([1, 1], vec![p]).unwrap();
        let given = |p| [x.clone(), cos.clone(), sin.clone(), at(p)];
        close(&run("RotaryEmbedding", 23, &[], &given(0)).unwrap()[0], &[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]);
        close(&run("RotaryEmbedding", 23, &[], &given(1)).unwrap()[0], &[1, 1, 1, 4], &[-3.0, 0.0, 1.0, 2.5]);
        let pairs = [("interleaved", Attribute::Int(1))];
        close(&run("RotaryEmbedding", 23, &pairs, &given(1)).unwrap()[0], &[1, 1, 1, 4], &[-2.0, 1.0, 0.5, 2.75]);
        assert!(run("RotaryEmbedding", 23, &[], &given(2)).is_err());
        assert!(run("RotaryEmbedding", 23, &[], &[t(&[1, 1, 4], &[0.0; 4]), cos, t(&[1], &[1.0])]).is_err());
    }
}
