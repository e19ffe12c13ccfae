//! [RoiAlign](https://onnx.ai/onnx/operators/onnx__RoiAlign.html): pooling of regions without rounding their edges.

use super::wide::{check_float, filled, narrow, wide, with_wide};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value, fact::Facts, numeric::Float};
use std::sync::Arc;

/// Each region is cut into a grid, each cell sampled at a regular grid of points with linear interpolation.
///
/// Order of arithmetic: the four products of a point are added in the order of the elements, points in one chain; the
/// mean divides once. `max` takes the greatest product of all points, as the specification's reference does.
#[derive(Debug)]
pub struct RoiAlign {
    /// Whether points are averaged; else the greatest counts.
    pub average: bool,
    /// Height of the grid.
    pub height: usize,
    /// Width of the grid.
    pub width: usize,
    /// Points of a cell along each axis; 0 is one for each element.
    pub sampling_ratio: usize,
    /// Factor of the regions' coordinates.
    pub scale: f32,
    /// Whether coordinates are those of element centres.
    pub half_pixel: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let count = |name: &str, default: i64, least: i64| {
        let n = a.int_or(name, default)?;
        let fits = n >= least && n <= i64::from(u16::MAX);
        if fits { Ok(n as usize) } else { Err(Error::invalid(format!("attribute '{name}' is {n}"))) }
    };
    let mode = a.string_or("mode", "avg".into())?;
    let default = if node.since < 16 { "output_half_pixel" } else { "half_pixel" };
    let coordinates = a.string_or("coordinate_transformation_mode", default.into())?;
    if !matches!(mode.as_str(), "avg" | "max") || !matches!(coordinates.as_str(), "half_pixel" | "output_half_pixel") {
        return Err(Error::invalid(format!(
            "attributes 'mode' {mode}, 'coordinate_transformation_mode' {coordinates}"
        )));
    }
    Ok(Arc::new(RoiAlign {
        average: mode == "avg",
        height: count("output_height", 1, 1)?,
        width: count("output_width", 1, 1)?,
        sampling_ratio: count("sampling_ratio", 0, 0)?,
        scale: a.float_or("spatial_scale", 1.0)?,
        half_pixel: coordinates == "half_pixel",
    }))
}

/// Two elements with their weights.
type Taps<T> = Option<[(usize, T); 2]>;

/// The elements and weights along one axis; `None` beyond the image.
fn taps<T: Float>(at: T, size: usize) -> Taps<T> {
    let limit = T::from_f64(size as f64);
    if !(at >= T::ONE.neg() && at <= limit) || size == 0 {
        return None;
    }
    let at = if at > T::ZERO { at } else { T::ZERO };
    let low = at.to_i64() as usize;
    if low + 1 >= size {
        return Some([(size - 1, T::ONE), (size - 1, T::ZERO)]);
    }
    let rest = at.sub(T::from_f64(low as f64));
    Some([(low, T::ONE.sub(rest)), (low + 1, rest)])
}

