//! One step of training: optimisers over variables and their gradients. Gradients themselves are not computed.

mod adagrad;
mod adam;
mod momentum;
mod optimiser;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use momentum::Momentum;
pub use optimiser::{Optimiser, Rule};

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

type Parse = fn(&Node<'_>) -> Result<Arc<dyn Operator>>;

const fn row(op: &'static str, parse: Parse) -> OpRow {
    OpRow { domain: "ai.onnx.preview.training", op, since: 1, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] =
    &[row("Adagrad", adagrad::parse), row("Adam", adam::parse), row("Momentum", momentum::parse)];
