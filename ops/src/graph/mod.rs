//! Graphs: operators wired, before planning.
//!
//! Values are the edges and have identities of their own; nodes lie in a petgraph `StableGraph`, so that ids survive
//! removals. Graphs are made through [`Graph::add_op`] (the builder) or by an importer, and changed only through a
//! [`Patch`].

mod builder;
mod evaluate;
mod infer;
mod macros;
mod patch;

pub use builder::{OpBuilder, Source};
pub(crate) use infer::unify;
pub use patch::Patch;

use crate::{Attributes, Error, Fact, Operator, Registry, Result, Tensor, Type, operator::Node as NodeSpec};
use petgraph::{
    Direction,
    stable_graph::{NodeIndex, StableDiGraph},
    visit::EdgeRef,
};
use std::{collections::HashMap, sync::Arc};

/// The identity of a node; it survives the removal of others.
pub type NodeId = NodeIndex<u32>;

/// The identity of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

/// One operator in a graph.
#[derive(Debug, Clone)]
pub struct NodeData {
    /// The node's name, as the model has it or made from the operator's; unique within the graph.
    pub name: String,
    /// The domain; empty for `ai.onnx`.
    pub domain: String,
    /// The operator's name.
    pub op: String,
    /// The operator set version that the meaning is read under.
    pub version: u32,
    /// The attributes.
    pub attributes: Attributes,
    /// The parsed operator.
    pub operator: Arc<dyn Operator>,
    /// The inputs; `None` is an optional input that is not given.
    pub inputs: Vec<Option<ValueId>>,
    /// The outputs; `None` is one that nobody reads.
    pub outputs: Vec<Option<ValueId>>,
}

/// One value of a graph.
#[derive(Debug, Clone)]
pub struct ValueData {
    /// The value's name; unique within the graph.
    pub name: String,
    /// What is known of it.
    pub fact: Fact,
    /// The value itself, when it is a constant (an initialiser or a folded node).
    pub constant: Option<Tensor>,
    /// The node that gives it, with the index of its output.
    pub producer: Option<(NodeId, usize)>,
}

