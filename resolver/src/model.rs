//! Models: archives that are open.

use crate::{
    Error, ErrorKind, Result, Session, Signature,
    plan::{AxisKind, EntryPoint, NUMERICS_VERSION, PLAN_SECTION, Plan, SEMANTICS_VERSION, TableData, step},
    table::{Axis, Domain, Table},
};
use hologram_backends::{Backend, Prepared, cpu::Cpu};
use hologram_ops::{
    DType, Registry, Tensor,
    program::{Program, SlotKind, SpaceKind},
};
use hologram_store::{Archive, Coordinate, archive::Mounted};
use prost::Message;
use std::{collections::HashMap, sync::Arc};

/// The metadata key under which archives name the version of operator semantics.
pub const SEMANTICS_KEY: &str = "hologram.semantics";

/// The metadata key under which archives name the version of the numerics.
pub const NUMERICS_KEY: &str = "hologram.numerics";

/// How a model is opened.
#[derive(Debug, Clone)]
pub struct ModelOptions {
    /// The operators; must hold those that the model was compiled with.
    pub registry: Arc<Registry>,
    /// The device that programs are made ready on.
    pub backend: Arc<dyn Backend>,
    /// The ordinal that the archive's coordinates are mounted under.
    pub ordinal: u32,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { registry: Arc::new(Registry::standard()), backend: Arc::new(Cpu), ordinal: 0 }
    }
}

/// An archive that is open: its plan read, its constants resolved, its programs ready.
#[derive(Debug)]
pub struct Model {
    pub(crate) plan: Plan,
    pub(crate) mounted: Mounted,
    pub(crate) entries: Vec<OpenEntry>,
    pub(crate) backend: &'static str,
}

/// One entry point, ready to run.
#[derive(Debug)]
pub(crate) struct OpenEntry {
    pub(crate) signature: Signature,
    pub(crate) constants: Vec<Option<Tensor>>,
    pub(crate) programs: Vec<Arc<dyn Prepared>>,
    pub(crate) table: Option<Arc<Table>>,
}

impl Model {
    /// Opens a model: reads the plan, resolves every constant by coordinate from the archive's memory without a copy,
    /// and prepares every program.
    ///
    /// # Errors
    /// `Corrupt` for damaged sections, `Unsupported` for other versions of semantics and numerics, operators or spaces that this library lacks,
    /// `Invalid` for a plan that is not well-formed.
    pub fn open(archive: Archive, options: &ModelOptions) -> Result<Arc<Self>> {
        let name = archive.name().to_owned();
        let place = |message: String| format!("archive '{name}': {message}");
        let versions =
            [(SEMANTICS_KEY, "operator semantics", SEMANTICS_VERSION), (NUMERICS_KEY, "numerics", NUMERICS_VERSION)];
        for (key, what, runs) in versions {
            let found = archive.metadata_value(key).unwrap_or("none");
            if found.parse() != Ok(runs) {
                let message = format!("{what} version {found}, this library runs {runs}; compile the model again");
                return Err(Error::new(ErrorKind::Unsupported, place(message)));
            }
        }
        let section = archive.section(PLAN_SECTION)?;
        let plan = Plan::decode(section.data().as_slice())
            .map_err(|e| Error::new(ErrorKind::Corrupt, place(format!("the plan does not decode: {e}"))))?;
        let mounted = Mounted::new(archive, options.ordinal)?;
        let mut ready: HashMap<String, Arc<dyn Prepared>> = HashMap::new();
        let mut entries = Vec::with_capacity(plan.entry_points.len());
        for entry in &plan.entry_points {
            entries.push(open_entry(&mounted, entry, options, &mut ready)?);
        }
        if entries.is_empty() {
            return Err(Error::invalid(place("the plan has no entry point".into())));
        }
        Ok(Arc::new(Self { plan, mounted, entries, backend: options.backend.name() }))
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The archive that the model was opened from.
    pub fn archive(&self) -> &Archive {
        self.mounted.archive()
    }

    /// The signature of the default entry point.
    pub fn signature(&self) -> &Signature {
        &self.entries[0].signature
    }

    /// What the model says of itself, by key.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plan.metadata.iter().map(|p| (p.key.as_str(), p.value.as_str()))
    }

    /// A session on an entry point; `None` is the default one.
    ///
    /// # Errors
    /// `Missing` when there is no entry point of that name; the message lists those that there are.
    pub fn session(self: &Arc<Self>, entry: Option<&str>) -> Result<Session> {
        let index = match entry {
            None => 0,
            Some(name) => self.plan.entry_points.iter().position(|e| e.name == name).ok_or_else(|| {
                let names: Vec<&str> = self.plan.entry_points.iter().map(|e| e.name.as_str()).collect();
                Error::new(
                    ErrorKind::Missing,
                    format!("model '{}' has no entry point '{name}'; it has {}", self.name(), names.join(", ")),
                )
            })?,
        };
        Ok(Session::new(self.clone(), index))
    }
}

