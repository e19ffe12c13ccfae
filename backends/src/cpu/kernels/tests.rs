//! Every kernel against the reference evaluation of its operator, bit for bit, through a prepared program.

use crate::{
    Backend, Prepared,
    cpu::{Cpu, prepared::CpuPrepared},
};
use hologram_ops::{
    Attribute, Registry, Tensor, Type, Value,
    control::Control,
    graph::Graph,
    program::{Program, SlotKind},
};

/// Seeded numbers of mixed sign and size, with a few zeros.
pub(super) fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if state.is_multiple_of(31) { 0.0 } else { ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * 3.0 }
        })
        .collect();
    Tensor::from_vec(shape, values).unwrap()
}

pub(super) struct Case {
    op: &'static str,
    domain: &'static str,
    version: u32,
    attributes: Vec<(&'static str, Attribute)>,
    /// Shape, and whether the input is a constant.
    inputs: Vec<(Vec<usize>, bool)>,
    kernel: &'static str,
}

pub(super) fn case(
    op: &'static str,
    kernel: &'static str,
    inputs: &[(&[usize], bool)],
    attributes: &[(&'static str, Attribute)],
) -> Case {
    Case {
        op,
        domain: "",
        version: 23,
        kernel,
        attributes: attributes.to_vec(),
        inputs: inputs.iter().map(|(s, c)| (s.to_vec(), *c)).collect(),
    }
}

fn check(case: &Case, seed: u64) {
    let tensors = (seed..).zip(&case.inputs).map(|(seed, (shape, _))| numbers(shape, seed)).collect();
    compare(case, tensors, &format!("{:?} seed {seed}", case.inputs));
}

impl Case {
    /// The same of `ai.onnx.ml`.
    pub(super) fn ml(self, version: u32) -> Self {
        Self { domain: "ai.onnx.ml", version, ..self }
    }

    /// The same of our own operators.
    pub(super) fn own(self) -> Self {
        Self { domain: "ai.hologram", version: 1, ..self }
    }
}

/// A case as a graph, and what its inputs are given.
fn graph_of(case: &Case, tensors: Vec<Tensor>, registry: &Registry) -> (Graph, Vec<Value>) {
    let mut graph = Graph::new("case");
    let (mut sources, mut given) = (Vec::new(), Vec::new());
    for (i, (tensor, (_, constant))) in tensors.into_iter().zip(&case.inputs).enumerate() {
        sources.push(if *constant {
            graph.add_constant(&format!("c{i}"), tensor).unwrap()
        } else {
            given.push(Value::Tensor(tensor.clone()));
            graph.add_input(&format!("x{i}"), Type::of(&Value::Tensor(tensor))).unwrap()
        });
    }
    let outputs = if case.op.ends_with("Classifier") || case.op == "ClassScores" { 2 } else { 1 };
    let mut builder =
        graph.add_op(case.op).outputs(outputs).domain(case.domain, case.version).registry(registry).name("node");
    for (i, source) in sources.iter().enumerate() {
        builder = builder.input(*source, 0, i);
    }
    for (name, attribute) in &case.attributes {
        builder = builder.attribute(*name, attribute.clone());
    }
    let node = builder.finish().unwrap();
    for output in 0..outputs {
        let out = graph.output_of(node, output).unwrap();
        graph.add_output(format!("y{output}"), out);
    }
    graph.infer().unwrap();
    (graph, given)
}

/// A graph's program and its constants.
fn program_of(graph: &Graph) -> (Program, Vec<Option<Tensor>>) {
    let program = Program::from_graph(graph, false).unwrap();
    let constants = program
        .slots
        .iter()
        .map(|s| {
            (s.kind() == SlotKind::Constant)
                .then(|| graph.value(graph.value_named(&s.name).unwrap()).constant.clone())
                .flatten()
        })
        .collect();
    (program, constants)
}

/// Holds a case on these inputs to the reference.
pub(super) fn compare(case: &Case, tensors: Vec<Tensor>, what: &str) {
    let registry = Registry::standard();
    let (graph, given) = graph_of(case, tensors, &registry);
    let expected = graph.evaluate(&given).unwrap();
    let (program, constants) = program_of(&graph);
    let prepared = Cpu.prepare(program, constants, &registry).unwrap();
    let described = prepared.describe(&given).unwrap();
    let name = format!("{} {what} {:?}", case.op, case.attributes);
    assert_eq!(described.calls[0].how, case.kernel, "{name}");
    for _ in 0..2 {
        let got = prepared.submit(&given, &Control::default()).unwrap().wait().unwrap();
        assert_eq!(got, expected, "{name}");
    }
    let tables: Vec<Value> = given.iter().map(with_columns_apart).collect();
    let got = prepared.submit(&tables, &Control::default()).unwrap().wait().unwrap();
    assert_eq!(got, expected, "{name}, columns apart");
    let mut buffers = Vec::new();
    prepared.run_into(&given, &mut buffers, &Control::default()).unwrap();
    for (buffer, expected) in buffers.iter().zip(&expected) {
        assert_eq!(Value::Tensor(buffer.to_tensor().unwrap()), *expected, "{name}");
    }
}

/// The same table made of columns; what is none as it is.
fn with_columns_apart(value: &Value) -> Value {
    let Value::Tensor(tensor) = value else { return value.clone() };
    let (&[rows, columns], Ok(cells)) = (tensor.shape(), tensor.buffer()) else { return value.clone() };
    let size = tensor.dtype().size();
    let column = |column: usize| {
        let bytes: Vec<u8> =
            (0..rows).flat_map(|row| &cells[(row * columns + column) * size..][..size]).copied().collect();
        Tensor::from_buffer(tensor.dtype(), [rows], bytes.into()).unwrap()
    };
    Tensor::from_columns((0..columns).map(column).collect()).map_or_else(|_| value.clone(), Value::Tensor)
}

pub(super) fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

#[test]
fn batches_of_all_sizes_share_what_is_made_of_constants() {
    let registry = Registry::standard();
    let cases: [(&str, &str, &[usize], &[usize]); 4] = [
        ("MatMul", "gemm", &[3, 5], &[5, 4]),
        ("Gemm", "gemm", &[3, 5], &[5, 4]),
        ("Conv", "convolution", &[2, 3, 9, 8], &[5, 3, 3, 3]),
        ("Conv", "depthwise-convolution", &[2, 3, 9, 8], &[3, 1, 3, 3]),
    ];
    for (op, kernel, x, weight) in cases {
        let attributes = if kernel.starts_with("depthwise") { vec![("group", Attribute::Int(3))] } else { Vec::new() };
        let case = case(op, kernel, &[(x, false), (weight, true)], &attributes);
        let weights = numbers(weight, 1);
        let (graph, _) = graph_of(&case, vec![numbers(x, 2), weights.clone()], &registry);
        let (program, constants) = program_of(&graph);
        let prepared = CpuPrepared::new(program, constants, &registry).unwrap();
        for rows in [x[0], 1, 7] {
            let x = numbers(&[&[rows], &x[1..]].concat(), 3);
            let (graph, given) = graph_of(&case, vec![x, weights.clone()], &registry);
            let got = prepared.submit(&given, &Control::default()).unwrap().wait().unwrap();
            assert_eq!(got, graph.evaluate(&given).unwrap(), "{op}, {rows} rows");
            assert_eq!(prepared.describe(&given).unwrap().calls[0].how, kernel);
            assert_eq!(prepared.kept[0].len(), 1, "{op}, {rows} rows");
        }
    }
}

#[test]
fn products() {
    for (a, b) in [
        (&[3, 5][..], &[5, 4][..]),
        (&[1, 300], &[300, 70]),
        (&[2, 7, 33], &[33, 17]),
        (&[2, 1, 7, 9], &[3, 9, 5]),
        (&[9], &[9, 5]),
        (&[6, 9], &[9]),
        (&[4, 9], &[2, 9, 3]),
    ] {
        for constant in [false, true] {
            check(&case("MatMul", "gemm", &[(a, false), (b, constant)], &[]), 1);
        }
    }
}

#[test]
fn convolutions() {
    for (x, w, bias, attributes) in [
        (&[2, 3, 9, 8][..], &[5, 3, 3, 3][..], true, vec![("pads", ints(&[1, 1, 1, 1]))]),
        (&[1, 40, 7, 7], &[6, 40, 1, 1], false, vec![]),
        (&[1, 20, 11, 13], &[8, 20, 3, 5], true, vec![("strides", ints(&[2, 3])), ("pads", ints(&[0, 2, 1, 4]))]),
        (&[1, 18, 12, 10], &[4, 18, 3, 2], false, vec![("dilations", ints(&[2, 3])), ("pads", ints(&[3, 0, 1, 2]))]),
        (&[2, 8, 6, 6], &[12, 4, 3, 3], true, vec![("group", Attribute::Int(2)), ("pads", ints(&[1, 1, 1, 1]))]),
        (&[2, 5, 17], &[3, 5, 4], true, vec![("strides", ints(&[2])), ("pads", ints(&[3, 1]))]),
        (&[1, 33, 5, 5], &[2, 33, 7, 7], false, vec![("pads", ints(&[3, 3, 3, 3]))]),
    ] {
        let c = [w[0]];
        let mut inputs = vec![(x, false), (w, true)];
        if bias {
            inputs.push((&c, true));
        }
        check(&case("Conv", "convolution", &inputs, &attributes), 5);
    }
    for (x, w, attributes) in [
        (&[2, 6, 9, 9][..], &[6, 1, 3, 3][..], vec![("pads", ints(&[1, 1, 1, 1]))]),
        (&[1, 6, 9, 8], &[12, 1, 3, 3], vec![("pads", ints(&[1, 0, 2, 1])), ("strides", ints(&[2, 2]))]),
        (&[1, 4, 9, 30], &[4, 1, 1, 5], vec![("dilations", ints(&[1, 3])), ("pads", ints(&[0, 6, 0, 7]))]),
    ] {
        let mut attributes = attributes;
        attributes.push(("group", Attribute::Int(x[1] as i64)));
        let c = [w[0]];
        check(&case("Conv", "depthwise-convolution", &[(x, false), (w, true), (&c, false)], &attributes), 9);
    }
}

#[test]
fn elements() {
    for (op, kernel) in [
        ("Relu", "relu"),
        ("Sigmoid", "sigmoid"),
        ("Tanh", "tanh"),
        ("HardSwish", "hardswish"),
        ("Erf", "erf"),
        ("Exp", "exp"),
        ("Sqrt", "sqrt"),
        ("Neg", "neg"),
        ("Abs", "abs"),
        ("Reciprocal", "reciprocal"),
    ] {
        check(&case(op, kernel, &[(&[3, 1, 41], false)], &[]), 3);
    }
    for (op, kernel) in [("Add", "add"), ("Sum", "add"), ("Sub", "sub"), ("Mul", "mul"), ("Div", "div")] {
        for (a, b) in [
            (&[3, 5][..], &[3, 5][..]),
            (&[2, 3, 17], &[17]),
            (&[17], &[2, 3, 17]),
            (&[2, 3, 17], &[]),
            (&[2, 3, 4, 5], &[3, 1, 1]),
            (&[2, 1, 4, 1], &[3, 1, 5]),
            (&[4, 1], &[1, 6]),
            (&[0, 3], &[3]),
            (&[1], &[1, 1]),
        ] {
            check(&case(op, kernel, &[(a, false), (b, false)], &[]), 4);
        }
    }
}

#[test]
fn elements_aligned_by_an_axis() {
    let on = ("broadcast", Attribute::Int(1));
    for (op, kernel) in [("Add", "add"), ("Sub", "sub"), ("Mul", "mul"), ("Div", "div")] {
        for (a, b, attributes) in [
            (&[3, 5][..], &[3, 5][..], vec![]),
            (&[2, 3, 17], &[17], vec![on.clone()]),
            (&[2, 3, 17], &[1, 1], vec![on.clone()]),
            (&[2, 3, 4, 5], &[3], vec![on.clone(), ("axis", Attribute::Int(1))]),
            (&[2, 3, 4, 5], &[2, 3], vec![on.clone(), ("axis", Attribute::Int(0))]),
        ] {
            for constant in [false, true] {
                let case = case(op, kernel, &[(a, false), (b, constant)], &attributes);
                check(&Case { version: 6, ..case }, 8);
            }
        }
    }
    check(&Case { version: 6, ..case("Sum", "add", &[(&[4, 7], false), (&[4, 7], false)], &[]) }, 8);
}

#[test]
fn movements() {
    check(&case("Transpose", "move", &[(&[2, 3, 5, 4], false)], &[("perm", ints(&[0, 2, 1, 3]))]), 6);
    check(&case("Transpose", "move", &[(&[2, 3, 5, 4], false)], &[("perm", ints(&[3, 0, 2, 1]))]), 6);
    check(&case("Transpose", "move", &[(&[0, 3], false)], &[]), 6);
    for axis in [0, 1, -1] {
        let shape: &[usize] = &[2, 3, 4];
        check(
            &case(
                "Concat",
                "concat",
                &[(shape, false), (shape, true), (shape, false)],
                &[("axis", Attribute::Int(axis))],
            ),
            7,
        );
    }
}

#[test]
fn pools() {
    let kernel = ("kernel_shape", ints(&[3, 2]));
    for (op, name) in [("MaxPool", "max-pool"), ("AveragePool", "average-pool")] {
        for more in [
            vec![],
            vec![("strides", ints(&[2, 2])), ("pads", ints(&[1, 0, 1, 1]))],
            vec![("ceil_mode", Attribute::Int(1)), ("strides", ints(&[2, 3]))],
            vec![("auto_pad", Attribute::String("SAME_UPPER".into()))],
        ] {
            let mut attributes = vec![kernel.clone()];
            attributes.extend(more);
            check(&case(op, name, &[(&[2, 3, 9, 8], false)], &attributes), 8);
        }
    }
    let padded = [kernel, ("pads", ints(&[1, 1, 1, 0])), ("count_include_pad", Attribute::Int(1))];
    check(&case("AveragePool", "average-pool", &[(&[1, 2, 7, 7], false)], &padded), 8);
    check(&case("GlobalAveragePool", "global-average-pool", &[(&[2, 3, 7, 9], false)], &[]), 8);
}

#[test]
fn normalizations() {
    let c: (&[usize], bool) = (&[5], true);
    check(&case("LayerNormalization", "layer-normalization", &[(&[2, 3, 5], false), c, c], &[]), 9);
    let long: (&[usize], bool) = (&[4, 37], true);
    let axis = ("axis", Attribute::Int(1));
    check(&case("LayerNormalization", "layer-normalization", &[(&[3, 4, 37], false), long], &[axis]), 9);
}

#[test]
fn gemms() {
    let flag = |name, on: bool| (name, Attribute::Int(i64::from(on)));
    for transposed in [false, true] {
        for constant in [false, true] {
            for c in [None, Some(&[1, 5][..]), Some(&[5]), Some(&[4, 1]), Some(&[4, 5]), Some(&[])] {
                let b: &[usize] = if transposed { &[5, 37] } else { &[37, 5] };
                let mut inputs: Vec<(&[usize], bool)> = vec![(&[4, 37], false), (b, constant)];
                inputs.extend(c.map(|c| (c, false)));
                let plain = [flag("transB", transposed)];
                check(&case("Gemm", "gemm", &inputs, &plain), 10);
                let scaled =
                    [flag("transB", transposed), ("alpha", Attribute::Float(0.7)), ("beta", Attribute::Float(1.3))];
                check(&case("Gemm", "gemm", &inputs, &scaled), 10);
            }
        }
    }
}

#[test]
fn softmaxes() {
    check(&case("Softmax", "softmax", &[(&[2, 3, 37], false)], &[]), 11);
    check(&case("Softmax", "softmax", &[(&[4, 5], false)], &[("axis", Attribute::Int(1))]), 11);
}

#[test]
fn positions() {
    let flag = |name, on: bool| (name, Attribute::Int(i64::from(on)));
    for op in ["ArgMax", "ArgMin"] {
        for axis in [0, 1, -1] {
            for (keep, last) in [(true, false), (false, true)] {
                let attributes =
                    [("axis", Attribute::Int(axis)), flag("keepdims", keep), flag("select_last_index", last)];
                check(&case(op, "arg", &[(&[7, 40, 3], false)], &attributes), 12);
            }
        }
    }
}

/// Trees of 7 leaves over 3 features, for two targets or classes where `wide`.
fn trees(target: &str, wide: bool) -> Vec<(&'static str, Attribute)> {
    let mut columns: [Vec<i64>; 5] = Default::default();
    let (mut modes, mut thresholds) = (Vec::new(), Vec::new());
    let mut leaves: [Vec<i64>; 3] = Default::default();
    let mut weights = Vec::new();
    for tree in 0..5_i64 {
        for node in 0..13_i64 {
            let is_leaf = node >= 6;
            let next = |child: i64| if is_leaf { 0 } else { child };
            let values = [tree, node, (tree + node) % 3, next(2 * node + 1), next(2 * node + 2)];
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            modes.push(if is_leaf { "LEAF" } else { ["BRANCH_LEQ", "BRANCH_GT", "BRANCH_LT"][node as usize % 3] });
            thresholds.push((tree - node) as f32 / 3.0);
            for id in if !is_leaf {
                0..0
            } else if wide {
                0..3
            } else {
                0..1
            } {
                leaves.iter_mut().zip([tree, node, id]).for_each(|(column, value)| column.push(value));
                weights.push((tree * 3 + node * 5 + id * 7) as f32 % 11.0 / 7.0 - 0.6);
            }
        }
    }
    let [trees, nodes, features, yes, no] = columns;
    let [leaf_trees, leaf_nodes, ids] = leaves;
    let strings = Attribute::Strings(modes.into_iter().map(String::from).collect());
    let mut attributes = vec![
        ("nodes_treeids", ints(&trees)),
        ("nodes_nodeids", ints(&nodes)),
        ("nodes_featureids", ints(&features)),
        ("nodes_truenodeids", ints(&yes)),
        ("nodes_falsenodeids", ints(&no)),
        ("nodes_values", Attribute::Floats(thresholds)),
        ("nodes_modes", strings),
    ];
    attributes.extend(match target {
        "class" => [
            ("class_treeids", ints(&leaf_trees)),
            ("class_nodeids", ints(&leaf_nodes)),
            ("class_ids", ints(&ids)),
            ("class_weights", Attribute::Floats(weights)),
        ],
        _ => [
            ("target_treeids", ints(&leaf_trees)),
            ("target_nodeids", ints(&leaf_nodes)),
            ("target_ids", ints(&ids)),
            ("target_weights", Attribute::Floats(weights)),
        ],
    });
    attributes
}

#[test]
fn a_forest_reads_columns_as_they_lie_but_not_under_another_shape() {
    let registry = Registry::standard();
    let mut attributes = trees("target", false);
    attributes.push(("n_targets", Attribute::Int(1)));
    // Of what shape the input is, and what the forest sees.
    for (shape, seen) in [([6, 4], [6, 4]), ([6, 8], [12, 4]), ([6, 2], [3, 4]), ([24, 1], [6, 4]), ([4, 6], [6, 4])] {
        let x = numbers(&shape, 5);
        let mut graph = Graph::new("reshaped");
        let mut last = graph.add_input("x", Type::of(&Value::Tensor(x.clone()))).unwrap();
        let reshaped = |graph: &mut Graph, last, name: &str, to: [i64; 2]| {
            let to = graph.add_constant(name, Tensor::from_vec([2], to.to_vec()).unwrap()).unwrap();
            let node = graph.add_op("Reshape").domain("", 14).registry(&registry).name(name);
            let node = node.input(last, 0, 0).input(to, 0, 1).finish().unwrap();
            graph.output_of(node, 0).unwrap()
        };
        if shape != seen {
            last = reshaped(&mut graph, last, "before", seen.map(|n| n as i64));
        }
        let mut builder = graph.add_op("TreeEnsembleRegressor").domain("ai.onnx.ml", 3).registry(&registry).name("f");
        for (name, attribute) in &attributes {
            builder = builder.attribute(*name, attribute.clone());
        }
        let node = builder.input(last, 0, 0).finish().unwrap();
        last = graph.output_of(node, 0).unwrap();
        last = reshaped(&mut graph, last, "after", [1, seen[0] as i64]);
        graph.add_output("y", last);
        graph.infer().unwrap();
        let (program, constants) = program_of(&graph);
        let prepared = Cpu.prepare(program, constants, &registry).unwrap();
        let given = [with_columns_apart(&Value::Tensor(x))];
        let bytes = || given[0].as_tensor().unwrap().byte_size();
        let apart = bytes();
        let got = prepared.submit(&given, &Control::default()).unwrap().wait().unwrap();
        let is_packed = bytes() > apart;
        assert_eq!(is_packed, shape != seen && shape[1] > 1, "{shape:?}");
        assert_eq!(got, graph.evaluate(&given).unwrap(), "{shape:?}");
    }
}

#[test]
fn forests() {
    let text = |text: &str| Attribute::String(text.into());
    for rows in [3, 100, 600] {
        for wide in [false, true] {
            let mut regressor = trees("target", wide);
            regressor.push(("n_targets", Attribute::Int(if wide { 3 } else { 1 })));
            let mut classifier = trees("class", wide);
            classifier.push(("classlabels_int64s", ints(if wide { &[7, 4, 9] } else { &[4, 9] })));
            for (op, attributes, more) in [
                ("TreeEnsembleRegressor", &regressor, vec![]),
                ("TreeEnsembleRegressor", &regressor, vec![("aggregate_function", text("AVERAGE"))]),
                ("TreeEnsembleRegressor", &regressor, vec![("aggregate_function", text("MAX"))]),
                ("TreeEnsembleRegressor", &regressor, vec![("post_transform", text("SOFTMAX"))]),
                ("TreeEnsembleClassifier", &classifier, vec![]),
                ("TreeEnsembleClassifier", &classifier, vec![("post_transform", text("LOGISTIC"))]),
            ] {
                let attributes: Vec<_> = attributes.iter().cloned().chain(more).collect();
                check(&case(op, "forest", &[(&[rows, 4], false)], &attributes).ml(3), 13);
            }
        }
    }
}
