//! `ai.hologram::EncodedProduct`: a matrix product over numbers and one-hot codes side by side.

use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, rows,
    tensor::element_count,
};
use std::sync::Arc;

/// What one input brings to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// So many numbers, `[N, k]` in `f32`.
    Numbers(usize),
    /// `columns` codes of so many categories each, `[N, columns]` or `[N]` in `i32`: a 1 at the code among zeros, and zeros
    /// alone for a code outside of them.
    Codes {
        /// Codes of a row.
        columns: usize,
        /// Categories of each.
        categories: usize,
    },
}

impl Part {
    /// Features that the part stands for.
    pub fn width(self) -> usize {
        match self {
            Self::Numbers(width) => width,
            Self::Codes { columns, categories } => columns.saturating_mul(categories),
        }
    }
}

/// `Y = X C'`, `[N, targets]` in `f32`, where a row of `X` is the inputs' rows side by side, codes written out as zeros
/// and ones.
///
/// Order of arithmetic: each output is one chain of fused multiply-adds in ascending feature index, starting from zero,
/// zeros among them.
#[derive(Debug)]
pub struct EncodedProduct {
    /// What each input brings.
    pub parts: Vec<Part>,
    /// A row of features a target; those of codes are finite.
    pub coefficients: Vec<f32>,
    /// The number of targets.
    pub targets: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let list = |name: &str| -> Result<Vec<usize>> {
        let ints = node.attributes.required(name, |a, n| a.ints(n))?;
        let sizes = ints.iter().map(|n| usize::try_from(*n).ok().filter(|n| *n < 1 << 24));
        sizes.collect::<Option<_>>().ok_or_else(|| Error::invalid(format!("attribute '{name}' holds what is no size")))
    };
    let (columns, categories) = (list("columns")?, list("categories")?);
    let targets = usize::try_from(node.attributes.int_or("targets", 1)?).unwrap_or(0);
    let coefficients = node.attributes.required("coefficients", |a, n| a.floats(n))?;
    if columns.len() != categories.len() || columns.len() != node.inputs || columns.is_empty() {
        return Err(Error::invalid(format!("{} inputs for {} parts", node.inputs, columns.len())));
    }
    let part = |(columns, categories)| match categories {
        0 => Part::Numbers(columns),
        _ => Part::Codes { columns, categories },
    };
    let parts: Vec<Part> = columns.into_iter().zip(categories).map(part).collect();
    let product = EncodedProduct { parts, coefficients, targets };
    let features = product.features();
    if targets == 0 || features.checked_mul(targets) != Some(product.coefficients.len()) {
        let given = product.coefficients.len();
        return Err(Error::invalid(format!("{given} coefficients for {features} features and {targets} targets")));
    }
    let mut first = 0;
    for part in &product.parts {
        let own = (0..targets).flat_map(|t| &product.coefficients[t * features + first..][..part.width()]);
        if matches!(part, Part::Codes { .. }) && !own.into_iter().all(|c| c.is_finite()) {
            return Err(Error::invalid("a coefficient of a category that is not finite"));
        }
        first += part.width();
    }
    Ok(Arc::new(product))
}

impl EncodedProduct {
    /// Features of a row, codes written out.
    pub fn features(&self) -> usize {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.width()))
    }

    /// The rows of an input, which must fit its part.
    fn rows_of(&self, i: usize, part: Part, dtype: DType, shape: &[Dim]) -> Result<Dim> {
        let (wanted, width) = match part {
            Part::Numbers(width) => (DType::F32, width),
            Part::Codes { columns, .. } => (DType::I32, columns),
        };
        let fits = |d: &Dim| d.known().is_none_or(|n| n == width);
        match shape {
            [rows] if dtype == wanted && width == 1 && dtype == DType::I32 => Ok(rows.clone()),
            [rows, d] if dtype == wanted && fits(d) => Ok(rows.clone()),
            other => Err(Error::invalid(format!(
                "input {i} is {dtype}{} where {wanted}[rows, {width}] is expected",
                crate::fact::shape_text(other)
            ))),
        }
    }
}

