//! [MelWeightMatrix](https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html): from frequencies to the mel scale.

use super::dft::{one, size};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    fact::Facts,
    family::math::elementwise::number,
    family::nn::wide::{filled, wide},
};
use std::sync::Arc;

/// Triangles that overlap by half on the mel scale, `[frequencies, bins]`; computed in `f64` and rounded once.
#[derive(Debug)]
pub struct MelWeightMatrix {
    /// The type of the output.
    pub dtype: DType,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let dtype = node.attributes.dtype("output_datatype")?.unwrap_or(DType::F32);
    number(dtype)?;
    Ok(Arc::new(MelWeightMatrix { dtype }))
}

fn weights(bins: usize, length: i64, rate: i64, low: f64, high: f64) -> Result<(usize, Vec<f64>)> {
    let frequencies = size(length, "the length of the transform")? / 2 + 1;
    let mel = |hertz: f64| 2595.0 * libm::log10(1.0 + hertz / 700.0);
    if rate <= 0 || !(low >= 0.0 && high.is_finite()) {
        return Err(Error::invalid(format!("edges {low} and {high} at a sample rate of {rate}")));
    }
    let mut out = filled(&[frequencies, bins], 0.0f64)?;
    let step = (mel(high) - mel(low)) / (bins + 2) as f64;
    let edge = |i: usize| -> Result<usize> {
        let hertz = 700.0 * (libm::pow(10.0, (i as f64 * step + mel(low)) / 2595.0) - 1.0);
        let at = ((length as f64 + 1.0) * hertz / rate as f64).floor();
        if at >= 0.0 && at <= frequencies as f64 {
            Ok(at as usize)
        } else {
            Err(Error::invalid(format!("{hertz} Hz lies beyond the {frequencies} frequencies of the transform")))
        }
    };
    for i in 0..bins {
        let (left, centre, right) = (edge(i)?, edge(i + 1)?, edge(i + 2)?);
        let mut set = |j: usize, v: f64| {
            if j < frequencies {
                out[j * bins + i] = v;
            }
        };
        if centre == left {
            set(centre, 1.0);
        } else {
            (left..=centre).for_each(|j| set(j, (j - left) as f64 / (centre - left) as f64));
        }
        (centre..right).for_each(|j| set(j, (right - j) as f64 / (right - centre) as f64));
    }
    Ok((frequencies, out))
}

impl Operator for MelWeightMatrix {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        for i in 0..5 {
            inputs.required(i)?;
        }
        let known = |i: usize, what: &str| one(inputs.ints(i)?, what)?.map(|n| size(n, what)).transpose();
        let bins = known(0, "the number of bins")?.map_or(Dim::Unknown, Dim::Known);
        let frequencies = known(1, "the length of the transform")?.map_or(Dim::Unknown, |n| Dim::Known(n / 2 + 1));
        Ok(vec![Fact::shaped(self.dtype, [frequencies, bins])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let int = |i: usize| {
            one(inputs.ints(i)?, "the input")?
                .ok_or_else(|| Error::invalid(format!("input {i} is required and missing")))
        };
        let float = |i: usize| match wide::<f64>(inputs.tensor(i)?)?.as_ref() {
            [v] => Ok(*v),
            v => Err(Error::invalid(format!("input {i} has {} elements; one is expected", v.len()))),
        };
        let bins = size(int(0)?, "the number of bins")?;
        let (frequencies, values) = weights(bins, int(1)?, int(2)?, float(3)?, float(4)?)?;
        Ok(vec![Tensor::from_vec([frequencies, bins], values)?.cast(self.dtype)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::nn::testing::run};

    #[test]
    fn triangles_rise_and_fall() {
        let of = |rate: i64, high: f32| {
            let (i, f) = (Tensor::scalar::<i64>, Tensor::scalar::<f32>);
            run("MelWeightMatrix", 17, &[], &[i(2), i(16), i(rate), f(0.0), f(high)])
        };
        let got = of(8000, 4000.0).unwrap();
        assert_eq!(got[0].shape(), [9, 2]);
        let w = got[0].as_slice::<f32>().unwrap();
        assert_eq!([w[0], w[2], w[4]], [1.0, 0.5, 0.0]);
        assert!(of(0, 4000.0).is_err());
        assert!(of(8000, 40000.0).is_err());
    }
}
