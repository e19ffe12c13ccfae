//! Operators with subgraphs.

pub mod body;
mod if_;
mod loop_;
mod scan;

pub use body::Body;
pub use if_::If;
pub use loop_::Loop;
pub use scan::Scan;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "If", since: 1, parse: if_::parse },
    OpRow { domain: "", op: "Loop", since: 1, parse: loop_::parse },
    OpRow { domain: "", op: "Scan", since: 8, parse: scan::parse },
    OpRow { domain: "", op: "Scan", since: 9, parse: scan::parse },
];
