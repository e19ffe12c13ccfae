//! [Adam](https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Adam.html): steps by averages of gradients and of their squares.

use super::optimiser::{self, Rule};
use crate::{Node, Operator, Result, family::nn::wide::via, numeric::Float};
use std::sync::Arc;

/// `V' = alpha V + (1 - alpha) g`, `H' = beta H + (1 - beta) g g`, `X' = (1 - norm_coefficient_post) (X - r V' /
/// (sqrt(H') + epsilon))` with `g = norm_coefficient X + G` and `r = R sqrt(1 - beta^T) / (1 - alpha^T)`, or `R` before
/// the first update.
///
/// Order of arithmetic: what elements share is computed in `f64` and rounded once; each operation on elements rounds,
/// in the order written.
#[derive(Debug)]
pub struct Adam {
    /// Weight of the average of gradients so far.
    pub alpha: f32,
    /// Weight of the average of their squares so far.
    pub beta: f32,
    /// What keeps the division from zero.
    pub epsilon: f32,
    /// Weight of half the squared norm of the variable.
    pub norm_coefficient: f32,
    /// How much of the variable is taken off after the step.
    pub norm_coefficient_post: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let rule = Adam {
        alpha: a.float_or("alpha", 0.9)?,
        beta: a.float_or("beta", 0.999)?,
        epsilon: a.float_or("epsilon", 1e-6)?,
        norm_coefficient: a.float_or("norm_coefficient", 0.0)?,
        norm_coefficient_post: a.float_or("norm_coefficient_post", 0.0)?,
    };
    optimiser::parse(node, rule)
}

/// One minus a number.
fn rest(of: f32) -> f64 {
    1.0 - f64::from(of)
}

impl Rule for Adam {
    const STATES: usize = 2;

    fn step<T: Float>(&self, rate: f64, count: i64, variable: &mut [T], gradient: &[T], states: &mut [Vec<T>]) {
        let [averages, squares] = states else { return };
        let rate = if count > 0 {
            let power = |of: f32| libm::pow(f64::from(of), count as f64);
            rate * (1.0 - power(self.beta)).sqrt() / (1.0 - power(self.alpha))
        } else {
            rate
        };
        let rate = T::from_f64(rate);
        let (alpha, beta) = (T::from_f32(self.alpha), T::from_f32(self.beta));
        let (fresh, fresh_square) = (T::from_f64(rest(self.alpha)), T::from_f64(rest(self.beta)));
        let (norm, kept) = (T::from_f32(self.norm_coefficient), T::from_f64(rest(self.norm_coefficient_post)));
        let epsilon = T::from_f32(self.epsilon);
        let each = variable.iter_mut().zip(gradient).zip(averages).zip(squares);
        for (((x, g), v), h) in each {
            let g = norm.mul(*x).add(*g);
            *v = alpha.mul(*v).add(fresh.mul(g));
            *h = beta.mul(*h).add(fresh_square.mul(g).mul(g));
            *x = kept.mul(x.sub(rate.mul(*v).div(via(*h, f64::sqrt).add(epsilon))));
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
    fn averages_move_and_rates_are_corrected() {
        let float = Attribute::Float;
        let attributes = [("alpha", float(0.5)), ("beta", float(0.75)), ("epsilon", float(1.0))];
        let inputs = || [t(&[1], &[1.0]), t(&[1], &[4.0]), t(&[1], &[2.0]), t(&[1], &[16.0])];
        // V' = 1 + 2, H' = 12 + 4, before the first update X' = 1 - 10 * 3 / 5.
        let got = step("Adam", &attributes, (10.0, 0), &inputs()).unwrap();
        close(&got[0], &[1], &[-5.0]);
        close(&got[1], &[1], &[3.0]);
        close(&got[2], &[1], &[16.0]);
        // r = 10 * sqrt(1 - 9 / 16) / (1 - 1 / 4) = 8.81917.
        let got = step("Adam", &attributes, (10.0, 2), &inputs()).unwrap();
        close(&got[0], &[1], &[-4.291_503]);
        // g = 2 + 4, V' = 1 + 3, H' = 12 + 9, X' = 0.75 * (1 - 10 * 4 / (sqrt(21) + 1)).
        let norms = [("norm_coefficient", float(2.0)), ("norm_coefficient_post", float(0.25))];
        let all: Vec<_> = attributes.into_iter().chain(norms).collect();
        let got = step("Adam", &all, (10.0, 0), &inputs()).unwrap();
        close(&got[0], &[1], &[-4.623_864]);
        close(&got[1], &[1], &[4.0]);
        close(&got[2], &[1], &[21.0]);
    }

    #[test]
    fn defaults_and_missing_states() {
        let inputs = [t(&[1], &[1.0]), t(&[1], &[10.0]), t(&[1], &[0.0]), t(&[1], &[0.0])];
        // V' = 0.1 * 10, H' = (1 - 0.999) * 100 = 0.0999987 as 0.999 is no f32, X' = 1 - 1 / (sqrt(H') + 1e-6).
        let got = step("Adam", &[], (1.0, 0), &inputs).unwrap();
        close(&got[0], &[1], &[-2.162_288]);
        close(&got[1], &[1], &[1.0]);
        close(&got[2], &[1], &[0.1]);
        assert!(step("Adam", &[], (1.0, 0), &inputs[..3]).is_err());
    }
}
