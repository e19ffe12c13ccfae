//! Operators that move elements of any fixed width and compute nothing.
//!
//! Where an output element comes from does not depend on the elements, so it is found once, when the shapes are fixed,
//! by letting the operator's own reference move an index tensor. Runs then copy.

use super::{Io, Kernel, Request};
use hologram_ops::{
    DType, Error, Inputs, Result, Tensor, Value,
    family::movement::{Concat, Expand, Gather, Slice, Split, Tile, Transpose},
    operator::axis_index,
};

/// The kernel for an operator that moves the elements of its first input.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let moves = request.op::<Transpose>().is_some()
        || request.op::<Slice>().is_some()
        || request.op::<Split>().is_some()
        || request.op::<Expand>().is_some()
        || request.op::<Tile>().is_some();
    if !moves || request.constants.iter().zip(request.inputs).skip(1).any(|(c, i)| i.is_some() && c.is_none()) {
        return None;
    }
    let data = request.inputs.first()?.as_ref()?;
    let count: usize = data.shape.iter().product();
    let index = Tensor::from_vec(data.shape.as_slice(), (0..i64::try_from(count).ok()?).collect()).ok()?;
    let mut given: Vec<Option<Value>> = request.constants.iter().map(|c| c.clone().map(Value::Tensor)).collect();
    given[0] = Some(index.into());
    let given: Vec<Option<&Value>> = given.iter().map(Option::as_ref).collect();
    let moved = request.op.evaluate(Inputs(&given)).ok()?;
    let mut outputs = Vec::with_capacity(request.outputs.len());
    for (value, layout) in moved.iter().zip(request.outputs) {
        let Some(layout) = layout else {
            outputs.push(Vec::new());
            continue;
        };
        let from = value.as_tensor().ok()?;
        if from.shape() != layout.shape {
            return None;
        }
        outputs.push(runs(from.as_slice::<i64>().ok()?)?);
    }
    Some(Box::new(Move { width: data.dtype.size(), outputs }))
}

/// Consecutive elements: where they start in the input, and how many there are.
type Run = (u32, u32);

fn runs(from: &[i64]) -> Option<Vec<Run>> {
    let mut found: Vec<Run> = Vec::new();
    for i in from {
        let i = u32::try_from(*i).ok()?;
        match found.last_mut() {
            Some((start, count)) if start.checked_add(*count) == Some(i) => *count += 1,
            _ => found.push((i, 1)),
        }
    }
    Some(found)
}

/// Copies runs of elements.
#[derive(Debug)]
struct Move {
    width: usize,
    outputs: Vec<Vec<Run>>,
}

impl Kernel for Move {
    fn name(&self) -> &'static str {
        "move"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let data = io.inputs.first().copied().flatten().ok_or_else(|| Error::invalid("input 0 is missing"))?.bytes()?;
        for (runs, output) in self.outputs.iter().zip(io.outputs.iter_mut()) {
            let Some(output) = output else { continue };
            match self.width {
                1 => copy::<1>(data, output.bytes, runs),
                2 => copy::<2>(data, output.bytes, runs),
                4 => copy::<4>(data, output.bytes, runs),
                _ => copy::<8>(data, output.bytes, runs),
            }
        }
        Ok(())
    }
}

fn copy<const WIDTH: usize>(data: &[u8], mut out: &mut [u8], runs: &[Run]) {
    let (elements, _) = data.as_chunks::<WIDTH>();
    for (start, count) in runs {
        let (start, bytes) = (*start as usize, *count as usize * WIDTH);
        let (now, rest) = std::mem::take(&mut out).split_at_mut(bytes);
        if bytes == WIDTH {
            now.copy_from_slice(&elements[start]);
        } else {
            now.copy_from_slice(&data[start * WIDTH..start * WIDTH + bytes]);
        }
        out = rest;
    }
}

/// The kernel for `Concat`.
pub(super) fn select_concat(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let concat = request.op::<Concat>()?;
    let out = request.outputs.first()?.as_ref()?;
    let axis = axis_index(concat.axis, out.shape.len()).ok()?;
    let outer = out.shape[..axis].iter().product();
    let parts = request
        .inputs
        .iter()
        .map(|i| Some(i.as_ref()?.bytes().checked_div(outer).unwrap_or(0)))
        .collect::<Option<Vec<_>>>()?;
    Some(Box::new(Join { outer, parts }))
}

/// Joins inputs: for each outer index, so many bytes of each.
#[derive(Debug)]
struct Join {
    outer: usize,
    parts: Vec<usize>,
}

