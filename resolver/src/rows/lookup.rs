//! From the columns of a batch to entries of a table, and from there to answers.
//!
//! Each column adds its code times its stride to the row's entry. Where a column's values are few (a dictionary, small
//! integers) that product is looked up by the value's key; that of a text is found once a batch; elsewhere the column
//! becomes elements as for a run, and the domain gives their codes. All ways go through the binding's own conversion, so
//! that a row is answered from a table with what a run would have seen. Rows that have no entry are marked.

use super::{
    bind::{Bound, BoundColumn, NullRule, Source},
    gather::{gather, gather_parts},
    texts::texts,
};
use crate::{
    Result,
    table::{Domain, ENTRIES_MAX, Table},
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, PrimitiveArray, cast::AsArray, new_null_array,
    types::*,
};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;
use hologram_backends::cpu::{add_listed, vectorized};
use hologram_ops::{DType, Tensor, Value};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The step of a value without a code. Its row is noted besides: the sum of such a row means nothing.
const NONE: u32 = ENTRIES_MAX as u32;

/// Integers between the least and greatest value of a domain that are looked up by key.
const SPAN_MAX: usize = 1 << 16;

/// A binding's way into a table.
#[derive(Debug)]
pub(super) struct Lookup {
    table: Arc<Table>,
    axes: Vec<AxisColumn>,
    /// The answer of each entry, where the table was filled beforehand.
    answers: Option<ArrayRef>,
    has_told: AtomicBool,
}

/// A column of a table's axis.
#[derive(Debug)]
struct AxisColumn {
    port: usize,
    /// The column's place among those of its input.
    place: usize,
    stride: u32,
    how: How,
}

/// The last dictionary's values with their steps, and whether these are even.
type Kept = Option<(ArrayRef, Arc<[u32]>, Option<Even>)>;

/// How a column's values become codes.
#[derive(Debug)]
enum How {
    /// They make no difference.
    Not,
    /// By a list over the integers from `least` on; what lies outside is as the nearest of them.
    Keys { least: i64, steps: Vec<u32>, even: Option<Even> },
    /// By a list over a dictionary's values, kept for the batches that share them.
    Dictionary(Mutex<Kept>),
    /// By bounds, as they are.
    Bounds,
    /// As elements.
    Elements,
}

/// Integers whose steps are even: the step of `first + i` is `step + i * stride`.
#[derive(Debug, Clone, Copy)]
struct Even {
    first: i64,
    count: u32,
    step: u32,
    stride: u32,
}

/// The entries of a batch's rows.
pub(super) struct Entries {
    entries: Vec<u32>,
    /// Rows that have none.
    pub(super) missed: Vec<usize>,
}

impl Entries {
    /// The entry of each row; any number for a row that has none.
    pub(super) fn entries(&self) -> &[u32] {
        &self.entries
    }

    /// The answers of these rows where all have entries, from the answer of each.
    pub(super) fn answers(&self, whole: &ArrayRef) -> Result<ArrayRef> {
        gather(whole, &self.entries)
    }

    /// As above, where those of the rows without an entry are given.
    pub(super) fn answers_with(&self, whole: &ArrayRef, computed: ArrayRef) -> Result<ArrayRef> {
        let mut places: Vec<(u32, u32)> = self.entries.iter().map(|entry| (0, *entry)).collect();
        for (i, row) in (0..).zip(&self.missed) {
            places[*row] = (1, i);
        }
        gather_parts(&[whole.clone(), computed], &places)
    }
}

