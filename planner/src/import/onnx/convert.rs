//! Messages become plain structures, and calls of functions become the nodes of their bodies.
//!
//! A body's values and nodes get the call's name in front, so that two calls never meet; a body's references to the
//! function's attributes are replaced by what the call gives. Nodes keep the operator set version of the function that
//! they come from.

use super::{
    error::{OnnxError, Result},
    external::External,
    functions::{Call, Function, Functions},
    model::{OnnxAttr, OnnxGraph, OnnxNode, canonical_domain, domain_name},
    proto::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, attribute_type as kind},
    repairs::{RepairKind, Repairs},
    tensor::{OnnxTensor, TensorReader},
    types::{self, OnnxValueInfo},
};
use hologram_ops::Limits;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

/// The model's graph in plain form, with functions expanded; nodes are still in the file's order and names unchecked.
///
/// # Errors
/// [`OnnxError`] naming file, node and attribute or tensor.
pub(super) fn convert(
    file: &str,
    model: &ModelProto,
    opsets: &BTreeMap<String, i64>,
    folder: Option<&Path>,
    limits: &Limits,
    repairs: &mut Repairs,
) -> Result<OnnxGraph> {
    let functions = Functions::new(file, &model.functions)?;
    let graph = model.graph.as_ref().ok_or_else(|| OnnxError::invalid(file, "model", "it has no graph"))?;
    let mut taken = HashSet::new();
    if !model.functions.is_empty() {
        take_names(graph, &mut taken);
    }
    let tensors = TensorReader { file, limits, external: External::new(folder) };
    let mut converter =
        Converter { file, limits, opsets, functions: &functions, tensors, taken, serial: 0, nodes: 0, repairs };
    converter.graph(graph, &mut Scope { opsets, call: None, stack: Vec::new() }, 0)
}

/// Every name that a value of the graph or of its subgraphs has.
fn take_names(graph: &GraphProto, taken: &mut HashSet<String>) {
    let declared = graph.input.iter().chain(&graph.output).filter_map(|v| v.name.as_ref());
    taken.extend(declared.chain(graph.initializer.iter().filter_map(|t| t.name.as_ref())).cloned());
    for node in &graph.node {
        taken.extend(node.input.iter().chain(&node.output).chain(&node.name).cloned());
        for attribute in &node.attribute {
            attribute.g.as_deref().into_iter().chain(&attribute.graphs).for_each(|g| take_names(g, taken));
        }
    }
}

struct Converter<'a> {
    file: &'a str,
    limits: &'a Limits,
    opsets: &'a BTreeMap<String, i64>,
    functions: &'a Functions<'a>,
    tensors: TensorReader<'a>,
    /// Names of values and nodes that expansion must not give again.
    taken: HashSet<String>,
    serial: u64,
    nodes: u64,
    repairs: &'a mut Repairs,
}

/// Where a node stands: in the model's graph, or in the body of a called function.
struct Scope<'a> {
    opsets: &'a BTreeMap<String, i64>,
    call: Option<Call>,
    /// The functions that are being expanded, outermost first.
    stack: Vec<String>,
}

impl<'a> Converter<'a> {
    fn graph(&mut self, proto: &GraphProto, scope: &mut Scope<'a>, depth: u32) -> Result<OnnxGraph> {
        let name = proto.name.clone().unwrap_or_default();
        self.check_depth(depth, || format!("graph '{name}'"))?;
        let mut graph = OnnxGraph { name, ..OnnxGraph::default() };
        for tensor in &proto.initializer {
            graph.initializers.push(self.tensors.dense("initialiser", tensor)?);
        }
        for tensor in &proto.sparse_initializer {
            graph.initializers.push(self.tensors.sparse("initialiser", tensor)?);
        }
        for tensor in &mut graph.initializers {
            tensor.name = self.rename(scope, &tensor.name);
        }
        graph.inputs = self.values(&proto.input, scope)?;
        graph.outputs = self.values(&proto.output, scope)?;
        graph.value_info = self.values(&proto.value_info, scope)?;
        for node in &proto.node {
            self.node(node, scope, depth, &mut graph.nodes)?;
        }
        for name in name_nodes(&mut graph.nodes) {
            self.repairs.add(RepairKind::NodeNamed, &graph.name, &name);
        }
        self.read_once(&mut graph)?;
        let constants: HashSet<&str> = graph.initializers.iter().map(|t| t.name.as_str()).collect();
        for input in graph.inputs.extract_if(.., |input| constants.contains(input.name.as_str())) {
            self.repairs.add(RepairKind::InputIsConstant, &graph.name, &input.name);
        }
        Ok(graph)
    }

