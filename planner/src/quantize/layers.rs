//! Layers: the products and convolutions of a graph that can be computed in eight bits.

use hologram_ops::{
    DType, Effort, Inputs, Limits, Result, Tensor, Value,
    family::{
        math::{Add, Gemm, MatMul},
        nn::Conv,
        quantize::WIDTH_MAX,
    },
    graph::{Graph, NodeData, NodeId, ValueId},
};
use std::collections::{BTreeSet, HashMap};

/// Weights of a layer at least: below, its codes cost more than its products.
const WEIGHTS_MIN: usize = 256;

/// Operators that act on each element alone, where their other inputs are single numbers.
const ELEMENTWISE: &[&str] = &[
    "Abs",
    "Add",
    "Celu",
    "Clip",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "FastGelu",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Log",
    "Max",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "Pow",
    "QuickGelu",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Sub",
    "Swish",
    "Tanh",
    "ThresholdedRelu",
];

/// What a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Sums over the last axis.
    Dense,
    /// Sums over windows.
    Conv,
}

/// A layer that can be computed in eight bits.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) form: Form,
    /// The node that it is: its name, and what it is to a reader.
    pub(super) name: String,
    pub(super) about: String,
    /// The node, and the one that adds the addends where that is another.
    pub(super) nodes: Vec<NodeId>,
    pub(super) input: ValueId,
    pub(super) output: ValueId,
    /// `[k, n]` of a dense layer, as the node has them of a convolution.
    pub(super) weights: Tensor,
    /// A number for each output channel.
    pub(super) addends: Vec<f32>,
}

impl Layer {
    /// The addends as an input.
    pub(super) fn addends(&self) -> Result<Tensor> {
        Tensor::from_vec([self.addends.len()], self.addends.clone())
    }
}

/// The layers of a graph, in its order.
pub(super) fn find(graph: &Graph) -> Result<Vec<Layer>> {
    let mut found = Vec::new();
    for id in graph.order()? {
        let Some(node) = graph.node(id) else { continue };
        let layer = dense(graph, id, node)?.or_else(|| convolution(graph, id, node));
        found.extend(layer.filter(|layer| is_finite(layer) && layer.weights.len() >= WEIGHTS_MIN));
    }
    Ok(found)
}

fn is_finite(layer: &Layer) -> bool {
    let is_finite = |values: &[f32]| values.iter().all(|x| x.is_finite());
    layer.weights.as_slice::<f32>().is_ok_and(is_finite) && is_finite(&layer.addends)
}

/// Input `i` of a node.
fn input(node: &NodeData, i: usize) -> Option<ValueId> {
    node.inputs.get(i).copied().flatten()
}

/// The constant of input `i` in `f32`.
fn constant<'g>(graph: &'g Graph, node: &NodeData, i: usize) -> Option<&'g Tensor> {
    graph.value(input(node, i)?).constant.as_ref().filter(|tensor| tensor.dtype() == DType::F32)
}

fn is_a<O: hologram_ops::Operator>(node: &NodeData) -> Option<&O> {
    (node.operator.as_ref() as &dyn std::any::Any).downcast_ref()
}

/// A product with a constant matrix.
fn dense(graph: &Graph, id: NodeId, node: &NodeData) -> Result<Option<Layer>> {
    let (transpose, alpha) = match (is_a::<MatMul>(node), is_a::<Gemm>(node)) {
        (Some(_), _) => (false, 1.0),
        (_, Some(gemm)) if !gemm.transpose_a => (gemm.transpose_b, gemm.alpha),
        _ => return Ok(None),
    };
    let (Some(x), Some(Some(y))) = (input(node, 0), node.outputs.first().copied()) else { return Ok(None) };
    let Some(matrix) = constant(graph, node, 1) else { return Ok(None) };
    let (&[rows, columns], Some(rank)) = (matrix.shape(), graph.value(x).fact.shape().map(<[_]>::len)) else {
        return Ok(None);
    };
    let (k, n) = if transpose { (columns, rows) } else { (rows, columns) };
    let is_number = graph.value(x).fact.dtype() == Some(DType::F32) && graph.value(x).constant.is_none();
    if rank < 2 || !is_number || k == 0 || n == 0 || k > WIDTH_MAX {
        return Ok(None);
    }
    let values = matrix.as_slice::<f32>()?;
    let at = |l: usize, column: usize| if transpose { values[column * k + l] } else { values[l * n + column] };
    let weights = (0..k * n).map(|i| at(i / n, i % n) * alpha).collect();
    let mut layer = Layer {
        form: Form::Dense,
        name: node.name.clone(),
        about: format!("{} {k} x {n}", node.op),
        nodes: vec![id],
        input: x,
        output: y,
        weights: Tensor::from_vec([k, n], weights)?,
        addends: vec![0.0; n],
    };
    if let Some(gemm) = is_a::<Gemm>(node)
        && gemm.beta != 0.0
        && input(node, 2).is_some()
    {
        let Some(addend) = constant(graph, node, 2).and_then(|c| by_column(c, n)) else { return Ok(None) };
        layer.addends = addend.iter().map(|b| b * gemm.beta).collect();
    } else if let Some((add, output, addends)) = addition(graph, y, n) {
        layer.nodes.push(add);
        (layer.output, layer.addends) = (output, addends);
    }
    Ok(Some(layer))
}

