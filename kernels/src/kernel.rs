//! The kernel: a schema that was checked, ready to run.

use crate::{
    KernelError,
    check::check,
    evaluate,
    ir::Typed,
    schema::{Domain, Param, SCHEMA_VERSION, Schema},
};
use hologram_ops::{DType, Tensor};

/// The largest JSON form that is read, in bytes.
const JSON_BYTES_MAX: usize = 4 << 20;

/// A kernel: its schema, and its typed form.
///
/// Equal kernels have equal schemas, places in the source included.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The name.
    pub name: String,
    /// The parameters, in order.
    pub params: Vec<Param>,
    /// The type of each element of the result.
    pub returns: DType,
    /// The documentation string; empty without one.
    pub doc: String,
    schema: Schema,
    typed: Typed,
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
    }
}

impl Kernel {
    pub(crate) fn new(file: &str, schema: Schema) -> Result<Self, KernelError> {
        let typed = check(file, &schema)?;
        Ok(Self {
            name: schema.name.clone(),
            params: schema.params.clone(),
            returns: schema.returns,
            doc: schema.doc.clone(),
            schema,
            typed,
        })
    }

    /// What the kernel is launched over.
    pub fn domain(&self) -> Domain {
        self.typed.domain
    }

    /// The result for these inputs, one a parameter.
    ///
    /// Each input has its parameter's type and either one shape with the others or, for a value that holds for every
    /// element, no dimension. The result has that shape. Integers wrap on overflow, floats follow IEEE 754, a NaN is
    /// the canonical one.
    ///
    /// # Errors
    /// [`KernelError::Run`] for inputs that do not fit, named, and for an integer division by zero, with the element.
    pub fn evaluate(&self, inputs: &[Tensor]) -> Result<Tensor, KernelError> {
        evaluate::evaluate(&self.typed, &self.params, inputs)
            .map_err(|message| KernelError::Run { kernel: self.name.clone(), message })
    }

    /// The JSON form, as `kernel.schema.json` describes it; equal kernels give equal text.
    ///
    /// # Errors
    /// [`KernelError::Json`] when it cannot be written.
    pub fn to_json(&self) -> Result<String, KernelError> {
        serde_json::to_string_pretty(&self.schema).map_err(|e| KernelError::Json(e.to_string()))
    }

    /// Reads the JSON form and checks it as a source is checked.
    ///
    /// # Errors
    /// [`KernelError::Version`] for another version, [`KernelError::Json`] for what is no kernel's JSON form, and what
    /// breaks the rules of the language.
    pub fn from_json(text: &str) -> Result<Self, KernelError> {
        if text.len() > JSON_BYTES_MAX {
            return Err(KernelError::Json(format!("{} bytes, over {JSON_BYTES_MAX}", text.len())));
        }
        let json = |e: serde_json::Error| KernelError::Json(e.to_string());
        // The version is read first, so that a newer form is refused by its version and not by what it has added.
        let value: serde_json::Value = serde_json::from_str(text).map_err(json)?;
        match value.get("version").map(serde_json::Value::as_u64) {
            Some(Some(SCHEMA_VERSION)) => {}
            Some(Some(found)) => return Err(KernelError::Version { found, supported: SCHEMA_VERSION }),
            _ => return Err(KernelError::Json("no `version`, which is a whole number".into())),
        }
        let schema: Schema = serde_json::from_value(value).map_err(json)?;
        let file = format!("kernel {}", schema.name);
        Self::new(&file, schema)
    }
}