impl Kernel for Join {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let Some(output) = io.outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let stride: usize = self.parts.iter().sum();
        if stride == 0 {
            return Ok(());
        }
        // Part by part, over so many outer indices that what is written stays in the nearest cache.
        let block = (JOINED_BYTES / stride).clamp(1, self.outer.max(1));
        for (first, out) in (0..).step_by(block).zip(output.bytes.chunks_mut(block * stride)) {
            let mut at = 0;
            for (bytes, input) in self.parts.iter().zip(io.inputs) {
                let data = input.map_or(Ok(&[][..]), |view| view.bytes())?;
                let data = &data[first * bytes..][..out.len() / stride * bytes];
                match bytes {
                    1 => place::<1>(data, out, stride, at),
                    2 => place::<2>(data, out, stride, at),
                    4 => place::<4>(data, out, stride, at),
                    8 => place::<8>(data, out, stride, at),
                    16 => place::<16>(data, out, stride, at),
                    0 => {}
                    _ => {
                        for (out, data) in out.chunks_exact_mut(stride).zip(data.chunks_exact(*bytes)) {
                            out[at..at + bytes].copy_from_slice(data);
                        }
                    }
                }
                at += bytes;
            }
        }
        Ok(())
    }
}

/// Bytes of a block that a join writes part by part.
const JOINED_BYTES: usize = 1 << 14;

/// Copies pieces of `N` bytes to the place `at` of each `stride` bytes.
fn place<const N: usize>(data: &[u8], out: &mut [u8], stride: usize, at: usize) {
    for (out, piece) in out.chunks_exact_mut(stride).zip(data.as_chunks::<N>().0) {
        out[at..at + N].copy_from_slice(piece);
    }
}

/// The kernel for `Gather`.
pub(super) fn select_gather(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let gather = request.op::<Gather>()?;
    let (data, indices) = (request.inputs.first()?.as_ref()?, request.inputs.get(1)?.as_ref()?);
    let axis = axis_index(gather.axis, data.shape.len()).ok()?;
    matches!(indices.dtype, DType::I64 | DType::I32).then_some(())?;
    let inner = data.shape[axis + 1..].iter().product::<usize>() * data.dtype.size();
    Some(Box::new(Take { outer: data.shape[..axis].iter().product(), extent: data.shape[axis], inner }))
}

/// Copies slices by index.
#[derive(Debug)]
struct Take {
    outer: usize,
    extent: usize,
    /// Bytes of a slice.
    inner: usize,
}

impl Take {
    fn take(&self, data: &[u8], indices: impl Iterator<Item = i64> + Clone, mut out: &mut [u8]) -> Result<()> {
        for o in 0..self.outer {
            let data = &data[o * self.extent * self.inner..][..self.extent * self.inner];
            let indices = indices.clone();
            let (now, rest) = std::mem::take(&mut out).split_at_mut(indices.clone().count() * self.inner);
            out = rest;
            match self.inner {
                0 => indices.map(|i| self.slice(i)).try_for_each(|slice| slice.map(drop))?,
                4 => self.fixed::<4>(data, indices, now)?,
                8 => self.fixed::<8>(data, indices, now)?,
                16 => self.fixed::<16>(data, indices, now)?,
                32 => self.fixed::<32>(data, indices, now)?,
                64 => self.fixed::<64>(data, indices, now)?,
                inner => {
                    for (out, i) in now.chunks_exact_mut(inner).zip(indices) {
                        out.copy_from_slice(&data[self.slice(i)? * inner..][..inner]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies slices of `N` bytes.
    fn fixed<const N: usize>(&self, data: &[u8], indices: impl Iterator<Item = i64>, out: &mut [u8]) -> Result<()> {
        let data = data.as_chunks::<N>().0;
        for (out, i) in out.as_chunks_mut::<N>().0.iter_mut().zip(indices) {
            *out = data[self.slice(i)?];
        }
        Ok(())
    }

    /// The slice that an index names.
    fn slice(&self, i: i64) -> Result<usize> {
        let at = if i < 0 { i + self.extent as i64 } else { i };
        let found = usize::try_from(at).ok().filter(|at| *at < self.extent);
        found.ok_or_else(|| Error::invalid(format!("input 1: index {i} is out of range for {} elements", self.extent)))
    }
}

impl Kernel for Take {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let [Some(data), Some(indices), ..] = io.inputs else { return Err(Error::invalid("an input is missing")) };
        let Some(output) = io.outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        if indices.dtype == DType::I64 {
            self.take(data.bytes()?, indices.as_slice::<i64>()?.iter().copied(), output.bytes)
        } else {
            self.take(data.bytes()?, indices.as_slice::<i32>()?.iter().map(|i| i64::from(*i)), output.bytes)
        }
    }
}
