//! Patches: the only way to change a graph that is built.

use super::{Graph, NewNode, NodeId, ValueId};
use crate::{Error, Fact, Registry, Result, Tensor, Type};
use petgraph::{Direction, visit::EdgeRef};

/// Edits that are collected while a graph is read and applied at once, in order.
#[derive(Debug, Default)]
pub struct Patch {
    edits: Vec<Edit>,
    /// Values that the patch adds.
    added: usize,
}

#[derive(Debug)]
enum Edit {
    Replace(ValueId, ValueId),
    Constant(ValueId, Tensor),
    Remove(NodeId),
    Insert(OwnedNode, Vec<Option<ValueId>>, Vec<Option<ValueId>>),
    /// The identity that the value was promised, what its name begins with, and what it is if it is a constant.
    Add(ValueId, String, Option<Tensor>),
}

#[derive(Debug)]
struct OwnedNode {
    name: String,
    domain: String,
    op: String,
    version: u32,
    attributes: crate::Attributes,
}

impl Patch {
    /// A patch without edits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Every reader of `old` reads `new` from now on, the graph's outputs too.
    pub fn replace(&mut self, old: ValueId, new: ValueId) {
        self.edits.push(Edit::Replace(old, new));
    }

    /// The value is this constant from now on; its producer no longer gives it.
    pub fn set_constant(&mut self, value: ValueId, tensor: Tensor) {
        self.edits.push(Edit::Constant(value, tensor));
    }

    /// Removes a node; values that it gave and that are still read must be given otherwise by then.
    pub fn remove(&mut self, node: NodeId) {
        self.edits.push(Edit::Remove(node));
    }

    /// A value that the graph will have besides its own, for nodes that the patch inserts: a constant, or what one of them
    /// gives. Its name begins with `stem`.
    pub fn add_value(&mut self, graph: &Graph, stem: &str, constant: Option<Tensor>) -> ValueId {
        // A graph that holds so many values is refused when the patch is applied.
        let id = ValueId(u32::try_from(graph.values.len() + self.added).unwrap_or(u32::MAX));
        self.added += 1;
        self.edits.push(Edit::Add(id, stem.to_owned(), constant));
        id
    }

    /// A new node that gives values of the patch or existing ones, whose producers must be removed by an earlier edit of the
    /// same patch; `None` is an output that nobody reads.
    pub fn insert(&mut self, node: NewNode<'_>, inputs: Vec<Option<ValueId>>, outputs: Vec<Option<ValueId>>) {
        let owned = OwnedNode {
            name: node.name.to_owned(),
            domain: node.domain.to_owned(),
            op: node.op.to_owned(),
            version: node.version,
            attributes: node.attributes,
        };
        self.edits.push(Edit::Insert(owned, inputs, outputs));
    }
}

impl Graph {
    /// Applies a patch.
    ///
    /// # Errors
    /// What parsing an inserted operator says.
    pub fn apply(&mut self, patch: Patch, registry: &Registry) -> Result<()> {
        for edit in patch.edits {
            match edit {
                Edit::Replace(old, new) => self.replace_value(old, new),
                Edit::Constant(value, tensor) => {
                    self.detach(value);
                    let data = &mut self.values[value.0 as usize];
                    data.fact = Fact::constant(tensor.clone());
                    data.constant = Some(tensor);
                }
                Edit::Remove(node) => {
                    if let Some(data) = self.nodes.remove_node(node) {
                        for value in data.outputs.into_iter().flatten() {
                            self.values[value.0 as usize].producer = None;
                        }
                    }
                }
                Edit::Insert(node, inputs, outputs) => {
                    let spec = NewNode {
                        name: &node.name,
                        domain: &node.domain,
                        op: &node.op,
                        version: node.version,
                        attributes: node.attributes,
                    };
                    let id = self.add_node(registry, spec, inputs, &[])?;
                    for (i, value) in outputs.iter().enumerate() {
                        let Some(value) = value else { continue };
                        self.values[value.0 as usize].producer = Some((id, i));
                        for consumer in self.readers(*value) {
                            self.connect(*value, consumer);
                        }
                    }
                    self.nodes[id].outputs = outputs;
                }
                Edit::Add(promised, stem, constant) => {
                    let added = match constant {
                        Some(tensor) => self.add_fresh_constant(&stem, tensor)?,
                        None => {
                            let name = self.fresh_name(&stem);
                            self.add_value(&name, Fact::of(Type::Unknown))?
                        }
                    };
                    if added != promised {
                        return Err(Error::invalid("a patch that was made for another graph"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a constant whose name is made unique.
    pub fn add_fresh_constant(&mut self, stem: &str, tensor: Tensor) -> Result<ValueId> {
        let name = self.fresh_name(stem);
        self.add_constant(&name, tensor)
    }

    /// A name that no value has.
    fn fresh_name(&self, stem: &str) -> String {
        let mut name = stem.to_owned();
        let mut n = 1;
        while self.names.contains_key(&name) {
            name = format!("{stem}.{n}");
            n += 1;
        }
        name
    }

    fn readers(&self, value: ValueId) -> Vec<NodeId> {
        self.nodes.node_indices().filter(|n| self.nodes[*n].inputs.contains(&Some(value))).collect()
    }

    fn replace_value(&mut self, old: ValueId, new: ValueId) {
        for reader in self.consumers(old) {
            for input in &mut self.nodes[reader].inputs {
                if *input == Some(old) {
                    *input = Some(new);
                }
            }
            self.disconnect(old, reader);
            self.connect(new, reader);
        }
        for (_, output) in &mut self.outputs {
            if *output == old {
                *output = new;
            }
        }
    }

    fn detach(&mut self, value: ValueId) {
        for reader in self.consumers(value) {
            self.disconnect(value, reader);
        }
        if let Some((producer, index)) = self.values[value.0 as usize].producer.take()
            && let Some(output) = self.nodes[producer].outputs.get_mut(index)
        {
            *output = None;
        }
    }

    /// Drops the edge from the producer of `value` to `reader` unless another value still runs along it.
    fn disconnect(&mut self, value: ValueId, reader: NodeId) {
        let Some((producer, _)) = self.values[value.0 as usize].producer else { return };
        let others = self.nodes[producer]
            .outputs
            .iter()
            .flatten()
            .any(|v| *v != value && self.nodes[reader].inputs.contains(&Some(*v)));
        if !others {
            let edge =
                self.nodes.edges_directed(producer, Direction::Outgoing).find(|e| e.target() == reader).map(|e| e.id());
            if let Some(edge) = edge {
                self.nodes.remove_edge(edge);
            }
        }
    }
}
