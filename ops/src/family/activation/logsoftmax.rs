//! [LogSoftmax](https://onnx.ai/onnx/operators/onnx__LogSoftmax.html): logarithms of exponentials that sum to one.

use super::lanes::{Lanes, map_lanes};
use crate::{
    Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::math::elementwise::same_float,
    numeric::{reduce::sum16, rounding, transcendental},
};
use std::sync::Arc;

/// `x - max - ln sum e^(x - max)` over each group of elements. Before version 13 a group is everything from `axis` on.
///
/// Order of arithmetic: the maximum; the sum of `e^(x - max)` in sixteen chains and a tree
/// ([`sum16`](crate::numeric::reduce::sum16)); its logarithm; two subtractions. Narrow floats round after each step, as the
/// nodes of the standard's function do.
#[derive(Debug)]
pub struct LogSoftmax {
    /// Which elements belong together.
    pub lanes: Lanes,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(LogSoftmax { lanes: Lanes::parse(node)? }))
}

impl Operator for LogSoftmax {
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
        let single = |lane: &mut [f32]| log_softmax_f32(lane, round);
        Ok(vec![map_lanes(x, self.lanes, single, |lane| log_softmax_f64(lane, |v| v))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        self.lanes.rows(rows, inputs, outputs.len())
    }
}

macro_rules! log_softmax {
    ($name:ident, $t:ty, $exp:path, $ln:path) => {
        fn $name(lane: &mut [$t], round: impl Fn($t) -> $t) {
            let greatest = lane.iter().copied().fold(<$t>::NEG_INFINITY, |a, b| if b > a { b } else { a });
            let log = round($ln(round(sum16(lane.iter().map(|v| round($exp(round(*v - greatest))))))));
            for v in lane.iter_mut() {
                *v = round(*v - greatest) - log;
            }
        }
    };
}
log_softmax!(log_softmax_f32, f32, transcendental::exp_f32, transcendental::ln_f32);
log_softmax!(log_softmax_f64, f64, transcendental::exp_f64, libm::log);

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn axes_and_their_defaults() {
        let x = floats(&[2, 3], &[0.0, 1.0, 2.0, 1001.0, 1000.0, 1002.0]);
        let (a, b, c) = (-2.407_606, -1.407_606, -0.407_605_98);
        let close = |got: &Tensor, want: &[f32]| {
            assert!(got.as_slice::<f32>().unwrap().iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6), "{got:?}");
        };
        close(&run("LogSoftmax", 13, &[&x]).unwrap(), &[a, b, c, b, a, c]);
        let y = floats(&[1, 3, 2], &[0.0, 7.0, 1.0, 5.0, 2.0, 6.0]);
        let middle = Attributes::new().with("axis", Attribute::Int(-2));
        close(&run_with("LogSoftmax", 13, &middle, &[&y]).unwrap(), &[a, c, b, a, c, b]);
        let z = floats(&[1, 3, 1], &[0.0, 1.0, 2.0]);
        close(&run("LogSoftmax", 11, &[&z]).unwrap(), &[a, b, c]);
        close(&run("LogSoftmax", 13, &[&z]).unwrap(), &[0.0; 3]);
        assert!(run("LogSoftmax", 13, &[&Tensor::scalar(1i32)]).is_err(), "integers");
        let far = Attributes::new().with("axis", Attribute::Int(4));
        assert!(run_with("LogSoftmax", 13, &far, &[&floats(&[2, 3], &[0.0; 6])]).is_err(), "an axis that is not there");
    }
}