    /// Keeps the first of initialisers that have the same name, type, shape and contents.
    fn read_once(&mut self, graph: &mut OnnxGraph) -> Result<()> {
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut kept: Vec<OnnxTensor> = Vec::with_capacity(graph.initializers.len());
        for tensor in graph.initializers.drain(..) {
            match first.get(&tensor.name) {
                Some(i) if kept[*i] == tensor => {
                    self.repairs.add(RepairKind::InitialiserRepeated, &graph.name, &tensor.name);
                }
                Some(_) => {
                    let place = format!("graph '{}'", graph.name);
                    let message = format!("initialiser '{}' is defined twice, with different contents", tensor.name);
                    return Err(OnnxError::invalid(self.file, place, message));
                }
                None => {
                    first.insert(tensor.name.clone(), kept.len());
                    kept.push(tensor);
                }
            }
        }
        graph.initializers = kept;
        Ok(())
    }

    fn check_depth(&self, depth: u32, what: impl Fn() -> String) -> Result<()> {
        if depth > self.limits.nesting {
            let what = format!("{}: nesting of subgraphs and functions", what());
            return Err(OnnxError::too_large(self.file, what, u64::from(depth), u64::from(self.limits.nesting)));
        }
        Ok(())
    }

    fn values(&mut self, protos: &[ValueInfoProto], scope: &mut Scope<'a>) -> Result<Vec<OnnxValueInfo>> {
        let read = |proto| {
            let value = types::value_info(self.file, proto)?;
            Ok(OnnxValueInfo { name: self.rename(scope, &value.name), ..value })
        };
        protos.iter().map(read).collect()
    }

    /// The name that a value of this scope has in the expanded graph.
    fn rename(&mut self, scope: &mut Scope<'a>, name: &str) -> String {
        let Some(call) = &mut scope.call else { return name.to_owned() };
        if name.is_empty() {
            return String::new();
        }
        if let Some(known) = call.names.get(name) {
            return known.clone();
        }
        let fresh = self.fresh(format!("{}/{name}", call.prefix));
        call.names.insert(name.to_owned(), fresh.clone());
        fresh
    }

    /// The name, or the name with a number if it is taken.
    fn fresh(&mut self, name: String) -> String {
        let mut fresh = name.clone();
        while !self.taken.insert(fresh.clone()) {
            self.serial += 1;
            fresh = format!("{name}_{}", self.serial);
        }
        fresh
    }

