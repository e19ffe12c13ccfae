//! The builder: `graph.add_op("Add").name("sum").input(a, 0, 0).input(b, 0, 1).finish()`.

use super::{Graph, NewNode, NodeId, ValueId};
use crate::{Attribute, Attributes, Error, Registry, Result, registry::NEWEST_OPSET};

/// Where an input comes from: a value, or a node whose output is named by index.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A value; the output index is not used.
    Value(ValueId),
    /// A node.
    Node(NodeId),
}

impl From<ValueId> for Source {
    fn from(id: ValueId) -> Self {
        Self::Value(id)
    }
}

impl From<NodeId> for Source {
    fn from(id: NodeId) -> Self {
        Self::Node(id)
    }
}

/// A node under construction.
#[derive(Debug)]
pub struct OpBuilder<'g> {
    graph: &'g mut Graph,
    registry: Option<&'g Registry>,
    domain: String,
    op: String,
    version: u32,
    name: Option<String>,
    attributes: Attributes,
    inputs: Vec<(Source, usize, usize)>,
    outputs: usize,
}

impl Graph {
    /// Starts a node of the default domain in the newest operator set.
    ///
    /// ```
    /// use hologram_ops::{DType, Type, graph::Graph};
    /// let mut graph = Graph::new("example");
    /// let x = graph.add_input("x", Type::tensor(DType::F32, [2usize]))?;
    /// let sum = graph.add_op("Add").name("sum").input(x, 0, 0).input(x, 0, 1).finish()?;
    /// let out = graph.output_of(sum, 0)?;
    /// graph.add_output("y", out);
    /// # Ok::<(), hologram_ops::Error>(())
    /// ```
    pub fn add_op(&mut self, op: impl Into<String>) -> OpBuilder<'_> {
        OpBuilder {
            graph: self,
            registry: None,
            domain: String::new(),
            op: op.into(),
            version: NEWEST_OPSET,
            name: None,
            attributes: Attributes::new(),
            inputs: Vec::new(),
            outputs: 1,
        }
    }

    /// The value of an output of a node.
    ///
    /// # Errors
    /// [`Error::Missing`] when the node or the output is not there.
    pub fn output_of(&self, node: NodeId, output: usize) -> Result<ValueId> {
        self.node(node)
            .and_then(|n| n.outputs.get(output).copied().flatten())
            .ok_or_else(|| Error::Missing(format!("output {output} of node {}", node.index())))
    }
}

impl<'g> OpBuilder<'g> {
    /// The node's name; without one it is made from the operator's and the node count.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The domain and its operator set version.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>, version: u32) -> Self {
        self.domain = domain.into();
        self.version = version;
        self
    }

    /// The registry to find the operator in; the standard one without this.
    #[must_use]
    pub fn registry(mut self, registry: &'g Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Sets an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.attributes.insert(name, attribute);
        self
    }

    /// Wires output `out` of `source` to input `input` of this node.
    #[must_use]
    pub fn input(mut self, source: impl Into<Source>, out: usize, input: usize) -> Self {
        self.inputs.push((source.into(), out, input));
        self
    }

    /// The number of outputs (1 without this).
    #[must_use]
    pub fn outputs(mut self, count: usize) -> Self {
        self.outputs = count;
        self
    }

    /// Adds the node.
    ///
    /// # Errors
    /// Unknown operators, wrong attributes, missing sources, an input wired twice.
    pub fn finish(self) -> Result<NodeId> {
        let name = self.name.unwrap_or_else(|| format!("{}_{}", self.op, self.graph.node_count()));
        let arity = self.inputs.iter().map(|(_, _, i)| i + 1).max().unwrap_or(0);
        if arity > 1 << 16 {
            return Err(Error::invalid(format!("node '{name}': input index {} is too large", arity - 1)));
        }
        let mut inputs = vec![None; arity];
        for (source, out, input) in self.inputs {
            let value = match source {
                Source::Value(v) => v,
                Source::Node(n) => self.graph.output_of(n, out)?,
            };
            if inputs[input].replace(value).is_some() {
                return Err(Error::invalid(format!("node '{name}': input {input} is wired twice")));
            }
        }
        let names: Vec<String> = (0..self.outputs).map(|i| format!("{name}:{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let standard;
        let registry = match self.registry {
            Some(r) => r,
            None => {
                standard = Registry::standard();
                &standard
            }
        };
        let spec = NewNode {
            name: &name,
            domain: &self.domain,
            op: &self.op,
            version: self.version,
            attributes: self.attributes,
        };
        self.graph.add_node(registry, spec, inputs, &names)
    }
}
