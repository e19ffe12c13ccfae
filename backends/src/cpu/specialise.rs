//! Specialising: a prepared program for fixed input types.

use super::{
    arena,
    kernels::{self, Kept, Kernel, Layout},
    prepared::{CpuPrepared, ParsedCall},
};
use hologram_ops::{DType, Effort, Error, Fact, Inputs, Limits, Result, Tensor, Type, Value, fact::Facts};

/// Nodes and values of subgraphs that making a program ready for a shape works through.
const STEPS_MAX: u64 = 1_000_000;

/// Outputs of calls on known values are kept when they take at most so many bytes.
const FOLD_BYTES_MAX: usize = 4 << 20;

/// Operators of `ai.onnx` whose output has the bytes of their first input.
const ALIASES: &[&str] = &["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"];

/// Where a slot's value is.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a slot, read at every step: a box would cost more than it saves")]
pub(super) enum Place {
    /// Nobody needs it.
    Unused,
    /// At this offset of the arena.
    Arena { offset: usize },
    /// The caller's input of this index.
    Input(usize),
    /// A constant, or the result of a folded call.
    Value(Value),
    /// Owned by the frame: strings, containers, and shapes that depend on data.
    Dynamic,
}

/// How a step runs.
#[derive(Debug)]
pub(super) enum How {
    Kernel { kernel: Box<dyn Kernel>, scratch: (usize, usize) },
    Reference,
}

/// One call that is run.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) call: usize,
    pub(super) how: How,
}

/// A program with every shape fixed.
#[derive(Debug)]
pub(super) struct Specialisation {
    key: Vec<Type>,
    pub(super) places: Vec<Place>,
    pub(super) layouts: Vec<Option<Layout>>,
    pub(super) steps: Vec<Step>,
    pub(super) arena_bytes: usize,
    pub(super) unshared_bytes: usize,
}

impl Specialisation {
    pub(super) fn new(prepared: &CpuPrepared, inputs: &[Value]) -> Result<Self> {
        let slots = prepared.slot_names.len();
        let mut build = Build {
            facts: vec![None; slots],
            places: vec![Place::Unused; slots],
            layouts: vec![None; slots],
            root: (0..slots).collect(),
            steps: Vec::new(),
            effort: Effort::within(&Limits { steps: STEPS_MAX, ..Limits::default() }),
        };
        for (slot, constant) in prepared.constants.iter().enumerate() {
            if let Some(value) = constant {
                build.know(slot, value.as_tensor()?.clone());
            }
        }
        for (i, slot) in prepared.inputs.iter().enumerate() {
            let ty = Type::of(&inputs[i]);
            build.layouts[*slot] = layout_of(&ty);
            build.facts[*slot] = Some(Fact::of(ty));
            build.places[*slot] = Place::Input(i);
        }
        for (i, call) in prepared.calls.iter().enumerate() {
            build.add(i, call, &prepared.kept[i]).map_err(|e| e.at(format!("node '{}' ({})", call.node, call.op)))?;
        }
        let (arena_bytes, unshared_bytes) = build.place(prepared);
        Ok(Self {
            key: inputs.iter().map(Type::of).collect(),
            places: build.places,
            layouts: build.layouts,
            steps: build.steps,
            arena_bytes,
            unshared_bytes,
        })
    }

    /// Whether these inputs have the types that this was made for. Allocates nothing for tensors.
    pub(super) fn fits(&self, inputs: &[Value]) -> bool {
        self.key.len() == inputs.len()
            && self.key.iter().zip(inputs).all(|(ty, value)| match (ty, value) {
                (Type::Tensor { dtype, shape: Some(shape) }, Value::Tensor(t)) => {
                    *dtype == t.dtype()
                        && shape.len() == t.rank()
                        && shape.iter().zip(t.shape()).all(|(d, n)| d.known() == Some(*n))
                }
                (ty, value) => *ty == Type::of(value),
            })
    }

    /// The layout of a slot that has a place in the arena.
    pub(super) fn layout(&self, slot: usize) -> Result<&Layout> {
        self.layouts[slot].as_ref().ok_or_else(|| Error::invalid("a value in the arena has no layout"))
    }
}

