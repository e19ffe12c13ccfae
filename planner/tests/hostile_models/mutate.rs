//! Changes to a model that leave it one: other operators, attributes, types, sizes and wires.

use super::table::Draw;
use hologram_ops::Registry;
use hologram_planner::import::onnx::proto::{
    AttributeProto, DimensionProto, DimensionValue, FunctionProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
    attribute_type,
};
use std::sync::OnceLock;

/// Sizes and numbers at which arithmetic goes wrong, if it does anywhere.
const EDGES: [i64; 16] = [
    i64::MIN,
    i32::MIN as i64,
    -3,
    -2,
    -1,
    0,
    1,
    2,
    3,
    255,
    i32::MAX as i64,
    1 << 32,
    1 << 40,
    1 << 62,
    i64::MAX - 1,
    i64::MAX,
];

/// A few changes, drawn from the numbers.
pub(crate) fn mutate(model: &mut ModelProto, draw: &mut Draw) {
    for _ in 0..1 + below(draw, 3) {
        once(model, draw);
    }
}

/// Every node of the second model's graph beside those of the first, now and then fed by them.
pub(crate) fn join(model: &mut ModelProto, mut other: ModelProto, draw: &mut Draw) {
    let tag = format!("j{}_", draw.bits() % 1000);
    let (Some(graph), Some(more)) = (&mut model.graph, &mut other.graph) else { return };
    rename(more, &|name| format!("{tag}{name}"));
    for import in other.opset_import {
        if model
            .opset_import
            .iter()
            .all(|i| i.domain.as_deref().unwrap_or("") != import.domain.as_deref().unwrap_or(""))
        {
            model.opset_import.push(import);
        }
    }
    // The first output of one may be the first input of the other.
    if below(draw, 3) > 0 && !more.input.is_empty() && !graph.output.is_empty() {
        let fed = more.input.remove(0).name.unwrap_or_default();
        let from = graph.output[below(draw, graph.output.len())].name.clone().unwrap_or_default();
        rename(more, &|name| if name == fed { from.clone() } else { name.to_owned() });
    }
    graph.node.append(&mut more.node);
    graph.initializer.append(&mut more.initializer);
    graph.sparse_initializer.append(&mut more.sparse_initializer);
    graph.input.append(&mut more.input);
    graph.output.append(&mut more.output);
    graph.value_info.append(&mut more.value_info);
    model.functions.append(&mut other.functions);
}

fn below(draw: &mut Draw, n: usize) -> usize {
    // At most n, which is a usize.
    (draw.bits() % n.max(1) as u64) as usize
}

fn number(draw: &mut Draw) -> i64 {
    match below(draw, 4) {
        0 => EDGES[below(draw, EDGES.len())],
        _ => draw.bits() as i64 % 7,
    }
}

fn float(draw: &mut Draw) -> f32 {
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e9, -1e9, 1e-9, f32::NAN, f32::INFINITY, f32::NEG_INFINITY][below(draw, 12)]
}

/// A name of an attribute or a text that some operator knows.
fn word(draw: &mut Draw) -> &'static str {
    static WORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let lines = include_str!("../../../ops/tests/inference/words.txt").lines().filter(|l| !l.starts_with('#'));
        lines.flat_map(str::split_whitespace).collect()
    });
    words[below(draw, words.len())]
}

fn operator(draw: &mut Draw) -> (&'static str, &'static str, u32) {
    static ROWS: OnceLock<Vec<(&'static str, &'static str, u32)>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| Registry::standard().rows().iter().map(|r| (r.domain, r.op, r.since)).collect());
    rows[below(draw, rows.len())]
}

