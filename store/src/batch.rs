//! Batches as the store keeps them: a record batch and the bytes that it is charged with.

use std::{collections::HashMap, fmt, mem::size_of, ops::Range};

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamWriter;

use crate::{Error, Result};

/// What one array's bookkeeping is charged with: about the size of its structures on a 64-bit machine.
const ARRAY_BYTES: usize = 160;

/// What an allocation takes besides its bytes: an allocator's header, and room to begin at a multiple of 64.
const ALLOCATION_BYTES: usize = 64;

/// Allocations from this size on are taken for whole pages of memory.
const PAGED_BYTES: usize = 8 << 10;

const PAGE_BYTES: usize = 4 << 10;

/// The memory that an allocation of so many bytes takes.
pub(crate) fn allocated_bytes(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..PAGED_BYTES => bytes + ALLOCATION_BYTES,
        _ => bytes.saturating_add(ALLOCATION_BYTES).checked_next_multiple_of(PAGE_BYTES).unwrap_or(usize::MAX),
    }
}

/// A record batch with the bytes that it keeps alive. It never changes: a mutation makes a new one.
#[derive(Clone)]
#[repr(C)]
pub struct Batch {
    /// First, to lie beside the counts of those who share the batch: who takes or leaves a share asks for it.
    size_bytes: usize,
    records: RecordBatch,
}

impl Batch {
    /// The batch, charged with each distinct allocation that it keeps alive, once and in full, and with what an allocator
    /// takes besides.
    ///
    /// A slice of a large batch is charged with the large batch, because it keeps that one alive.
    pub fn new(records: RecordBatch) -> Self {
        let mut allocations = HashMap::new();
        let arrays = visit(&records, &mut |buffer| {
            allocations.insert(buffer.data_ptr(), allocated_bytes(buffer.capacity()));
        });
        Self::charged(records, arrays, allocations.into_values().sum())
    }

    /// The batch, charged with the bytes that it spans: for buffers that lie in a memory map or in an archive, which is
    /// kept alive in any case.
    pub fn borrowed(records: RecordBatch) -> Self {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let arrays = visit(&records, &mut |buffer| {
            let start = buffer.as_ptr().addr();
            spans.push(start..start + buffer.len());
        });
        spans.sort_unstable_by_key(|span| span.start);
        let (mut bytes, mut end) = (0, 0);
        for span in spans {
            bytes += span.end.saturating_sub(span.start.max(end));
            end = end.max(span.end);
        }
        Self::charged(records, arrays, bytes)
    }

    fn charged(records: RecordBatch, arrays: usize, buffers: usize) -> Self {
        Self { records, size_bytes: size_of::<Self>() + arrays * ARRAY_BYTES + buffers }
    }

    /// The record batch.
    pub fn records(&self) -> &RecordBatch {
        &self.records
    }

    /// The bytes that it is charged with.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Its Arrow IPC stream: schema with metadata, dictionaries, the batch. Equal bytes mean equal content.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a type that Arrow IPC cannot express.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        encode(&self.records, &mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.records.num_rows(), self.records.num_columns());
        write!(f, "Batch({rows} rows, {columns} columns, {} bytes)", self.size_bytes)
    }
}

/// Writes the Arrow IPC stream of a batch.
pub(crate) fn encode(records: &RecordBatch, sink: impl std::io::Write) -> Result<()> {
    let write = || {
        let mut writer = StreamWriter::try_new(sink, &records.schema())?;
        writer.write(records)?;
        writer.finish()
    };
    write().map_err(|error| Error::Invalid(format!("batch that Arrow IPC cannot express: {error}")))
}

