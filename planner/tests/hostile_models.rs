//! Models from strangers: whatever is changed in a small model, it compiles to an archive that opens or is refused, in
//! little time and memory.
//!
//! A run changes models in the same ways every time; `HOLOGRAM_SEED` in others, `HOLOGRAM_CASES` as many as it says, and a
//! failure prints the seed that starts with the failing model. The fuzzer changes them by the same code, see
//! docs/spec/ci.mdx.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its counts"
)]

#[path = "../../ops/tests/inference/guard.rs"]
mod guard;
#[path = "hostile_models/mutate.rs"]
mod mutate;
#[path = "hostile_models/seeds.rs"]
mod seeds;
#[expect(dead_code, reason = "the test of pairs uses the rest")]
#[path = "pairs/table.rs"]
mod table;
#[path = "hostile_models/through.rs"]
mod through;

use hologram_ops::Tensor;
use hologram_planner::import::onnx::proto::ModelProto;
use prost::Message;
use seeds::{constant, graph, loops, model, node, value, with_graph};
use std::time::{Duration, Instant};
use table::Draw;
use through::through;

#[global_allocator]
static HEAP: guard::Bounded = guard::Bounded;

/// Models of a run that is not told how many.
const CASES: u64 = 3_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What the changed model is, in protobuf's own words.
fn text(bytes: &[u8]) -> String {
    ModelProto::decode(bytes).map_or_else(|e| e.to_string(), |m| format!("{m:?}"))
}

#[test]
fn changed_models_compile_or_are_refused() {
    let seed = number("HOLOGRAM_SEED").unwrap_or(1);
    let wanted = number("HOLOGRAM_CASES").unwrap_or(CASES);
    println!("HOLOGRAM_SEED={seed}");
    guard::now(seed);
    guard::watch(Duration::from_secs(60));
    let seeds = seeds::seeds();
    let (mut cases, mut whole, mut failures) = (0u64, 0u64, Vec::new());
    while cases < wanted && failures.len() < 10 {
        let own = seed.wrapping_add(cases);
        cases += 1;
        guard::now(own);
        let mut draw = Draw::new(own);
        let mut pick = || seeds[draw.bits() as usize % seeds.len()].clone();
        let (mut model, other) = (pick(), pick());
        if draw.bits().is_multiple_of(3) {
            mutate::join(&mut model, other, &mut draw);
        }
        for _ in 0..draw.bits() % 4 {
            mutate::mutate(&mut model, &mut draw);
        }
        let mut bytes = model.encode_to_vec();
        if draw.bits().is_multiple_of(8) {
            let at = draw.bits() as usize % bytes.len();
            bytes[at] = draw.bits() as u8;
        }
        match std::panic::catch_unwind(|| through(&bytes)) {
            Ok(Ok(compiled)) => whole += u64::from(compiled),
            Ok(Err(why)) => failures.push(format!("HOLOGRAM_SEED={own}: {why}\n  {}", text(&bytes))),
            Err(_) => failures.push(format!("HOLOGRAM_SEED={own}: it panicked\n  {}", text(&bytes))),
        }
    }
    println!("{cases} models, {whole} compiled");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(whole > cases / 20, "only {whole} of {cases} models compile");
}

#[test]
fn seeds_compile() {
    let seeds = seeds::seeds();
    let compiled = seeds.iter().filter(|m| through(&m.encode_to_vec()).unwrap()).count();
    assert!(compiled > seeds.len() / 3, "{compiled} of {}", seeds.len());
}

/// Compiles, or does not; returns soon either way.
#[track_caller]
fn soon(model: &ModelProto) -> bool {
    let start = Instant::now();
    let compiled = through(&model.encode_to_vec()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    compiled
}

#[test]
fn a_loop_without_end_is_not_evaluated_by_the_compiler() {
    assert!(soon(&model(loops(i64::MAX, 1))));
    assert!(soon(&model(loops(40, 4))));
}

#[test]
fn loops_in_loops_whose_shapes_keep_changing_are_inferred_within_bounds() {
    // Each level tries its body several times, and so does each inside it.
    let mut body = graph(vec![node("Concat", &["s", "s"], &["t"])], Vec::new(), Vec::new(), &["t"]);
    body.node[0].attribute = vec![hologram_planner::import::onnx::proto::AttributeProto {
        name: Some("axis".to_owned()),
        r#type: Some(2),
        i: Some(0),
        ..Default::default()
    }];
    let mut state = "t".to_owned();
    for d in 0..4 {
        let (i, c, out, s) = (format!("i{d}"), format!("c{d}"), format!("o{d}"), if d == 3 { "x" } else { "s" });
        body.input = vec![value(&i, None), value(&c, None), value("s", None)];
        body.output = vec![value(&c, None), value(&state, None)];
        let call = with_graph(node("Loop", &["k", "", s], &[&out]), "body", body);
        body = graph(vec![call], Vec::new(), Vec::new(), &[&out]);
        state = out;
    }
    body.initializer = vec![constant("k", &Tensor::scalar(2i64))];
    body.input = vec![value("x", Some(&[2]))];
    soon(&model(body));
}

#[test]
fn sizes_beyond_the_limits_are_refused_wherever_they_come_from() {
    let huge = Tensor::from_vec([2], vec![1i64 << 31, 1 << 31]).unwrap();
    let fill = || node("ConstantOfShape", &["n"], &["y"]);
    let branch = || graph(vec![fill(), node("ReduceMax", &["y"], &["z"])], Vec::new(), Vec::new(), &["z"]);
    let condition = constant("c", &Tensor::scalar(true));
    let inside = with_graph(with_graph(node("If", &["c"], &["y"]), "then_branch", branch()), "else_branch", branch());
    for (what, nodes, constants) in [
        ("a generator", vec![fill()], vec![constant("n", &huge)]),
        ("one inside a branch", vec![inside], vec![constant("n", &huge), condition]),
    ] {
        assert!(!soon(&model(graph(nodes, constants, Vec::new(), &["y"]))), "{what}");
    }
    let declared = value("x", Some(&[1 << 40, 1 << 40]));
    assert!(!soon(&model(graph(vec![node("Relu", &["x"], &["y"])], Vec::new(), vec![declared], &["y"]))));
    let empty = value("x", Some(&[1 << 40, 0]));
    assert!(!soon(&model(graph(vec![node("Relu", &["x"], &["y"])], Vec::new(), vec![empty], &["y"]))));
}
