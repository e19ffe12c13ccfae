//! Functions of one element that networks put between layers.

mod hardswish;
mod mish;
mod relu;
mod sigmoid;
mod softplus;
mod softsign;
mod tanh;

pub use hardswish::HardSwish;
pub use mish::Mish;
pub use relu::Relu;
pub use sigmoid::Sigmoid;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use tanh::Tanh;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "HardSwish", since: 14, parse: hardswish::parse },
    OpRow { domain: "", op: "HardSwish", since: 22, parse: hardswish::parse },
    OpRow { domain: "", op: "Mish", since: 18, parse: mish::parse },
    OpRow { domain: "", op: "Mish", since: 22, parse: mish::parse },
    OpRow { domain: "", op: "Relu", since: 6, parse: relu::parse },
    OpRow { domain: "", op: "Relu", since: 14, parse: relu::parse },
    OpRow { domain: "", op: "Sigmoid", since: 6, parse: sigmoid::parse },
    OpRow { domain: "", op: "Softplus", since: 1, parse: softplus::parse },
    OpRow { domain: "", op: "Softplus", since: 22, parse: softplus::parse },
    OpRow { domain: "", op: "Softsign", since: 1, parse: softsign::parse },
    OpRow { domain: "", op: "Softsign", since: 22, parse: softsign::parse },
    OpRow { domain: "", op: "Tanh", since: 6, parse: tanh::parse },
];
