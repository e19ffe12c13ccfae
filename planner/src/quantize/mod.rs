//! Eight bits: products and convolutions computed with bytes, where the answers stay what they are asked to be.
//!
//! The layers of a graph that can be (`layers`) are watched while it runs on every second row of the calibration data
//! (`ranges`), and rewritten with the codes that lose least there (`rewrite`). On the other rows the answers are held
//! against the exact ones (`agreement`). While they agree less than is asked, layers go back to what they were (`search`),
//! those first by which most is lost; if none is left, that is an error. Whatever is decided is said in words, in the archive.
//!
//! By codebooks (`codebooks`) a layer's rows are taken, part by part, for those that are most like them: an experiment.

mod agreement;
mod codebooks;
mod layers;
mod ranges;
mod rewrite;
mod runner;
mod sample;
mod search;

pub use sample::CalibrationRows;

use crate::{CompiledEntry, CompiledModel, Observer, Result, ports, tables::cost};
use agreement::Measure;
use arrow_array::RecordBatch;
use codebooks::Codebooks;
use hologram_ops::{DType, Error, Registry, Tensor};
use hologram_resolver::{
    Signature,
    rows::{BindOptions, Binding},
};
use layers::Layer;
use rewrite::{Candidates, Int8, Quantized};
use runner::Runner;
use search::Search;

/// Rows of one run at most.
const ROWS_OF_RUN_MAX: u64 = 256;

/// Rows of one run where a row may be of any size.
const ROWS_OF_RUN_OPEN: u64 = 8;

/// Rows on which each layer is held against itself, and tried alone.
const ROWS_BESIDE: u64 = 16;

/// What layers become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Products and convolutions of bytes.
    #[default]
    Int8,
    /// Wide products by codebooks ("product quantization"): an experiment, which keeps less of the answers.
    Codebooks,
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Int8 => "int8",
            Self::Codebooks => "codebooks",
        })
    }
}

/// How a model is quantized.
#[derive(Debug, Clone)]
pub struct QuantizeOptions {
    /// What layers become.
    pub scheme: Scheme,
    /// How much the answers must agree with the exact ones, from 0 to 1: for labels the share of equal ones, for numbers
    /// the part of their variance that is kept (R²), for scores of classes both.
    pub accuracy: f64,
    /// Rows to calibrate with and to measure on.
    pub calibration: CalibrationRows,
    /// How their columns are bound to the inputs.
    pub bind: BindOptions,
    /// Who is told how far it is.
    pub observer: Observer<QuantizeProgress>,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        Self {
            scheme: Scheme::default(),
            accuracy: 0.99,
            calibration: CalibrationRows::default(),
            bind: BindOptions::default(),
            observer: Observer::default(),
        }
    }
}

/// How far quantizing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantizeProgress {
    /// Times that the calibration data went through the model.
    pub done: u32,
    /// How often it will at most.
    pub most: u32,
}

/// What became of an entry point's layers.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizeReport {
    /// What layers became.
    pub scheme: Scheme,
    /// How much the answers agree.
    pub agreement: f64,
    /// How much was asked.
    pub asked: f64,
    /// Rows that this was measured on.
    pub rows: u64,
    /// The layers, in the graph's order.
    pub layers: Vec<LayerReport>,
}

/// What became of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerReport {
    /// The name of its node.
    pub name: String,
    /// What it computes.
    pub about: String,
    /// Its weights.
    pub weights: u64,
    /// The error of its answers when it is quantized: the root mean square over that of the exact ones.
    pub error: f64,
    /// What the answers of the model lose of their agreement when this layer alone is quantized; where layers had to be chosen.
    pub loss: Option<f64>,
    /// Whether it is; otherwise it is computed as before.
    pub is_quantized: bool,
}

/// Rows as the inputs of runs.
#[derive(Debug, Default)]
struct Rows {
    runs: Vec<Vec<Tensor>>,
    count: u64,
}

