//! A plain model becomes a graph of operators.
//!
//! Initialisers and `Constant` nodes become constants, value infos declared types, and node attributes the operators'.
//! Three conventions hold between this importer and the operators with subgraphs:
//!
//! - A subgraph's inputs are its own, and then the values that it captures. The node gets the same values as extra inputs
//!   at its end, and the attribute `<graph attribute>.captures` lists the index of the node's input behind each.
//!   `Loop` has its two optional inputs before them in any case.
//! - Small constants around a subgraph are constants inside it too, so that inference sees them; they are no captures.
//! - An attribute that is a type becomes a graph with one input of that type and nothing else.

use super::{
    convert::kind_name,
    error::{OnnxError, Result},
    model::{OnnxAttr, OnnxGraph, OnnxModel, OnnxNode, domain_name},
    tensor::{OnnxElements, OnnxTensor, type_name},
    types::{OnnxDim, OnnxType},
};
use hologram_ops::{
    Attribute, Attributes, DType, Dim, Error, Registry, Tensor, Type,
    graph::{Graph, NewNode, ValueId},
};
use prost::bytes::Bytes;
use std::{collections::BTreeSet, sync::Arc};

/// Constants of at most so many elements are repeated inside subgraphs; shapes, axes and bounds are that small.
const REPEATED_ELEMENTS_MAX: usize = 64;

/// An operator that a model uses and a registry does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingOperator {
    /// The domain as people write it, such as `ai.onnx`.
    pub domain: String,
    /// The operator.
    pub op: String,
    /// The operator set version.
    pub opset: i64,
    /// What the registry says, with the nearest name or the versions that it has.
    pub message: String,
}

/// The graph that a model stands for; types are declared, not yet inferred.
///
/// # Errors
/// [`OnnxError::Unsupported`] for operators, types or attributes that there are none of, naming node, domain, operator,
/// version and the nearest name; [`OnnxError::Invalid`] for attributes that do not fit the operator and for text that is
/// no UTF-8.
pub fn lower(model: &OnnxModel, registry: &Registry) -> Result<Graph> {
    Lower { file: &model.file, registry }.graph(&model.graph, None)
}

/// Every operator of the model that the registry does not have, once each.
pub fn missing_operators(model: &OnnxModel, registry: &Registry) -> Vec<MissingOperator> {
    let mut missing = BTreeSet::new();
    find_missing(&model.graph, registry, &mut missing);
    missing.into_iter().collect()
}

fn find_missing(graph: &OnnxGraph, registry: &Registry, missing: &mut BTreeSet<MissingOperator>) {
    for node in &graph.nodes {
        for (_, attribute) in &node.attributes {
            if let OnnxAttr::Graph(subgraph) = attribute {
                find_missing(subgraph, registry, missing);
            }
        }
        if is_constant(node) {
            continue;
        }
        let version = u32::try_from(node.opset).unwrap_or(u32::MAX);
        if let Err(e) = registry.find(&node.domain, &node.op_type, version) {
            missing.insert(MissingOperator {
                domain: domain_name(&node.domain).to_owned(),
                op: node.op_type.clone(),
                opset: node.opset,
                message: e.to_string(),
            });
        }
    }
}

fn is_constant(node: &OnnxNode) -> bool {
    node.domain.is_empty() && node.op_type == "Constant"
}

/// An error of the operators' with the file in front.
pub(super) fn in_file(file: &str, place: impl Into<String>, error: Error) -> OnnxError {
    match error {
        Error::Unsupported(message) => OnnxError::unsupported(file, place, message),
        other => OnnxError::invalid(file, place, other.to_string()),
    }
}

struct Lower<'a> {
    file: &'a str,
    registry: &'a Registry,
}

