//! [MaxRoiPool](https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html): the greatest elements of a grid over regions.

use super::{
    wide::{check_float, filled, narrow, wide, with_wide},
    window::sizes,
};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts, numeric::Float};
use std::sync::Arc;

/// Each region `[batch, x1, y1, x2, y2]`, scaled and rounded to whole elements, is cut into a grid; each cell gives its
/// greatest element, and an empty cell 0. A NaN is greater than everything.
#[derive(Debug)]
pub struct MaxRoiPool {
    /// Height and width of the grid.
    pub pooled: [usize; 2],
    /// Factor of the regions' coordinates.
    pub scale: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let pooled = sizes(node, "pooled_shape", 1)?;
    let pooled = <[usize; 2]>::try_from(pooled)
        .map_err(|p| Error::invalid(format!("attribute 'pooled_shape' has {} entries; 2 are expected", p.len())))?;
    Ok(Arc::new(MaxRoiPool { pooled, scale: node.attributes.float_or("spatial_scale", 1.0)? }))
}

impl MaxRoiPool {
    fn pool<T: Float>(&self, x: &Tensor, rois: &Tensor) -> Result<Tensor> {
        let (&[batch, channels, height, width], &[regions, 5]) = (x.shape(), rois.shape()) else {
            return Err(Error::invalid(format!(
                "regions of shape {:?} for an input of shape {:?}",
                rois.shape(),
                x.shape()
            )));
        };
        let [ph, pw] = self.pooled;
        let shape = [regions, channels, ph, pw];
        let mut out = filled(&shape, T::ZERO)?;
        let (xs, rs) = (wide::<T>(x)?, wide::<f64>(rois)?);
        for (r, roi) in rs.chunks(5).enumerate() {
            let n = roi[0] as usize;
            if roi[0].is_nan() || roi[0] < 0.0 || n >= batch {
                return Err(Error::invalid(format!("region {r} is of image {} of {batch}", roi[0])));
            }
            let edge = |v: f64| (v * f64::from(self.scale)).round();
            let (x1, y1, x2, y2) = (edge(roi[1]), edge(roi[2]), edge(roi[3]), edge(roi[4]));
            let cell = |first: f64, last: f64, count: usize, i: usize, limit: usize| {
                let step = (last - first + 1.0).max(1.0) / count as f64;
                let from = (i as f64 * step).floor() + first;
                let to = ((i + 1) as f64 * step).ceil() + first;
                (from.clamp(0.0, limit as f64) as usize)..(to.clamp(0.0, limit as f64) as usize)
            };
            for c in 0..channels {
                let plane = &xs[(n * channels + c) * height * width..][..height * width];
                for i in 0..ph {
                    for j in 0..pw {
                        let mut best: Option<T> = None;
                        for y in cell(y1, y2, ph, i, height) {
                            for x in cell(x1, x2, pw, j, width) {
                                let v = plane[y * width + x];
                                if best.is_none_or(|b| v > b || v.is_nan()) {
                                    best = Some(v);
                                }
                            }
                        }
                        out[((r * channels + c) * ph + i) * pw + j] = best.unwrap_or(T::ZERO);
                    }
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for MaxRoiPool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let first = |i: usize, at: usize| Ok(inputs.shape(i)?.and_then(|s| s.get(at)).cloned().unwrap_or(Dim::Unknown));
        let shape = [first(1, 0)?, first(0, 1)?, Dim::Known(self.pooled[0]), Dim::Known(self.pooled[1])];
        Ok(vec![Fact::shaped(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, rois) = (inputs.tensor(0)?, inputs.tensor(1)?);
        with_wide!(x.dtype(), T => Ok(vec![self.pool::<T>(x, rois)?.into()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, ints, run, t};
    use crate::Attribute;

    #[test]
    fn regions_are_cut_into_cells() {
        let x = count(&[1, 1, 3, 4]);
        let attributes = [("pooled_shape", ints(&[1, 2])), ("spatial_scale", Attribute::Float(0.5))];
        let got = run("MaxRoiPool", 1, &attributes, &[x.clone(), t(&[1, 5], &[0.0, 0.0, 2.0, 6.0, 4.0])]).unwrap();
        close(&got[0], &[1, 1, 1, 2], &[9.0, 11.0]);
        assert!(run("MaxRoiPool", 22, &attributes, &[x.clone(), t(&[1, 5], &[1.0; 5])]).is_err());
        assert!(run("MaxRoiPool", 22, &[], &[x, t(&[1, 5], &[0.0; 5])]).is_err());
    }
}