/// The layout of a fixed-width tensor of known shape.
fn layout_of(ty: &Type) -> Option<Layout> {
    match ty {
        Type::Tensor { dtype, shape: Some(shape) } if *dtype != DType::String => {
            Some(Layout { dtype: *dtype, shape: hologram_ops::fact::known_shape(shape)? })
        }
        _ => None,
    }
}

struct Build {
    facts: Vec<Option<Fact>>,
    places: Vec<Place>,
    layouts: Vec<Option<Layout>>,
    /// The slot whose place a slot shares; itself when it has its own.
    root: Vec<usize>,
    steps: Vec<Step>,
    /// What inference and folding may do; runs are bounded by whoever asks for them.
    effort: Effort,
}

impl Build {
    fn know(&mut self, slot: usize, tensor: Tensor) {
        let fact = Fact::constant(tensor.clone());
        self.layouts[slot] = layout_of(&fact.ty);
        self.facts[slot] = Some(fact);
        self.places[slot] = Place::Value(tensor.into());
    }

    fn add(&mut self, index: usize, call: &ParsedCall, kept: &Kept) -> Result<()> {
        let facts: Vec<Option<&Fact>> = call.inputs.iter().map(|s| s.and_then(|s| self.facts[s].as_ref())).collect();
        let inferred = call.operator.infer_within(Facts(&facts), &self.effort)?;
        inferred.iter().try_for_each(|f| self.effort.hold(f))?;
        if inferred.len() < call.outputs.len() {
            return Err(Error::invalid(format!(
                "the operator has {} outputs, {} are asked for",
                inferred.len(),
                call.outputs.len()
            )));
        }
        if let Some(values) = self.fold(call, &facts, &inferred)? {
            for (slot, value) in call.outputs.iter().zip(values) {
                if let Some(slot) = slot {
                    self.know(*slot, value);
                }
            }
            return Ok(());
        }
        let mut fixed = true;
        for (slot, fact) in call.outputs.iter().zip(inferred) {
            let Some(slot) = *slot else { continue };
            self.layouts[slot] = layout_of(&fact.ty);
            fixed &= self.layouts[slot].is_some();
            self.places[slot] = if self.layouts[slot].is_some() { Place::Arena { offset: 0 } } else { Place::Dynamic };
            self.facts[slot] = Some(fact);
        }
        if self.alias(call) {
            return Ok(());
        }
        let ready = |slot: &usize| {
            self.layouts[*slot].is_some() && !matches!(self.places[*slot], Place::Dynamic | Place::Unused)
        };
        let kernel = if fixed && call.inputs.iter().flatten().all(ready) {
            let layouts = |list: &[Option<usize>]| -> Vec<Option<Layout>> {
                list.iter().map(|s| s.and_then(|s| self.layouts[s].clone())).collect()
            };
            let known = |s: &Option<usize>| match s.map(|s| &self.places[s]) {
                Some(Place::Value(Value::Tensor(t))) => Some(t.clone()),
                _ => None,
            };
            kernels::select(&kernels::Request {
                op: &call.operator,
                inputs: &layouts(&call.inputs),
                constants: &call.inputs.iter().map(known).collect::<Vec<_>>(),
                outputs: &layouts(&call.outputs),
                spans: call.spans.as_deref(),
                kept,
            })
        } else {
            None
        };
        let how = match kernel {
            Some(kernel) => How::Kernel { scratch: (0, kernel.scratch_bytes()), kernel },
            None => How::Reference,
        };
        self.steps.push(Step { call: index, how });
        Ok(())
    }