impl Lookup {
    /// The way of a binding into its plan's table; `None` where a row's elements lie in lists.
    pub(super) fn new(bound: &Bound, table: &Arc<Table>) -> Result<Option<Self>> {
        let mut axes = Vec::with_capacity(table.axes().len());
        for (i, axis) in table.axes().iter().enumerate() {
            let Source::Scalars(columns) = &bound.ports[axis.input].source else { return Ok(None) };
            let Some(column) = columns.get(axis.feature) else { return Ok(None) };
            // The product of all cardinalities is below 2^31, and this is a part of it.
            let stride = table.stride(i) as u32;
            let how = match column.slot {
                // No answer depends on it: whatever its value is, the first of the domain stands for it.
                None => How::Not,
                Some(slot) => {
                    let ty = &bound.given[slot].1;
                    How::new(&axis.domain, column, ty, stride, bound.ports[axis.input].dtype)?
                }
            };
            axes.push(AxisColumn { port: axis.input, place: axis.feature, stride, how });
        }
        let array = |answers: &[Tensor]| {
            let values: Vec<Value> = answers.iter().cloned().map(Value::Tensor).collect();
            bound.answer.array(&values, table.entries())
        };
        let answers = table.answers().map(array).transpose()?;
        Ok(Some(Self { table: table.clone(), axes, answers, has_told: AtomicBool::new(false) }))
    }

    /// The table.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// The answer of each entry, where all are there.
    pub(super) fn entry_answers(&self) -> Option<&ArrayRef> {
        self.answers.as_ref().or_else(|| self.table.blocks()?.whole())
    }

    /// The entries of the rows of a batch.
    ///
    /// # Errors
    /// Values that do not cast.
    pub(super) fn entries(&self, bound: &Bound, arrays: &[ArrayRef], rows: usize) -> Result<Entries> {
        let mut found = Sums { entries: vec![0; rows], outside: None };
        for (column, axis) in self.axes.iter().zip(self.table.axes()) {
            let Source::Scalars(columns) = &bound.ports[column.port].source else { continue };
            let bound = &columns[column.place];
            if let Some(slot) = bound.slot {
                column.add(&axis.domain, bound, &arrays[slot], &mut found)?;
            }
        }
        let missed = found.outside.map_or_else(Vec::new, |outside| (0..rows).filter(|row| outside[*row]).collect());
        Ok(Entries { entries: found.entries, missed })
    }

    /// Says once that rows had no entry.
    pub(super) fn tell(&self, model: &str, missed: usize) {
        if !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "model '{model}': {missed} rows have values outside of its table and are computed; later ones are counted only"
            );
        }
    }
}

impl How {
    fn new(domain: &Domain, column: &BoundColumn, ty: &DataType, stride: u32, dtype: DType) -> Result<Self> {
        if matches!(domain, Domain::Any) {
            return Ok(Self::Not);
        }
        Ok(match ty {
            // Texts may come behind a dictionary however they were bound.
            ty if ty.is_string() || matches!(ty, DataType::Dictionary(_, _)) => Self::Dictionary(Mutex::new(None)),
            DataType::Boolean => Self::keys::<Int8Type>(domain, column, stride, 0, 1, |array| {
                let bits: BooleanArray = array.values().iter().map(|x| Some(*x != 0)).collect();
                Arc::new(bits)
            })?,
            DataType::Int8 => Self::keys::<Int8Type>(domain, column, stride, -128, 127, |a| Arc::new(a))?,
            DataType::UInt8 => Self::keys::<UInt8Type>(domain, column, stride, 0, 255, |a| Arc::new(a))?,
            DataType::Int16 => Self::span::<Int16Type>(domain, column, stride),
            DataType::UInt16 => Self::span::<UInt16Type>(domain, column, stride),
            DataType::Int32 => Self::span::<Int32Type>(domain, column, stride),
            DataType::UInt32 => Self::span::<UInt32Type>(domain, column, stride),
            DataType::Int64 => Self::span::<Int64Type>(domain, column, stride),
            DataType::UInt64 => Self::span::<UInt64Type>(domain, column, stride),
            DataType::Float32 if dtype == DType::F32 && domain.as_bounds().is_some() => Self::Bounds,
            DataType::Float64 if dtype == DType::F64 && domain.as_bounds().is_some() => Self::Bounds,
            _ => Self::Elements,
        })
    }

