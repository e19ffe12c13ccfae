//! Hologram's side: a model file compiled, opened and run, with nothing in between.

use crate::{
    cases::Case,
    inputs::{Draw, Input},
    peer::Output,
};
use anyhow::{Context as _, Result, bail};
use arrow_buffer::Buffer;
use hologram_backends::{Description, OutputBuffer};
use hologram_ops::{DType, Tensor, Value, control::Control};
use hologram_planner::{Compiler, CompilerConfig};
use hologram_resolver::{Model, ModelOptions, Session};
use hologram_store::Archive;
use std::time::Instant;

/// An open model and what a run needs.
pub(crate) struct Engine {
    session: Session,
    control: Control,
    outputs: Vec<OutputBuffer>,
    /// Whether runs go into buffers that are used again; else each run allocates its outputs.
    into_buffers: bool,
    /// Seconds to compile the model file into an archive.
    pub(crate) compile_seconds: f64,
    /// Seconds to open the archive.
    pub(crate) open_seconds: f64,
    /// Bytes of the archive.
    pub(crate) archive_bytes: usize,
}

impl Engine {
    /// Compiles and opens a case's model.
    ///
    /// # Errors
    /// What the compiler or the opening says.
    pub(crate) fn open(case: &Case) -> Result<Self> {
        let begin = Instant::now();
        let bytes = Compiler::new(CompilerConfig::default()).compile(&case.model)?.to_bytes()?;
        let compile_seconds = begin.elapsed().as_secs_f64();
        let archive_bytes = bytes.len();
        let begin = Instant::now();
        let archive = Archive::from_buffer(Buffer::from_vec(bytes))?;
        let session = Model::open(archive, &ModelOptions::default())?.session(None)?;
        let open_seconds = begin.elapsed().as_secs_f64();
        let (control, outputs) = (Control::default(), Vec::new());
        Ok(Self { session, control, outputs, into_buffers: true, compile_seconds, open_seconds, archive_bytes })
    }

    /// The case's inputs in the signature's order.
    ///
    /// # Errors
    /// An input that the case does not name, or of unknown rank where the case names none.
    pub(crate) fn inputs(&self, case: &Case) -> Result<Vec<Input>> {
        let ports = &self.session.signature().inputs;
        let of = |port: &hologram_resolver::Port| -> Result<Input> {
            if !case.inputs.is_empty() {
                let named = case.inputs.iter().find(|input| input.name == port.name);
                return named.cloned().with_context(|| format!("the case has no input '{}'", port.name));
            }
            let dims = port.shape().with_context(|| format!("input '{}' is {}: no rank", port.name, port.ty))?;
            // A free dimension is the batch.
            let shape = dims.iter().map(|d| d.known().unwrap_or(1)).collect();
            let dtype = port.dtype().unwrap_or(DType::F32);
            Ok(Input { name: port.name.clone(), dtype, shape, draw: Draw::Between(-1.0, 1.0) })
        };
        ports.iter().map(of).collect()
    }

    /// The first run, which fixes shapes and chooses kernels; gives its seconds.
    ///
    /// # Errors
    /// What the run says.
    pub(crate) fn warm(&mut self, inputs: &[Value]) -> Result<f64> {
        let begin = Instant::now();
        if self.session.run_into(inputs, &mut self.outputs, &self.control).is_err() {
            // Strings and maps have no buffers; a run that fails for another reason fails here again.
            self.into_buffers = false;
            self.session.run_values(inputs.to_vec(), &self.control)?;
        }
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Nanoseconds of one run.
    ///
    /// # Errors
    /// What the run says.
    pub(crate) fn time(&mut self, inputs: &[Value]) -> Result<u64> {
        let nanoseconds = |begin: Instant| u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if self.into_buffers {
            let begin = Instant::now();
            self.session.run_into(inputs, &mut self.outputs, &self.control)?;
            return Ok(nanoseconds(begin));
        }
        // The copies share their memory: they are handles.
        let inputs = inputs.to_vec();
        let begin = Instant::now();
        let outputs = self.session.run_values(inputs, &self.control)?;
        let taken = nanoseconds(begin);
        drop(outputs);
        Ok(taken)
    }

    /// What was chosen for these inputs.
    ///
    /// # Errors
    /// As the first run.
    pub(crate) fn describe(&self, inputs: &[Value]) -> Result<Description> {
        Ok(self.session.describe(inputs)?)
    }

    /// How far the answers are from the other engine's: the greatest difference of numbers, and how many integers and
    /// strings are not equal.
    ///
    /// # Errors
    /// Outputs that are not tensors of one shape on both sides.
    pub(crate) fn difference(&self, inputs: &[Value], theirs: &[Output]) -> Result<(f64, usize)> {
        let ours = self.session.run_values(inputs.to_vec(), &self.control)?;
        let ports = &self.session.signature().outputs;
        let (mut greatest, mut unequal) = (0.0_f64, 0);
        for (port, value) in ports.iter().zip(&ours) {
            let tensor = value.as_tensor().with_context(|| format!("output '{}'", port.name))?;
            let their = theirs
                .iter()
                .find(|output| output.name == port.name)
                .with_context(|| format!("onnxruntime gives no output '{}'", port.name))?;
            if tensor.shape() != their.shape {
                bail!("output '{}' is {:?}, onnxruntime's is {:?}", port.name, tensor.shape(), their.shape);
            }
            let (difference, count) = apart(tensor, their).with_context(|| format!("output '{}'", port.name))?;
            // `max` would pass over a NaN.
            greatest = if difference > greatest || difference.is_nan() { difference } else { greatest };
            unequal += count;
        }
        Ok((greatest, unequal))
    }
}

/// As [`Engine::difference`], of one output.
fn apart(ours: &Tensor, theirs: &Output) -> Result<(f64, usize)> {
    let count = |equal: &mut dyn Iterator<Item = bool>| equal.filter(|equal| !equal).count();
    Ok(match ours.dtype() {
        DType::F32 => {
            let ours = ours.as_slice::<f32>()?;
            let mut greatest = 0.0_f64;
            for (our, their) in ours.iter().zip(&theirs.values) {
                // The other side's numbers are f32 too; reading them as decimals may miss the last bit of an f64.
                let their = their.as_f64().unwrap_or(f64::NAN) as f32;
                let difference = (f64::from(*our) - f64::from(their)).abs();
                if difference > greatest || difference.is_nan() {
                    greatest = difference;
                }
            }
            (greatest, 0)
        }
        DType::I64 => {
            let ours = ours.as_slice::<i64>()?;
            (0.0, count(&mut ours.iter().zip(&theirs.values).map(|(our, their)| their.as_i64() == Some(*our))))
        }
        DType::String => {
            let ours = ours.as_strings()?;
            (0.0, count(&mut ours.iter().zip(&theirs.values).map(|(our, their)| their.as_str() == our)))
        }
        other => bail!("{other} outputs are not compared"),
    })
}
