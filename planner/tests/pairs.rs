//! Every ordered pair of operators whose types fit, as a graph of two nodes: compiled with all passes, written, opened and
//! run, it gives the bits that the two reference evaluations give one after the other.
//!
//! A plain run takes a sample of the pairs, seeded and printed. `HOLOGRAM_PAIRS=all` takes every pair,
//! `HOLOGRAM_PAIRS='Conv>Relu'` one of them, and `HOLOGRAM_SEED` the seed of an earlier run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its counts"
)]

#[path = "pairs/table.rs"]
mod table;

use hologram_ops::{
    DType, Registry, Tensor, Type, Value,
    control::Control,
    graph::{Graph, NewNode, ValueId},
};
use hologram_planner::{Compiler, CompilerConfig};
use hologram_resolver::{Model, ModelOptions};
use hologram_store::Archive;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use table::{Draw, Use};

/// Pairs that a plain run takes.
const SAMPLE: usize = 1_500;

/// What the first operator is given: shapes for tables, sequences, series, images and scalars, in every kind of element.
fn starts(draw: &mut Draw) -> Vec<Value> {
    let shapes: [&[usize]; 8] = [&[2, 3], &[2, 3, 4], &[1, 4, 6, 6], &[3], &[3, 3], &[1, 2, 5], &[], &[4, 3]];
    let types = [DType::F32, DType::I64, DType::Bool, DType::U8, DType::F16, DType::F64, DType::I32, DType::String];
    let mut all = Vec::new();
    for dtype in types {
        for shape in shapes {
            all.push(Value::Tensor(draw.tensor(dtype, shape)));
        }
    }
    let parts = vec![all[0].clone(), all[0].clone()];
    all.push(Value::Sequence(parts));
    all.push(Value::Optional(Some(Box::new(all[0].clone()))));
    all
}

/// One node alone: its graph, and the values of its other inputs.
fn node(
    graph: &mut Graph,
    registry: &Registry,
    of: &Use,
    x: ValueId,
    others: &[Option<Tensor>],
    tag: &str,
    fixed: bool,
) -> hologram_ops::Result<(ValueId, Vec<Value>)> {
    let mut op = Vec::new();
    let mut fed = Vec::new();
    for (i, other) in others.iter().enumerate() {
        op.push(match other {
            _ if i == of.incoming => Some(x),
            None => None,
            Some(t) if fixed => Some(graph.add_constant(&format!("{tag}{i}"), t.clone())?),
            Some(t) => {
                fed.push(Value::Tensor(t.clone()));
                Some(graph.add_input(&format!("{tag}{i}"), Type::tensor(t.dtype(), t.shape().to_vec()))?)
            }
        });
    }
    let spec = NewNode {
        name: &format!("{tag}_{}", of.op),
        domain: of.domain,
        op: &of.op,
        version: of.version(),
        attributes: of.attributes.clone(),
    };
    let id = graph.add_node(registry, spec, op, &[tag])?;
    Ok((graph.output_of(id, 0)?, fed))
}

/// The first output of one node by its reference evaluation.
fn reference(registry: &Registry, of: &Use, x: &Value, others: &[Option<Tensor>]) -> hologram_ops::Result<Value> {
    let mut graph = Graph::new("one");
    let given = graph.add_input("x", Type::of(x))?;
    let (out, fed) = node(&mut graph, registry, of, given, others, "a", true)?;
    debug_assert!(fed.is_empty());
    graph.add_output("y", out);
    graph.infer()?;
    let mut outputs = graph.evaluate(std::slice::from_ref(x))?;
    Ok(outputs.remove(0))
}

/// Compiles, writes, opens and runs the pair.
fn planned(
    registry: &Registry,
    first: &Use,
    second: &Use,
    x: &Value,
    others: [&[Option<Tensor>]; 2],
    fixed: bool,
) -> Result<Value, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut graph = Graph::new("pair");
    let given = graph.add_input("x", Type::of(x)).map_err(|e| text(&e))?;
    let (between, mut fed) = node(&mut graph, registry, first, given, others[0], "a", fixed).map_err(|e| text(&e))?;
    let (out, more) = node(&mut graph, registry, second, between, others[1], "b", !fixed).map_err(|e| text(&e))?;
    graph.add_output("y", out);
    graph.infer().map_err(|e| text(&e))?;
    let compiled = Compiler::new(CompilerConfig::default()).compile_graph(graph).map_err(|e| text(&e))?;
    let archive = Archive::from_buffer(compiled.to_bytes().map_err(|e| text(&e))?.into()).map_err(|e| text(&e))?;
    let model = Model::open(archive, &ModelOptions::default()).map_err(|e| text(&e))?;
    let session = model.session(None).map_err(|e| text(&e))?;
    let mut inputs = vec![x.clone()];
    inputs.append(&mut fed);
    inputs.extend(more);
    let mut outputs = session.run_values(inputs, &Control::default()).map_err(|e| text(&e))?;
    Ok(outputs.remove(0))
}

