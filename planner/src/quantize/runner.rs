//! A graph made ready, to be run on rows.

use super::Rows;
use crate::Result;
use hologram_backends::{Backend, Prepared, cpu::Cpu};
use hologram_ops::{
    Registry, Tensor, Value,
    control::Control,
    graph::Graph,
    program::{Program, SlotKind},
};
use std::sync::Arc;

/// A graph that can be run.
pub(super) struct Runner(Arc<dyn Prepared>);

impl Runner {
    pub(super) fn new(graph: &Graph, registry: &Registry) -> Result<Self> {
        let program = Program::from_graph(graph, false)?;
        let constant = |name: &str| graph.value(graph.value_named(name)?).constant.clone();
        let constants = program.slots.iter().map(|slot| match slot.kind() {
            SlotKind::Constant => constant(&slot.name),
            _ => None,
        });
        let constants = constants.collect();
        Ok(Self(Cpu.prepare(program, constants, registry)?))
    }

    /// The outputs of one run.
    pub(super) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::Tensor).collect();
        let outputs = self.0.submit(&inputs, &Control::default())?.wait()?;
        Ok(outputs.into_iter().map(Value::into_tensor).collect::<hologram_ops::Result<_>>()?)
    }

    /// The outputs of all runs.
    pub(super) fn run_all(&self, rows: &Rows) -> Result<Vec<Vec<Tensor>>> {
        rows.runs.iter().map(|inputs| self.run(inputs)).collect()
    }
}
