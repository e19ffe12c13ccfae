//! [ExpandDims](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.ExpandDims): one
//! dimension of 1 put in.

use super::compose::check;
use crate::{
    Node, Operator, Result,
    family::movement::{Unsqueeze, axes::Axes},
};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 2, 1)?;
    Ok(Arc::new(Unsqueeze { axes: Axes::Input(1) }))
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::nn::testing::{count, run_in},
    };

    #[test]
    fn the_axis_is_an_input() {
        for (axis, want) in [(0, Some([1usize, 2, 3])), (-1, Some([2, 3, 1])), (1, Some([2, 1, 3])), (3, None)] {
            let given = [Some(count(&[2, 3])), Some(Tensor::scalar(axis))];
            let got = run_in("com.microsoft", "ExpandDims", 1, &[], &given, 1);
            assert_eq!(got.ok().map(|t| t[0].shape().to_vec()), want.map(Vec::from), "{axis}");
        }
    }
}
