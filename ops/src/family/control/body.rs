//! A subgraph as an attribute: its inputs, those it captures, and types over it.

use crate::{Dim, Effort, Error, Fact, Inputs, Node, Result, Type, Value, fact::Facts, graph::Graph};
use std::sync::Arc;

/// A subgraph with the indices of the node's inputs that it captures.
///
/// The graph's own inputs come first; its trailing inputs are captured outer values. The attribute
/// `<graph attribute>.captures` lists, for each trailing input in order, the index of the node's input that feeds it.
#[derive(Debug)]
pub struct Body {
    /// The subgraph.
    pub graph: Arc<Graph>,
    /// The node's input behind each trailing input of the subgraph.
    pub captures: Vec<usize>,
}

impl Body {
    /// Reads the graph attribute of this name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is missing or its captures do not fit the node.
    pub fn parse(node: &Node<'_>, name: &str) -> Result<Self> {
        let graph = node.attributes.required(name, crate::Attributes::graph)?;
        let captures = node.attributes.ints_or(&format!("{name}.captures"), Vec::new())?;
        let captures = captures
            .iter()
            .map(|i| usize::try_from(*i).ok().filter(|i| *i < node.inputs))
            .collect::<Option<Vec<_>>>()
            .filter(|c| c.len() <= graph.inputs().len())
            .ok_or_else(|| Error::invalid(format!("attribute '{name}.captures' {captures:?} does not fit the node")))?;
        Ok(Self { graph, captures })
    }

    /// The number of inputs before the captured ones.
    pub fn own_inputs(&self) -> usize {
        self.graph.inputs().len() - self.captures.len()
    }

    /// Whether every operator of the graph is pure.
    pub fn is_pure(&self) -> bool {
        let nodes = self.graph.order().unwrap_or_default();
        nodes.iter().filter_map(|id| self.graph.node(*id)).all(|n| n.operator.is_pure())
    }

    /// Evaluates the graph for its own inputs and those that it captures of the node's.
    ///
    /// # Errors
    /// What the graph's operators say, and what the effort does.
    pub fn evaluate(&self, mut own: Vec<Value>, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        for i in &self.captures {
            own.push(inputs.value(*i)?.clone());
        }
        self.graph.evaluate_within(&own, effort)
    }

    /// What is known of the outputs when this is known of the graph's own inputs and of the node's. Shapes that the graph
    /// declares count for nothing: exporters declare wrong ones, and evaluation takes values as they come.
    ///
    /// # Errors
    /// What the operators' inference says, and what the effort does.
    pub fn infer(&self, own: &[Fact], inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        let mut graph = Graph::clone(&self.graph);
        graph.forget_shapes();
        self.infer_in(graph, own, inputs, effort)
    }

    /// [`infer`](Self::infer) for outputs that are never computed: what the graph declares is the next best.
    ///
    /// # Errors
    /// Those of [`infer`](Self::infer).
    pub(super) fn infer_declared(&self, own: &[Fact], inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        self.infer_in(Graph::clone(&self.graph), own, inputs, effort)
    }

    fn infer_in(&self, mut graph: Graph, own: &[Fact], inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        let ids = graph.inputs().to_vec();
        let captured = self.captures.iter().map(|i| inputs.get(*i));
        for (id, fact) in ids.into_iter().zip(own.iter().map(Some).chain(captured)) {
            if let Some(fact) = fact {
                graph.assume(id, fact)?;
            }
        }
        graph.infer_within(effort)?;
        Ok(graph.outputs().iter().map(|(_, id)| graph.value(*id).fact.clone()).collect())
    }
}

/// What holds of a value that is of one type or of the other.
pub(crate) fn either(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (Type::Tensor { dtype, shape: s }, Type::Tensor { dtype: other, shape: t }) if dtype == other => {
            let shape = match (s, t) {
                (Some(s), Some(t)) if s.len() == t.len() => {
                    Some(s.iter().zip(t).map(|(p, q)| if p == q { p.clone() } else { Dim::Unknown }).collect())
                }
                _ => None,
            };
            Type::Tensor { dtype: *dtype, shape }
        }
        (Type::Sequence(x), Type::Sequence(y)) => Type::Sequence(Box::new(either(x, y))),
        (Type::Optional(x), Type::Optional(y)) => Type::Optional(Box::new(either(x, y))),
        (x, y) if x == y => x.clone(),
        _ => Type::Unknown,
    }
}

/// The types that states have in every round, the first and one after the last among them, and what is known of a
/// round's outputs then; the states are the outputs from `first` on.
///
/// # Errors
/// What a round says.
pub(super) fn settled(
    initial: &[Type],
    first: usize,
    round: impl Fn(&[Fact]) -> Result<Vec<Fact>>,
) -> Result<(Vec<Type>, Vec<Fact>)> {
    let mut states = initial.to_vec();
    let mut rounds = 0;
    // Each round knows less than the one before, so this ends; shapes that keep changing are given up soon.
    loop {
        let facts: Vec<Fact> = states.iter().cloned().map(Fact::of).collect();
        let out = round(&facts)?;
        let after = out.iter().skip(first).map(|f| &f.ty);
        let mut next: Vec<Type> = after.zip(&states).map(|(ty, s)| either(ty, s)).collect();
        if next == states {
            return Ok((states, out));
        }
        rounds += 1;
        if rounds > 2 {
            next.iter_mut().zip(&states).filter(|(n, s)| n != s).for_each(|(n, _)| *n = n.shapeless());
        }
        states = next;
    }
}

