//! [FusedMatMul](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedMatMul):
//! a scaled matrix product of transposed operands.

use super::compose::{check, infer, one};
use crate::{
    Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        math::{
            MatMul,
            elementwise::{map_float, same_float},
        },
        movement::transpose,
    },
    rows,
};
use std::sync::Arc;

/// How an operand is turned before the product; vectors are not.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Whether the first axis goes behind the other axes of the stack, where its matrices' rows are.
    pub batch: bool,
    /// Whether the last two axes are then exchanged.
    pub matrix: bool,
}

impl Turn {
    fn order(self, rank: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..rank).collect();
        if rank > 1 && self.batch {
            order[..rank - 1].rotate_left(1);
        }
        if rank > 1 && self.matrix {
            order.swap(rank - 1, rank - 2);
        }
        order
    }

    fn apply(self, x: &Tensor) -> Result<Tensor> {
        if self.batch || self.matrix { transpose(&x.widen()?, &self.order(x.rank())) } else { x.widen() }
    }

    fn fact(self, inputs: Facts<'_>, i: usize) -> Result<Fact> {
        let turned = |s: &[crate::Dim]| self.order(s.len()).iter().map(|a| s[*a].clone()).collect();
        Ok(Fact::tensor(inputs.dtype(i)?, inputs.shape(i)?.map(turned)))
    }
}

/// `Y = alpha A' B'` as [`MatMul`] multiplies, then one product with `alpha`.
#[derive(Debug)]
pub struct FusedMatMul {
    /// The factor of the product.
    pub alpha: f32,
    /// How `A` and `B` are turned.
    pub turns: [Turn; 2],
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["alpha", "transA", "transB", "transBatchA", "transBatchB"], 2, 1)?;
    let a = node.attributes;
    let turn =
        |batch: &str, matrix: &str| Ok(Turn { batch: a.flag_or(batch, false)?, matrix: a.flag_or(matrix, false)? });
    Ok(Arc::new(FusedMatMul {
        alpha: a.float_or("alpha", 1.0)?,
        turns: [turn("transBatchA", "transA")?, turn("transBatchB", "transB")?],
    }))
}

impl Operator for FusedMatMul {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        same_float(&[inputs.dtype(0)?, inputs.dtype(1)?])?;
        let (a, b) = (self.turns[0].fact(inputs, 0)?, self.turns[1].fact(inputs, 1)?);
        Ok(vec![infer(&MatMul, &[Some(&a), Some(&b)])?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let dtype = inputs.tensor(0)?.dtype();
        let (a, b) = (self.turns[0].apply(inputs.tensor(0)?)?, self.turns[1].apply(inputs.tensor(1)?)?);
        let product = one(&MatMul, &[Some(&a), Some(&b)])?;
        let scaled = map_float(&product, |v| v * self.alpha, |v| v * f64::from(self.alpha))?;
        Ok(vec![scaled.narrow(dtype)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // An exchange within matrices leaves the axes of the stack where they are.
        let stacked = |i: usize| match (rows.get(i), inputs.get(i).and_then(Fact::shape)) {
            (Some(Rows::Axis(r)), Some(s)) => r + 2 < s.len(),
            (Some(Rows::Free), _) => true,
            _ => false,
        };
        let kept = |i: usize| !self.turns[i].batch && (!self.turns[i].matrix || stacked(i));
        if kept(0) && kept(1) { MatMul.rows(rows, inputs, outputs) } else { rows::opaque(rows, outputs.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Attribute,
        family::nn::testing::{close, count, run_in, t},
    };

    #[test]
    fn operands_are_turned_and_the_product_scaled() {
        let go = |flags: &[&str], a: Tensor, b: Tensor| {
            let mut attributes = vec![("alpha", Attribute::Float(0.5))];
            attributes.extend(flags.iter().map(|f| (*f, Attribute::Int(1))));
            run_in("com.microsoft", "FusedMatMul", 1, &attributes, &[Some(a), Some(b)], 1)
        };
        // [[0, 1], [2, 3]] times itself, each operand transposed or not.
        for (flags, want) in [
            (&[][..], [1.0, 1.5, 3.0, 5.5]),
            (&["transA"], [2.0, 3.0, 3.0, 5.0]),
            (&["transB"], [0.5, 1.5, 1.5, 6.5]),
            (&["transA", "transB"], [1.0, 3.0, 1.5, 5.5]),
        ] {
            close(&go(flags, count(&[2, 2]), count(&[2, 2])).unwrap()[0], &[2, 2], &want);
        }
        // [2, 3, 1] becomes [3, 2, 1]: columns of the sequence.
        let got = go(&["transBatchA"], count(&[2, 3, 1]), t(&[1, 1], &[2.0])).unwrap();
        close(&got[0], &[3, 2, 1], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        close(&go(&["transA", "transB"], count(&[2]), count(&[2])).unwrap()[0], &[], &[0.5]);
        assert!(go(&["transA"], count(&[2, 3]), count(&[3, 2])).is_err());
    }
}
