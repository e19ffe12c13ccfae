//! Tensors: a type, a shape and an Arrow buffer.

use crate::{DType, Error, Result, numeric::Element};
use arrow_array::{Array, StringViewArray};
use arrow_buffer::Buffer;
use std::{ptr::NonNull, sync::Arc};

mod coded;
mod columns;

pub use coded::Texts;
use {coded::Coded, columns::Columns};

/// A dense tensor in row-major order over an immutable, shared Arrow buffer.
///
/// Cloning, reshaping and making one from an Arrow array of fixed-width numbers copy nothing. Booleans take one byte
/// each (0 or 1), types under eight bits one byte each, strings lie in a string-view array. A table may be made of
/// [columns](Self::from_columns) that lie apart, and strings of [codes](Self::from_codes); their elements are made when they
/// are asked for.
#[derive(Clone)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    data: Data,
}

#[derive(Clone)]
enum Data {
    Fixed(Buffer),
    Strings(StringViewArray),
    Columns(Arc<Columns>),
    Coded(Arc<Coded>),
}

/// The number of elements of a shape.
///
/// # Errors
/// [`Error::Exhausted`] when the product does not fit a `usize`.
pub fn element_count(shape: &[usize]) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).ok_or_else(|| {
        Error::Exhausted(format!("a tensor of shape {shape:?} has more elements than memory can address"))
    })
}

/// The number of elements of a shape that comes from outside, held to a bound before anything is allocated.
///
/// # Errors
/// [`Error::Exhausted`] when there are more than `limit` (see [`crate::Limits::elements`]).
pub fn check_elements(shape: &[usize], limit: u64) -> Result<usize> {
    let count = element_count(shape)?;
    if u64::try_from(count).unwrap_or(u64::MAX) > limit {
        return Err(Error::Exhausted(format!("a tensor of shape {shape:?} has {count} elements, over {limit}")));
    }
    Ok(count)
}

impl Tensor {
    /// A tensor over these bytes, without a copy when the buffer is aligned to the element.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the length does not fit the shape, when a boolean byte is neither 0 nor 1, or for strings.
    pub fn from_buffer(dtype: DType, shape: impl Into<Vec<usize>>, buffer: Buffer) -> Result<Self> {
        let shape = shape.into();
        if dtype == DType::String {
            return Err(Error::invalid("a string tensor is made from strings, not from bytes"));
        }
        let bytes = element_count(&shape)?.saturating_mul(dtype.size());
        if bytes != buffer.len() {
            return Err(Error::invalid(format!(
                "{} bytes for a {dtype} tensor of shape {shape:?}, which takes {bytes}",
                buffer.len()
            )));
        }
        if dtype == DType::Bool && buffer.as_slice().iter().any(|b| *b > 1) {
            return Err(Error::invalid("a boolean tensor holds a byte that is neither 0 nor 1"));
        }
        let aligned = buffer.as_ptr().align_offset(dtype.size().max(1)) == 0;
        let buffer = if aligned { buffer } else { Buffer::from_slice_ref(buffer.as_slice()) };
        Ok(Self { dtype, shape, data: Data::Fixed(buffer) })
    }

    /// A tensor that takes over this vector, without a copy.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the length does not fit the shape.
    pub fn from_vec<T: Element>(shape: impl Into<Vec<usize>>, values: Vec<T>) -> Result<Self> {
        let (count, bytes) = (values.len(), size_of_val(values.as_slice()));
        let start = NonNull::from(values.as_slice()).cast::<u8>();
        // SAFETY: the vector is moved into the owner that the buffer keeps alive, so its heap block stays where it is,
        // is never written again, and holds `bytes` initialised bytes (elements are plain data without padding).
        let buffer = unsafe { Buffer::from_custom_allocation(start, bytes, Arc::new(KeepAlive(values))) };
        Self::of_elements(T::DTYPE, shape.into(), count, buffer)
    }