fn open_entry(
    mounted: &Mounted,
    entry: &EntryPoint,
    options: &ModelOptions,
    ready: &mut HashMap<String, Arc<dyn Prepared>>,
) -> Result<OpenEntry> {
    let place = |message: String| Error::invalid(format!("entry point '{}': {message}", entry.name));
    let number = |n: u32| -> Result<usize> {
        let index = n as usize;
        (index < entry.slots.len()).then_some(index).ok_or_else(|| place(format!("slot {n} of {}", entry.slots.len())))
    };
    for slot in &entry.slots {
        if slot.space.is_some_and(|s| s.kind() != SpaceKind::Host) {
            let message = format!(
                "slot '{}' lies on a device, and the {} backend runs on the host",
                slot.name,
                options.backend.name()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if slot.kind() == SlotKind::State {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("state slot '{}': sessions keep no state yet", slot.name),
            ));
        }
    }
    let mut constants: Vec<Option<Tensor>> = vec![None; entry.slots.len()];
    let mut programs = Vec::new();
    for step in &entry.steps {
        match step.kind.as_ref().ok_or_else(|| place("an empty step".into()))? {
            step::Kind::Resolve(resolve) => {
                let coordinate = Coordinate::from_bytes(&resolve.coordinate)?;
                let section = mounted.section_at(&mounted.absolute(&coordinate)?)?;
                constants[number(resolve.slot)?] = Some(tensor_of(&section)?);
            }
            step::Kind::Compute(compute) => {
                for n in compute.inputs.iter().chain(&compute.outputs) {
                    number(*n)?;
                }
                let prepared = match ready.get(&compute.program) {
                    Some(prepared) => prepared.clone(),
                    None => {
                        let section = mounted.archive().section(&compute.program)?;
                        let program = Program::decode(section.data().as_slice()).map_err(|e| {
                            Error::new(
                                ErrorKind::Corrupt,
                                format!("section '{}' does not decode: {e}", compute.program),
                            )
                        })?;
                        let mut given = compute.constants.iter();
                        let mut filled: Vec<Option<Tensor>> = vec![None; program.slots.len()];
                        for (slot, value) in program.slots.iter().zip(&mut filled) {
                            if slot.kind() == SlotKind::Constant {
                                let n =
                                    given.next().ok_or_else(|| place(format!("no constant for '{}'", slot.name)))?;
                                *value = constants[number(*n)?].clone();
                            }
                        }
                        let prepared = options.backend.prepare(program, filled, &options.registry)?;
                        ready.insert(compute.program.clone(), prepared.clone());
                        prepared
                    }
                };
                programs.push(prepared);
            }
            step::Kind::Move(moved) => {
                number(moved.from)?;
                number(moved.to)?;
            }
        }
    }
    for port in entry.inputs.iter().chain(&entry.outputs) {
        number(port.slot)?;
    }
    let signature = Signature::try_from(entry)?;
    let table = entry.table.as_ref().map(|data| open_table(mounted, data, &signature).map(Arc::new)).transpose();
    let table = table.map_err(|e| Error::new(e.kind(), format!("the table of entry point '{}': {e}", entry.name)))?;
    Ok(OpenEntry { signature, constants, programs, table })
}

