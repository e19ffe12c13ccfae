//! Tables whose columns lie apart, as Arrow has them.

use super::{Data, Tensor, element_count};
use crate::{DType, Error, Result};
use arrow_array::StringViewArray;
use arrow_buffer::{ArrowNativeType, Buffer};
use std::sync::{Arc, OnceLock};

/// The columns of a table, and its elements row by row once somebody asked for them.
pub(super) struct Columns {
    columns: Vec<Tensor>,
    packed: OnceLock<Data>,
}

impl Tensor {
    /// A table `[rows, columns]` of columns `[rows]`, at least one, which are not copied: what reads columns finds them in
    /// [`columns`](Self::columns). The first that asks for rows makes them, for itself and all clones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when columns differ in type or length, or have another rank; for no columns.
    pub fn from_columns(columns: Vec<Self>) -> Result<Self> {
        let Some(first) = columns.first() else { return Err(Error::invalid("a table has no columns")) };
        let dtype = first.dtype;
        if let Some(other) = columns.iter().find(|c| c.rank() != 1 || c.dtype != dtype || c.shape != first.shape) {
            return Err(Error::invalid(format!(
                "a table whose first column is {dtype}{:?} has one of {}{:?}",
                first.shape, other.dtype, other.shape
            )));
        }
        let shape = vec![first.len(), columns.len()];
        element_count(&shape)?;
        Ok(Self { dtype, shape, data: Data::Columns(Arc::new(Columns { columns, packed: OnceLock::new() })) })
    }

    /// The columns of a table that was made of them: as many as its second dimension, each of as many elements as its first.
    pub fn columns(&self) -> Option<&[Self]> {
        match (&self.data, self.shape.as_slice()) {
            (Data::Columns(table), [rows, width])
                if table.columns.len() == *width && table.columns[0].len() == *rows =>
            {
                Some(&table.columns)
            }
            _ => None,
        }
    }
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.columns.iter().map(Tensor::len).sum()
    }

    pub(super) fn byte_size(&self) -> usize {
        let packed = match self.packed.get() {
            // The rows of one column are its elements.
            Some(Data::Fixed(bytes)) if self.columns.len() > 1 => bytes.len(),
            Some(Data::Strings(cells)) if self.columns.len() > 1 => {
                cells.views().inner().len() + cells.data_buffers().iter().map(Buffer::len).sum::<usize>()
            }
            _ => 0,
        };
        self.columns.iter().map(Tensor::byte_size).sum::<usize>() + packed
    }

    /// The elements row by row.
    pub(super) fn packed(&self) -> &Data {
        self.packed.get_or_init(|| {
            if let [one] = self.columns.as_slice() {
                return one.packed().clone();
            }
            // All columns are of one type, which the first says.
            let (dtype, rows) = (self.columns[0].dtype, self.columns[0].len());
            if dtype == DType::String {
                let lists: Vec<&StringViewArray> = self.columns.iter().filter_map(|c| c.as_strings().ok()).collect();
                let cells = (0..rows).flat_map(|row| lists.iter().map(move |list| list.value(row)));
                return Data::Strings(StringViewArray::from_iter_values(cells));
            }
            let buffers: Vec<&Buffer> = self.columns.iter().filter_map(|c| c.buffer().ok()).collect();
            Data::Fixed(match dtype.size() {
                1 => interleave::<u8>(&buffers, rows),
                2 => interleave::<u16>(&buffers, rows),
                4 => interleave::<u32>(&buffers, rows),
                _ => interleave::<u64>(&buffers, rows),
            })
        })
    }
}

