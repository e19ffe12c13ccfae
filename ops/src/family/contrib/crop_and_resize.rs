//! [CropAndResize](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.CropAndResize):
//! regions of images brought to one size.

use super::compose::check;
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    fact::Facts,
    family::nn::wide::{check_float, filled, narrow, via, wide, with_wide},
    numeric::Float,
};
use std::sync::Arc;

/// Each region `[y1, x1, y2, x2]`, in units of its image's extent less one, sampled at a grid whose corners are the
/// region's. A grid of one row or column lies in the region's middle.
///
/// Order of arithmetic: positions are a difference times the extent, divided by the steps, times the step, plus the
/// begin, each rounded; linear interpolation runs along the columns first, `a + (b - a) t`.
#[derive(Debug)]
pub struct CropAndResize {
    /// Whether the nearest element is taken; else four are interpolated.
    pub nearest: bool,
    /// What lies outside of the image.
    pub outside: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["mode", "extrapolation_value"], 4, 1)?;
    let nearest = match node.attributes.string_or("mode", "bilinear".into())?.as_str() {
        "bilinear" => false,
        "nearest" => true,
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'; bilinear or nearest"))),
    };
    Ok(Arc::new(CropAndResize { nearest, outside: node.attributes.float_or("extrapolation_value", 0.0)? }))
}

/// Where along one axis step `i` of `steps` lies; `None` outside of the image.
fn position<T: Float>(from: T, to: T, i: usize, steps: usize, extent: usize) -> Option<T> {
    let last = T::from_f64(extent as f64 - 1.0);
    let at = if steps > 1 {
        let step = to.sub(from).mul(last).div(T::from_f64(steps as f64 - 1.0));
        from.mul(last).add(T::from_f64(i as f64).mul(step))
    } else {
        T::from_f64(0.5).mul(from.add(to)).mul(last)
    };
    (at >= T::ZERO && at <= last).then_some(at)
}

impl CropAndResize {
    /// The value at a position inside of an image.
    fn sample<T: Float>(&self, image: &[T], width: usize, y: T, x: T) -> T {
        let index = |v: T, round: fn(f64) -> f64| via(v, round).to_i64() as usize;
        if self.nearest {
            return image[index(y, libm::round) * width + index(x, libm::round)];
        }
        let part = |v: T| v.sub(via(v, f64::floor));
        let row = |r: usize| {
            let (a, b) = (image[r * width + index(x, f64::floor)], image[r * width + index(x, f64::ceil)]);
            a.add(b.sub(a).mul(part(x)))
        };
        let (top, bottom) = (row(index(y, f64::floor)), row(index(y, f64::ceil)));
        top.add(bottom.sub(top).mul(part(y)))
    }

    fn crop<T: Float>(&self, inputs: Inputs<'_>) -> Result<Tensor> {
        let (x, regions) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let images = inputs.ints(2)?.ok_or_else(|| Error::invalid("input 2 is required and missing"))?;
        let (&[batch, channels, height, width], &[count, 4]) = (x.shape(), regions.shape()) else {
            return Err(Error::invalid(format!("images {:?} and regions {:?}", x.shape(), regions.shape())));
        };
        let size = match inputs.ints(3)?.as_deref() {
            Some([h, w]) => usize::try_from(*h).ok().zip(usize::try_from(*w).ok()).filter(|(h, w)| *h > 0 && *w > 0),
            _ => None,
        };
        let (rows, columns) = size.ok_or_else(|| Error::invalid("input 3 is a height and a width of 1 at least"))?;
        if images.len() != count || images.iter().any(|i| usize::try_from(*i).map_or(true, |i| i >= batch)) {
            return Err(Error::invalid(format!("regions of images {images:?} among {batch}")));
        }
        let (xs, rs) = (wide::<T>(x)?, wide::<T>(regions)?);
        let shape = [count, channels, rows, columns];
        let mut out = filled(&shape, T::from_f32(self.outside))?;
        for (n, r) in rs.chunks_exact(4).enumerate() {
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let y = position(r[0], r[2], row, rows, height);
                let at = y.zip(position(r[1], r[3], column, columns, width));
                let Some((y, x)) = at else { continue };
                for c in 0..channels {
                    let image = &xs[(images[n] as usize * channels + c) * height * width..][..height * width];
                    out[((n * channels + c) * rows + row) * columns + column] = self.sample(image, width, y, x);
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for CropAndResize {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        check_float(inputs.dtype(1)?).map_err(|e| e.at("input 1"))?;
        for i in 2..4 {
            inputs.dtype_where(i, "i32", |d| d == DType::I32)?;
        }
        let channels = match inputs.shape(0)? {
            None => Dim::Unknown,
            Some([_, c, _, _]) => c.clone(),
            Some(s) => return Err(Error::invalid(format!("input 0 has {} dimensions; 4 are expected", s.len()))),
        };
        let count = inputs.shape(1)?.and_then(<[Dim]>::first).cloned().unwrap_or(Dim::Unknown);
        let size = |i: usize| match inputs.ints(3) {
            Ok(Some(s)) => s.get(i).and_then(|n| usize::try_from(*n).ok()).map_or(Dim::Unknown, Dim::Known),
            _ => Dim::Unknown,
        };
        Ok(vec![Fact::shaped(dtype, [count, channels, size(0), size(1)])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => Ok(vec![self.crop::<T>(inputs)?.into()]))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, count, run_in, t},
    };

    #[test]
    fn corners_middles_and_the_outside() {
        let go = |mode: &str, region: [f32; 4], size: [i32; 2], image: i32| {
            let attributes =
                [("mode", Attribute::String(mode.into())), ("extrapolation_value", Attribute::Float(-1.0))];
            let list = |v: &[i32]| Some(Tensor::from_slice([v.len()], v).unwrap());
            let given = [Some(count(&[1, 1, 2, 3])), Some(t(&[1, 4], &region)), list(&[image]), list(&size)];
            run_in("com.microsoft", "CropAndResize", 1, &attributes, &given, 1)
        };
        let whole = [0.0, 0.0, 1.0, 1.0];
        close(&go("bilinear", whole, [2, 2], 0).unwrap()[0], &[1, 1, 2, 2], &[0.0, 2.0, 3.0, 5.0]);
        close(&go("bilinear", whole, [1, 1], 0).unwrap()[0], &[1, 1, 1, 1], &[2.5]);
        close(&go("bilinear", [0.0, 0.25, 0.0, 1.25], [1, 2], 0).unwrap()[0], &[1, 1, 1, 2], &[0.5, -1.0]);
        close(&go("nearest", [0.75, 0.0, 0.75, 0.75], [1, 2], 0).unwrap()[0], &[1, 1, 1, 2], &[3.0, 5.0]);
        for bad in [go("odd", whole, [1, 1], 0), go("nearest", whole, [0, 1], 0), go("nearest", whole, [1, 1], 1)] {
            assert!(bad.is_err());
        }
    }
}
