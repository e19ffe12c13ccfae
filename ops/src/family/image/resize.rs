//! [Resize](https://onnx.ai/onnx/operators/onnx__Resize.html): resampling along any axes.

use super::kernel::{Axis, Coordinates, Kernel, Nearest, plan};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::wide::{filled, narrow, wide},
    numeric::{Element, Float, with_bits},
    operator::axis_index,
    rows,
};
use arrow_buffer::ArrowNativeType;
use std::sync::Arc;

/// Where the factors stand.
#[derive(Debug, Clone, PartialEq)]
pub enum Scales {
    /// In an attribute.
    Fixed(Vec<f32>),
    /// In this input, of which nothing else is read.
    Input(usize),
    /// `roi`, `scales` and `sizes` are inputs 1 to 3.
    RoiScalesSizes,
}

/// What `sizes` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Exactly these sizes.
    Stretch,
    /// The largest size of the same aspect ratio that is not larger.
    NotLarger,
    /// The smallest size of the same aspect ratio that is not smaller.
    NotSmaller,
}

/// Resampling, one axis after the other in ascending order.
///
/// Coordinates and weights are computed in `f64` and weights rounded to the working type; each output of an axis is one
/// chain of fused multiply-adds in ascending input index starting from zero. Nearest copies elements of any type.
/// Integers are computed in `f64` and rounded to nearest even.
#[derive(Debug)]
pub struct Resize {
    /// The filter.
    pub kernel: Kernel,
    /// How coordinates of the output become those of the input.
    pub coordinates: Coordinates,
    /// Where factors and sizes come from.
    pub scales: Scales,
    /// The axes that `roi`, `scales` and `sizes` speak of; all by default.
    pub axes: Option<Vec<i64>>,
    /// What `sizes` mean.
    pub aspect: Aspect,
    /// The value outside the region of interest.
    pub extrapolation: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let text = |name: &str, default: &str| a.string_or(name, default.to_owned());
    let unknown = |name: &str, value: &str| Error::invalid(format!("attribute '{name}' is '{value}'"));
    let antialias = a.flag_or("antialias", false)?;
    let exclude_outside = a.flag_or("exclude_outside", false)?;
    let mode = text("mode", "nearest")?;
    let kernel = match mode.as_str() {
        "nearest" => Kernel::Nearest(if node.since < 11 {
            Nearest::Floor
        } else {
            match text("nearest_mode", "round_prefer_floor")?.as_str() {
                "round_prefer_floor" => Nearest::RoundPreferFloor,
                "round_prefer_ceil" => Nearest::RoundPreferCeil,
                "floor" => Nearest::Floor,
                "ceil" => Nearest::Ceil,
                other => return Err(unknown("nearest_mode", other)),
            }
        }),
        "linear" => Kernel::Linear { antialias, exclude_outside },
        "cubic" if node.since >= 11 => {
            Kernel::Cubic { a: a.float_or("cubic_coeff_a", -0.75)?, antialias, exclude_outside }
        }
        other => return Err(unknown("mode", other)),
    };
    let coordinates = if node.since < 11 {
        Coordinates::Asymmetric
    } else {
        match text("coordinate_transformation_mode", "half_pixel")?.as_str() {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_crop_and_resize" => Coordinates::CropAndResize,
            "tf_half_pixel_for_nn" if node.since < 13 => Coordinates::HalfPixelForNearest,
            other => return Err(unknown("coordinate_transformation_mode", other)),
        }
    };
    Ok(Arc::new(Resize {
        kernel,
        coordinates,
        scales: if node.since < 11 { Scales::Input(1) } else { Scales::RoiScalesSizes },
        axes: a.ints("axes")?,
        aspect: match text("keep_aspect_ratio_policy", "stretch")?.as_str() {
            "stretch" => Aspect::Stretch,
            "not_larger" => Aspect::NotLarger,
            "not_smaller" => Aspect::NotSmaller,
            other => return Err(unknown("keep_aspect_ratio_policy", other)),
        },
        extrapolation: a.float_or("extrapolation_value", 0.0)?,
    }))
}

/// What decides the output's size: one entry an axis of the input.
struct Request {
    scales: Option<Vec<f64>>,
    sizes: Option<Vec<usize>>,
    roi: Option<Vec<(f64, f64)>>,
}

