//! [Tokenizer](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Tokenizer): texts
//! cut into tokens by separators, by an expression, or into characters.

use crate::{
    Attributes, DType, Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Tensor, Value, fact::Facts,
    tensor::check_elements,
};
use regex::Regex;
use regex_automata::{
    Anchored, Input, MatchKind,
    nfa::thompson::pikevm::{Cache, PikeVM},
    util::primitives::NonMaxUsize,
};
use std::sync::Arc;

/// The tokens of each text along a new last axis, as many as the text with most has, the others filled up.
///
/// Expressions match the leftmost longest text, as RE2 does when it is asked to; what an expression matches without a
/// character is no token. Where no text has a token the new axis is empty, also between marks.
#[derive(Debug)]
pub struct Tokenizer {
    /// Whether the text U+0002 stands before the tokens of each text and U+0003 after them.
    pub mark: bool,
    /// What fills up.
    pub pad: String,
    /// Shorter tokens are left out; in characters.
    pub least: usize,
    /// Where tokens are found.
    pub cut: Cut,
}

/// Where tokens are found.
#[derive(Debug)]
pub enum Cut {
    /// Each character is one.
    Characters,
    /// They lie between matches of these expressions, which are applied one after the other.
    Between(Vec<Longest>),
    /// They are the matches of this expression.
    Matches(Longest),
}

/// An expression whose leftmost longest match is found.
#[derive(Debug, Clone)]
pub struct Longest {
    /// Finds where the leftmost match begins.
    first: Regex,
    /// Finds where the longest match from there ends.
    all: PikeVM,
}

impl Longest {
    fn new(pattern: &str, attribute: &str) -> Result<Self> {
        let wrong = |e: &dyn std::fmt::Display| Error::invalid(format!("attribute '{attribute}' '{pattern}': {e}"));
        let first = Regex::new(pattern).map_err(|e| wrong(&e))?;
        let config = PikeVM::config().match_kind(MatchKind::All);
        let all = PikeVM::builder().configure(config).build(pattern).map_err(|e| wrong(&e))?;
        Ok(Self { first, all })
    }

    /// The first match with a character in it from a byte on.
    fn find(&self, text: &str, from: usize, cache: &mut Cache) -> Option<std::ops::Range<usize>> {
        let mut from = from;
        loop {
            let start = self.first.find_at(text, from)?.start();
            let input = Input::new(text).span(start..text.len()).anchored(Anchored::Yes);
            let mut slots: [Option<NonMaxUsize>; 2] = [None; 2];
            self.all.search_slots(cache, &input, &mut slots);
            let end = slots[1].map_or(start, NonMaxUsize::get);
            if end > start {
                return Some(start..end);
            }
            from = start + text[start..].chars().next()?.len_utf8();
        }
    }
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let least = a.required("mincharnum", Attributes::int)?;
    let least = usize::try_from(least).ok().filter(|n| *n > 0);
    let least = least.ok_or_else(|| Error::invalid("attribute 'mincharnum' is not positive"))?;
    let separators = a.strings_or("separators", Vec::new())?;
    let cut = match (separators.as_slice(), a.string("tokenexp")?.as_deref()) {
        ([only], _) if only.is_empty() => Cut::Characters,
        ([], Some(".")) => Cut::Characters,
        ([], Some("")) => return Err(Error::invalid("attribute 'tokenexp' is empty")),
        ([], Some(pattern)) => Cut::Matches(Longest::new(pattern, "tokenexp")?),
        ([], None) => return Err(Error::invalid("one of the attributes 'separators' and 'tokenexp' is required")),
        (list, _) => {
            let all: Vec<Longest> = list.iter().map(|p| Longest::new(p, "separators")).collect::<Result<_>>()?;
            if let Some((_, pattern)) = all.iter().zip(list).find(|(e, _)| e.first.is_match("")) {
                let message = format!("attribute 'separators' '{pattern}': it matches between any two characters");
                return Err(Error::unsupported(message));
            }
            Cut::Between(all)
        }
    };
    if least > 1 && matches!(cut, Cut::Characters) {
        return Err(Error::invalid(format!("attribute 'mincharnum' is {least} where tokens are single characters")));
    }
    let mark = a.required("mark", |a, name| Ok(a.int(name)?.map(|n| n != 0)))?;
    Ok(Arc::new(Tokenizer { mark, pad: a.required("pad_value", Attributes::string)?, least, cut }))
}

impl Tokenizer {
    /// Room for the searches of each expression.
    fn caches(&self) -> Vec<Cache> {
        match &self.cut {
            Cut::Characters => Vec::new(),
            Cut::Between(list) => list.iter().map(|e| e.all.create_cache()).collect(),
            Cut::Matches(e) => vec![e.all.create_cache()],
        }
    }

