//! [StringSplit](https://onnx.ai/onnx/operators/onnx__StringSplit.html): strings cut at a delimiter.

use crate::{
    DType, Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    tensor::check_elements,
};
use std::sync::Arc;

/// Cuts each string; the parts lie along a new last axis, filled up with empty strings, beside the number of each.
///
/// Without a delimiter, runs of white space separate and none is left at the ends.
#[derive(Debug)]
pub struct StringSplit {
    /// The delimiter; empty for white space.
    pub delimiter: String,
    /// The greatest number of cuts.
    pub most: Option<usize>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let most = match node.attributes.int("maxsplit")? {
        None => None,
        Some(n) => Some(usize::try_from(n).map_err(|_| Error::invalid(format!("attribute 'maxsplit' is {n}")))?),
    };
    Ok(Arc::new(StringSplit { delimiter: node.attributes.string_or("delimiter", String::new())?, most }))
}

impl StringSplit {
    /// The parts of one string.
    pub fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if !self.delimiter.is_empty() {
            if text.is_empty() {
                return Vec::new();
            }
            return match self.most {
                Some(n) => text.splitn(n.saturating_add(1), self.delimiter.as_str()).collect(),
                None => text.split(self.delimiter.as_str()).collect(),
            };
        }
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            if self.most.is_some_and(|n| parts.len() >= n) {
                parts.push(rest);
                break;
            }
            let (head, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            parts.push(head);
            rest = tail.trim_start();
        }
        parts
    }
}

impl Operator for StringSplit {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "string", |d| d == DType::String)?;
        let shape = inputs.shape(0)?;
        let parts = shape.map(|s| s.iter().cloned().chain([Dim::Unknown]).collect());
        Ok(vec![Fact::tensor(DType::String, parts), Fact::tensor(DType::I64, shape.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let parts: Vec<Vec<&str>> = x.as_strings()?.iter().flatten().map(|s| self.parts(s)).collect();
        let widest = parts.iter().map(Vec::len).max().unwrap_or(0);
        let shape = [x.shape(), &[widest]].concat();
        check_elements(&shape, Limits::default().elements)?;
        let counts = parts.iter().map(|p| p.len() as i64).collect();
        let all = parts.into_iter().flat_map(|p| p.into_iter().chain(std::iter::repeat("")).take(widest));
        Ok(vec![Tensor::from_string_iter(shape, all)?.into(), Tensor::from_vec(x.shape(), counts)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // The width of the first output depends on every row; the counts do not.
        let of = |i: usize| match rows.first() {
            Some(Rows::Free) => Rows::Free,
            Some(Rows::Axis(a)) if i == 1 => Rows::Axis(*a),
            _ => Rows::Mixed,
        };
        (0..outputs.len()).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn cuts_and_fills_up() {
        let s = |shape: &[usize], v: &[&str]| Tensor::from_string_iter(shape, v).unwrap();
        let delimiter = |d: &str| ("delimiter", Attribute::String(d.into()));
        let most = ("maxsplit", Attribute::Int(1));
        for (attributes, x, parts, counts) in [
            (
                vec![delimiter(".")],
                s(&[2], &["abc.com", "abc.x.net"]),
                s(&[2, 3], &["abc", "com", "", "abc", "x", "net"]),
                i64s(&[2], &[2, 3]),
            ),
            (
                vec![delimiter("-"), most.clone()],
                s(&[2], &["a-b-c", "-d"]),
                s(&[2, 2], &["a", "b-c", "", "d"]),
                i64s(&[2], &[2, 2]),
            ),
            (vec![], s(&[2], &["  hello   world ", ""]), s(&[2, 2], &["hello", "world", "", ""]), i64s(&[2], &[2, 0])),
            (vec![most], s(&[1], &[" a  b c"]), s(&[1, 2], &["a", "b c"]), i64s(&[1], &[2])),
            (vec![], s(&[0], &[]), s(&[0, 0], &[]), i64s(&[0], &[])),
        ] {
            let got = run_values("StringSplit", 20, &attributes, &[Some(x.into())], 2).unwrap();
            assert_eq!(got, [parts.into(), counts.into()]);
        }
        assert!(run("StringSplit", 20, &[("maxsplit", Attribute::Int(-1))], &[s(&[1], &["a"])]).is_err());
    }
}
