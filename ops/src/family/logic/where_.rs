//! [Where](https://onnx.ai/onnx/operators/onnx__Where.html): one of two elements, chosen by a third, broadcast.

use crate::{
    DType, Error, Missing, Node, Operator, Result, Tensor,
    broadcast::{broadcast_shape, broadcast_strides, for_each_index},
    family::{
        math::elementwise::{Elementwise, same},
        movement::select::copy_runs,
    },
    tensor::element_count,
};
use std::{ops::RangeInclusive, sync::Arc};

/// `condition ? X : Y`, element by element; of anything fixed-width, or strings.
#[derive(Debug)]
pub struct Where;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Where))
}

/// Which of X and Y an element comes from, and its flat index there.
type Choice = (usize, usize);

/// The output's shape and where each element comes from.
fn choices(inputs: &[&Tensor]) -> Result<(Vec<usize>, Vec<Choice>)> {
    let condition = inputs[0].as_slice::<bool>()?;
    let shape = broadcast_shape(&broadcast_shape(inputs[0].shape(), inputs[1].shape())?, inputs[2].shape())?;
    let strides = [0, 1, 2].map(|i: usize| broadcast_strides(inputs[i].shape(), &shape));
    let mut chosen = Vec::with_capacity(element_count(&shape)?);
    for_each_index(&shape, &strides, |[c, x, y]| chosen.push(if condition[c] { (0, x) } else { (1, y) }));
    Ok((shape, chosen))
}

impl Elementwise for Where {
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        if inputs[0] != DType::Bool {
            return Err(Error::invalid(format!("input 0 is {} where bool is expected", inputs[0])));
        }
        same(&inputs[1..]).map_err(|e| e.at("the two choices"))
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (shape, chosen) = choices(inputs)?;
        copy_runs(&inputs[1..], shape, 1, chosen.into_iter())
    }

    fn moves(&self) -> bool {
        true
    }

    fn missing_values(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn three_shapes_broadcast() {
        let condition = Tensor::from_vec([2, 1], vec![true, false]).unwrap();
        let (x, y) = (floats(&[3], &[1.0, 2.0, 3.0]), floats(&[], &[f32::NAN]));
        let got = run("Where", 16, &[&condition, &x, &y]).unwrap();
        assert_eq!(got, floats(&[2, 3], &[1.0, 2.0, 3.0, f32::NAN, f32::NAN, f32::NAN]));
        let (p, q) = (
            Tensor::from_string_iter([1, 2], ["a", "b"]).unwrap(),
            Tensor::from_string_iter([2, 2], ["c", "d", "e", "f"]).unwrap(),
        );
        let got = run("Where", 9, &[&condition, &p, &q]).unwrap();
        assert_eq!(got, Tensor::from_string_iter([2, 2], ["a", "b", "e", "f"]).unwrap());
        assert!(run("Where", 16, &[&condition, &x, &p]).is_err(), "two types");
        assert!(run("Where", 16, &[&x, &x, &x]).is_err(), "a condition of numbers");
        assert!(run("Where", 16, &[&condition, &x, &q]).is_err());
    }
}
