//! [GridSample](https://onnx.ai/onnx/operators/onnx__GridSample.html): elements of an image at positions of a grid.

use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        movement::select::copy_runs,
        nn::{
            wide::{check_float, filled, narrow, strides_of, via, wide, with_wide},
            window::layout,
        },
    },
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// How a value between elements is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest element; halves go to the even one.
    Nearest,
    /// Two neighbours along each axis.
    Linear,
    /// Four neighbours along each axis, with coefficient -0.75.
    Cubic,
}

/// What lies outside of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Zeros.
    Zeros,
    /// The edge, repeated.
    Border,
    /// The image, mirrored.
    Reflection,
}

/// Samples `[N, C, D...]` at a grid `[N, E..., r]` of coordinates in -1..1, the last spatial axis first.
///
/// Order of arithmetic: along each axis, the innermost first, one chain of fused multiply-adds of weight and value in
/// ascending index starting from zero.
#[derive(Debug)]
pub struct GridSample {
    /// How a value between elements is made.
    pub interpolation: Interpolation,
    /// What lies outside of the image.
    pub padding: Padding,
    /// Whether -1 and 1 are the centres of the outermost elements instead of their outer edges.
    pub align_corners: bool,
    /// Whether a position beyond a repeated edge is moved to the edge before its four cubic neighbours are taken; else
    /// each of them is.
    pub clamped: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(read(node, true)?))
}

/// Reads the attributes; domains differ in cubic neighbours beyond an edge.
pub(crate) fn read(node: &Node<'_>, clamped: bool) -> Result<GridSample> {
    let unknown = |name: &str, value: &str| Err(Error::invalid(format!("attribute '{name}' is '{value}'")));
    Ok(GridSample {
        interpolation: match node.attributes.string_or("mode", "linear".into())?.as_str() {
            "nearest" => Interpolation::Nearest,
            "linear" | "bilinear" => Interpolation::Linear,
            "cubic" | "bicubic" => Interpolation::Cubic,
            other => return unknown("mode", other),
        },
        padding: match node.attributes.string_or("padding_mode", "zeros".into())?.as_str() {
            "zeros" => Padding::Zeros,
            "border" => Padding::Border,
            "reflection" => Padding::Reflection,
            other => return unknown("padding_mode", other),
        },
        align_corners: node.attributes.flag_or("align_corners", false)?,
        clamped,
    })
}

/// Mirrors a coordinate at both borders until it lies between them.
fn reflect<T: Float>(x: T, low: T, high: T) -> T {
    via(x, |x| {
        let (low, high) = (low.to_f64(), high.to_f64());
        let range = high - low;
        if !x.is_finite() || range <= 0.0 {
            return low;
        }
        let (distance, near, far) = if x < low {
            (low - x, low, high)
        } else if x > high {
            (x - high, high, low)
        } else {
            return x;
        };
        let times = (distance / range).trunc();
        let rest = distance - times * range;
        let (from, sign) = if times % 2.0 == 0.0 { (near, far - near) } else { (far, near - far) };
        from + rest * sign.signum()
    })
}

