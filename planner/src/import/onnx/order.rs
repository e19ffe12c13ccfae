//! Names and order: every value is defined once and before it is read, in this graph or in one around it.

use super::{
    error::{OnnxError, Result},
    model::{OnnxAttr, OnnxGraph, OnnxNode},
    repairs::{RepairKind, Repairs},
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

/// Checks all names of the graph and its subgraphs, puts nodes in order, drops what nobody reads, and fills in what
/// subgraphs capture.
///
/// The order is stable: nodes that are in order stay where they are.
///
/// # Errors
/// [`OnnxError::Invalid`] naming the value that is defined twice or never, or the nodes of a cycle.
pub(super) fn arrange(file: &str, graph: &mut OnnxGraph, repairs: &mut Repairs) -> Result<()> {
    Arrange { file, repairs }.graph(graph, None)
}

struct Arrange<'a> {
    file: &'a str,
    repairs: &'a mut Repairs,
}

/// The values that a subgraph can see around it.
struct Outer<'a> {
    definitions: &'a HashSet<String>,
    outer: Option<&'a Outer<'a>>,
}

impl Outer<'_> {
    fn defines(&self, name: &str) -> bool {
        self.definitions.contains(name) || self.outer.is_some_and(|o| o.defines(name))
    }
}

impl Arrange<'_> {
    fn graph(&mut self, graph: &mut OnnxGraph, outer: Option<&Outer<'_>>) -> Result<()> {
        let definitions = self.definitions(graph)?;
        let mut hidden: Vec<&String> =
            definitions.iter().filter(|name| outer.is_some_and(|o| o.defines(name))).collect();
        hidden.sort_unstable();
        hidden.into_iter().for_each(|name| self.repairs.add(RepairKind::NameHidden, &graph.name, name));
        for value in graph.value_info.extract_if(.., |value| !definitions.contains(&value.name)) {
            self.repairs.add(RepairKind::DescriptionUnused, &graph.name, &value.name);
        }
        let mut captures = Captures { definitions: &definitions, outer, seen: HashSet::new(), names: Vec::new() };
        // What each node reads, its subgraphs' captures included.
        let mut reads: Vec<Vec<String>> = Vec::with_capacity(graph.nodes.len());
        for node in &mut graph.nodes {
            let mut read: Vec<String> = node.inputs.iter().filter(|n| !n.is_empty()).cloned().collect();
            for (i, name) in node.inputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                let undefined = || {
                    let place = format!("node '{}' ({}), input {i}", node.name, node.op_type);
                    OnnxError::invalid(self.file, place, format!("nobody defines value '{name}'"))
                };
                captures.read(name).ok_or_else(undefined)?;
            }
            let inner = Outer { definitions: &definitions, outer };
            for subgraph in subgraphs(node) {
                self.graph(subgraph, Some(&inner))?;
                for name in &subgraph.captures {
                    // The subgraph found it, so it is here or further out.
                    captures.read(name);
                    read.push(name.clone());
                }
            }
            reads.push(read);
        }
        let mut seen = HashSet::new();
        for (i, output) in graph.outputs.iter().enumerate() {
            let place = || format!("graph '{}', output {i} '{}'", graph.name, output.name);
            if !seen.insert(output.name.as_str()) {
                return Err(OnnxError::invalid(self.file, place(), "two outputs have this name"));
            }
            captures
                .read(&output.name)
                .ok_or_else(|| OnnxError::invalid(self.file, place(), "nobody defines this value"))?;
        }
        let captures = captures.names;
        self.sort(graph, &reads)?;
        self.drop_unread(graph, &reads);
        graph.captures = captures;
        Ok(())
    }

    fn definitions(&self, graph: &OnnxGraph) -> Result<HashSet<String>> {
        let mut definitions = HashSet::new();
        let mut define = |name: &str, place: &dyn Fn() -> String| {
            if name.is_empty() {
                return Err(OnnxError::invalid(self.file, place(), "it has no name"));
            }
            if definitions.insert(name.to_owned()) {
                return Ok(());
            }
            Err(OnnxError::invalid(self.file, place(), format!("value '{name}' is defined twice")))
        };
        for (i, input) in graph.inputs.iter().enumerate() {
            define(&input.name, &|| format!("graph '{}', input {i}", graph.name))?;
        }
        for (i, tensor) in graph.initializers.iter().enumerate() {
            define(&tensor.name, &|| format!("graph '{}', initialiser {i}", graph.name))?;
        }
        for node in &graph.nodes {
            for (i, name) in node.outputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                define(name, &|| format!("node '{}' ({}), output {i}", node.name, node.op_type))?;
            }
        }
        Ok(definitions)
    }

    /// Takes the last outputs of a node away as long as nobody reads them: exporters of operators with a training mode
    /// ask for all that training gives.
    fn drop_unread(&mut self, graph: &mut OnnxGraph, reads: &[Vec<String>]) {
        let mut read: HashSet<&str> = reads.iter().flatten().map(String::as_str).collect();
        read.extend(graph.outputs.iter().map(|o| o.name.as_str()));
        let mut dropped: HashSet<String> = HashSet::new();
        for node in graph.nodes.iter_mut().filter(|node| !counts_outputs(node)) {
            while node.outputs.len() > 1 && node.outputs.last().is_some_and(|name| !read.contains(name.as_str())) {
                if let Some(name) = node.outputs.pop().filter(|name| !name.is_empty()) {
                    self.repairs.add(RepairKind::OutputUnused, &graph.name, &name);
                    dropped.insert(name);
                }
            }
        }
        graph.value_info.retain(|value| !dropped.contains(&value.name));
    }

    fn sort(&mut self, graph: &mut OnnxGraph, reads: &[Vec<String>]) -> Result<()> {
        let count = graph.nodes.len();
        let mut producer: HashMap<&str, usize> = HashMap::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            producer.extend(node.outputs.iter().filter(|n| !n.is_empty()).map(|n| (n.as_str(), i)));
        }
        let before: Vec<Vec<usize>> = reads
            .iter()
            .map(|names| {
                let mut from: Vec<usize> = names.iter().filter_map(|n| producer.get(n.as_str()).copied()).collect();
                from.sort_unstable();
                from.dedup();
                from
            })
            .collect();
        if before.iter().enumerate().all(|(i, from)| from.last().is_none_or(|last| *last < i)) {
            return Ok(());
        }
        let mut after = vec![Vec::new(); count];
        for (i, from) in before.iter().enumerate() {
            from.iter().for_each(|p| after[*p].push(i));
        }
        let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|i| waiting[*i] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse(i)) = ready.pop() {
            order.push(i);
            for next in &after[i] {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    ready.push(Reverse(*next));
                }
            }
        }
        if order.len() < count {
            return Err(self.cycle(graph, &before, &waiting));
        }
        for (i, from) in before.iter().enumerate() {
            if from.last().is_some_and(|last| *last > i) {
                self.repairs.add(RepairKind::NodeMoved, &graph.name, &graph.nodes[i].name);
            }
        }
        let mut nodes: Vec<Option<OnnxNode>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
        graph.nodes = order.into_iter().filter_map(|i| nodes[i].take()).collect();
        Ok(())
    }

    /// Follows one unfinished producer after another until a node comes back.
    fn cycle(&self, graph: &OnnxGraph, before: &[Vec<usize>], waiting: &[usize]) -> OnnxError {
        let mut path: Vec<usize> = waiting.iter().position(|w| *w > 0).into_iter().collect();
        while let Some(next) = path.last().and_then(|i| before[*i].iter().copied().find(|p| waiting[*p] > 0)) {
            if let Some(start) = path.iter().position(|i| *i == next) {
                path.drain(..start);
                path.push(next);
                break;
            }
            path.push(next);
        }
        // The walk went from reader to producer; data flows the other way.
        let names: Vec<String> = path.iter().rev().take(20).map(|i| format!("'{}'", graph.nodes[*i].name)).collect();
        let message = format!("its nodes read each other in a cycle: {}", names.join(" -> "));
        OnnxError::invalid(self.file, format!("graph '{}'", graph.name), message)
    }
}

