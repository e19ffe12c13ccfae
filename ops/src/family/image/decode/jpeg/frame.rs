//! A frame: its components with their coefficients, laid out for scans to fill.

use super::{
    super::check_size,
    markers::{FrameHeader, ScanHeader, Steps},
};
use crate::{Error, Limits, Result};

/// The bit position of a coefficient that no scan has sent.
const UNSENT: u32 = u32::MAX;

/// One component and its coefficients.
pub(super) struct Component {
    /// Sampling factors.
    pub(super) sampling: (usize, usize),
    /// How many pixels one sample spans, across and down.
    pub(super) expand: (usize, usize),
    /// Samples across and down that the image needs; the rest of the last blocks is padding.
    pub(super) size: (usize, usize),
    /// Blocks across and down that hold those samples: what a scan of this component alone sends.
    pub(super) blocks: (usize, usize),
    /// Blocks in a row of `coefficients`, padding of shared scans included.
    pub(super) stride: usize,
    /// Blocks of 64, each row-major.
    pub(super) coefficients: Vec<[i16; 64]>,
    /// The quantization table in force when its first scan began.
    pub(super) steps: Option<Steps>,
    /// The lowest bit position that scans have sent of each coefficient, in zigzag order.
    pub(super) sent: [u32; 64],
}

/// The components of an image.
pub(super) struct Frame {
    /// What the frame header says.
    pub(super) header: FrameHeader,
    /// The components in the header's order.
    pub(super) components: Vec<Component>,
    /// Units across and down of a scan that all components share.
    pub(super) units: (usize, usize),
}

impl Frame {
    /// A frame of zero coefficients; `remaining` bytes follow its header.
    pub(super) fn new(header: FrameHeader, remaining: usize, limits: &Limits) -> Result<Self> {
        let (width, height) = (header.width, header.height);
        check_size(width, height, limits)?;
        let most = |f: fn((usize, usize)) -> usize| header.components.iter().map(|c| f(c.sampling)).max().unwrap_or(1);
        let (h, v) = (most(|s| s.0), most(|s| s.1));
        let units = (width.div_ceil(8 * h), height.div_ceil(8 * v));
        let mut least = 0;
        for c in &header.components {
            if h % c.sampling.0 != 0 || v % c.sampling.1 != 0 {
                return Err(Error::unsupported(format!(
                    "JPEG with sampling factors {:?} beside {h} and {v}, which they do not divide",
                    c.sampling
                )));
            }
            let (across, down) = ((width * c.sampling.0).div_ceil(8 * h), (height * c.sampling.1).div_ceil(8 * v));
            least += across * down;
        }
        // Each block takes a bit at least, so that what is allocated stays in proportion to what was sent.
        if least.div_ceil(8) > remaining {
            return Err(Error::invalid(format!(
                "an image of {width} x {height} takes {} bytes at least, {remaining} follow its header",
                least.div_ceil(8)
            )));
        }
        let component = |sampling: (usize, usize), size: (usize, usize)| Component {
            sampling,
            expand: (h / sampling.0, v / sampling.1),
            size,
            blocks: (size.0.div_ceil(8), size.1.div_ceil(8)),
            stride: units.0 * sampling.0,
            coefficients: vec![[0; 64]; units.0 * sampling.0 * units.1 * sampling.1],
            steps: None,
            sent: [UNSENT; 64],
        };
        let sized = |(ch, cv): (usize, usize)| ((width * ch).div_ceil(h), (height * cv).div_ceil(v));
        let components = header.components.iter().map(|c| component(c.sampling, sized(c.sampling))).collect();
        Ok(Self { header, components, units })
    }

    /// The index of the component that scans call `id`.
    pub(super) fn index(&self, id: u8) -> Result<usize> {
        let found = self.header.components.iter().position(|c| c.id == id);
        found.ok_or_else(|| Error::invalid(format!("a scan names component {id}, which the frame does not declare")))
    }

    /// Notes what a scan is about to send, and fixes the quantization of components that it sends first.
    pub(super) fn adopt(&mut self, scan: &ScanHeader, tables: &[Option<Steps>; 4]) -> Result<()> {
        for part in &scan.parts {
            let index = self.index(part.id)?;
            let slot = self.header.components[index].table;
            let component = &mut self.components[index];
            if component.steps.is_none() {
                let steps = tables.get(slot).copied().flatten();
                component.steps = Some(steps.ok_or_else(|| {
                    Error::invalid(format!("component {} names quantization table {slot}, not defined", part.id))
                })?);
            }
            let (first, last) = if self.header.progressive { scan.band } else { (0, 63) };
            let low = if self.header.progressive { scan.low } else { 0 };
            component.sent.get_mut(first..=last.min(63)).unwrap_or_default().fill(low);
        }
        Ok(())
    }

    /// Whether the scans have sent all that decides the pixels.
    pub(super) fn check_complete(&self) -> Result<()> {
        for (component, declared) in self.components.iter().zip(&self.header.components) {
            if component.sent[0] == UNSENT {
                return Err(Error::invalid(format!("no scan carries component {}", declared.id)));
            }
            // libjpeg guesses the lowest frequencies of such an image from its neighbours.
            if self.header.progressive && component.sent[1..10].iter().any(|low| *low != 0) {
                return Err(Error::unsupported(
                    "progressive JPEG that ends before its lowest frequencies are complete; libjpeg smooths it",
                ));
            }
        }
        Ok(())
    }
}
