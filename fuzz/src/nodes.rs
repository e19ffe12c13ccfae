//! The nodes of a model as cases of inference.

use crate::{
    bytes::Bytes,
    check::{Case, check as holds, ends},
    draw,
};
use hologram_ops::{Limits, Registry, Value};
use hologram_planner::import::onnx::{OnnxModel, lower};
use std::{collections::HashMap, sync::OnceLock};

/// Elements of a value that later nodes get to see.
const ELEMENTS_MAX: usize = 1 << 12;

/// Checks every node whose inputs are known, in order; bytes that are no model describe one case.
///
/// # Errors
/// What disagrees, with the case in words.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let registry = REGISTRY.get_or_init(Registry::standard);
    let limits =
        Limits { nesting: 16, nodes: 64, steps: 2_000, elements: ELEMENTS_MAX as u64, bytes: 1 << 20, pixels: 1 << 12 };
    let Ok(model) = OnnxModel::parse("m.onnx", data.to_vec().into(), None, &limits) else {
        let mut bytes = Bytes::new(data);
        return match draw::draw(&mut bytes) {
            Some(case) => holds(&case, &mut bytes).map(drop).map_err(|why| format!("{why}\n  {case}")),
            None => Ok(()),
        };
    };
    let Ok(graph) = lower(&model, registry) else { return Ok(()) };
    let mut known: HashMap<_, Value> =
        graph.values().filter_map(|(id, v)| Some((id, Value::Tensor(v.constant.clone()?)))).collect();
    for id in graph.order().map_err(|e| e.to_string())? {
        let Some(node) = graph.node(id) else { continue };
        let inputs: Option<Vec<Option<Value>>> =
            node.inputs.iter().map(|i| i.map_or(Some(None), |v| known.get(&v).cloned().map(Some))).collect();
        let (Some(inputs), Ok(row)) = (inputs, registry.find(&node.domain, &node.op, node.version)) else { continue };
        let ends = ends(&node.op, &node.attributes, &inputs);
        let case = Case { row, operator: node.operator.clone(), inputs, outputs: node.outputs.len(), ends };
        // What is known less, and how, follows from the model's own bytes.
        let mut bytes = Bytes::new(data.get(data.len() / 2..).unwrap_or_default());
        let computed = holds(&case, &mut bytes).map_err(|why| format!("{why}\n  {case}"))?;
        for (output, value) in node.outputs.iter().zip(computed.into_iter().flatten()) {
            if let Some(id) = output {
                known.insert(*id, value);
            }
        }
    }
    Ok(())
}
