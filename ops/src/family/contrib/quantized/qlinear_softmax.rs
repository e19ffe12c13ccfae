//! [QLinearSoftmax](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearSoftmax): exponentials of bytes that sum to one.

use super::{
    load::only,
    parameters::{Parameters, infer_unary, numbers, rows_like},
};
use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::{
        activation::{Lanes, Softmax},
        quantize::granularity::{integers, saturate},
    },
};
use std::sync::Arc;

/// `y = saturate(round(p * floor(1 / y_scale)) + y_zero)` with `p` the softmax of the numbers.
///
/// The factor is a whole number, as onnxruntime takes it. Where `i8` codes leave their range they saturate;
/// onnxruntime wraps around.
#[derive(Debug)]
pub struct QLinearSoftmax {
    /// Of the numbers; `opset` says whether a group spans one axis or all from `axis` on.
    pub softmax: Softmax,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["opset", "axis"], 5..=5)?;
    let opset = node.attributes.required("opset", crate::Attributes::int)?;
    if opset < 1 {
        return Err(Error::invalid(format!("attribute 'opset' is {opset}; it is at least 1")));
    }
    let lanes = Lanes { axis: node.attributes.int_or("axis", -1)?, flattened: opset < 13 };
    Ok(Arc::new(QLinearSoftmax { softmax: Softmax { lanes } }))
}

impl Operator for QLinearSoftmax {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        if let Some(shape) = inputs.shape(0)? {
            self.softmax.lanes.axes(shape.len())?;
        }
        infer_unary(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let read = |scale, zero| Parameters::read(inputs, x.dtype(), scale, zero);
        let (from, to) = (read(1, 2)?, read(3, 4)?);
        let found = self.softmax.evaluate(Inputs(&[Some(&numbers(x, from)?.into())]))?.remove(0).into_tensor()?;
        let steps = (1.0 / to.scale).floor();
        let codes = found.as_slice::<f32>()?.iter().map(|p| saturate(f64::from(p * steps), to.zero, to.limits));
        Ok(vec![integers(to.dtype, x.shape(), codes)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows_like(&self.softmax, &[0], rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Attribute, family::nn::testing::t};

    #[test]
    fn one_axis_or_all_from_one_on() {
        // The exponentials are 1, 2 and 4.
        let x = u8s(&[1, 3, 2], &[0, 1, 1, 0, 2, 2]);
        let (ln2, fine) = (t(&[], &[std::f32::consts::LN_2]), t(&[1], &[1.0 / 256.0]));
        let zero = u8s(&[], &[0]);
        let softmax = |opset: i64, axis: i64| {
            let attributes = [("opset", Attribute::Int(opset)), ("axis", Attribute::Int(axis))];
            run("QLinearSoftmax", &attributes, &[&x, &ln2, &u8s(&[], &[7]), &fine, &zero])
        };
        // Sevenths of 256 down each column, thirds and halves along rows, fourteenths of all.
        assert_eq!(softmax(13, 1).unwrap(), u8s(&[1, 3, 2], &[37, 73, 73, 37, 146, 146]));
        assert_eq!(softmax(13, 2).unwrap(), u8s(&[1, 3, 2], &[85, 171, 171, 85, 128, 128]));
        assert_eq!(softmax(12, 1).unwrap(), u8s(&[1, 3, 2], &[18, 37, 37, 18, 73, 73]));
        assert!(softmax(13, 3).is_err() && softmax(0, 1).is_err());
        let attributes = [("opset", Attribute::Int(13))];
        // floor(1 / 0.3) is 3.
        let got = run(
            "QLinearSoftmax",
            &attributes,
            &[&i8s(&[2], &[5, 5]), &ln2, &i8s(&[], &[0]), &t(&[], &[0.3]), &i8s(&[], &[-8])],
        );
        assert_eq!(got.unwrap(), i8s(&[2], &[-6, -6]));
        assert!(run("QLinearSoftmax", &[], &[&x, &ln2, &zero, &fine, &zero]).is_err(), "no operator set");
    }
}
