//! Fills the corpora from a folder of the official cases: `seeds CASES CORPUS`.
//!
//! `CORPUS/import_onnx` gets the small models as they are; `CORPUS/infer_shapes` gets them with their recorded inputs as
//! initialisers, so that every node can be computed.

use hologram_planner::import::onnx::proto::{ModelProto, TensorProto};
use prost::Message;
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// Larger models teach the fuzzer nothing that small ones do not.
const BYTES_MAX: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(cases), Some(corpus)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seeds CASES CORPUS".into());
    };
    let mut written = [0, 0];
    for folder in fs::read_dir(&cases)? {
        let folder = folder?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(bytes) = fs::read(folder.join("model.onnx")) else { continue };
        let Ok(mut model) = ModelProto::decode(&bytes[..]) else { continue };
        written[0] += usize::from(put(&corpus.join("import_onnx"), &name, &bytes)?);
        fill(&mut model, &folder.join("test_data_set_0"));
        written[1] += usize::from(put(&corpus.join("infer_shapes"), &name, &model.encode_to_vec())?);
    }
    println!("{} models for import_onnx, {} for infer_shapes", written[0], written[1]);
    Ok(())
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<bool, Box<dyn Error>> {
    if bytes.len() > BYTES_MAX {
        return Ok(false);
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)?;
    Ok(true)
}

/// Gives the inputs, in order, the tensors of `input_N.pb`.
fn fill(model: &mut ModelProto, data: &Path) {
    let Some(graph) = &mut model.graph else { return };
    for (i, input) in graph.input.iter().enumerate() {
        let Ok(bytes) = fs::read(data.join(format!("input_{i}.pb"))) else { continue };
        if let Ok(mut tensor) = TensorProto::decode(&bytes[..]) {
            tensor.name.clone_from(&input.name);
            graph.initializer.push(tensor);
        }
    }
}
