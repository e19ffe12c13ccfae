//! [TfIdfVectorizer](https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html): how often known n-grams stand in a text.

use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    family::movement::select::size_of,
};
use std::{collections::HashMap, hash::Hash, sync::Arc};

/// How counts are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// The count.
    Tf,
    /// The weight of each n-gram that stands at all.
    Idf,
    /// The count times the weight.
    TfIdf,
}

/// The columns and weights of each n-gram.
pub type Grams<T> = HashMap<Vec<T>, Vec<(usize, f32)>>;

/// The n-grams that are looked for.
#[derive(Debug)]
pub enum Pool {
    /// Of integers.
    Ints(Grams<i64>),
    /// Of strings.
    Strings(Grams<String>),
}

/// Counts n-grams with gaps of up to `skips` items in `[C]` or each row of `[N, C]`.
#[derive(Debug)]
pub struct TfIdfVectorizer {
    /// How counts are weighted.
    pub weighting: Weighting,
    /// The shortest n-gram.
    pub shortest: usize,
    /// The longest n-gram.
    pub longest: usize,
    /// The most items between neighbours of an n-gram.
    pub skips: usize,
    /// The number of columns.
    pub width: usize,
    /// The n-grams that are looked for.
    pub pool: Pool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let weighting = match a.required("mode", crate::Attributes::string)?.as_str() {
        "TF" => Weighting::Tf,
        "IDF" => Weighting::Idf,
        "TFIDF" => Weighting::TfIdf,
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'; TF, IDF or TFIDF"))),
    };
    let size = |name: &str| {
        size_of(a.required(name, crate::Attributes::int)?).map_err(|e| e.at(format!("attribute '{name}'")))
    };
    let (shortest, longest, skips) = (size("min_gram_length")?, size("max_gram_length")?, size("max_skip_count")?);
    if shortest == 0 || shortest > longest {
        return Err(Error::invalid(format!("n-grams of {shortest} to {longest} items")));
    }
    let counts: Vec<i64> = a.required("ngram_counts", crate::Attributes::ints)?;
    let starts = counts.into_iter().map(size_of).collect::<Result<Vec<_>>>()?;
    let columns: Vec<i64> = a.required("ngram_indexes", crate::Attributes::ints)?;
    let columns = columns.into_iter().map(size_of).collect::<Result<Vec<_>>>()?;
    let weights = a.floats("weights")?.unwrap_or_else(|| vec![1.0; columns.len()]);
    if weights.len() != columns.len() {
        return Err(Error::invalid(format!("{} weights for {} n-grams", weights.len(), columns.len())));
    }
    let width = columns.iter().max().map_or(0, |m| m.saturating_add(1));
    if width > 1 << 31 {
        return Err(Error::Exhausted(format!("attribute 'ngram_indexes' asks for {width} columns")));
    }
    let pool = match (a.ints("pool_int64s")?, a.strings("pool_strings")?) {
        (Some(p), None) => Pool::Ints(table(&p, &starts, &columns, &weights)?),
        (None, Some(p)) => Pool::Strings(table(&p, &starts, &columns, &weights)?),
        _ => return Err(Error::invalid("exactly one of 'pool_int64s' and 'pool_strings' is needed")),
    };
    Ok(Arc::new(TfIdfVectorizer { weighting, shortest, longest, skips, width, pool }))
}

/// The pool as a table: section `i` holds n-grams of `i + 1` items.
fn table<T: Hash + Eq + Clone>(pool: &[T], starts: &[usize], columns: &[usize], weights: &[f32]) -> Result<Grams<T>> {
    let mut table: Grams<T> = HashMap::new();
    let mut entry = columns.iter().copied().zip(weights.iter().copied());
    for (i, start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(pool.len());
        let section = pool.get(*start..end).filter(|s| s.len() % (i + 1) == 0);
        let section = section.ok_or_else(|| {
            Error::invalid(format!("attribute 'ngram_counts': section {i} is no list of {}-grams", i + 1))
        })?;
        for gram in section.chunks(i + 1) {
            let at =
                entry.next().ok_or_else(|| Error::invalid("attribute 'ngram_indexes' is shorter than the pool"))?;
            table.entry(gram.to_vec()).or_default().push(at);
        }
    }
    Ok(table)
}

