//! [RandomNormal](https://onnx.ai/onnx/operators/onnx__RandomNormal.html): numbers of a normal distribution.

use super::generator::{Generator, fill, float_type, seed, shape};
use crate::{DType, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Numbers of a normal distribution, drawn by flat index from the [`Generator`], worked out in doubles and rounded once.
#[derive(Debug)]
pub struct RandomNormal {
    /// The type of the output.
    pub dtype: DType,
    /// The shape of the output.
    pub shape: Vec<usize>,
    /// The seed; without one every evaluation draws anew.
    pub seed: Option<u64>,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub scale: f64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(RandomNormal {
        dtype: float_type(node)?.unwrap_or(DType::F32),
        shape: shape(node)?,
        seed: seed(node)?,
        mean: f64::from(node.attributes.float_or("mean", 0.0)?),
        scale: f64::from(node.attributes.float_or("scale", 1.0)?),
    }))
}

impl Operator for RandomNormal {
    fn infer(&self, _: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![Fact::shaped(self.dtype, self.shape.iter().copied())])
    }

    fn evaluate(&self, _: Inputs<'_>) -> Result<Vec<Value>> {
        let (dtype, shape) = (self.dtype, &self.shape);
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
        Attribute, Attributes, DType,
        family::math::elementwise::testing::{parse, run_with},
    };

    #[test]
    fn seeds_fix_the_numbers() {
        let unseeded = || Attributes::new().with("shape", Attribute::Ints(vec![3, 50]));
        let seeded = |s: f32| unseeded().with("seed", Attribute::Float(s));
        let draw = |a: &Attributes| run_with("RandomNormal", 22, a, &[]).unwrap();
        assert_eq!(draw(&seeded(1.0)), draw(&seeded(1.0)));
        assert_ne!(draw(&seeded(1.0)), draw(&seeded(2.0)));
        assert_ne!(draw(&unseeded()), draw(&unseeded()));
        assert!(parse("RandomNormal", 22, &seeded(1.0), 0, 1).unwrap().is_pure());
        assert!(!parse("RandomNormal", 22, &unseeded(), 0, 1).unwrap().is_pure());
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
        assert!(parse("RandomNormal", 22, &bad, 0, 1).is_err());
    }
}
