//! Kernels: code that runs one operator family for one type, chosen when a program is specialised.
//!
//! A kernel must give the bits of the operator's reference evaluation. [`select`] looks through one visible table; a
//! call that no kernel takes runs through the reference.

mod arg;
mod codebooks;
mod convolution;
mod elementwise;
mod forest;
mod kept;
mod ml;
mod movement;
mod normalization;
mod pool;
mod product;
mod quantized;
mod quantized_conv;
mod softmax;
#[cfg(test)]
mod tests;

pub(crate) use forest::forest_of;
pub(crate) use kept::Kept;

use hologram_ops::{
    DType, Error, Operator, Result, Tensor,
    family::math::{Aligned, Alignment},
    forest::Span,
    numeric::Element,
};
use std::sync::Arc;

/// A tensor that a kernel reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) dtype: DType,
    pub(crate) data: Data<'a>,
}

/// The elements that a kernel reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Data<'a> {
    /// In row-major order.
    Bytes(&'a [u8]),
    /// A table's columns, for kernels that [read them](Kernel::reads_columns).
    Columns(&'a [Tensor]),
}

/// A tensor that a kernel writes, every element of it.
#[derive(Debug)]
pub(crate) struct ViewMut<'a> {
    pub(crate) dtype: DType,
    pub(crate) bytes: &'a mut [u8],
}

impl<'a> View<'a> {
    /// The elements' bytes in row-major order.
    pub(crate) fn bytes(&self) -> Result<&'a [u8]> {
        match self.data {
            Data::Bytes(bytes) => Ok(bytes),
            Data::Columns(_) => Err(Error::invalid("a kernel for rows was given columns")),
        }
    }

    /// The elements.
    pub(crate) fn as_slice<T: Element>(&self) -> Result<&'a [T]> {
        let bytes = self.bytes()?;
        check::<T>(self.dtype, bytes.as_ptr(), bytes.len())?;
        // SAFETY: `check` made sure of type, alignment and length; the bytes are initialised and borrowed for 'a.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) })
    }
}

impl ViewMut<'_> {
    /// The elements.
    pub(crate) fn as_slice_mut<T: Element>(&mut self) -> Result<&mut [T]> {
        check::<T>(self.dtype, self.bytes.as_ptr(), self.bytes.len())?;
        let count = self.bytes.len() / size_of::<T>();
        // SAFETY: `check` made sure of type, alignment and length; the bytes are initialised and borrowed alone.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.bytes.as_mut_ptr().cast(), count) })
    }
}

fn check<T: Element>(dtype: DType, start: *const u8, bytes: usize) -> Result<()> {
    if dtype != T::DTYPE || !bytes.is_multiple_of(size_of::<T>()) || start.align_offset(align_of::<T>()) != 0 {
        return Err(Error::invalid(format!("a kernel for {} was given {dtype}", T::DTYPE)));
    }
    Ok(())
}

/// What a kernel works on.
#[derive(Debug)]
pub(crate) struct Io<'a, 'b> {
    /// The inputs, absent ones kept.
    pub(crate) inputs: &'b [Option<View<'a>>],
    /// The outputs; `None` is one that nobody reads.
    pub(crate) outputs: &'b mut [Option<ViewMut<'a>>],
    /// Scratch memory of the size that the kernel asked for, 64-byte aligned, contents arbitrary.
    pub(crate) scratch: &'b mut [u8],
}

impl<'a> Io<'a, '_> {
    /// The elements of input `i`, which must be given.
    pub(crate) fn input<T: Element>(&self, i: usize) -> Result<&'a [T]> {
        self.inputs.get(i).copied().flatten().ok_or_else(|| Error::invalid(format!("input {i} is missing")))?.as_slice()
    }

    /// The columns of input `i`, where it is a table whose columns lie apart.
    pub(crate) fn columns(&self, i: usize) -> Option<&'a [Tensor]> {
        match self.inputs.get(i).copied().flatten()?.data {
            Data::Columns(columns) => Some(columns),
            Data::Bytes(_) => None,
        }
    }

    /// The elements of output `i`, which must be asked for.
    pub(crate) fn output<T: Element>(&mut self, i: usize) -> Result<&mut [T]> {
        self.outputs
            .get_mut(i)
            .and_then(Option::as_mut)
            .ok_or_else(|| Error::invalid(format!("output {i} is missing")))?
            .as_slice_mut()
    }
}

