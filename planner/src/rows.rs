//! The independence proof: whether axis 0 of every input and output counts rows that do not touch each other.

use hologram_ops::{
    Dim, Effort, Fact, Limits, Rows, Type,
    fact::Facts,
    graph::{Graph, ValueId},
};
use std::collections::HashMap;

pub use hologram_ops::rows::ROWS;

/// What was found of a graph's rows.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Whether rows are independent.
    pub independent: bool,
    /// The number of rows that a run must have, when it is fixed.
    pub fixed: Option<usize>,
    /// Why, in words.
    pub reason: String,
    /// The graph with axis 0 of every input and output named `rows`, when the proof holds.
    pub graph: Option<Graph>,
}

/// Tries to prove that the rows of a graph are independent.
///
/// Axis 0 of each input counts rows when its size is symbolic, or when it has one fixed size everywhere and the graph
/// still infers with a symbolic size in its place (then runs may have any number of rows).
pub fn prove(graph: &Graph, limits: &Limits) -> Proof {
    let no = |fixed, reason: String| Proof { independent: false, fixed, reason, graph: None };
    if graph.inputs().is_empty() {
        return no(None, "the model has no inputs".into());
    }
    let (mut types, mut sizes) = (Vec::new(), Vec::new());
    for id in graph.inputs() {
        let value = graph.value(*id);
        let Type::Tensor { dtype, shape: Some(shape) } = &value.fact.ty else {
            return no(None, format!("input '{}' is {}, which has no axis of rows", value.name, value.fact.ty));
        };
        let Some(first) = shape.first() else {
            return no(None, format!("input '{}' has no dimensions", value.name));
        };
        sizes.push(first.known());
        let mut shape = shape.clone();
        if let Some(axis) = (1..shape.len()).find(|a| matches!(shape[*a], Dim::Symbol(_)) && shape[*a] == shape[0]) {
            return no(None, format!("axis {axis} of input '{}' has as many elements as there are rows", value.name));
        }
        // Another dimension of that name is not the number of rows.
        shape.iter_mut().filter(|d| **d == Dim::symbol(ROWS)).for_each(|d| *d = Dim::Unknown);
        shape[0] = Dim::symbol(ROWS);
        types.push(Type::Tensor { dtype: *dtype, shape: Some(shape) });
    }
    let fixed = sizes[0].filter(|n| sizes.iter().all(|s| *s == Some(*n)));
    let mut symbolic = graph.with_input_types(&types);
    let outcome =
        symbolic.infer_within(&Effort::within(limits)).map_err(|e| e.to_string()).and_then(|()| independent(&symbolic));
    match (outcome, fixed) {
        (Ok(()), None) => Proof {
            independent: true,
            fixed: None,
            reason: "every operator keeps rows apart".into(),
            graph: Some(symbolic),
        },
        (Ok(()), Some(n)) => Proof {
            independent: true,
            fixed: None,
            reason: format!("every operator keeps rows apart; the declared {n} became any number"),
            graph: Some(symbolic),
        },
        (Err(why), Some(1)) => {
            Proof { independent: true, fixed: Some(1), reason: format!("each run has one row ({why})"), graph: None }
        }
        (Err(why), fixed) => no(fixed, why),
    }
}

