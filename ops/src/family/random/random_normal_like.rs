//! [RandomNormalLike](https://onnx.ai/onnx/operators/onnx__RandomNormalLike.html): numbers of a normal distribution in the shape of the input.

use super::generator::{Generator, fill, float_type, seed};
use crate::{DType, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Numbers of a normal distribution, drawn by flat index from the [`Generator`], worked out in doubles and rounded once.
#[derive(Debug)]
pub struct RandomNormalLike {
    /// The type of the output, where it is not the input's.
    pub dtype: Option<DType>,
    /// The seed; without one every evaluation draws anew.
    pub seed: Option<u64>,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub scale: f64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(RandomNormalLike {
        dtype: float_type(node)?,
        seed: seed(node)?,
        mean: f64::from(node.attributes.float_or("mean", 0.0)?),
        scale: f64::from(node.attributes.float_or("scale", 1.0)?),
    }))
}

impl Operator for RandomNormalLike {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = self.dtype.map_or_else(|| inputs.dtype(0), Ok)?;
        let dtype = crate::family::math::elementwise::same_float(&[dtype])?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (dtype, shape) = (self.dtype.unwrap_or(x.dtype()), x.shape());
        let generator = Generator::seeded(self.seed);
        let drawn = fill(shape, |i| self.mean + self.scale * generator.normal(i))?;
        Ok(vec![drawn.cast(dtype)?.into()])
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
        family::math::elementwise::testing::{parse, run_with},
    };

    #[test]
    fn seeds_fix_the_numbers() {
        let unseeded = || Attributes::new();
        let seeded = |s: f32| unseeded().with("seed", Attribute::Float(s));
        let draw = |a: &Attributes| {
            run_with("RandomNormalLike", 22, a, &[&Tensor::zeros(DType::F32, [3, 50]).unwrap()]).unwrap()
        };
        assert_eq!(draw(&seeded(1.0)), draw(&seeded(1.0)));
        assert_ne!(draw(&seeded(1.0)), draw(&seeded(2.0)));
        assert_ne!(draw(&unseeded()), draw(&unseeded()));
        assert!(parse("RandomNormalLike", 22, &seeded(1.0), 1, 1).unwrap().is_pure());
        assert!(!parse("RandomNormalLike", 22, &unseeded(), 1, 1).unwrap().is_pure());
        let moved = seeded(3.0).with("mean", Attribute::Float(100.0)).with("scale", Attribute::Float(2.0));
        let values = draw(&moved);
        let values = values.as_slice::<f32>().unwrap();
        assert!(
            values.iter().all(|v| (v - 100.0).abs() < 10.0) && values.iter().any(|v| (v - 100.0).abs() > 2.0),
            "{values:?}"
        );
        let wide = seeded(3.0).with("dtype", Attribute::Int(i64::from(DType::F64.code())));
        assert_eq!((draw(&wide).dtype(), draw(&wide).shape()), (DType::F64, &[3, 50][..]));
        let bad = seeded(3.0).with("dtype", Attribute::Int(i64::from(DType::I32.code())));
        assert!(parse("RandomNormalLike", 22, &bad, 1, 1).is_err());
    }
}
