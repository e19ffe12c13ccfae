//! Forests: a tree ensemble over a table of `f32` or `f64`, made ready once.

use super::{Io, Kernel, Request, ViewMut};
use crate::cpu::{
    forest::{Cells, Scorer, Table},
    simd::Isa,
};
use hologram_ops::{
    DType, Error, Operator, Result, Tensor, Value,
    family::ml::{
        ensemble::Ensemble,
        forest::Forest,
        table::Labels,
        tree_ensemble::TreeEnsemble,
        tree_ensemble_classifier::TreeEnsembleClassifier,
        tree_ensemble_regressor::{TreeEnsembleRegressor, finish_row},
    },
    forest::{Forest as Trees, PostTransform},
    numeric::Element,
};
use smallvec::SmallVec;
use std::{any::Any, sync::Arc};

/// The kernel for the operators of trees over a table `[rows, columns]`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let table = request.inputs.first()?.as_ref()?;
    let &[_, columns] = table.shape.as_slice() else { return None };
    if columns == 0 || !matches!(table.dtype, DType::F32 | DType::F64) {
        return None;
    }
    // The same trees, whatever the number of rows.
    let ready = request.keep(table.dtype, || {
        let (forest, reached) = if request.op::<Forest>().is_some() {
            (Forest::decode(request.constants.get(1)?.as_ref()?).ok()?, Vec::new())
        } else {
            let ensemble = ensemble(request.op.as_ref())?;
            // Where a row decides which targets are named, the operator asks row by row.
            let reached = ensemble.reached()?.to_vec();
            (ensemble.forest_for(table.dtype).ok()?.clone(), reached)
        };
        let forest = request.spans.and_then(|spans| forest.narrowed(spans)).unwrap_or(forest);
        Some(Ready { scorer: Scorer::new(forest, Isa::best()), reached })
    })?;
    if columns < ready.scorer.forest().n_features as usize {
        return None;
    }
    Some(Box::new(Scores { operator: Arc::clone(request.op), ready, columns, input: table.dtype }))
}

/// The forest of an operator that has a kernel, as far as its attributes and its constant input 1 tell.
pub(crate) fn forest_of(operator: &dyn Operator, constant: Option<&Value>) -> Option<Trees> {
    if (operator as &dyn Any).downcast_ref::<Forest>().is_some() {
        return Forest::decode(constant?.as_tensor().ok()?).ok();
    }
    let ensemble = ensemble(operator)?;
    ensemble.reached()?;
    Some(ensemble.forest().clone())
}

/// The trees of an operator whose outputs hold numbers only.
fn ensemble(operator: &dyn Operator) -> Option<&Ensemble> {
    let operator = operator as &dyn Any;
    if let Some(regressor) = operator.downcast_ref::<TreeEnsembleRegressor>() {
        return Some(&regressor.ensemble);
    }
    if let Some(classifier) = operator.downcast_ref::<TreeEnsembleClassifier>() {
        return matches!(classifier.labels, Labels::Ints(_)).then_some(&classifier.ensemble);
    }
    operator.downcast_ref::<TreeEnsemble>().map(|trees| &trees.ensemble)
}

/// A forest that is ready, and the targets that it reaches.
#[derive(Debug)]
struct Ready {
    scorer: Scorer,
    reached: Vec<bool>,
}

/// A forest, and the operator that finishes its rows.
#[derive(Debug)]
struct Scores {
    operator: Arc<dyn Operator>,
    ready: Arc<Ready>,
    columns: usize,
    input: DType,
}

impl Kernel for Scores {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn scratch_bytes(&self) -> usize {
        self.ready.scorer.scratch_bytes()
    }

    fn reads_columns(&self) -> bool {
        true
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        match self.input {
            DType::F64 => self.with_cells(io, |cells, io| self.score(Table::F64(cells), io)),
            _ => self.with_cells(io, |cells, io| self.score(Table::F32(cells), io)),
        }
    }
}