    /// A list over all integers from `least` to `greatest`, made into an array of the column's type.
    fn keys<T: ArrowPrimitiveType>(
        domain: &Domain,
        column: &BoundColumn,
        stride: u32,
        least: i64,
        greatest: i64,
        array: impl Fn(PrimitiveArray<T>) -> ArrayRef,
    ) -> Result<Self>
    where
        T::Native: TryFrom<i64>,
    {
        let values = (least..=greatest).filter_map(|x| T::Native::try_from(x).ok());
        let array = array(PrimitiveArray::from_iter_values(values));
        // What does not convert is an error of the row that has it, not of the column.
        match steps(domain, column, &array, stride) {
            Ok(steps) => Ok(Self::Keys { least, even: Even::of(least, &steps, stride), steps }),
            Err(_) => Ok(Self::Elements),
        }
    }

    /// A list over the integers around the domain's numbers, where they are few.
    ///
    /// One more integer on each side stands for everything beyond. Conversion keeps the order of numbers, though it may
    /// round: where the outer integers lie beyond all of the domain's numbers once they are converted, so do the others, and
    /// where they do not there is no list.
    fn span<T: ArrowPrimitiveType>(domain: &Domain, column: &BoundColumn, stride: u32) -> Self
    where
        T::Native: TryFrom<i64>,
    {
        let Some((least, greatest)) = numbers(domain, column) else { return Self::Elements };
        let (least, greatest) = (least.floor() - 1.0, greatest.ceil() + 1.0);
        // Integers of this size are exact in f64, and so is their number.
        if !(least > -9e15 && greatest < 9e15 && greatest - least < SPAN_MAX as f64) {
            return Self::Elements;
        }
        let (mut least, mut greatest) = (least as i64, greatest as i64);
        let (outer_least, outer_greatest) = (least, greatest);
        while least < greatest && T::Native::try_from(least).is_err() {
            least += 1;
        }
        while greatest > least && T::Native::try_from(greatest).is_err() {
            greatest -= 1;
        }
        if T::Native::try_from(least).is_err() {
            return Self::Elements;
        }
        let Ok(Self::Keys { least, steps, even }) =
            Self::keys::<T>(domain, column, stride, least, greatest, |a| Arc::new(a))
        else {
            return Self::Elements;
        };
        // Where the type ends there is nothing beyond.
        let (below, above) = match domain.as_bounds() {
            Some((bounds, _)) => (0, bounds.len() as u32 * stride),
            None => (NONE, NONE),
        };
        let is_low = least > outer_least || steps.first() == Some(&below);
        let is_high = greatest < outer_greatest || steps.last() == Some(&above);
        if is_low && is_high { Self::Keys { least, steps, even } } else { Self::Elements }
    }
}

/// The least and greatest number of a domain whose column is not coded by categories.
fn numbers(domain: &Domain, column: &BoundColumn) -> Option<(f64, f64)> {
    if column.convert.is_coded() {
        return None;
    }
    fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
        values.filter(|x| !x.is_nan()).fold(None, |ends: Option<(f64, f64)>, x| {
            let (least, greatest) = ends.unwrap_or((x, x));
            Some((least.min(x), greatest.max(x)))
        })
    }
    if let Some((bounds, _)) = domain.as_bounds() {
        return ends(bounds.iter().copied());
    }
    let values = domain.as_values()?;
    match values.dtype() {
        DType::F32 => ends(values.as_slice::<f32>().ok()?.iter().map(|x| f64::from(*x))),
        DType::F64 => ends(values.as_slice::<f64>().ok()?.iter().copied()),
        DType::I64 => ends(values.as_slice::<i64>().ok()?.iter().map(|x| *x as f64)),
        DType::I32 => ends(values.as_slice::<i32>().ok()?.iter().map(|x| f64::from(*x))),
        DType::I16 => ends(values.as_slice::<i16>().ok()?.iter().map(|x| f64::from(*x))),
        DType::U32 => ends(values.as_slice::<u32>().ok()?.iter().map(|x| f64::from(*x))),
        DType::U16 => ends(values.as_slice::<u16>().ok()?.iter().map(|x| f64::from(*x))),
        _ => None,
    }
}