impl Lower<'_> {
    /// `outer` is the graph around a subgraph, as far as it is made.
    fn graph(&self, source: &OnnxGraph, outer: Option<&Graph>) -> Result<Graph> {
        let place = format!("graph '{}'", source.name);
        let wrong = |e: Error| in_file(self.file, place.clone(), e);
        let mut graph = Graph::new(source.name.clone());
        for input in &source.inputs {
            let ty = read_type(&input.ty).map_err(|e| wrong(e.at(format!("input '{}'", input.name))))?;
            graph.add_input(&input.name, ty).map_err(wrong)?;
        }
        if let Some(outer) = outer {
            for name in &source.captures {
                self.capture(name, outer, &mut graph)?;
            }
        }
        for tensor in &source.initializers {
            let constant = constant(tensor).map_err(|e| wrong(e.at(format!("initialiser '{}'", tensor.name))))?;
            graph.add_constant(&tensor.name, constant).map_err(wrong)?;
        }
        for node in &source.nodes {
            self.node(node, &mut graph)?;
        }
        for value in source.value_info.iter().chain(&source.outputs) {
            // A file may describe values that no node gives.
            if let Some(id) = graph.value_named(&value.name) {
                let at = |e: Error| wrong(e.at(format!("value '{}'", value.name)));
                let ty = read_type(&value.ty).map_err(at)?;
                graph.declare(id, &ty).map_err(wrong)?;
            }
        }
        for output in &source.outputs {
            let id = self.find(&graph, &output.name, || place.clone())?;
            graph.add_output(&output.name, id);
        }
        Ok(graph)
    }

    fn find(&self, graph: &Graph, name: &str, place: impl Fn() -> String) -> Result<ValueId> {
        let missing = || OnnxError::invalid(self.file, place(), format!("nobody defines value '{name}'"));
        graph.value_named(name).ok_or_else(missing)
    }

    fn capture(&self, name: &str, outer: &Graph, graph: &mut Graph) -> Result<()> {
        let place = || format!("graph '{}'", graph.name);
        let value = outer.value(self.find(outer, name, place)?);
        let added = match repeated(outer, name) {
            Some(constant) => graph.add_constant(name, constant.clone()),
            None => graph.add_input(name, value.fact.ty.clone()),
        };
        added.map(drop).map_err(|e| in_file(self.file, format!("graph '{}'", graph.name), e))
    }

    fn node(&self, node: &OnnxNode, graph: &mut Graph) -> Result<()> {
        let place = || format!("node '{}' ({})", node.name, node.op_type);
        if is_constant(node) {
            return self.constant(node, graph);
        }
        let version = u32::try_from(node.opset)
            .map_err(|_| OnnxError::unsupported(self.file, place(), format!("operator set version {}", node.opset)))?;
        // An unknown operator is the first thing to say, before anything that its attributes may be.
        self.registry.find(&node.domain, &node.op_type, version).map_err(|e| in_file(self.file, place(), e))?;
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for name in &node.inputs {
            inputs.push(if name.is_empty() { None } else { Some(self.find(graph, name, place)?) });
        }
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        let mut attributes = Attributes::new();
        for (name, attribute) in &node.attributes {
            let place = format!("{}, attribute '{name}'", place());
            attributes.insert(name.clone(), self.attribute(attribute, graph, &place)?);
        }
        self.add_captures(node, graph, &mut inputs, &mut attributes)?;
        let outputs: Vec<&str> = node.outputs.iter().map(String::as_str).collect();
        let new = NewNode { name: &node.name, domain: &node.domain, op: &node.op_type, version, attributes };
        // The operator's error names the node already; the graph tells where the node is.
        let at = format!("graph '{}'", graph.name);
        graph.add_node(self.registry, new, inputs, &outputs).map_err(|e| in_file(self.file, at, e))?;
        Ok(())
    }

    /// Gives the node what its subgraphs capture, each value once, and says where.
    fn add_captures(
        &self,
        node: &OnnxNode,
        graph: &Graph,
        inputs: &mut Vec<Option<ValueId>>,
        attributes: &mut Attributes,
    ) -> Result<()> {
        let mut subgraphs: Vec<(&str, &OnnxGraph)> = Vec::new();
        for (name, attribute) in &node.attributes {
            if let OnnxAttr::Graph(subgraph) = attribute {
                subgraphs.push((name, subgraph));
            }
        }
        subgraphs.sort_by_key(|(name, _)| *name);
        if node.op_type == "Loop" && inputs.len() < 2 {
            inputs.resize(2, None);
        }
        let own = inputs.len();
        for (attribute, subgraph) in subgraphs {
            let mut captures = Vec::new();
            for name in subgraph.captures.iter().filter(|name| repeated(graph, name).is_none()) {
                let value = self.find(graph, name, || format!("node '{}' ({})", node.name, node.op_type))?;
                let known = inputs.iter().skip(own).position(|v| *v == Some(value)).map(|i| own + i);
                let index = known.unwrap_or(inputs.len());
                if known.is_none() {
                    inputs.push(Some(value));
                }
                captures.push(i64::try_from(index).unwrap_or(i64::MAX));
            }
            if !captures.is_empty() {
                attributes.insert(format!("{attribute}.captures"), Attribute::Ints(captures));
            }
        }
        Ok(())
    }

    fn attribute(&self, attribute: &OnnxAttr, graph: &Graph, place: &str) -> Result<Attribute> {
        let wrong = |e: Error| in_file(self.file, place, e);
        Ok(match attribute {
            OnnxAttr::Float(v) => Attribute::Float(*v),
            OnnxAttr::Int(v) => Attribute::Int(*v),
            OnnxAttr::String(v) => Attribute::String(text(v).map_err(wrong)?),
            OnnxAttr::Tensor(v) | OnnxAttr::Sparse(v) => Attribute::Tensor(constant(v).map_err(wrong)?),
            OnnxAttr::Graph(v) => Attribute::Graph(Arc::new(self.graph(v, Some(graph))?)),
            OnnxAttr::Type(v) => {
                let mut of = Graph::new("type");
                read_type(v).and_then(|ty| of.add_input("type", ty)).map_err(wrong)?;
                Attribute::Graph(Arc::new(of))
            }
            OnnxAttr::Floats(v) => Attribute::Floats(v.clone()),
            OnnxAttr::Ints(v) => Attribute::Ints(v.clone()),
            OnnxAttr::Strings(v) => Attribute::Strings(v.iter().map(text).collect::<Result<_, _>>().map_err(wrong)?),
            OnnxAttr::Tensors(v) | OnnxAttr::Sparses(v) => {
                Attribute::Tensors(v.iter().map(constant).collect::<Result<_, _>>().map_err(wrong)?)
            }
            OnnxAttr::Graphs(_) | OnnxAttr::Types(_) => {
                let kind = kind_name(attribute);
                return Err(OnnxError::unsupported(self.file, place, format!("an attribute that is {kind}")));
            }
        })
    }

    fn constant(&self, node: &OnnxNode, graph: &mut Graph) -> Result<()> {
        let place = format!("node '{}' (Constant)", node.name);
        let wrong = |e: Error| in_file(self.file, place.clone(), e);
        let [(name, attribute)] = &node.attributes[..] else {
            let n = node.attributes.len();
            return Err(OnnxError::invalid(self.file, place, format!("it has {n} attributes; one is right")));
        };
        let tensor = match (name.as_str(), attribute) {
            ("value", OnnxAttr::Tensor(v)) | ("sparse_value", OnnxAttr::Sparse(v)) => constant(v),
            ("value_float", OnnxAttr::Float(v)) => Ok(Tensor::scalar(*v)),
            ("value_floats", OnnxAttr::Floats(v)) => Tensor::from_slice([v.len()], v),
            ("value_int", OnnxAttr::Int(v)) => Ok(Tensor::scalar(*v)),
            ("value_ints", OnnxAttr::Ints(v)) => Tensor::from_slice([v.len()], v),
            ("value_string", OnnxAttr::String(v)) => text(v).and_then(|v| Tensor::from_string_iter([], [v])),
            ("value_strings", OnnxAttr::Strings(v)) => strings(v).and_then(|s| Tensor::from_string_iter([v.len()], s)),
            (name, other) => Err(Error::invalid(format!("attribute '{name}' is {}", kind_name(other)))),
        };
        match &node.outputs[..] {
            [output] if !output.is_empty() => {
                graph.add_constant(output, tensor.map_err(wrong)?).map(drop).map_err(wrong)
            }
            _ => Err(wrong(Error::invalid("it must have one output with a name"))),
        }
    }
}