/// Whether the number of outputs is part of what the node means: of splits, of operators with subgraphs, of optimisers,
/// of a user's own, and of BatchNormalization, whose training mode it told before version 14.
fn counts_outputs(node: &OnnxNode) -> bool {
    let standard = matches!(node.domain.as_str(), "" | "ai.onnx.ml" | "com.microsoft");
    let has_subgraph = node.attributes.iter().any(|(_, a)| matches!(a, OnnxAttr::Graph(_) | OnnxAttr::Graphs(_)));
    !standard || has_subgraph || matches!(node.op_type.as_str(), "Split" | "BatchNormalization")
}

struct Captures<'a> {
    definitions: &'a HashSet<String>,
    outer: Option<&'a Outer<'a>>,
    seen: HashSet<String>,
    names: Vec<String>,
}

impl Captures<'_> {
    /// Notes that the value is read; `None` when nobody defines it.
    fn read(&mut self, name: &str) -> Option<()> {
        if self.definitions.contains(name) {
            return Some(());
        }
        self.outer.filter(|o| o.defines(name))?;
        if self.seen.insert(name.to_owned()) {
            self.names.push(name.to_owned());
        }
        Some(())
    }
}

fn subgraphs(node: &mut OnnxNode) -> impl Iterator<Item = &mut OnnxGraph> {
    node.attributes.iter_mut().flat_map(|(_, attribute)| match attribute {
        OnnxAttr::Graph(graph) => std::slice::from_mut(graph.as_mut()),
        OnnxAttr::Graphs(graphs) => graphs.as_mut_slice(),
        _ => &mut [],
    })
}
