//! [Softmax](https://onnx.ai/onnx/operators/onnx__Softmax.html): exponentials that sum to one.

use super::lanes::{Lanes, map_lanes};
use crate::{
    Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::math::elementwise::same_float,
    numeric::{reduce::sum16, rounding, transcendental},
};
use std::sync::Arc;

/// `e^(x - max) / sum e^(x - max)` over each group of elements. Before version 13 a group is everything from `axis` on.
///
/// Order of arithmetic: the maximum; `e^(x - max)`; their sum in sixteen chains and a tree
/// ([`sum16`](crate::numeric::reduce::sum16)); one division each. The operator is a function of the standard, whose body
/// has a node for each of these: narrow floats round after each of them.
#[derive(Debug)]
pub struct Softmax {
    /// Which elements belong together.
    pub lanes: Lanes,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Softmax { lanes: Lanes::parse(node)? }))
}

impl Operator for Softmax {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = same_float(&[inputs.dtype(0)?])?;
        let shape = inputs.shape(0)?.map(<[_]>::to_vec);
        if let Some(shape) = &shape {
            self.lanes.axes(shape.len())?;
        }
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let round = rounding(x.dtype());
        let single = |lane: &mut [f32]| softmax_f32(lane, round);
        Ok(vec![map_lanes(x, self.lanes, single, |lane| softmax_f64(lane, |v| v))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        self.lanes.rows(rows, inputs, outputs.len())
    }
}

macro_rules! softmax {
    ($name:ident, $t:ty, $exp:path) => {
        fn $name(lane: &mut [$t], round: impl Fn($t) -> $t) {
            let greatest = lane.iter().copied().fold(<$t>::NEG_INFINITY, |a, b| if b > a { b } else { a });
            for v in lane.iter_mut() {
                *v = round($exp(round(*v - greatest)));
            }
            let sum = round(sum16(lane.iter().copied()));
            for v in lane.iter_mut() {
                *v /= sum;
            }
        }
    };
}
softmax!(softmax_f32, f32, transcendental::exp_f32);
softmax!(softmax_f64, f64, transcendental::exp_f64);

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, DType, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn axes_and_their_defaults() {
        let x = floats(&[2, 3], &[0.0, 1.0, 2.0, 1001.0, 1000.0, 1002.0]);
        let (a, b, c) = (0.090_030_57, 0.244_728_48, 0.665_240_94);
        let close = |got: &Tensor, want: &[f32]| {
            assert!(got.as_slice::<f32>().unwrap().iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6), "{got:?}");
        };
        close(&run("Softmax", 13, &[&x]).unwrap(), &[a, b, c, b, a, c]);
        let y = floats(&[1, 3, 2], &[0.0, 7.0, 1.0, 5.0, 2.0, 6.0]);
        let middle = Attributes::new().with("axis", Attribute::Int(-2));
        close(&run_with("Softmax", 13, &middle, &[&y]).unwrap(), &[a, c, b, a, c, b]);
        let z = floats(&[1, 3, 1], &[0.0, 1.0, 2.0]);
        close(&run("Softmax", 11, &[&z]).unwrap(), &[a, b, c]);
        close(&run("Softmax", 13, &[&z]).unwrap(), &[1.0; 3]);
        close(&run("Softmax", 13, &[&floats(&[2, 0], &[])]).unwrap(), &[]);
        assert!(run("Softmax", 13, &[&Tensor::scalar(1i32)]).is_err(), "integers");
        // In half precision e^-1 is 0.36792 and the sum 1.3682; 0.36792 / 1.3682 rounds to another number than the quotient
        // of the exact ones.
        let half = |v: &[f32]| floats(&[v.len()], v).cast(DType::F16).unwrap();
        let steps = |v: f32| half::f16::from_f32(v);
        let (e, one) = (steps(libm::expf(-1.0)), steps(1.0));
        let sum = steps(e.to_f32() + 1.0);
        let want = [steps(one.to_f32() / sum.to_f32()), steps(e.to_f32() / sum.to_f32())];
        assert_eq!(run("Softmax", 13, &[&half(&[1.0, 0.0])]).unwrap().as_slice::<half::f16>().unwrap(), want);
        let far = Attributes::new().with("axis", Attribute::Int(4));
        assert!(run_with("Softmax", 13, &far, &[&floats(&[2, 3], &[0.0; 6])]).is_err(), "an axis that is not there");
    }
}
