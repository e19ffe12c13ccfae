//! Windows: [HannWindow](https://onnx.ai/onnx/operators/onnx__HannWindow.html),
//! [HammingWindow](https://onnx.ai/onnx/operators/onnx__HammingWindow.html),
//! [BlackmanWindow](https://onnx.ai/onnx/operators/onnx__BlackmanWindow.html).

use super::dft::{one, size};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts,
    family::math::elementwise::number, family::nn::wide::filled,
};
use std::sync::Arc;

/// A window as a sum of cosines, `c0 - c1 cos(2 pi n / N) + c2 cos(4 pi n / N)`, computed in `f64` and rounded once.
#[derive(Debug)]
pub struct Window {
    /// The coefficients.
    pub cosines: [f64; 3],
    /// Whether the window repeats after its size; else both its ends are equal.
    pub periodic: bool,
    /// The type of the output.
    pub dtype: DType,
}

fn parse(node: &Node<'_>, cosines: [f64; 3]) -> Result<Arc<dyn Operator>> {
    let dtype = node.attributes.dtype("output_datatype")?.unwrap_or(DType::F32);
    number(dtype)?;
    Ok(Arc::new(Window { cosines, periodic: node.attributes.flag_or("periodic", true)?, dtype }))
}

pub(super) fn parse_hann(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    parse(node, [0.5, 0.5, 0.0])
}

pub(super) fn parse_hamming(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    parse(node, [25.0 / 46.0, 21.0 / 46.0, 0.0])
}

pub(super) fn parse_blackman(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    parse(node, [0.42, 0.5, 0.08])
}

impl Operator for Window {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.required(0)?;
        let length = match inputs.get(0).and_then(|f| f.dims.as_deref()) {
            Some([d]) => d.clone(),
            _ => Dim::Unknown,
        };
        Ok(vec![Fact::shaped(self.dtype, [length])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let n = one(inputs.ints(0)?, "the size")?.ok_or_else(|| Error::invalid("input 0 is required and missing"))?;
        let n = size(n, "the size")?;
        let mut values = filled(&[n], 0.0f64)?;
        // A window of one element has no period to divide by.
        let period = if self.periodic { n } else { n.saturating_sub(1).max(1) } as f64;
        let [a, b, c] = self.cosines;
        for (i, v) in values.iter_mut().enumerate() {
            let angle = std::f64::consts::TAU * i as f64 / period;
            *v = a - b * libm::cos(angle) + c * libm::cos(2.0 * angle);
        }
        Ok(vec![Tensor::from_vec([n], values)?.cast(self.dtype)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run},
    };

    #[test]
    fn shapes_of_windows() {
        for (op, periodic, expected) in [
            ("HannWindow", 1, [0.0, 0.5, 1.0, 0.5]),
            ("HannWindow", 0, [0.0, 0.75, 0.75, 0.0]),
            ("HammingWindow", 1, [2.0 / 23.0, 25.0 / 46.0, 1.0, 25.0 / 46.0]),
            ("BlackmanWindow", 1, [0.0, 0.34, 1.0, 0.34]),
        ] {
            let attributes = [("periodic", Attribute::Int(periodic))];
            close(&run(op, 17, &attributes, &[Tensor::scalar(4i64)]).unwrap()[0], &[4], &expected);
            assert!(run(op, 17, &attributes, &[Tensor::scalar(-1i64)]).is_err());
            assert!(run(op, 17, &attributes, &[Tensor::scalar(i64::MAX)]).is_err());
        }
    }
}
