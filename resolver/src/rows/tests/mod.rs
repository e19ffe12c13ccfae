//! Tests of the row door.

mod answers;
mod bindings;
mod memo;
mod models;

use super::{BindOptions, Binding, RowSession, RowStats};
use crate::{Result, Session};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, FieldRef};
use hologram_ops::control::Control;
use std::sync::Arc;

/// Columns with names.
type Columns = Vec<(&'static str, ArrayRef)>;

fn fields(columns: &[(&'static str, ArrayRef)]) -> Vec<FieldRef> {
    columns.iter().map(|(n, a)| Arc::new(Field::new(*n, a.data_type().clone(), true))).collect()
}

fn field(name: &str, ty: DataType) -> FieldRef {
    Arc::new(Field::new(name, ty, true))
}

/// Binds by position and answers.
fn answer(
    session: &Session,
    columns: &[(&'static str, ArrayRef)],
    options: &BindOptions,
) -> Result<(ArrayRef, RowStats)> {
    let binding = Binding::positional(session.signature(), &fields(columns), options)?;
    run(session, binding, columns)
}

fn run(session: &Session, binding: Binding, columns: &[(&'static str, ArrayRef)]) -> Result<(ArrayRef, RowStats)> {
    let used: Vec<ArrayRef> = binding.columns().iter().map(|i| columns[*i].1.clone()).collect();
    let rows = columns.first().map_or(0, |c| c.1.len());
    let output = binding.output().clone();
    let (array, stats) = RowSession::new(session.clone(), binding)?.run(&used, rows, &Control::default())?;
    assert_eq!(array.data_type(), output.data_type(), "the answer has the type that the binding promised");
    assert_eq!((array.len(), stats.rows), (rows, rows));
    assert!(output.is_nullable());
    array.to_data().validate_full().unwrap();
    Ok((array, stats))
}
