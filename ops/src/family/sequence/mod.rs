//! Sequences and optionals.

mod access;
mod build;
mod concat;
mod map;
mod optional;
mod split;

pub use access::SequenceAccess;
pub use build::{SequenceConstruct, SequenceEmpty};
pub use concat::ConcatFromSequence;
pub use map::SequenceMap;
pub use optional::OptionalAccess;
pub use split::SplitToSequence;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "ConcatFromSequence", since: 11, parse: concat::parse },
    OpRow { domain: "", op: "Optional", since: 15, parse: optional::parse },
    OpRow { domain: "", op: "OptionalGetElement", since: 15, parse: optional::parse },
    OpRow { domain: "", op: "OptionalHasElement", since: 15, parse: optional::parse },
    OpRow { domain: "", op: "SequenceAt", since: 11, parse: access::parse },
    OpRow { domain: "", op: "SequenceConstruct", since: 11, parse: build::parse },
    OpRow { domain: "", op: "SequenceEmpty", since: 11, parse: build::parse_empty },
    OpRow { domain: "", op: "SequenceErase", since: 11, parse: access::parse },
    OpRow { domain: "", op: "SequenceInsert", since: 11, parse: access::parse },
    OpRow { domain: "", op: "SequenceLength", since: 11, parse: access::parse },
    OpRow { domain: "", op: "SequenceMap", since: 17, parse: map::parse },
    OpRow { domain: "", op: "SplitToSequence", since: 11, parse: split::parse },
];