/// Operators wired: inputs, nodes, outputs.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The graph's name.
    pub name: String,
    nodes: StableDiGraph<NodeData, (), u32>,
    values: Vec<ValueData>,
    names: HashMap<String, ValueId>,
    inputs: Vec<ValueId>,
    outputs: Vec<(String, ValueId)>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn add_value(&mut self, name: &str, fact: Fact) -> Result<ValueId> {
        let id = ValueId(u32::try_from(self.values.len()).map_err(|_| Error::Exhausted("values of a graph".into()))?);
        if self.names.insert(name.to_owned(), id).is_some() {
            return Err(Error::invalid(format!("value '{name}' is defined twice")));
        }
        self.values.push(ValueData { name: name.to_owned(), fact, constant: None, producer: None });
        Ok(id)
    }

    /// A new input of this type.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name is taken.
    pub fn add_input(&mut self, name: &str, ty: Type) -> Result<ValueId> {
        let id = self.add_value(name, Fact::of(ty))?;
        self.inputs.push(id);
        Ok(id)
    }

    /// A new constant.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name is taken.
    pub fn add_constant(&mut self, name: &str, tensor: Tensor) -> Result<ValueId> {
        let id = self.add_value(name, Fact::constant(tensor.clone()))?;
        self.values[id.0 as usize].constant = Some(tensor);
        Ok(id)
    }

    /// A new node whose outputs get these names (an empty name is an output that nobody reads).
    ///
    /// # Errors
    /// What parsing the operator says, with the node's name in front; [`Error::Invalid`] for taken output names.
    pub fn add_node(
        &mut self,
        registry: &Registry,
        spec: NewNode<'_>,
        inputs: Vec<Option<ValueId>>,
        output_names: &[&str],
    ) -> Result<NodeId> {
        let place = |e: Error| e.at(format!("node '{}' ({})", spec.name, spec.op));
        let (_, operator) = registry
            .parse(&NodeSpec {
                domain: spec.domain,
                op: spec.op,
                version: spec.version,
                since: 0,
                attributes: &spec.attributes,
                inputs: inputs.len(),
                outputs: output_names.len(),
            })
            .map_err(place)?;
        let node = self.nodes.add_node(NodeData {
            name: spec.name.to_owned(),
            domain: crate::registry::canonical_domain(spec.domain).to_owned(),
            op: spec.op.to_owned(),
            version: spec.version,
            attributes: spec.attributes.clone(),
            operator,
            inputs: inputs.clone(),
            outputs: Vec::new(),
        });
        let mut outputs = Vec::with_capacity(output_names.len());
        for (i, name) in output_names.iter().enumerate() {
            outputs.push(if name.is_empty() {
                None
            } else {
                let id = self.add_value(name, Fact::of(Type::Unknown)).map_err(place)?;
                self.values[id.0 as usize].producer = Some((node, i));
                Some(id)
            });
        }
        self.nodes[node].outputs = outputs;
        for input in inputs.into_iter().flatten() {
            self.connect(input, node);
        }
        Ok(node)
    }

    fn connect(&mut self, value: ValueId, consumer: NodeId) {
        if let Some((producer, _)) = self.values[value.0 as usize].producer
            && self.nodes.find_edge(producer, consumer).is_none()
        {
            self.nodes.add_edge(producer, consumer, ());
        }
    }

    /// Makes a value an output under this name.
    pub fn add_output(&mut self, name: impl Into<String>, value: ValueId) {
        self.outputs.push((name.into(), value));
    }

    /// Makes these values the outputs, in place of what they were.
    pub fn set_outputs(&mut self, outputs: Vec<(String, ValueId)>) {
        self.outputs = outputs;
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The outputs with their names, in order.
    pub fn outputs(&self) -> &[(String, ValueId)] {
        &self.outputs
    }

    /// The value of this identity.
    pub fn value(&self, id: ValueId) -> &ValueData {
        &self.values[id.0 as usize]
    }

    /// Every value with its identity, also those that nothing uses any more.
    pub fn values(&self) -> impl Iterator<Item = (ValueId, &ValueData)> {
        (0u32..).zip(&self.values).map(|(i, v)| (ValueId(i), v))
    }

    /// The value of this name.
    pub fn value_named(&self, name: &str) -> Option<ValueId> {
        self.names.get(name).copied()
    }

    /// Declares what is known of a value beforehand (an importer's value info).
    ///
    /// # Errors
    /// [`Error::Invalid`] when it contradicts what is known already.
    pub fn declare(&mut self, id: ValueId, ty: &Type) -> Result<()> {
        let value = &mut self.values[id.0 as usize];
        value.fact.ty = unify(&value.fact.ty, ty).map_err(|e| e.at(format!("value '{}'", value.name)))?;
        Ok(())
    }

    /// The same graph with these types for its inputs, in order, and nothing known of what its nodes give: for inference
    /// under other assumptions.
    #[must_use]
    pub fn with_input_types(&self, types: &[Type]) -> Self {
        let mut graph = self.clone();
        for value in &mut graph.values {
            if value.producer.is_some() {
                value.fact = Fact::of(Type::Unknown);
            }
        }
        for (id, ty) in self.inputs.iter().zip(types) {
            graph.values[id.0 as usize].fact = Fact::of(ty.clone());
        }
        graph
    }

    /// Sets what is known of an input in this use of the graph. Where the shape contradicts the declared one it stands.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the element type contradicts the declared one.
    pub(crate) fn assume(&mut self, id: ValueId, fact: &Fact) -> Result<()> {
        let value = &mut self.values[id.0 as usize];
        let ty = infer::settle(&fact.ty, &value.fact.ty).map_err(|e| e.at(format!("value '{}'", value.name)))?;
        value.fact = Fact { ty, ..fact.clone() };
        Ok(())
    }

    /// Keeps of what is known of values, constants aside, what evaluation holds them to: their element types, and nothing
    /// of a value that may be optional or not.
    pub(crate) fn forget_shapes(&mut self) {
        for value in self.values.iter_mut().filter(|v| v.constant.is_none()) {
            value.fact = Fact::of(match &value.fact.ty {
                Type::Optional(_) => Type::Unknown,
                ty => ty.shapeless(),
            });
        }
    }

    /// The node of this identity.
    pub fn node(&self, id: NodeId) -> Option<&NodeData> {
        self.nodes.node_weight(id)
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.node_count()
    }

    /// The nodes that read a value.
    pub fn consumers(&self, id: ValueId) -> Vec<NodeId> {
        let reads = |n: &NodeId| self.nodes[*n].inputs.contains(&Some(id));
        match self.values[id.0 as usize].producer {
            Some((node, _)) => {
                let mut found: Vec<NodeId> =
                    self.nodes.edges_directed(node, Direction::Outgoing).map(|e| e.target()).filter(reads).collect();
                found.sort();
                found
            }
            None => self.nodes.node_indices().filter(reads).collect(),
        }
    }

    /// The nodes in an order in which every value is given before it is read; the same for the same graph.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the nodes of a cycle.
    pub fn order(&self) -> Result<Vec<NodeId>> {
        let mut waiting: HashMap<NodeId, usize> = HashMap::new();
        let mut ready = std::collections::BinaryHeap::new();
        for id in self.nodes.node_indices() {
            let n = self.nodes.edges_directed(id, Direction::Incoming).count();
            waiting.insert(id, n);
            if n == 0 {
                ready.push(std::cmp::Reverse(id));
            }
        }
        let mut order = Vec::with_capacity(self.nodes.node_count());
        while let Some(std::cmp::Reverse(id)) = ready.pop() {
            order.push(id);
            for edge in self.nodes.edges_directed(id, Direction::Outgoing) {
                if let Some(n) = waiting.get_mut(&edge.target()) {
                    *n -= 1;
                    if *n == 0 {
                        ready.push(std::cmp::Reverse(edge.target()));
                    }
                }
            }
        }
        if order.len() == self.nodes.node_count() {
            return Ok(order);
        }
        let names = petgraph::algo::tarjan_scc(&self.nodes)
            .into_iter()
            .find(|c| c.len() > 1 || c.first().is_some_and(|n| self.nodes.find_edge(*n, *n).is_some()))
            .map(|c| c.iter().map(|n| self.nodes[*n].name.clone()).collect::<Vec<_>>().join(" -> "));
        Err(Error::invalid(format!("the graph has a cycle: {}", names.unwrap_or_default())))
    }
}

/// What a new node is.
#[derive(Debug, Clone)]
pub struct NewNode<'a> {
    /// The node's name.
    pub name: &'a str,
    /// The domain; empty for `ai.onnx`.
    pub domain: &'a str,
    /// The operator's name.
    pub op: &'a str,
    /// The operator set version of the domain.
    pub version: u32,
    /// The attributes.
    pub attributes: Attributes,
}