impl Operator for EncodedProduct {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let mut rows = Dim::Unknown;
        for (i, part) in self.parts.iter().enumerate() {
            let dtype = inputs.dtype(i)?;
            if let Some(shape) = inputs.shape(i)? {
                rows = rows.unify(&self.rows_of(i, *part, dtype, shape)?)?;
            }
        }
        Ok(vec![Fact::shaped(DType::F32, [rows, Dim::Known(self.targets)])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let mut rows = None;
        for (i, part) in self.parts.iter().enumerate() {
            let x = inputs.tensor(i)?;
            let shape: Vec<Dim> = x.shape().iter().copied().map(Dim::Known).collect();
            let here = self.rows_of(i, *part, x.dtype(), &shape)?.known();
            if here != rows && rows.is_some() {
                return Err(Error::invalid(format!("input {i} has {here:?} rows where others have {rows:?}")));
            }
            rows = here;
        }
        let rows = rows.unwrap_or(0);
        let features = self.features();
        let mut out = Vec::with_capacity(element_count(&[rows, self.targets])?);
        let mut row = vec![0.0_f32; features];
        for r in 0..rows {
            row.fill(0.0);
            let mut first = 0;
            for (i, part) in self.parts.iter().enumerate() {
                match *part {
                    Part::Numbers(width) => {
                        let own = &inputs.tensor(i)?.as_slice::<f32>()?[r * width..][..width];
                        row[first..first + width].copy_from_slice(own);
                    }
                    Part::Codes { columns, categories } => {
                        let codes = &inputs.tensor(i)?.as_slice::<i32>()?[r * columns..][..columns];
                        for (c, code) in codes.iter().enumerate() {
                            if let Some(code) = usize::try_from(*code).ok().filter(|code| *code < categories) {
                                row[first + c * categories + code] = 1.0;
                            }
                        }
                    }
                }
                first += part.width();
            }
            let targets = self.coefficients.chunks_exact(features.max(1));
            out.extend(targets.map(|own| row.iter().zip(own).fold(0.0_f32, |sum, (x, c)| x.mul_add(*c, sum))));
        }
        out.resize(rows * self.targets, 0.0);
        Ok(vec![Tensor::from_vec([rows, self.targets], out)?.into()])
    }

    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // One input that does not follow the rows would give them meanings by their position.
        match rows.iter().all(|r| *r == Rows::Axis(0)) {
            true => vec![Rows::Axis(0); outputs.len()],
            false => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, Tensor, Value, family::ml::testing::run};

    fn attributes(columns: &[i64], categories: &[i64], targets: i64, coefficients: &[f32]) -> Attributes {
        Attributes::new()
            .with("columns", Attribute::Ints(columns.into()))
            .with("categories", Attribute::Ints(categories.into()))
            .with("targets", Attribute::Int(targets))
            .with("coefficients", Attribute::Floats(coefficients.into()))
    }

    fn product(attributes: &Attributes, inputs: &[Tensor]) -> crate::Result<Vec<Value>> {
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::Tensor).collect();
        run("ai.hologram", "EncodedProduct", 1, attributes, &inputs)
    }

    #[test]
    fn codes_stand_for_zeros_and_a_one() {
        let codes = Tensor::from_slice([3, 2], &[0i32, 1, -1, 1, 2, 7]).unwrap();
        let numbers = Tensor::from_slice([3, 1], &[0.5f32, -1.0, f32::INFINITY]).unwrap();
        let lone = Tensor::from_slice([3], &[0i32, 0, 5]).unwrap();
        let own = attributes(&[2, 1, 1], &[3, 0, 1], 1, &[1.0, 2.0, 4.0, 10.0, 20.0, 40.0, 3.0, 100.0]);
        let got = product(&own, &[codes.clone(), numbers.clone(), lone.clone()]).unwrap();
        // The rows written out are 1 0 0 0 1 0, 0 0 0 0 1 0 and 0 0 1 0 0 0, then the numbers, then 1, 1 and 0.
        assert_eq!(got, [Value::Tensor(Tensor::from_slice([3, 1], &[122.5f32, 117.0, f32::INFINITY]).unwrap())]);
        let two = attributes(&[1], &[2], 2, &[1.0, 2.0, -1.0, -2.0]);
        let got = product(&two, std::slice::from_ref(&lone)).unwrap();
        assert_eq!(got, [Value::Tensor(Tensor::from_slice([3, 2], &[1.0f32, -1.0, 1.0, -1.0, 0.0, 0.0]).unwrap())]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let codes = Tensor::from_slice([2, 1], &[0i32, 1]).unwrap();
        let numbers = Tensor::from_slice([2, 1], &[0.5f32, -1.0]).unwrap();
        let plain = attributes(&[1, 1], &[2, 0], 1, &[1.0; 3]);
        assert!(product(&plain, &[codes.clone(), numbers.clone()]).is_ok());
        for (what, attributes, inputs) in [
            ("the other way round", plain.clone(), vec![numbers.clone(), codes.clone()]),
            ("an input too few", plain.clone(), vec![codes.clone()]),
            ("other rows", plain.clone(), vec![codes.clone(), Tensor::from_slice([1, 1], &[0.5f32]).unwrap()]),
            ("too wide", plain.clone(), vec![codes.clone(), Tensor::from_slice([2, 2], &[0.5f32; 4]).unwrap()]),
            ("coefficients", attributes(&[1, 1], &[2, 0], 1, &[1.0; 4]), vec![codes.clone(), numbers.clone()]),
            ("no target", attributes(&[1, 1], &[2, 0], 0, &[]), vec![codes.clone(), numbers.clone()]),
            ("no size", attributes(&[1, -1], &[2, 0], 1, &[1.0; 3]), vec![codes.clone(), numbers.clone()]),
            ("huge", attributes(&[1 << 23], &[1 << 23], 1, &[1.0; 3]), vec![codes.clone()]),
            ("a list", attributes(&[1], &[2, 0], 1, &[1.0; 3]), vec![codes.clone()]),
            ("infinite", attributes(&[1], &[2], 1, &[1.0, f32::INFINITY]), vec![codes.clone()]),
        ] {
            assert!(product(&attributes, &inputs).is_err(), "{what}");
        }
    }
}
