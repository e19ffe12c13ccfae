//! Windows that slide over spatial axes: kernel sizes, strides, dilations and padding.

use super::wide::{for_each_position, strides_of};
use crate::{Dim, Error, Fact, Node, Result, fact::Facts};

/// How padding is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoPad {
    /// `pads` says it.
    NotSet,
    /// As many outputs as `ceil(input / stride)`; an odd element of padding goes to the end.
    SameUpper,
    /// The same with the odd element at the beginning.
    SameLower,
    /// None.
    Valid,
}

impl AutoPad {
    /// Reads the attribute `auto_pad`.
    pub(crate) fn parse(node: &Node<'_>) -> Result<Self> {
        match node.attributes.string_or("auto_pad", "NOTSET".into())?.as_str() {
            "NOTSET" | "" => Ok(Self::NotSet),
            "SAME_UPPER" => Ok(Self::SameUpper),
            "SAME_LOWER" => Ok(Self::SameLower),
            "VALID" => Ok(Self::Valid),
            other => Err(Error::invalid(format!("attribute 'auto_pad' is '{other}'"))),
        }
    }
}

/// A sliding window. Empty lists are the defaults, whose length is the number of spatial axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Kernel sizes; empty where a weight's shape gives them.
    pub kernel: Vec<usize>,
    /// Steps between windows; 1 by default.
    pub strides: Vec<usize>,
    /// Steps between elements of a window; 1 by default.
    pub dilations: Vec<usize>,
    /// Padding at the beginning of every axis, then at the end of every axis; 0 by default.
    pub pads: Vec<usize>,
    /// How padding is found.
    pub auto_pad: AutoPad,
    /// Whether a window that is only partly inside counts.
    pub ceil_mode: bool,
}

/// A window along one axis of known size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Elements of the input.
    pub input: usize,
    /// Number of windows.
    pub output: usize,
    /// Elements of a window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Step between elements of a window.
    pub dilation: usize,
    /// Padding before.
    pub begin: usize,
    /// Padding after.
    pub end: usize,
}

impl Span {
    /// The index into the input of element `k` of window `o`, or `None` in the padding.
    #[inline]
    pub fn at(&self, o: usize, k: usize) -> Option<usize> {
        (o * self.stride + k * self.dilation).checked_sub(self.begin).filter(|i| *i < self.input)
    }
}

/// A list of non-negative integers.
pub(crate) fn sizes(node: &Node<'_>, name: &str, least: i64) -> Result<Vec<usize>> {
    let list = node.attributes.ints_or(name, Vec::new())?;
    list.into_iter()
        .map(|v| {
            usize::try_from(v)
                .ok()
                .filter(|_| v >= least && v <= i64::from(u32::MAX))
                .ok_or_else(|| Error::invalid(format!("attribute '{name}' holds {v}")))
        })
        .collect()
}

impl Window {
    /// Reads the attributes of a pool, whose kernel is required.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse), and [`Error::Invalid`] without a kernel.
    pub fn parse_pool(node: &Node<'_>) -> Result<Self> {
        let window = Self::parse(node)?;
        if window.kernel.is_empty() {
            return Err(Error::invalid("attribute 'kernel_shape' is required and missing"));
        }
        window.resolve(&window.kernel)
    }

    /// Reads the attributes that convolutions and pools share.
    ///
    /// # Errors
    /// [`Error::Invalid`] for negative or zero sizes, and for lists of different lengths.
    pub fn parse(node: &Node<'_>) -> Result<Self> {
        let window = Self {
            kernel: sizes(node, "kernel_shape", 1)?,
            strides: sizes(node, "strides", 1)?,
            dilations: sizes(node, "dilations", 1)?,
            pads: sizes(node, "pads", 0)?,
            auto_pad: AutoPad::parse(node)?,
            ceil_mode: node.attributes.flag_or("ceil_mode", false)?,
        };
        Ok(window)
    }

