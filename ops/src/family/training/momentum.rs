//! [Momentum](https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Momentum.html): steps along accumulated gradients.

use super::optimiser::{self, Rule};
use crate::{Attributes, Error, Node, Operator, Result, numeric::Float};
use std::sync::Arc;

/// `V' = alpha V + beta g` and `X' = X - R V'`, or with Nesterov's momentum `X' = X - R (g + alpha V')`, where
/// `g = norm_coefficient X + G`; before the first update `beta` is 1.
///
/// Order of arithmetic: each operation on elements rounds, in the order written.
#[derive(Debug)]
pub struct Momentum {
    /// Weight of the momentum so far.
    pub alpha: f32,
    /// Weight of the gradient.
    pub beta: f32,
    /// Weight of half the squared norm of the variable.
    pub norm_coefficient: f32,
    /// Whether the gradient is taken ahead of the step, as Nesterov does.
    pub nesterov: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let rule = Momentum {
        alpha: a.required("alpha", Attributes::float)?,
        beta: a.required("beta", Attributes::float)?,
        norm_coefficient: a.required("norm_coefficient", Attributes::float)?,
        nesterov: match a.required("mode", Attributes::string)?.as_str() {
            "nesterov" => true,
            "standard" => false,
            other => {
                return Err(Error::invalid(format!("attribute 'mode' is '{other}'; it is 'nesterov' or 'standard'")));
            }
        },
    };
    optimiser::parse(node, rule)
}

impl Rule for Momentum {
    const STATES: usize = 1;

    fn step<T: Float>(&self, rate: f64, count: i64, variable: &mut [T], gradient: &[T], states: &mut [Vec<T>]) {
        let (rate, alpha, norm) = (T::from_f64(rate), T::from_f32(self.alpha), T::from_f32(self.norm_coefficient));
        let beta = T::from_f32(if count > 0 { self.beta } else { 1.0 });
        let momenta = states.iter_mut().flatten();
        for ((x, g), v) in variable.iter_mut().zip(gradient).zip(momenta) {
            let g = norm.mul(*x).add(*g);
            *v = alpha.mul(*v).add(beta.mul(g));
            let along = if self.nesterov { g.add(alpha.mul(*v)) } else { *v };
            *x = x.sub(rate.mul(along));
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

    fn attributes(mode: &str) -> [(&'static str, Attribute); 4] {
        [
            ("alpha", Attribute::Float(0.5)),
            ("beta", Attribute::Float(2.0)),
            ("norm_coefficient", Attribute::Float(0.25)),
            ("mode", Attribute::String(mode.into())),
        ]
    }

    #[test]
    fn both_modes_before_and_after_the_first_update() {
        let inputs = [t(&[1], &[4.0]), t(&[1], &[2.0]), t(&[1], &[8.0])];
        // g = 1 + 2; V' = 4 + 3 at first and 4 + 6 later.
        for (mode, count, x, v) in [
            ("standard", 0, 4.0 - 70.0, 7.0),
            ("standard", 1, 4.0 - 100.0, 10.0),
            ("nesterov", 0, 4.0 - 65.0, 7.0),
            ("nesterov", 1, 4.0 - 80.0, 10.0),
        ] {
            let got = step("Momentum", &attributes(mode), (10.0, count), &inputs).unwrap();
            close(&got[0], &[1], &[x]);
            close(&got[1], &[1], &[v]);
        }
    }

    #[test]
    fn other_modes_and_missing_attributes_are_refused() {
        let inputs = [t(&[1], &[4.0]), t(&[1], &[2.0]), t(&[1], &[8.0])];
        assert!(step("Momentum", &attributes("heavy"), (1.0, 1), &inputs).is_err());
        for missing in 0..4 {
            let mut all = attributes("standard").to_vec();
            let (name, _) = all.remove(missing);
            assert!(step("Momentum", &all, (1.0, 1), &inputs).is_err(), "without {name}");
        }
    }
}
