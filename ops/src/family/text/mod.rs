//! Operators on strings.

mod concat;
mod normalizer;
mod regex_full_match;
mod split;
mod tf_idf;

pub use concat::StringConcat;
pub use normalizer::{CaseChange, StringNormalizer};
pub use regex_full_match::RegexFullMatch;
pub use split::StringSplit;
pub use tf_idf::{Grams, Pool, TfIdfVectorizer, Weighting};

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "RegexFullMatch", since: 20, parse: regex_full_match::parse },
    OpRow { domain: "", op: "StringConcat", since: 20, parse: concat::parse },
    OpRow { domain: "", op: "StringNormalizer", since: 10, parse: normalizer::parse },
    OpRow { domain: "", op: "StringSplit", since: 20, parse: split::parse },
    OpRow { domain: "", op: "TfIdfVectorizer", since: 9, parse: tf_idf::parse },
];