/// Code for one call with every shape fixed.
pub(crate) trait Kernel: Send + Sync + std::fmt::Debug {
    /// The kernel's name, for `explain`.
    fn name(&self) -> &'static str;

    /// Bytes of scratch memory that [`run`](Self::run) needs.
    fn scratch_bytes(&self) -> usize {
        0
    }

    /// Whether [`run`](Self::run) looks for the [columns](Io::columns) of tables; without, all inputs are row-major.
    fn reads_columns(&self) -> bool {
        false
    }

    /// Writes every element of every output that is asked for.
    ///
    /// # Errors
    /// Only what values decide (an index out of range); types and shapes were checked before.
    fn run(&self, io: &mut Io<'_, '_>) -> Result<()>;
}

/// A type and shape that are fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
}

impl Layout {
    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }
}

/// The call that a kernel is wanted for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) op: &'a Arc<dyn Operator>,
    pub(crate) inputs: &'a [Option<Layout>],
    pub(crate) constants: &'a [Option<Tensor>],
    pub(crate) outputs: &'a [Option<Layout>],
    /// Where the columns of input 0 lie, as far as that is known: answers for other rows mean nothing.
    pub(crate) spans: Option<&'a [Span]>,
    /// What the call's kernels for other sizes made.
    pub(crate) kept: &'a Kept,
}

impl Request<'_> {
    /// What follows from the operator, the constants and a key alone: made by the first kernel of the call that wants it.
    pub(crate) fn keep<K, T>(&self, key: K, make: impl FnOnce() -> Option<T>) -> Option<Arc<T>>
    where
        K: PartialEq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        self.kept.get(self.constants, key, make)
    }

    /// The operator as its own type.
    pub(crate) fn op<O: Operator>(&self) -> Option<&O> {
        (self.op.as_ref() as &dyn std::any::Any).downcast_ref()
    }

    /// Whether every given input and asked output holds this type.
    pub(crate) fn all(&self, dtype: DType) -> bool {
        self.inputs.iter().chain(self.outputs).flatten().all(|l| l.dtype == dtype)
    }

    /// The shape of input `i`.
    pub(crate) fn shape(&self, i: usize) -> Option<&[usize]> {
        self.inputs.get(i)?.as_ref().map(|l| l.shape.as_slice())
    }
}

/// A kernel for a call, if it is one of the kernel's.
pub(super) type Select = fn(&Request<'_>) -> Option<Box<dyn Kernel>>;

/// The kernels, tried in order.
const TABLE: &[Select] = &[
    forest::select,
    product::select,
    product::select_gemm,
    softmax::select,
    convolution::select,
    elementwise::select,
    movement::select,
    movement::select_concat,
    movement::select_gather,
    pool::select,
    normalization::select,
    arg::select,
    quantized::select,
    quantized_conv::select,
    codebooks::select,
];

/// The kernel for a call, if there is one.
pub(crate) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    if let Some(aligned) = request.op::<Aligned>() {
        return select_aligned(aligned, request);
    }
    TABLE.iter().chain(ml::TABLE).find_map(|try_one| try_one(request))
}

/// The kernel of today's operator, with the second input under the shape that it has for it; its bytes stay.
fn select_aligned(aligned: &Aligned, request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let mut inputs = request.inputs.to_vec();
    let mut constants = request.constants.to_vec();
    if aligned.alignment != Alignment::Same {
        let shape = aligned.second(request.shape(0)?, request.shape(1)?).ok()?;
        if let Some(Some(constant)) = constants.get_mut(1) {
            *constant = constant.reshape(shape.as_slice()).ok()?;
        }
        inputs.get_mut(1)?.as_mut()?.shape = shape;
    }
    select(&Request { op: &aligned.operator, inputs: &inputs, constants: &constants, ..*request })
}
