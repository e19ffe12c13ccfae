//! An operator followed by a residual and an activation, as graph optimisers fuse them.

use super::compose::{call, one, standard, widened};
use crate::{
    Attributes, Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::math::{Add, elementwise::same_float},
    rows,
};
use std::sync::Arc;

/// The operator, plus an input of its output's shape, through an activation. Narrow floats round once, at the end.
#[derive(Debug)]
pub struct Activated {
    /// What comes first.
    pub operator: Arc<dyn Operator>,
    /// How many inputs it has; one more is the residual.
    pub inputs: usize,
    /// What comes last, if anything.
    pub activation: Option<Arc<dyn Operator>>,
}

/// The activation of a name, with its parameters as `ai.onnx` names them.
pub(super) fn activation(
    node: &Node<'_>,
    known: &[&str],
    parameters: &Attributes,
) -> Result<Option<Arc<dyn Operator>>> {
    match node.attributes.string_or("activation", String::new())?.as_str() {
        "" => Ok(None),
        name if known.contains(&name) => standard(node, name, parameters).map(Some),
        name => Err(Error::unsupported(format!("attribute 'activation' of '{name}'; {} are read", known.join(", ")))),
    }
}

impl Operator for Activated {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let own = Facts(&inputs.0[..inputs.len().min(self.inputs)]);
        let facts = self.operator.infer(own)?;
        same_float(&[inputs.same_dtype()?])?;
        if inputs.get(self.inputs).is_some()
            && let (Some(z), Some(y)) = (inputs.shape(self.inputs)?, facts.first().and_then(Fact::shape))
        {
            let fits = z.len() == y.len() && z.iter().zip(y).all(|(z, y)| z.unify(y).is_ok());
            if !fits {
                return Err(Error::invalid(format!("input {} has not the output's shape", self.inputs)));
            }
        }
        Ok(facts)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        let wide = widened(inputs)?;
        let wide: Vec<_> = wide.iter().map(Option::as_ref).collect();
        let mut y = one(self.operator.as_ref(), &wide[..wide.len().min(self.inputs)])?;
        if let Some(z) = wide.get(self.inputs).copied().flatten() {
            if z.shape() != y.shape() {
                return Err(Error::invalid(format!("a residual of shape {:?} for {:?}", z.shape(), y.shape())));
            }
            y = one(&Add, &[Some(&y), Some(z)])?;
        }
        if let Some(activation) = &self.activation {
            y = call(activation.as_ref(), &[Some(&y)])?.remove(0);
        }
        Ok(vec![y.narrow(dtype)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let n = rows.len().min(self.inputs);
        let own = self.operator.rows(&rows[..n], Facts(&inputs.0[..n]), outputs);
        match rows.get(self.inputs).filter(|_| inputs.get(self.inputs).is_some()) {
            Some(residual) if own.first() != Some(residual) => rows::opaque(rows, outputs.len()),
            _ => own,
        }
    }
}
