//! [CumSum](https://onnx.ai/onnx/operators/onnx__CumSum.html) and
//! [CumProd](https://onnx.ai/onnx/operators/onnx__CumProd.html): running sums and products along an axis.

use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::movement::{flow, select::around},
    numeric::{Number, with_number},
    operator::axis_index,
};
use std::sync::Arc;

/// Running sums or products along the axis in input 1.
///
/// Order of arithmetic: one chain along the axis; f16 and bf16 run in f32 and round each output once.
#[derive(Debug)]
pub struct Cumulative {
    /// Whether elements are multiplied instead of added.
    pub product: bool,
    /// Whether the element itself is left out.
    pub exclusive: bool,
    /// Whether the axis is run from its end.
    pub reverse: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Cumulative {
        product: node.op == "CumProd",
        exclusive: node.attributes.flag_or("exclusive", false)?,
        reverse: node.attributes.flag_or("reverse", false)?,
    }))
}

impl Cumulative {
    fn run<T: Number>(&self, x: &Tensor, axis: usize) -> Result<Tensor> {
        let v = x.as_slice::<T>()?;
        let (outer, extent, inner) = around(x.shape(), axis);
        let mut out = v.to_vec();
        for o in 0..outer {
            for i in 0..inner {
                let mut sum = if self.product { T::ONE } else { T::ZERO };
                for j in 0..extent {
                    let at = (o * extent + if self.reverse { extent - 1 - j } else { j }) * inner + i;
                    let next = if self.product { sum.mul(v[at]) } else { sum.add(v[at]) };
                    out[at] = if self.exclusive { sum } else { next };
                    sum = next;
                }
            }
        }
        Tensor::from_vec(x.shape(), out)
    }
}

fn single(axis: &[i64]) -> Result<i64> {
    match axis {
        [a] => Ok(*a),
        other => Err(Error::invalid(format!("input 1 has {} elements, one axis is expected", other.len()))),
    }
}

impl Operator for Cumulative {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let axis = axis_index(single(&inputs.tensor(1)?.to_i64_vec()?)?, x.rank())?;
        let wide = x.widen()?;
        with_number!(wide.dtype(), T => Ok(vec![self.run::<T>(&wide, axis)?.narrow(x.dtype())?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let rank = inputs.get(0)?.shape()?.len();
            (axis_index(single(&inputs.ints(1).ok()??).ok()?, rank).ok()? != a).then_some(a)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn runs_both_ways_with_and_without_the_element() {
        let x = i64s(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        for (op, axis, exclusive, reverse, expected) in [
            ("CumSum", 1i32, 0, 0, [1i64, 3, 6, 4, 9, 15]),
            ("CumSum", -1, 1, 0, [0, 1, 3, 0, 4, 9]),
            ("CumSum", 0, 0, 1, [5, 7, 9, 4, 5, 6]),
            ("CumSum", 1, 1, 1, [5, 3, 0, 11, 6, 0]),
            ("CumProd", 1, 0, 0, [1, 2, 6, 4, 20, 120]),
            ("CumProd", 1, 1, 1, [6, 3, 1, 30, 6, 1]),
        ] {
            let attributes = [("exclusive", Attribute::Int(exclusive)), ("reverse", Attribute::Int(reverse))];
            let got = run(op, 26, &attributes, &[x.clone(), Tensor::scalar(axis)]).unwrap();
            assert_eq!(got, i64s(&[2, 3], &expected), "{op} {axis} {exclusive} {reverse}");
        }
        assert!(run("CumSum", 14, &[], &[x.clone(), Tensor::scalar(2i64)]).is_err());
        assert!(run("CumSum", 14, &[], &[x, i64s(&[2], &[0, 1])]).is_err());
    }
}
