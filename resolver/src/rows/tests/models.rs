//! Small models, made in process: a graph, its program, a plan, an archive in memory, a session.

use crate::{
    Model, ModelOptions, Session,
    model::{NUMERICS_KEY, SEMANTICS_KEY},
    plan::{
        CategoriesData, Compute, EntryPoint, NUMERICS_VERSION, PLAN_KIND, PLAN_SECTION, PROGRAM_KIND, Plan, PortData,
        RowProofData, SEMANTICS_VERSION, Step, step,
    },
};
use hologram_ops::{
    DType, Dim, Tensor, Type,
    graph::{Graph, ValueId},
    program::{Program, Slot, SlotKind},
};
use hologram_store::{Archive, ArchiveWriter, Coordinate, SectionSpec};
use prost::Message;

/// A port with what a test wants to say of it.
#[derive(Clone)]
pub(super) struct P {
    name: &'static str,
    ty: Type,
    features: Vec<String>,
    categories: Vec<(u32, Vec<String>)>,
    missing: bool,
    labels: Vec<String>,
    zipped: bool,
    unread: Vec<u32>,
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// A port of a tensor; a size of 0 is an open dimension.
pub(super) fn port(name: &'static str, dtype: DType, shape: &[usize]) -> P {
    let dims =
        shape.iter().enumerate().map(|(i, n)| if *n == 0 { Dim::symbol(&format!("d{i}")) } else { Dim::Known(*n) });
    let ty = Type::Tensor { dtype, shape: Some(dims.collect()) };
    P {
        name,
        ty,
        features: Vec::new(),
        categories: Vec::new(),
        missing: false,
        labels: Vec::new(),
        zipped: false,
        unread: Vec::new(),
    }
}

impl P {
    pub(super) fn features(mut self, names: &[&str]) -> Self {
        self.features = strings(names);
        self
    }
    pub(super) fn categories(mut self, feature: u32, names: &[&str]) -> Self {
        self.categories.push((feature, strings(names)));
        self
    }
    pub(super) fn missing(mut self) -> Self {
        self.missing = true;
        self
    }
    pub(super) fn labels(mut self, names: &[&str]) -> Self {
        self.labels = strings(names);
        self
    }
    pub(super) fn unread(mut self, columns: &[u32]) -> Self {
        self.unread = columns.to_vec();
        self
    }