/// The value, if it is a constant small enough to be repeated in subgraphs.
fn repeated<'g>(graph: &'g Graph, name: &str) -> Option<&'g Tensor> {
    let constant = graph.value(graph.value_named(name)?).constant.as_ref()?;
    (constant.len() <= REPEATED_ELEMENTS_MAX).then_some(constant)
}

/// A tensor with its bytes shared where they are aligned.
pub(super) fn constant(tensor: &OnnxTensor) -> Result<Tensor, Error> {
    match &tensor.data {
        OnnxElements::Strings(v) => Tensor::from_string_iter(tensor.dims.clone(), strings(v)?),
        OnnxElements::Bytes(bytes) => {
            Tensor::from_buffer(dtype(tensor.data_type)?, tensor.dims.clone(), bytes.clone().into())
        }
    }
}

fn dtype(code: i32) -> Result<DType, Error> {
    DType::from_code(code).map_err(|_| Error::unsupported(format!("elements of type {}", type_name(code))))
}

fn strings(bytes: &[Bytes]) -> Result<Vec<String>, Error> {
    bytes.iter().map(text).collect()
}

fn text(bytes: &Bytes) -> Result<String, Error> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|e| {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        Error::invalid(format!("'{shown}' is no UTF-8 text at byte {}", e.valid_up_to()))
    })
}

/// A declared type as operators know it.
pub(super) fn read_type(ty: &OnnxType) -> Result<Type, Error> {
    Ok(match ty {
        OnnxType::Unknown | OnnxType::Tensor { data_type: 0, .. } => Type::Unknown,
        OnnxType::Tensor { data_type, shape } => {
            let dims = |dims: &Vec<OnnxDim>| dims.iter().map(dim).collect();
            Type::Tensor { dtype: dtype(*data_type)?, shape: shape.as_ref().map(dims) }
        }
        OnnxType::Sequence(of) => Type::Sequence(Box::new(read_type(of)?)),
        OnnxType::Optional(of) => Type::Optional(Box::new(read_type(of)?)),
        OnnxType::Map { key_type, value_type } => match &**value_type {
            OnnxType::Tensor { data_type, .. } => Type::Map { key: dtype(*key_type)?, value: dtype(*data_type)? },
            other => return Err(Error::unsupported(format!("a map to {other}"))),
        },
        OnnxType::SparseTensor { .. } | OnnxType::Opaque { .. } => {
            return Err(Error::unsupported(format!("a value that is a {ty}")));
        }
    })
}

fn dim(dim: &OnnxDim) -> Dim {
    match dim {
        OnnxDim::Known(n) => Dim::Known(*n),
        OnnxDim::Symbol(name) => Dim::symbol(name),
        OnnxDim::Unknown => Dim::Unknown,
    }
}
