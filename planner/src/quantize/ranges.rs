//! Ranges: which numbers enter a layer and leave it, on rows that are given, and the codes that lose least of them.

use super::{Rows, layers::Layer, runner::Runner};
use crate::Result;
use hologram_ops::{Registry, Tensor, family::quantize::Coding, graph::Graph};

/// Places that are tried for each end of the range.
const ENDS_TRIED: u8 = 15;

/// How much an end is moved inwards from one place to the next, as a part of its distance from zero.
const END_STEP: f64 = 0.05;

/// Parts of a histogram.
const BINS: usize = 1 << 13;

/// Numbers of a value, counted as they come by: in even parts of a range about zero, which doubles when a number lies
/// beyond it. So even the rarest is there: one that is far away may be worth more than all others.
#[derive(Debug)]
pub(super) struct Seen {
    least: f32,
    most: f32,
    /// Half of the range.
    radius: f64,
    counts: Vec<u64>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { least: 0.0, most: 0.0, radius: f64::from(f32::MIN_POSITIVE), counts: vec![0; BINS] }
    }
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
    fn note(&mut self, tensor: &Tensor) -> Result<()> {
        for x in tensor.as_slice::<f32>()?.iter().copied().filter(|x| x.is_finite()) {
            self.least = self.least.min(x);
            self.most = self.most.max(x);
            let x = f64::from(x);
            while x.abs() > self.radius {
                self.widen();
            }
            let place = (x / self.radius + 1.0) * (BINS / 2) as f64;
            self.counts[(place as usize).min(BINS - 1)] += 1;
        }
        Ok(())
    }

    /// Doubles the range: two parts become one.
    fn widen(&mut self) {
        self.radius *= 2.0;
        let mut counts = vec![0; BINS];
        for (i, pair) in self.counts.chunks_exact(2).enumerate() {
            counts[BINS / 4 + i] = pair[0] + pair[1];
        }
        self.counts = counts;
    }

    /// The middle of each part that has numbers, and how many.
    fn numbers(&self) -> (Vec<f32>, Vec<f64>) {
        let middle = |i: usize| ((i as f64 + 0.5) / (BINS / 2) as f64 - 1.0) * self.radius;
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(i, count)| (middle(i) as f32, *count as f64)).unzip()
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
        let (numbers, counts) = self.numbers();
        let error = |coding: Coding| -> Result<f64> {
            let square = |x: &f32| (coding.number(coding.code(*x)) - f64::from(*x)).powi(2);
            Ok(numbers.iter().zip(&counts).map(|(x, count)| square(x) * count).sum())
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
        let (numbers, counts) = self.numbers();
        let exact: Vec<f64> = function(numbers.clone())?.into_iter().map(f64::from).collect();
        let error = |coding: Coding| -> Result<f64> {
            let table = table(coding)?;
            let coded = |x: &f32| next.number(table[usize::from(coding.code(*x))]);
            let squares = numbers.iter().zip(&exact).map(|(x, y)| (coded(x) - y).powi(2));
            Ok(squares.zip(&counts).map(|(square, count)| square * count).sum())
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
    for inputs in &rows.runs {
        for (seen, ends) in seen.iter_mut().zip(runner.run(inputs)?.chunks_exact(2)) {
            seen.input.note(&ends[0])?;
            seen.output.note(&ends[1])?;
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[f32]) -> Seen {
        let mut seen = Seen::default();
        seen.note(&Tensor::from_slice([values.len()], values).unwrap()).unwrap();
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
        let mut many: Vec<f32> = (0..200_000).map(|i| (i * 37 % 201 - 100) as f32 * 0.01).collect();
        many.extend([1.2, -1.2]);
        let coding = seen(&many).coding().unwrap();
        assert!(coding.factor > 255.0 / 2.2, "{coding:?}");
        // One that is worth more than all others is kept.
        many.push(1_000.0);
        let coding = seen(&many).coding().unwrap();
        assert!(coding.number(coding.code(1_000.0)) > 990.0, "{coding:?}");
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
