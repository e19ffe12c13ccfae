//! Tables: the answers of a finite space, worked out when the model was compiled.
//!
//! A row gives one element for each axis; each axis turns its element into a code ([`Domain`]); the codes are the digits of
//! a mixed-radix number, the last axis lowest, and that number is the row's entry. An element outside its domain has no
//! code: such a row is computed, never answered from another entry. How columns of a batch become entries is the row
//! door's work (`rows/lookup.rs`). Answers are in the archive, or come block by block when rows ask for them ([`Blocks`]).

mod blocks;
mod domain;
mod entry_rows;

pub use blocks::{BLOCK, Blocks};
pub use domain::Domain;
pub use entry_rows::EntryRows;

use crate::{Error, Port, Result, Signature};
use hologram_ops::{Dim, Tensor};

/// A table has fewer entries than this, so that an entry and a mark for "none" fit 32 bits.
pub const ENTRIES_MAX: u64 = 1 << 31;

/// A row of a table has at most so many elements.
pub const ELEMENTS_MAX: usize = 1 << 16;

/// One axis: an element of a row, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Axis {
    /// The input that the element belongs to.
    pub input: usize,
    /// The element's place in a row of that input.
    pub feature: usize,
    /// Its values and their codes.
    pub domain: Domain,
}

/// The answers of every row of a space.
#[derive(Debug)]
pub struct Table {
    axes: Vec<Axis>,
    answers: Answers,
    entries: usize,
}

/// A table's answers.
#[derive(Debug)]
enum Answers {
    /// For each output its answers, one an entry.
    Filled(Vec<Tensor>),
    /// Those that rows have asked for.
    OnDemand(Blocks),
}

impl Table {
    /// The table of some axes, highest digit first, and for each output a tensor of one answer an entry.
    ///
    /// # Errors
    /// `Invalid` where axes are not one for each element of a row, in order; where a domain is not of its element's type;
    /// where there are [`ENTRIES_MAX`] entries or more, or not as many as answers; for rows that depend on each other.
    pub fn new(axes: Vec<Axis>, answers: Vec<Tensor>, signature: &Signature) -> Result<Self> {
        let entries = checked_entries(&axes, signature)?;
        if answers.len() != signature.outputs.len() {
            return Err(Error::invalid(format!("{} answers for {} outputs", answers.len(), signature.outputs.len())));
        }
        for (answer, port) in answers.iter().zip(&signature.outputs) {
            if answer.shape().first() != Some(&entries) || port.dtype() != Some(answer.dtype()) {
                let (ty, shape) = (answer.dtype(), answer.shape());
                let message = format!("output '{}' has {ty} {shape:?} for {entries} entries of {}", port.name, port.ty);
                return Err(Error::invalid(message));
            }
        }
        Ok(Self { axes, answers: Answers::Filled(answers), entries })
    }

    /// The table of some axes whose answers are computed when rows ask for them, [`BLOCK`] entries at a time, up to so many
    /// bytes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn on_demand(axes: Vec<Axis>, bytes_max: u64, signature: &Signature) -> Result<Self> {
        let entries = checked_entries(&axes, signature)?;
        let rows = EntryRows::new(&axes, signature)?;
        Ok(Self { axes, answers: Answers::OnDemand(Blocks::new(entries, bytes_max, rows)), entries })
    }

    /// The axes, highest digit first.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// For each output its answers, one an entry, where all were filled beforehand.
    pub fn answers(&self) -> Option<&[Tensor]> {
        match &self.answers {
            Answers::Filled(answers) => Some(answers),
            Answers::OnDemand(_) => None,
        }
    }

    /// The answers that are computed when rows ask for them.
    pub fn blocks(&self) -> Option<&Blocks> {
        match &self.answers {
            Answers::Filled(_) => None,
            Answers::OnDemand(blocks) => Some(blocks),
        }
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes of the answers that are there.
    pub fn answer_bytes(&self) -> u64 {
        match &self.answers {
            Answers::Filled(answers) => answers.iter().map(|answer| answer.byte_size() as u64).sum(),
            Answers::OnDemand(blocks) => blocks.bytes(),
        }
    }

    /// By how much an axis's code is multiplied.
    pub fn stride(&self, axis: usize) -> usize {
        // Their product is the number of entries, which fits.
        self.axes[axis + 1..].iter().map(|axis| axis.domain.cardinality()).product()
    }
}

/// The number of entries of a table of some axes, which must be those of a plan's rows.
fn checked_entries(axes: &[Axis], signature: &Signature) -> Result<usize> {
    if !signature.rows.independent || signature.rows.fixed.is_some() {
        return Err(Error::invalid("the rows of the plan are not free, so that a row has no answer of its own"));
    }
    let elements = elements(signature)?;
    let places: Vec<(usize, usize)> = axes.iter().map(|axis| (axis.input, axis.feature)).collect();
    if places != elements {
        return Err(Error::invalid(format!("axes for {places:?}, and a row has {elements:?}")));
    }
    for axis in axes {
        let port = &signature.inputs[axis.input];
        if !port.dtype().is_some_and(|dtype| axis.domain.fits(dtype)) {
            return Err(Error::invalid(format!("an axis of input '{}' is not {}", port.name, port.ty)));
        }
    }
    let count = entries(axes.iter().map(|axis| &axis.domain));
    let entries = count.filter(|n| *n < ENTRIES_MAX).and_then(|n| usize::try_from(n).ok());
    entries.ok_or_else(|| Error::invalid("more entries than a table holds"))
}

/// The elements of a row, as input and place in it.
///
/// # Errors
/// `Unsupported` for an input whose rows do not have a known number of elements, or more than [`ELEMENTS_MAX`].
pub fn elements(signature: &Signature) -> Result<Vec<(usize, usize)>> {
    let mut all = Vec::new();
    for (input, port) in signature.inputs.iter().enumerate() {
        let unfit = |what: &str| {
            let message = format!("input '{}' is {}: {what}", port.name, port.ty);
            Error::new(crate::ErrorKind::Unsupported, message)
        };
        let count = width(port).ok_or_else(|| unfit("a row of it has no known number of elements"))?;
        if count > ELEMENTS_MAX - all.len() {
            return Err(unfit("a row has too many elements for a table"));
        }
        all.extend((0..count).map(|feature| (input, feature)));
    }
    Ok(all)
}

/// The number of elements that a row of an input has, when it is a scalar or a list of known length.
fn width(port: &Port) -> Option<usize> {
    match port.shape()? {
        [_] => Some(1),
        [_, Dim::Known(n)] => Some(*n),
        _ => None,
    }
}

/// The number of entries of a space; `None` where it does not fit 64 bits.
pub fn entries<'a>(domains: impl IntoIterator<Item = &'a Domain>) -> Option<u64> {
    domains.into_iter().try_fold(1_u64, |n, domain| n.checked_mul(domain.cardinality() as u64))
}
