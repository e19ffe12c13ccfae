//! [StringNormalizer](https://onnx.ai/onnx/operators/onnx__StringNormalizer.html): stop words removed, case changed.

use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::{collections::BTreeSet, sync::Arc};

/// How case is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseChange {
    /// Not at all.
    None,
    /// To lower case.
    Lower,
    /// To upper case.
    Upper,
}

/// Removes stop words from `[C]` or `[1, C]` strings, then changes case (by Unicode's rules, whatever the locale).
/// When nothing is left, one empty string is.
#[derive(Debug)]
pub struct StringNormalizer {
    /// How case is changed.
    pub case: CaseChange,
    /// Whether stop words match by case.
    pub case_sensitive: bool,
    /// The words to remove; in lower case when case does not matter.
    pub stop_words: BTreeSet<String>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let case = match a.string_or("case_change_action", "NONE".into())?.as_str() {
        "NONE" => CaseChange::None,
        "LOWER" => CaseChange::Lower,
        "UPPER" => CaseChange::Upper,
        other => {
            return Err(Error::invalid(format!("attribute 'case_change_action' is '{other}'; LOWER, UPPER or NONE")));
        }
    };
    let case_sensitive = a.flag_or("is_case_sensitive", false)?;
    let words = a.strings_or("stopwords", Vec::new())?;
    let stop_words = words.into_iter().map(|w| if case_sensitive { w } else { w.to_lowercase() }).collect();
    Ok(Arc::new(StringNormalizer { case, case_sensitive, stop_words }))
}

impl Operator for StringNormalizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "string", |d| d == DType::String)?;
        let shape = inputs.shape(0)?.map(|s| {
            let mut s = s.to_vec();
            if let Some(last) = s.last_mut().filter(|d| !self.stop_words.is_empty() || d.known().is_none_or(|n| n == 0))
            {
                *last = Dim::Unknown;
            }
            s
        });
        Ok(vec![Fact::tensor(DType::String, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let lead: &[usize] = match x.shape() {
            [_] => &[],
            [1, _] => &[1],
            other => return Err(Error::invalid(format!("shape {other:?} where [C] or [1, C] is expected"))),
        };
        let stops = |s: &str| {
            if self.case_sensitive { self.stop_words.contains(s) } else { self.stop_words.contains(&s.to_lowercase()) }
        };
        let mut out: Vec<String> = x
            .as_strings()?
            .iter()
            .flatten()
            .filter(|s| !stops(s))
            .map(|s| match self.case {
                CaseChange::None => s.to_owned(),
                CaseChange::Lower => s.to_lowercase(),
                CaseChange::Upper => s.to_uppercase(),
            })
            .collect();
        if out.is_empty() {
            out.push(String::new());
        }
        Ok(vec![Tensor::from_string_iter([lead, &[out.len()]].concat(), out)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn removes_and_changes() {
        let s = |v: &[&str]| Tensor::from_string_iter([v.len()], v).unwrap();
        let x = s(&["monday", "Tuesday", "MONDAY", "Straße"]);
        let go = |case: &str, sensitive: i64, stop: &[&str]| {
            let attributes = [
                ("case_change_action", Attribute::String(case.into())),
                ("is_case_sensitive", Attribute::Int(sensitive)),
                ("stopwords", Attribute::Strings(stop.iter().map(|s| (*s).into()).collect())),
            ];
            run("StringNormalizer", 10, &attributes, &[x.clone()])
        };
        assert_eq!(go("NONE", 1, &["monday"]).unwrap(), s(&["Tuesday", "MONDAY", "Straße"]));
        assert_eq!(go("UPPER", 0, &["Monday"]).unwrap(), s(&["TUESDAY", "STRASSE"]));
        assert_eq!(go("LOWER", 1, &[]).unwrap(), s(&["monday", "tuesday", "monday", "straße"]));
        assert_eq!(go("NONE", 0, &["monday", "tuesday", "straße"]).unwrap(), s(&[""]));
        assert!(go("TITLE", 0, &[]).is_err());
        let x = Tensor::from_string_iter([2, 1], ["a", "b"]).unwrap();
        assert!(run("StringNormalizer", 10, &[], &[x]).is_err());
    }
}
