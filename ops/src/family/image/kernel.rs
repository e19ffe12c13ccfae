//! Coordinates and weights of resampling along one axis.

use crate::{Error, Limits, Result};

/// How the nearest element is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the specification's own names")]
pub enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// The filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// One element is copied.
    Nearest(Nearest),
    /// Two neighbours, or a triangle as wide as the shrinking needs.
    Linear {
        /// Whether the filter widens when the axis shrinks.
        antialias: bool,
        /// Whether elements outside have no weight; else the edge repeats.
        exclude_outside: bool,
    },
    /// Four neighbours ([Keys 1981](https://ieeexplore.ieee.org/document/1163711)).
    Cubic {
        /// The coefficient.
        a: f32,
        /// Whether the filter widens when the axis shrinks.
        antialias: bool,
        /// Whether elements outside have no weight; else the edge repeats.
        exclude_outside: bool,
    },
}

/// How a coordinate of the output becomes one of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the specification's own names")]
pub enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    /// `tf_half_pixel_for_nn`, which version 13 removed.
    HalfPixelForNearest,
    AlignCorners,
    Asymmetric,
    CropAndResize,
}

/// One axis to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) scale: f64,
    /// Begin and end of the region of interest, as fractions.
    pub(super) roi: (f64, f64),
}

/// For each output the input elements and their weights, in ascending order; `None` outside the region of interest.
pub(super) type Taps = Vec<Option<Vec<(usize, f64)>>>;

impl Axis {
    fn source(&self, x: f64, coordinates: Coordinates) -> f64 {
        let input = self.input as f64;
        let width = self.scale * input;
        match coordinates {
            Coordinates::HalfPixel => (x + 0.5) / self.scale - 0.5,
            Coordinates::HalfPixelForNearest => (x + 0.5) / self.scale,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = self.output as f64 / width;
                input / 2.0 * (1.0 - adjustment) + (x + 0.5) / self.scale - 0.5
            }
            Coordinates::PytorchHalfPixel => {
                if width == 1.0 {
                    -0.5
                } else {
                    (x + 0.5) / self.scale - 0.5
                }
            }
            Coordinates::AlignCorners => {
                if width == 1.0 {
                    0.0
                } else {
                    x * (input - 1.0) / (width - 1.0)
                }
            }
            Coordinates::Asymmetric => x / self.scale,
            Coordinates::CropAndResize => {
                let (begin, end) = self.roi;
                let inside = if width == 1.0 {
                    (end - begin) * (input - 1.0) / 2.0
                } else {
                    x * (end - begin) * (input - 1.0) / (width - 1.0)
                };
                inside + begin * (input - 1.0)
            }
        }
    }
}

fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// The taps of an axis; `None` when it stays as it is.
pub(super) fn plan(axis: &Axis, kernel: Kernel, coordinates: Coordinates) -> Result<Option<Taps>> {
    let crop = coordinates == Coordinates::CropAndResize && axis.roi != (0.0, 1.0);
    if axis.scale == 1.0 && axis.output == axis.input && !crop {
        return Ok(None);
    }
    if axis.output as u64 > Limits::default().elements {
        return Err(Error::Exhausted(format!("an axis of {} elements", axis.output)));
    }
    let mut taps = Vec::new();
    taps.try_reserve_exact(axis.output)
        .map_err(|_| Error::Exhausted(format!("memory for an axis of {} elements", axis.output)))?;
    for o in 0..axis.output {
        let x = axis.source(o as f64, coordinates);
        let outside = coordinates == Coordinates::CropAndResize && !(x >= 0.0 && x <= (axis.input - 1) as f64);
        taps.push(if outside { None } else { Some(weights(x, axis, kernel)) });
    }
    Ok(Some(taps))
}

fn weights(x: f64, axis: &Axis, kernel: Kernel) -> Vec<(usize, f64)> {
    let last = axis.input.saturating_sub(1);
    let clamp = |i: f64| (i.max(0.0) as usize).min(last);
    let (reach, antialias, exclude_outside) = match kernel {
        Kernel::Nearest(mode) => {
            let i = match mode {
                Nearest::RoundPreferFloor => (x - 0.5).ceil(),
                Nearest::RoundPreferCeil => (x + 0.5).floor(),
                Nearest::Floor => x.floor(),
                Nearest::Ceil => x.ceil(),
            };
            return vec![(clamp(i), 1.0)];
        }
        Kernel::Linear { antialias, exclude_outside } => (1.0, antialias, exclude_outside),
        Kernel::Cubic { antialias, exclude_outside, .. } => (2.0, antialias, exclude_outside),
    };
    let stretch = if antialias { axis.scale.min(1.0) } else { 1.0 };
    // A coordinate on an element counts as the right end of the interval before it.
    let base = x.ceil() - 1.0;
    let ratio = x - base;
    let start = (-reach / stretch).floor() + 1.0;
    let end = 2.0 - start;
    let mut found = Vec::new();
    let mut i = start;
    while i < end {
        let distance = (i - ratio) * stretch;
        let w = match kernel {
            Kernel::Cubic { a, .. } => cubic(distance, f64::from(a)),
            _ => (1.0 - distance.abs()).clamp(0.0, 1.0),
        };
        let at = base + i;
        let inside = at >= 0.0 && at <= last as f64;
        if inside || !exclude_outside {
            found.push((clamp(at), w));
        }
        i += 1.0;
    }
    if antialias || exclude_outside {
        let total: f64 = found.iter().map(|(_, w)| w).sum();
        for (_, w) in &mut found {
            *w /= total;
        }
    }
    found
}