/// The table of an entry point, over the archive's own memory.
fn open_table(mounted: &Mounted, data: &TableData, signature: &Signature) -> Result<Table> {
    let tensor = |coordinate: &[u8]| -> Result<Tensor> {
        tensor_of(&mounted.section_at(&mounted.absolute(&Coordinate::from_bytes(coordinate)?)?)?)
    };
    let mut axes = Vec::with_capacity(data.axes.len());
    for axis in &data.axes {
        let domain = match AxisKind::try_from(axis.kind) {
            Ok(AxisKind::Values) => Domain::values(tensor(&axis.coordinate)?)?,
            Ok(AxisKind::Bounds) => Domain::bounds(&tensor(&axis.coordinate)?)?,
            Ok(AxisKind::Any) => Domain::Any,
            Err(_) => {
                let message = format!("an axis of kind {}, which this library does not know", axis.kind);
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        axes.push(Axis { input: axis.input as usize, feature: axis.feature as usize, domain });
    }
    if let Some(bytes_max) = data.on_demand_bytes {
        return match data.answers.is_empty() {
            true => Table::on_demand(axes, bytes_max, signature),
            false => Err(Error::invalid("answers of a table that is filled on demand")),
        };
    }
    let answers = data.answers.iter().map(|coordinate| tensor(coordinate)).collect::<Result<_>>()?;
    Table::new(axes, answers, signature)
}

/// The tensor of a constant's section, over the section's own memory.
fn tensor_of(section: &hologram_store::Section) -> Result<Tensor> {
    let dtype = DType::from_name(section.dtype())?;
    let shape: Vec<usize> = section
        .shape()
        .iter()
        .map(|d| {
            usize::try_from(*d).map_err(|_| Error::invalid(format!("section '{}': dimension {d}", section.name())))
        })
        .collect::<Result<_>>()?;
    if dtype == DType::String {
        let data = hologram_ops::program::TensorData::decode(section.data().as_slice()).map_err(|e| {
            Error::new(ErrorKind::Corrupt, format!("section '{}' does not decode: {e}", section.name()))
        })?;
        return Ok(Tensor::try_from(&data)?);
    }
    Ok(Tensor::from_buffer(dtype, shape, section.data().clone())
        .map_err(|e| e.at(format!("section '{}'", section.name())))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{CONSTANT_KIND, Compute, EntryPoint, PLAN_KIND, PROGRAM_KIND, PortData, Resolve, Step};
    use hologram_ops::{Type, graph::Graph, program::Slot};
    use hologram_store::{ArchiveWriter, SectionSpec};

    #[test]
    fn constants_lie_in_the_archives_own_memory() {
        let mut graph = Graph::new("sum");
        let x = graph.add_input("x", Type::tensor(DType::F32, [4usize])).unwrap();
        let c = graph.add_constant("c", Tensor::from_vec([4], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        let node = graph.add_op("Add").input(x, 0, 0).input(c, 0, 1).finish().unwrap();
        let y = graph.output_of(node, 0).unwrap();
        graph.add_output("y", y);
        graph.infer().unwrap();
        let program = Program::from_graph(&graph, false).unwrap();
        let slot = |name: &str| Slot { name: name.into(), ty: program.slots[0].ty.clone(), ..Slot::default() };
        let port = |name: &str, slot| PortData {
            name: name.into(),
            slot,
            ty: program.slots[0].ty.clone(),
            ..PortData::default()
        };
        let at = Coordinate::from(7u32);
        let resolve = Resolve { coordinate: at.as_bytes().to_vec(), slot: 1 };
        let compute = Compute { program: "program/main".into(), inputs: vec![0], constants: vec![1], outputs: vec![2] };
        let steps = [step::Kind::Resolve(resolve), step::Kind::Compute(compute)].map(|k| Step { kind: Some(k) });
        let entry = EntryPoint {
            name: "main".into(),
            slots: vec![slot("x"), slot("c"), slot("y")],
            steps: steps.to_vec(),
            inputs: vec![port("x", 0)],
            outputs: vec![port("y", 2)],
            ..EntryPoint::default()
        };
        let plan = Plan { name: "sum".into(), entry_points: vec![entry], ..Plan::default() };
        let mut writer = ArchiveWriter::new(Vec::new()).unwrap();
        writer.section(&SectionSpec::new(PLAN_SECTION, PLAN_KIND), &plan.encode_to_vec()).unwrap();
        writer.section(&SectionSpec::new("program/main", PROGRAM_KIND), &program.encode_to_vec()).unwrap();
        let spec = SectionSpec::new("constant/c", CONSTANT_KIND).tensor("f32", [4]).at(at);
        writer.section(&spec, graph.value(c).constant.as_ref().unwrap().buffer().unwrap()).unwrap();
        let versions = [(SEMANTICS_KEY, SEMANTICS_VERSION), (NUMERICS_KEY, NUMERICS_VERSION)];
        let bytes = writer.finish(&versions.map(|(key, version)| (key, version.to_string()))).unwrap();
        let archive = Archive::from_buffer(arrow_buffer::Buffer::from_slice_ref(&bytes)).unwrap();
        let inside = archive.section("constant/c").unwrap().data().as_ptr();
        let model = Model::open(archive, &ModelOptions::default()).unwrap();
        let constant = model.entries[0].constants[1].as_ref().unwrap();
        assert_eq!(constant.buffer().unwrap().as_ptr(), inside, "no copy of a constant");
        let input = Tensor::from_vec([4], vec![10.0f32; 4]).unwrap();
        let answer = model.session(None).unwrap().run(&[("x", input.into())]).unwrap();
        let expected = Tensor::from_vec([4], vec![11.0f32, 12.0, 13.0, 14.0]).unwrap();
        assert_eq!(answer, [("y".to_owned(), hologram_ops::Value::Tensor(expected))]);
    }

    #[test]
    fn other_versions_are_refused_by_name() {
        let (semantics, numerics) = (SEMANTICS_VERSION.to_string(), NUMERICS_VERSION.to_string());
        for (pairs, named) in [
            (vec![(SEMANTICS_KEY, "0"), (NUMERICS_KEY, &numerics)], "operator semantics version 0"),
            (vec![(NUMERICS_KEY, numerics.as_str())], "operator semantics version none"),
            (vec![(SEMANTICS_KEY, &semantics), (NUMERICS_KEY, "1")], "numerics version 1"),
            (vec![(SEMANTICS_KEY, semantics.as_str())], "numerics version none"),
        ] {
            let bytes = ArchiveWriter::new(Vec::new()).unwrap().finish(&pairs).unwrap();
            let archive = Archive::from_buffer(arrow_buffer::Buffer::from_slice_ref(&bytes)).unwrap();
            let error = Model::open(archive, &ModelOptions::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