/// Tensors of one shape stacked along a new axis; `empty` is what is known of one when there are none.
///
/// # Errors
/// [`Error::Invalid`] when shapes differ or a value is no tensor.
pub(crate) fn stack(values: &[Value], axis: i64, empty: Option<&Fact>) -> Result<Value> {
    use crate::{Tensor, family::movement::concat, operator::axis_index};
    let Some(first) = values.first() else {
        let dtype = empty.and_then(Fact::dtype).ok_or_else(|| Error::invalid("nothing to stack, of unknown type"))?;
        let mut shape: Vec<usize> =
            empty.and_then(Fact::shape).unwrap_or_default().iter().map(|d| d.known().unwrap_or(0)).collect();
        let at = axis_index(axis, shape.len() + 1)?;
        shape.insert(at, 0);
        return Ok(Tensor::zeros(dtype, shape)?.into());
    };
    let at = axis_index(axis, first.as_tensor()?.rank() + 1)?;
    let parts = values
        .iter()
        .map(|v| {
            let t = v.as_tensor()?;
            let mut shape = t.shape().to_vec();
            shape.insert(at.min(shape.len()), 1);
            t.reshape(shape)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(concat(&parts.iter().collect::<Vec<_>>(), at as i64)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, family::movement::trial::*};

    #[test]
    fn states_settle_however_long_a_change_takes_to_reach_them() {
        let initial = vec![Type::tensor(DType::F32, [2]); 9];
        // Each state becomes the one before it, and the first one longer.
        let grow = |given: &[Fact]| {
            let longer = given[0].shape().map(|s| vec![s[0].map(|n| n + 1)]);
            let mut out = vec![Fact::tensor(DType::F32, longer)];
            out.extend_from_slice(&given[..8]);
            Ok(out)
        };
        let unknown = |ty: &Type| {
            matches!(ty, Type::Tensor { shape: None, .. }) || *ty == Type::tensor(DType::F32, [Dim::Unknown])
        };
        assert!(settled(&initial, 0, grow).unwrap().0.iter().all(unknown));
        let turn = |given: &[Fact]| Ok(vec![Fact::shaped(DType::I64, [2]), given[0].clone()]);
        assert_eq!(settled(&initial[..2], 0, turn).unwrap().0, [Type::Unknown, Type::Unknown]);
    }

    #[test]
    fn shapes_that_a_body_declares_are_not_believed() {
        let mut g = Graph::new("body");
        let x = g.add_input("x", Type::tensor(DType::F32, [0usize; 0])).unwrap();
        let n = g.add_op("Identity").input(x, 0, 0).finish().unwrap();
        let y = g.output_of(n, 0).unwrap();
        g.declare(y, &Type::tensor(DType::F32, [7])).unwrap();
        g.add_output("y", y);
        let body = Body { graph: Arc::new(g), captures: Vec::new() };
        let infer = |fact: Fact| body.infer(&[fact], Facts(&[]), &Effort::unbounded());
        assert_eq!(infer(Fact::tensor(DType::F32, None)).unwrap(), [Fact::tensor(DType::F32, None)]);
        assert_eq!(infer(Fact::shaped(DType::F32, [3])).unwrap(), [Fact::shaped(DType::F32, [3])]);
        assert!(infer(Fact::shaped(DType::I64, [3])).is_err());
        // The declared element type holds where inference knows none: other values are refused.
        let other: Value = i64s(&[1], &[3]).into();
        let refused = body.evaluate(vec![other], Inputs(&[]), &Effort::unbounded()).unwrap_err();
        assert!(refused.to_string().contains("'x'"), "{refused}");
    }

    #[test]
    fn types_merge_and_values_stack() {
        let (a, b) = (Type::tensor(DType::F32, [2, 3]), Type::tensor(DType::F32, [2, 4]));
        assert_eq!(either(&a, &b), Type::tensor(DType::F32, [Dim::Known(2), Dim::Unknown]));
        assert_eq!(either(&a, &Type::tensor(DType::I8, [2])), Type::Unknown);
        let v = |n: i64| Value::from(i64s(&[2], &[n, n + 1]));
        assert_eq!(stack(&[v(1), v(5)], -1, None).unwrap(), i64s(&[2, 2], &[1, 5, 2, 6]).into());
        let none = Fact::shaped(DType::I64, [2]);
        assert_eq!(stack(&[], 0, Some(&none)).unwrap(), i64s(&[0, 2], &[]).into());
        assert!(stack(&[], 0, None).is_err());
    }
}
