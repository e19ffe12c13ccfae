//! [ArgMax](https://onnx.ai/onnx/operators/onnx__ArgMax.html) and
//! [ArgMin](https://onnx.ai/onnx/operators/onnx__ArgMin.html): where the greatest or least element of an axis stands.

use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::movement::{flow, select::around},
    numeric::{Number, with_number},
    operator::axis_index,
};
use std::sync::Arc;

/// The index of the greatest (or least) element along an axis, as a 64-bit integer. NaN stands before every number, as in
/// `numpy.argmax`.
#[derive(Debug)]
pub struct Arg {
    /// Whether the least is sought.
    pub least: bool,
    /// The axis, `-rank..rank`.
    pub axis: i64,
    /// Whether the axis stays, with extent 1.
    pub keep_dims: bool,
    /// Whether the last of equal elements is taken instead of the first (from version 12).
    pub last: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Arg {
        least: node.op == "ArgMin",
        axis: node.attributes.int_or("axis", 0)?,
        keep_dims: node.attributes.flag_or("keepdims", true)?,
        last: node.attributes.flag_or("select_last_index", false)?,
    }))
}

impl Arg {
    fn shape<D: Clone>(&self, from: &[D], axis: usize, one: D) -> Vec<D> {
        let mut shape = from.to_vec();
        shape[axis] = one;
        if !self.keep_dims {
            shape.remove(axis);
        }
        shape
    }

    /// Whether an element stands before another one that comes earlier along the axis.
    pub fn beats<T: Number>(&self, later: T, earlier: T) -> bool {
        match (later.is_nan(), earlier.is_nan()) {
            (true, false) => true,
            (true, true) => self.last,
            (false, true) => false,
            _ if later == earlier => self.last,
            _ => (later < earlier) == self.least,
        }
    }

    fn find<T: Number>(&self, x: &Tensor, axis: usize) -> Result<Vec<i64>> {
        let v = x.as_slice::<T>()?;
        let (outer, extent, inner) = around(x.shape(), axis);
        if extent == 0 && outer * inner > 0 {
            return Err(Error::invalid(format!("axis {axis} of shape {:?} has no elements", x.shape())));
        }
        let mut out = Vec::with_capacity(outer * inner);
        for o in 0..outer {
            for i in 0..inner {
                let at = |k: usize| v[(o * extent + k) * inner + i];
                let best = (1..extent).fold(0, |best, k| if self.beats(at(k), at(best)) { k } else { best });
                out.push(best as i64);
            }
        }
        Ok(out)
    }
}

impl Operator for Arg {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let shape = match inputs.shape(0)? {
            Some(s) => Some(self.shape(s, axis_index(self.axis, s.len())?, Dim::Known(1))),
            None => None,
        };
        Ok(vec![Fact::tensor(DType::I64, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let axis = axis_index(self.axis, x.rank())?;
        let wide = x.widen()?;
        let found = with_number!(wide.dtype(), T => self.find::<T>(&wide, axis))?;
        Ok(vec![Tensor::from_vec(self.shape(x.shape(), axis, 1), found)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let axis = axis_index(self.axis, inputs.get(0)?.shape()?.len()).ok()?;
            (a != axis).then(|| if a > axis && !self.keep_dims { a - 1 } else { a })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn finds_first_and_last() {
        let x = f32s(&[2, 3], &[2.0, 2.0, 1.0, 3.0, f32::NAN, 10.0]);
        let int = Attribute::Int;
        for (op, axis, keep, last, shape, expected) in [
            ("ArgMax", 1, 1, 0, &[2usize, 1][..], &[0i64, 1][..]),
            ("ArgMax", 1, 0, 1, &[2], &[1, 1]),
            ("ArgMin", -1, 0, 0, &[2], &[2, 1]),
            ("ArgMax", 0, 0, 0, &[3], &[1, 1, 1]),
            ("ArgMin", 0, 1, 0, &[1, 3], &[0, 1, 0]),
        ] {
            let attributes = [("axis", int(axis)), ("keepdims", int(keep)), ("select_last_index", int(last))];
            assert_eq!(run(op, 13, &attributes, &[x.clone()]).unwrap(), i64s(shape, expected), "{op} {axis}");
        }
        assert!(run("ArgMax", 13, &[("axis", int(2))], &[x]).is_err());
        assert!(run("ArgMax", 13, &[("axis", int(1))], &[f32s(&[2, 0], &[])]).is_err());
    }
}