    /// The same window over `kernel`, with every list filled in.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a list has not one entry an axis.
    pub fn resolve(&self, kernel: &[usize]) -> Result<Self> {
        let n = kernel.len();
        let fill = |list: &[usize], name: &str, count: usize, default: usize| match list {
            [] => Ok(vec![default; count]),
            l if l.len() == count => Ok(l.to_vec()),
            l => Err(Error::invalid(format!("attribute '{name}' has {} entries for {n} spatial axes", l.len()))),
        };
        if !self.kernel.is_empty() && self.kernel != kernel {
            return Err(Error::invalid(format!(
                "attribute 'kernel_shape' is {:?} where the input has {n} spatial axes or the weight is {kernel:?}",
                self.kernel
            )));
        }
        if kernel.contains(&0) {
            return Err(Error::invalid(format!("kernel {kernel:?} has no elements")));
        }
        Ok(Self {
            kernel: kernel.to_vec(),
            strides: fill(&self.strides, "strides", n, 1)?,
            dilations: fill(&self.dilations, "dilations", n, 1)?,
            pads: fill(&self.pads, "pads", 2 * n, 0)?,
            auto_pad: self.auto_pad,
            ceil_mode: self.ceil_mode,
        })
    }

    /// Axis `i` of a resolved window over `input` elements.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no window fits.
    pub fn span(&self, i: usize, input: usize) -> Result<Span> {
        let (kernel, stride, dilation) = (self.kernel[i], self.strides[i], self.dilations[i]);
        let too_far = || Error::Exhausted(format!("a window of {kernel} elements, {dilation} apart"));
        let extent = (kernel - 1).checked_mul(dilation).and_then(|e| e.checked_add(1)).ok_or_else(too_far)?;
        let (begin, end, output) = match self.auto_pad {
            AutoPad::SameUpper | AutoPad::SameLower => {
                let output = input.div_ceil(stride);
                let total = (output.saturating_sub(1) * stride).saturating_add(extent).saturating_sub(input);
                let (small, large) = (total / 2, total - total / 2);
                if self.auto_pad == AutoPad::SameUpper { (small, large, output) } else { (large, small, output) }
            }
            _ => {
                let (begin, end) = match self.auto_pad {
                    AutoPad::Valid => (0, 0),
                    _ => (self.pads[i], self.pads[i + self.kernel.len()]),
                };
                let padded = input.checked_add(begin + end).ok_or_else(too_far)?;
                let room = padded.checked_sub(extent).ok_or_else(|| {
                    Error::invalid(format!(
                        "a window of extent {extent} does not fit {padded} padded elements of spatial axis {i}"
                    ))
                })?;
                let mut output = room / stride + 1;
                if self.ceil_mode {
                    output = room.div_ceil(stride) + 1;
                    // A window that would begin in the padding at the end does not count.
                    if output > 1 && (output - 1) * stride >= input + begin {
                        output -= 1;
                    }
                }
                (begin, end, output)
            }
        };
        Ok(Span { input, output, kernel, stride, dilation, begin, end })
    }

    /// All axes of a resolved window over an input's spatial sizes.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no window fits or the number of axes differs.
    pub fn spans(&self, spatial: &[usize]) -> Result<Vec<Span>> {
        if spatial.len() != self.kernel.len() {
            return Err(Error::invalid(format!(
                "an input of {} spatial axes for a kernel of {}",
                spatial.len(),
                self.kernel.len()
            )));
        }
        spatial.iter().enumerate().map(|(i, n)| self.span(i, *n)).collect()
    }

    /// The output's spatial dimensions. A symbol stays where the window keeps the size.
    ///
    /// # Errors
    /// Those of [`spans`](Self::spans).
    pub fn output_dims(&self, spatial: &[Dim]) -> Result<Vec<Dim>> {
        if spatial.len() != self.kernel.len() {
            self.spans(&vec![1; spatial.len()])?;
        }
        spatial
            .iter()
            .enumerate()
            .map(|(i, d)| match d {
                Dim::Known(n) => self.span(i, *n).map(|s| Dim::Known(s.output)),
                d if self.keeps(i) => Ok(d.clone()),
                _ => Ok(Dim::Unknown),
            })
            .collect()
    }

    fn keeps(&self, i: usize) -> bool {
        let extent = (self.kernel[i] - 1).saturating_mul(self.dilations[i]).saturating_add(1);
        self.strides[i] == 1
            && match self.auto_pad {
                AutoPad::SameUpper | AutoPad::SameLower => true,
                AutoPad::Valid => extent == 1,
                AutoPad::NotSet => self.pads[i] + self.pads[i + self.kernel.len()] + 1 == extent,
            }
    }
}