impl Resize {
    fn axes(&self, rank: usize) -> Result<Vec<usize>> {
        match &self.axes {
            None => Ok((0..rank).collect()),
            Some(axes) => axes.iter().map(|a| axis_index(*a, rank)).collect(),
        }
    }

    /// Reads the inputs beside the data; empty tensors count as absent.
    fn request(&self, shape: &[usize], get: &dyn Fn(usize) -> Result<Option<Tensor>>) -> Result<Request> {
        let axes = self.axes(shape.len())?;
        let given = |i: usize| get(i).map(|t| t.filter(|t| !t.is_empty()));
        let floats = |t: Tensor| wide::<f64>(&t).map(|v| v.into_owned());
        let (scales, sizes, roi) = match &self.scales {
            Scales::Fixed(v) => (Some(v.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()), None, None),
            Scales::Input(i) => (given(*i)?.map(floats).transpose()?, None, None),
            Scales::RoiScalesSizes => (
                given(2)?.map(floats).transpose()?,
                given(3)?.map(|t| t.to_i64_vec()).transpose()?,
                given(1)?.map(floats).transpose()?,
            ),
        };
        let per_axis = |n: usize, what: &str| {
            if n == axes.len() { Ok(()) } else { Err(Error::invalid(format!("{n} {what} for {} axes", axes.len()))) }
        };
        let scales = match scales {
            None => None,
            Some(list) => {
                per_axis(list.len(), "scales")?;
                let mut all = vec![1.0; shape.len()];
                for (axis, s) in axes.iter().zip(list) {
                    if !(s > 0.0 && s.is_finite()) {
                        return Err(Error::invalid(format!("a scale of {s}; scales are greater than 0")));
                    }
                    all[*axis] = s;
                }
                Some(all)
            }
        };
        let sizes = match sizes {
            None => None,
            Some(list) => {
                per_axis(list.len(), "sizes")?;
                let mut all = shape.to_vec();
                for (axis, n) in axes.iter().zip(list) {
                    all[*axis] = usize::try_from(n).map_err(|_| Error::invalid(format!("a size of {n}")))?;
                }
                Some(all)
            }
        };
        let roi = match roi.filter(|_| self.coordinates == Coordinates::CropAndResize) {
            None => None,
            Some(list) => {
                per_axis(list.len() / 2, "regions")?;
                let mut all = vec![(0.0, 1.0); shape.len()];
                for (i, axis) in axes.iter().enumerate() {
                    all[*axis] = (list[i], list[axes.len() + i]);
                }
                Some(all)
            }
        };
        Ok(Request { scales, sizes, roi })
    }

    /// Factor and output size of every axis.
    fn geometry(&self, shape: &[usize], request: &Request) -> Result<Vec<Axis>> {
        let axes = self.axes(shape.len())?;
        let mut sizes = request.sizes.clone();
        let mut scales = match (&request.scales, &sizes) {
            (_, Some(sizes)) => sizes.iter().zip(shape).map(|(o, i)| *o as f64 / *i as f64).collect(),
            (Some(scales), None) => scales.clone(),
            (None, None) => return Err(Error::invalid("neither scales nor sizes are given")),
        };
        if let Some(sizes) = &mut sizes
            && self.aspect != Aspect::Stretch
        {
            let of = axes.iter().map(|a| scales[*a]);
            let scale = if self.aspect == Aspect::NotLarger {
                of.fold(f64::INFINITY, f64::min)
            } else {
                of.fold(0.0, f64::max)
            };
            for a in &axes {
                scales[*a] = scale;
                sizes[*a] = (scale * shape[*a] as f64 + 0.5).floor() as usize;
            }
        }
        let each = shape.iter().zip(&scales).enumerate().map(|(i, (input, scale))| {
            let output = match &sizes {
                Some(s) => s[i],
                None => (*input as f64 * scale).floor() as usize,
            };
            if *input == 0 && output > 0 {
                return Err(Error::invalid(format!("axis {i} has no elements to make {output} of")));
            }
            let roi = request.roi.as_ref().map_or((0.0, 1.0), |r| r[i]);
            Ok(Axis { input: *input, output, scale: *scale, roi })
        });
        each.collect()
    }