/// Calls for every buffer of every array, nested ones included, and counts the arrays.
fn visit(records: &RecordBatch, each: &mut impl FnMut(&Buffer)) -> usize {
    let mut pending: Vec<_> = records.columns().iter().map(|column| column.to_data()).collect();
    let mut arrays = 0;
    while let Some(array) = pending.pop() {
        arrays += 1;
        array.buffers().iter().for_each(&mut *each);
        if let Some(nulls) = array.nulls() {
            each(nulls.buffer());
        }
        pending.extend_from_slice(array.child_data());
    }
    arrays
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, sync::Arc};

    use arrow_array::{DictionaryArray, Float32Array, Int32Array, ListArray, StringArray, types::Int8Type};
    use arrow_ipc::reader::StreamReader;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    fn records() -> RecordBatch {
        let list = ListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        let schema = Schema::new_with_metadata(
            vec![
                Field::new("number", DataType::Float32, true),
                Field::new("text", DataType::Utf8, false),
                Field::new("list", list.data_type().clone(), true).with_metadata([("k".into(), "v".into())].into()),
            ],
            [("model".into(), "m".into()), ("b".into(), "c".into())].into(),
        );
        let number = Float32Array::from(vec![Some(f32::from_bits(0x7fc0_1234)), None, Some(-0.0)]);
        let text = StringArray::from(vec!["", "ä", "z"]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(number), Arc::new(text), Arc::new(list)]).unwrap()
    }

    #[test]
    fn ipc_roundtrip() {
        let batch = Batch::new(records());
        let bytes = batch.encode().unwrap();
        let read: Vec<_> =
            StreamReader::try_new(Cursor::new(&bytes), None).unwrap().map(|read| read.unwrap()).collect();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].schema(), records().schema());
        assert_eq!(read[0], records());
        let bits = read[0].column(0).to_data().buffer::<u32>(0)[0];
        assert_eq!(bits, 0x7fc0_1234, "a NaN keeps its bits");
        assert_eq!(Batch::new(read[0].clone()).encode().unwrap(), bytes, "and again the same bytes");
    }

    #[test]
    fn each_allocation_is_charged_once() {
        let column = Arc::new(Int32Array::from_iter_values(0..10_000));
        let of = |columns: usize| {
            let columns = (0..columns).map(|index| (index.to_string(), Arc::clone(&column) as _));
            RecordBatch::try_from_iter(columns).unwrap()
        };
        let one = Batch::new(of(1)).size_bytes();
        assert!((40_960..41_960).contains(&one), "{one}");
        assert!(Batch::new(of(6)).size_bytes() - one < 1_000);
        // A decoded batch: every buffer lies in one body.
        let bytes = Batch::new(records()).encode().unwrap();
        let decoded = StreamReader::try_new(Cursor::new(&bytes), None).unwrap().next().unwrap().unwrap();
        assert!(Batch::new(decoded).size_bytes() < bytes.len() + 4 * ARRAY_BYTES + size_of::<Batch>());
    }

    #[test]
    fn a_slice_is_charged_with_what_it_keeps_alive() {
        let whole =
            RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from_iter_values(0..10_000)) as _)]).unwrap();
        assert_eq!(Batch::new(whole.slice(5, 1)).size_bytes(), Batch::new(whole.clone()).size_bytes());
        let borrowed = Batch::borrowed(whole.slice(5, 1)).size_bytes();
        assert!(borrowed < 4 + ARRAY_BYTES + size_of::<Batch>() + 1, "{borrowed}");
        let twice = RecordBatch::try_from_iter([("a", whole.column(0).clone()), ("b", whole.column(0).slice(9, 99))]);
        let twice = Batch::borrowed(twice.unwrap_or_else(|_| whole.clone())).size_bytes();
        assert!(twice < 40_000 + 2 * ARRAY_BYTES + size_of::<Batch>() + 1, "overlapping spans count once: {twice}");
    }

    #[test]
    fn dictionaries_are_charged() {
        let array: DictionaryArray<Int8Type> = ["long enough to see", "b", "b"].into_iter().collect();
        let batch = RecordBatch::try_from_iter([("a", Arc::new(array) as _)]).unwrap();
        assert!(Batch::new(batch).size_bytes() > 2 * ARRAY_BYTES + size_of::<Batch>() + 18);
    }
}