/// What each value of a column adds to an entry.
fn steps(domain: &Domain, column: &BoundColumn, values: &ArrayRef, stride: u32) -> Result<Vec<u32>> {
    let converted = column.convert.array(values)?;
    let elements: Tensor = column.convert.elements(&converted)?;
    let mut steps = Vec::with_capacity(values.len());
    // The product is below the number of entries.
    domain.each_code(&elements, |code| steps.push(code.map_or(NONE, |code| code * stride)))?;
    if column.nulls != NullRule::Missing
        && let Some(nulls) = converted.logical_nulls().filter(|n| n.null_count() > 0)
    {
        // What NULL means is for a run to say.
        steps.iter_mut().zip(nulls.iter()).filter(|(_, valid)| !valid).for_each(|(step, _)| *step = NONE);
    }
    Ok(steps)
}

impl Even {
    /// The integers of a list that have entries, where their steps are even.
    fn of(least: i64, steps: &[u32], stride: u32) -> Option<Self> {
        let first = steps.iter().position(|step| step & NONE == 0)?;
        let count = steps[first..].iter().take_while(|step| *step & NONE == 0).count();
        let (step, inside) = (steps[first], &steps[first..first + count]);
        let is_even =
            (0..).zip(inside).all(|(i, s)| Some(*s) == stride.checked_mul(i).and_then(|n| n.checked_add(step)));
        is_even.then_some(Self { first: least + first as i64, count: count as u32, step, stride })
    }

    /// Adds the steps of a column whose integers are all among these; does nothing where one is not.
    fn add_all(&self, array: &dyn Array, entries: &mut [u32]) -> bool {
        let first = self.first;
        match array.data_type() {
            DataType::Int8 => self.add_small::<Int8Type>(array, entries),
            DataType::UInt8 => self.add_small::<UInt8Type>(array, entries),
            DataType::Int16 => self.add_small::<Int16Type>(array, entries),
            DataType::UInt16 => self.add_small::<UInt16Type>(array, entries),
            DataType::Int32 => {
                let values = array.as_primitive::<Int32Type>().values();
                i32::try_from(first)
                    .is_ok_and(|first| self.add_each(values, move |x| x.wrapping_sub(first) as u32, entries))
            }
            DataType::UInt32 => {
                let values = array.as_primitive::<UInt32Type>().values();
                u32::try_from(first).is_ok_and(|first| self.add_each(values, move |x| x.wrapping_sub(first), entries))
            }
            DataType::Int64 => {
                let place = move |x: i64| x.wrapping_sub(first) as u64;
                self.add_each(array.as_primitive::<Int64Type>().values(), place, entries)
            }
            DataType::UInt64 => {
                let place = move |x: u64| x.wrapping_sub(first as u64);
                self.add_each(array.as_primitive::<UInt64Type>().values(), place, entries)
            }
            _ => false,
        }
    }

    /// As above, for integers that fit 32 bits, as does what lies between two of them.
    fn add_small<T: ArrowPrimitiveType<Native: Into<i32>>>(&self, array: &dyn Array, entries: &mut [u32]) -> bool {
        let first = self.first as i32;
        let place = move |x: T::Native| x.into().wrapping_sub(first) as u32;
        self.add_each(array.as_primitive::<T>().values(), place, entries)
    }

    /// As above, by the place of each integer among these. The passes are loops without branches.
    #[inline(always)]
    fn add_each<T: Copy, P: PartialOrd + Copy + From<u32> + Into<u64>>(
        &self,
        values: &[T],
        place: impl Fn(T) -> P,
        entries: &mut [u32],
    ) -> bool {
        let Self { count, step, stride, .. } = *self;
        vectorized(
            #[inline(always)]
            move || {
                // Everything by value: what is read through a reference is read again after each entry that is written.
                let (count, step, stride, place) = (P::from(count), step, stride, place);
                let added = |x: T| (place(x).into() as u32).wrapping_mul(stride).wrapping_add(step);
                let mut outside = false;
                for (entry, x) in entries.iter_mut().zip(values) {
                    outside |= place(*x) >= count;
                    *entry = entry.wrapping_add(added(*x));
                }
                if outside {
                    entries.iter_mut().zip(values).for_each(|(entry, x)| *entry = entry.wrapping_sub(added(*x)));
                }
                !outside
            },
        )
    }
}

