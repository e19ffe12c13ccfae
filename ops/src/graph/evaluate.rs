//! The plain reference evaluation of a whole graph: node by node, in order, through the operators' own references.

use super::{Graph, ValueId};
use crate::{Error, Inputs, Result, Value};
use std::collections::HashMap;

impl Graph {
    /// Evaluates the graph for these values of its inputs, in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong number of inputs; what an operator says, with the node's name in front.
    pub fn evaluate(&self, inputs: &[Value]) -> Result<Vec<Value>> {
        if inputs.len() != self.inputs().len() {
            return Err(Error::invalid(format!(
                "graph '{}' takes {} inputs, {} are given",
                self.name,
                self.inputs().len(),
                inputs.len()
            )));
        }
        let mut known: HashMap<ValueId, Value> = self.inputs().iter().copied().zip(inputs.iter().cloned()).collect();
        known.extend(self.values().filter_map(|(id, v)| Some((id, Value::Tensor(v.constant.clone()?)))));
        for id in self.order()? {
            let Some(node) = self.node(id) else { continue };
            let place = |e: Error| e.at(format!("node '{}' ({})", node.name, node.op));
            let mut given = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                given.push(match input {
                    None => None,
                    Some(v) => Some(known.get(v).ok_or_else(|| {
                        place(Error::Missing(format!("value '{}' has no producer", self.value(*v).name)))
                    })?),
                });
            }
            let results = node.operator.evaluate(Inputs(&given)).map_err(place)?;
            for (output, value) in node.outputs.iter().zip(results) {
                if let Some(id) = output {
                    known.insert(*id, value);
                }
            }
        }
        self.outputs()
            .iter()
            .map(|(name, id)| {
                known.get(id).cloned().ok_or_else(|| Error::Missing(format!("output '{name}' is never given")))
            })
            .collect()
    }
}
