//! Random numbers with seeds.

mod bernoulli;
pub mod generator;
mod multinomial;
mod random_normal;
mod random_normal_like;
mod random_uniform;
mod random_uniform_like;

pub use bernoulli::Bernoulli;
pub use generator::Generator;
pub use multinomial::Multinomial;
pub use random_normal::RandomNormal;
pub use random_normal_like::RandomNormalLike;
pub use random_uniform::RandomUniform;
pub use random_uniform_like::RandomUniformLike;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "Bernoulli", since: 15, parse: bernoulli::parse },
    OpRow { domain: "", op: "Multinomial", since: 7, parse: multinomial::parse },
    OpRow { domain: "", op: "RandomNormal", since: 1, parse: random_normal::parse },
    OpRow { domain: "", op: "RandomNormalLike", since: 1, parse: random_normal_like::parse },
    OpRow { domain: "", op: "RandomUniform", since: 1, parse: random_uniform::parse },
    OpRow { domain: "", op: "RandomUniformLike", since: 1, parse: random_uniform_like::parse },
];