/// The entries of rows as far as their columns were added.
struct Sums {
    entries: Vec<u32>,
    /// Rows that have none, once there are some; the sum of such a row means nothing.
    outside: Option<Vec<bool>>,
}

impl Sums {
    /// Adds a step to each row.
    #[inline(always)]
    fn add(&mut self, steps: impl Iterator<Item = u32> + Clone) {
        let marks = self.entries.iter_mut().zip(steps.clone()).fold(0, |marks, (entry, step)| {
            *entry = entry.wrapping_add(step);
            marks | step
        });
        if marks & NONE != 0 {
            self.mark(steps);
        }
    }

    /// As above, by the place that each value has in a list; behind the list its last stands for it.
    fn add_listed<V: Copy>(&mut self, list: &[u32], values: &[V], place: impl Fn(V) -> u32 + Copy) {
        let Some(last) = list.len().checked_sub(1) else { return };
        if add_listed(list, values, place, &mut self.entries) & NONE != 0 {
            self.mark(values.iter().map(|value| list[(place(*value) as usize).min(last)]));
        }
    }

    /// Marks the rows without a step.
    fn mark(&mut self, steps: impl Iterator<Item = u32>) {
        let rows = self.entries.len();
        let outside = self.outside.get_or_insert_with(|| vec![false; rows]);
        outside.iter_mut().zip(steps).for_each(|(outside, step)| *outside |= step & NONE != 0);
    }
}

impl AxisColumn {
    /// Adds the column's steps.
    fn add(&self, domain: &Domain, column: &BoundColumn, array: &ArrayRef, sums: &mut Sums) -> Result<()> {
        match &self.how {
            // NULL still means what it means.
            How::Not if column.nulls == NullRule::Missing || array.logical_null_count() == 0 => return Ok(()),
            How::Keys { least, steps, even } if array.null_count() == 0 => {
                let is_added = even.is_some_and(|even| even.add_all(array, &mut sums.entries));
                if is_added || by_keys(array, *least, steps, sums) {
                    return Ok(());
                }
            }
            How::Bounds if array.null_count() == 0 => match (domain, array.data_type()) {
                (Domain::Bounds(bounds), DataType::Float32) => {
                    let values = array.as_primitive::<Float32Type>().values();
                    sums.add(values.iter().map(|x| bounds.code(*x) * self.stride));
                    return Ok(());
                }
                (Domain::Bounds(bounds), DataType::Float64) => {
                    let values = array.as_primitive::<Float64Type>().values();
                    sums.add(values.iter().map(|x| bounds.code(*x) * self.stride));
                    return Ok(());
                }
                _ => {}
            },
            How::Dictionary(kept) if self.dictionary(domain, column, array, kept, sums)? => return Ok(()),
            _ => {}
        }
        if let Some(texts) = texts(array)? {
            let list = steps(domain, column, &texts.distinct, self.stride)?;
            sums.add(texts.rows.iter().map(|number| list[*number as usize]));
            return Ok(());
        }
        sums.add(steps(domain, column, array, self.stride)?.iter().copied());
        Ok(())
    }