impl Scores {
    /// Calls with the table as it lies.
    fn with_cells<T: Element>(
        &self,
        io: &mut Io<'_, '_>,
        then: impl FnOnce(Cells<'_, T>, &mut Io<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        match io.columns(0) {
            Some(columns) if columns.len() != self.columns => {
                Err(Error::invalid(format!("{} columns for a forest of {}", columns.len(), self.columns)))
            }
            Some(columns) => {
                let columns = columns.iter().map(Tensor::as_slice).collect::<Result<SmallVec<[&[T]; 32]>>>()?;
                then(Cells::Columns(&columns), io)
            }
            None => then(Cells::Rows(io.input(0)?, self.columns), io),
        }
    }

    fn score(&self, table: Table<'_>, io: &mut Io<'_, '_>) -> Result<()> {
        let Ready { scorer, reached } = self.ready.as_ref();
        let operator = self.operator.as_ref() as &dyn Any;
        let width = scorer.forest().accumulate;
        let scratch = &mut io.scratch[..self.scratch_bytes()];
        let (mut wrong, mut finished) = (Ok(()), Vec::new());
        if let Some(classifier) = operator.downcast_ref::<TreeEnsembleClassifier>() {
            let (labels, scores) = io.outputs.split_at_mut(1);
            let (mut labels, mut scores) = (Out::of(labels), Out::of(scores));
            scorer.scores(table, scratch, &mut |scored| {
                scored.each(&mut finished, |row, finished| {
                    let label = classifier.finish_row(width, reached, finished);
                    let label = label.ok_or_else(|| Error::invalid("a class without a number for a label"));
                    let written =
                        label.and_then(|label| labels.label(row, label)).and_then(|()| scores.write(row, finished));
                    if written.is_err() {
                        wrong = written;
                    }
                });
            });
            return wrong;
        }
        let post = match operator.downcast_ref::<TreeEnsembleRegressor>() {
            Some(regressor) => Some(&regressor.post),
            None => operator.downcast_ref::<TreeEnsemble>().map(|trees| &trees.post),
        };
        let is_raw = post.is_none_or(|post| *post == PostTransform::None) && scorer.forest().n_targets == 1;
        let mut scores = Out::of(io.outputs);
        scorer.scores(table, scratch, &mut |scored| {
            let written = if is_raw {
                scores.write_at(scored.rows.start, scored.target(0))
            } else {
                let mut written = Ok(());
                scored.each(&mut finished, |row, finished| {
                    if let Some(post) = post {
                        finish_row(post, reached, finished);
                    }
                    let one = scores.write(row, finished);
                    if one.is_err() {
                        written = one;
                    }
                });
                written
            };
            if written.is_err() {
                wrong = written;
            }
        });
        wrong
    }
}

/// An output that may not be asked for.
struct Out<'a, 'b>(Option<&'b mut ViewMut<'a>>);

impl<'a, 'b> Out<'a, 'b> {
    /// The first of some outputs.
    fn of(outputs: &'b mut [Option<ViewMut<'a>>]) -> Self {
        Self(outputs.first_mut().and_then(Option::as_mut))
    }

    fn label(&mut self, row: usize, label: i64) -> Result<()> {
        let Some(out) = &mut self.0 else { return Ok(()) };
        out.as_slice_mut::<i64>()?[row] = label;
        Ok(())
    }

    /// Writes a row of numbers in the output's type.
    fn write(&mut self, row: usize, values: &[f64]) -> Result<()> {
        self.write_at(row * values.len(), values)
    }

    /// Writes numbers from a place on.
    fn write_at(&mut self, start: usize, values: &[f64]) -> Result<()> {
        let Some(out) = &mut self.0 else { return Ok(()) };
        let at = start..start + values.len();
        match out.dtype {
            DType::F64 => out.as_slice_mut::<f64>()?[at].copy_from_slice(values),
            _ => out.as_slice_mut::<f32>()?[at].iter_mut().zip(values).for_each(|(o, v)| *o = *v as f32),
        }
        Ok(())
    }
}
