//! A program made ready on the CPU, and its runs.

use super::{
    arena::Arena,
    kernels::{self, Data, Io, Kept, Kernel, Layout, View, ViewMut},
    specialise::{How, Place, Specialisation},
};
use crate::{CallDescription, Description, Narrowed, OutputBuffer, Prepared, Submission};
use hologram_ops::{
    DType, Effort, Error, Inputs, Operator, Registry, Result, Tensor, Value,
    control::Control,
    forest::Span,
    operator::Node,
    program::{Program, SlotKind},
};
use smallvec::SmallVec;
use std::sync::{Arc, Mutex, PoisonError};

/// Specialisations kept for one program; the least recently made goes first.
const SPECIALISATIONS_MAX: usize = 32;

/// Bytes of memory that is kept whatever the last run used of it.
const ARENA_KEPT_MAX: usize = 64 << 20;

/// One call, parsed.
#[derive(Debug, Clone)]
pub(super) struct ParsedCall {
    pub(super) node: String,
    pub(super) op: String,
    pub(super) domain: String,
    pub(super) operator: Arc<dyn Operator>,
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) outputs: Vec<Option<usize>>,
    /// Where the columns of its first input lie, as far as that is known.
    pub(super) spans: Option<Arc<[Span]>>,
}

/// A prepared program.
#[derive(Debug)]
pub(super) struct CpuPrepared {
    pub(super) calls: Vec<ParsedCall>,
    pub(super) constants: Vec<Option<Value>>,
    pub(super) slot_names: Vec<String>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    /// What kernels made of constants, for each call.
    pub(super) kept: Vec<Kept>,
    specialisations: Mutex<Vec<Arc<Specialisation>>>,
    /// The memory of runs that are over, for runs of any size.
    frames: Mutex<Vec<Frame>>,
}

impl CpuPrepared {
    pub(super) fn new(program: Program, constants: Vec<Option<Tensor>>, registry: &Registry) -> Result<Self> {
        if constants.len() != program.slots.len() {
            return Err(Error::invalid(format!("{} constants for {} slots", constants.len(), program.slots.len())));
        }
        let mut written: Vec<bool> = program.slots.iter().map(|s| s.kind() == SlotKind::Constant).collect();
        for (slot, constant) in program.slots.iter().zip(&constants) {
            if slot.kind() == SlotKind::Constant && constant.is_none() {
                return Err(Error::Missing(format!("constant '{}'", slot.name)));
            }
        }
        let number = |n: u32| program.slot(n).map(|_| n as usize);
        let inputs: Vec<usize> = program.inputs.iter().map(|n| number(*n)).collect::<Result<_>>()?;
        for n in &inputs {
            written[*n] = true;
        }
        let mut calls = Vec::with_capacity(program.calls.len());
        for call in &program.calls {
            let place = |e: Error| e.at(format!("node '{}' ({})", call.node, call.op));
            let attributes = call.parsed_attributes(registry).map_err(place)?;
            let node = Node {
                domain: &call.domain,
                op: &call.op,
                version: call.version,
                since: 0,
                attributes: &attributes,
                inputs: call.inputs.len(),
                outputs: call.outputs.len(),
            };
            let (_, operator) = registry.parse(&node).map_err(place)?;
            let slots = |list: &[u32]| -> Result<Vec<Option<usize>>> {
                list.iter().map(|n| n.checked_sub(1).map(number).transpose()).collect()
            };
            let (read, write) = (slots(&call.inputs).map_err(place)?, slots(&call.outputs).map_err(place)?);
            if let Some(n) = read.iter().flatten().find(|n| !written[**n]) {
                return Err(place(Error::invalid(format!(
                    "slot '{}' is read before it is written",
                    program.slots[*n].name
                ))));
            }
            for n in write.iter().flatten() {
                if std::mem::replace(&mut written[*n], true) {
                    return Err(place(Error::invalid(format!("slot '{}' is written twice", program.slots[*n].name))));
                }
            }
            calls.push(ParsedCall {
                node: call.node.clone(),
                op: call.op.clone(),
                domain: call.domain.clone(),
                operator,
                inputs: read,
                outputs: write,
                spans: None,
            });
        }
        let outputs: Vec<usize> = program.outputs.iter().map(|n| number(*n)).collect::<Result<_>>()?;
        if let Some(n) = outputs.iter().find(|n| !written[**n]) {
            return Err(Error::invalid(format!("output slot '{}' is never written", program.slots[*n].name)));
        }
        Ok(Self {
            kept: calls.iter().map(|_| Kept::default()).collect(),
            calls,
            constants: constants.into_iter().map(|c| c.map(Value::Tensor)).collect(),
            slot_names: program.slots.into_iter().map(|s| s.name).collect(),
            inputs,
            outputs,
            specialisations: Mutex::new(Vec::new()),
            frames: Mutex::new(Vec::new()),
        })
    }

