//! [Adagrad](https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Adagrad.html): rates by accumulated squares of gradients.

use super::optimiser::{self, Rule};
use crate::{Node, Operator, Result, family::nn::wide::via, numeric::Float};
use std::sync::Arc;

/// `H' = H + g g`, `X' = X - r g / (sqrt(H') + epsilon)` with `g = norm_coefficient X + G` and
/// `r = R / (1 + T decay_factor)`.
///
/// Order of arithmetic: `r` is computed in `f64` and rounded once; each operation on elements rounds, in the order
/// written.
#[derive(Debug)]
pub struct Adagrad {
    /// Weight of half the squared norm of the variable.
    pub norm_coefficient: f32,
    /// How the rate falls with the count of updates.
    pub decay_factor: f32,
    /// What keeps the division from zero.
    pub epsilon: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let rule = Adagrad {
        norm_coefficient: a.float_or("norm_coefficient", 0.0)?,
        decay_factor: a.float_or("decay_factor", 0.0)?,
        epsilon: a.float_or("epsilon", 1e-6)?,
    };
    optimiser::parse(node, rule)
}

impl Rule for Adagrad {
    const STATES: usize = 1;

    fn step<T: Float>(&self, rate: f64, count: i64, variable: &mut [T], gradient: &[T], states: &mut [Vec<T>]) {
        let rate = T::from_f64(rate / (1.0 + count as f64 * f64::from(self.decay_factor)));
        let (norm, epsilon) = (T::from_f32(self.norm_coefficient), T::from_f32(self.epsilon));
        let squares = states.iter_mut().flatten();
        for ((x, g), h) in variable.iter_mut().zip(gradient).zip(squares) {
            let g = norm.mul(*x).add(*g);
            *h = h.add(g.mul(g));
            *x = x.sub(rate.mul(g).div(via(*h, f64::sqrt).add(epsilon)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::optimiser::testing::step;
    use crate::{
        Attribute,
        family::nn::testing::{close, t},
    };

    #[test]
    fn squares_accumulate_and_rates_decay() {
        let all = |x: f32| [t(&[2], &[x, -x]), t(&[2], &[3.0, -3.0]), t(&[2], &[16.0, 16.0])];
        // H' = 16 + 9, X' = 1 - 2 * 3 / 5.
        let got = step("Adagrad", &[], (2.0, 7), &all(1.0)).unwrap();
        close(&got[0], &[2], &[-0.2, 0.2]);
        close(&got[1], &[2], &[25.0, 25.0]);
        // g = 2 * 0.5 + 3 = 4, H' = 32, r = 6 / (1 + 4 * 0.5) = 2, X' = 0.5 - 8 / (sqrt(32) + 1).
        let attributes = [
            ("norm_coefficient", Attribute::Float(2.0)),
            ("decay_factor", Attribute::Float(0.5)),
            ("epsilon", Attribute::Float(1.0)),
        ];
        let got = step("Adagrad", &attributes, (6.0, 4), &all(0.5)).unwrap();
        close(&got[0], &[2], &[-0.701_77, 0.701_77]);
        close(&got[1], &[2], &[32.0, 32.0]);
        let none = step("Adagrad", &[("epsilon", Attribute::Int(1))], (1.0, 0), &all(1.0));
        assert!(none.is_err(), "an integer as epsilon");
    }
}
