//! Output memory that a caller keeps from run to run.

use hologram_ops::{DType, Error, Result, Tensor, numeric::Element};

/// One output of a run: a type, a shape, and memory that is used again when it is large enough.
#[derive(Debug, Clone)]
pub struct OutputBuffer {
    dtype: DType,
    shape: Vec<usize>,
    words: Vec<u64>,
    bytes: usize,
}

impl Default for OutputBuffer {
    fn default() -> Self {
        Self { dtype: DType::U8, shape: vec![0], words: Vec::new(), bytes: 0 }
    }
}

impl OutputBuffer {
    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are of another type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        if self.dtype != T::DTYPE {
            return Err(Error::invalid(format!("a {} output where {} is expected", self.dtype, T::DTYPE)));
        }
        // SAFETY: `set` copied whole, valid elements of this type; words of eight bytes are aligned for every element.
        Ok(unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.bytes / size_of::<T>()) })
    }

    /// The elements' bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.bytes]
    }

    /// A tensor with a copy of the elements.
    ///
    /// # Errors
    /// Never for a buffer that a run filled.
    pub fn to_tensor(&self) -> Result<Tensor> {
        Tensor::from_buffer(self.dtype, self.shape.as_slice(), arrow_buffer::Buffer::from_slice_ref(self.as_bytes()))
    }

    /// Takes over a copy of these elements; `bytes` are whole elements of `dtype`.
    pub(crate) fn set(&mut self, dtype: DType, shape: &[usize], bytes: &[u8]) {
        self.dtype = dtype;
        self.shape.clear();
        self.shape.extend_from_slice(shape);
        self.words.resize(bytes.len().div_ceil(8), 0);
        self.bytes = bytes.len();
        bytemuck::cast_slice_mut(&mut self.words)[..bytes.len()].copy_from_slice(bytes);
    }
}