    fn of_elements(dtype: DType, shape: Vec<usize>, count: usize, buffer: Buffer) -> Result<Self> {
        if element_count(&shape)? != count {
            return Err(Error::invalid(format!("{count} elements for a tensor of shape {shape:?}")));
        }
        Ok(Self { dtype, shape, data: Data::Fixed(buffer) })
    }

    /// A tensor with a copy of this slice.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the length does not fit the shape.
    pub fn from_slice<T: Element>(shape: impl Into<Vec<usize>>, values: &[T]) -> Result<Self> {
        Self::from_vec(shape, values.to_vec())
    }

    /// A tensor of no dimensions with one element.
    pub fn scalar<T: Element>(value: T) -> Self {
        let bytes = as_bytes(std::slice::from_ref(&value)).to_vec();
        Self { dtype: T::DTYPE, shape: Vec::new(), data: Data::Fixed(aligned_copy(&bytes)) }
    }

    /// A tensor of strings.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the length does not fit the shape or an element is null.
    pub fn from_strings(shape: impl Into<Vec<usize>>, strings: StringViewArray) -> Result<Self> {
        let shape = shape.into();
        let count = element_count(&shape)?;
        if count != strings.len() || strings.null_count() > 0 {
            return Err(Error::invalid(format!(
                "{} strings with {} nulls for a string tensor of shape {shape:?}",
                strings.len(),
                strings.null_count()
            )));
        }
        Ok(Self { dtype: DType::String, shape, data: Data::Strings(strings) })
    }

    /// A tensor of strings from an iterator.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the number of strings does not fit the shape.
    pub fn from_string_iter<S: AsRef<str>>(
        shape: impl Into<Vec<usize>>,
        strings: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        Self::from_strings(shape, StringViewArray::from_iter_values(strings))
    }

