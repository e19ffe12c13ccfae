//! [QLinearConcat](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearConcat): tensors of bytes joined along an axis.

use super::{
    load::only,
    parameters::{Parameters, check, recode, rows_like},
};
use crate::{
    Attributes, Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::movement::{Concat, concat::concat},
};
use std::sync::Arc;

/// Joins tensors that each come with a scale and a zero point, after the output's: each is given the output's codes,
/// the quotient rounded before the zero point is added.
#[derive(Debug)]
pub struct QLinearConcat {
    /// Of the tensors alone.
    pub concat: Concat,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["axis"], 5..=usize::MAX)?;
    if node.inputs % 3 != 2 {
        return Err(Error::invalid(format!(
            "{} inputs; a scale and a zero point, then a tensor, a scale and a zero point each, are expected",
            node.inputs
        )));
    }
    Ok(Arc::new(QLinearConcat { concat: Concat { axis: node.attributes.required("axis", Attributes::int)? } }))
}

/// Where the tensors stand.
fn tensors(inputs: usize) -> Vec<usize> {
    (2..inputs).step_by(3).collect()
}

impl Operator for QLinearConcat {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(1)?;
        check(inputs, dtype, 0, 1)?;
        for i in tensors(inputs.len()) {
            inputs.dtype_where(i, "the type of input 1", |t| t == dtype)?;
            check(inputs, dtype, i + 1, i + 2)?;
        }
        let own: Vec<Option<&Fact>> = tensors(inputs.len()).into_iter().map(|i| inputs.get(i)).collect();
        self.concat.infer(Facts(&own))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(1)?.dtype();
        let to = Parameters::read(inputs, dtype, 0, 1)?;
        let each = tensors(inputs.len()).into_iter().map(|i| {
            let from = Parameters::read(inputs, dtype, i + 1, i + 2)?;
            recode(inputs.tensor(i)?, from, to, |v| v)
        });
        let parts = each.collect::<Result<Vec<_>>>()?;
        Ok(vec![concat(&parts.iter().collect::<Vec<_>>(), self.concat.axis)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows_like(&self.concat, &tensors(inputs.len()), rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Attribute, family::nn::testing::t};

    #[test]
    fn parts_take_the_codes_of_the_output() {
        let (one, half) = (t(&[], &[1.0]), t(&[1], &[0.5]));
        let (a, b) = (u8s(&[2, 1], &[4, 9]), u8s(&[2, 2], &[1, 2, 200, 255]));
        let (zero, five) = (u8s(&[], &[0]), u8s(&[], &[5]));
        let axis = [("axis", Attribute::Int(-1))];
        // Halves of (a - 0) / 1 with 5 added, and b doubled.
        let got = run("QLinearConcat", &axis, &[&one, &five, &a, &half, &zero, &b, &one, &zero]).unwrap();
        assert_eq!(got, u8s(&[2, 3], &[7, 6, 7, 9, 205, 255]));
        let p = i8s(&[1], &[-100]);
        let zero = i8s(&[], &[0]);
        let got = run("QLinearConcat", &axis, &[&half, &zero, &p, &one, &zero, &p, &half, &zero]).unwrap();
        assert_eq!(got, i8s(&[2], &[-128, -100]));
        assert!(run("QLinearConcat", &axis, &[&half, &zero, &p, &one]).is_err(), "no zero point");
        assert!(run("QLinearConcat", &axis, &[&half, &zero, &a, &one, &zero]).is_err(), "two types");
        assert!(run("QLinearConcat", &[], &[&half, &zero, &p, &one, &zero]).is_err(), "no axis");
    }
}