    fn node(&mut self, proto: &NodeProto, scope: &mut Scope<'a>, depth: u32, out: &mut Vec<OnnxNode>) -> Result<()> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(OnnxError::too_large(self.file, "nodes after expansion", self.nodes, self.limits.nodes));
        }
        let op_type = proto.op_type.clone().unwrap_or_default();
        let mut name = proto.name.clone().unwrap_or_default();
        if let (Some(call), false) = (&scope.call, name.is_empty()) {
            name = format!("{}/{name}", call.prefix);
        }
        let place = format!("node '{name}' ({op_type})");
        if op_type.is_empty() {
            return Err(OnnxError::invalid(self.file, place, "it has no operator"));
        }
        let mut attributes: Vec<(String, OnnxAttr)> = Vec::with_capacity(proto.attribute.len());
        let mut seen = HashSet::new();
        for attribute in &proto.attribute {
            if !seen.insert(attribute.name.as_deref().unwrap_or_default()) {
                let twice = attribute.name.as_deref().unwrap_or_default();
                return Err(OnnxError::invalid(self.file, place, format!("attribute '{twice}' is given twice")));
            }
            attributes.extend(self.attribute(attribute, &place, scope, depth)?);
        }
        let inputs: Vec<String> = proto.input.iter().map(|n| self.rename(scope, n)).collect();
        if let Some(function) = self.functions.called_by(proto) {
            // Names of the call's outputs are made here, so that the body's results land on them.
            let outputs: Vec<String> = proto.output.iter().map(|n| self.rename(scope, n)).collect();
            let call = Site { name, place, inputs, outputs, attributes };
            return self.expand(function, call, scope, depth + 1, out);
        }
        let outputs = proto.output.iter().map(|n| self.rename(scope, n)).collect();
        let domain = canonical_domain(proto.domain.as_deref().unwrap_or_default()).to_owned();
        let opset = self.opset(&domain, scope, &place)?;
        out.push(OnnxNode { name, domain, op_type, opset, inputs, outputs, attributes });
        Ok(())
    }

    fn opset(&self, domain: &str, scope: &Scope<'a>, place: &str) -> Result<i64> {
        scope.opsets.get(domain).or_else(|| self.opsets.get(domain)).copied().ok_or_else(|| {
            let domain = domain_name(domain);
            OnnxError::invalid(self.file, place, format!("the model imports no version of operator set '{domain}'"))
        })
    }

    fn expand(
        &mut self,
        function: &'a Function<'a>,
        site: Site,
        scope: &Scope<'a>,
        depth: u32,
        out: &mut Vec<OnnxNode>,
    ) -> Result<()> {
        let key = function.key.to_string();
        let proto = function.proto;
        self.check_depth(depth, || site.place.clone())?;
        let invalid = |message: String| OnnxError::invalid(self.file, site.place.clone(), message);
        let mut stack = scope.stack.clone();
        stack.push(key.clone());
        if scope.stack.contains(&key) {
            return Err(invalid(format!("functions call each other without end: {}", stack.join(" -> "))));
        }
        for (kind, given, declared) in
            [("inputs", site.inputs.len(), proto.input.len()), ("outputs", site.outputs.len(), proto.output.len())]
        {
            if given > declared {
                return Err(invalid(format!("{given} {kind} for function {key}, which has {declared}")));
            }
        }
        let declared: HashSet<String> = proto
            .attribute
            .iter()
            .chain(proto.attribute_proto.iter().filter_map(|a| a.name.as_ref()))
            .cloned()
            .collect();
        if let Some((name, _)) = site.attributes.iter().find(|(name, _)| !declared.contains(name)) {
            return Err(invalid(format!("function {key} has no attribute '{name}'")));
        }
        let mut attributes: HashMap<String, OnnxAttr> = site.attributes.into_iter().collect();
        let mut plain = Scope { opsets: &function.opsets, call: None, stack };
        for default in &proto.attribute_proto {
            if default.name.as_ref().is_some_and(|name| attributes.contains_key(name)) {
                continue;
            }
            attributes.extend(self.attribute(default, &format!("function {key}"), &mut plain, depth)?);
        }
        let stem = match &scope.call {
            _ if !site.name.is_empty() => site.name,
            Some(call) => format!("{}/{}", call.prefix, proto.name.as_deref().unwrap_or_default()),
            None => proto.name.clone().unwrap_or_default(),
        };
        let prefix = self.fresh(format!("{stem}/")).trim_end_matches('/').to_owned();
        let mut names: HashMap<String, String> = HashMap::new();
        for (i, formal) in proto.input.iter().enumerate() {
            names.insert(formal.clone(), site.inputs.get(i).cloned().unwrap_or_default());
        }
        let mut passed = Vec::new();
        for (formal, actual) in proto.output.iter().zip(&site.outputs).filter(|(_, actual)| !actual.is_empty()) {
            match names.get(formal) {
                // The function hands an input on as it is.
                Some(input) => passed.push((input.clone(), actual.clone())),
                None => {
                    names.insert(formal.clone(), actual.clone());
                }
            }
        }
        let mut inner = Scope { call: Some(Call { prefix: prefix.clone(), names, attributes, declared }), ..plain };
        for node in &proto.node {
            self.node(node, &mut inner, depth, out)?;
        }
        for (input, output) in passed {
            let opset = self.opset("", &inner, &site.place)?;
            out.push(OnnxNode {
                name: format!("{prefix}/{output}"),
                domain: String::new(),
                op_type: "Identity".to_owned(),
                opset,
                inputs: vec![input],
                outputs: vec![output],
                attributes: Vec::new(),
            });
        }
        Ok(())
    }

    /// The attribute, or nothing when it refers to one of the function that the call does not give.
    fn attribute(
        &mut self,
        proto: &AttributeProto,
        node: &str,
        scope: &mut Scope<'a>,
        depth: u32,
    ) -> Result<Option<(String, OnnxAttr)>> {
        let file = self.file;
        let name = proto.name.clone().unwrap_or_default();
        let place = format!("{node}, attribute '{name}'");
        let invalid = |message: &str| OnnxError::invalid(file, place.clone(), message);
        if name.is_empty() {
            return Err(invalid("it has no name"));
        }
        if let Some(reference) = proto.ref_attr_name.as_deref().filter(|r| !r.is_empty()) {
            let Some(call) = &scope.call else {
                return Err(invalid(&format!("it refers to '{reference}' of a function, outside of any function")));
            };
            if !call.declared.contains(reference) {
                return Err(invalid(&format!("it refers to '{reference}', which the function does not have")));
            }
            let Some(value) = call.attributes.get(reference) else { return Ok(None) };
            if proto.r#type.is_some_and(|code| code != 0 && code != kind_of(value)) {
                return Err(invalid(&format!("the call gives '{reference}' another type than the body asks for")));
            }
            return Ok(Some((name, value.clone())));
        }
        let missing = || invalid("its value is missing");
        let code = match proto.r#type {
            None | Some(0) => only_kind(proto).ok_or_else(|| invalid("its type is missing"))?,
            Some(code) => code,
        };
        let value = match code {
            kind::FLOAT => OnnxAttr::Float(proto.f.unwrap_or(0.0)),
            kind::INT => OnnxAttr::Int(proto.i.unwrap_or(0)),
            kind::STRING => OnnxAttr::String(proto.s.clone().unwrap_or_default()),
            kind::TENSOR => OnnxAttr::Tensor(
                self.tensors.dense(&format!("{place}, tensor"), proto.t.as_deref().ok_or_else(missing)?)?,
            ),
            kind::GRAPH => {
                OnnxAttr::Graph(Box::new(self.graph(proto.g.as_deref().ok_or_else(missing)?, scope, depth + 1)?))
            }
            kind::FLOATS => OnnxAttr::Floats(proto.floats.clone()),
            kind::INTS => OnnxAttr::Ints(proto.ints.clone()),
            kind::STRINGS => OnnxAttr::Strings(proto.strings.clone()),
            kind::TENSORS => {
                let tensors = proto.tensors.iter().map(|t| self.tensors.dense(&format!("{place}, tensor"), t));
                OnnxAttr::Tensors(tensors.collect::<Result<_>>()?)
            }
            kind::GRAPHS => {
                let graphs = proto.graphs.iter().map(|g| self.graph(g, scope, depth + 1));
                OnnxAttr::Graphs(graphs.collect::<Result<_>>()?)
            }
            kind::SPARSE_TENSOR => {
                OnnxAttr::Sparse(self.tensors.sparse(&place, proto.sparse_tensor.as_deref().ok_or_else(missing)?)?)
            }
            kind::SPARSE_TENSORS => {
                let tensors = proto.sparse_tensors.iter().map(|t| self.tensors.sparse(&place, t));
                OnnxAttr::Sparses(tensors.collect::<Result<_>>()?)
            }
            kind::TYPE_PROTO => {
                let ty = types::read_type(proto.tp.as_deref().ok_or_else(missing)?);
                OnnxAttr::Type(ty.map_err(|e| invalid(&e))?)
            }
            kind::TYPE_PROTOS => {
                let types: Result<_, String> = proto.type_protos.iter().map(types::read_type).collect();
                OnnxAttr::Types(types.map_err(|e| invalid(&e))?)
            }
            code => {
                return Err(OnnxError::unsupported(file, place, format!("attribute type {code}; 1 to 14 are known")));
            }
        };
        Ok(Some((name, value)))
    }
}

