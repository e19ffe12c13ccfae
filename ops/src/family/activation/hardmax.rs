//! [Hardmax](https://onnx.ai/onnx/operators/onnx__Hardmax.html): one at the first greatest element, zero elsewhere.

use super::lanes::{Lanes, map_lanes};
use crate::{
    Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, family::math::elementwise::same_float,
    numeric::Float,
};
use std::sync::Arc;

/// 1 at the first greatest element of each group, 0 elsewhere. Before version 13 a group is everything from `axis` on.
#[derive(Debug)]
pub struct Hardmax {
    /// Which elements belong together.
    pub lanes: Lanes,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Hardmax { lanes: Lanes::parse(node)? }))
}

impl Operator for Hardmax {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = same_float(&[inputs.dtype(0)?])?;
        let shape = inputs.shape(0)?.map(<[_]>::to_vec);
        if let Some(shape) = &shape {
            self.lanes.axes(shape.len())?;
        }
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![map_lanes(inputs.tensor(0)?, self.lanes, hardmax, hardmax)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        self.lanes.rows(rows, inputs, outputs.len())
    }
}

fn hardmax<T: Float>(lane: &mut [T]) {
    let mut first = 0;
    for (i, v) in lane.iter().enumerate() {
        // A NaN counts as the greatest, as the reference's arg max has it.
        if *v > lane[first] || v.is_nan() && !lane[first].is_nan() {
            first = i;
        }
    }
    for (i, v) in lane.iter_mut().enumerate() {
        *v = if i == first { T::ONE } else { T::ZERO };
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn axes_and_their_defaults() {
        let x = floats(&[2, 3], &[0.0, 2.0, 2.0, 7.0, 1.0, 3.0]);
        assert_eq!(run("Hardmax", 13, &[&x]).unwrap(), floats(&[2, 3], &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0]));
        let first = Attributes::new().with("axis", Attribute::Int(0));
        let want = floats(&[2, 3], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(run_with("Hardmax", 13, &first, &[&x]).unwrap(), want);
        let want = floats(&[2, 3], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(run_with("Hardmax", 11, &first, &[&x]).unwrap(), want, "one group before version 13");
        assert!(run("Hardmax", 13, &[&Tensor::scalar(1i32)]).is_err(), "integers");
        let far = Attributes::new().with("axis", Attribute::Int(4));
        assert!(run_with("Hardmax", 13, &far, &[&floats(&[2, 3], &[0.0; 6])]).is_err(), "an axis that is not there");
    }
}
