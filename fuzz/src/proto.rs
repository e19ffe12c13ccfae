//! Mutation and crossover of models as messages; bytes that are no model are left to libFuzzer.

use crate::{mutate, table::Draw};
use hologram_planner::import::onnx::proto::ModelProto;
use prost::Message;

fn decode(bytes: &[u8]) -> Option<ModelProto> {
    // The decoder alone: what it accepts and the importer refuses is worth keeping.
    ModelProto::decode(bytes).ok().filter(|m| m.graph.is_some())
}

fn place(model: &ModelProto, out: &mut [u8]) -> Option<usize> {
    let bytes = model.encode_to_vec();
    out.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(bytes.len())
}

/// The new length, when the bytes are a model and the changed one fits; once in eight times nothing is done.
pub fn mutated(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    let mut draw = Draw::new(seed.into());
    if draw.bits().is_multiple_of(8) {
        return None;
    }
    let mut model = decode(data.get(..size)?)?;
    mutate::mutate(&mut model, &mut draw);
    place(&model, data.get_mut(..max_size)?)
}

/// Both models in one, when both are models and it fits; else nothing.
pub fn crossed(a: &[u8], b: &[u8], out: &mut [u8], seed: u32) -> usize {
    let mut draw = Draw::new(seed.into());
    let mut joined = || {
        let mut model = decode(a)?;
        mutate::join(&mut model, decode(b)?, &mut draw);
        place(&model, out)
    };
    joined().unwrap_or(0)
}