fn once(model: &mut ModelProto, draw: &mut Draw) {
    match below(draw, 24) {
        0 => {
            if let Some(import) = pick(&mut model.opset_import, draw) {
                import.version = Some(if below(draw, 8) == 0 { number(draw) } else { 1 + draw.bits() as i64 % 26 });
            }
        }
        1 => {
            let (domain, op, since) = operator(draw);
            if model.opset_import.iter().all(|i| i.domain.as_deref().unwrap_or("") != domain) {
                let domain = Some(domain.to_owned());
                model.opset_import.push(OperatorSetIdProto { domain, version: Some(since.into()) });
            }
            if let Some(node) = model.graph.as_mut().and_then(|g| pick(&mut g.node, draw)) {
                node.op_type = Some(op.to_owned());
                node.domain = Some(domain.to_owned());
            }
        }
        2 => outline(model, draw),
        3 => {
            if let Some(function) = pick(&mut model.functions, draw) {
                match below(draw, 4) {
                    0 => drop(function.output.pop()),
                    1 => function.attribute.push(word(draw).to_owned()),
                    _ => nodes(&mut function.node, &mut Vec::new(), draw),
                }
            }
        }
        _ => {
            if let Some(graph) = &mut model.graph {
                within(graph, draw);
            }
        }
    }
}

fn pick<'a, T>(from: &'a mut [T], draw: &mut Draw) -> Option<&'a mut T> {
    let n = from.len();
    from.get_mut(below(draw, n))
}

