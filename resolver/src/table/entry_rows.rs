//! The rows of a space as inputs of a session: what is run to fill a table.

use super::Axis;
use crate::{Result, Signature};
use arrow_buffer::{ArrowNativeType, Buffer};
use hologram_ops::{DType, Tensor, Value};

/// The rows of a space, by their entries.
#[derive(Debug)]
pub struct EntryRows {
    inputs: Vec<Input>,
}

/// One input of these rows.
#[derive(Debug)]
struct Input {
    dtype: DType,
    /// Whether a row of it is a list of elements, though it be one of a single element.
    is_list: bool,
    axes: Vec<Digit>,
}

/// One element of a row.
#[derive(Debug)]
struct Digit {
    /// By how much its code is multiplied in an entry.
    stride: u64,
    /// An element for each of its codes.
    elements: Tensor,
}

impl EntryRows {
    /// The rows of the space that some axes span, highest digit first.
    ///
    /// # Errors
    /// `Unsupported` where a domain has no elements of its input's type.
    pub fn new(axes: &[Axis], signature: &Signature) -> Result<Self> {
        let input = |port: &crate::Port| Input {
            dtype: port.dtype().unwrap_or(DType::F32),
            is_list: port.shape().is_some_and(|shape| shape.len() == 2),
            axes: Vec::new(),
        };
        let mut inputs: Vec<Input> = signature.inputs.iter().map(input).collect();
        let mut stride = 1;
        for axis in axes.iter().rev() {
            let input = &mut inputs[axis.input];
            let elements = axis.domain.representatives(input.dtype)?;
            input.axes.push(Digit { stride, elements });
            stride *= axis.domain.cardinality() as u64;
        }
        inputs.iter_mut().for_each(|input| input.axes.reverse());
        Ok(Self { inputs })
    }

    /// The inputs of a run whose rows are those of some entries.
    ///
    /// # Errors
    /// Those of tensors that do not fit in memory.
    pub fn inputs(&self, entries: &[u64]) -> Result<Vec<Value>> {
        self.inputs.iter().map(|input| Ok(Value::Tensor(input.tensor(entries)?))).collect()
    }
}

impl Input {
    fn tensor(&self, entries: &[u64]) -> hologram_ops::Result<Tensor> {
        let mut columns =
            self.axes.iter().map(|digit| digit.column(entries)).collect::<hologram_ops::Result<Vec<_>>>()?;
        match columns.as_slice() {
            [_] if !self.is_list => Ok(columns.remove(0)),
            [] => Tensor::zeros(self.dtype, [entries.len(), 0]),
            _ => Tensor::from_columns(columns),
        }
    }
}

impl Digit {
    /// The elements of some entries.
    fn column(&self, entries: &[u64]) -> hologram_ops::Result<Tensor> {
        let (elements, rows) = (&self.elements, [entries.len()]);
        if elements.dtype() == DType::String {
            let codes: Vec<u32> = self.codes(entries).map(|code| code as u32).collect();
            return Tensor::from_codes(rows, codes.into(), elements.as_strings()?.clone());
        }
        let list = elements.buffer()?;
        let picked = match elements.dtype().size() {
            1 => self.pick::<u8>(list, entries),
            2 => self.pick::<u16>(list, entries),
            4 => self.pick::<u32>(list, entries),
            _ => self.pick::<u64>(list, entries),
        };
        Tensor::from_buffer(elements.dtype(), rows, picked)
    }

    fn pick<T: ArrowNativeType>(&self, list: &Buffer, entries: &[u64]) -> Buffer {
        let list = list.typed_data::<T>();
        Buffer::from_vec(self.codes(entries).map(|code| list[code]).collect::<Vec<T>>())
    }

    /// The codes of some entries. Most entries follow on the one before, and then nothing is divided.
    fn codes(&self, entries: &[u64]) -> impl Iterator<Item = usize> {
        let count = self.elements.len();
        // The entry that would follow, its code, and how many entries have this code from there on.
        let (mut next, mut code, mut left) = (None, 0, 0);
        entries.iter().map(move |entry| {
            if next != Some(*entry) {
                code = (entry / self.stride) as usize % count;
                left = self.stride - entry % self.stride;
            } else if left == 0 {
                code = if code + 1 == count { 0 } else { code + 1 };
                left = self.stride;
            }
            left -= 1;
            next = Some(entry + 1);
            code
        })
    }
}
