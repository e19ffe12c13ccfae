//! [Dropout](https://onnx.ai/onnx/operators/onnx__Dropout.html): the identity in inference; random zeros in training.

use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::random::Generator,
    numeric::{Number, with_float},
    rows,
};
use std::sync::Arc;

/// `(output, mask)`. Out of training mode the input and a mask of ones. In it, element `i` stays when number `i` of the
/// [`Generator`] is at least the ratio, and is then scaled by `1 / (1 - ratio)`; the others become 0.
#[derive(Debug)]
pub struct Dropout {
    /// The seed; without one every evaluation in training mode draws anew.
    pub seed: Option<u64>,
    /// Whether an input can turn training mode on.
    pub trains: bool,
    /// The ratio of elements dropped where training mode is on without an input: before version 7, unless `is_test`.
    pub always: Option<f32>,
    /// Whether the mask has the input's type, as before version 10, and not booleans.
    pub mask_of_input_type: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let always = node.since < 7 && !node.attributes.flag_or("is_test", false)?;
    Ok(Arc::new(Dropout {
        seed: node.attributes.int("seed")?.map(i64::cast_unsigned),
        trains: always || node.since >= 12 && node.inputs > 2,
        always: if always { Some(node.attributes.float_or("ratio", 0.5)?) } else { None },
        mask_of_input_type: node.since < 10,
    }))
}

impl Dropout {
    /// The ratio, when training mode is on and drops anything.
    fn ratio(&self, inputs: Inputs<'_>) -> Result<Option<f64>> {
        let training = match inputs.optional_tensor(2)? {
            Some(t) if self.trains => t.item::<bool>().map_err(|e| e.at("input 2"))?,
            _ => self.always.is_some(),
        };
        if !training {
            return Ok(None);
        }
        let ratio = match (self.always, inputs.optional_tensor(1)?) {
            (Some(ratio), _) => f64::from(ratio),
            (None, None) => 0.5,
            (None, Some(t)) => {
                let t = t.widen()?;
                with_float!(t.dtype(), T => t.item::<T>().map(Number::to_f64))?
            }
        };
        if !(0.0..1.0).contains(&ratio) {
            return Err(Error::invalid(format!("the ratio is {ratio}; it lies from 0 up to 1, without 1")));
        }
        Ok(Some(ratio).filter(|r| *r > 0.0))
    }
}

impl Operator for Dropout {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = inputs.shape(0)?.map(<[_]>::to_vec);
        let mask = if self.mask_of_input_type { dtype } else { DType::Bool };
        Ok(vec![Fact::tensor(dtype, shape.clone()), Fact::tensor(mask, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let Some(ratio) = self.ratio(inputs)? else {
            let mask = if self.mask_of_input_type {
                Tensor::from_vec(x.shape(), vec![true; x.len()])?.cast(x.dtype())?
            } else {
                Tensor::from_vec(x.shape(), vec![true; x.len()])?
            };
            return Ok(vec![x.clone().into(), mask.into()]);
        };
        let generator = Generator::seeded(self.seed);
        let mask: Vec<bool> = (0..x.len() as u64).map(|i| generator.uniform(i) >= ratio).collect();
        let scale = 1.0 / (1.0 - ratio);
        let wide = x.cast(DType::F64)?;
        let kept = wide.as_slice::<f64>()?.iter().zip(&mask);
        let kept = kept.map(|(v, keep)| if *keep { v * scale } else { 0.0 }).collect();
        let kept = Tensor::from_vec(x.shape(), kept)?.cast(x.dtype())?;
        let mask = Tensor::from_vec(x.shape(), mask)?;
        let mask = if self.mask_of_input_type { mask.cast(x.dtype())? } else { mask };
        Ok(vec![kept.into(), mask.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let off = inputs.value(2).and_then(|t| t.item::<bool>().ok()) == Some(false);
        if self.trains && !off {
            return vec![Rows::Mixed; outputs.len()];
        }
        rows::along(rows, &[], outputs.len())
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }

    fn is_pure(&self) -> bool {
        self.seed.is_some() || !self.trains
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, DType, Tensor,
        family::math::elementwise::testing::{floats, run_all},
    };

    #[test]
    fn inference_keeps_and_training_drops() {
        let x = floats(&[2, 500], &[3.0; 1000]);
        let (ratio, train) = (floats(&[], &[0.25]), Tensor::scalar(true));
        let seed = Attributes::new().with("seed", Attribute::Int(1));
        for (version, inputs) in [(7, vec![Some(&x)]), (10, vec![Some(&x)]), (22, vec![Some(&x), Some(&ratio)])] {
            let attributes = if version < 12 { Attributes::new() } else { seed.clone() };
            let got = run_all("Dropout", version, &attributes, &inputs, 2).unwrap();
            assert_eq!(got[0], x, "version {version}");
            assert_eq!(got[1].dtype(), if version < 10 { DType::F32 } else { DType::Bool });
        }
        let test = Attributes::new().with("is_test", Attribute::Int(1));
        assert_eq!(run_all("Dropout", 6, &test, &[Some(&x)], 2).unwrap()[0], x, "version 6");
        let quarter = Attributes::new().with("ratio", Attribute::Float(0.25));
        let first = run_all("Dropout", 6, &quarter, &[Some(&x)], 2).unwrap();
        let count = first[1].as_slice::<f32>().unwrap().iter().filter(|m| **m == 1.0).count();
        assert!((680..820).contains(&count), "version 6 trains unless is_test says otherwise: {count} of 1000 kept");
        assert!(first[0].as_slice::<f32>().unwrap().iter().all(|v| *v == 0.0 || *v == 4.0));
        let got = run_all("Dropout", 22, &seed, &[Some(&x), Some(&ratio), Some(&train)], 2).unwrap();
        let kept = got[1].as_slice::<bool>().unwrap();
        for (v, keep) in got[0].as_slice::<f32>().unwrap().iter().zip(kept) {
            assert_eq!(*v, if *keep { 4.0 } else { 0.0 });
        }
        let count = kept.iter().filter(|k| **k).count();
        assert!((700..800).contains(&count), "{count} of 1000 where 750 are due");
        let none = floats(&[], &[1.0]);
        assert!(run_all("Dropout", 22, &seed, &[Some(&x), Some(&none), Some(&train)], 2).is_err());
        let got = run_all("Dropout", 22, &seed, &[Some(&x), Some(&floats(&[], &[0.0])), Some(&train)], 2).unwrap();
        assert_eq!(got[0], x);
    }
}
