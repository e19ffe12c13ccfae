//! Comparisons, booleans and bits.

mod and;
mod bitwise_and;
mod bitwise_not;
mod bitwise_or;
mod bitwise_xor;
mod equal;
mod greater;
mod greaterorequal;
mod less;
mod lessorequal;
mod not;
mod or;
mod where_;
mod xor;

pub use and::And;
pub use bitwise_and::BitwiseAnd;
pub use bitwise_not::BitwiseNot;
pub use bitwise_or::BitwiseOr;
pub use bitwise_xor::BitwiseXor;
pub use equal::Equal;
pub use greater::Greater;
pub use greaterorequal::GreaterOrEqual;
pub use less::Less;
pub use lessorequal::LessOrEqual;
pub use not::Not;
pub use or::Or;
pub use where_::Where;
pub use xor::Xor;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "And", since: 1, parse: and::parse },
    OpRow { domain: "", op: "And", since: 7, parse: and::parse },
    OpRow { domain: "", op: "BitwiseAnd", since: 18, parse: bitwise_and::parse },
    OpRow { domain: "", op: "BitwiseNot", since: 18, parse: bitwise_not::parse },
    OpRow { domain: "", op: "BitwiseOr", since: 18, parse: bitwise_or::parse },
    OpRow { domain: "", op: "BitwiseXor", since: 18, parse: bitwise_xor::parse },
    OpRow { domain: "", op: "Equal", since: 1, parse: equal::parse },
    OpRow { domain: "", op: "Equal", since: 7, parse: equal::parse },
    OpRow { domain: "", op: "Equal", since: 11, parse: equal::parse },
    OpRow { domain: "", op: "Equal", since: 13, parse: equal::parse },
    OpRow { domain: "", op: "Equal", since: 19, parse: equal::parse },
    OpRow { domain: "", op: "Greater", since: 1, parse: greater::parse },
    OpRow { domain: "", op: "Greater", since: 7, parse: greater::parse },
    OpRow { domain: "", op: "Greater", since: 9, parse: greater::parse },
    OpRow { domain: "", op: "GreaterOrEqual", since: 12, parse: greaterorequal::parse },
    OpRow { domain: "", op: "GreaterOrEqual", since: 16, parse: greaterorequal::parse },
    OpRow { domain: "", op: "Less", since: 1, parse: less::parse },
    OpRow { domain: "", op: "Less", since: 7, parse: less::parse },
    OpRow { domain: "", op: "Less", since: 9, parse: less::parse },
    OpRow { domain: "", op: "LessOrEqual", since: 12, parse: lessorequal::parse },
    OpRow { domain: "", op: "LessOrEqual", since: 16, parse: lessorequal::parse },
    OpRow { domain: "", op: "Not", since: 1, parse: not::parse },
    OpRow { domain: "", op: "Or", since: 1, parse: or::parse },
    OpRow { domain: "", op: "Or", since: 7, parse: or::parse },
    OpRow { domain: "", op: "Where", since: 9, parse: where_::parse },
    OpRow { domain: "", op: "Where", since: 16, parse: where_::parse },
    OpRow { domain: "", op: "Xor", since: 1, parse: xor::parse },
    OpRow { domain: "", op: "Xor", since: 7, parse: xor::parse },
];
