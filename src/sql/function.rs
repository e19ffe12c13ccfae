//! `predict` as a scalar function: the name and the type of a call.
//!
//! Calls are hoisted into [`PredictNode`](super::PredictNode) before anything runs. The few that cannot be, such as one
//! over a correlated subquery or inside a lambda, are answered here on the rows that reach them.

use super::{HologramOptions, ModelCatalog, call};
use arrow_schema::{DataType, FieldRef};
use datafusion::{
    common::{ScalarValue, internal_err},
    error::Result,
    logical_expr::{
        ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
        scalar_doc_sections::DOC_SECTION_OTHER,
    },
};
use hologram_ops::control::Control;
use std::{
    hash::{Hash, Hasher},
    sync::{Arc, LazyLock},
};

/// The function `predict('model', columns...)`.
///
/// It counts as volatile, so that DataFusion neither runs it while it plans nor copies it nor moves it: where a call runs
/// is decided by [`HoistPredictions`](super::HoistPredictions).
#[derive(Debug)]
pub struct PredictFunction {
    signature: Signature,
    models: Arc<ModelCatalog>,
}

impl PredictFunction {
    /// The function over the models of a catalog.
    pub fn new(models: Arc<ModelCatalog>) -> Self {
        Self { signature: Signature::variadic_any(Volatility::Volatile), models }
    }
}

impl PartialEq for PredictFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.models, &other.models)
    }
}

impl Eq for PredictFunction {}

impl Hash for PredictFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.models).hash(state);
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DOC_SECTION_OTHER,
        "Answers each row with what a model says of it. A model of several outputs gives a struct.",
        "predict('model', expression1[, ..., expression_n]) | predict('model', struct) | predict('model', relation)",
    )
    .with_argument("model", "A registered model or the path of a file, with `:entry` for another entry point.")
    .with_argument(
        "expression_n",
        "Columns in the order that the model takes them; or one struct or one relation, bound by name.",
    )
    .with_sql_example("SELECT predict('wine', w) FROM 'wine.parquet' w")
    .build()
});

impl ScalarUDFImpl for PredictFunction {
    fn name(&self) -> &str {
        call::PREDICT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of predict() depends on its model")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let reference = call::reference(args.scalar_arguments.first().copied().flatten())?;
        let (fields, named) = call::fields(&args.arg_fields[1..]);
        // What the answer is does not depend on the session's settings; the analyzer binds again with them.
        let rows = self.models.bind(&reference, &fields, named, &HologramOptions::default())?;
        Ok(rows.binding().output().clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let first = match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => Some(value),
            _ => None,
        };
        let reference = call::reference(first)?;
        let (fields, named) = call::fields(&args.arg_fields[1..]);
        let options = HologramOptions::of(&args.config_options);
        let rows = self.models.bind(&reference, &fields, named, &options)?;
        let is_scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let count = if is_scalar { 1 } else { args.number_rows };
        let arrays = args.args[1..].iter().map(|a| a.to_array(count)).collect::<Result<Vec<_>>>()?;
        let arrays = match (named, arrays.as_slice()) {
            (true, [one]) => super::exec::members(one)?,
            _ => arrays,
        };
        let used: Vec<_> = rows.binding().columns().iter().map(|i| arrays[*i].clone()).collect();
        let (answer, _) = rows.run(&used, count, &Control::default()).map_err(crate::Error::from)?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
        }
        Ok(ColumnarValue::Array(answer))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}
