//! Forests: the raw scores of a tree ensemble whose bytes are a constant, decoded once.

use super::{Io, Kernel, Request};
use hologram_ops::{
    DType, Error, Result,
    family::ml::forest::Forest,
    forest::{Forest as Trees, Precision},
};

/// The kernel for `ai.hologram::Forest` over a table of `f32` or `f64`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    request.op::<Forest>()?;
    let table = request.inputs.first()?.as_ref()?;
    let trees = Forest::decode(request.constants.get(1)?.as_ref()?).ok()?;
    let &[_, columns] = table.shape.as_slice() else { return None };
    let fits = columns == trees.n_features as usize && matches!(table.dtype, DType::F32 | DType::F64);
    let out = request.outputs.first()?.as_ref()?;
    (fits && out.dtype == Forest::dtype(&trees))
        .then(|| Box::new(Scores { trees, columns, input: table.dtype }) as Box<dyn Kernel>)
}

/// A decoded forest.
#[derive(Debug)]
struct Scores {
    trees: Trees,
    columns: usize,
    input: DType,
}

impl Kernel for Scores {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn scratch_bytes(&self) -> usize {
        8 * (self.columns + self.trees.n_targets as usize)
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let targets = self.trees.n_targets as usize;
        let wide = if self.input == DType::F64 { Some(io.input::<f64>(0)?) } else { None };
        let narrow = if self.input == DType::F32 { Some(io.input::<f32>(0)?) } else { None };
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let (row, sums) = bytemuck::cast_slice_mut::<u8, f64>(scratch).split_at_mut(self.columns);
        let rows = out.bytes.len() / (out.dtype.size() * targets.max(1));
        for r in 0..rows {
            let at = r * self.columns..(r + 1) * self.columns;
            let own = match (wide, narrow) {
                (Some(table), _) => &table[at],
                (_, Some(table)) => {
                    row.iter_mut().zip(&table[at]).for_each(|(w, n)| *w = f64::from(*n));
                    &*row
                }
                _ => return Err(Error::invalid("a forest was given no table")),
            };
            let invalid = |e: hologram_ops::forest::ForestError| Error::invalid(e.to_string());
            match self.trees.accumulate {
                Precision::F64 => {
                    let scores = &mut out.as_slice_mut::<f64>()?[r * targets..(r + 1) * targets];
                    self.trees.evaluate_row(own, scores).map_err(invalid)?;
                }
                Precision::F32 => {
                    self.trees.evaluate_row(own, sums).map_err(invalid)?;
                    let scores = &mut out.as_slice_mut::<f32>()?[r * targets..(r + 1) * targets];
                    scores.iter_mut().zip(&*sums).for_each(|(o, s)| *o = *s as f32);
                }
            }
        }
        Ok(())
    }
}