    /// A tensor of zeros (false, empty strings).
    ///
    /// # Errors
    /// [`Error::Exhausted`] when the shape's bytes cannot be addressed.
    pub fn zeros(dtype: DType, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        let count = element_count(&shape)?;
        if dtype == DType::String {
            return Self::from_string_iter(shape, std::iter::repeat_n("", count));
        }
        let bytes = count
            .checked_mul(dtype.size())
            .ok_or_else(|| Error::Exhausted(format!("a {dtype} tensor of shape {shape:?}")))?;
        Ok(Self { dtype, shape, data: Data::Fixed(arrow_buffer::MutableBuffer::from_len_zeroed(bytes).into()) })
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Fixed(b) => b.len() / self.dtype.size().max(1),
            Data::Strings(s) => s.len(),
            Data::Columns(table) => table.len(),
            Data::Coded(strings) => strings.len(),
        }
    }

    /// The elements in row-major order, which are made now if they were not.
    fn packed(&self) -> &Data {
        match &self.data {
            Data::Columns(table) => table.packed(),
            Data::Coded(strings) => strings.packed(),
            packed => packed,
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as a slice.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `T` is not the tensor's type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        match self.packed() {
            Data::Fixed(buffer) if self.dtype == T::DTYPE => {
                let count = buffer.len() / size_of::<T>();
                if count == 0 {
                    return Ok(&[]);
                }
                // SAFETY: the constructor checked the alignment and that the bytes are valid values of this type; the
                // buffer is immutable and lives as long as `self`.
                Ok(unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<T>(), count) })
            }
            _ => Err(Error::invalid(format!("a {} tensor where {} is expected", self.dtype, T::DTYPE))),
        }
    }

    /// The elements as unsigned integers of their width, whatever they mean.
    ///
    /// # Errors
    /// [`Error::Invalid`] for strings and elements of another width.
    pub(crate) fn bits<T: arrow_buffer::ArrowNativeType>(&self) -> Result<&[T]> {
        match self.packed() {
            Data::Fixed(buffer) if self.dtype.size() == size_of::<T>() => Ok(buffer.typed_data::<T>()),
            _ => Err(Error::invalid(format!(
                "a {} tensor where elements of {} bytes are expected",
                self.dtype,
                size_of::<T>()
            ))),
        }
    }

    /// A tensor of elements given as unsigned integers of their width; the inverse of [`bits`](Self::bits).
    ///
    /// # Errors
    /// Those of [`from_buffer`](Self::from_buffer).
    pub(crate) fn from_bits<T: arrow_buffer::ArrowNativeType>(
        dtype: DType,
        shape: impl Into<Vec<usize>>,
        bits: Vec<T>,
    ) -> Result<Self> {
        Self::from_buffer(dtype, shape, Buffer::from_vec(bits))
    }

    /// The strings of a string tensor.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tensor does not hold strings.
    pub fn as_strings(&self) -> Result<&StringViewArray> {
        match self.packed() {
            Data::Strings(s) => Ok(s),
            _ => Err(Error::invalid(format!("a {} tensor where string is expected", self.dtype))),
        }
    }

    /// The bytes of a fixed-width tensor in row-major order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for strings.
    pub fn buffer(&self) -> Result<&Buffer> {
        match self.packed() {
            Data::Fixed(b) => Ok(b),
            _ => Err(Error::invalid("a string tensor has no fixed-width bytes")),
        }
    }

    /// The single element of a tensor with one element.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is not exactly one, or it has another type.
    pub fn item<T: Element>(&self) -> Result<T> {
        match self.as_slice::<T>()? {
            [one] => Ok(*one),
            many => Err(Error::invalid(format!("one element is expected, the tensor has {}", many.len()))),
        }
    }

    /// The elements of an integer tensor as `i64`, as shapes, axes and indices need them.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tensor does not hold integers.
    pub fn to_i64_vec(&self) -> Result<Vec<i64>> {
        use crate::numeric::Number;
        if !self.dtype.is_integer() {
            return Err(Error::invalid(format!("a {} tensor where integers are expected", self.dtype)));
        }
        let wide = self.widen()?;
        crate::numeric::with_integer!(wide.dtype, T => Ok(wide.as_slice::<T>()?.iter().map(|v| v.to_i64()).collect()))
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the numbers of elements differ.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if element_count(&shape)? != self.len() {
            return Err(Error::invalid(format!("a tensor of shape {:?} cannot become {shape:?}", self.shape)));
        }
        Ok(Self { dtype: self.dtype, shape, data: self.data.clone() })
    }

    /// Neighbouring elements in row-major order, `[len]` of them, which are not copied.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there are not so many.
    pub fn part(&self, start: usize, len: usize) -> Result<Self> {
        if start.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(Error::invalid(format!("{len} elements from {start} on, of a tensor of {}", self.len())));
        }
        let size = self.dtype.size();
        let data = match &self.data {
            Data::Coded(strings) => Data::Coded(Arc::new(strings.part(start, len))),
            _ => match self.packed() {
                Data::Strings(strings) => Data::Strings(strings.slice(start, len)),
                _ => Data::Fixed(self.buffer()?.slice_with_length(start * size, len * size)),
            },
        };
        Ok(Self { dtype: self.dtype, shape: vec![len], data })
    }

    /// Bytes that the elements take: what a memory account charges for an owner of this tensor. Columns and codes take more
    /// once their elements were made.
    pub fn byte_size(&self) -> usize {
        match &self.data {
            Data::Fixed(b) => b.len(),
            Data::Strings(s) => s.views().inner().len() + s.data_buffers().iter().map(Buffer::len).sum::<usize>(),
            Data::Columns(table) => table.byte_size(),
            Data::Coded(strings) => strings.byte_size(),
        }
    }
}

