//! From a compiled model to the sections of an archive.

use crate::{CompiledEntry, CompiledModel, CompiledTable, Result, TableAnswers};
use hologram_ops::{
    DType, Error, Tensor,
    program::{Program, Slot, SlotKind, TensorData},
};
use hologram_resolver::{
    plan::{
        AxisData, AxisKind, CONSTANT_KIND, Compute, NUMERICS_VERSION, PLAN_KIND, PLAN_SECTION, PROGRAM_KIND, Plan,
        Resolve, SEMANTICS_VERSION, Step, TABLE_KIND, TableData, step,
    },
    table::Domain,
};
use hologram_store::{ArchiveWriter, Coordinate, SectionSpec};
use prost::Message;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
};

/// Constants that one archive can address: the lanes of the first stratum.
const CONSTANTS_MAX: usize = hologram_store::atlas::LANES as usize;

pub(crate) fn write<W: Write>(model: &CompiledModel, sink: W) -> Result<W> {
    let mut constants = Constants::default();
    let mut entry_points = Vec::with_capacity(model.entries.len());
    let mut programs = Vec::with_capacity(model.entries.len());
    for entry in &model.entries {
        let program = Program::from_graph(&entry.graph, false)?;
        let section = format!("program/{}", entry.name);
        let mut point = entry.point();
        let mut compute = Compute { program: section.clone(), ..Compute::default() };
        for (port, n) in point.inputs.iter_mut().zip(&program.inputs) {
            port.slot = push(&mut point.slots, Slot { constant: None, ..program.slot(*n)?.clone() })?;
            compute.inputs.push(port.slot);
        }
        for slot in program.slots.iter().filter(|s| s.kind() == SlotKind::Constant) {
            let value = entry.graph.value_named(&slot.name).and_then(|v| entry.graph.value(v).constant.as_ref());
            let tensor = value.ok_or_else(|| Error::Missing(format!("constant '{}'", slot.name)))?;
            let number = push(&mut point.slots, slot.clone())?;
            let coordinate = coordinate(constants.intern(CONSTANT_KIND, &slot.name, tensor)?)?;
            compute.constants.push(number);
            point.steps.push(Step {
                kind: Some(step::Kind::Resolve(Resolve { coordinate: coordinate.as_bytes().to_vec(), slot: number })),
            });
        }
        for (port, n) in point.outputs.iter_mut().zip(&program.outputs) {
            let slot =
                Slot { kind: SlotKind::Intermediate.into(), name: port.name.clone(), ..program.slot(*n)?.clone() };
            port.slot = push(&mut point.slots, slot)?;
            compute.outputs.push(port.slot);
        }
        point.steps.push(Step { kind: Some(step::Kind::Compute(compute)) });
        point.table = entry.table.as_ref().map(|table| table_data(table, entry, &mut constants)).transpose()?;
        entry_points.push(point);
        programs.push((section, program));
    }
    let plan = Plan {
        name: model.name.clone(),
        entry_points,
        metadata: model.metadata.clone(),
        passes: model.passes.clone(),
        repairs: model.repairs.clone(),
    };
    let mut writer = ArchiveWriter::new(sink)?;
    writer.section(&SectionSpec::new(PLAN_SECTION, PLAN_KIND), &plan.encode_to_vec())?;
    for (section, program) in &programs {
        writer.section(&SectionSpec::new(section, PROGRAM_KIND), &program.encode_to_vec())?;
    }
    for (i, (kind, name, tensor)) in constants.list.iter().enumerate() {
        let shape: Vec<u64> = tensor.shape().iter().map(|d| *d as u64).collect();
        let spec =
            SectionSpec::new(format!("{kind}/{name}"), *kind).tensor(tensor.dtype().name(), shape).at(coordinate(i)?);
        if tensor.dtype() == DType::String {
            writer.section(&spec, &TensorData::try_from(*tensor)?.encode_to_vec())?;
        } else {
            writer.section(&spec, tensor.buffer()?.as_slice())?;
        }
    }
    Ok(writer.finish(&[
        (hologram_resolver::SEMANTICS_KEY, SEMANTICS_VERSION.to_string().as_str()),
        (hologram_resolver::NUMERICS_KEY, NUMERICS_VERSION.to_string().as_str()),
        ("hologram.target", "any"),
        ("hologram.writer", concat!("hologram ", env!("CARGO_PKG_VERSION"))),
    ])?)
}

