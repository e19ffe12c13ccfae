//! [Unique](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Unique): the distinct
//! elements in the order of their first appearance.

use super::compose::check;
use crate::{Error, Fact, Inputs, Node, Operator, Result, Value, fact::Facts, family::movement};
use std::sync::Arc;

/// [`movement::Unique`] of a vector, unsorted, without the places of first appearance.
#[derive(Debug)]
pub struct Unique;

const WHOLE: movement::Unique = movement::Unique { axis: None, sorted: false };

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 1, 3)?;
    Ok(Arc::new(Unique))
}

impl Operator for Unique {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        if let Some(s) = inputs.shape(0)?
            && s.len() != 1
        {
            return Err(Error::invalid(format!("input 0 has {} dimensions; one is expected", s.len())));
        }
        let mut facts = WHOLE.infer(inputs)?;
        facts.remove(1);
        Ok(facts)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let mut values = WHOLE.evaluate(inputs)?;
        values.remove(1);
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use crate::family::nn::testing::{close, count, run_in, t};

    #[test]
    fn the_order_is_that_of_the_input() {
        let x = t(&[6], &[2.0, 1.0, 1.0, 3.0, 4.0, 3.0]);
        let got = run_in("com.microsoft", "Unique", 1, &[], &[Some(x)], 3).unwrap();
        close(&got[0], &[4], &[2.0, 1.0, 3.0, 4.0]);
        assert_eq!(got[1].as_slice::<i64>().unwrap(), [0, 1, 1, 2, 3, 2]);
        assert_eq!(got[2].as_slice::<i64>().unwrap(), [1, 2, 2, 1]);
        assert!(run_in("com.microsoft", "Unique", 1, &[], &[Some(count(&[1, 2]))], 3).is_err());
    }
}
