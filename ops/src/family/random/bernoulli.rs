//! [Bernoulli](https://onnx.ai/onnx/operators/onnx__Bernoulli.html): ones with given probabilities.

use super::generator::{Generator, seed};
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    family::math::elementwise::same_float,
};
use std::sync::Arc;

/// 1 with the probability that the input holds, else 0, drawn by flat index from the [`Generator`].
#[derive(Debug)]
pub struct Bernoulli {
    /// The type of the output, where it is not the input's.
    pub dtype: Option<DType>,
    /// The seed; without one every evaluation draws anew.
    pub seed: Option<u64>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Bernoulli { dtype: node.attributes.dtype("dtype")?, seed: seed(node)? }))
}

impl Operator for Bernoulli {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = same_float(&[inputs.dtype(0)?])?;
        Ok(vec![Fact::tensor(self.dtype.unwrap_or(dtype), inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let generator = Generator::seeded(self.seed);
        let chances: Vec<f64> = x.cast(DType::F64)?.as_slice::<f64>()?.to_vec();
        if let Some(wrong) = chances.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::invalid(format!("{wrong} is no probability")));
        }
        let ones = chances.iter().enumerate().map(|(i, p)| generator.uniform(i as u64) < *p);
        let tensor = Tensor::from_vec(x.shape(), ones.collect::<Vec<bool>>())?;
        Ok(vec![tensor.cast(self.dtype.unwrap_or(x.dtype()))?.into()])
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
        Attribute, Attributes, DType, Tensor,
        family::math::elementwise::testing::{floats, run_with},
    };

    #[test]
    fn ones_come_as_often_as_asked() {
        let seeded = Attributes::new().with("seed", Attribute::Float(5.0));
        let p = floats(&[3, 1000], &[[0.0; 1000], [0.25; 1000], [1.0; 1000]].concat());
        let got = run_with("Bernoulli", 15, &seeded, &[&p]).unwrap();
        let sums: Vec<f32> = got.as_slice::<f32>().unwrap().chunks(1000).map(|c| c.iter().sum()).collect();
        assert!(sums[0] == 0.0 && (200.0..300.0).contains(&sums[1]) && sums[2] == 1000.0, "{sums:?}");
        let bools = seeded.clone().with("dtype", Attribute::Int(i64::from(DType::Bool.code())));
        assert_eq!(run_with("Bernoulli", 22, &bools, &[&p]).unwrap().dtype(), DType::Bool);
        assert!(run_with("Bernoulli", 22, &seeded, &[&floats(&[1], &[1.5])]).is_err());
        assert!(run_with("Bernoulli", 22, &seeded, &[&Tensor::scalar(1i32)]).is_err());
    }
}
