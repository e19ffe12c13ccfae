//! `ai.hologram::ForestTransform`: predictions from the raw scores of a forest.

use super::table;
use crate::{
    Attribute, Attributes, DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    forest::{PostTransform, Precision},
};
use std::sync::Arc;

/// Raw scores `[N, k]` to predictions of the same type: `[N]` when a row has one, else `[N, k]`.
///
/// `f32` scores are worked out in doubles and rounded once.
#[derive(Debug)]
pub struct ForestTransform {
    /// The function.
    pub transform: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(ForestTransform { transform: from_attributes(node.attributes)? }))
}

/// The attributes that stand for a transform: `transform` (its name), `k` (a scalar of `f64`) where it has a coefficient,
/// and `divisors`, the counts that scores are divided by first.
pub fn to_attributes(transform: &PostTransform) -> Attributes {
    let mut attributes = Attributes::new();
    let (mut inner, mut divisors) = (transform, Vec::new());
    while let PostTransform::Averaged { divisor, then } = inner {
        divisors.push(i64::from(*divisor));
        inner = then;
    }
    let name = match inner {
        PostTransform::None | PostTransform::Averaged { .. } => "none",
        PostTransform::Logistic { k } => {
            attributes.insert("k", Attribute::Tensor(Tensor::scalar(*k)));
            "logistic"
        }
        PostTransform::Softmax => "softmax",
        PostTransform::SoftmaxZero => "softmax_zero",
        PostTransform::Probit => "probit",
        PostTransform::Exp => "exp",
        PostTransform::SignedSquare => "signed_square",
        PostTransform::Softplus => "softplus",
        PostTransform::Step => "step",
        PostTransform::ArgMax => "arg_max",
    };
    if !divisors.is_empty() {
        attributes.insert("divisors", Attribute::Ints(divisors));
    }
    attributes.with("transform", Attribute::String(name.to_owned()))
}

/// The inverse of [`to_attributes`].
///
/// # Errors
/// [`Error::Invalid`] for unknown names and for divisors that are not positive.
pub fn from_attributes(attributes: &Attributes) -> Result<PostTransform> {
    let name = attributes.required("transform", |a, n| a.string(n))?;
    let plain = match name.as_str() {
        "none" => PostTransform::None,
        "logistic" => {
            let k = attributes.tensor("k")?.map_or(Ok(1.0), |t| t.item::<f64>()).map_err(|e| e.at("attribute 'k'"))?;
            PostTransform::Logistic { k }
        }
        "softmax" => PostTransform::Softmax,
        "softmax_zero" => PostTransform::SoftmaxZero,
        "probit" => PostTransform::Probit,
        "exp" => PostTransform::Exp,
        "signed_square" => PostTransform::SignedSquare,
        "softplus" => PostTransform::Softplus,
        "step" => PostTransform::Step,
        "arg_max" => PostTransform::ArgMax,
        _ => return Err(Error::invalid(format!("attribute 'transform' is '{name}', which no transform is named"))),
    };
    let divisors = attributes.ints_or("divisors", Vec::new())?;
    if divisors.len() > 16 {
        return Err(Error::invalid(format!(
            "attribute 'divisors' has {} entries where 16 are allowed",
            divisors.len()
        )));
    }
    divisors.iter().rev().try_fold(plain, |then, divisor| match u32::try_from(*divisor) {
        Ok(divisor) if divisor > 0 => Ok(PostTransform::Averaged { divisor, then: Box::new(then) }),
        _ => Err(Error::invalid(format!("attribute 'divisors' holds {divisor}"))),
    })
}

impl ForestTransform {
    fn outputs(&self, targets: usize) -> usize {
        u32::try_from(targets).map_or(targets, |n| self.transform.n_outputs(n) as usize)
    }
}

fn float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

impl Operator for ForestTransform {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype_where(0, "f32 or f64", float)?;
        if inputs.shape(0)?.is_some_and(|s| s.len() != 2) {
            return Err(Error::invalid("input 0 is no table [rows, scores]"));
        }
        let (_, rows, columns) = table::table_fact(inputs)?;
        // Every transform gives one output or as many as there are scores; two ask it which.
        let known = columns.known().or((self.outputs(2) == 1).then_some(2));
        let Some(columns) = known else { return Ok(vec![Fact::tensor(dtype, None)]) };
        Ok(vec![match self.outputs(columns) {
            1 => Fact::shaped(dtype, [rows]),
            n => Fact::shaped(dtype, [rows, Dim::Known(n)]),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let [rows, columns] = *x.shape() else {
            return Err(Error::invalid(format!("input 0 has shape {:?} where [rows, scores] is expected", x.shape())));
        };
        if !float(x.dtype()) || columns == 0 {
            return Err(Error::invalid(format!("input 0 is {}{:?}, no table of f32 or f64", x.dtype(), x.shape())));
        }
        let outputs = self.outputs(columns);
        let mut out = Vec::with_capacity(rows * outputs);
        for row in table::wide(x)?.chunks_exact_mut(columns) {
            self.transform.apply(Precision::F64, row);
            out.extend_from_slice(&row[..outputs]);
        }
        let shape = if outputs == 1 { vec![rows] } else { vec![rows, outputs] };
        Ok(vec![
            match x.dtype() {
                DType::F64 => Tensor::from_vec(shape, out)?,
                _ => Tensor::from_vec(shape, out.into_iter().map(|v| v as f32).collect())?,
            }
            .into(),
        ])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
