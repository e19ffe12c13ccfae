//! Plans for people: what EXPLAIN prints.

use crate::{
    Model, Signature,
    plan::step,
    table::{Domain, Table},
};
use hologram_ops::{Type, program::Slot};
use hologram_store::Coordinate;
use std::fmt;

/// A plan that prints itself, a line a step.
#[derive(Debug)]
pub struct Explanation<'a>(pub(crate) &'a Model);

impl Model {
    /// The plan for people: entry points, ports, and a line for each step with coordinate, class, tier, slot, type, bytes.
    pub fn explain(&self) -> Explanation<'_> {
        Explanation(self)
    }
}

fn type_text(slot: &Slot) -> String {
    slot.ty.as_ref().and_then(|t| Type::try_from(t).ok()).map_or("?".into(), |t| t.to_string())
}

/// The axes of a table, and what it takes.
fn explain_table(table: &Table, signature: &Signature, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match table.blocks() {
        None => writeln!(f, "  table of {} entries, {} bytes", table.entries(), table.answer_bytes())?,
        Some(blocks) => writeln!(
            f,
            "  table of {} entries, filled on demand: {} of them, {} of at most {} bytes",
            table.entries(),
            blocks.filled(),
            blocks.bytes(),
            blocks.bytes_max()
        )?,
    }
    for axis in table.axes() {
        let port = &signature.inputs[axis.input];
        let name = port.features.get(axis.feature).unwrap_or(&port.name);
        match &axis.domain {
            Domain::Values(_) => writeln!(f, "    {name}: {} values", axis.domain.cardinality())?,
            Domain::Bounds(_) => writeln!(f, "    {name}: {} ranges", axis.domain.cardinality())?,
            // It makes no difference.
            Domain::Any => {}
        }
    }
    Ok(())
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.0;
        writeln!(f, "model {} on {}", model.name(), model.backend)?;
        for (entry, open) in model.plan.entry_points.iter().zip(&model.entries) {
            writeln!(f, "entry point {}", entry.name)?;
            for (word, ports) in [("takes", &open.signature.inputs), ("gives", &open.signature.outputs)] {
                for port in ports {
                    write!(f, "  {word} {}: {}", port.name, port.ty)?;
                    if !port.features.is_empty() {
                        write!(f, " of {}", port.features.join(", "))?;
                    }
                    if port.missing {
                        write!(f, ", NULL as missing")?;
                    }
                    writeln!(f)?;
                }
            }
            let rows = &open.signature.rows;
            let word = if rows.independent { "independent" } else { "dependent" };
            writeln!(f, "  rows {word}: {}", rows.reason)?;
            entry.decisions.iter().try_for_each(|decision| writeln!(f, "  {decision}"))?;
            if let Some(table) = &open.table {
                explain_table(table, &open.signature, f)?;
            }
            for (i, step) in entry.steps.iter().enumerate() {
                write!(f, "  {i:>4} ")?;
                match &step.kind {
                    Some(step::Kind::Resolve(resolve)) => {
                        let slot = &entry.slots[resolve.slot as usize];
                        let coordinate = Coordinate::from_bytes(&resolve.coordinate).map_err(|_| fmt::Error)?;
                        let absolute = model.mounted.absolute(&coordinate).map_err(|_| fmt::Error)?;
                        let bytes = model.archive().by_coordinate(&coordinate).map_or(0, |s| s.data().len());
                        writeln!(
                            f,
                            "Resolve {absolute} class {} tier L0 -> slot {} {} {} {bytes} bytes",
                            absolute.routing_class().id(),
                            resolve.slot,
                            slot.name,
                            type_text(slot)
                        )?;
                    }
                    Some(step::Kind::Compute(compute)) => {
                        let list = |slots: &[u32]| slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                        let outputs: Vec<String> = compute
                            .outputs
                            .iter()
                            .map(|n| format!("{n} {}", type_text(&entry.slots[*n as usize])))
                            .collect();
                        writeln!(
                            f,
                            "Compute {} (slots {}; {} constants) -> slots {}",
                            compute.program,
                            list(&compute.inputs),
                            compute.constants.len(),
                            outputs.join(", ")
                        )?;
                    }
                    Some(step::Kind::Move(moved)) => writeln!(f, "Move slot {} -> slot {}", moved.from, moved.to)?,
                    None => writeln!(f, "(empty)")?,
                }
            }
        }
        Ok(())
    }
}
