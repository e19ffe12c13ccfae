//! Filling: the compiled plan is run over every row of a space, on all cores.

use super::{CompiledTable, FillProgress, Space, TableAnswers, TableReport};
use crate::{Observer, Result};
use arrow_array::StringViewArray;
use hologram_ops::{DType, Error, Tensor, control::Control};
use hologram_resolver::{
    ErrorKind, Session,
    table::{Axis, EntryRows},
};
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
    let drawn = drawn(entries);
    check(&rows, &answers, &drawn, &drawn)?;
    let checked = drawn.len() as u64;
    let bytes: u64 = answers.iter().map(|answer| answer.byte_size() as u64).sum();
    if bytes > budget {
        // Texts were longer than the first ones.
        return Ok(Err(over(entries, bytes, budget)));
    }
    let report = TableReport { entries, bytes, seconds_estimated, seconds, checked };
    Ok(Ok(CompiledTable { axes, lists, answers: TableAnswers::Filled(answers), report }))
}

/// A table of a space that rows fill when they ask for it, up to so many bytes; or why there is none. Some entries are
/// computed twice beforehand, among others each time.
pub(super) fn promise(session: &Session, space: Space, budget: u64) -> Result<Result<CompiledTable, String>> {
    let Space { axes, lists, entries, rows_of_run } = space;
    let rows = Rows::new(session, &axes)?;
    let start = Instant::now();
    let drawn = drawn(entries);
    let mut parts = Vec::new();
    for chunk in drawn.chunks(usize::try_from(rows_of_run).unwrap_or(usize::MAX)) {
        match rows.answers(chunk) {
            Ok(answers) => parts.push(answers),
            Err(e) => return Ok(Err(format!("a row of the space has no answer ({e})"))),
        }
    }
    let first: u64 = parts.iter().flatten().map(|answer| answer.byte_size() as u64).sum();
    let of_all = |some: f64| some * (entries as f64 / drawn.len() as f64);
    let seconds_estimated = of_all(start.elapsed().as_secs_f64());
    let mut answers = Vec::new();
    for output in 0..session.signature().outputs.len() {
        answers.push(concatenate(&parts.iter().map(|part| &part[output]).collect::<Vec<_>>())?);
    }
    let places: Vec<u64> = (0..drawn.len() as u64).collect();
    check(&rows, &answers, &drawn, &places)?;
    let report = TableReport {
        entries,
        bytes: of_all(first as f64) as u64,
        seconds_estimated,
        seconds: start.elapsed().as_secs_f64(),
        checked: drawn.len() as u64,
    };
    Ok(Ok(CompiledTable { axes, lists, answers: TableAnswers::OnDemand { bytes_max: budget }, report }))
}

fn over(entries: u64, bytes: u64, budget: u64) -> String {
    format!(
        "its {entries} entries would take {bytes} bytes, and the budget has {budget}; --memory-budget gives more, --fill-on-demand fills what rows ask for"
    )
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

/// The entries that are computed again: a seeded draw, or all of a few, from the end.
fn drawn(entries: u64) -> Vec<u64> {
    match entries <= CHECKED_MAX {
        true => (0..entries).rev().collect(),
        false => (0..CHECKED_MAX).map(|i| split_mix(i) % entries).collect(),
    }
}

/// Computes entries again whose answers lie at some places; an error if one differs, which is a defect.
fn check(rows: &Rows<'_>, answers: &[Tensor], entries: &[u64], places: &[u64]) -> Result<()> {
    for (chunk, places) in entries.chunks(CHECKED_ROWS).zip(places.chunks(CHECKED_ROWS)) {
        let again = rows.answers(chunk)?;
        for (answer, again) in answers.iter().zip(&again) {
            let picked = places.iter().map(|place| slice(answer, *place..*place + 1)).collect::<Result<Vec<_>>>()?;
            if concatenate(&picked.iter().collect::<Vec<_>>())? != *again {
                let message = format!("the answers of entries {chunk:?} differ when they are computed again");
                return Err(hologram_resolver::Error::new(ErrorKind::Internal, message).into());
            }
        }
    }
    Ok(())
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the number at `index` of the sequence that starts at 0.
fn split_mix(index: u64) -> u64 {
    let mut x = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The rows of a space, answered by a session.
struct Rows<'a> {
    session: &'a Session,
    rows: EntryRows,
}

impl<'a> Rows<'a> {
    fn new(session: &'a Session, axes: &[Axis]) -> Result<Self> {
        Ok(Self { session, rows: EntryRows::new(axes, session.signature())? })
    }

    /// The answers of some entries.
    fn answers(&self, entries: &[u64]) -> hologram_resolver::Result<Vec<Tensor>> {
        let outputs = self.session.run_unzipped(self.rows.inputs(entries)?, &Control::default())?;
        let mut answers = Vec::with_capacity(outputs.len());
        for output in outputs {
            let tensor = output.into_tensor()?;
            if tensor.shape().first() != Some(&entries.len()) {
                return Err(Error::invalid(format!("{:?} for {} rows", tensor.shape(), entries.len())).into());
            }
            // What the table keeps is each entry's own text, whose bytes are counted.
            answers.push(match tensor.coded() {
                Some(_) => Tensor::from_strings(tensor.shape(), tensor.as_strings()?.clone())?,
                None => tensor,
            });
        }
        Ok(answers)
    }
}

/// Some rows of a tensor.
fn slice(tensor: &Tensor, rows: Range<u64>) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let each: usize = shape[1..].iter().product();
    let (first, count) = (rows.start as usize * each, (rows.end - rows.start) as usize);
    shape[0] = count;
    Ok(tensor.part(first, count * each)?.reshape(shape)?)
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
