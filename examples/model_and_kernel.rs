//! A compiled model and a kernel in one process: what one answers the other reads from the store, under a coordinate.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrow_array::{ArrayRef, Float32Array, RecordBatch, cast::AsArray, types::Float32Type};
use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions, kernels,
    ops::{DType, Tensor},
    store::{Space, Store},
};
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A tensor as a batch of one column, over the same memory.
fn to_batch(name: &str, tensor: &Tensor) -> Result<RecordBatch> {
    let column: ArrayRef = Arc::new(Float32Array::new(tensor.buffer()?.clone().into(), None));
    Ok(RecordBatch::try_from_iter([(name, column)])?)
}

/// The column of such a batch as a tensor, over the same memory.
fn to_tensor(batch: &RecordBatch) -> Result<Tensor> {
    let column = batch.column(0).as_primitive::<Float32Type>();
    Ok(Tensor::from_buffer(DType::F32, [column.len()], column.values().inner().clone())?)
}

fn main() -> Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let compiled = Compiler::new(CompilerConfig::default()).compile(format!("{folder}/models/digits_cnn.onnx"))?;
    let archive = Archive::from_buffer(compiled.to_bytes()?.into())?;
    let session = Model::open(archive, &ModelOptions::default())?.session(None)?;
    let file = format!("{folder}/kernels/surprise.py");
    let kernels = kernels::parse(&file, &std::fs::read_to_string(&file)?)?;
    let surprise = kernels.iter().find(|k| k.name == "surprise").ok_or("the file defines no kernel `surprise`")?;

    // Both answer into one space: which of the two, and for which request.
    let store = Store::builder().build();
    let space = Space::new([("stage", 2), ("request", 1_000)])?;
    let (of_model, of_kernel) = (space.encode(&[0, 7])?, space.encode(&[1, 7])?);
    for round in 0..2 {
        let answer = store.resolve::<Box<dyn std::error::Error>>(&of_kernel, || {
            let probabilities = store.resolve::<Box<dyn std::error::Error>>(&of_model, || {
                let image = Tensor::from_vec([1, 1, 8, 8], (0..64).map(|i| (i % 8) as f32 / 8.0).collect())?;
                let outputs = session.run(&[("image", image.into())])?;
                let found = outputs.into_iter().find(|(name, _)| name == "probabilities");
                to_batch("probability", found.ok_or("the model gives no probabilities")?.1.as_tensor()?)
            })?;
            let input = to_tensor(probabilities.records())?;
            to_batch("surprise", &surprise.evaluate(&[input, Tensor::scalar(1e-6f32)])?)
        })?;
        let nats = answer.records().column(0).as_primitive::<Float32Type>();
        println!("round {round}: digit by digit, in nats: {:?}", nats.values());
        assert_eq!(store.stats().computed, 2, "the model once, the kernel once");

        // Probabilities and surprise are two sides of one number.
        let kept = store.get_resident(&of_model).ok_or("the model's answer is kept")?;
        let probabilities = kept.records().column(0).as_primitive::<Float32Type>();
        let sum: f32 = nats.values().iter().zip(probabilities.values()).map(|(n, p)| (n + floored_ln(*p)).abs()).sum();
        assert!(probabilities.len() == 10 && sum < 1e-4, "{sum}");
    }
    Ok(())
}

/// The logarithm that the kernel takes, held to its floor.
fn floored_ln(p: f32) -> f32 {
    hologram::ops::numeric::transcendental::ln_f32(p.max(1e-6))
}
