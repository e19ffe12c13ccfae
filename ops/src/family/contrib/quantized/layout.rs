//! Images whose channels are the last axis, for operators that are written with the channels second.

use crate::{Dim, Fact, Result, Tensor, family::movement::transpose::transpose};

/// The axes of a tensor of this rank with the channels brought second, or brought back last.
fn order(rank: usize, last: bool) -> Vec<usize> {
    let mut axes: Vec<usize> = (0..rank).collect();
    if rank > 2 {
        let (from, to) = if last { (1, rank - 1) } else { (rank - 1, 1) };
        let channels = axes.remove(from);
        axes.insert(to, channels);
    }
    axes
}

/// The tensor with its channels, which are last, second.
pub(super) fn second(x: &Tensor) -> Result<Tensor> {
    transpose(x, &order(x.rank(), false))
}

/// The tensor with its channels, which are second, last.
pub(super) fn last(x: &Tensor) -> Result<Tensor> {
    transpose(x, &order(x.rank(), true))
}

fn turned(fact: &Fact, last: bool) -> Fact {
    let turn = |s: &[Dim]| order(s.len(), last).into_iter().map(|a| s[a].clone()).collect();
    match fact.dtype() {
        Some(dtype) => Fact::tensor(dtype, fact.shape().map(turn)),
        None => Fact::of(fact.ty.clone()),
    }
}

/// What is known of the tensor that [`second`] gives.
pub(super) fn fact_second(fact: &Fact) -> Fact {
    turned(fact, false)
}

/// What is known of the tensor that [`last`] gives.
pub(super) fn fact_last(fact: &Fact) -> Fact {
    turned(fact, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, family::nn::testing::count};

    #[test]
    fn channels_move_there_and_back() {
        let x = count(&[2, 3, 4, 5]);
        let y = second(&x).unwrap();
        assert_eq!(y.shape(), [2, 5, 3, 4]);
        assert_eq!(y.as_slice::<f32>().unwrap()[..2], [0.0, 5.0]);
        assert_eq!(last(&y).unwrap(), x);
        assert_eq!(second(&count(&[2, 3])).unwrap(), count(&[2, 3]), "no spatial axes");
        let fact = Fact::shaped(DType::U8, [Dim::symbol("N"), Dim::Known(3), Dim::Unknown]);
        assert_eq!(fact_last(&fact_second(&fact)), fact);
        assert_eq!(fact_second(&fact).shape().unwrap()[1], Dim::Unknown);
    }
}
