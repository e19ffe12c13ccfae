//! [RNN](https://onnx.ai/onnx/operators/onnx__RNN.html): a plain recurrent layer.

use super::{
    recurrent::{Recurrent, Step},
    wide::with_wide,
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, numeric::Float};
use std::sync::Arc;

/// `H = f(X W^T + H R^T + Wb + Rb)`, step by step; see [`Recurrent`] for the order of arithmetic.
#[derive(Debug)]
pub struct Rnn {
    /// Directions, layout, activations.
    pub recurrent: Recurrent,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Rnn { recurrent: Recurrent::parse(node, 1, false, &["Tanh"])? }))
}

fn step<T: Float>(s: &Step<'_, T>, h: &mut Vec<T>, _: &mut Vec<T>) {
    *h = (0..s.hidden).map(|u| s.activate(0, s.sum(0, u, h))).collect();
}

impl Operator for Rnn {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.recurrent.infer(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => self.recurrent.run::<T>(inputs, step))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        self.recurrent.rows(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run_in, t};
    use crate::{Attribute, Tensor};

    #[test]
    fn directions_lengths_and_layouts() {
        // Two sequences of up to three numbers through h = x + 2 h.
        let x = t(&[3, 2, 1], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        let lengths = Tensor::from_vec([2], vec![3i32, 2]).unwrap();
        let affine = |n: usize| ("activations", Attribute::Strings(vec!["Affine".into(); n]));
        let w = |n: usize, v: f32| Some(t(&[n, 1, 1], &vec![v; n]));
        let given = [Some(x.clone()), w(1, 1.0), w(1, 2.0), None, Some(lengths.clone())];
        let got = run_in("", "RNN", 14, &[affine(1)], &given, 2).unwrap();
        close(&got[0], &[3, 1, 2, 1], &[1.0, 10.0, 4.0, 40.0, 11.0, 0.0]);
        close(&got[1], &[1, 2, 1], &[11.0, 40.0]);
        let both = [affine(2), ("direction", Attribute::String("bidirectional".into()))];
        let given = [Some(x), w(2, 1.0), w(2, 2.0), None, Some(lengths)];
        let got = run_in("", "RNN", 22, &both, &given, 2).unwrap();
        close(&got[0], &[3, 2, 2, 1], &[1.0, 10.0, 17.0, 50.0, 4.0, 40.0, 8.0, 20.0, 11.0, 0.0, 3.0, 0.0]);
        close(&got[1], &[2, 2, 1], &[11.0, 40.0, 17.0, 50.0]);
        let batch_first = [affine(1), ("layout", Attribute::Int(1))];
        let x = t(&[1, 2, 1], &[1.0, 2.0]);
        let got = run_in("", "RNN", 14, &batch_first, &[Some(x.clone()), w(1, 1.0), w(1, 2.0)], 2).unwrap();
        close(&got[0], &[1, 2, 1, 1], &[1.0, 4.0]);
        assert!(run_in("", "RNN", 14, &[affine(2)], &[Some(x.clone()), w(1, 1.0), w(1, 2.0)], 1).is_err());
        assert!(run_in("", "RNN", 14, &[], &[Some(x), w(2, 1.0), w(1, 2.0)], 1).is_err());
    }
}
