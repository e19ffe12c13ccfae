//! [SequenceMap](https://onnx.ai/onnx/operators/onnx__SequenceMap.html): a subgraph applied to each element.

use crate::{Effort, Error, Fact, Inputs, Node, Operator, Result, Type, Value, fact::Facts, family::control::Body};
use std::sync::Arc;

/// Applies the body to each element of the sequence in input 0. Further inputs that are sequences give their element of the
/// same position, tensors are the same for all; then comes what the body captures.
#[derive(Debug)]
pub struct SequenceMap {
    /// The body.
    pub body: Body,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let body = Body::parse(node, "body")?;
    if body.own_inputs() == 0 || body.graph.outputs().len() < node.outputs {
        return Err(Error::invalid("a body without inputs or with fewer outputs than the node"));
    }
    Ok(Arc::new(SequenceMap { body }))
}

impl Operator for SequenceMap {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.infer_within(inputs, &Effort::unbounded())
    }

    fn infer_within(&self, inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        let mut own = Vec::new();
        for i in 0..self.body.own_inputs() {
            own.push(match &inputs.required(i)?.ty {
                Type::Sequence(t) => Fact::of(t.as_ref().clone()),
                other => Fact::of(other.clone()),
            });
        }
        let out = self.body.infer(&own, inputs, effort)?;
        Ok(out.into_iter().map(|f| Fact::of(Type::Sequence(Box::new(f.ty)))).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        self.evaluate_within(inputs, &Effort::unbounded())
    }

    fn evaluate_within(&self, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        let first = inputs.value(0)?.as_sequence().map_err(|e| e.at("input 0"))?;
        let mut out: Vec<Vec<Value>> = vec![Vec::new(); self.body.graph.outputs().len()];
        for i in 0..first.len() {
            let own = (0..self.body.own_inputs())
                .map(|k| match inputs.value(k)? {
                    Value::Sequence(s) => {
                        s.get(i).cloned().ok_or_else(|| Error::invalid(format!("input {k} has no element {i}")))
                    }
                    other => Ok(other.clone()),
                })
                .collect::<Result<Vec<_>>>()?;
            let values = self.body.evaluate(own, inputs, effort).map_err(|e| e.at(format!("element {i}")))?;
            out.iter_mut().zip(values).for_each(|(all, v)| all.push(v));
        }
        Ok(out.into_iter().map(Value::Sequence).collect())
    }

    /// The body may hold an operator that is not pure.
    fn is_pure(&self) -> bool {
        self.body.is_pure()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Type, Value, family::movement::trial::*, graph::Graph};
    use std::sync::Arc;

    #[test]
    fn maps_with_a_sequence_and_with_a_tensor() {
        let mut g = Graph::new("body");
        let a = g.add_input("a", Type::Unknown).unwrap();
        let b = g.add_input("b", Type::Unknown).unwrap();
        let n = g.add_op("Add").input(a, 0, 0).input(b, 0, 1).finish().unwrap();
        let sum = g.output_of(n, 0).unwrap();
        g.add_output("y", sum);
        let attributes = [("body", Attribute::Graph(Arc::new(g)))];
        let s = |v: &[i64]| Value::Sequence(v.iter().map(|n| i64s(&[1], &[*n]).into()).collect());
        let go = |other: Value| run_values("SequenceMap", 17, &attributes, &[Some(s(&[1, 2])), Some(other)], 1);
        assert_eq!(go(s(&[10, 20])).unwrap(), [s(&[11, 22])]);
        assert_eq!(go(i64s(&[1], &[5]).into()).unwrap(), [s(&[6, 7])]);
        assert!(go(s(&[10])).is_err());
    }
}
