//! [If](https://onnx.ai/onnx/operators/onnx__If.html): one of two subgraphs.

use super::body::{Body, either};
use crate::{Effort, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// Runs one branch or the other. Inputs from 1 on are what the branches capture.
#[derive(Debug)]
pub struct If {
    /// What runs when the condition is true.
    pub then_branch: Body,
    /// What runs when it is false.
    pub else_branch: Body,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let (then_branch, else_branch) = (Body::parse(node, "then_branch")?, Body::parse(node, "else_branch")?);
    for (name, b) in [("then_branch", &then_branch), ("else_branch", &else_branch)] {
        if b.own_inputs() != 0 || b.graph.outputs().len() < node.outputs {
            return Err(Error::invalid(format!(
                "'{name}' has {} inputs of its own and {} outputs where 0 and {} are expected",
                b.own_inputs(),
                b.graph.outputs().len(),
                node.outputs
            )));
        }
    }
    Ok(Arc::new(If { then_branch, else_branch }))
}

fn condition(t: &Tensor) -> Result<bool> {
    t.item::<bool>().map_err(|e| e.at("the condition"))
}

impl Operator for If {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.infer_within(inputs, &Effort::unbounded())
    }

    fn infer_within(&self, inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        if let Some(c) = inputs.value(0) {
            return if condition(c)? { &self.then_branch } else { &self.else_branch }.infer(&[], inputs, effort);
        }
        let (a, b) = (self.then_branch.infer(&[], inputs, effort)?, self.else_branch.infer(&[], inputs, effort)?);
        Ok(a.iter().zip(&b).map(|(x, y)| Fact::of(either(&x.ty, &y.ty))).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        self.evaluate_within(inputs, &Effort::unbounded())
    }

    fn evaluate_within(&self, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        let branch = if condition(inputs.tensor(0)?)? { &self.then_branch } else { &self.else_branch };
        branch.evaluate(Vec::new(), inputs, effort)
    }

    /// A branch may hold an operator that is not pure.
    fn is_pure(&self) -> bool {
        self.then_branch.is_pure() && self.else_branch.is_pure()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, Type, family::movement::trial::*, graph::Graph};
    use std::sync::Arc;

    #[test]
    fn runs_a_branch_with_its_captures() {
        let branch = |twice: bool| {
            let mut g = Graph::new("branch");
            let x = g.add_input("x", Type::Unknown).unwrap();
            let y = if twice {
                let n = g.add_op("Add").input(x, 0, 0).input(x, 0, 1).finish().unwrap();
                g.output_of(n, 0).unwrap()
            } else {
                x
            };
            g.add_output("y", y);
            Attribute::Graph(Arc::new(g))
        };
        let attributes = [
            ("then_branch", branch(true)),
            ("else_branch", branch(false)),
            ("then_branch.captures", Attribute::Ints(vec![1])),
            ("else_branch.captures", Attribute::Ints(vec![2])),
        ];
        let (a, b) = (i64s(&[2], &[1, 2]), i64s(&[1], &[7]));
        for (c, expected) in [(true, i64s(&[2], &[2, 4])), (false, b.clone())] {
            let got = run("If", 16, &attributes, &[Tensor::scalar(c), a.clone(), b.clone()]).unwrap();
            assert_eq!(got, expected);
        }
        assert!(run("If", 16, &attributes, &[Tensor::scalar(1i64), a.clone(), b.clone()]).is_err());
        assert!(run("If", 16, &attributes, &[Tensor::scalar(true), a.clone()]).is_err());
        assert!(run("If", 16, &attributes[..2], &[Tensor::scalar(true), a]).is_err());
    }
}