/// Owns the vector behind a buffer.
struct KeepAlive<T>(#[expect(dead_code, reason = "held for its lifetime, never read")] Vec<T>);

impl<T> std::panic::UnwindSafe for KeepAlive<T> {}
impl<T> std::panic::RefUnwindSafe for KeepAlive<T> {}

/// The bytes of a slice of elements.
pub fn as_bytes<T: Element>(values: &[T]) -> &[u8] {
    // SAFETY: elements are plain data without padding, so each of their bytes is initialised; u8 has no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) }
}

fn aligned_copy(bytes: &[u8]) -> Buffer {
    Buffer::from_slice_ref(bytes)
}

/// Equal type, shape and bits, except that NaNs are equal to one another.
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        if self.dtype != other.dtype || self.shape != other.shape {
            return false;
        }
        match (self.packed(), other.packed()) {
            (Data::Strings(a), Data::Strings(b)) => a.iter().eq(b.iter()),
            (Data::Fixed(a), Data::Fixed(b)) => {
                a.as_slice() == b.as_slice() || self.dtype.is_float() && equal_with_nans(self, other).unwrap_or(false)
            }
            _ => false,
        }
    }
}

fn equal_with_nans(a: &Tensor, b: &Tensor) -> Result<bool> {
    // Widening is exact, so the bits are equal there where they are equal here.
    let (a, b) = (a.widen()?, b.widen()?);
    crate::numeric::with_float!(a.dtype, T => {
        let (x, y) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
        Ok(x.iter().zip(y).all(|(p, q)| p.to_bits() == q.to_bits() || p.is_nan() && q.is_nan()))
    })
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.shape)?;
        if self.len() > 16 {
            return Ok(());
        }
        match self.packed() {
            Data::Strings(s) => write!(f, " {:?}", s.iter().flatten().collect::<Vec<_>>()),
            _ => f.write_str(elements_text(self).as_deref().unwrap_or("")),
        }
    }
}

fn elements_text(tensor: &Tensor) -> Result<String> {
    if tensor.dtype == DType::Bool {
        return Ok(format!(" {:?}", tensor.as_slice::<bool>()?));
    }
    let wide = tensor.widen()?;
    crate::numeric::with_number!(wide.dtype, T => Ok(format!(" {:?}", wide.as_slice::<T>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_becomes_a_tensor_without_a_copy() {
        let values = vec![1.0f32, 2.0, 3.0, 4.0];
        let start = values.as_ptr() as usize;
        let t = Tensor::from_vec([2, 2], values).unwrap();
        assert_eq!(t.as_slice::<f32>().unwrap().as_ptr() as usize, start);
        assert_eq!(t.reshape([4]).unwrap().as_slice::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn wrong_lengths_types_and_booleans_are_refused() {
        assert!(Tensor::from_vec([3], vec![1i32, 2]).is_err());
        assert!(Tensor::from_buffer(DType::Bool, [2], Buffer::from_slice_ref([0u8, 2])).is_err());
        assert!(Tensor::from_buffer(DType::F32, [2], Buffer::from_slice_ref([0u8; 7])).is_err());
        assert!(Tensor::from_vec([1], vec![1i32]).unwrap().as_slice::<f32>().is_err());
        assert!(Tensor::zeros(DType::F32, [usize::MAX, 3]).is_err());
        assert!(Tensor::zeros(DType::F32, [usize::MAX, 0]).unwrap().is_empty());
        assert!(check_elements(&[3, 4], 11).is_err() && check_elements(&[usize::MAX, 2], 11).is_err());
        assert_eq!(check_elements(&[3, 4], 12), Ok(12));
    }

    #[test]
    fn misaligned_bytes_are_copied_once() {
        let raw = Buffer::from_slice_ref([0u8; 13]);
        let t = Tensor::from_buffer(DType::F32, [3], raw.slice_with_length(1, 12)).unwrap();
        assert_eq!(t.as_slice::<f32>().unwrap(), [0.0; 3]);
    }

    #[test]
    fn nans_are_equal_and_signs_of_zero_are_not() {
        let nan = |bits: u32| Tensor::scalar(f32::from_bits(bits));
        assert_eq!(nan(0x7fc0_0000), nan(0xffc0_0001));
        assert_ne!(Tensor::scalar(0.0f32), Tensor::scalar(-0.0f32));
    }
}
