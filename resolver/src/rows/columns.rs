//! From the columns of a batch to tensors: NULL rows left out, each input ready to be cut into runs.

use super::{
    bind::{Bound, BoundColumn, BoundPort, NullRule, Source, fit, port_text},
    cast::is_same_column,
};
use crate::{Error, Result};
use arrow_array::{
    Array, ArrayRef, BooleanArray, OffsetSizeTrait, StringViewArray,
    cast::{AsArray, as_generic_list_array},
};
use arrow_buffer::{ArrowNativeType, Buffer, MutableBuffer, NullBuffer};
use arrow_schema::DataType;
use hologram_ops::{DType, Tensor};
use std::{collections::HashMap, ops::Range};

/// A batch that is ready to be cut into runs.
pub(super) struct Batch {
    /// The batch's rows that are run; `None` when all are.
    pub(super) kept: Option<Vec<usize>>,
    /// The number of rows that are run.
    pub(super) rows: usize,
    ports: Vec<PortRows>,
}

/// The rows of one input.
pub(super) struct PortRows {
    dtype: DType,
    pub(super) parts: Parts,
}

/// How the elements of an input lie.
pub(super) enum Parts {
    /// One tensor `[rows]` for each column.
    Columns { columns: Vec<Tensor>, inner: Vec<usize> },
    /// Rows of one shape end to end.
    Uniform { flat: Tensor, inner: Vec<usize> },
    /// Rows of several shapes end to end.
    Ragged { flat: Tensor, starts: Vec<usize>, shapes: Vec<Vec<usize>> },
}

/// Rows of one run.
#[derive(Debug, Clone)]
pub(super) enum Pick<'a> {
    /// Neighbours.
    Range(Range<usize>),
    /// Any, possibly repeated.
    Rows(&'a [usize]),
}

impl Pick<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Range(r) => r.len(),
            Self::Rows(list) => list.len(),
        }
    }

    pub(super) fn rows(&self) -> Vec<usize> {
        match self {
            Self::Range(r) => r.clone().collect(),
            Self::Rows(list) => list.to_vec(),
        }
    }
}

impl Batch {
    /// Casts and filters the arrays of the used columns, which were checked.
    pub(super) fn new(bound: &Bound, arrays: &[ArrayRef], rows: usize) -> Result<Self> {
        let mut cast: Vec<Vec<ArrayRef>> = Vec::with_capacity(bound.ports.len());
        let mut valid: Option<NullBuffer> = None;
        for port in &bound.ports {
            let mut list = Vec::new();
            match &port.source {
                Source::Scalars(columns) => {
                    for column in columns {
                        let Some(slot) = column.slot else {
                            list.push(column.convert.zeros(rows)?);
                            continue;
                        };
                        let place =
                            |e: Error| Error::invalid(format!("input '{}', column '{}': {e}", port.name, column.name));
                        let array = column.convert.array(&arrays[slot]).map_err(place)?;
                        if column.nulls != NullRule::Missing {
                            refuse_or_mark(port, column, array.logical_nulls(), &mut valid)?;
                        }
                        list.push(array);
                    }
                }
                Source::List(column) => {
                    let array = column.slot.and_then(|slot| arrays.get(slot)).cloned();
                    let array = array.ok_or_else(|| Error::invalid(format!("input '{}' has no column", port.name)))?;
                    let nulls = list_nulls(&array, column.nulls != NullRule::Missing);
                    refuse_or_mark(port, column, nulls, &mut valid)?;
                    list.push(array);
                }
            }
            cast.push(list);
        }
        let kept: Option<Vec<usize>> =
            valid.as_ref().filter(|v| v.null_count() > 0).map(|v| v.valid_indices().collect());
        if let (Some(_), Some(valid)) = (&kept, &valid) {
            let mask = BooleanArray::new(valid.inner().clone(), None);
            for array in cast.iter_mut().flatten() {
                *array = arrow_select::filter::filter(array, &mask)?;
            }
        }
        let ports =
            bound.ports.iter().zip(&cast).map(|(p, c)| PortRows::new(p, c, kept.as_deref())).collect::<Result<_>>()?;
        let rows = kept.as_ref().map_or(rows, Vec::len);
        Ok(Self { kept, rows, ports })
    }

    /// The inputs' rows.
    pub(super) fn ports(&self) -> &[PortRows] {
        &self.ports
    }

    /// The rows by the shape they have, in order of first appearance; `None` when all have one shape.
    pub(super) fn groups(&self) -> Option<Vec<Vec<usize>>> {
        let ragged: Vec<&Vec<Vec<usize>>> = self
            .ports
            .iter()
            .filter_map(|p| match &p.parts {
                Parts::Ragged { shapes, .. } => Some(shapes),
                _ => None,
            })
            .collect();
        if ragged.is_empty() {
            return None;
        }
        let mut numbers: HashMap<Vec<&[usize]>, usize> = HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for row in 0..self.rows {
            let key: Vec<&[usize]> = ragged.iter().map(|shapes| shapes[row].as_slice()).collect();
            let number = *numbers.entry(key).or_insert(groups.len());
            if number == groups.len() {
                groups.push(Vec::new());
            }
            groups[number].push(row);
        }
        Some(groups)
    }

