//! `ai.hologram::CodebookProduct`: a matrix product by codebooks, for rows that are like those it was made for.

use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::{Facts, shape_text},
    rows,
    tensor::element_count,
};
use std::sync::Arc;

/// `y = b + T[0][c0] + T[1][c1] + ...` over the last axis of `x`, `[..., parts * d]` in `f32`: each part of `d` numbers is
/// taken for the codeword `c` of its codebook that is nearest to it, whose product with the weights is in a table (Jégou,
/// Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011; Blalock and Guttag, "Multiplying Matrices
/// Without Multiplying", 2021).
///
/// Inputs: `x`, codebooks `[parts, codewords, d]`, tables `[parts, codewords, n]` and addends `[n]`, all in `f32`.
///
/// Order of arithmetic: a codeword's nearness is one chain of fused multiply-adds over its numbers and those of `x`, which
/// starts from half its own square, negated; the first of the greatest is taken. The output is a chain of additions by
/// part, which starts from the addend. A row that holds a NaN gives NaN.
#[derive(Debug)]
pub struct CodebookProduct;

/// Sizes of a product by codebooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodebookSizes {
    /// Parts of a row.
    pub parts: usize,
    /// Codewords of each.
    pub codewords: usize,
    /// Numbers of a part.
    pub width: usize,
    /// Columns of the output.
    pub columns: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    match node.inputs {
        4 => Ok(Arc::new(CodebookProduct)),
        other => Err(Error::invalid(format!("{other} inputs where x, codebooks, tables and addends are"))),
    }
}

impl CodebookSizes {
    /// The sizes, where shapes fit each other.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the input that does not.
    pub fn new(x: &[usize], codebooks: &[usize], tables: &[usize], addends: &[usize]) -> Result<Self> {
        let &[parts, codewords, width] = codebooks else {
            return Err(Error::invalid(format!("codebooks of shape {codebooks:?}; parts, codewords, numbers are")));
        };
        let columns = addends.first().copied().unwrap_or(0);
        // Without parts or numbers the other sizes would be bound by nothing.
        if parts == 0 || codewords == 0 || width == 0 || addends.len() != 1 || tables != [parts, codewords, columns] {
            return Err(Error::invalid(format!(
                "tables of shape {tables:?} and addends of shape {addends:?} for codebooks of shape {codebooks:?}"
            )));
        }
        match x.last() {
            Some(k) if parts.checked_mul(width) == Some(*k) => Ok(Self { parts, codewords, width, columns }),
            _ => Err(Error::invalid(format!("input 0 has shape {x:?} for {parts} parts of {width} numbers"))),
        }
    }
}

/// For each codeword half its own square, negated: where its nearness starts.
pub fn codeword_starts(codebooks: &[f32], width: usize) -> Vec<f32> {
    let square = |word: &[f32]| word.iter().fold(0.0_f32, |sum, c| c.mul_add(*c, sum));
    codebooks.chunks_exact(width.max(1)).map(|word| square(word) * -0.5).collect()
}

/// The place of the first of the greatest numbers.
#[inline(always)]
pub fn first_greatest(numbers: &[f32]) -> usize {
    let mut best = 0;
    for (i, x) in numbers.iter().enumerate() {
        if *x > numbers[best] {
            best = i;
        }
    }
    best
}

