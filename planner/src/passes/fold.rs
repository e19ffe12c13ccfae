//! Constant folding: nodes whose inputs are known are evaluated now, by their own reference evaluation.

use hologram_ops::{
    DType, Effort, Error, Fact, Inputs, Limits, Result, Tensor, Value,
    graph::{Graph, Patch, ValueId},
    tensor::element_count,
};
use std::collections::{BTreeSet, HashMap};

/// A folded result may be larger than what it is made from by so many bytes: a generator of large weights stays a node.
const GROWTH_BYTES_MAX: usize = 1 << 20;

/// All folded results together may take so many times the bytes of the model's constants, and so many bytes more: a chain
/// of nodes that each keep a longer copy of what came before ends.
const TOTAL_FACTOR: usize = 8;
const TOTAL_BYTES: usize = 256 << 20;

/// Bytes of one string in place, whatever it says.
const STRING_BYTES: usize = 16;

pub(super) fn run(graph: &Graph, limits: &Limits) -> Result<(Patch, String)> {
    let mut patch = Patch::new();
    let effort = Effort::within(limits);
    let mut known: HashMap<ValueId, Value> =
        graph.values().filter_map(|(id, v)| Some((id, Value::Tensor(v.constant.clone()?)))).collect();
    let (mut folded, mut bytes) = (0usize, 0usize);
    let constants: usize = known.values().filter_map(|v| v.as_tensor().ok()).map(Tensor::byte_size).sum();
    let total = constants.saturating_mul(TOTAL_FACTOR).saturating_add(TOTAL_BYTES);
    for id in graph.order()? {
        let Some(node) = graph.node(id) else { continue };
        let given: Option<Vec<Option<&Value>>> =
            node.inputs.iter().map(|i| i.map_or(Some(None), |v| known.get(&v).map(Some))).collect();
        let outputs: Vec<ValueId> = node.outputs.iter().flatten().copied().collect();
        let Some(given) = given.filter(|_| node.operator.is_pure()) else {
            for value in outputs {
                if let Some(tensor) = value_from_shape(&graph.value(value).fact) {
                    bytes += tensor.byte_size();
                    known.insert(value, tensor.clone().into());
                    patch.set_constant(value, tensor);
                }
            }
            continue;
        };
        // What is given twice is there once.
        let from: BTreeSet<ValueId> = node.inputs.iter().flatten().copied().collect();
        let from = from.iter().filter_map(|v| known.get(v)?.as_tensor().ok()).map(Tensor::byte_size).sum::<usize>();
        let made = outputs.iter().map(|v| size(&graph.value(*v).fact)).fold(0, usize::saturating_add);
        if made > from.saturating_add(GROWTH_BYTES_MAX) || made > total.saturating_sub(bytes) {
            continue;
        }
        let results = match node.operator.evaluate_within(Inputs(&given), &effort) {
            // A loop of so many rounds is left to whoever runs the model.
            Err(Error::Exhausted(_)) => continue,
            other => other.map_err(|e: Error| e.at(format!("node '{}' ({})", node.name, node.op)))?,
        };
        let tensors: Option<Vec<Tensor>> = results.into_iter().map(|v| v.into_tensor().ok()).collect();
        let Some(tensors) = tensors else { continue };
        for (output, tensor) in node.outputs.iter().zip(tensors) {
            if let Some(value) = output {
                bytes += tensor.byte_size();
                known.insert(*value, tensor.clone().into());
                patch.set_constant(*value, tensor);
            }
        }
        patch.remove(id);
        folded += 1;
    }
    Ok((patch, format!("{folded} nodes became {bytes} bytes of constants")))
}

/// Bytes of a value, as far as they are known.
fn size(fact: &Fact) -> usize {
    let elements = fact.known_shape().map_or(0, |s| element_count(&s).unwrap_or(usize::MAX));
    elements.saturating_mul(fact.dtype().map_or(0, |d| if d == DType::String { STRING_BYTES } else { d.size() }))
}

/// The integers of a value that follows from shapes alone, when all are known.
fn value_from_shape(fact: &Fact) -> Option<Tensor> {
    let dims = fact.dims.as_ref()?;
    let values: Vec<i64> = dims.iter().map(|d| d.known().and_then(|n| i64::try_from(n).ok())).collect::<Option<_>>()?;
    if fact.dtype()? != DType::I64 {
        return None;
    }
    Tensor::from_vec(fact.known_shape()?, values).ok()
}

#[cfg(test)]
mod tests {
    use hologram_ops::{Limits, Registry, Tensor, Type, graph::Graph};

    #[test]
    fn nodes_on_constants_become_constants_and_others_stay() {
        let mut graph = Graph::new("t");
        let x = graph.add_input("x", Type::tensor(hologram_ops::DType::F32, [2usize])).unwrap();
        let a = graph.add_constant("a", Tensor::from_vec([2], vec![1.0f32, 2.0]).unwrap()).unwrap();
        let sum = graph.add_op("Add").name("constants").input(a, 0, 0).input(a, 0, 1).finish().unwrap();
        let out = graph.add_op("Add").name("with_input").input(sum, 0, 0).input(x, 0, 1).finish().unwrap();
        let value = graph.output_of(out, 0).unwrap();
        let folded = graph.output_of(sum, 0).unwrap();
        graph.add_output("y", value);
        graph.infer().unwrap();
        let (patch, _) = super::run(&graph, &Limits::default()).unwrap();
        graph.apply(patch, &Registry::standard()).unwrap();
        assert_eq!(graph.node_count(), 1);
        assert_eq!(graph.value(folded).constant, Some(Tensor::from_vec([2], vec![2.0f32, 4.0]).unwrap()));
    }
}
