//! onnxruntime, or a library of trees, in a process of its own: the client of python/peer.py, which describes the commands.

use crate::{
    cases::{Case, ONNXRUNTIME_INT8},
    engine::CALIBRATION_SEED,
    inputs::Input,
};
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The one session that is loaded at a time.
const SESSION: &str = "case";

/// The running process; it ends with this value.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// The peer's versions.
#[derive(Debug, Deserialize)]
pub(crate) struct About {
    pub(crate) python: String,
    pub(crate) onnxruntime: String,
    pub(crate) numpy: String,
    pub(crate) cores: usize,
}

/// One output of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// The elements in row-major order: numbers, truth values or strings.
    pub(crate) values: Vec<Json>,
}

impl Peer {
    /// Starts the process.
    ///
    /// # Errors
    /// A Python that cannot be started.
    pub(crate) fn start(python: &Path) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: give a Python that has onnxruntime with --python", python.display()))?;
        let commands = child.stdin.take().context("the peer has no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("the peer has no standard output")?);
        Ok(Self { child, commands, answers })
    }

    fn ask(&mut self, command: &Json) -> Result<Json> {
        writeln!(self.commands, "{command}").context("the peer's process has ended; its last words are above")?;
        self.commands.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the peer's process has ended; its last words are above");
        let answer: Json = serde_json::from_str(&line).with_context(|| format!("the peer answered {line}"))?;
        if answer["ok"] != true {
            bail!("the peer: {}", answer["error"].as_str().unwrap_or("no reason given"));
        }
        Ok(answer)
    }

    /// Versions and cores.
    ///
    /// # Errors
    /// As every command: what the peer says.
    pub(crate) fn about(&mut self) -> Result<About> {
        Ok(serde_json::from_value(self.ask(&json!({"do": "about"}))?)?)
    }

    /// Loads a case's model; gives the seconds that it took.
    pub(crate) fn load(&mut self, case: &Case, threads: u32) -> Result<f64> {
        let dimensions: Map<String, Json> = case.dimensions.iter().map(|(n, k)| ((*n).to_owned(), json!(k))).collect();
        let mut command = json!({
            "do": "load", "session": SESSION, "model": case.model, "threads": threads, "dimensions": dimensions,
            "engine": case.peer,
        });
        if let (Some(rows), ONNXRUNTIME_INT8) = (case.quantized, case.peer) {
            let calibration = case.inputs.iter().zip(CALIBRATION_SEED..).map(|(input, seed)| {
                let shape = std::iter::once(rows).chain(input.shape.iter().skip(1).copied()).collect();
                (input.name.clone(), Input { shape, ..input.clone() }.wanted(seed))
            });
            command["calibrate"] = Json::Object(calibration.collect());
        }
        self.ask(&command)?["seconds"].as_f64().context("the peer gave no seconds")
    }

    /// Makes set `set` of the inputs and checks that it sums to what ours do.
    pub(crate) fn inputs(&mut self, set: usize, inputs: &[Input], seed: u64, sums: &[f64]) -> Result<()> {
        let wanted: Map<String, Json> =
            inputs.iter().zip(seed..).map(|(input, seed)| (input.name.clone(), input.wanted(seed))).collect();
        let answer = self.ask(&json!({"do": "inputs", "session": SESSION, "set": set, "inputs": wanted}))?;
        for (input, ours) in inputs.iter().zip(sums) {
            let theirs = answer["checksums"][&input.name].as_f64().context("the peer gave no checksum")?;
            let close = (ours - theirs).abs() <= 1e-6 * (1.0 + ours.abs());
            ensure!(close, "input '{}': ours sums to {ours}, the peer's to {theirs}", input.name);
        }
        Ok(())
    }

    /// Nanoseconds of each of so many runs.
    pub(crate) fn time(&mut self, runs: usize, warm_up: usize) -> Result<Vec<u64>> {
        let answer = self.ask(&json!({"do": "time", "session": SESSION, "runs": runs, "warm_up": warm_up}))?;
        Ok(serde_json::from_value(answer["nanoseconds"].clone())?)
    }

    /// The outputs for set 0.
    pub(crate) fn outputs(&mut self) -> Result<Vec<Output>> {
        let mut answer = self.ask(&json!({"do": "outputs", "session": SESSION, "set": 0, "values": true}))?;
        Ok(serde_json::from_value(answer["outputs"].take())?)
    }

    /// Forgets the model.
    pub(crate) fn unload(&mut self) -> Result<()> {
        self.ask(&json!({"do": "unload", "session": SESSION})).map(drop)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A peer that is gone already cannot be told to go, and needs not be.
        let _ = writeln!(self.commands, "{}", json!({"do": "quit"}));
        let _ = self.child.wait();
    }
}