    /// The outputs of a call when they are known already: from shapes, or by evaluating it on known values.
    fn fold(&self, call: &ParsedCall, facts: &[Option<&Fact>], inferred: &[Fact]) -> Result<Option<Vec<Tensor>>> {
        let from_dims = |fact: &Fact| -> Option<Tensor> {
            let values: Vec<i64> = fact
                .dims
                .as_ref()?
                .iter()
                .map(|d| d.known().and_then(|n| i64::try_from(n).ok()))
                .collect::<Option<_>>()?;
            (fact.dtype()? == DType::I64).then(|| Tensor::from_vec(fact.known_shape()?, values).ok())?
        };
        let needed = || inferred.iter().zip(&call.outputs).filter(|(_, o)| o.is_some());
        if call.outputs.len() == 1
            && let Some(tensor) = needed().next().and_then(|(f, _)| f.value.clone().or_else(|| from_dims(f)))
        {
            return Ok(Some(vec![tensor]));
        }
        let small = |f: &Fact| layout_of(&f.ty).is_none_or(|l| l.bytes() <= FOLD_BYTES_MAX);
        let given =
            call.inputs.iter().zip(facts).all(|(slot, fact)| slot.is_none() || fact.is_some_and(|f| f.value.is_some()));
        if !given || !call.operator.is_pure() || !needed().all(|(f, _)| small(f)) {
            return Ok(None);
        }
        let values: Vec<Option<Value>> =
            facts.iter().map(|f| f.and_then(|f| f.value.clone()).map(Value::Tensor)).collect();
        let values: Vec<Option<&Value>> = values.iter().map(Option::as_ref).collect();
        let results = match call.operator.evaluate_within(Inputs(&values), &self.effort) {
            // A loop of so many rounds is left to the run, which can be cancelled.
            Err(Error::Exhausted(_)) => return Ok(None),
            other => other?,
        };
        Ok(results.into_iter().map(|v| v.into_tensor().ok()).collect())
    }

    /// Lets the output share its input's place when the call only changes the shape.
    fn alias(&mut self, call: &ParsedCall) -> bool {
        let (Some(Some(input)), [Some(output)]) = (call.inputs.first(), call.outputs.as_slice()) else { return false };
        let same_bytes = match (&self.layouts[*input], &self.layouts[*output]) {
            (Some(a), Some(b)) => a.dtype == b.dtype && a.bytes() == b.bytes(),
            _ => false,
        };
        if !call.domain.is_empty() || !ALIASES.contains(&call.op.as_str()) || !same_bytes {
            return false;
        }
        match &self.places[*input] {
            Place::Arena { .. } | Place::Input(_) => {
                self.places[*output] = self.places[*input].clone();
                self.root[*output] = self.root[*input];
                true
            }
            _ => false,
        }
    }

    /// Gives every value and every scratch memory its offset; returns the arena's bytes, shared and unshared.
    fn place(&mut self, prepared: &CpuPrepared) -> (usize, usize) {
        let end = self.steps.len();
        let mut lives: Vec<Option<(usize, usize)>> = vec![None; self.root.len()];
        for (s, step) in self.steps.iter().enumerate() {
            let call = &prepared.calls[step.call];
            for slot in call.inputs.iter().chain(&call.outputs).flatten() {
                let life = lives[self.root[*slot]].get_or_insert((s, s));
                life.1 = s;
            }
        }
        for slot in &prepared.outputs {
            if let Some(life) = &mut lives[self.root[*slot]] {
                life.1 = end;
            }
        }
        let (mut requests, mut slots) = (Vec::new(), Vec::new());
        for (slot, life) in lives.iter().enumerate() {
            if let (Some((first, last)), Place::Arena { .. }, Some(layout)) =
                (life, &self.places[slot], &self.layouts[slot])
            {
                requests.push(arena::Request { bytes: layout.bytes(), first: *first, last: *last });
                slots.push(slot);
            }
        }
        for (s, step) in self.steps.iter().enumerate() {
            if let How::Kernel { scratch, .. } = &step.how {
                requests.push(arena::Request { bytes: scratch.1, first: s, last: s });
            }
        }
        let (offsets, total) = arena::plan(&requests);
        let mut own = vec![0; self.root.len()];
        for (slot, offset) in slots.iter().zip(&offsets) {
            own[*slot] = *offset;
        }
        for (slot, place) in self.places.iter_mut().enumerate() {
            if let Place::Arena { offset } = place {
                *offset = own[self.root[slot]];
            }
        }
        let mut rest = offsets[slots.len()..].iter();
        for step in &mut self.steps {
            if let How::Kernel { scratch, .. } = &mut step.how {
                scratch.0 = rest.next().copied().unwrap_or(0);
            }
        }
        (total, requests.iter().map(|r| r.bytes).sum())
    }
}