    fn resize<T: Float>(&self, x: &Tensor, axes: &[Axis]) -> Result<(Vec<usize>, Vec<T>)> {
        let mut shape = x.shape().to_vec();
        let mut values = wide::<T>(x)?.into_owned();
        for (i, axis) in axes.iter().enumerate() {
            let Some(taps) = plan(axis, self.kernel, self.coordinates)? else { continue };
            let (outer, inner): (usize, usize) = (shape[..i].iter().product(), shape[i + 1..].iter().product());
            shape[i] = axis.output;
            let mut out = filled(&shape, T::from_f32(self.extrapolation))?;
            for o in 0..outer {
                for (r, taps) in taps.iter().enumerate() {
                    let Some(taps) = taps else { continue };
                    let weights: Vec<(usize, T)> = taps.iter().map(|(k, w)| (*k, T::from_f64(*w))).collect();
                    for n in 0..inner {
                        let read = |k: usize| values[(o * axis.input + k) * inner + n];
                        let sum = weights.iter().fold(T::ZERO, |sum, (k, w)| w.mul_add(read(*k), sum));
                        out[(o * axis.output + r) * inner + n] = sum;
                    }
                }
            }
            values = out;
        }
        Ok((shape, values))
    }

    fn copy<T: Element + ArrowNativeType>(&self, x: &Tensor, axes: &[Axis], outside: T) -> Result<Tensor> {
        let mut shape = x.shape().to_vec();
        let mut values = x.bits::<T>()?.to_vec();
        for (i, axis) in axes.iter().enumerate() {
            let Some(taps) = plan(axis, self.kernel, self.coordinates)? else { continue };
            let (outer, inner): (usize, usize) = (shape[..i].iter().product(), shape[i + 1..].iter().product());
            shape[i] = axis.output;
            let mut out = filled(&shape, outside)?;
            for o in 0..outer {
                for (r, taps) in taps.iter().enumerate() {
                    let Some((k, _)) = taps.as_ref().and_then(|t| t.first()) else { continue };
                    let (to, from) = ((o * axis.output + r) * inner, (o * axis.input + k) * inner);
                    out[to..to + inner].copy_from_slice(&values[from..from + inner]);
                }
            }
            values = out;
        }
        Tensor::from_bits(x.dtype(), shape, values)
    }
}