/// Quantizes the entry points of a model that is compiled, and notes what was decided.
pub(crate) fn add(model: &mut CompiledModel, registry: &Registry, options: &QuantizeOptions) -> Result<()> {
    if !(options.accuracy > 0.0 && options.accuracy <= 1.0) {
        return Err(
            Error::invalid(format!("an accuracy of {}: it lies above 0 and is at most 1", options.accuracy)).into()
        );
    }
    if options.calibration.is_empty() {
        return Err(Error::invalid("no calibration data: eight bits are chosen by the numbers that occur").into());
    }
    for (i, entry) in model.entries.iter_mut().enumerate() {
        match quantize(entry, registry, options)? {
            Ok(report) => {
                entry.decisions.push(text(&report));
                entry.decisions.extend(report.layers.iter().map(|layer| layer_text(layer, report.scheme)));
                entry.quantized = Some(report);
            }
            Err(reason) if i == 0 => {
                return Err(Error::invalid(format!("the model cannot be quantized: {reason}")).into());
            }
            Err(reason) => entry.decisions.push(format!("not quantized: {reason}")),
        }
    }
    Ok(())
}

fn text(report: &QuantizeReport) -> String {
    let quantized = report.layers.iter().filter(|layer| layer.is_quantized).count();
    let (all, rows) = (report.layers.len(), report.rows);
    format!(
        "quantized: {quantized} of {all} layers in {}, agreement {:.4} on {rows} rows ({} asked)",
        report.scheme, report.agreement, report.asked
    )
}

fn layer_text(layer: &LayerReport, scheme: Scheme) -> String {
    let how = if layer.is_quantized { scheme.to_string() } else { "f32, stepped back".into() };
    let loss = layer.loss.map_or_else(String::new, |loss| format!(", {loss:.4} lost by it alone"));
    format!("layer {} ({}): {how}, error {:.2} % in {scheme}{loss}", layer.name, layer.about, layer.error * 100.0)
}

/// Quantizes an entry point; or why it cannot be. Rows may depend on each other: both plans are given the same runs.
fn quantize(
    entry: &mut CompiledEntry,
    registry: &Registry,
    options: &QuantizeOptions,
) -> Result<Result<QuantizeReport, String>> {
    let is_pure = |id| entry.graph.node(id).is_none_or(|node| node.operator.is_pure());
    if !entry.graph.order()?.into_iter().all(is_pure) {
        return Ok(Err("an operator of it draws random numbers".into()));
    }
    let mut layers = layers::find(&entry.graph)?;
    if options.scheme == Scheme::Codebooks {
        layers.retain(|layer| codebooks::sizes(layer).is_some());
    }
    if layers.is_empty() {
        let what = match options.scheme {
            Scheme::Int8 => "product and no convolution with constant weights that is large enough",
            Scheme::Codebooks => "product with constant weights that is wide enough",
        };
        return Ok(Err(format!("it has no {what}")));
    }
    let [watched, measured] = options.calibration.halves()?;
    let (watched, measured) = (runs(entry, &watched, options)?, runs(entry, &measured, options)?);
    if watched.count == 0 || measured.count == 0 {
        return Ok(Err("its calibration data has no rows without NULL, or too few for a run".into()));
    }
    // Watching, each layer beside itself, the exact answers, all layers, each alone, and a search for the right number.
    let most = 6 + usize::BITS - layers.len().leading_zeros();
    let mut done = 0;
    let mut tell = || {
        options.observer.tell(QuantizeProgress { done, most });
        done += 1;
    };
    tell();
    let seen = ranges::watch(&entry.graph, &layers, &watched, registry)?;
    let quantized: Vec<Quantized> = match options.scheme {
        Scheme::Int8 => {
            let int8 = layers.iter().zip(&seen).map(|(layer, seen)| Ok(Quantized::Int8(Int8::new(layer, seen)?)));
            int8.collect::<Result<_>>()?
        }
        Scheme::Codebooks => {
            let rows = codebooks::rows(&entry.graph, &layers, &watched, registry)?;
            let sized = layers.iter().zip(&rows).filter_map(|(l, rows)| Some((l, codebooks::sizes(l)?, rows)));
            sized
                .map(|(l, sizes, rows)| Ok(Quantized::Codebooks(Codebooks::new(l, sizes, rows)?)))
                .collect::<Result<_>>()?
        }
    };
    tell();
    let candidates = Candidates { graph: &entry.graph, layers: &layers, quantized: &quantized, seen: &seen, registry };
    let errors = errors(candidates, &watched)?;
    tell();
    let exact = Runner::new(&entry.graph, registry)?.run_all(&measured)?;
    let measures = measures(entry);
    let search = Search { candidates, measures: &measures, rows: &measured, exact: &exact, errors: &errors };
    let found = match search.run(options.accuracy, &mut tell)? {
        Ok(found) => found,
        Err((layer, agreement)) => return Ok(Err(missed(agreement, &layers[layer], &measured, options))),
    };
    let reports = layers.iter().enumerate().map(|(i, layer)| LayerReport {
        name: layer.name.clone(),
        about: layer.about.clone(),
        weights: layer.weights.len() as u64,
        error: errors[i],
        loss: found.losses.as_ref().map(|losses| losses[i]),
        is_quantized: !found.back.contains(&i),
    });
    let report = QuantizeReport {
        scheme: options.scheme,
        agreement: found.agreement,
        asked: options.accuracy,
        rows: measured.count,
        layers: reports.collect(),
    };
    entry.graph = found.graph;
    Ok(Ok(report))
}

