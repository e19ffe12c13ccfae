//! What is mended, and that the notes say so; what has two meanings stays an error elsewhere.

use super::*;
use crate::import::onnx::RepairKind::{self, *};

/// A name, what is wrong, and the notes expected of it.
type Case = (&'static str, ModelProto, &'static [(RepairKind, u64)]);

fn edited(edit: impl Fn(&mut ModelProto)) -> ModelProto {
    let mut proto = small();
    edit(&mut proto);
    proto
}

fn edited_graph(edit: impl Fn(&mut GraphProto)) -> ModelProto {
    edited(|m| edit(m.graph.as_mut().unwrap()))
}

#[test]
fn repairs_are_made_and_noted() {
    let hides = |g: &mut GraphProto| {
        let branch = || graph(vec![node("Neg", &["x"], &["s"])], &[], &["s"]);
        let node = with(node("If", &["y"], &["z"]), subgraph("then_branch", branch()));
        g.node.push(with(node, subgraph("else_branch", branch())));
    };
    let cases: Vec<Case> = vec![
        ("nothing is wrong", small(), &[]),
        (
            "before imports",
            edited(|m| {
                m.ir_version = Some(2);
                m.opset_import.clear();
            }),
            &[(OpsetAssumed, 1)],
        ),
        ("constants among the inputs", edited_graph(|g| g.input.push(value("w"))), &[(InputIsConstant, 1)]),
        (
            "a constant twice",
            edited_graph(|g| g.initializer.push(floats("w", &[2], &[1.0, 2.0]))),
            &[(InitialiserRepeated, 1)],
        ),
        ("no name", edited_graph(|g| g.node[0].name = None), &[(NodeNamed, 1)]),
        ("the last node first", edited_graph(|g| g.node.reverse()), &[(NodeMoved, 1)]),
        ("a name inside and outside", edited_graph(hides), &[(NameHidden, 2)]),
        ("an output that nobody reads", edited_graph(|g| g.node[1].output.push("mask".into())), &[(OutputUnused, 1)]),
        (
            "an output that nobody reads, of a split",
            edited_graph(|g| g.node.push(node("Split", &["x"], &["a", "b"]))),
            &[],
        ),
        ("a description of nothing", edited_graph(|g| g.value_info.push(value("gone"))), &[(DescriptionUnused, 1)]),
    ];
    for (case, proto, want) in cases {
        let model = parse(&proto).unwrap_or_else(|e| panic!("{case}: {e}"));
        let records = model.repairs.records();
        assert_eq!(records.iter().map(|r| r.count).sum::<u64>(), want.iter().map(|w| w.1).sum::<u64>(), "{case}");
        for (kind, count) in want {
            assert_eq!(model.repairs.count(*kind), *count, "{case}: {kind:?} in {records:?}");
        }
    }
}

#[test]
fn a_compiled_model_keeps_the_notes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let wrong_shape = |g: &mut GraphProto| {
        g.output[0] = value("y");
        g.node[1].op_type = Some("Shape".into());
        let Some(TypeValue::Tensor(ty)) = g.output[0].r#type.as_mut().and_then(|t| t.value.as_mut()) else {
            panic!("no tensor")
        };
        ty.elem_type = Some(7);
    };
    std::fs::write(&path, edited_graph(wrong_shape).encode_to_vec()).unwrap();
    let compiled = crate::Compiler::new(crate::CompilerConfig::default()).compile(&path).unwrap();
    let found: Vec<(&str, u64, &str)> =
        compiled.repairs.iter().map(|r| (r.what.as_str(), r.count, r.names[0].as_str())).collect();
    assert_eq!(found, [(ShapeContradicted.words(), 1, "y"), (TypeInferred.words(), 1, "s")]);
}