/// Calls `f` for every window in row-major order with its number, its position, and the elements of it that lie inside:
/// the offset into an input plane and the offset into the kernel, in row-major order of the kernel. Without planes there
/// is nothing to call it for.
pub(crate) fn for_each_window(spans: &[Span], planes: usize, mut f: impl FnMut(usize, &[usize], &[(usize, usize)])) {
    if planes == 0 {
        return;
    }
    let sizes = |size: fn(&Span) -> usize| spans.iter().map(size).collect::<Vec<_>>();
    let (output, kernel) = (sizes(|s| s.output), sizes(|s| s.kernel));
    let (steps, kernel_steps) = (strides_of(&sizes(|s| s.input)), strides_of(&kernel));
    let mut reads: Vec<(usize, usize)> = Vec::new();
    let mut place = 0;
    for_each_position(&output, |o| {
        reads.clear();
        for_each_position(&kernel, |k| {
            let each = spans.iter().zip(o.iter().zip(k)).zip(&steps);
            let at: Option<usize> = each.map(|((s, (o, k)), step)| s.at(*o, *k).map(|i| i * step)).sum();
            if let Some(at) = at {
                reads.push((at, k.iter().zip(&kernel_steps).map(|(k, s)| k * s).sum()));
            }
        });
        f(place, o, &reads);
        place += 1;
    });
}

/// The output of a pool whose kernel is in its attributes.
pub(crate) fn infer_pool(window: &Window, inputs: Facts<'_>, outputs: &[crate::DType]) -> Result<Vec<Fact>> {
    let shape = match inputs.shape(0)? {
        None => None,
        Some(x) => {
            let (n, c, spatial) = layout(x)?;
            let dims = window.resolve(&window.kernel)?.output_dims(spatial)?;
            Some([n, c].into_iter().chain(dims).collect::<Vec<_>>())
        }
    };
    Ok(outputs.iter().map(|d| Fact::tensor(*d, shape.clone())).collect())
}

/// Batch, channels and spatial sizes of a shape `[N, C, D...]`.
///
/// # Errors
/// [`Error::Invalid`] when there are fewer than three dimensions.
pub(crate) fn layout<T: Clone>(shape: &[T]) -> Result<(T, T, &[T])> {
    match shape {
        [n, c, spatial @ ..] if !spatial.is_empty() => Ok((n.clone(), c.clone(), spatial)),
        _ => Err(Error::invalid(format!(
            "input 0 has {} dimensions; batch, channels and at least one spatial axis are expected",
            shape.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_specification() {
        let window = |kernel, stride, dilation, begin, end, auto_pad, ceil_mode| Window {
            kernel: vec![kernel],
            strides: vec![stride],
            dilations: vec![dilation],
            pads: vec![begin, end],
            auto_pad,
            ceil_mode,
        };
        for (w, input, output, pads) in [
            (window(3, 1, 1, 0, 0, AutoPad::NotSet, false), 5, 3, (0, 0)),
            (window(3, 2, 1, 1, 1, AutoPad::NotSet, false), 5, 3, (1, 1)),
            (window(3, 2, 1, 0, 0, AutoPad::NotSet, true), 4, 2, (0, 0)),
            (window(1, 2, 1, 0, 0, AutoPad::NotSet, true), 2, 1, (0, 0)),
            (window(2, 1, 3, 0, 2, AutoPad::NotSet, false), 5, 4, (0, 2)),
            (window(3, 2, 1, 0, 0, AutoPad::SameUpper, false), 6, 3, (0, 1)),
            (window(3, 2, 1, 0, 0, AutoPad::SameLower, false), 6, 3, (1, 0)),
            (window(3, 2, 1, 9, 9, AutoPad::Valid, false), 6, 2, (0, 0)),
        ] {
            let s = w.span(0, input).unwrap();
            assert_eq!((s.output, (s.begin, s.end)), (output, pads), "{w:?}");
        }
        assert!(window(7, 1, 1, 0, 0, AutoPad::NotSet, false).span(0, 5).is_err());
    }
}