    /// The tokens of one text.
    fn tokens<'a>(&self, text: &'a str, caches: &mut [Cache]) -> Vec<&'a str> {
        let mut tokens: Vec<&'a str> = match &self.cut {
            Cut::Characters => text.split("").filter(|c| !c.is_empty()).collect(),
            Cut::Matches(expression) => {
                let (mut found, mut from) = (Vec::new(), 0);
                while let Some(at) = caches.first_mut().and_then(|c| expression.find(text, from, c)) {
                    from = at.end;
                    found.push(&text[at]);
                }
                found
            }
            Cut::Between(list) => list.iter().zip(caches).fold(vec![text], |parts, (expression, cache)| {
                let mut next = Vec::with_capacity(parts.len());
                for part in parts {
                    let mut from = 0;
                    while let Some(at) = expression.find(part, from, cache) {
                        next.push(&part[from..at.start]);
                        from = at.end;
                    }
                    next.push(&part[from..]);
                }
                next
            }),
        };
        tokens.retain(|t| t.chars().take(self.least).count() == self.least);
        tokens
    }
}

impl Operator for Tokenizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "string", |d| d == DType::String)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(DType::String, None)]) };
        check_rank(shape.len())?;
        Ok(vec![Fact::tensor(DType::String, Some(shape.iter().cloned().chain([Dim::Unknown]).collect()))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        check_rank(x.rank())?;
        let mut caches = self.caches();
        let texts: Vec<Vec<&str>> =
            x.as_strings()?.iter().flatten().map(|text| self.tokens(text, &mut caches)).collect();
        let most = texts.iter().map(Vec::len).max().unwrap_or(0);
        let width = if most == 0 { 0 } else { most + 2 * usize::from(self.mark) };
        let shape: Vec<usize> = x.shape().iter().copied().chain([width]).collect();
        check_elements(&shape, Limits::default().elements)?;
        let mut out: Vec<&str> = Vec::with_capacity(texts.len() * width);
        for tokens in texts {
            if width == 0 {
                continue;
            }
            let end = out.len() + width;
            out.extend(self.mark.then_some("\u{2}"));
            out.extend(tokens);
            out.extend(self.mark.then_some("\u{3}"));
            out.resize(end, &self.pad);
        }
        Ok(vec![Tensor::from_string_iter(shape, out)?.into()])
    }
}

fn check_rank(rank: usize) -> Result<()> {
    match rank {
        1 | 2 => Ok(()),
        _ => Err(Error::invalid(format!("input 0 has {rank} dimensions; one or two are expected"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::nn::testing::run_in};

    /// The tokens, row after row, as onnxruntime gives them.
    fn tokens(texts: &[&str], least: i64, how: (&str, Attribute), mark: bool) -> crate::Result<(Vec<usize>, String)> {
        let x = Tensor::from_string_iter([texts.len()], texts.iter().copied())?;
        let attributes =
            [("mark", i64::from(mark).into()), ("mincharnum", least.into()), ("pad_value", "#".into()), (how.0, how.1)];
        let y = run_in("com.microsoft", "Tokenizer", 1, &attributes, &[Some(x)], 1)?.remove(0);
        let words: Vec<&str> = y.as_strings()?.iter().flatten().collect();
        Ok((y.shape().to_vec(), words.join("|")))
    }

    #[test]
    fn cuts_as_onnxruntime_does() {
        let between = |list: &[&str]| ("separators", Attribute::Strings(list.iter().map(|s| s.to_string()).collect()));
        let matches = |pattern: &str| ("tokenexp", pattern.into());
        let cases = [
            (&["abc", "de"][..], 1, between(&[""]), true, [2, 5], "\u{2}|a|b|c|\u{3}|\u{2}|d|e|\u{3}|#"),
            (&["a\nb"], 1, matches("."), false, [1, 3], "a|\n|b"),
            (&["a b,c", " x,,yy "], 1, between(&[" ", ","]), false, [2, 3], "a|b|c|x|yy|#"),
            (&["a b,cc", " xxx,,yy "], 2, between(&[" ", ","]), true, [2, 4], "\u{2}|cc|\u{3}|#|\u{2}|xxx|yy|\u{3}"),
            (&["aab aabb"], 1, between(&["a", "ab"]), false, [1, 2], "b |bb"),
            (&["aab aabb"], 1, between(&["ab", "a"]), false, [1, 2], " |b"),
            (&["abcabc"], 1, matches("a|abc"), false, [1, 2], "abc|abc"),
            (&["abcabc"], 1, between(&["b|bc"]), false, [1, 2], "a|a"),
            (&["baab"], 1, matches("a*"), false, [1, 1], "aa"),
            (&["Абв где", "中 文字"], 2, between(&[" "]), false, [2, 2], "Абв|где|文字|#"),
            (&["", "a b"], 1, between(&[" "]), true, [2, 4], "\u{2}|\u{3}|#|#|\u{2}|a|b|\u{3}"),
            (&["", ""], 1, between(&[" "]), true, [2, 0], ""),
            (&["a b", "cc"], 9, between(&[" "]), true, [2, 0], ""),
        ];
        for (texts, least, how, mark, shape, want) in cases {
            let got = tokens(texts, least, how.clone(), mark).unwrap();
            assert_eq!(got, (shape.to_vec(), want.to_owned()), "{texts:?} by {how:?}");
        }
        for (least, how) in
            [(0, between(&[" "])), (2, between(&[""])), (1, between(&["("])), (1, between(&[" *"])), (1, matches(""))]
        {
            assert!(tokens(&["x"], least, how.clone(), false).is_err(), "{least} {how:?}");
        }
    }
}