/// A table as the plan has it, its lists and answers among the constants.
fn table_data<'a>(table: &'a CompiledTable, entry: &CompiledEntry, constants: &mut Constants<'a>) -> Result<TableData> {
    let mut data = TableData::default();
    for (i, (axis, list)) in table.axes.iter().zip(&table.lists).enumerate() {
        let kind = match axis.domain {
            Domain::Values(_) => AxisKind::Values,
            Domain::Bounds(_) => AxisKind::Bounds,
            Domain::Any => AxisKind::Any,
        };
        let at = match list {
            Some(list) => {
                let index = constants.intern(TABLE_KIND, &format!("{}/axis.{i}", entry.name), list)?;
                coordinate(index)?.as_bytes().to_vec()
            }
            None => Vec::new(),
        };
        let (input, feature) = (axis.input as u32, axis.feature as u32);
        data.axes.push(AxisData { input, feature, kind: kind.into(), coordinate: at });
    }
    let answers = match &table.answers {
        TableAnswers::Filled(answers) => answers,
        TableAnswers::OnDemand { bytes_max } => {
            data.on_demand_bytes = Some(*bytes_max);
            return Ok(data);
        }
    };
    for (port, answer) in entry.outputs.iter().zip(answers) {
        let index = constants.intern(TABLE_KIND, &format!("{}/{}", entry.name, port.name), answer)?;
        data.answers.push(coordinate(index)?.as_bytes().to_vec());
    }
    Ok(data)
}

fn push(slots: &mut Vec<Slot>, slot: Slot) -> Result<u32> {
    let n = u32::try_from(slots.len()).map_err(|_| Error::Exhausted("slots of a plan".into()))?;
    slots.push(slot);
    Ok(n)
}

fn coordinate(index: usize) -> Result<Coordinate> {
    match u32::try_from(index) {
        Ok(n) if index < CONSTANTS_MAX => Ok(Coordinate::from(n)),
        _ => Err(Error::Exhausted(format!("an archive addresses {CONSTANTS_MAX} constants")).into()),
    }
}

/// The constants to be written, equal ones once.
#[derive(Default)]
struct Constants<'a> {
    list: Vec<(&'static str, String, &'a Tensor)>,
    by_content: HashMap<u64, Vec<usize>>,
    names: std::collections::HashSet<String>,
}

impl<'a> Constants<'a> {
    fn intern(&mut self, kind: &'static str, name: &str, tensor: &'a Tensor) -> Result<usize> {
        let mut hasher = DefaultHasher::new();
        tensor.shape().hash(&mut hasher);
        match tensor.dtype() {
            DType::String => tensor.as_strings()?.iter().for_each(|s| s.hash(&mut hasher)),
            _ => tensor.buffer()?.as_slice().hash(&mut hasher),
        }
        let equal = |i: &&usize| {
            let other = self.list[**i].2;
            let same_bytes = match tensor.dtype() {
                DType::String => true,
                _ => tensor.buffer().ok().map(|b| b.as_slice()) == other.buffer().ok().map(|b| b.as_slice()),
            };
            // Equal bits, not only equal numbers: NaN payloads stay as the model has them.
            tensor == other && same_bytes
        };
        let candidates = self.by_content.entry(hasher.finish()).or_default();
        if let Some(found) = candidates.iter().find(equal) {
            return Ok(*found);
        }
        let mut unique = name.to_owned();
        let mut n = 1;
        while !self.names.insert(unique.clone()) {
            unique = format!("{name}.{n}");
            n += 1;
        }
        candidates.push(self.list.len());
        self.list.push((kind, unique, tensor));
        Ok(self.list.len() - 1)
    }
}
