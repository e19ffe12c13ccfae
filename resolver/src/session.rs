//! Sessions: an entry point of a model, and the value door.

use crate::{Error, ErrorKind, Model, Result, Signature, model::OpenEntry, plan::step, signature::Port, table::Table};
use hologram_backends::{Description, OutputBuffer, Prepared};
use hologram_ops::{Tensor, Type, Value, control::Control, forest::Span};
use std::{collections::BTreeMap, sync::Arc};

/// An entry point of an open model. Cheap to clone; runs may happen on many threads at once.
#[derive(Debug, Clone)]
pub struct Session {
    model: Arc<Model>,
    pub(crate) entry: usize,
    /// The programs of an entry point that was narrowed to some rows.
    narrowed: Option<Arc<[Arc<dyn Prepared>]>>,
}

impl Session {
    pub(crate) fn new(model: Arc<Model>, entry: usize) -> Self {
        Self { model, entry, narrowed: None }
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn open(&self) -> &OpenEntry {
        &self.model.entries[self.entry]
    }

    /// The answers that the archive holds, when it does.
    pub fn table(&self) -> Option<&Arc<Table>> {
        self.open().table.as_ref()
    }

    /// Whether the same row always has the same answer: no operator draws random numbers without a seed.
    pub fn is_pure(&self) -> bool {
        self.programs().iter().all(|program| program.is_pure())
    }

    fn programs(&self) -> &[Arc<dyn Prepared>] {
        self.narrowed.as_deref().unwrap_or(&self.open().programs)
    }

    /// The same for rows whose elements lie in spans, for each input one an element or none; with the nodes of its trees, and
    /// those of them that rows may reach. `None` where that leaves nothing out.
    pub(crate) fn narrowed(&self, inputs: &[Option<Vec<Span>>]) -> Option<(Self, usize, usize)> {
        let plan = &self.model.plan.entry_points[self.entry];
        let of_slot = |slot: &u32| {
            let port = plan.inputs.iter().position(|port| port.slot == *slot)?;
            inputs.get(port)?.as_deref()
        };
        let mut programs = self.programs().to_vec();
        let (mut nodes, mut nodes_left) = (0, 0);
        let computed = plan.steps.iter().filter_map(|step| match &step.kind {
            Some(step::Kind::Compute(compute)) => Some(compute),
            _ => None,
        });
        for (program, compute) in programs.iter_mut().zip(computed) {
            let spans: Vec<Option<&[Span]>> = compute.inputs.iter().map(of_slot).collect();
            if let Some(narrowed) = program.narrowed(&spans) {
                (nodes, nodes_left) = (nodes + narrowed.nodes, nodes_left + narrowed.nodes_left);
                *program = narrowed.prepared;
            }
        }
        (nodes_left < nodes).then(|| (Self { narrowed: Some(programs.into()), ..self.clone() }, nodes, nodes_left))
    }

    /// What this session takes and gives.
    pub fn signature(&self) -> &Signature {
        &self.open().signature
    }

    /// Answers named values with named values: the value door.
    ///
    /// # Errors
    /// `Invalid` for missing, unknown, repeated or ill-typed inputs, named; and those of the run.
    pub fn run(&self, inputs: &[(&str, Value)]) -> Result<Vec<(String, Value)>> {
        let ports = &self.signature().inputs;
        let mut ordered: Vec<Option<Value>> = vec![None; ports.len()];
        for (name, value) in inputs {
            let known = ports.iter().position(|p| p.name == *name);
            let index = known.ok_or_else(|| {
                Error::invalid(format!("no input is named '{name}'; the inputs are {}", names(ports)))
            })?;
            if ordered[index].replace(value.clone()).is_some() {
                return Err(Error::invalid(format!("input '{name}' is given twice")));
            }
        }
        let mut values = Vec::with_capacity(ports.len());
        for (value, port) in ordered.into_iter().zip(ports) {
            values
                .push(value.ok_or_else(|| Error::invalid(format!("input '{}' ({}) is missing", port.name, port.ty)))?);
        }
        let outputs = self.run_values(values, &Control::default())?;
        Ok(self.signature().outputs.iter().map(|p| p.name.clone()).zip(outputs).collect())
    }

    /// Answers values in the order of the signature's inputs with values in the order of its outputs.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_values(&self, inputs: Vec<Value>, control: &Control) -> Result<Vec<Value>> {
        let outputs = self.run_unzipped(inputs, control)?;
        outputs
            .into_iter()
            .zip(&self.signature().outputs)
            .map(|(v, p)| if p.zipped { zip(&v, p) } else { Ok(v) })
            .collect()
    }

