//! Filling: the compiled plan is run over every row of a space, on all cores.

use super::{CompiledTable, FillProgress, Space, TableReport};
use crate::{Observer, Result};
use arrow_array::StringViewArray;
use hologram_ops::{DType, Error, Tensor, Value, control::Control};
use hologram_resolver::{ErrorKind, Session, table::Axis};
use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Entries that are computed again, at most.
const CHECKED_MAX: u64 = 1_000;

/// Rows of one run that computes entries again: another number than before, so that they lie among other rows.
const CHECKED_ROWS: usize = 7;

/// Computes all answers of a space; or why they are not kept.
pub(super) fn fill(
    session: &Session,
    space: Space,
    budget: u64,
    observer: &Observer<FillProgress>,
) -> Result<Result<CompiledTable, String>> {
    let Space { axes, lists, entries, rows_of_run } = space;
    let rows = Rows::new(session, &axes)?;
    let start = Instant::now();
    let first_rows = rows_of_run.min(entries);
    let first = match rows.answers(&(0..first_rows).collect::<Vec<_>>()) {
        Ok(first) => first,
        Err(e) => return Ok(Err(format!("a row of the space has no answer ({e})"))),
    };
    let width = first.iter().map(Tensor::byte_size).sum::<usize>() as u64;
    let bytes = u64::try_from(u128::from(width) * u128::from(entries) / u128::from(first_rows)).unwrap_or(u64::MAX);
    if bytes > budget {
        return Ok(Err(over(entries, bytes, budget)));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let seconds_estimated = start.elapsed().as_secs_f64() * ((entries - first_rows) as f64 / first_rows as f64) / cores;
    let promised = FillProgress { done: first_rows, entries, bytes, seconds_left: seconds_estimated };
    observer.tell(promised);
    let parts = match rest(&rows, promised, rows_of_run, observer) {
        Ok(parts) => parts,
        Err(e) => return Ok(Err(format!("a row of the space has no answer ({e})"))),
    };
    let mut answers = Vec::with_capacity(first.len());
    for (output, first) in first.iter().enumerate() {
        let all: Vec<&Tensor> = std::iter::once(first).chain(parts.iter().map(|part| &part[output])).collect();
        answers.push(concatenate(&all)?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let checked = check(&rows, &answers, entries)?;
    let bytes: u64 = answers.iter().map(|answer| answer.byte_size() as u64).sum();
    if bytes > budget {
        // Texts were longer than the first ones.
        return Ok(Err(over(entries, bytes, budget)));
    }
    let report = TableReport { entries, bytes, seconds_estimated, seconds, checked };
    Ok(Ok(CompiledTable { axes, lists, answers, report }))
}

fn over(entries: u64, bytes: u64, budget: u64) -> String {
    format!("its {entries} entries would take {bytes} bytes, and the budget has {budget}; --memory-budget gives more")
}

/// The answers of all entries that are not there yet, in parts, in order.
fn rest(
    rows: &Rows<'_>,
    promised: FillProgress,
    rows_of_run: u64,
    observer: &Observer<FillProgress>,
) -> hologram_resolver::Result<Vec<Vec<Tensor>>> {
    let FillProgress { done: first, entries, .. } = promised;
    let (next, done) = (AtomicU64::new(first), AtomicU64::new(first));
    let parts: Mutex<Vec<(u64, hologram_resolver::Result<Vec<Tensor>>)>> = Mutex::default();
    let start = Instant::now();
    let work = |tell: bool| {
        loop {
            let from = next.fetch_add(rows_of_run, Ordering::Relaxed);
            if from >= entries {
                return;
            }
            let to = entries.min(from + rows_of_run);
            let part = rows.answers(&(from..to).collect::<Vec<_>>());
            if part.is_err() {
                next.store(entries, Ordering::Relaxed);
            }
            parts.lock().unwrap_or_else(PoisonError::into_inner).push((from, part));
            let done = done.fetch_add(to - from, Ordering::Relaxed) + (to - from);
            if tell {
                let seconds = start.elapsed().as_secs_f64() / (done - first) as f64;
                observer.tell(FillProgress { done, seconds_left: seconds * (entries - done) as f64, ..promised });
            }
        }
    };
    let helpers = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    std::thread::scope(|scope| {
        (0..helpers).for_each(|_| drop(scope.spawn(|| work(false))));
        work(true);
    });
    let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
    parts.sort_by_key(|(from, _)| *from);
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Computes entries again that a seeded draw names; an error if one differs, which is a defect.
fn check(rows: &Rows<'_>, answers: &[Tensor], entries: u64) -> Result<u64> {
    let count = CHECKED_MAX.min(entries);
    let drawn: Vec<u64> = match entries <= CHECKED_MAX {
        // All of them, from the end.
        true => (0..entries).rev().collect(),
        false => (0..count).map(|i| split_mix(i) % entries).collect(),
    };
    for chunk in drawn.chunks(CHECKED_ROWS) {
        let again = rows.answers(chunk)?;
        for (answer, again) in answers.iter().zip(&again) {
            let picked = chunk.iter().map(|entry| slice(answer, *entry..*entry + 1)).collect::<Result<Vec<_>>>()?;
            if concatenate(&picked.iter().collect::<Vec<_>>())? != *again {
                let message = format!("the answers of entries {chunk:?} differ when they are computed again");
                return Err(hologram_resolver::Error::new(ErrorKind::Internal, message).into());
            }
        }
    }
    Ok(count)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the number at `index` of the sequence that starts at 0.
fn split_mix(index: u64) -> u64 {
    let mut x = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The rows of a space, as inputs of a session.
struct Rows<'a> {
    session: &'a Session,
    /// For each input its axes: how often the code changes, how many there are, and an element for each.
    inputs: Vec<Vec<(u64, u64, Tensor)>>,
}

impl<'a> Rows<'a> {
    fn new(session: &'a Session, axes: &[Axis]) -> Result<Self> {
        let ports = &session.signature().inputs;
        let mut inputs: Vec<Vec<(u64, u64, Tensor)>> = vec![Vec::new(); ports.len()];
        let mut stride = 1;
        for axis in axes.iter().rev() {
            let dtype = ports[axis.input].dtype().unwrap_or(DType::F32);
            let elements = axis.domain.representatives(dtype)?;
            let cardinality = axis.domain.cardinality() as u64;
            inputs[axis.input].push((stride, cardinality, elements));
            stride *= cardinality;
        }
        inputs.iter_mut().for_each(|axes| axes.reverse());
        Ok(Self { session, inputs })
    }

    /// The answers of some entries.
    fn answers(&self, entries: &[u64]) -> hologram_resolver::Result<Vec<Tensor>> {
        let mut given = Vec::with_capacity(self.inputs.len());
        for (port, axes) in self.session.signature().inputs.iter().zip(&self.inputs) {
            let mut shape = vec![entries.len()];
            if port.shape().is_some_and(|shape| shape.len() == 2) {
                shape.push(axes.len());
            }
            let codes = entries.iter().flat_map(|entry| {
                axes.iter().map(move |(stride, count, elements)| ((entry / stride % count) as usize, elements))
            });
            given.push(Value::Tensor(pick(port.dtype().unwrap_or(DType::F32), shape, codes)?));
        }
        let outputs = self.session.run_unzipped(given, &Control::default())?;
        let mut answers = Vec::with_capacity(outputs.len());
        for output in outputs {
            let tensor = output.into_tensor()?;
            if tensor.shape().first() != Some(&entries.len()) {
                return Err(Error::invalid(format!("{:?} for {} rows", tensor.shape(), entries.len())).into());
            }
            answers.push(tensor);
        }
        Ok(answers)
    }
}

/// Elements picked one by one.
fn pick<'t>(
    dtype: DType,
    shape: Vec<usize>,
    codes: impl Iterator<Item = (usize, &'t Tensor)>,
) -> hologram_ops::Result<Tensor> {
    if dtype == DType::String {
        let mut texts = Vec::new();
        for (code, elements) in codes {
            texts.push(elements.as_strings()?.value(code));
        }
        return Tensor::from_strings(shape, StringViewArray::from_iter_values(texts));
    }
    let size = dtype.size();
    let mut bytes = Vec::with_capacity(shape.iter().product::<usize>() * size);
    for (code, elements) in codes {
        bytes.extend_from_slice(&elements.buffer()?.as_slice()[code * size..][..size]);
    }
    Tensor::from_buffer(dtype, shape, bytes.into())
}

/// Some rows of a tensor.
fn slice(tensor: &Tensor, rows: Range<u64>) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let each: usize = shape[1..].iter().product();
    let (first, count) = (rows.start as usize * each, (rows.end - rows.start) as usize);
    shape[0] = count;
    if tensor.dtype() == DType::String {
        return Ok(Tensor::from_strings(shape, tensor.as_strings()?.slice(first, count * each))?);
    }
    let size = tensor.dtype().size();
    let bytes = tensor.buffer()?.slice_with_length(first * size, count * each * size);
    Ok(Tensor::from_buffer(tensor.dtype(), shape, bytes)?)
}

/// Tensors end to end along axis 0.
fn concatenate(parts: &[&Tensor]) -> Result<Tensor> {
    let first = parts.first().ok_or_else(|| Error::invalid("no part of a table"))?;
    let mut shape = first.shape().to_vec();
    shape[0] = parts.iter().map(|part| part.shape()[0]).sum();
    if parts.iter().any(|part| part.shape()[1..] != shape[1..]) {
        return Err(Error::invalid("the answers of some rows have another shape").into());
    }
    if first.dtype() == DType::String {
        let mut texts = Vec::new();
        for part in parts {
            texts.extend(part.as_strings()?.iter().flatten());
        }
        return Ok(Tensor::from_strings(shape, StringViewArray::from_iter_values(texts))?);
    }
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.byte_size()).sum());
    for part in parts {
        bytes.extend_from_slice(part.buffer()?.as_slice());
    }
    Ok(Tensor::from_buffer(first.dtype(), shape, bytes.into())?)
}
