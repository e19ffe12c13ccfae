//! [LSTM](https://onnx.ai/onnx/operators/onnx__LSTM.html): a recurrent layer with a cell and three gates.

use super::{
    recurrent::{Recurrent, Step},
    wide::with_wide,
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, numeric::Float};
use std::sync::Arc;

/// Gates in the order input, output, forget, cell; peepholes in the order input, output, forget. Peepholes add their
/// product last; see [`Recurrent`] for the rest of the order of arithmetic. `C = f * C + i * c`, each rounded.
#[derive(Debug)]
pub struct Lstm {
    /// Directions, layout, activations.
    pub recurrent: Recurrent,
    /// Whether the forget gate is one minus the input gate.
    pub input_forget: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Lstm {
        recurrent: Recurrent::parse(node, 4, true, &["Sigmoid", "Tanh", "Tanh"])?,
        input_forget: node.attributes.flag_or("input_forget", false)?,
    }))
}

pub(crate) fn step<T: Float>(s: &Step<'_, T>, h: &mut Vec<T>, c: &mut [T], input_forget: bool) {
    let peep = |gate: usize, u: usize, c: T| s.peephole.get(gate * s.hidden + u).map(|p| p.mul(c));
    let with = |x: T, p: Option<T>| p.map_or(x, |p| x.add(p));
    let mut next = Vec::with_capacity(s.hidden);
    for (u, cell) in c.iter_mut().enumerate() {
        let input = s.activate(0, with(s.sum(0, u, h), peep(0, u, *cell)));
        let forget =
            if input_forget { T::ONE.sub(input) } else { s.activate(0, with(s.sum(2, u, h), peep(2, u, *cell))) };
        let candidate = s.activate(1, s.sum(3, u, h));
        *cell = forget.mul(*cell).add(input.mul(candidate));
        let output = s.activate(0, with(s.sum(1, u, h), peep(1, u, *cell)));
        next.push(output.mul(s.activations[2].apply(*cell)));
    }
    *h = next;
}

impl Operator for Lstm {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.recurrent.infer(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.recurrent.run::<T>(inputs, |s, h, c| step(s, h, c, self.input_forget)))
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
    fn gates_peepholes_and_coupling() {
        let affine = ("activations", Attribute::Strings(vec!["Affine".into(); 3]));
        let x = Some(t(&[1, 1, 1], &[2.0]));
        let (w, r) = (Some(t(&[1, 4, 1], &[0.5, 1.0, 1.5, 2.0])), Some(t(&[1, 4, 1], &[0.0; 4])));
        let c = Some(t(&[1, 1, 1], &[3.0]));
        let p = Some(t(&[1, 3], &[1.0, 10.0, 100.0]));
        let given = [x.clone(), w.clone(), r.clone(), None, None, None, c.clone()];
        // i = 1, o = 2, f = 3, candidate 4.
        let got = run_in("", "LSTM", 14, &[affine.clone()], &given, 3).unwrap();
        close(&got[2], &[1, 1, 1], &[13.0]);
        close(&got[0], &[1, 1, 1, 1], &[26.0]);
        let coupled = [affine.clone(), ("input_forget", Attribute::Int(1))];
        close(&run_in("", "LSTM", 14, &coupled, &given, 3).unwrap()[2], &[1, 1, 1], &[4.0]);
        let given = [x.clone(), w, r.clone(), None, None, None, c, p];
        // i = 1 + 3, f = 3 + 300, C = 909 + 16, o = 2 + 9250.
        let got = run_in("", "LSTM", 22, &[affine], &given, 3).unwrap();
        close(&got[2], &[1, 1, 1], &[925.0]);
        close(&got[1], &[1, 1, 1], &[9252.0 * 925.0]);
        assert!(run_in("", "LSTM", 14, &[], &[x, r.clone(), r], 1).is_ok());
    }
}
