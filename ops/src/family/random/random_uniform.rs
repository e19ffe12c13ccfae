//! [RandomUniform](https://onnx.ai/onnx/operators/onnx__RandomUniform.html): numbers uniform between two bounds.

use super::generator::{Generator, fill, float_type, seed, shape};
use crate::{DType, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Numbers uniform between two bounds, drawn by flat index from the [`Generator`], worked out in doubles and rounded once.
#[derive(Debug)]
pub struct RandomUniform {
    /// The type of the output.
    pub dtype: DType,
    /// The shape of the output.
    pub shape: Vec<usize>,
    /// The seed; without one every evaluation draws anew.
    pub seed: Option<u64>,
    /// The upper bound, not reached before rounding.
    pub high: f64,
    /// The lower bound.
    pub low: f64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(RandomUniform {
        dtype: float_type(node)?.unwrap_or(DType::F32),
        shape: shape(node)?,
        seed: seed(node)?,
        high: f64::from(node.attributes.float_or("high", 1.0)?),
        low: f64::from(node.attributes.float_or("low", 0.0)?),
    }))
}

impl Operator for RandomUniform {
    fn infer(&self, _: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![Fact::shaped(self.dtype, self.shape.iter().copied())])
    }

    fn evaluate(&self, _: Inputs<'_>) -> Result<Vec<Value>> {
        let (dtype, shape) = (self.dtype, &self.shape);
        let generator = Generator::seeded(self.seed);
        let drawn = fill(shape, |i| self.low + (self.high - self.low) * generator.uniform(i))?;
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
        let draw = |a: &Attributes| run_with("RandomUniform", 22, a, &[]).unwrap();
        assert_eq!(draw(&seeded(1.0)), draw(&seeded(1.0)));
        assert_ne!(draw(&seeded(1.0)), draw(&seeded(2.0)));
        assert_ne!(draw(&unseeded()), draw(&unseeded()));
        assert!(parse("RandomUniform", 22, &seeded(1.0), 0, 1).unwrap().is_pure());
        assert!(!parse("RandomUniform", 22, &unseeded(), 0, 1).unwrap().is_pure());
        let moved = seeded(3.0).with("low", Attribute::Float(2.0)).with("high", Attribute::Float(3.0));
        let values = draw(&moved);
        let values = values.as_slice::<f32>().unwrap();
        assert!(values.iter().all(|v| (2.0..=3.0).contains(v)) && values.iter().any(|v| *v > 2.75), "{values:?}");
        let wide = seeded(3.0).with("dtype", Attribute::Int(i64::from(DType::F64.code())));
        assert_eq!((draw(&wide).dtype(), draw(&wide).shape()), (DType::F64, &[3, 50][..]));
        let bad = seeded(3.0).with("dtype", Attribute::Int(i64::from(DType::I32.code())));
        assert!(parse("RandomUniform", 22, &bad, 0, 1).is_err());
    }
}