    pub(super) fn zipped(mut self) -> Self {
        self.zipped = true;
        self
    }
}

/// What a model's plan says of its rows.
pub(super) fn rows(independent: bool, fixed: u64) -> RowProofData {
    RowProofData { independent, fixed, reason: "as the test says".into() }
}

/// A session on the model that `build` wires.
pub(super) fn session(
    inputs: &[P],
    outputs: &[P],
    proof: RowProofData,
    build: impl FnOnce(&mut Graph, &[ValueId]) -> Vec<ValueId>,
) -> Session {
    let mut graph = Graph::new("test");
    let ids: Vec<ValueId> = inputs.iter().map(|p| graph.add_input(p.name, p.ty.clone()).unwrap()).collect();
    for (p, id) in outputs.iter().zip(build(&mut graph, &ids)) {
        graph.add_output(p.name, id);
    }
    graph.infer().unwrap();
    let program = Program::from_graph(&graph, false).unwrap();
    let mut writer = ArchiveWriter::new(Vec::new()).unwrap();
    let (mut slots, mut steps, mut constants) = (Vec::new(), Vec::new(), Vec::new());
    let mut slot = |name: &str, kind: SlotKind, ty: &Type| {
        slots.push(Slot {
            name: name.into(),
            kind: kind.into(),
            space: None,
            ty: Some(ty.into()),
            layout: String::new(),
            constant: None,
            maximum: Vec::new(),
        });
        u32::try_from(slots.len() - 1).unwrap()
    };
    for (i, s) in program.slots.iter().enumerate().filter(|(_, s)| s.kind() == SlotKind::Constant) {
        let tensor: Tensor = graph.value(graph.value_named(&s.name).unwrap()).constant.clone().unwrap();
        let coordinate = Coordinate::from(u32::try_from(i).unwrap());
        let shape: Vec<u64> = tensor.shape().iter().map(|n| *n as u64).collect();
        let spec = SectionSpec::new(&s.name, "constant").tensor(tensor.dtype().name(), shape).at(coordinate.clone());
        writer.section(&spec, tensor.buffer().unwrap().as_slice()).unwrap();
        let n = slot(&s.name, SlotKind::Constant, &Type::tensor(tensor.dtype(), tensor.shape().iter().copied()));
        steps.push(Step {
            kind: Some(step::Kind::Resolve(crate::plan::Resolve {
                coordinate: coordinate.as_bytes().to_vec(),
                slot: n,
            })),
        });
        constants.push(n);
    }
    let mut data = |p: &P, kind: SlotKind| PortData {
        name: p.name.into(),
        slot: slot(p.name, kind, &p.ty),
        ty: Some((&p.ty).into()),
        features: p.features.clone(),
        categories: p
            .categories
            .iter()
            .map(|(feature, values)| CategoriesData { feature: *feature, values: values.clone() })
            .collect(),
        missing: p.missing,
        labels: p.labels.clone(),
        int_labels: Vec::new(),
        zipped: p.zipped,
        unread: p.unread.clone(),
    };
    let given: Vec<PortData> = inputs.iter().map(|p| data(p, SlotKind::Input)).collect();
    let answered: Vec<PortData> = outputs.iter().map(|p| data(p, SlotKind::Intermediate)).collect();
    let numbers = |ports: &[PortData]| ports.iter().map(|p| p.slot).collect::<Vec<u32>>();
    steps.push(Step {
        kind: Some(step::Kind::Compute(Compute {
            program: "main".into(),
            inputs: numbers(&given),
            constants,
            outputs: numbers(&answered),
        })),
    });
    let entry = EntryPoint {
        name: "main".into(),
        slots,
        steps,
        inputs: given,
        outputs: answered,
        rows: Some(proof),
        ..EntryPoint::default()
    };
    let plan = Plan { name: "test".into(), entry_points: vec![entry], ..Plan::default() };
    writer.section(&SectionSpec::new("main", PROGRAM_KIND), &program.encode_to_vec()).unwrap();
    writer.section(&SectionSpec::new(PLAN_SECTION, PLAN_KIND), &plan.encode_to_vec()).unwrap();
    let versions = [(SEMANTICS_KEY, SEMANTICS_VERSION), (NUMERICS_KEY, NUMERICS_VERSION)];
    let file = writer.finish(&versions.map(|(key, version)| (key, version.to_string()))).unwrap();
    let archive = Archive::from_buffer(file.into()).unwrap();
    Model::open(archive, &ModelOptions::default()).unwrap().session(None).unwrap()
}

/// A model that answers its inputs as they are.
pub(super) fn echo(inputs: &[P], outputs: &[P], proof: RowProofData) -> Session {
    session(inputs, outputs, proof, |_, ids| ids.to_vec())
}

/// `y = a + 10 b + 100 c` over `x: [N, 3]`.
pub(super) fn linear(x: P, y: P) -> Session {
    session(&[x], &[y], rows(true, 0), |graph, ids| {
        let w = graph.add_constant("w", Tensor::from_slice([3, 1], &[1.0f32, 10.0, 100.0]).unwrap()).unwrap();
        let node = graph.add_op("MatMul").input(ids[0], 0, 0).input(w, 0, 1).finish().unwrap();
        vec![graph.output_of(node, 0).unwrap()]
    })
}

impl P {
    /// The port as a signature has it.
    pub(super) fn signature(&self) -> crate::Port {
        crate::Port {
            name: self.name.into(),
            ty: self.ty.clone(),
            features: self.features.clone(),
            categories: self.categories.iter().map(|(f, c)| (*f as usize, c.clone())).collect(),
            missing: self.missing,
            labels: self.labels.clone(),
            int_labels: Vec::new(),
            zipped: self.zipped,
            unread: self.unread.iter().map(|column| *column as usize).collect(),
        }
    }
}