    /// As [`run_values`](Self::run_values), with outputs that are maps by label left as `[rows, k]` tensors.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_unzipped(&self, inputs: Vec<Value>, control: &Control) -> Result<Vec<Value>> {
        self.check(&inputs)?;
        let plan_entry = &self.model.plan.entry_points[self.entry];
        let open = self.open();
        let mut slots: Vec<Option<Value>> = open.constants.iter().map(|c| c.clone().map(Value::Tensor)).collect();
        for (port, value) in plan_entry.inputs.iter().zip(inputs) {
            slots[port.slot as usize] = Some(value);
        }
        let mut programs = self.programs().iter();
        for step in &plan_entry.steps {
            match &step.kind {
                Some(step::Kind::Compute(compute)) => {
                    let given =
                        compute.inputs.iter().map(|n| filled(&slots, *n).cloned()).collect::<Result<Vec<_>>>()?;
                    let program = programs.next().ok_or_else(|| internal("a step has no program"))?;
                    let results = program.submit(&given, control)?.wait()?;
                    for (n, value) in compute.outputs.iter().zip(results) {
                        slots[*n as usize] = Some(value);
                    }
                }
                Some(step::Kind::Move(moved)) => slots[moved.to as usize] = Some(filled(&slots, moved.from)?.clone()),
                _ => {}
            }
        }
        plan_entry.outputs.iter().map(|p| filled(&slots, p.slot).cloned()).collect()
    }

    /// Runs into buffers that are used again, so that a run of shapes seen before allocates nothing.
    ///
    /// # Errors
    /// `Unsupported` for plans of more than one program and for outputs that are no fixed-width tensors; those of the run.
    pub fn run_into(&self, inputs: &[Value], outputs: &mut Vec<OutputBuffer>, control: &Control) -> Result<()> {
        self.check(inputs)?;
        Ok(self.single_program()?.run_into(inputs, outputs, control)?)
    }

    /// What was chosen for inputs of these types.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into).
    pub fn describe(&self, inputs: &[Value]) -> Result<Description> {
        self.check(inputs)?;
        Ok(self.single_program()?.describe(inputs)?)
    }

    fn single_program(&self) -> Result<&Arc<dyn Prepared>> {
        match self.programs() {
            [one] => Ok(one),
            many => Err(Error::new(
                ErrorKind::Unsupported,
                format!("a plan of {} programs cannot run into buffers", many.len()),
            )),
        }
    }

    fn check(&self, inputs: &[Value]) -> Result<()> {
        let ports = &self.signature().inputs;
        if inputs.len() != ports.len() {
            return Err(Error::invalid(format!(
                "{} inputs are given, the model takes {}: {}",
                inputs.len(),
                ports.len(),
                names(ports)
            )));
        }
        for (value, port) in inputs.iter().zip(ports) {
            if !accepts(&port.ty, value) {
                return Err(Error::invalid(format!(
                    "input '{}' is {} where {} is expected",
                    port.name,
                    Type::of(value),
                    port.ty
                )));
            }
        }
        Ok(())
    }
}

/// Whether a value fits a declared type. Allocates nothing for tensors.
fn accepts(ty: &Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::Unknown, _) | (Type::Sequence(_), Value::Sequence(_)) | (Type::Map { .. }, Value::Map { .. }) => true,
        (Type::Optional(inner), value) => match value {
            Value::Optional(None) => true,
            Value::Optional(Some(v)) => accepts(inner, v),
            other => accepts(inner, other),
        },
        (Type::Tensor { dtype, shape }, Value::Tensor(t)) => {
            *dtype == t.dtype()
                && shape.as_ref().is_none_or(|s| {
                    s.len() == t.rank() && s.iter().zip(t.shape()).all(|(d, n)| d.known().is_none_or(|k| k == *n))
                })
        }
        _ => false,
    }
}

fn names(ports: &[Port]) -> String {
    let names: Vec<&str> = ports.iter().map(|p| p.name.as_str()).collect();
    names.join(", ")
}

fn filled(slots: &[Option<Value>], number: u32) -> Result<&Value> {
    slots
        .get(number as usize)
        .and_then(Option::as_ref)
        .ok_or_else(|| internal(&format!("slot {number} is read before it is filled")))
}

fn internal(message: &str) -> Error {
    Error::new(ErrorKind::Internal, message.to_owned())
}

/// A `[rows, k]` tensor as a sequence of maps by label.
fn zip(value: &Value, port: &Port) -> Result<Value> {
    let tensor = value.as_tensor()?;
    let k = port.labels.len();
    let rows = tensor.len().checked_div(k).unwrap_or(0);
    if k == 0 || tensor.len() != rows * k {
        return Err(internal(&format!("output '{}' of {} elements for {k} labels", port.name, tensor.len())));
    }
    // Keys ascend, and of equal labels the last counts, as the operator has it.
    let (keys, columns): (Tensor, Vec<usize>) = if port.int_labels.len() == k {
        let sorted: BTreeMap<i64, usize> = port.int_labels.iter().copied().zip(0..).collect();
        (Tensor::from_vec([sorted.len()], sorted.keys().copied().collect())?, sorted.into_values().collect())
    } else {
        let sorted: BTreeMap<&str, usize> = port.labels.iter().map(String::as_str).zip(0..).collect();
        (Tensor::from_string_iter([sorted.len()], sorted.keys())?, sorted.into_values().collect())
    };
    let (dtype, buffer, size) = (tensor.dtype(), tensor.buffer()?, tensor.dtype().size());
    let row = |r: usize| -> Result<Value> {
        let mut bytes = Vec::with_capacity(columns.len() * size);
        for column in &columns {
            bytes.extend_from_slice(&buffer[(r * k + column) * size..][..size]);
        }
        let values = Tensor::from_buffer(dtype, [columns.len()], bytes.into())?;
        Ok(Value::Map { keys: keys.clone(), values })
    };
    Ok(Value::Sequence((0..rows).map(row).collect::<Result<_>>()?))
}
