//! [Multinomial](https://onnx.ai/onnx/operators/onnx__Multinomial.html): categories drawn by their log probabilities.

use super::generator::{Generator, fill, seed};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts,
    family::math::elementwise::same_float, numeric::transcendental::exp_f64,
};
use std::sync::Arc;

/// `[rows, sample_size]` categories from `[rows, categories]` unnormalised log probabilities.
///
/// Sample `j` of row `i` takes number `i * sample_size + j` of the [`Generator`] and the first category whose share of
/// the cumulated `e^(x - max)`, in doubles, lies above it.
#[derive(Debug)]
pub struct Multinomial {
    /// `i32` or `i64`.
    pub dtype: DType,
    /// How many are drawn for each row.
    pub sample_size: usize,
    /// The seed; without one every evaluation draws anew.
    pub seed: Option<u64>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let dtype = node.attributes.dtype("dtype")?.unwrap_or(DType::I32);
    if !matches!(dtype, DType::I32 | DType::I64) {
        return Err(Error::invalid(format!("attribute 'dtype' is {dtype}; i32 and i64 are allowed")));
    }
    let size = node.attributes.int_or("sample_size", 1)?;
    let sample_size = usize::try_from(size)
        .map_err(|_| Error::invalid(format!("attribute 'sample_size' is {size}; it must not be negative")))?;
    Ok(Arc::new(Multinomial { dtype, sample_size, seed: seed(node)? }))
}

/// Sums of `e^(x - max)` up to each category.
fn cumulated(row: &[f64]) -> Result<Vec<f64>> {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
    let mut sum = 0.0;
    let sums: Vec<f64> = row
        .iter()
        .map(|x| {
            sum += exp_f64(x - greatest);
            sum
        })
        .collect();
    if sum.is_finite() && sum > 0.0 { Ok(sums) } else { Err(Error::invalid("log probabilities that sum to nothing")) }
}

impl Operator for Multinomial {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        same_float(&[inputs.dtype(0)?])?;
        let rows = match inputs.shape(0)? {
            Some([rows, _]) => rows.clone(),
            Some(other) => return Err(Error::invalid(format!("input 0 has rank {} where 2 is expected", other.len()))),
            None => Dim::Unknown,
        };
        Ok(vec![Fact::tensor(self.dtype, Some(vec![rows, Dim::Known(self.sample_size)]))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let [rows, categories] = *x.shape() else {
            return Err(Error::invalid(format!("input 0 has rank {} where 2 is expected", x.rank())));
        };
        let logs: Vec<f64> = x.cast(DType::F64)?.as_slice::<f64>()?.to_vec();
        if rows > 0 && categories == 0 {
            return Err(Error::invalid("there are no categories to draw from"));
        }
        let sums = logs.chunks(categories.max(1)).map(cumulated).collect::<Result<Vec<_>>>()?;
        let generator = Generator::seeded(self.seed);
        let draw = |i: u64| {
            let row = &sums[i as usize / self.sample_size];
            let at = generator.uniform(i) * row[categories - 1];
            row.partition_point(|s| *s <= at).min(categories - 1)
        };
        let shape = [rows, self.sample_size];
        let tensor = match self.dtype {
            DType::I32 => fill(&shape, |i| draw(i) as i32),
            _ => fill(&shape, |i| draw(i) as i64),
        };
        Ok(vec![tensor?.into()])
    }

    fn rows(&self, _: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // Numbers are drawn by their position among all rows.
        vec![Rows::Mixed; outputs.len()]
    }

    fn is_pure(&self) -> bool {
        self.seed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, DType,
        family::math::elementwise::testing::{floats, run_with},
    };

    #[test]
    fn categories_come_as_often_as_asked() {
        let none = f32::NEG_INFINITY;
        let x = floats(&[2, 3], &[0.0, 1.098_612_3, none, none, none, -50.0]);
        let attributes = Attributes::new()
            .with("seed", Attribute::Float(5.0))
            .with("sample_size", Attribute::Int(1000))
            .with("dtype", Attribute::Int(i64::from(DType::I64.code())));
        let got = run_with("Multinomial", 22, &attributes, &[&x]).unwrap();
        let (first, second) = got.as_slice::<i64>().unwrap().split_at(1000);
        let zeros = first.iter().filter(|c| **c == 0).count();
        assert!((200..300).contains(&zeros) && first.iter().all(|c| *c < 2), "{zeros} of 1000 where 250 are due");
        assert!(second.iter().all(|c| *c == 2));
        assert!(run_with("Multinomial", 7, &attributes, &[&floats(&[2], &[0.0; 2])]).is_err(), "a vector");
        assert!(run_with("Multinomial", 7, &attributes, &[&floats(&[1, 2], &[none; 2])]).is_err());
        let bad = attributes.with("dtype", Attribute::Int(1));
        assert!(run_with("Multinomial", 7, &bad, &[&x]).is_err());
    }
}