/// A pair to run: the second operator's use, what the first is given, and the answer.
struct Pair<'a> {
    first: &'a Use,
    second: &'a Use,
    x: Value,
    others: [Vec<Option<Tensor>>; 2],
    want: Value,
    /// Whether the first node's other inputs are constants and the second's are fed, or the other way round.
    fixed: bool,
}

/// The name of the operator that comes first or second in a pair.
fn name(of: &Use) -> String {
    match of.domain {
        "" => of.op.clone(),
        "ai.onnx.ml" => format!("ml:{}", of.op),
        _ => format!("ms:{}", of.op),
    }
}

/// Finds for every ordered pair of operators the first given value for which both run.
fn pairs<'a>(registry: &Registry, uses: &'a [Use], draw: &mut Draw, wanted: impl Fn(&str) -> bool) -> Vec<Pair<'a>> {
    let starts = starts(draw);
    // What each first node answers, one of each type and shape.
    let mut firsts: Vec<(&Use, Value, Vec<Option<Tensor>>, Value)> = Vec::new();
    for of in uses {
        let mut seen = Vec::new();
        for x in &starts {
            let Some(others) = of.others(x, draw) else { continue };
            let Ok(y) = reference(registry, of, x, &others) else { continue };
            if matches!(&y, Value::Tensor(t) if t.len() > 10_000) {
                continue; // nothing is learnt from large tensors that small ones do not show
            }
            let ty = Type::of(&y);
            if !seen.contains(&(name(of), ty.clone())) {
                seen.push((name(of), ty));
                firsts.push((of, x.clone(), others, y));
            }
        }
    }
    let mut found: BTreeMap<(String, String), Pair<'a>> = BTreeMap::new();
    for (first, x, others, y) in &firsts {
        for second in uses {
            let key = (name(first), name(second));
            if found.contains_key(&key) || !wanted(&format!("{}>{}", key.0, key.1)) {
                continue;
            }
            let Some(more) = second.others(y, draw) else { continue };
            let Ok(want) = reference(registry, second, y, &more) else { continue };
            let fixed = draw.bits() & 1 == 0;
            found.insert(key, Pair { first, second, x: x.clone(), others: [others.clone(), more], want, fixed });
        }
    }
    found.into_values().collect()
}

#[test]
fn two_operators_after_one_another_keep_their_bits() {
    let registry = Registry::standard();
    let seed = std::env::var("HOLOGRAM_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs());
    let mut draw = Draw::new(seed);
    let uses = table::uses();
    let which = std::env::var("HOLOGRAM_PAIRS").unwrap_or_default();
    let one = which.contains('>').then_some(which.as_str());
    let mut order: Vec<(usize, usize)> = Vec::new();
    // A sample of pairs of names, drawn before anything runs, so that finding them costs no more than running them.
    let names: Vec<String> = {
        let mut names: Vec<String> = uses.iter().map(name).collect();
        names.dedup();
        names
    };
    order.extend((0..names.len()).flat_map(|a| (0..names.len()).map(move |b| (a, b))));
    let kept: std::collections::BTreeSet<String> = if which == "all" {
        order.iter().map(|(a, b)| format!("{}>{}", names[*a], names[*b])).collect()
    } else if let Some(one) = one {
        [one.to_owned()].into()
    } else {
        // Somewhat more than half of all pairs fit; three times as many are tried as are run.
        draw.shuffle(&mut order);
        order.iter().take(3 * SAMPLE).map(|(a, b)| format!("{}>{}", names[*a], names[*b])).collect()
    };
    let mut found = pairs(&registry, &uses, &mut draw, |pair| kept.contains(pair));
    if which.is_empty() {
        found.truncate(SAMPLE);
    }
    println!("seed {seed}: {} pairs of {} operators", found.len(), names.len());
    let least = if one.is_some() {
        1
    } else if which == "all" {
        15_000
    } else {
        SAMPLE
    };
    assert!(found.len() >= least, "{} pairs fit, {least} are expected", found.len());
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(p) = found.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = || planned(&registry, p.first, p.second, &p.x, [&p.others[0], &p.others[1]], p.fixed);
                    let got = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
                        .unwrap_or_else(|_| Err("panicked".into()));
                    let why = match got {
                        Ok(got) if got == p.want => continue,
                        Ok(got) => format!("{got:?} where {:?} is expected", p.want),
                        Err(e) => e,
                    };
                    let pair = format!("{}>{}", name(p.first), name(p.second));
                    failures
                        .lock()
                        .unwrap()
                        .push(format!("HOLOGRAM_SEED={seed} HOLOGRAM_PAIRS='{pair}': x is {:?}: {why}", p.x));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} pairs:\n{}", failures.len(), found.len(), failures.join("\n"));
}
