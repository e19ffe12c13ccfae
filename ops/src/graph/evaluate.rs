//! The plain reference evaluation of a whole graph: node by node, in order, through the operators' own references.

use super::{Graph, ValueId};
use crate::{Effort, Error, Fact, Inputs, Result, Type, Value, fact::Facts};
use std::collections::HashMap;

impl Graph {
    /// Evaluates the graph for these values of its inputs, in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong number of inputs; what an operator says, with the node's name in front.
    pub fn evaluate(&self, inputs: &[Value]) -> Result<Vec<Value>> {
        self.evaluate_within(inputs, &Effort::unbounded())
    }

    /// [`evaluate`](Self::evaluate) within bounds: a node whose output would be too large is not evaluated.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate); [`Error::Exhausted`] when it takes more than the effort allows and
    /// [`Error::Cancelled`] when that is cancelled.
    pub fn evaluate_within(&self, inputs: &[Value], effort: &Effort) -> Result<Vec<Value>> {
        if inputs.len() != self.inputs().len() {
            return Err(Error::invalid(format!(
                "graph '{}' takes {} inputs, {} are given",
                self.name,
                self.inputs().len(),
                inputs.len()
            )));
        }
        effort.spend(self.values.len())?;
        for (id, value) in self.inputs().iter().zip(inputs) {
            self.fits(*id, value)?;
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
            effort.spend(1).map_err(place)?;
            if effort.bounds_elements() {
                let facts = Inputs(&given).known();
                let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
                let inferred = node.operator.infer_within(Facts(&facts), effort).map_err(place)?;
                inferred.iter().try_for_each(|f| effort.hold(f)).map_err(place)?;
            }
            let results = node.operator.evaluate_within(Inputs(&given), effort).map_err(place)?;
            for (output, value) in node.outputs.iter().zip(results) {
                if let Some(id) = output {
                    self.fits(*id, &value).map_err(place)?;
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

    /// Refuses a value of another kind or element type than the graph says: what is inferred builds on that.
    fn fits(&self, id: ValueId, value: &Value) -> Result<()> {
        let said = self.value(id);
        if stands_for(&said.fact.ty, value) {
            return Ok(());
        }
        let (found, name) = (Type::of(value), &said.name);
        Err(Error::invalid(format!("value '{name}' is {found} where {} is declared", said.fact.ty)))
    }
}

/// Whether a value is of this type, shapes aside. What an optional value may hold stands for it too.
fn stands_for(ty: &Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::Unknown, _) | (Type::Optional(_), Value::Optional(None)) => true,
        (Type::Optional(of), Value::Optional(Some(held))) => stands_for(of, held),
        (Type::Optional(of), held) => stands_for(of, held),
        (Type::Tensor { dtype, .. }, Value::Tensor(t)) => *dtype == t.dtype(),
        (Type::Sequence(of), Value::Sequence(values)) => values.iter().all(|v| stands_for(of, v)),
        (Type::Map { key, value }, Value::Map { keys, values }) => (*key, *value) == (keys.dtype(), values.dtype()),
        _ => false,
    }
}