    /// The inputs of a run of these rows, which must be of one shape.
    pub(super) fn inputs(&self, pick: &Pick<'_>) -> Result<Vec<Tensor>> {
        self.ports.iter().map(|p| p.tensor(pick)).collect()
    }
}

/// The batch against what was bound: anything may come from outside.
pub(super) fn check(bound: &Bound, arrays: &[ArrayRef], rows: usize) -> Result<()> {
    if arrays.len() != bound.given.len() {
        return Err(Error::invalid(format!(
            "{} arrays are given, the binding uses {} columns",
            arrays.len(),
            bound.given.len()
        )));
    }
    for (array, (name, ty)) in arrays.iter().zip(&bound.given) {
        if !is_same_column(ty, array.data_type()) {
            return Err(Error::invalid(format!("column '{name}' was bound as {ty} and is {}", array.data_type())));
        }
        if array.len() != rows {
            return Err(Error::invalid(format!("column '{name}' has {} rows, the batch has {rows}", array.len())));
        }
    }
    Ok(())
}

fn refuse_or_mark(
    port: &BoundPort,
    column: &BoundColumn,
    nulls: Option<NullBuffer>,
    valid: &mut Option<NullBuffer>,
) -> Result<()> {
    let Some(nulls) = nulls.filter(|n| n.null_count() > 0) else { return Ok(()) };
    if column.nulls == NullRule::Error {
        let row = nulls.iter().position(|v| !v).unwrap_or(0);
        return Err(Error::invalid(format!("column '{}' of input '{}' is NULL in row {row}", column.name, port.name)));
    }
    *valid = NullBuffer::union(valid.as_ref(), Some(&nulls));
    Ok(())
}

/// Which rows of a list column are free of NULL: the list itself, lists inside it and, if asked, their elements.
fn list_nulls(array: &ArrayRef, elements: bool) -> Option<NullBuffer> {
    let inner = |values: &ArrayRef, range: &dyn Fn(usize) -> Range<usize>| {
        let child = list_nulls(values, elements).filter(|n| n.null_count() > 0)?;
        Some((0..array.len()).map(|row| range(row).all(|i| child.is_valid(i))).collect::<NullBuffer>())
    };
    let below = match array.data_type() {
        DataType::FixedSizeList(_, _) => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(list.value_length()).unwrap_or(0);
            inner(list.values(), &|row| row * size..(row + 1) * size)
        }
        DataType::List(_) => inner(array.as_list::<i32>().values(), &|row| offsets::<i32>(array, row)),
        DataType::LargeList(_) => inner(array.as_list::<i64>().values(), &|row| offsets::<i64>(array, row)),
        _ if elements => return array.logical_nulls(),
        _ => return None,
    };
    NullBuffer::union(array.nulls(), below.as_ref())
}

/// Where a row of a list array lies in its values.
fn offsets<O: OffsetSizeTrait>(array: &ArrayRef, row: usize) -> Range<usize> {
    let offsets = as_generic_list_array::<O>(array).value_offsets();
    offsets[row].as_usize()..offsets[row + 1].as_usize()
}

impl PortRows {
    fn new(port: &BoundPort, arrays: &[ArrayRef], kept: Option<&[usize]>) -> Result<Self> {
        let parts = match &port.source {
            Source::Scalars(columns) => {
                let tensors =
                    columns.iter().zip(arrays).map(|(c, a)| c.convert.elements(a)).collect::<Result<Vec<_>>>()?;
                let inner = if port.dims.is_empty() { Vec::new() } else { vec![tensors.len()] };
                Parts::Columns { columns: tensors, inner }
            }
            Source::List(column) => list_parts(port, column, &arrays[0], kept)?,
        };
        Ok(Self { dtype: port.dtype, parts })
    }

    fn tensor(&self, pick: &Pick<'_>) -> Result<Tensor> {
        let shape =
            |inner: &[usize]| -> Vec<usize> { std::iter::once(pick.len()).chain(inner.iter().copied()).collect() };
        match &self.parts {
            Parts::Columns { columns, inner } => match columns.as_slice() {
                [one] => Ok(rows_of(one, 1, pick)?.reshape(shape(inner))?),
                [] => Ok(Tensor::zeros(self.dtype, shape(inner))?),
                many => {
                    let picked = many.iter().map(|column| rows_of(column, 1, pick)).collect::<Result<_>>()?;
                    Ok(Tensor::from_columns(picked)?)
                }
            },
            Parts::Uniform { flat, inner } => Ok(rows_of(flat, inner.iter().product(), pick)?.reshape(shape(inner))?),
            Parts::Ragged { flat, starts, shapes } => {
                let rows: Vec<usize> = match pick {
                    Pick::Range(r) => r.clone().collect(),
                    Pick::Rows(list) => list.to_vec(),
                };
                let inner = rows.first().map_or(&[][..], |r| shapes[*r].as_slice());
                let each = inner.iter().product::<usize>();
                Ok(segments(flat, rows.iter().map(|r| starts[*r]), each, rows.len())?.reshape(shape(inner))?)
            }
        }
    }
}