/// The numbers of a tensor that has one for each of the last axis's columns, or one for all.
fn by_column(tensor: &Tensor, columns: usize) -> Option<Vec<f32>> {
    let values = tensor.as_slice::<f32>().ok()?;
    match values {
        [one] => Some(vec![*one; columns]),
        many => (many.len() == columns && tensor.shape().last() == Some(&columns)).then(|| many.to_vec()),
    }
}

/// The only reader of a value, if it is one.
fn only_reader(graph: &Graph, value: ValueId) -> Option<(NodeId, &NodeData)> {
    let is_output = graph.outputs().iter().any(|(_, v)| *v == value);
    match graph.consumers(value)[..] {
        [reader] if !is_output => Some((reader, graph.node(reader)?)),
        _ => None,
    }
}

/// An addition of a number a column that is all that reads a value.
fn addition(graph: &Graph, value: ValueId, columns: usize) -> Option<(NodeId, ValueId, Vec<f32>)> {
    let (id, node) = only_reader(graph, value)?;
    is_a::<Add>(node)?;
    let beside = usize::from(input(node, 0) == Some(value));
    let addend = constant(graph, node, beside)?;
    // An addend of more dimensions would give the sum more.
    (addend.rank() <= graph.value(value).fact.shape()?.len()).then_some(())?;
    Some((id, node.outputs.first().copied()??, by_column(addend, columns)?))
}

/// A convolution over one or two axes with constant weights, unless each channel stands alone.
fn convolution(graph: &Graph, id: NodeId, node: &NodeData) -> Option<Layer> {
    is_a::<Conv>(node)?;
    let weights = constant(graph, node, 1)?;
    let (&[maps, per_group, ..], 3 | 4) = (weights.shape(), weights.rank()) else { return None };
    let x = input(node, 0).filter(|x| graph.value(*x).constant.is_none())?;
    graph.value(x).fact.shape()?;
    if per_group < 2 || weights.len() / maps.max(1) > WIDTH_MAX {
        return None;
    }
    let addends = match input(node, 2) {
        None => vec![0.0; maps],
        Some(_) => constant(graph, node, 2)?.as_slice::<f32>().ok().filter(|b| b.len() == maps)?.to_vec(),
    };
    let window = weights.shape()[2..].iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    Some(Layer {
        form: Form::Conv,
        name: node.name.clone(),
        about: format!("{} {window}, {per_group} to {maps}", node.op),
        nodes: vec![id],
        input: x,
        output: node.outputs.first().copied()??,
        weights: weights.clone(),
        addends,
    })
}

/// What lies between the output of one layer and the input of the next: a function of each number alone.
#[derive(Debug)]
pub(super) struct Between {
    /// In the graph's order.
    pub(super) nodes: Vec<NodeId>,
    from: ValueId,
    to: ValueId,
}

/// The function between a layer and the next, where all that is made of the one's output goes into the other.
pub(super) fn between(graph: &Graph, from: &Layer, to: &Layer) -> Option<Between> {
    if from.form != Form::Dense || to.form != Form::Dense {
        return None;
    }
    let (from, to) = (from.output, to.input);
    let rank = graph.value(from).fact.shape()?.len();
    let (mut nodes, mut wanted) = (BTreeSet::new(), vec![to]);
    while let Some(value) = wanted.pop() {
        if value == from || graph.value(value).constant.as_ref().is_some_and(|c| c.len() == 1 && c.rank() <= rank) {
            continue;
        }
        let (id, _) = graph.value(value).producer?;
        let node = graph.node(id)?;
        let is_known = matches!(node.domain.as_str(), "" | "com.microsoft") && ELEMENTWISE.contains(&node.op.as_str());
        if !is_known || node.outputs.len() != 1 {
            return None;
        }
        if nodes.insert(id) {
            wanted.extend(node.inputs.iter().flatten());
        }
    }
    // Nobody else may read what lies between.
    let inner = nodes.iter().filter_map(|id| graph.node(*id)?.outputs.first().copied()?);
    for value in inner.chain([from]) {
        let is_output = graph.outputs().iter().any(|(_, v)| *v == value);
        let is_read = |reader: &NodeId| nodes.contains(reader) || value == to;
        if is_output || !graph.consumers(value).iter().all(is_read) || (value == to && graph.consumers(to).len() != 1) {
            return None;
        }
    }
    let nodes = graph.order().ok()?.into_iter().filter(|id| nodes.contains(id)).collect();
    Some(Between { nodes, from, to })
}

impl Between {
    /// The function of these numbers.
    pub(super) fn of(&self, graph: &Graph, numbers: Vec<f32>) -> Result<Vec<f32>> {
        let effort = Effort::within(&Limits::default());
        let mut known: HashMap<ValueId, Value> = HashMap::new();
        known.insert(self.from, Tensor::from_vec([numbers.len()], numbers)?.into());
        for node in self.nodes.iter().filter_map(|id| graph.node(*id)) {
            for value in node.inputs.iter().flatten() {
                if let Some(constant) = &graph.value(*value).constant {
                    known.insert(*value, constant.clone().into());
                }
            }
            let given: Vec<Option<&Value>> = node.inputs.iter().map(|v| v.and_then(|v| known.get(&v))).collect();
            let made = node.operator.evaluate_within(Inputs(&given), &effort)?;
            for (value, made) in node.outputs.iter().zip(made) {
                known.extend(value.map(|value| (value, made)));
            }
        }
        let last = known.remove(&self.to).ok_or_else(|| hologram_ops::Error::invalid("a value without a producer"))?;
        Ok(last.as_tensor()?.as_slice::<f32>()?.to_vec())
    }
}