impl Operator for Resize {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(shape) = inputs.shape(0)? else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let axes = self.axes(shape.len())?;
        let read = |i: usize| Ok(inputs.value(i).cloned());
        // Sizes that are given decide; an empty tensor gives none.
        let given = |f: &&Fact| f.shape().is_none_or(|s| s.iter().all(|d| *d != Dim::Known(0)));
        let sizes = if self.scales == Scales::RoiScalesSizes { inputs.get(3).filter(given) } else { None };
        let sizes_known = sizes.is_none_or(|f| f.value.is_some());
        if let Some(known) = inputs.get(0).and_then(Fact::known_shape).filter(|_| sizes_known) {
            let request = self.request(&known, &read)?;
            if request.scales.is_some() || request.sizes.is_some() {
                let sizes = self.geometry(&known, &request)?.iter().map(|a| Dim::Known(a.output)).collect();
                return Ok(vec![Fact::tensor(dtype, Some(sizes))]);
            }
        }
        // Some sizes are not known: what keeps its size keeps its name, and sizes may be known as dimensions.
        let ones = vec![1; shape.len()];
        let request = self.request(&ones, &read)?;
        let mut dims = shape.to_vec();
        for a in &axes {
            dims[*a] = match (&request.scales, sizes) {
                (Some(s), None) if s[*a] == 1.0 => dims[*a].clone(),
                (Some(s), None) => dims[*a].map(|n| (n as f64 * s[*a]).floor() as usize),
                (_, Some(f)) if self.aspect == Aspect::Stretch => match &f.dims {
                    Some(sizes) if sizes.len() == axes.len() => {
                        axes.iter().position(|x| x == a).map_or(Dim::Unknown, |i| sizes[i].clone())
                    }
                    _ => Dim::Unknown,
                },
                _ => Dim::Unknown,
            };
        }
        Ok(vec![Fact::tensor(dtype, Some(dims))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let request = self.request(x.shape(), &|i| inputs.optional_tensor(i).map(|t| t.cloned()))?;
        let axes = self.geometry(x.shape(), &request)?;
        let dtype = x.dtype();
        let result = match (self.kernel, dtype) {
            (Kernel::Nearest(_), _) => {
                let outside = Tensor::scalar(self.extrapolation).cast(dtype)?;
                with_bits!(dtype, T => self.copy::<T>(x, &axes, outside.bits()?[0]))?
            }
            (_, DType::F64) => {
                let (shape, values) = self.resize::<f64>(x, &axes)?;
                Tensor::from_vec(shape, values)?
            }
            (_, DType::F32 | DType::F16 | DType::BF16) => {
                let (shape, values) = self.resize::<f32>(x, &axes)?;
                narrow(dtype, shape, values)?
            }
            _ => {
                let (shape, values) = self.resize::<f64>(x, &axes)?;
                Tensor::from_vec(shape, values.iter().map(|v| libm::rint(*v)).collect())?.cast(dtype)?
            }
        };
        Ok(vec![result.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let mixed = rows::opaque(rows, outputs.len());
        let Some(Rows::Axis(axis)) = rows.first().copied() else { return mixed };
        let (Some(x), Some(y)) = (inputs.get(0).and_then(Fact::shape), outputs.first().and_then(Fact::shape)) else {
            return mixed;
        };
        let scale_is_one = match &self.scales {
            Scales::RoiScalesSizes => inputs.get(2).is_none_or(|f| f.value.is_some()),
            Scales::Input(i) => inputs.value(*i).is_some(),
            Scales::Fixed(_) => true,
        };
        // The other axes must have the same sizes however many rows there are.
        let fixed = y.iter().enumerate().all(|(i, d)| i == axis || d.known().is_some());
        let rest = rows.iter().skip(1).all(|r| *r == Rows::Free || *r == Rows::Extent && fixed);
        let unscaled = {
            let read = |i: usize| Ok(inputs.value(i).cloned());
            let request = self.request(&vec![1; x.len()], &read);
            request.is_ok_and(|r| r.scales.is_none_or(|s| s[axis] == 1.0))
        };
        let listed = self.axes(x.len()).is_ok_and(|axes| axes.contains(&axis));
        let kept = x.get(axis) == y.get(axis) && y.get(axis) != Some(&Dim::Unknown);
        let stays = !listed || kept && scale_is_one && unscaled && self.coordinates != Coordinates::CropAndResize;
        if stays && rest && self.aspect == Aspect::Stretch { vec![Rows::Axis(axis); outputs.len()] } else { mixed }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, DType, Dim, Fact, Node, Registry, Tensor,
        fact::Facts,
        family::nn::testing::{close, count, run, run_in, t},
    };

    fn text(s: &str) -> Attribute {
        Attribute::String(s.into())
    }

    #[test]
    fn sizes_decide_before_they_are_known_and_only_where_there_are_any() {
        let infer = |version, facts: &[Option<Fact>]| {
            let node = Node {
                domain: "",
                op: "Resize",
                version,
                since: 0,
                attributes: &crate::Attributes::new(),
                inputs: facts.len(),
                outputs: 1,
            };
            let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
            let found = Registry::standard().parse(&node).unwrap().1.infer(Facts(&facts)).unwrap();
            found[0].shape().map(<[Dim]>::to_vec)
        };
        let x = || Some(Fact::shaped(DType::F32, [4usize]));
        let scale = || Some(Fact::constant(t(&[1], &[3.0])));
        let sizes = |dims| Some(Fact { dims, ..Fact::shaped(DType::I64, [1usize]) });
        assert_eq!(infer(13, &[x(), None, scale()]), Some(vec![Dim::Known(12)]));
        assert_eq!(infer(13, &[x(), None, scale(), sizes(None)]), Some(vec![Dim::Unknown]));
        let known = Some(vec![Dim::symbol("N")]);
        assert_eq!(infer(13, &[x(), None, scale(), sizes(known.clone())]), Some(vec![Dim::symbol("N")]));
        // Version 10 has no sizes, whatever stands in the place.
        let unknown = Some(Fact::shaped(DType::F32, [1usize]));
        assert_eq!(infer(10, &[x(), unknown, None, sizes(known)]), Some(vec![Dim::Unknown]));
    }

    #[test]
    fn modes_and_coordinates() {
        let x = t(&[1, 4], &[1.0, 2.0, 3.0, 4.0]);
        let none = || Some(t(&[0], &[]));
        let cases: [(&str, &str, &[f32]); 7] = [
            ("linear", "half_pixel", &[1.0, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0]),
            ("linear", "align_corners", &[1.0, 10.0 / 7.0, 13.0 / 7.0, 16.0 / 7.0]),
            ("linear", "asymmetric", &[1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.0]),
            ("nearest", "asymmetric", &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]),
            ("nearest", "half_pixel", &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]),
            ("cubic", "half_pixel", &[0.894_531_25, 1.191_406_3, 1.667_968_8]),
            ("linear", "pytorch_half_pixel", &[1.0, 1.25]),
        ];
        for (mode, coordinates, expected) in cases {
            let attributes = [("mode", text(mode)), ("coordinate_transformation_mode", text(coordinates))];
            let given = [Some(x.clone()), none(), Some(t(&[2], &[1.0, 2.0]))];
            let got = run_in("", "Resize", 13, &attributes, &given, 1).unwrap();
            let first = &got[0].as_slice::<f32>().unwrap()[..expected.len()];
            close(&t(&[expected.len()], first), &[expected.len()], expected);
            let sizes = Tensor::from_vec([2], vec![1i64, 8]).unwrap();
            let by_size =
                run_in("", "Resize", 19, &attributes, &[Some(x.clone()), None, None, Some(sizes)], 1).unwrap();
            assert_eq!(by_size[0], got[0], "{mode} {coordinates}");
        }
        let old = run("Resize", 10, &[], &[x, t(&[2], &[2.0, 0.5])]).unwrap();
        close(&old[0], &[2, 2], &[1.0, 3.0, 1.0, 3.0]);
    }

    #[test]
    fn antialias_axes_and_aspect() {
        let x = count(&[1, 1, 2, 4]);
        let sizes = Some(Tensor::from_vec([2], vec![2i64, 2]).unwrap());
        let attributes =
            [("mode", text("linear")), ("axes", Attribute::Ints(vec![-2, -1])), ("antialias", Attribute::Int(1))];
        let given = [Some(x.clone()), None, None, sizes];
        let got = run_in("", "Resize", 18, &attributes, &given, 1).unwrap();
        close(&got[0], &[1, 1, 2, 2], &[0.625, 2.375, 4.625, 6.375]);
        let kept = [("axes", Attribute::Ints(vec![2, 3])), ("keep_aspect_ratio_policy", text("not_larger"))];
        assert_eq!(run_in("", "Resize", 18, &kept, &given, 1).unwrap()[0].shape(), [1, 1, 1, 2]);
        let kept = [("axes", Attribute::Ints(vec![2, 3])), ("keep_aspect_ratio_policy", text("not_smaller"))];
        assert_eq!(run_in("", "Resize", 18, &kept, &given, 1).unwrap()[0].shape(), [1, 1, 2, 4]);
    }

    #[test]
    fn names_stay_and_nonsense_is_refused() {
        let x = count(&[1, 4]);
        for scales in [vec![1.0f32], vec![1.0, 0.0], vec![1.0, f32::NAN], vec![1.0, 1e30]] {
            let n = scales.len();
            assert!(run("Resize", 13, &[], &[x.clone(), t(&[0], &[]), t(&[n], &scales)]).is_err(), "{scales:?}");
        }
        assert!(run("Resize", 13, &[], &[x.clone(), t(&[0], &[])]).is_err());
        let attributes = crate::Attributes::new();
        let node =
            Node { domain: "", op: "Resize", version: 13, since: 0, attributes: &attributes, inputs: 3, outputs: 1 };
        let resize = Registry::standard().parse(&node).unwrap().1;
        let data = Fact::tensor(DType::F32, Some(vec![Dim::symbol("N"), Dim::Known(3)]));
        let scales = Fact::constant(t(&[2], &[1.0, 2.0]));
        let inputs = [Some(&data), None, Some(&scales)];
        let out = resize.infer(Facts(&inputs)).unwrap();
        assert_eq!(out[0].shape().unwrap(), [Dim::symbol("N"), Dim::Known(6)]);
        let rows = resize.rows(&[crate::Rows::Axis(0), crate::Rows::Free, crate::Rows::Free], Facts(&inputs), &out);
        assert_eq!(rows, [crate::Rows::Axis(0)]);
    }
}