/// Picked rows of `each` elements. Neighbours are not copied.
fn rows_of(flat: &Tensor, each: usize, pick: &Pick<'_>) -> Result<Tensor> {
    match pick {
        Pick::Range(r) => Ok(flat.part(r.start * each, r.len() * each)?),
        Pick::Rows(list) => segments(flat, list.iter().map(|r| r * each), each, list.len()),
    }
}

/// Segments of `each` elements end to end.
fn segments(flat: &Tensor, starts: impl Iterator<Item = usize>, each: usize, count: usize) -> Result<Tensor> {
    if let Some((codes, texts)) = flat.coded() {
        let picked: Vec<u32> = starts.flat_map(|s| &codes[s..s + each]).copied().collect();
        return Ok(Tensor::from_codes([count * each], picked.into(), texts.clone())?);
    }
    if flat.dtype() == DType::String {
        let strings = flat.as_strings()?;
        let picked = starts.flat_map(|s| s..s + each).map(|i| strings.value(i));
        return Ok(Tensor::from_strings([count * each], StringViewArray::from_iter_values(picked))?);
    }
    let size = flat.dtype().size();
    let bytes = flat.buffer()?.as_slice();
    let mut out = MutableBuffer::with_capacity(count * each * size);
    for start in starts {
        out.extend_from_slice(&bytes[start * size..(start + each) * size]);
    }
    Ok(Tensor::from_buffer(flat.dtype(), [count * each], Buffer::from(out))?)
}

/// The rows of a list column without NULL rows.
fn list_parts(port: &BoundPort, column: &BoundColumn, array: &ArrayRef, kept: Option<&[usize]>) -> Result<Parts> {
    let rows = array.len();
    let original = |row: usize| kept.map_or(row, |k| k.get(row).copied().unwrap_or(row));
    let mut at = array.clone();
    // While every row has the same shape, it is enough to know that shape.
    let mut same: Vec<usize> = Vec::new();
    while let DataType::FixedSizeList(_, n) = at.data_type() {
        same.push(usize::try_from(*n).unwrap_or(0));
        at = at.as_fixed_size_list().values().clone();
    }
    let each = same.iter().product::<usize>();
    let mut bounds: Vec<usize> = (0..=rows).map(|r| r * each).collect();
    let mut shapes: Vec<Vec<usize>> = vec![same; rows];
    loop {
        let lengths: Box<dyn Fn(usize) -> Range<usize>> = match at.data_type() {
            DataType::FixedSizeList(_, n) => {
                let n = usize::try_from(*n).unwrap_or(0);
                Box::new(move |i| i * n..(i + 1) * n)
            }
            DataType::List(_) => {
                let offsets = at.as_list::<i32>().offsets().clone();
                Box::new(move |i| offsets[i].as_usize()..offsets[i + 1].as_usize())
            }
            DataType::LargeList(_) => {
                let offsets = at.as_list::<i64>().offsets().clone();
                Box::new(move |i| offsets[i].as_usize()..offsets[i + 1].as_usize())
            }
            _ => break,
        };
        for (row, shape) in shapes.iter_mut().enumerate() {
            let mut inside = (bounds[row]..bounds[row + 1]).map(|i| lengths(i).len());
            let length = inside.next().unwrap_or(0);
            if let Some(other) = inside.find(|l| *l != length) {
                return Err(Error::invalid(format!(
                    "column '{}', row {}: lists of {length} and of {other} in one row make no tensor",
                    column.name,
                    original(row)
                )));
            }
            shape.push(length);
        }
        // A bound is where its item begins; the last one is where the last item ends.
        let end = |i: usize| if i == 0 { 0 } else { lengths(i - 1).end };
        let items = at.len();
        for bound in &mut bounds {
            *bound = if *bound < items { lengths(*bound).start } else { end(items) };
        }
        at = match at.data_type() {
            DataType::FixedSizeList(_, _) => at.as_fixed_size_list().values().clone(),
            DataType::List(_) => at.as_list::<i32>().values().clone(),
            _ => at.as_list::<i64>().values().clone(),
        };
    }
    for (row, shape) in shapes.iter_mut().enumerate() {
        *shape = fit(shape, &port.dims).ok_or_else(|| {
            Error::invalid(format!(
                "input '{}' takes {}, and column '{}' has {shape:?} in row {}",
                port.name,
                port_text(port),
                column.name,
                original(row)
            ))
        })?;
    }
    let (first, last) = (bounds.first().copied().unwrap_or(0), bounds.last().copied().unwrap_or(0));
    let leaf = at.slice(first, last - first);
    let place = |e: Error| Error::invalid(format!("input '{}', column '{}': {e}", port.name, column.name));
    let flat = column.convert.array(&leaf).and_then(|a| column.convert.elements(&a)).map_err(place)?;
    if shapes.windows(2).all(|w| w[0] == w[1]) {
        return Ok(Parts::Uniform { flat, inner: shapes.into_iter().next().unwrap_or_default() });
    }
    let starts = bounds.iter().take(rows).map(|b| b - first).collect();
    Ok(Parts::Ragged { flat, starts, shapes })
}