    /// The specialisation for these inputs, made when there is none.
    fn specialised(&self, inputs: &[Value]) -> Result<Arc<Specialisation>> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::invalid(format!(
                "the program takes {} inputs, {} are given",
                self.inputs.len(),
                inputs.len()
            )));
        }
        let kept = |list: &[Arc<Specialisation>]| list.iter().find(|s| s.fits(inputs)).cloned();
        if let Some(found) = kept(&self.specialisations.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        // Made outside the lock: folding may take long, and making one twice is harmless.
        let made = Arc::new(Specialisation::new(self, inputs)?);
        let mut list = self.specialisations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept(&list) {
            return Ok(found);
        }
        if list.len() == SPECIALISATIONS_MAX {
            list.remove(0);
        }
        list.push(made.clone());
        Ok(made)
    }

    fn execute(&self, plan: &Specialisation, inputs: &[Value], frame: &mut Frame, control: &Control) -> Result<()> {
        for step in &plan.steps {
            control.cancel.check()?;
            let call = &self.calls[step.call];
            match &step.how {
                How::Kernel { kernel, scratch } => {
                    self.run_kernel(plan, inputs, frame, call, kernel.as_ref(), *scratch)
                }
                How::Reference => self.run_reference(plan, inputs, frame, call, control),
            }
            .map_err(|e| e.at(format!("node '{}' ({})", call.node, call.op)))?;
        }
        Ok(())
    }

    fn run_kernel(
        &self,
        plan: &Specialisation,
        inputs: &[Value],
        frame: &mut Frame,
        call: &ParsedCall,
        kernel: &dyn Kernel,
        scratch: (usize, usize),
    ) -> Result<()> {
        let start = frame.arena.start();
        let mut views: SmallVec<[Option<View<'_>>; 8]> = SmallVec::new();
        for input in &call.inputs {
            views.push(match input {
                None => None,
                Some(slot) => Some(match &plan.places[*slot] {
                    Place::Arena { offset } => {
                        let layout = plan.layout(*slot)?;
                        // SAFETY: the plan keeps offset + bytes inside the arena, and gives no two values that live at
                        // this step overlapping places, so nothing writes these bytes while the view lives.
                        let bytes =
                            unsafe { std::slice::from_raw_parts(start.as_ptr().wrapping_add(*offset), layout.bytes()) };
                        View { dtype: layout.dtype, data: Data::Bytes(bytes) }
                    }
                    Place::Input(i) => view_of(inputs[*i].as_tensor()?, plan.layout(*slot)?, kernel)?,
                    Place::Value(value) => view_of(value.as_tensor()?, plan.layout(*slot)?, kernel)?,
                    Place::Dynamic | Place::Unused => {
                        return Err(Error::invalid("a kernel was given a value without a place"));
                    }
                }),
            });
        }
        let mut written: SmallVec<[Option<ViewMut<'_>>; 4]> = SmallVec::new();
        for output in &call.outputs {
            written.push(match output.map(|slot| (slot, &plan.places[slot])) {
                Some((slot, Place::Arena { offset })) => {
                    let layout = plan.layout(slot)?;
                    // SAFETY: as above; this step alone writes this place, and it overlaps no other view of the step.
                    let bytes =
                        unsafe { std::slice::from_raw_parts_mut(start.as_ptr().wrapping_add(*offset), layout.bytes()) };
                    Some(ViewMut { dtype: layout.dtype, bytes })
                }
                _ => None,
            });
        }
        // SAFETY: the plan gives the step's scratch memory a place of its own inside the arena.
        let scratch = unsafe { std::slice::from_raw_parts_mut(start.as_ptr().wrapping_add(scratch.0), scratch.1) };
        kernel.run(&mut Io { inputs: &views, outputs: &mut written, scratch })
    }

    fn run_reference(
        &self,
        plan: &Specialisation,
        inputs: &[Value],
        frame: &mut Frame,
        call: &ParsedCall,
        control: &Control,
    ) -> Result<()> {
        let mut owned: SmallVec<[Option<Value>; 8]> = SmallVec::new();
        for input in &call.inputs {
            owned.push(match input {
                None => None,
                Some(slot) => Some(self.read(plan, inputs, frame, *slot)?),
            });
        }
        let given: SmallVec<[Option<&Value>; 8]> = owned.iter().map(Option::as_ref).collect();
        let effort = Effort::until(control.cancel.clone());
        let results = call.operator.evaluate_within(Inputs(&given), &effort)?;
        drop(given);
        drop(owned);
        for (output, value) in call.outputs.iter().zip(results) {
            let Some(slot) = output else { continue };
            match &plan.places[*slot] {
                Place::Arena { offset } => {
                    let (layout, tensor) = (plan.layout(*slot)?, value.as_tensor()?);
                    if tensor.dtype() != layout.dtype || tensor.shape() != layout.shape {
                        return Err(Error::invalid(format!(
                            "inference promised {}{:?} for '{}' and the evaluation gave {}{:?}",
                            layout.dtype,
                            layout.shape,
                            self.slot_names[*slot],
                            tensor.dtype(),
                            tensor.shape()
                        )));
                    }
                    frame.bytes_mut(*offset, layout.bytes()).copy_from_slice(tensor.buffer()?.as_slice());
                }
                Place::Dynamic => frame.dynamic[*slot] = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    /// The value of a slot, copied out of the arena when it lies there.
    fn read(&self, plan: &Specialisation, inputs: &[Value], frame: &mut Frame, slot: usize) -> Result<Value> {
        match &plan.places[slot] {
            Place::Arena { offset } => {
                let layout = plan.layout(slot)?;
                let bytes = frame.bytes_mut(*offset, layout.bytes());
                let buffer = arrow_buffer::Buffer::from_slice_ref(&*bytes);
                Ok(Tensor::from_buffer(layout.dtype, layout.shape.as_slice(), buffer)?.into())
            }
            Place::Input(i) => match (&inputs[*i], plan.layouts[slot].as_ref()) {
                (Value::Tensor(t), Some(layout)) if t.shape() != layout.shape => {
                    Ok(t.reshape(layout.shape.as_slice())?.into())
                }
                (value, _) => Ok(value.clone()),
            },
            Place::Value(value) => Ok(value.clone()),
            Place::Dynamic => frame.dynamic[slot]
                .clone()
                .ok_or_else(|| Error::Missing(format!("value '{}' was not given", self.slot_names[slot]))),
            Place::Unused => Err(Error::Missing(format!("value '{}' has no place", self.slot_names[slot]))),
        }
    }

    /// Memory for a run with an arena of at least so many bytes: the smallest that is kept and fits, else the largest, grown.
    fn take_frame(&self, arena_bytes: usize) -> Frame {
        let kept = {
            let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
            let size = |i: &usize| frames[*i].arena.len();
            let fitting = (0..frames.len()).filter(|i| size(i) >= arena_bytes).min_by_key(size);
            fitting.or_else(|| (0..frames.len()).max_by_key(size)).map(|i| frames.swap_remove(i))
        };
        match kept {
            Some(mut frame) => {
                if frame.arena.len() < arena_bytes {
                    // Before the new memory is there the old one is not.
                    frame.arena = Arena::new(0);
                    frame.arena = Arena::new(arena_bytes);
                }
                frame
            }
            None => Frame { arena: Arena::new(arena_bytes), dynamic: vec![None; self.slot_names.len()] },
        }
    }

    /// Keeps a run's memory for the next one, but not much of which it used little.
    fn keep_frame(&self, mut frame: Frame, arena_bytes: usize) {
        frame.dynamic.fill(None);
        if frame.arena.len() <= ARENA_KEPT_MAX.max(4 * arena_bytes) {
            self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        }
    }

    fn with_frame<R>(
        &self,
        inputs: &[Value],
        control: &Control,
        finish: impl FnOnce(&Self, &Specialisation, &mut Frame) -> Result<R>,
    ) -> Result<R> {
        let plan = self.specialised(inputs)?;
        control.account.charge(plan.arena_bytes)?;
        let mut frame = self.take_frame(plan.arena_bytes);
        let result = self.execute(&plan, inputs, &mut frame, control).and_then(|()| finish(self, &plan, &mut frame));
        self.keep_frame(frame, plan.arena_bytes);
        control.account.release(plan.arena_bytes);
        result
    }
}

impl Prepared for CpuPrepared {
    fn narrowed(&self, spans: &[Option<&[Span]>]) -> Option<Narrowed> {
        let mut calls = self.calls.clone();
        let (mut nodes, mut nodes_left) = (0, 0);
        for call in &mut calls {
            let Some(slot) = call.inputs.first().copied().flatten() else { continue };
            let Some(own) = self.inputs.iter().zip(spans).find_map(|(input, own)| own.filter(|_| *input == slot))
            else {
                continue;
            };
            let constant = call.inputs.get(1).copied().flatten().and_then(|slot| self.constants[slot].as_ref());
            let Some(forest) = kernels::forest_of(call.operator.as_ref(), constant) else { continue };
            let left = forest.narrowed(own).map_or(forest.nodes.len(), |narrow| narrow.nodes.len());
            (nodes, nodes_left) = (nodes + forest.nodes.len(), nodes_left + left);
            if left < forest.nodes.len() {
                call.spans = Some(own.into());
            }
        }
        (nodes_left < nodes).then(|| {
            let prepared = Self {
                kept: calls.iter().map(|_| Kept::default()).collect(),
                calls,
                constants: self.constants.clone(),
                slot_names: self.slot_names.clone(),
                inputs: self.inputs.clone(),
                outputs: self.outputs.clone(),
                specialisations: Mutex::default(),
                frames: Mutex::default(),
            };
            Narrowed { prepared: Arc::new(prepared), nodes, nodes_left }
        })
    }

    fn is_pure(&self) -> bool {
        self.calls.iter().all(|call| call.operator.is_pure())
    }

    fn submit(&self, inputs: &[Value], control: &Control) -> Result<Box<dyn Submission>> {
        let outputs = self.with_frame(inputs, control, |this, plan, frame| {
            this.outputs.iter().map(|slot| this.read(plan, inputs, frame, *slot)).collect::<Result<Vec<Value>>>()
        })?;
        Ok(Box::new(Done(outputs)))
    }

    fn run_into(&self, inputs: &[Value], outputs: &mut Vec<OutputBuffer>, control: &Control) -> Result<()> {
        outputs.resize_with(self.outputs.len(), OutputBuffer::default);
        self.with_frame(inputs, control, |this, plan, frame| {
            for (slot, output) in this.outputs.iter().zip(outputs) {
                match (&plan.places[*slot], &plan.layouts[*slot]) {
                    (Place::Arena { offset }, Some(layout)) => {
                        output.set(layout.dtype, &layout.shape, frame.bytes_mut(*offset, layout.bytes()));
                    }
                    _ => {
                        let value = this.read(plan, inputs, frame, *slot)?;
                        let tensor = value.as_tensor()?;
                        if tensor.dtype() == DType::String {
                            return Err(Error::unsupported(format!(
                                "string output '{}' into a buffer",
                                this.slot_names[*slot]
                            )));
                        }
                        output.set(tensor.dtype(), tensor.shape(), tensor.buffer()?.as_slice());
                    }
                }
            }
            Ok(())
        })
    }

    fn describe(&self, inputs: &[Value]) -> Result<Description> {
        let plan = self.specialised(inputs)?;
        let mut description =
            Description { arena_bytes: plan.arena_bytes, unshared_bytes: plan.unshared_bytes, calls: Vec::new() };
        for (i, call) in self.calls.iter().enumerate() {
            let how = match plan.steps.iter().find(|s| s.call == i).map(|s| &s.how) {
                Some(How::Kernel { kernel, .. }) => kernel.name(),
                Some(How::Reference) => "reference",
                None if call.outputs.iter().flatten().all(|s| matches!(plan.places[*s], Place::Value(_))) => "folded",
                None => "alias",
            };
            let layout = |slot: &Option<usize>| slot.and_then(|s| plan.layouts[s].as_ref());
            description.calls.push(CallDescription {
                node: call.node.clone(),
                op: call.op.clone(),
                how,
                outputs: call
                    .outputs
                    .iter()
                    .map(|s| layout(s).map_or("?".into(), |l| format!("{}{:?}", l.dtype, l.shape)))
                    .collect(),
                places: call
                    .outputs
                    .iter()
                    .map(|s| match s.map(|s| &plan.places[s]) {
                        Some(Place::Arena { offset }) => layout(s).map(|l| (*offset, l.bytes())),
                        _ => None,
                    })
                    .collect(),
            });
        }
        Ok(description)
    }
}

/// A tensor under the shape that a kernel was chosen for, which may be another than its own: only their bytes are the same.
fn view_of<'a>(tensor: &'a Tensor, layout: &Layout, kernel: &dyn Kernel) -> Result<View<'a>> {
    let data = match tensor.columns().filter(|_| kernel.reads_columns() && tensor.shape() == layout.shape) {
        Some(columns) => Data::Columns(columns),
        None => Data::Bytes(tensor.buffer()?.as_slice()),
    };
    Ok(View { dtype: tensor.dtype(), data })
}

/// The memory of one run.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) arena: Arena,
    pub(super) dynamic: Vec<Option<Value>>,
}

impl Frame {
    fn bytes_mut(&mut self, offset: usize, bytes: usize) -> &mut [u8] {
        let start = self.arena.start();
        debug_assert!(offset + bytes <= self.arena.len(), "a place outside the arena");
        // SAFETY: the plan keeps offset + bytes inside the arena, which `self` owns alone.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr().wrapping_add(offset), bytes) }
    }
}

/// A run on the CPU is over when it was submitted.
struct Done(Vec<Value>);

impl Submission for Done {
    fn wait(self: Box<Self>) -> Result<Vec<Value>> {
        Ok(self.0)
    }

    fn is_ready(&mut self) -> bool {
        true
    }
}
