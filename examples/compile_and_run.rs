//! From an ONNX file to an archive to answers: compile once, open, run.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions,
    ops::{Tensor, Value, control::Control},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Compile: the same file always gives the same bytes.
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/digits_cnn.onnx");
    let compiled = Compiler::new(CompilerConfig::default()).compile(source)?;
    let path = std::env::temp_dir().join(format!("digits-{}.holo", std::process::id()));
    compiled.write_file(&path)?;

    // Open: weights are read where they lie, in the mapped file.
    let model = Model::open(Archive::open(&path)?, &ModelOptions::default())?;
    let session = model.session(None)?;
    for port in &session.signature().inputs {
        println!("input {}: {}", port.name, port.ty);
    }

    // Run: named values in, named values out. Two images, one empty and one with a bar.
    let mut pixels = vec![0.0f32; 2 * 64];
    for row in 0..8 {
        pixels[64 + row * 8 + 3] = 1.0;
        pixels[64 + row * 8 + 4] = 1.0;
    }
    let image: Value = Tensor::from_vec([2, 1, 8, 8], pixels)?.into();
    for (name, value) in session.run(&[("image", image.clone())])? {
        println!("output {name}: {:?}", value.as_tensor()?.shape());
    }

    // Run into buffers that are used again: the second run of a shape allocates nothing.
    let (inputs, control) = ([image], Control::default());
    let mut buffers = Vec::new();
    for _ in 0..2 {
        session.run_into(&inputs, &mut buffers, &control)?;
    }
    let probabilities = buffers[0].as_slice::<f32>()?;
    println!("probabilities of the bar: {:?}", &probabilities[10..]);
    assert!(probabilities.chunks(10).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    std::fs::remove_file(path)?;
    Ok(())
}