impl RoiAlign {
    fn align<T: Float>(&self, x: &Tensor, rois: &Tensor, images: &[i64]) -> Result<Tensor> {
        let (&[batch, channels, height, width], &[regions, 4]) = (x.shape(), rois.shape()) else {
            return Err(Error::invalid(format!(
                "regions of shape {:?} for an input of shape {:?}",
                rois.shape(),
                x.shape()
            )));
        };
        if images.len() != regions {
            return Err(Error::invalid(format!("{} batch indices for {regions} regions", images.len())));
        }
        let shape = [regions, channels, self.height, self.width];
        let mut out = filled(&shape, T::ZERO)?;
        let (xs, rs) = (wide::<T>(x)?, wide::<T>(rois)?);
        let (scale, offset) = (T::from_f32(self.scale), T::from_f32(if self.half_pixel { 0.5 } else { 0.0 }));
        for (r, (roi, image)) in rs.chunks(4).zip(images).enumerate() {
            let n = usize::try_from(*image).ok().filter(|n| *n < batch);
            let n = n.ok_or_else(|| Error::invalid(format!("region {r} is of image {image} of {batch}")))?;
            let edge = |i: usize| roi[i].mul(scale).sub(offset);
            let extent = |from: usize, to: usize| {
                let e = edge(to).sub(edge(from));
                if !self.half_pixel && (e < T::ONE || e.is_nan()) { T::ONE } else { e }
            };
            let axis = |from: usize, cells: usize, size: usize| -> Result<Vec<Vec<Taps<T>>>> {
                let cell = extent(from, from + 2).div(T::from_f64(cells as f64));
                let points = if self.sampling_ratio > 0 { self.sampling_ratio as f64 } else { cell.to_f64().ceil() };
                if points.is_nan() || points > 1e6 {
                    return Err(Error::Exhausted(format!("{points} points in each cell of region {r}")));
                }
                let points = points.max(0.0) as usize;
                let step = |i: usize| T::from_f64(i as f64 + 0.5).mul(cell).div(T::from_f64(points as f64));
                let first = |c: usize| edge(from).add(T::from_f64(c as f64).mul(cell));
                Ok((0..cells).map(|c| (0..points).map(|i| taps(first(c).add(step(i)), size)).collect()).collect())
            };
            let (rows, columns) = (axis(1, self.height, height)?, axis(0, self.width, width)?);
            for c in 0..channels {
                let plane = &xs[(n * channels + c) * height * width..][..height * width];
                for (i, ys) in rows.iter().enumerate() {
                    for (j, xs) in columns.iter().enumerate() {
                        let at = ((r * channels + c) * self.height + i) * self.width + j;
                        out[at] = self.cell(plane, width, ys, xs);
                    }
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }

    fn cell<T: Float>(&self, plane: &[T], width: usize, ys: &[Taps<T>], xs: &[Taps<T>]) -> T {
        let mut sum = T::ZERO;
        let mut best: Option<T> = None;
        for y in ys {
            for x in xs {
                let mut products = [T::ZERO; 4];
                if let (Some(y), Some(x)) = (y, x) {
                    for (p, (iy, ix)) in products.iter_mut().zip([(0, 0), (0, 1), (1, 0), (1, 1)]) {
                        *p = y[iy].1.mul(x[ix].1).mul(plane[y[iy].0 * width + x[ix].0]);
                    }
                }
                sum = sum.add(products.iter().skip(1).fold(products[0], |s, p| s.add(*p)));
                for p in products {
                    if best.is_none_or(|b| p > b) {
                        best = Some(p);
                    }
                }
            }
        }
        if self.average { sum.div(T::from_f64((ys.len() * xs.len()).max(1) as f64)) } else { best.unwrap_or(T::ZERO) }
    }
}

impl Operator for RoiAlign {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        inputs.required(2)?;
        let at = |i: usize, at: usize| Ok(inputs.shape(i)?.and_then(|s| s.get(at)).cloned().unwrap_or(Dim::Unknown));
        let shape = [at(1, 0)?, at(0, 1)?, Dim::Known(self.height), Dim::Known(self.width)];
        Ok(vec![Fact::shaped(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, rois) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let images = inputs.ints(2)?.ok_or_else(|| Error::invalid("input 2 is required and missing"))?;
        with_wide!(x.dtype(), T => Ok(vec![self.align::<T>(x, rois, &images)?.into()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, run, t};
    use crate::{Attribute, Tensor};

    #[test]
    fn points_are_interpolated() {
        let x = count(&[1, 1, 3, 4]);
        let image = |i: i64| Tensor::from_vec([1], vec![i]).unwrap();
        let roi = t(&[1, 4], &[0.0, 0.0, 2.0, 2.0]);
        let one = [("sampling_ratio", Attribute::Int(1))];
        // The centre of the region is (1, 1), half an element less with half_pixel.
        close(&run("RoiAlign", 10, &one, &[x.clone(), roi.clone(), image(0)]).unwrap()[0], &[1, 1, 1, 1], &[5.0]);
        close(&run("RoiAlign", 16, &one, &[x.clone(), roi.clone(), image(0)]).unwrap()[0], &[1, 1, 1, 1], &[2.5]);
        assert!(run("RoiAlign", 16, &one, &[x.clone(), roi.clone(), image(1)]).is_err());
        let endless = t(&[1, 4], &[0.0, 0.0, 1e30, 2.0]);
        assert!(run("RoiAlign", 22, &[], &[x, endless, image(0)]).is_err());
    }
}
