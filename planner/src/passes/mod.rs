//! The passes, in one visible list.
//!
//! A pass reads a graph and returns a patch; it never changes a bit of a result. Adding one is a file and a row of [`PASSES`].

mod algebra;
mod class_labels;
mod common_subexpressions;
mod dead_code;
mod encoded_product;
mod fold;

use hologram_ops::{
    Effort, Limits, Registry, Result,
    graph::{Graph, Patch},
};
use hologram_resolver::plan::PassRecord;

/// One named rewrite.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// The name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Reads a graph; returns the edits and, in words, what they do. What it evaluates stays within the limits.
    pub run: fn(&Graph, &Limits) -> Result<(Patch, String)>,
}

/// Every pass, in the order of running.
pub const PASSES: &[Pass] = &[
    Pass { name: "fold", about: "evaluates nodes whose inputs are all constants", run: fold::run },
    Pass {
        name: "algebra",
        about: "drops nodes that change no bit, merges pairs that are one node",
        run: algebra::run,
    },
    Pass {
        name: "class-labels",
        about: "lets classifiers give class numbers and picks the texts after them",
        run: class_labels::run,
    },
    Pass {
        name: "encoded-product",
        about: "lets products take codes instead of one-hot columns",
        run: encoded_product::run,
    },
    Pass { name: "common-subexpressions", about: "computes equal nodes once", run: common_subexpressions::run },
    Pass { name: "dead-code", about: "removes nodes that no output needs", run: dead_code::run },
];

/// Runs every pass once, in order, inferring types before each; returns what each did.
///
/// # Errors
/// What inference and evaluation say, with the node's name, and what passes the limits.
pub fn run_all(graph: &mut Graph, registry: &Registry, limits: &Limits) -> Result<Vec<PassRecord>> {
    let mut records = Vec::with_capacity(PASSES.len());
    for pass in PASSES {
        graph.infer_within(&Effort::within(limits))?;
        let nodes_before = graph.node_count() as u64;
        let (patch, note) = (pass.run)(graph, limits)?;
        graph.apply(patch, registry)?;
        let nodes_after = graph.node_count() as u64;
        tracing::debug!(pass = pass.name, nodes_before, nodes_after, %note, "pass");
        records.push(PassRecord { name: pass.name.to_owned(), nodes_before, nodes_after, note });
    }
    graph.infer_within(&Effort::within(limits))?;
    Ok(records)
}

#[cfg(test)]
mod tests;
