//! Kernel schemas: definitions of kernels in a subset of Python's syntax, as JSON, as a typed form.
//!
//! A source is read without running any Python: [`parse`] gives its functions as [`Kernel`]s, each with a versioned
//! JSON form ([`Kernel::to_json`], described by `kernel.schema.json`) and a typed form that is launched over elements
//! ([`Kernel::evaluate`]). Whatever is outside the subset is an error with file, line and column. [`stdlib`] are the
//! kernels that go along with the library.
//!
//! ```
//! use hologram_ops::Tensor;
//! let source = "def scaled(x: f32, by: f32) -> f32:\n    return x * by + 0.5\n";
//! let kernels = hologram_kernels::parse("scaled.py", source)?;
//! let x = Tensor::from_vec([2], vec![1.0f32, 2.0])?;
//! let y = kernels[0].evaluate(&[x, Tensor::scalar(10.0f32)])?;
//! assert_eq!(y.as_slice::<f32>()?, [10.5, 20.5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod error;
mod evaluate;
mod function;
mod ir;
mod kernel;
mod lexer;
mod operator;
mod parser;
mod schema;
mod stdlib;
#[cfg(test)]
mod tests;

pub use error::KernelError;
pub use kernel::Kernel;
pub use operator::{DOMAIN, KernelOperator, OPERATORS};
pub use schema::{Domain, Param, SCHEMA_VERSION};
pub use stdlib::{SOURCES, stdlib};

/// The kernels of a source, in its order. `file` is for messages and is not read.
///
/// # Errors
/// [`KernelError::Source`] with the first place that is outside the language or breaks its rules.
pub fn parse(file: &str, text: &str) -> Result<Vec<Kernel>, KernelError> {
    let mut kernels: Vec<Kernel> = Vec::new();
    for schema in parser::module(file, text)? {
        if kernels.iter().any(|k| k.name == schema.name) {
            return Err(lexer::error_at(file, schema.at, format!("kernel `{}` is defined twice", schema.name)));
        }
        kernels.push(Kernel::new(file, schema)?);
    }
    Ok(kernels)
}
