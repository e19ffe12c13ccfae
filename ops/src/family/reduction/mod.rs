//! Operators that combine elements along axes.

mod arg;
mod cumulative;
mod det;
mod einsum;
mod reduce;
mod top_k;

pub use arg::Arg;
pub use cumulative::Cumulative;
pub use det::Det;
pub use einsum::{Einsum, Label};
pub use reduce::{Reduce, ReduceKind};
pub use top_k::TopK;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "ArgMax", since: 1, parse: arg::parse },
    OpRow { domain: "", op: "ArgMin", since: 1, parse: arg::parse },
    OpRow { domain: "", op: "CumProd", since: 26, parse: cumulative::parse },
    OpRow { domain: "", op: "CumSum", since: 11, parse: cumulative::parse },
    OpRow { domain: "", op: "Det", since: 11, parse: det::parse },
    OpRow { domain: "", op: "Einsum", since: 12, parse: einsum::parse },
    OpRow { domain: "", op: "ReduceL1", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceL1", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceL2", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceL2", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceLogSum", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceLogSum", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceLogSumExp", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceLogSumExp", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceMax", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceMax", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceMean", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceMean", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceMin", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceMin", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceProd", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceProd", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceSum", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceSum", since: 13, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceSumSquare", since: 1, parse: reduce::parse },
    OpRow { domain: "", op: "ReduceSumSquare", since: 18, parse: reduce::parse },
    OpRow { domain: "", op: "TopK", since: 1, parse: top_k::parse },
    OpRow { domain: "", op: "TopK", since: 10, parse: top_k::parse },
    OpRow { domain: "", op: "TopK", since: 11, parse: top_k::parse },
];
