//! [RegexFullMatch](https://onnx.ai/onnx/operators/onnx__RegexFullMatch.html): whether whole strings match a pattern.

use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use regex::Regex;
use std::sync::Arc;

/// Whether each string matches from its beginning to its end. Both RE2 and the `regex` crate match in linear time and
/// share their syntax; patterns that only RE2 reads are an error when the node is parsed.
#[derive(Debug)]
pub struct RegexFullMatch {
    /// The pattern, anchored at both ends.
    pub pattern: Regex,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let pattern = node.attributes.required("pattern", crate::Attributes::string)?;
    let pattern = Regex::new(&format!(r"\A(?:{pattern})\z"))
        .map_err(|e| Error::invalid(format!("attribute 'pattern' '{pattern}': {e}")))?;
    Ok(Arc::new(RegexFullMatch { pattern }))
}

impl Operator for RegexFullMatch {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "string", |d| d == DType::String)?;
        Ok(vec![Fact::tensor(DType::Bool, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let found = x.as_strings()?.iter().flatten().map(|s| self.pattern.is_match(s)).collect();
        Ok(vec![Tensor::from_vec::<bool>(x.shape(), found)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        vec![rows.first().copied().unwrap_or(Rows::Mixed); outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn matches_whole_strings() {
        let x = Tensor::from_string_iter([2, 2], ["www.google.com", "www.google.com.au", "a\n", "a"]).unwrap();
        let go = |p: &str| run("RegexFullMatch", 20, &[("pattern", Attribute::String(p.into()))], &[x.clone()]);
        let flags = |v: [bool; 4]| Tensor::from_vec([2, 2], v.to_vec()).unwrap();
        assert_eq!(go(r"www\.[\w.-]+\.com").unwrap(), flags([true, false, false, false]));
        assert_eq!(go("a|b").unwrap(), flags([false, false, false, true]));
        assert!(go("(").is_err());
    }
}