impl Operator for CodebookProduct {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        for i in 0..4 {
            inputs.dtype_where(i, "f32", |dtype| dtype == DType::F32)?;
        }
        let columns = match inputs.shape(3)? {
            Some([n]) => n.clone(),
            None => Dim::Unknown,
            Some(other) => return Err(Error::invalid(format!("addends of shape {}", shape_text(other)))),
        };
        let known = |i: usize| inputs.get(i).and_then(Fact::known_shape);
        let last =
            inputs.shape(0)?.map(|x| x.last().cloned().ok_or_else(|| Error::invalid("input 0 has no dimensions")));
        let last = last.transpose()?;
        if let (Some(Dim::Known(k)), Some(codebooks), Some(tables), Some(addends)) =
            (&last, known(1), known(2), known(3))
        {
            CodebookSizes::new(&[*k], &codebooks, &tables, &addends)?;
        }
        let shape = inputs.shape(0)?.map(|x| {
            let mut shape = x.to_vec();
            shape.pop();
            shape.push(columns);
            shape
        });
        Ok(vec![Fact::tensor(DType::F32, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let [x, codebooks, tables, addends] =
            [inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?, inputs.tensor(3)?];
        let sizes = CodebookSizes::new(x.shape(), codebooks.shape(), tables.shape(), addends.shape())?;
        let CodebookSizes { parts, codewords, width, columns } = sizes;
        let mut shape = x.shape().to_vec();
        shape.pop();
        let rows = element_count(&shape)?;
        shape.push(columns);
        let [numbers, codebooks, tables, addends] =
            [x.as_slice::<f32>()?, codebooks.as_slice()?, tables.as_slice()?, addends.as_slice()?];
        let starts = codeword_starts(codebooks, width);
        let mut out = Vec::with_capacity(element_count(&shape)?);
        for row in 0..rows {
            let x = &numbers[row * parts * width..][..parts * width];
            let mut sums = addends.to_vec();
            for part in 0..parts {
                let x = &x[part * width..][..width];
                let nearness: Vec<f32> = (part * codewords..(part + 1) * codewords)
                    .map(|word| {
                        let own = &codebooks[word * width..][..width];
                        let start = starts.get(word).copied().unwrap_or(0.0);
                        x.iter().zip(own).fold(start, |sum, (x, c)| x.mul_add(*c, sum))
                    })
                    .collect();
                let entry = &tables[(part * codewords + first_greatest(&nearness)) * columns..][..columns];
                sums.iter_mut().zip(entry).for_each(|(sum, t)| *sum += t);
            }
            if x.iter().any(|x| x.is_nan()) {
                sums.fill(f32::NAN);
            }
            out.extend(sums);
        }
        Ok(vec![Tensor::from_vec(shape, out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::along_last(rows, inputs, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, DType, Result, Tensor, Value, family::ml::testing};

    fn run(inputs: &[Tensor]) -> Result<Tensor> {
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::Tensor).collect();
        testing::run("ai.hologram", "CodebookProduct", 1, &Attributes::new(), &inputs)?.remove(0).into_tensor()
    }

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::from_slice(shape, values).unwrap()
    }

    /// Two parts of two numbers, two codewords each, three columns.
    fn inputs(x: Tensor) -> Vec<Tensor> {
        let codebooks = floats(&[2, 2, 2], &[0.0, 0.0, 2.0, 2.0, 1.0, -1.0, -1.0, 1.0]);
        let tables = floats(&[2, 2, 3], &[0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 10.0, 20.0, 30.0, -10.0, -20.0, -30.0]);
        vec![x, codebooks, tables, floats(&[3], &[0.5, 0.0, 0.0])]
    }

    #[test]
    fn each_part_is_its_nearest_codeword() {
        let x = [1.5, 1.0, 0.0, 0.1, 0.9, 0.9, 3.0, -1.0, f32::NAN, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        let got = run(&inputs(floats(&[2, 2, 4], &x))).unwrap();
        let nan = f32::NAN;
        // Of equal ones the first is taken, as in the last row.
        let want = [-8.5, -18.0, -27.0, 10.5, 20.0, 30.0, nan, nan, nan, 10.5, 20.0, 30.0];
        assert_eq!(got, floats(&[2, 2, 3], &want));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = floats(&[1, 4], &[0.0; 4]);
        for (what, at, tensor) in [
            ("width", 0, floats(&[1, 6], &[0.0; 6])),
            ("a scalar", 0, floats(&[], &[0.0])),
            ("a type", 0, Tensor::zeros(DType::F64, [1, 4]).unwrap()),
            ("a codebook", 1, floats(&[4, 2], &[0.0; 8])),
            ("no codewords", 1, floats(&[2, 0, 2], &[])),
            ("no parts", 1, floats(&[0, 1 << 40, 2], &[])),
            ("no numbers", 1, floats(&[2, 1 << 40, 0], &[])),
            ("tables", 2, floats(&[2, 2, 2], &[0.0; 8])),
            ("addends", 3, floats(&[2], &[0.0; 2])),
            ("addends of two axes", 3, floats(&[1, 3], &[0.0; 3])),
        ] {
            let mut inputs = inputs(x.clone());
            inputs[at] = tensor;
            assert!(run(&inputs).is_err(), "{what}");
        }
        assert!(run(&inputs(x)[..3]).is_err());
    }
}