impl TfIdfVectorizer {
    fn count<T: Hash + Eq + Clone>(&self, items: &[T], table: &Grams<T>, out: &mut [f32]) {
        let mut counts: HashMap<usize, (f32, f32)> = HashMap::new();
        let longest = self.longest.min(items.len());
        for n in self.shortest..=longest {
            // Single items have no gaps: skips would only count them again.
            let steps = if n == 1 { 1 } else { self.skips.saturating_add(1).min(items.len()) };
            for step in 1..=steps {
                let Some(reach) = (n - 1).checked_mul(step) else { break };
                for start in 0..items.len().saturating_sub(reach) {
                    let gram: Vec<T> = (0..n).map(|k| items[start + k * step].clone()).collect();
                    for (column, weight) in table.get(&gram).into_iter().flatten() {
                        counts.entry(*column).or_insert((0.0, *weight)).0 += 1.0;
                    }
                }
            }
        }
        for (column, (count, weight)) in counts {
            out[column] = match self.weighting {
                Weighting::Tf => count,
                Weighting::Idf => weight,
                Weighting::TfIdf => count * weight,
            };
        }
    }
}

impl Operator for TfIdfVectorizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        match self.pool {
            Pool::Ints(_) => inputs.dtype_where(0, "an integer", DType::is_integer)?,
            Pool::Strings(_) => inputs.dtype_where(0, "string", |d| d == DType::String)?,
        };
        let shape = match inputs.shape(0)? {
            Some([_]) => Some(vec![Dim::Known(self.width)]),
            Some([n, _]) => Some(vec![n.clone(), Dim::Known(self.width)]),
            Some(s) => return Err(Error::invalid(format!("rank {} where 1 or 2 is expected", s.len()))),
            None => None,
        };
        Ok(vec![Fact::tensor(DType::F32, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns, shape) = match x.shape() {
            [c] => (1, *c, vec![self.width]),
            [n, c] => (*n, *c, vec![*n, self.width]),
            other => return Err(Error::invalid(format!("shape {other:?} where [C] or [N, C] is expected"))),
        };
        let count = crate::tensor::check_elements(&shape, crate::Limits::default().elements)?;
        let mut out = vec![0.0f32; count];
        let part = |r: usize| r * columns..(r + 1) * columns;
        let place = |r: usize| r * self.width..(r + 1) * self.width;
        match &self.pool {
            Pool::Ints(table) => {
                let v = x.to_i64_vec()?;
                (0..rows).for_each(|r| self.count(&v[part(r)], table, &mut out[place(r)]));
            }
            Pool::Strings(table) => {
                let v: Vec<String> = x.as_strings()?.iter().flatten().map(str::to_owned).collect();
                (0..rows).for_each(|r| self.count(&v[part(r)], table, &mut out[place(r)]));
            }
        }
        Ok(vec![Tensor::from_vec(shape, out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = inputs.get(0).and_then(Fact::shape).map(<[_]>::len);
        let found = match (rows.first(), rank) {
            (Some(Rows::Free), _) => Rows::Free,
            (Some(Rows::Axis(0)), Some(2)) => Rows::Axis(0),
            _ => Rows::Mixed,
        };
        vec![found; outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn counts_n_grams_with_skips() {
        let ints = |v: &[i64]| Attribute::Ints(v.to_vec());
        let base = |mode: &str, min: i64, max: i64, skips: i64| {
            vec![
                ("mode", Attribute::String(mode.into())),
                ("min_gram_length", Attribute::Int(min)),
                ("max_gram_length", Attribute::Int(max)),
                ("max_skip_count", Attribute::Int(skips)),
                ("ngram_counts", ints(&[0, 4])),
                ("ngram_indexes", ints(&[0, 1, 2, 3, 4, 5, 6])),
            ]
        };
        let pool = ("pool_int64s", ints(&[2, 3, 5, 4, 5, 6, 7, 8, 6, 7]));
        let x = i64s(&[12], &[1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8]);
        for (min, max, skips, expected) in [
            (2, 2, 0, [0.0f32, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
            (2, 2, 5, [0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 1.0]),
            (1, 2, 5, [0.0, 3.0, 1.0, 0.0, 1.0, 3.0, 1.0]),
        ] {
            let attributes = [base("TF", min, max, skips), vec![pool.clone()]].concat();
            assert_eq!(run("TfIdfVectorizer", 9, &attributes, &[x.clone()]).unwrap(), f32s(&[7], &expected));
        }
        let words = ["two", "three", "five", "four", "five", "six", "seven", "eight", "six", "seven"];
        let pool = ("pool_strings", Attribute::Strings(words.map(String::from).to_vec()));
        let weights = ("weights", Attribute::Floats(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]));
        let attributes = [base("TFIDF", 1, 1, 0), vec![pool, weights]].concat();
        let x = Tensor::from_string_iter([2, 2], ["three", "three", "five", "none"]).unwrap();
        let got = run("TfIdfVectorizer", 9, &attributes, &[x]).unwrap();
        assert_eq!(got, f32s(&[2, 7], &[0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0]));
        assert!(run("TfIdfVectorizer", 9, &base("TF", 1, 2, 0), &[i64s(&[1], &[1])]).is_err());
    }
}