/// Whether every output has its rows on axis 0; the error says which node mixes them.
fn independent(graph: &Graph) -> Result<(), String> {
    let mut rows: HashMap<ValueId, Rows> = graph.inputs().iter().map(|v| (*v, Rows::Axis(0))).collect();
    let mut culprit: HashMap<ValueId, String> = HashMap::new();
    for id in graph.order().map_err(|e| e.to_string())? {
        let Some(node) = graph.node(id) else { continue };
        let given: Vec<Rows> =
            node.inputs.iter().map(|i| i.map_or(Rows::Free, |v| rows.get(&v).copied().unwrap_or(Rows::Free))).collect();
        let facts: Vec<Option<&Fact>> = node.inputs.iter().map(|i| i.map(|v| &graph.value(v).fact)).collect();
        let unknown = Fact::of(Type::Unknown);
        let outputs: Vec<Fact> =
            node.outputs.iter().map(|o| o.map_or(unknown.clone(), |v| graph.value(v).fact.clone())).collect();
        let results = node.operator.rows(&given, Facts(&facts), &outputs);
        for (i, output) in node.outputs.iter().enumerate() {
            let Some(value) = output else { continue };
            let mut found = results.get(i).copied().unwrap_or(Rows::Mixed);
            if let (Rows::Axis(a), Some(shape)) = (found, graph.value(*value).fact.shape())
                && shape.get(a).is_none_or(|d| d.known().is_some())
            {
                found = Rows::Mixed;
            }
            if found == Rows::Extent && tells_no_rows(&graph.value(*value).fact) {
                found = Rows::Free;
            }
            if found == Rows::Mixed {
                let inherited = node.inputs.iter().flatten().find_map(|v| culprit.get(v).cloned());
                culprit.insert(
                    *value,
                    inherited.unwrap_or_else(|| format!("node '{}' ({}) mixes rows", node.name, node.op)),
                );
            }
            rows.insert(*value, found);
        }
    }
    for (name, value) in graph.outputs() {
        match rows.get(value).copied().unwrap_or(Rows::Free) {
            Rows::Axis(0) => {}
            Rows::Mixed => {
                return Err(culprit.get(value).cloned().unwrap_or_else(|| format!("output '{name}' mixes rows")));
            }
            other => return Err(format!("axis 0 of output '{name}' does not count rows ({other:?})")),
        }
    }
    Ok(())
}

/// Whether a value that is made of shapes holds dimensions, none of which is the number of rows: those of each row alone.
/// Names of dimensions are those of inputs, since a proof infers anew; what is made of the number of rows has none.
fn tells_no_rows(fact: &Fact) -> bool {
    let is_own = |dim: &Dim| *dim != Dim::Unknown && *dim != Dim::symbol(ROWS);
    fact.dims.as_ref().is_some_and(|dims| dims.iter().all(is_own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hologram_ops::{DType, Tensor};

    /// Rows of words of any number, each word with a number for its place; the number of places is read at `at` of the shape.
    fn places(at: i64) -> Proof {
        let mut graph = Graph::new("places");
        let dims = [Dim::symbol("batch"), Dim::symbol("words")];
        let words = graph.add_input("words", Type::tensor(DType::F32, dims)).unwrap();
        let mut ints =
            |name: &str, value: i64| graph.add_constant(name, Tensor::from_vec([1], vec![value]).unwrap()).unwrap();
        let (zero, from, to) = (ints("zero", 0), ints("from", at), ints("to", at + 1));
        let numbers = Tensor::from_vec([64], (0..64).map(|i| i as f32).collect()).unwrap();
        let numbers = graph.add_constant("numbers", numbers).unwrap();
        let shape = graph.add_op("Shape").input(words, 0, 0).finish().unwrap();
        let count = graph.add_op("Slice").input(shape, 0, 0).input(from, 0, 1).input(to, 0, 2).finish().unwrap();
        let own = graph.add_op("Slice").input(numbers, 0, 0).input(zero, 0, 1).input(count, 0, 2);
        let own = own.input(zero, 0, 3).finish().unwrap();
        let sum = graph.add_op("Add").input(words, 0, 0).input(own, 0, 1).finish().unwrap();
        let sum = graph.output_of(sum, 0).unwrap();
        graph.add_output("sum", sum);
        graph.infer().unwrap();
        prove(&graph, &Limits::default())
    }

    #[test]
    fn a_row_may_depend_on_its_own_length_and_not_on_the_number_of_rows() {
        let own = places(1);
        assert!(own.independent, "{}", own.reason);
        let others = places(0);
        assert!(!others.independent && others.reason.contains("mixes rows"), "{}", others.reason);
    }
}