/// A call: the node without its meaning.
struct Site {
    name: String,
    place: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    attributes: Vec<(String, OnnxAttr)>,
}

fn kind_of(value: &OnnxAttr) -> i32 {
    match value {
        OnnxAttr::Float(_) => kind::FLOAT,
        OnnxAttr::Int(_) => kind::INT,
        OnnxAttr::String(_) => kind::STRING,
        OnnxAttr::Tensor(_) => kind::TENSOR,
        OnnxAttr::Graph(_) => kind::GRAPH,
        OnnxAttr::Floats(_) => kind::FLOATS,
        OnnxAttr::Ints(_) => kind::INTS,
        OnnxAttr::Strings(_) => kind::STRINGS,
        OnnxAttr::Tensors(_) => kind::TENSORS,
        OnnxAttr::Graphs(_) => kind::GRAPHS,
        OnnxAttr::Sparse(_) => kind::SPARSE_TENSOR,
        OnnxAttr::Sparses(_) => kind::SPARSE_TENSORS,
        OnnxAttr::Type(_) => kind::TYPE_PROTO,
        OnnxAttr::Types(_) => kind::TYPE_PROTOS,
    }
}

/// What an attribute is, for messages.
pub(super) fn kind_name(value: &OnnxAttr) -> &'static str {
    match value {
        OnnxAttr::Float(_) => "a float",
        OnnxAttr::Int(_) => "an integer",
        OnnxAttr::String(_) => "a string",
        OnnxAttr::Tensor(_) => "a tensor",
        OnnxAttr::Graph(_) => "a graph",
        OnnxAttr::Floats(_) => "a list of floats",
        OnnxAttr::Ints(_) => "a list of integers",
        OnnxAttr::Strings(_) => "a list of strings",
        OnnxAttr::Tensors(_) => "a list of tensors",
        OnnxAttr::Graphs(_) => "a list of graphs",
        OnnxAttr::Sparse(_) => "a sparse tensor",
        OnnxAttr::Sparses(_) => "a list of sparse tensors",
        OnnxAttr::Type(_) => "a type",
        OnnxAttr::Types(_) => "a list of types",
    }
}

