//! [SVMRegressor](https://onnx.ai/onnx/operators/onnx_aionnxml_SVMRegressor.html): a weighted sum of kernel values.

use super::{kernel::Kernel, post, table};
use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// `y = sum_j coefficient_j K(x, v_j) + rho`, in the order of support vectors, as one chain of fused multiply-adds in
/// doubles that rounds once; with `one_class` 1 where that is above 0 and else -1.
///
/// Without support vectors it is the linear function whose coefficients are given. The attribute `post_transform` is read
/// and has no effect on the lone score, as in onnxruntime.
#[derive(Debug)]
pub struct SvmRegressor {
    /// The kernel; LINEAR without support vectors.
    pub kernel: Kernel,
    /// A factor a support vector, or a feature where there are none.
    pub coefficients: Vec<f32>,
    /// The support vectors `[n_supports, features]`.
    pub vectors: Vec<f32>,
    /// The number of support vectors.
    pub supports: usize,
    /// What is added.
    pub rho: f32,
    /// Whether the sign is the answer.
    pub one_class: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    post::parse(a)?;
    let rho = a.required("rho", |a, n| a.floats(n))?;
    let [rho] = rho[..] else {
        return Err(Error::invalid(format!("attribute 'rho' has {} numbers where one is expected", rho.len())));
    };
    let coefficients = a.required("coefficients", |a, n| a.floats(n))?;
    let supports = usize::try_from(a.int_or("n_supports", 0)?).unwrap_or(0);
    let (kernel, vectors) = if supports == 0 {
        (Kernel::Linear, Vec::new())
    } else {
        (Kernel::parse(a)?, a.floats_or("support_vectors", Vec::new())?)
    };
    if coefficients.is_empty()
        || supports > 0
            && (coefficients.len() != supports || vectors.is_empty() || !vectors.len().is_multiple_of(supports))
    {
        return Err(Error::invalid(format!(
            "{} coefficients and {} numbers of support vectors for {supports} support vectors",
            coefficients.len(),
            vectors.len()
        )));
    }
    Ok(Arc::new(SvmRegressor {
        kernel,
        coefficients,
        vectors,
        supports,
        rho,
        one_class: a.flag_or("one_class", false)?,
    }))
}

impl SvmRegressor {
    /// The number of features.
    pub fn features(&self) -> usize {
        self.vectors.len().checked_div(self.supports).unwrap_or(self.coefficients.len())
    }

    fn score(&self, row: &[f32]) -> f32 {
        let term = |sum: f64, value: f32, coefficient: &f32| f64::from(value).mul_add(f64::from(*coefficient), sum);
        let sum = if self.supports == 0 {
            row.iter().zip(&self.coefficients).fold(0.0, |sum, (x, c)| term(sum, *x, c))
        } else {
            let vectors = self.vectors.chunks_exact(row.len());
            vectors.zip(&self.coefficients).fold(0.0, |sum, (v, c)| term(sum, self.kernel.value(row, v), c))
        };
        let score = (sum + f64::from(self.rho)) as f32;
        match (self.one_class, score > 0.0) {
            (false, _) => score,
            (true, true) => 1.0,
            (true, false) => -1.0,
        }
    }
}

impl Operator for SvmRegressor {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.features())?;
        Ok(vec![Fact::shaped(DType::F32, [rows, Dim::Known(1)])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        table::expect_columns(&Dim::Known(columns), self.features())?;
        let scores = table::narrow(x)?.chunks_exact(columns).map(|row| self.score(row)).collect();
        Ok(vec![Tensor::from_vec([rows, 1], scores)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
