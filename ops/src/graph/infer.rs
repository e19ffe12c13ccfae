//! Type and shape inference over a graph.

use super::Graph;
use crate::{Dim, Effort, Error, Fact, Result, Type, fact::Facts};

impl Graph {
    /// Runs every operator's inference in order, checks it against what was declared, and keeps what is known.
    ///
    /// # Errors
    /// What an operator says, with the node's name and operator in front.
    pub fn infer(&mut self) -> Result<()> {
        self.infer_within(&Effort::unbounded())
    }

    /// [`infer`](Self::infer) within bounds, which hold for every value whose size is known, the inputs' too.
    ///
    /// # Errors
    /// Those of [`infer`](Self::infer); [`Error::Exhausted`] when it takes more than the effort allows.
    pub fn infer_within(&mut self, effort: &Effort) -> Result<()> {
        effort.spend(self.values.len())?;
        for id in self.inputs() {
            let value = self.value(*id);
            effort.hold(&value.fact).map_err(|e| e.at(format!("input '{}'", value.name)))?;
        }
        for id in self.order()? {
            let node = &self.nodes[id];
            let place = |e: Error| e.at(format!("node '{}' ({})", node.name, node.op));
            effort.spend(1).map_err(place)?;
            let facts: Vec<Option<&Fact>> = node.inputs.iter().map(|i| i.map(|v| &self.value(v).fact)).collect();
            let inferred = node.operator.infer_within(Facts(&facts), effort).map_err(place)?;
            if inferred.len() < node.outputs.len() {
                return Err(place(Error::invalid(format!(
                    "the operator has {} outputs, the node asks for {}",
                    inferred.len(),
                    node.outputs.len()
                ))));
            }
            let mut updates = Vec::new();
            for (output, fact) in node.outputs.iter().zip(inferred) {
                let Some(value) = output else { continue };
                let ty = settle(&fact.ty, &self.value(*value).fact.ty)
                    .map_err(|e| place(e.at(format!("output '{}'", self.value(*value).name))))?;
                let fact = Fact { ty, ..fact };
                effort.hold(&fact).map_err(place)?;
                updates.push((*value, fact));
            }
            for (value, fact) in updates {
                self.values[value.0 as usize].fact = fact;
            }
        }
        Ok(())
    }
}

/// The type of a value that a model declares beside what its operator gives. Exporters declare wrong shapes (and other
/// runtimes run them), so the operator's shape stands where the two contradict; a wrong element type is an error.
pub(super) fn settle(inferred: &Type, declared: &Type) -> Result<Type> {
    match (inferred, declared, unify(inferred, declared)) {
        (_, _, Ok(ty)) => Ok(ty),
        (Type::Tensor { dtype: a, .. }, Type::Tensor { dtype: b, .. }, Err(_)) if a == b => Ok(inferred.clone()),
        (_, _, Err(e)) => Err(e),
    }
}

/// What is known when both hold.
pub(crate) fn unify(a: &Type, b: &Type) -> Result<Type> {
    match (a, b) {
        (Type::Unknown, other) | (other, Type::Unknown) => Ok(other.clone()),
        (Type::Tensor { dtype: x, shape: s }, Type::Tensor { dtype: y, shape: t }) if x == y => {
            let shape = match (s, t) {
                (None, other) | (other, None) => other.clone(),
                (Some(s), Some(t)) if s.len() == t.len() => Some(
                    s.iter()
                        .zip(t)
                        .map(|(p, q)| p.unify(q))
                        .collect::<Result<Vec<Dim>>>()
                        .map_err(|e| e.at(format!("{a} and {b}")))?,
                ),
                _ => return Err(Error::invalid(format!("type {a} where {b} is declared"))),
            };
            Ok(Type::Tensor { dtype: *x, shape })
        }
        (Type::Sequence(x), Type::Sequence(y)) => Ok(Type::Sequence(Box::new(unify(x, y)?))),
        (Type::Optional(x), Type::Optional(y)) => Ok(Type::Optional(Box::new(unify(x, y)?))),
        (x, y) if x == y => Ok(x.clone()),
        _ => Err(Error::invalid(format!("type {a} where {b} is declared"))),
    }
}
