//! [QLinearWhere](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearWhere): bytes of one of two tensors, chosen by a third.

use super::{
    load::only,
    parameters::{Parameters, check, recode, rows_like},
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, family::logic::Where};
use std::sync::Arc;

/// `condition ? x : y`, each given the output's codes, the quotient rounded before the zero point is added.
#[derive(Debug)]
pub struct QLinearWhere;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &[], 9..=9)?;
    Ok(Arc::new(QLinearWhere))
}

impl Operator for QLinearWhere {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(1)?;
        for (scale, zero) in [(2, 3), (5, 6), (7, 8)] {
            check(inputs, dtype, scale, zero)?;
        }
        Where.infer(Facts(&[inputs.get(0), inputs.get(1), inputs.get(4)]))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(1)?.dtype();
        let read = |scale, zero| Parameters::read(inputs, dtype, scale, zero);
        let to = read(7, 8)?;
        let x = Value::Tensor(recode(inputs.tensor(1)?, read(2, 3)?, to, |v| v)?);
        let y = Value::Tensor(recode(inputs.tensor(4)?, read(5, 6)?, to, |v| v)?);
        Where.evaluate(Inputs(&[inputs.get(0), Some(&x), Some(&y)]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows_like(&Where, &[0, 1, 4], rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Tensor, family::nn::testing::t};

    #[test]
    fn choices_take_the_codes_of_the_output() {
        let (one, half) = (t(&[], &[1.0]), t(&[1], &[0.5]));
        let condition = Tensor::from_vec([2, 1], vec![true, false]).unwrap();
        let (x, y) = (u8s(&[3], &[0, 1, 200]), u8s(&[], &[30]));
        let (zero, ten) = (u8s(&[], &[0]), u8s(&[], &[10]));
        let got = run("QLinearWhere", &[], &[&condition, &x, &one, &zero, &y, &half, &ten, &half, &ten]).unwrap();
        assert_eq!(got, u8s(&[2, 3], &[10, 12, 255, 30, 30, 30]));
        let (p, q, zero) = (i8s(&[1], &[-9]), i8s(&[1], &[90]), i8s(&[], &[0]));
        let got = run("QLinearWhere", &[], &[&condition, &p, &one, &zero, &q, &one, &zero, &half, &zero]).unwrap();
        assert_eq!(got, i8s(&[2, 1], &[-18, 127]));
        assert!(run("QLinearWhere", &[], &[&condition, &x, &one, &zero, &q, &one, &zero, &half, &zero]).is_err());
        assert!(run("QLinearWhere", &[], &[&p, &p, &one, &zero, &q, &one, &zero, &half, &zero]).is_err());
    }
}
