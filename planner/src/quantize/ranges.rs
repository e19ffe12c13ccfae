//! Ranges: which numbers enter a layer and leave it, on rows that are given, and the codes that lose least of them.

use super::{Rows, layers::Layer, runner::Runner};
use crate::Result;
use hologram_ops::{Registry, Tensor, family::quantize::Coding, graph::Graph};

/// Numbers of a value that are kept.
const SAMPLES_MAX: usize = 1 << 14;

/// Places that are tried for each end of the range.
const ENDS_TRIED: u8 = 15;

/// How much an end is moved inwards from one place to the next, as a part of its distance from zero.
const END_STEP: f64 = 0.05;

/// Numbers of a value, as they come by.
#[derive(Debug, Default)]
pub(super) struct Seen {
    least: f32,
    most: f32,
    /// Some of them, evenly spread over each run.
    pub(super) samples: Vec<f32>,
}

/// What was seen of a layer.
#[derive(Debug, Default)]
pub(super) struct SeenLayer {
    /// Numbers that enter it.
    pub(super) input: Seen,
    /// Numbers that leave it.
    pub(super) output: Seen,
}

impl Seen {
    fn note(&mut self, tensor: &Tensor, share: usize) -> Result<()> {
        let values = tensor.as_slice::<f32>()?;
        for value in values.iter().filter(|x| x.is_finite()) {
            self.least = self.least.min(*value);
            self.most = self.most.max(*value);
        }
        // An odd step, so that not always the same columns are met.
        let step = values.len().div_ceil(share.max(1)) | 1;
        self.samples.extend(values.iter().step_by(step).filter(|x| x.is_finite()));
        Ok(())
    }

    /// The coding of a part of each side of the range; zero has a code of its own.
    fn part(&self, below: f64, above: f64) -> Option<Coding> {
        let (least, most) = (f64::from(self.least) * below, f64::from(self.most) * above);
        let factor = 255.0 / (most - least);
        // All numbers are zero, or too small or large for a factor.
        Coding::new(factor as f32, (-least * factor).round() as i64).ok()
    }

    /// The coding with the least error: the end above zero is moved inwards first, then the one below.
    fn search(&self, mut error: impl FnMut(Coding) -> Result<f64>) -> Result<Option<Coding>> {
        let mut best: Option<(f64, Coding)> = None;
        let parts = || (0..ENDS_TRIED).map(|i| 1.0 - f64::from(i) * END_STEP);
        let mut kept = 1.0;
        for is_above in [true, false] {
            for part in parts() {
                let (below, above) = if is_above { (1.0, part) } else { (part, kept) };
                let Some(coding) = self.part(below, above) else { continue };
                let error = error(coding)?;
                if best.is_none_or(|(least, _)| error < least) {
                    best = Some((error, coding));
                    kept = above;
                }
            }
        }
        Ok(best.map(|(_, coding)| coding))
    }

    /// The coding with the least squares of errors.
    pub(super) fn coding(&self) -> Result<Coding> {
        let error = |coding: Coding| -> Result<f64> {
            Ok(self.samples.iter().map(|x| (coding.number(coding.code(*x)) - f64::from(*x)).powi(2)).sum())
        };
        Ok(self.search(error)?.unwrap_or(Coding { factor: 1.0, zero: 0 }))
    }

    /// The coding of these numbers, and for each of its codes that of the next layer: of what the function makes of it.
    pub(super) fn table(
        &self,
        function: impl Fn(Vec<f32>) -> hologram_ops::Result<Vec<f32>>,
        next: Coding,
    ) -> Result<(Coding, Vec<u8>)> {
        let table = |coding: Coding| -> Result<Vec<u8>> {
            let numbers = (0..=255).map(|code| coding.number(code) as f32).collect();
            Ok(function(numbers)?.into_iter().map(|y| next.code(y)).collect())
        };
        let exact: Vec<f64> = function(self.samples.clone())?.into_iter().map(f64::from).collect();
        let error = |coding: Coding| -> Result<f64> {
            let table = table(coding)?;
            let coded = |x: &f32| next.number(table[usize::from(coding.code(*x))]);
            Ok(self.samples.iter().zip(&exact).map(|(x, y)| (coded(x) - y).powi(2)).sum())
        };
        // The next layer's own coding is the right one where the function only cuts off.
        let (own, found) = (error(next)?, self.search(error)?);
        let coding = match found {
            Some(found) if error(found)? < own => found,
            _ => next,
        };
        Ok((coding, table(coding)?))
    }
}

/// Runs a graph and watches its layers.
pub(super) fn watch(graph: &Graph, layers: &[Layer], rows: &Rows, registry: &Registry) -> Result<Vec<SeenLayer>> {
    let mut watched = graph.clone();
    let ends = layers.iter().flat_map(|layer| [layer.input, layer.output]);
    watched.set_outputs(ends.enumerate().map(|(i, value)| (i.to_string(), value)).collect());
    let runner = Runner::new(&watched, registry)?;
    let mut seen: Vec<SeenLayer> = Vec::new();
    seen.resize_with(layers.len(), SeenLayer::default);
    let share = SAMPLES_MAX.div_ceil(rows.runs.len().max(1));
    for inputs in &rows.runs {
        for (seen, ends) in seen.iter_mut().zip(runner.run(inputs)?.chunks_exact(2)) {
            seen.input.note(&ends[0], share)?;
            seen.output.note(&ends[1], share)?;
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[f32]) -> Seen {
        let mut seen = Seen::default();
        seen.note(&Tensor::from_slice([values.len()], values).unwrap(), SAMPLES_MAX).unwrap();
        seen
    }

    #[test]
    fn codes_span_what_was_seen() {
        let coding = seen(&[-1.0, 0.5, 3.0, f32::NAN, f32::INFINITY]).coding().unwrap();
        assert_eq!((coding.code(-1.0), coding.code(0.0), coding.code(3.0)), (0, 64, 255));
        let positive = seen(&[2.0, 4.0]).coding().unwrap();
        assert_eq!((positive.zero, positive.code(4.0)), (0, 255));
        assert_eq!(seen(&[0.0, 0.0]).coding().unwrap(), Coding { factor: 1.0, zero: 0 });
        // Ends are moved inwards where few numbers lie beyond them, as much as pays.
        let mut many: Vec<f32> = (0..16_000).map(|i| (i * 37 % 201 - 100) as f32 * 0.01).collect();
        many.extend([1.02, -1.02]);
        let coding = seen(&many).coding().unwrap();
        assert!(coding.code(1.02) == 255 && coding.factor > 255.0 / 2.04, "{coding:?}");
    }

    #[test]
    fn what_only_cuts_off_needs_no_table() {
        let values: Vec<f32> = (-100..100).map(|i| i as f32 * 0.1).collect();
        let (sums, relu) = (seen(&values), |v: Vec<f32>| Ok(v.into_iter().map(|x| x.max(0.0)).collect()));
        let next = seen(&values.iter().map(|x| x.max(0.0)).collect::<Vec<_>>()).coding().unwrap();
        assert_eq!(sums.table(relu, next).unwrap(), (next, (0..=255).collect()));
        let square = |v: Vec<f32>| Ok(v.into_iter().map(|x| x * x).collect());
        let next = Coding::new(2.55, 0).unwrap();
        let (coding, table) = sums.table(square, next).unwrap();
        for x in [-9.0_f32, -3.0, 0.0, 5.0] {
            let found = next.number(table[usize::from(coding.code(x))]);
            assert!((found - f64::from(x * x)).abs() < 1.5, "{x}: {found}");
        }
    }
}