/// Changes this graph or, now and then, one inside it.
fn within(graph: &mut GraphProto, draw: &mut Draw) {
    if below(draw, 3) == 0 {
        let inner = graph.node.iter_mut().flat_map(|n| &mut n.attribute).filter_map(|a| a.g.as_deref_mut());
        let mut inner: Vec<&mut GraphProto> = inner.collect();
        if let Some(inner) = pick(&mut inner, draw) {
            return within(inner, draw);
        }
    }
    let mut names: Vec<String> = names_of(graph);
    match below(draw, 14) {
        0..6 => nodes(&mut graph.node, &mut names, draw),
        6 | 7 => {
            if let Some(tensor) = pick(&mut graph.initializer, draw) {
                change_tensor(tensor, draw);
            }
        }
        8 => constant_input(graph, draw),
        9 => {
            let at = below(draw, graph.initializer.len());
            if at < graph.initializer.len() {
                let tensor = graph.initializer.remove(at);
                let dims = tensor.dims.iter().map(|d| dimension(DimensionValue::DimValue(*d))).collect();
                graph.input.push(ValueInfoProto {
                    name: tensor.name,
                    r#type: Some(tensor_type(tensor.data_type.unwrap_or(1), Some(dims))),
                });
            }
        }
        10 | 11 => {
            let infos = graph.input.iter_mut().chain(&mut graph.value_info).chain(&mut graph.output);
            let mut infos: Vec<&mut ValueInfoProto> = infos.collect();
            if let Some(info) = pick(&mut infos, draw) {
                change_type(&mut info.r#type, draw);
            }
        }
        12 => {
            let name = names.get(below(draw, names.len())).cloned();
            graph.output.push(ValueInfoProto { name, r#type: None });
        }
        _ => wrap(graph, draw),
    }
}

fn names_of(graph: &GraphProto) -> Vec<String> {
    let inputs = graph.input.iter().filter_map(|v| v.name.clone());
    let constants = graph.initializer.iter().filter_map(|t| t.name.clone());
    inputs.chain(constants).chain(graph.node.iter().flat_map(|n| n.output.clone())).collect()
}

fn nodes(nodes: &mut Vec<NodeProto>, names: &mut [String], draw: &mut Draw) {
    let count = nodes.len();
    let how = below(draw, 16);
    if how == 0 {
        let (domain, op, _) = operator(draw);
        nodes.push(NodeProto {
            op_type: Some(op.to_owned()),
            domain: Some(domain.to_owned()),
            input: (0..below(draw, 4))
                .map(|_| names.get(below(draw, names.len())).cloned().unwrap_or_default())
                .collect(),
            output: vec![format!("v{}", draw.bits() % 100_000)],
            ..NodeProto::default()
        });
        return;
    }
    if how == 1 && count > 0 {
        let mut twin = nodes[below(draw, count)].clone();
        twin.name = None;
        twin.output.iter_mut().for_each(|o| *o = format!("{o}_{}", draw.bits() % 1000));
        nodes.push(twin);
        return;
    }
    if how == 2 && count > 1 {
        nodes.remove(below(draw, count));
        return;
    }
    let Some(node) = pick(nodes, draw) else { return };
    match how {
        3 => {
            let (domain, op, _) = operator(draw);
            if domain == node.domain.as_deref().unwrap_or("") {
                node.op_type = Some(op.to_owned());
            }
        }
        4 | 5 => {
            let name = names.get(below(draw, names.len())).cloned().unwrap_or_default();
            if let Some(input) = pick(&mut node.input, draw) {
                *input = name;
            }
        }
        6 => {
            let at = below(draw, node.input.len() + 1);
            let name = if below(draw, 2) == 0 { None } else { names.get(below(draw, names.len())).cloned() };
            node.input.insert(at, name.unwrap_or_default());
        }
        7 if !node.input.is_empty() => drop(node.input.remove(below(draw, node.input.len()))),
        8 => match below(draw, 2) {
            0 => node.output.push(format!("v{}", draw.bits() % 100_000)),
            _ => drop(node.output.pop()),
        },
        9 if !node.attribute.is_empty() => drop(node.attribute.remove(below(draw, node.attribute.len()))),
        10 | 11 => {
            let mut attribute = AttributeProto { name: Some(word(draw).to_owned()), ..AttributeProto::default() };
            attribute.r#type = Some(1 + draw.bits() as i32 % 8);
            fill(&mut attribute, draw);
            node.attribute.push(attribute);
        }
        _ => {
            if let Some(attribute) = pick(&mut node.attribute, draw) {
                fill(attribute, draw);
            }
        }
    }
}

/// Another value of the attribute's type.
fn fill(attribute: &mut AttributeProto, draw: &mut Draw) {
    match attribute.r#type.unwrap_or(attribute_type::INT) {
        attribute_type::FLOAT => attribute.f = Some(float(draw)),
        attribute_type::INT => attribute.i = Some(number(draw)),
        attribute_type::STRING => attribute.s = Some(word(draw).as_bytes().into()),
        attribute_type::TENSOR => match &mut attribute.t {
            Some(tensor) => change_tensor(tensor, draw),
            none => *none = Some(Box::new(constant(1 + draw.bits() as i32 % 13, &[2], draw))),
        },
        attribute_type::FLOATS => list(&mut attribute.floats, draw, float),
        attribute_type::INTS => list(&mut attribute.ints, draw, number),
        attribute_type::STRINGS => list(&mut attribute.strings, draw, |draw| word(draw).as_bytes().into()),
        _ => {
            if let Some(graph) = &mut attribute.g {
                within(graph, draw);
            }
        }
    }
}

fn list<T>(values: &mut Vec<T>, draw: &mut Draw, new: impl Fn(&mut Draw) -> T) {
    match (below(draw, 4), values.len()) {
        (0, _) | (_, 0) => values.push(new(draw)),
        (1, n) => drop(values.remove(below(draw, n))),
        (_, n) => {
            let at = below(draw, n);
            values[at] = new(draw);
        }
    }
}

fn change_tensor(tensor: &mut TensorProto, draw: &mut Draw) {
    match below(draw, 6) {
        0 => list(&mut tensor.dims, draw, number),
        1 => tensor.data_type = Some(draw.bits() as i32 % 30),
        2 if !tensor.int64_data.is_empty() => list(&mut tensor.int64_data, draw, number),
        _ => {
            // An element of eight bytes that stays in step, or one byte.
            let mut raw = tensor.raw_data.take().unwrap_or_default().to_vec();
            let n = raw.len();
            if n >= 8 && n.is_multiple_of(8) && below(draw, 3) > 0 {
                let at = below(draw, n / 8) * 8;
                raw[at..at + 8].copy_from_slice(&number(draw).to_le_bytes());
            } else if n >= 4 && n.is_multiple_of(4) && below(draw, 2) > 0 {
                let at = below(draw, n / 4) * 4;
                raw[at..at + 4].copy_from_slice(&float(draw).to_le_bytes());
            } else if n > 0 {
                raw[below(draw, n)] = draw.bits() as u8;
            }
            tensor.raw_data = Some(raw.into());
        }
    }
}

/// A tensor of few elements; sizes that are not known or large become small.
fn constant(data_type: i32, dims: &[i64], draw: &mut Draw) -> TensorProto {
    let dims: Vec<i64> = dims.iter().take(6).map(|d| if (0..=8).contains(d) { *d } else { 2 }).collect();
    let count: i64 = dims.iter().product::<i64>().min(1 << 12);
    let width = match data_type {
        1 | 6 | 12 => 4,
        7 | 11 | 13 => 8,
        4 | 5 | 10 | 16 => 2,
        _ => 1,
    };
    let raw: Vec<u8> = match (data_type, below(draw, 3)) {
        (9, _) => (0..count).map(|_| draw.bits() as u8 & 1).collect(),
        (7, 0) => (0..count).flat_map(|_| number(draw).to_le_bytes()).collect(),
        (7, _) => (0..count).flat_map(|_| (draw.bits() % 5).to_le_bytes()).collect(),
        (1, _) => (0..count).flat_map(|_| float(draw).to_le_bytes()).collect(),
        (_, 0) => vec![0; count as usize * width],
        _ => (0..count as usize * width).map(|_| draw.bits() as u8 % 4).collect(),
    };
    let (raw_data, string_data) = if data_type == 8 {
        (None, (0..count).map(|_| word(draw).as_bytes().into()).collect())
    } else {
        (Some(raw.into()), Vec::new())
    };
    TensorProto { dims, data_type: Some(data_type), raw_data, string_data, ..TensorProto::default() }
}

/// An input becomes an initialiser, so that what reads it is evaluated by the compiler.
fn constant_input(graph: &mut GraphProto, draw: &mut Draw) {
    let at = below(draw, graph.input.len());
    let Some(input) = graph.input.get(at) else { return };
    let Some(TypeValue::Tensor(ty)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else { return };
    let dims: Vec<i64> = ty
        .shape
        .iter()
        .flat_map(|s| &s.dim)
        .map(|d| match d.value {
            Some(DimensionValue::DimValue(n)) => n,
            _ => 2,
        })
        .collect();
    let mut tensor = constant(ty.elem_type.unwrap_or(1), &dims, draw);
    tensor.name.clone_from(&input.name);
    if below(draw, 4) > 0 {
        graph.input.remove(at);
    }
    graph.initializer.push(tensor);
}

fn dimension(value: DimensionValue) -> DimensionProto {
    DimensionProto { value: Some(value) }
}

fn tensor_type(elem_type: i32, dim: Option<Vec<DimensionProto>>) -> TypeProto {
    let shape = dim.map(|dim| TensorShapeProto { dim });
    TypeProto { value: Some(TypeValue::Tensor(TensorTypeProto { elem_type: Some(elem_type), shape })) }
}

fn change_type(ty: &mut Option<TypeProto>, draw: &mut Draw) {
    let tensor = match ty.as_mut().and_then(|t| t.value.as_mut()) {
        Some(TypeValue::Tensor(tensor)) => tensor,
        Some(TypeValue::Sequence(of) | TypeValue::Optional(of)) if below(draw, 2) == 0 => {
            let mut inner = of.elem_type.take().map(|t| *t);
            change_type(&mut inner, draw);
            of.elem_type = inner.map(Box::new);
            return;
        }
        _ => {
            *ty = Some(tensor_type(draw.bits() as i32 % 28, None));
            return;
        }
    };
    match below(draw, 8) {
        0 => tensor.elem_type = Some(draw.bits() as i32 % 28),
        1 => tensor.shape = None,
        _ => {
            let shape = tensor.shape.get_or_insert_default();
            list(&mut shape.dim, draw, |draw| match below(draw, 4) {
                0 => DimensionProto { value: None },
                1 => dimension(DimensionValue::DimParam(["N", "M", "rows"][below(draw, 3)].to_owned())),
                _ => dimension(DimensionValue::DimValue(number(draw))),
            });
        }
    }
}

/// A node moves into both branches of an `If`, or into the body of a `Loop` or `Scan`.
fn wrap(graph: &mut GraphProto, draw: &mut Draw) {
    let at = below(draw, graph.node.len());
    let Some(node) = graph.node.get_mut(at) else { return };
    let outputs = node.output.clone();
    let info = |name: &str| ValueInfoProto { name: Some(name.to_owned()), r#type: None };
    let mut inner = node.clone();
    inner.output.iter_mut().for_each(|o| *o = format!("{o}_in"));
    let results: Vec<ValueInfoProto> = inner.output.iter().filter(|o| !o.is_empty()).map(|o| info(o)).collect();
    let attribute = |name: &str, graph: GraphProto| AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(attribute_type::GRAPH),
        g: Some(Box::new(graph)),
        ..AttributeProto::default()
    };
    let fresh = format!("k{}", draw.bits() % 100_000);
    if below(draw, 2) == 0 {
        let body = GraphProto { node: vec![inner], output: results, ..GraphProto::default() };
        let attributes = vec![attribute("then_branch", body.clone()), attribute("else_branch", body)];
        *node = NodeProto {
            op_type: Some("If".to_owned()),
            input: vec![fresh.clone()],
            output: outputs,
            attribute: attributes,
            ..NodeProto::default()
        };
        graph.initializer.push(TensorProto { name: Some(fresh), ..constant(9, &[], draw) });
    } else {
        let own = ["i", "c"].map(|n| info(&format!("{fresh}_{n}")));
        let output = own[1..].iter().cloned().chain(results).collect();
        let body = GraphProto { node: vec![inner], input: own.to_vec(), output, ..GraphProto::default() };
        *node = NodeProto {
            op_type: Some("Loop".to_owned()),
            input: vec![fresh.clone(), String::new()],
            output: outputs,
            attribute: vec![attribute("body", body)],
            ..NodeProto::default()
        };
        let mut trips = constant(7, &[], draw);
        trips.name = Some(fresh);
        graph.initializer.push(trips);
    }
}

/// A node becomes a call of a new function that holds it.
fn outline(model: &mut ModelProto, draw: &mut Draw) {
    let name = format!("F{}", draw.bits() % 1000);
    let Some(node) = model.graph.as_mut().and_then(|g| pick(&mut g.node, draw)) else { return };
    let named = |names: &[String], p: &str| -> Vec<String> { (0..names.len()).map(|i| format!("{p}{i}")).collect() };
    let (input, output) = (named(&node.input, "a"), named(&node.output, "b"));
    let inner = NodeProto { input: input.clone(), output: output.clone(), name: None, ..node.clone() };
    model.functions.push(FunctionProto {
        name: Some(name.clone()),
        domain: Some("own".to_owned()),
        input,
        output,
        node: vec![inner],
        opset_import: model.opset_import.clone(),
        ..FunctionProto::default()
    });
    node.op_type = Some(name);
    node.domain = Some("own".to_owned());
    node.attribute.clear();
    if model.opset_import.iter().all(|i| i.domain.as_deref() != Some("own")) {
        model.opset_import.push(OperatorSetIdProto { domain: Some("own".to_owned()), version: Some(1) });
    }
}

/// Renames every value of a graph and of those inside it.
fn rename(graph: &mut GraphProto, to: &dyn Fn(&str) -> String) {
    let change = |name: &mut String| {
        if !name.is_empty() {
            *name = to(name);
        }
    };
    for info in graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info) {
        info.name.iter_mut().for_each(change);
    }
    graph.initializer.iter_mut().filter_map(|t| t.name.as_mut()).for_each(change);
    graph.sparse_initializer.iter_mut().filter_map(|t| t.values.as_mut()?.name.as_mut()).for_each(change);
    for node in &mut graph.node {
        node.input.iter_mut().chain(&mut node.output).chain(&mut node.name).for_each(change);
        node.attribute.iter_mut().filter_map(|a| a.g.as_deref_mut()).for_each(|g| rename(g, to));
    }
}