/// A few rows are packed at a time, whose parts of all columns stay in the nearest cache.
fn interleave<T: ArrowNativeType>(columns: &[&Buffer], rows: usize) -> Buffer {
    const PART: usize = 16;
    let columns: Vec<&[T]> = columns.iter().map(|c| &c.typed_data::<T>()[..rows]).collect();
    let width = columns.len();
    let mut out = vec![T::default(); rows * width];
    let parts = columns.iter().map(|column| column.as_chunks::<PART>()).collect::<Vec<_>>();
    let mut own: Vec<&[T; PART]> = Vec::with_capacity(width);
    let mut blocks = out.chunks_exact_mut(PART * width);
    for (block, lines) in blocks.by_ref().enumerate() {
        own.clear();
        own.extend(parts.iter().map(|(parts, _)| &parts[block]));
        for (row, line) in lines.chunks_exact_mut(width).enumerate() {
            line.iter_mut().zip(&own).for_each(|(out, values)| *out = values[row]);
        }
    }
    for (row, line) in blocks.into_remainder().chunks_exact_mut(width).enumerate() {
        line.iter_mut().zip(&parts).for_each(|(out, (_, rest))| *out = rest[row]);
    }
    Buffer::from_vec(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_packed_row_by_row_whatever_their_number() {
        for (width, rows) in [(1, 1), (1, 20), (2, 15), (3, 0), (3, 16), (3, 17), (30, 32), (5, 100)] {
            let value = |row: usize, column: usize| (row * 1_000 + column) as u32;
            let column = |c| Tensor::from_vec([rows], (0..rows).map(|row| value(row, c)).collect()).unwrap();
            let table = Tensor::from_columns((0..width).map(column).collect()).unwrap();
            let expected: Vec<u32> = (0..rows).flat_map(|row| (0..width).map(move |c| value(row, c))).collect();
            assert_eq!((table.shape(), table.len()), (&[rows, width][..], rows * width));
            assert_eq!(table.columns().map(<[Tensor]>::len), Some(width));
            let clone = table.clone();
            assert_eq!(table.byte_size(), width * rows * 4);
            assert_eq!(table.as_slice::<u32>().unwrap(), expected, "{width} columns of {rows} rows");
            let (own, its) = (table.buffer().unwrap().as_ptr(), clone.buffer().unwrap().as_ptr());
            assert_eq!(own, its, "rows are made once for a table and its clones");
            assert_eq!(clone.byte_size(), width * rows * if width > 1 { 8 } else { 4 });
            assert_eq!(table, Tensor::from_vec([rows, width], expected.clone()).unwrap());
            // Under another shape the elements are in the same order, and no longer columns.
            let flat = clone.reshape([rows * width]).unwrap();
            assert_eq!(flat.as_slice::<u32>().unwrap(), expected);
            assert!(flat.columns().is_none());
        }
    }

    #[test]
    fn columns_of_each_width_and_of_texts_are_rows() {
        let wide = Tensor::from_columns(vec![Tensor::from_vec([2], vec![1_i64, 2]).unwrap(); 2]).unwrap();
        assert_eq!(wide.as_slice::<i64>().unwrap(), [1, 1, 2, 2]);
        let small = Tensor::from_columns(vec![Tensor::from_vec([2], vec![true, false]).unwrap(); 3]).unwrap();
        assert_eq!(small.as_slice::<bool>().unwrap(), [true, true, true, false, false, false]);
        let texts = |of: [&str; 2]| Tensor::from_string_iter([2], of).unwrap();
        let table = Tensor::from_columns(vec![texts(["a", "b"]), texts(["c", "longer than twelve bytes"])]).unwrap();
        let cells: Vec<&str> = table.as_strings().unwrap().iter().flatten().collect();
        assert_eq!(cells, ["a", "c", "b", "longer than twelve bytes"]);
        assert!(table.buffer().is_err() && table.as_slice::<u8>().is_err() && wide.as_strings().is_err());
    }

    #[test]
    fn columns_that_make_no_table_are_refused() {
        let of = |shape: &[usize], dtype| Tensor::zeros(dtype, shape).unwrap();
        for columns in [
            vec![],
            vec![of(&[2], DType::F32), of(&[3], DType::F32)],
            vec![of(&[2], DType::F32), of(&[2], DType::F64)],
            vec![of(&[2, 1], DType::F32)],
            vec![of(&[], DType::F32)],
        ] {
            assert!(Tensor::from_columns(columns.clone()).is_err(), "{columns:?}");
        }
    }
}
