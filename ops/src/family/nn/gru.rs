//! [GRU](https://onnx.ai/onnx/operators/onnx__GRU.html): a recurrent layer with an update and a reset gate.

use super::{
    recurrent::{Recurrent, Step},
    wide::with_wide,
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, numeric::Float};
use std::sync::Arc;

/// Gates in the order update, reset, hidden; see [`Recurrent`] for the order of arithmetic.
/// `H = (1 - z) * h + z * H`, each operation rounded.
#[derive(Debug)]
pub struct Gru {
    /// Directions, layout, activations.
    pub recurrent: Recurrent,
    /// Whether the reset gate acts on the state's product instead of on the state.
    pub linear_before_reset: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Gru {
        recurrent: Recurrent::parse(node, 3, false, &["Sigmoid", "Tanh"])?,
        linear_before_reset: node.attributes.flag_or("linear_before_reset", false)?,
    }))
}

fn step<T: Float>(s: &Step<'_, T>, h: &mut Vec<T>, linear: bool) {
    let gate = |g: usize| (0..s.hidden).map(|u| s.activate(0, s.sum(g, u, h))).collect::<Vec<T>>();
    let (update, reset) = (gate(0), gate(1));
    let kept: Vec<T> = reset.iter().zip(h.iter()).map(|(r, h)| r.mul(*h)).collect();
    let next = (0..s.hidden).map(|u| {
        let candidate = if linear {
            let state = s.state_product(2, u, h).add(s.bias(1, 2, u));
            s.input_product(2, u).add(reset[u].mul(state)).add(s.bias(0, 2, u))
        } else {
            s.sum(2, u, &kept)
        };
        let candidate = s.activate(1, candidate);
        T::ONE.sub(update[u]).mul(candidate).add(update[u].mul(h[u]))
    });
    *h = next.collect();
}

impl Operator for Gru {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.recurrent.infer(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.recurrent.run::<T>(inputs, |s, h, _| step(s, h, self.linear_before_reset)))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        self.recurrent.rows(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run_in, t};
    use crate::Attribute;

    #[test]
    fn gates_and_the_place_of_the_reset() {
        let affine = ("activations", Attribute::Strings(vec!["Affine".into(); 2]));
        let x = Some(t(&[1, 1, 1], &[2.0]));
        let (w, r) = (Some(t(&[1, 3, 1], &[0.25, 0.5, 1.0])), Some(t(&[1, 3, 1], &[0.0, 1.0, 3.0])));
        let b = Some(t(&[1, 6], &[0.0, 0.0, 0.5, 0.0, 0.0, 7.0]));
        let h = Some(t(&[1, 1, 1], &[4.0]));
        // z = 0.5, r = 1 + 4 = 5.
        for (linear, candidate) in [(0, 2.0 + 5.0 * 4.0 * 3.0 + 7.5), (1, 2.0 + 5.0 * (12.0 + 7.0) + 0.5)] {
            let attributes = [affine.clone(), ("linear_before_reset", Attribute::Int(linear))];
            let given = [x.clone(), w.clone(), r.clone(), b.clone(), None, h.clone()];
            let got = run_in("", "GRU", 14, &attributes, &given, 2).unwrap();
            close(&got[1], &[1, 1, 1], &[0.5 * candidate + 2.0]);
        }
        assert!(run_in("", "GRU", 14, &[], &[x.clone(), w, r.clone(), r.clone()], 1).is_err());
    }
}