impl GridSample {
    /// The elements and weights along one axis for a normalised coordinate; `None` is a zero.
    fn taps<T: Float>(&self, coordinate: T, size: usize) -> Vec<(Option<usize>, T)> {
        let (one, two) = (T::ONE, T::ONE.add(T::ONE));
        let length = T::from_f64(size as f64);
        let last = length.sub(one);
        let half = one.div(two);
        let mut x = if self.align_corners {
            coordinate.add(one).div(two).mul(last)
        } else {
            coordinate.add(one).mul(length).sub(one).div(two)
        };
        if self.interpolation == Interpolation::Nearest {
            x = via(x, libm::rint);
        }
        let (low, high) = if self.align_corners { (T::ZERO, last) } else { (half.neg(), length.sub(half)) };
        if x < low || x > high {
            match self.padding {
                Padding::Zeros => {}
                Padding::Border if self.interpolation == Interpolation::Cubic && !self.clamped => {}
                Padding::Border => x = if x < T::ZERO { T::ZERO } else { last },
                Padding::Reflection => x = reflect(x, low, high),
            }
        }
        let element = |i: T| -> Option<usize> {
            let inside = i >= T::ZERO && i <= last;
            match self.padding {
                _ if inside => Some(i.to_i64() as usize),
                Padding::Zeros => None,
                Padding::Border => Some(if i > last { size - 1 } else { 0 }),
                Padding::Reflection => {
                    let i = via(reflect(i, low, high), f64::trunc).to_i64();
                    Some(usize::try_from(i).unwrap_or(0).min(size - 1))
                }
            }
        };
        let base = via(x, f64::floor);
        let r = x.sub(base);
        let weights: Vec<(f64, T)> = match self.interpolation {
            Interpolation::Nearest => return vec![(element(x), one)],
            Interpolation::Linear => vec![(0.0, one.sub(r)), (1.0, r)],
            Interpolation::Cubic => {
                let c = |d: f64| {
                    via(r, |r| {
                        let (a, x) = (-0.75, (r - d).abs());
                        if x <= 1.0 {
                            ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
                        } else {
                            ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
                        }
                    })
                };
                [-1.0, 0.0, 1.0, 2.0].into_iter().map(|d| (d, c(d))).collect()
            }
        };
        weights.into_iter().map(|(d, w)| (element(base.add(T::from_f64(d))), w)).collect()
    }

