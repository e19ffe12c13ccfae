//! Seeded rows, and Parquet files of them.

use anyhow::Result;
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt8Array};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use std::{fs::File, path::Path, sync::Arc};

/// How a column's values are drawn.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// `int64` below a number.
    Integers(u64),
    /// The same in a byte each.
    Small(u64),
    /// `float32` between two numbers.
    Floats(f32, f32),
    /// One of these texts.
    Texts(Vec<String>),
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        (self.next() >> 32) % count.max(1)
    }
}

impl Column {
    fn array(&self, rows: usize, seed: u64) -> ArrayRef {
        let mut draw = Draw(seed);
        let all = 0..rows;
        match self {
            Self::Integers(count) => Arc::new(Int64Array::from_iter_values(all.map(|_| draw.below(*count) as i64))),
            Self::Small(count) => Arc::new(UInt8Array::from_iter_values(all.map(|_| draw.below(*count) as u8))),
            Self::Floats(low, high) => {
                let unit = |draw: &mut Draw| (draw.next() >> 40) as f32 / (1 << 24) as f32;
                Arc::new(Float32Array::from_iter_values(all.map(|_| low + (high - low) * unit(&mut draw))))
            }
            Self::Texts(texts) => {
                let text = |draw: &mut Draw| &texts[draw.below(texts.len() as u64) as usize];
                Arc::new(StringArray::from_iter_values(all.map(|_| text(&mut draw))))
            }
        }
    }
}

/// Writes a file of seeded rows as Parquet's writers do by default, but for Snappy.
///
/// # Errors
/// What writing says.
pub(crate) fn write(path: &Path, columns: &[(String, Column)], rows: usize, seed: u64) -> Result<()> {
    let arrays = columns.iter().zip(seed.wrapping_mul(1_000)..).map(|((name, c), s)| (name, c.array(rows, s)));
    let batch = RecordBatch::try_from_iter(arrays)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}
