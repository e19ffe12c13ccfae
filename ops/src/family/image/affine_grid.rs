//! [AffineGrid](https://onnx.ai/onnx/operators/onnx__AffineGrid.html): a grid of positions under affine maps.

use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::wide::{check_float, filled, for_each_position, narrow, wide, with_wide},
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// Positions of an image of `size` under `theta`, `[N, r, r + 1]`, as [`GridSample`](super::GridSample) reads them.
///
/// Order of arithmetic: each coordinate is one chain of fused multiply-adds over x, y (and z), starting from the shift.
#[derive(Debug)]
pub struct AffineGrid {
    /// Whether -1 and 1 are the centres of the outermost elements instead of their outer edges.
    pub align_corners: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(AffineGrid { align_corners: node.attributes.flag_or("align_corners", false)? }))
}

impl AffineGrid {
    fn position(&self, i: usize, n: usize) -> f64 {
        match (self.align_corners, n) {
            (true, 1) => -1.0,
            (true, n) => -1.0 + i as f64 * (2.0 / (n - 1) as f64),
            (false, n) => -1.0 + (i as f64 + 0.5) * (2.0 / n as f64),
        }
    }

    fn grid<T: Float>(&self, theta: &Tensor, size: &[i64]) -> Result<Tensor> {
        let sizes: Vec<usize> = size
            .iter()
            .map(|n| usize::try_from(*n).map_err(|_| Error::invalid(format!("a size of {n}"))))
            .collect::<Result<_>>()?;
        let [n, _, spatial @ ..] = sizes.as_slice() else {
            return Err(Error::invalid("the size has less than four elements"));
        };
        let r = spatial.len();
        if !matches!(r, 2 | 3) || theta.shape() != [*n, r, r + 1] {
            return Err(Error::invalid(format!("affine maps of shape {:?} for an image of {sizes:?}", theta.shape())));
        }
        let maps = wide::<T>(theta)?;
        let shape = [&[*n][..], spatial, &[r]].concat();
        let mut out = filled(&shape, T::ZERO)?;
        let mut to = 0;
        for b in 0..*n {
            for_each_position(spatial, |p| {
                for row in 0..r {
                    let map = &maps[(b * r + row) * (r + 1)..][..r + 1];
                    // The last spatial axis is x.
                    out[to] = (0..r).fold(map[r], |sum, k| {
                        let axis = r - 1 - k;
                        map[k].mul_add(T::from_f64(self.position(p[axis], spatial[axis])), sum)
                    });
                    to += 1;
                }
            });
        }
        narrow(theta.dtype(), shape, out)
    }
}

impl Operator for AffineGrid {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        inputs.required(1)?;
        let dims = match inputs.get(1).and_then(|f| f.dims.clone()) {
            Some(d) if matches!(d.len(), 4 | 5) => {
                let r = d.len() - 2;
                Some([&d[..1], &d[2..], &[Dim::Known(r)]].concat())
            }
            Some(d) => return Err(Error::invalid(format!("a size of {} elements; 4 or 5 are expected", d.len()))),
            None => None,
        };
        Ok(vec![Fact::tensor(dtype, dims)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let theta = inputs.tensor(0)?;
        let size = inputs.ints(1)?.ok_or_else(|| Error::invalid("input 1 is required and missing"))?;
        with_wide!(theta.dtype(), T => Ok(vec![self.grid::<T>(theta, &size)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let known = outputs.first().and_then(Fact::shape).is_some_and(|s| s[1..].iter().all(|d| d.known().is_some()));
        match rows {
            [Rows::Axis(0), Rows::Extent] if known => vec![Rows::Axis(0); outputs.len()],
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run, t},
    };

    #[test]
    fn positions_are_mapped() {
        let theta = t(&[1, 2, 3], &[1.0, 0.0, 0.5, 0.0, 2.0, 0.0]);
        let size = |v: &[i64]| Tensor::from_slice([v.len()], v).unwrap();
        let got = run("AffineGrid", 20, &[], &[theta.clone(), size(&[1, 1, 1, 2])]).unwrap();
        close(&got[0], &[1, 1, 2, 2], &[0.0, 0.0, 1.0, 0.0]);
        let corners = [("align_corners", Attribute::Int(1))];
        let got = run("AffineGrid", 20, &corners, &[theta.clone(), size(&[1, 3, 2, 1])]).unwrap();
        close(&got[0], &[1, 2, 1, 2], &[-0.5, -2.0, -0.5, 2.0]);
        assert!(run("AffineGrid", 20, &[], &[theta.clone(), size(&[2, 1, 1, 2])]).is_err());
        assert!(run("AffineGrid", 20, &[], &[theta, size(&[1, 1, 1, -2])]).is_err());
    }
}