    /// Adds the steps of a dictionary's codes; whether it did.
    fn dictionary(
        &self,
        domain: &Domain,
        column: &BoundColumn,
        array: &ArrayRef,
        kept: &Mutex<Kept>,
        sums: &mut Sums,
    ) -> Result<bool> {
        let Some(dictionary) = array.as_any_dictionary_opt() else { return Ok(false) };
        let values = dictionary.values();
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.as_ref().filter(|(held, ..)| held.to_data().ptr_eq(&values.to_data()));
        let (list, even) = match known {
            Some((_, list, even)) => (list.clone(), *even),
            // A few rows of a great dictionary do not pay for its translation.
            None if values.len() > 4 * array.len().max(1_024) => return Ok(false),
            None => {
                // The last step is that of a row without a value.
                let mut list = steps(domain, column, values, self.stride)?;
                list.extend(steps(domain, column, &new_null_array(values.data_type(), 1), self.stride)?);
                let even = Even::of(0, &list[..values.len()], self.stride);
                let list: Arc<[u32]> = list.into();
                *kept = Some((values.clone(), list.clone(), even));
                (list, even)
            }
        };
        drop(kept);
        let keys = dictionary.keys();
        if keys.null_count() == 0 && even.is_some_and(|even| even.add_all(keys, &mut sums.entries)) {
            return Ok(true);
        }
        match keys.data_type() {
            DataType::Int8 => by_codes::<Int8Type>(array.as_dictionary(), &list, sums),
            DataType::Int16 => by_codes::<Int16Type>(array.as_dictionary(), &list, sums),
            DataType::Int32 => by_codes::<Int32Type>(array.as_dictionary(), &list, sums),
            DataType::Int64 => by_codes::<Int64Type>(array.as_dictionary(), &list, sums),
            DataType::UInt8 => by_codes::<UInt8Type>(array.as_dictionary(), &list, sums),
            DataType::UInt16 => by_codes::<UInt16Type>(array.as_dictionary(), &list, sums),
            DataType::UInt32 => by_codes::<UInt32Type>(array.as_dictionary(), &list, sums),
            DataType::UInt64 => by_codes::<UInt64Type>(array.as_dictionary(), &list, sums),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Steps by a dictionary's codes. The list has one step more than the dictionary has values: that of no value.
fn by_codes<K: ArrowDictionaryKeyType>(array: &DictionaryArray<K>, list: &[u32], sums: &mut Sums) {
    let keys = array.keys();
    // What stands for a code under NULL may be anything.
    let place = |key: K::Native| key.as_usize().min(u32::MAX as usize) as u32;
    match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => sums.add_listed(list, keys.values(), place),
        Some(nulls) => {
            let Some(last) = list.len().checked_sub(1) else { return };
            let codes = keys.values().iter().zip(nulls.iter());
            sums.add(codes.map(|(key, valid)| list[if valid { (place(*key) as usize).min(last) } else { last }]));
        }
    }
}

/// Steps by integers from `least` on; whether they are integers of a type that has a list.
fn by_keys(array: &ArrayRef, least: i64, steps: &[u32], sums: &mut Sums) -> bool {
    let Some(last) = steps.len().checked_sub(1) else { return false };
    let place = move |x: i64| x.saturating_sub(least).clamp(0, u32::MAX.into()) as u32;
    fn integers<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        steps: &[u32],
        sums: &mut Sums,
        place: impl Fn(T::Native) -> u32 + Copy,
    ) -> bool {
        sums.add_listed(steps, array.as_primitive::<T>().values(), place);
        true
    }
    match array.data_type() {
        DataType::Boolean => {
            let step = |x: bool| steps[(place(x.into()) as usize).min(last)];
            sums.add(array.as_boolean().values().iter().map(step));
            true
        }
        DataType::Int8 => integers::<Int8Type>(array, steps, sums, move |x| place(x.into())),
        DataType::Int16 => integers::<Int16Type>(array, steps, sums, move |x| place(x.into())),
        DataType::Int32 => integers::<Int32Type>(array, steps, sums, move |x| place(x.into())),
        DataType::Int64 => integers::<Int64Type>(array, steps, sums, place),
        DataType::UInt8 => integers::<UInt8Type>(array, steps, sums, move |x| place(x.into())),
        DataType::UInt16 => integers::<UInt16Type>(array, steps, sums, move |x| place(x.into())),
        DataType::UInt32 => integers::<UInt32Type>(array, steps, sums, move |x| place(x.into())),
        DataType::UInt64 => integers::<UInt64Type>(array, steps, sums, move |x| place(x.min(i64::MAX as u64) as i64)),
        _ => false,
    }
}