fn missed(agreement: f64, layer: &Layer, rows: &Rows, options: &QuantizeOptions) -> String {
    format!(
        "with layer '{}' alone in {} its answers agree by {agreement:.4} on {} rows, and {} is asked; --accuracy asks for less",
        layer.name, options.scheme, rows.count, options.accuracy
    )
}

/// An error over calibration data.
fn calibration(e: hologram_resolver::Error) -> hologram_resolver::Error {
    hologram_resolver::Error::new(e.kind(), format!("calibration data: {e}"))
}

/// The rows of batches as inputs of runs.
fn runs(entry: &CompiledEntry, batches: &[RecordBatch], options: &QuantizeOptions) -> Result<Rows> {
    let signature = Signature::try_from(&entry.point())?;
    let most = match usize::try_from(entry.rows.fixed).unwrap_or(0) {
        0 => {
            let elements = cost::elements_of_row(&entry.graph);
            elements.map_or(ROWS_OF_RUN_OPEN, |elements| cost::rows_of_run(Some(elements)).min(ROWS_OF_RUN_MAX))
                as usize
        }
        fixed => fixed,
    };
    let mut rows = Rows::default();
    for batch in batches {
        let schema = batch.schema();
        let binding = Binding::named(&signature, schema.fields(), &options.bind).map_err(calibration)?;
        let columns: Vec<_> = binding.columns().iter().map(|c| batch.column(*c).clone()).collect();
        for inputs in binding.runs(&columns, batch.num_rows(), most).map_err(calibration)? {
            let count = rows_of(&inputs);
            if count > 0 && (entry.rows.fixed == 0 || count == most as u64) {
                rows.count += count;
                rows.runs.push(inputs);
            }
        }
    }
    Ok(rows)
}

/// The rows of a run.
fn rows_of(inputs: &[Tensor]) -> u64 {
    inputs.first().and_then(|x| x.shape().first()).copied().unwrap_or(0) as u64
}

/// How each output is held against the exact one.
fn measures(entry: &CompiledEntry) -> Vec<Measure> {
    let measure = |(port, (_, value)): (&hologram_resolver::plan::PortData, &(String, _))| {
        let is_float = entry.graph.value(*value).fact.dtype().is_some_and(DType::is_float);
        let origin = ports::origin(&entry.graph, *value).map(|(_, node)| node.op.as_str());
        match origin {
            _ if !is_float => Measure::Equal,
            Some("Softmax" | "LogSoftmax") => Measure::Scores,
            _ if !port.labels.is_empty() => Measure::Scores,
            _ => Measure::Variance,
        }
    };
    entry.outputs.iter().zip(entry.graph.outputs()).map(measure).collect()
}

/// How much each layer errs by itself, on a few rows.
fn errors(candidates: Candidates<'_>, rows: &Rows) -> Result<Vec<f64>> {
    let runner = Runner::new(&candidates.beside()?, candidates.registry)?;
    let mut sums = vec![[0.0; 2]; candidates.layers.len()];
    let mut count = 0;
    for inputs in &rows.runs {
        for (sums, pair) in sums.iter_mut().zip(runner.run(inputs)?.chunks_exact(2)) {
            let [differences, squares] = agreement::error(&pair[0], &pair[1])?;
            sums[0] += differences;
            sums[1] += squares;
        }
        count += rows_of(inputs);
        if count >= ROWS_BESIDE {
            break;
        }
    }
    let error = |[differences, squares]: [f64; 2]| match differences {
        0.0 => 0.0,
        differences => (differences / squares).sqrt(),
    };
    Ok(sums.into_iter().map(error).collect())
}