/// The type of an attribute that does not say it, when exactly one member is there.
fn only_kind(proto: &AttributeProto) -> Option<i32> {
    let there = [
        (kind::FLOAT, proto.f.is_some()),
        (kind::INT, proto.i.is_some()),
        (kind::STRING, proto.s.is_some()),
        (kind::TENSOR, proto.t.is_some()),
        (kind::GRAPH, proto.g.is_some()),
        (kind::FLOATS, !proto.floats.is_empty()),
        (kind::INTS, !proto.ints.is_empty()),
        (kind::STRINGS, !proto.strings.is_empty()),
        (kind::TENSORS, !proto.tensors.is_empty()),
        (kind::GRAPHS, !proto.graphs.is_empty()),
        (kind::SPARSE_TENSOR, proto.sparse_tensor.is_some()),
        (kind::SPARSE_TENSORS, !proto.sparse_tensors.is_empty()),
        (kind::TYPE_PROTO, proto.tp.is_some()),
        (kind::TYPE_PROTOS, !proto.type_protos.is_empty()),
    ];
    let mut kinds = there.into_iter().filter(|(_, is_there)| *is_there).map(|(kind, _)| kind);
    kinds.next().filter(|_| kinds.next().is_none())
}

/// Gives every node a name that no other node of the graph has; files often leave names out or repeat them. Returns the
/// names that were made.
fn name_nodes(nodes: &mut [OnnxNode]) -> Vec<String> {
    let mut made = Vec::new();
    let mut taken: HashSet<String> = nodes.iter().map(|n| n.name.clone()).collect();
    let mut seen = HashSet::new();
    for (i, node) in nodes.iter_mut().enumerate() {
        if !node.name.is_empty() && seen.insert(node.name.clone()) {
            continue;
        }
        let stem = if node.name.is_empty() { &node.op_type } else { &node.name };
        let mut name = format!("{stem}_{i}");
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        seen.insert(name.clone());
        made.push(name.clone());
        node.name = name;
    }
    made
}