    /// The output's shape, and how many positions each image is sampled at.
    fn shapes(x: &Tensor, grid: &Tensor) -> Result<(Vec<usize>, usize)> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let (Some((&first, middle)), Some(&last)) = (grid.shape().split_first(), grid.shape().last()) else {
            return Err(Error::invalid("input 1 has no dimensions"));
        };
        if first != batch || last != spatial.len() || grid.rank() != x.rank() {
            return Err(Error::invalid(format!(
                "a grid of shape {:?} for an input of shape {:?}",
                grid.shape(),
                x.shape()
            )));
        }
        let output = &middle[..middle.len() - 1];
        let places: usize = output.iter().product();
        let shape = [&[batch, channels][..], output].concat();
        if spatial.contains(&0) && !shape.contains(&0) {
            return Err(Error::invalid("the image has no elements"));
        }
        Ok((shape, places))
    }

    /// Elements of any type at the nearest positions.
    fn pick(&self, x: &Tensor, grid: &Tensor) -> Result<Tensor> {
        let (shape, places) = Self::shapes(x, grid)?;
        let (batch, channels, spatial) = layout(x.shape())?;
        let (steps, r, plane) = (strides_of(spatial), spatial.len(), spatial.iter().product::<usize>());
        let gs = wide::<f64>(grid)?;
        let at = |position: usize| -> Option<usize> {
            let coordinates = &gs[position * r..][..r];
            let mut index = 0;
            for ((coordinate, size), step) in coordinates.iter().rev().zip(spatial).zip(&steps) {
                index += self.taps(*coordinate, *size).first()?.0? * step;
            }
            Some(index)
        };
        let found: Vec<Option<usize>> = (0..batch * places).map(at).collect();
        let zero = Tensor::zeros(x.dtype(), [1])?;
        let images = (0..batch).flat_map(|n| (0..channels).map(move |c| (n, (n * channels + c) * plane)));
        let runs = images.flat_map(|(n, image)| {
            found[n * places..][..places].iter().map(move |at| at.map_or((1, 0), |at| (0, image + at)))
        });
        copy_runs(&[x, &zero], shape, 1, runs)
    }

    fn sample<T: Float>(&self, x: &Tensor, grid: &Tensor) -> Result<Tensor> {
        let (shape, places) = Self::shapes(x, grid)?;
        let (batch, channels, spatial) = layout(x.shape())?;
        let mut out = filled(&shape, T::ZERO)?;
        let plane: usize = spatial.iter().product();
        let (xs, gs) = (wide::<T>(x)?, wide::<T>(grid)?);
        let (steps, r) = (strides_of(spatial), spatial.len());
        for n in 0..batch {
            for place in 0..places {
                let at = (n * places + place) * r;
                let taps: Vec<_> = (0..r).map(|i| self.taps(gs[at + r - 1 - i], spatial[i])).collect();
                for c in 0..channels {
                    let image = &xs[(n * channels + c) * plane..][..plane];
                    out[(n * channels + c) * places + place] = gather(image, &taps, &steps, 0);
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

/// The weighted sum over all axes from the first of `taps` on.
fn gather<T: Float>(image: &[T], taps: &[Vec<(Option<usize>, T)>], steps: &[usize], at: usize) -> T {
    let Some((axis, rest)) = taps.split_first() else { return image[at] };
    if let [(i, _)] = axis.as_slice() {
        // Nearest copies: no product that could turn an infinity into something else.
        return i.map_or(T::ZERO, |i| gather(image, rest, &steps[1..], at + i * steps[0]));
    }
    axis.iter().fold(T::ZERO, |sum, (i, w)| {
        i.map_or(sum, |i| w.mul_add(gather(image, rest, &steps[1..], at + i * steps[0]), sum))
    })
}

impl Operator for GridSample {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        if self.interpolation != Interpolation::Nearest {
            check_float(dtype).map_err(|e| e.at("input 0, whose elements are mixed"))?;
        }
        check_float(inputs.dtype(1)?).map_err(|e| e.at("input 1"))?;
        let (Some(x), Some(grid)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let (n, c, _) = layout(x)?;
        if grid.len() != x.len() {
            return Err(Error::invalid(format!("a grid of {} dimensions for an input of {}", grid.len(), x.len())));
        }
        let shape: Vec<Dim> = [n, c].into_iter().chain(grid[1..grid.len() - 1].iter().cloned()).collect();
        Ok(vec![Fact::tensor(dtype, Some(shape))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, grid) = (inputs.tensor(0)?, inputs.tensor(1)?);
        if self.interpolation == Interpolation::Nearest && !x.dtype().is_float() {
            return Ok(vec![self.pick(x, grid)?.into()]);
        }
        with_wide!(x.dtype(), T => Ok(vec![self.sample::<T>(x, grid)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        match rows {
            [Rows::Axis(0), Rows::Axis(0)] => vec![Rows::Axis(0); outputs.len()],
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, count, run, t},
    };

    #[test]
    fn positions_between_and_outside() {
        let x = count(&[1, 1, 2, 3]);
        // Positions (x, y): between columns 0 and 1 of row 0; beyond the last column of row 1.
        let grid = t(&[1, 1, 2, 2], &[-0.5, -1.0, 2.0, 1.0]);
        let of = |mode: &str, padding: &str, version: u32| {
            let attributes = [
                ("mode", Attribute::String(mode.into())),
                ("padding_mode", Attribute::String(padding.into())),
                ("align_corners", Attribute::Int(1)),
            ];
            run("GridSample", version, &attributes, &[x.clone(), grid.clone()]).unwrap().remove(0)
        };
        close(&of("linear", "zeros", 20), &[1, 1, 1, 2], &[0.5, 0.0]);
        close(&of("bilinear", "border", 16), &[1, 1, 1, 2], &[0.5, 5.0]);
        close(&of("linear", "reflection", 22), &[1, 1, 1, 2], &[0.5, 4.0]);
        close(&of("nearest", "border", 20), &[1, 1, 1, 2], &[0.0, 5.0]);
        let nearest = [("mode", Attribute::String("nearest".into())), ("align_corners", Attribute::Int(1))];
        for dtype in [crate::DType::I16, crate::DType::U64, crate::DType::String] {
            let sampled = run("GridSample", 20, &nearest, &[x.cast(dtype).unwrap(), grid.clone()]).unwrap().remove(0);
            let first = x.cast(dtype).unwrap();
            assert_eq!((sampled.dtype(), sampled.shape()), (dtype, &[1, 1, 1, 2][..]));
            assert!(run("GridSample", 20, &nearest[1..], &[first, grid.clone()]).is_err(), "{dtype} is not mixed");
        }
        let ints = run("GridSample", 20, &nearest, &[x.cast(crate::DType::I16).unwrap(), grid.clone()]).unwrap();
        assert_eq!(ints[0].as_slice::<i16>().unwrap(), [0, 0]);
        assert!(run("GridSample", 20, &[], &[x.clone(), count(&[2, 1, 2, 2])]).is_err());
        assert!(run("GridSample", 20, &[], &[x, count(&[1, 1, 2, 3])]).is_err());
    }
}
