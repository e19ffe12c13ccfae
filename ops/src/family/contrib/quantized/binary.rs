//! What [QLinearAdd](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAdd) and [QLinearMul](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearMul) share: two tensors of bytes broadcast together.

use super::{
    load::only,
    parameters::{Parameters, check, rows_like},
};
use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    broadcast::{broadcast_map, infer_broadcast},
    fact::Facts,
    family::math::Add,
};

/// Refuses what is not read.
pub(super) fn parse(node: &Node<'_>) -> Result<()> {
    only(node, &[], 7..=8)
}

pub(super) fn infer(inputs: Facts<'_>) -> Result<Vec<Fact>> {
    let dtype = inputs.dtype(0)?;
    inputs.dtype_where(3, "the type of input 0", |t| t == dtype)?;
    for (scale, zero) in [(1, 2), (4, 5), (6, 7)] {
        check(inputs, dtype, scale, zero)?;
    }
    infer_broadcast(Facts(&[inputs.get(0), inputs.get(3)]), dtype)
}

/// `combine` is given the parameters of both inputs and the output, and gives what makes of two codes the number that
/// is rounded, the output's zero point in it.
pub(super) fn evaluate<F: Fn(f32, f32) -> f32>(
    inputs: Inputs<'_>,
    combine: impl Fn([Parameters; 3]) -> F,
) -> Result<Vec<Value>> {
    let (a, b) = (inputs.tensor(0)?, inputs.tensor(3)?);
    let dtype = a.dtype();
    if b.dtype() != dtype {
        return Err(Error::invalid(format!("input 3 is {} where {dtype} is expected", b.dtype())));
    }
    let read = |scale, zero| Parameters::read(inputs, dtype, scale, zero);
    let (p, q, out) = (read(1, 2)?, read(4, 5)?, read(6, 7)?);
    let f = combine([p, q, out]);
    let found = broadcast_map::<i64, i64, i64>(&a.widen()?, &b.widen()?, |x, y| out.rounded(f(x as f32, y as f32)))?;
    Ok(vec![found.narrow(dtype)?.into()])
}

pub(super) fn rows(rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
    rows_like(&Add as &dyn Operator, &[0, 3], rows, inputs, outputs)
}
