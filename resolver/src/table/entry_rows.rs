//! The rows of a space as inputs of a session: what is run to fill a table.

use super::Axis;
use crate::{Result, Signature};
use arrow_array::StringViewArray;
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
        let mut shape = vec![entries.len()];
        if self.is_list {
            shape.push(self.axes.len());
        }
        let elements = entries.iter().flat_map(|entry| {
            self.axes.iter().map(move |Digit { stride, elements }| {
                let code = (entry / stride) as usize % elements.len();
                (code, elements)
            })
        });
        if self.dtype == DType::String {
            let mut texts = Vec::new();
            for (code, list) in elements {
                texts.push(list.as_strings()?.value(code));
            }
            return Tensor::from_strings(shape, StringViewArray::from_iter_values(texts));
        }
        let size = self.dtype.size();
        let mut bytes = Vec::with_capacity(entries.len() * self.axes.len() * size);
        for (code, list) in elements {
            bytes.extend_from_slice(&list.buffer()?.as_slice()[code * size..][..size]);
        }
        Tensor::from_buffer(self.dtype, shape, bytes.into())
    }
}
