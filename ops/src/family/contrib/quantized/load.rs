//! What is refused when a node is loaded: everything that its operator would not read.

use crate::{Error, Node, Result};
use std::ops::RangeInclusive;

/// Refuses attributes but these, and other numbers of inputs.
///
/// # Errors
/// [`Error::Unsupported`] naming the attribute, [`Error::Invalid`] for the number of inputs.
pub(super) fn only(node: &Node<'_>, attributes: &[&str], inputs: RangeInclusive<usize>) -> Result<()> {
    if let Some((name, _)) = node.attributes.iter().find(|(name, _)| !attributes.contains(name)) {
        return Err(Error::unsupported(format!("attribute '{name}'")));
    }
    if !inputs.contains(&node.inputs) {
        let (least, most) = (inputs.start(), inputs.end());
        return Err(Error::invalid(format!("{} inputs where {least} to {most} are expected", node.inputs)));
    }
    Ok(())
}

/// Refuses a flag that is set.
///
/// # Errors
/// [`Error::Unsupported`] naming the attribute.
pub(super) fn unset(node: &Node<'_>, name: &str) -> Result<()> {
    match node.attributes.int_or(name, 0)? {
        0 => Ok(()),
        n => Err(Error::unsupported(format!("attribute '{name}' of {n}; only 0 is read"))),
    }
}
