//! Codebooks: what a layer's inputs are like, part by part, and what each likeness gives.

use super::{Rows, layers::Layer, runner::Runner};
use crate::Result;
use hologram_ops::{Registry, Tensor, family::quantize::CodebookSizes, graph::Graph};

/// Codewords of a part.
const CODEWORDS: usize = 16;

/// Numbers of a part: the most of these that divides a row.
const WIDTHS: [usize; 3] = [8, 4, 2];

/// Columns of a layer at least: below, finding codewords costs more than the products do.
const COLUMNS_MIN: usize = 64;

/// Rows that codebooks are made of, at most.
const ROWS_MAX: usize = 4_096;

/// Rounds of the search for codewords.
const ROUNDS: usize = 12;

/// A layer by codebooks.
#[derive(Debug)]
pub(super) struct Codebooks {
    pub(super) codebooks: Tensor,
    pub(super) tables: Tensor,
}

/// The sizes of a dense layer's codebooks, if it is wide enough.
pub(super) fn sizes(layer: &Layer) -> Option<CodebookSizes> {
    let &[k, columns] = layer.weights.shape() else { return None };
    let width = WIDTHS.into_iter().find(|width| k.is_multiple_of(*width))?;
    (columns >= COLUMNS_MIN).then_some(CodebookSizes { parts: k / width, codewords: CODEWORDS, width, columns })
}

/// Some of the rows that enter each layer, evenly spread.
pub(super) fn rows(graph: &Graph, layers: &[Layer], rows: &Rows, registry: &Registry) -> Result<Vec<Vec<f32>>> {
    let mut watched = graph.clone();
    watched.set_outputs(layers.iter().enumerate().map(|(i, layer)| (i.to_string(), layer.input)).collect());
    let runner = Runner::new(&watched, registry)?;
    let mut kept = vec![Vec::new(); layers.len()];
    let share = ROWS_MAX.div_ceil(rows.runs.len().max(1));
    for inputs in &rows.runs {
        for ((kept, layer), input) in kept.iter_mut().zip(layers).zip(runner.run(inputs)?) {
            let width = layer.weights.shape()[0];
            let own = input.as_slice::<f32>()?.chunks_exact(width);
            let step = own.len().div_ceil(share).max(1);
            let finite = own.step_by(step).filter(|row| row.iter().all(|x| x.is_finite()));
            finite.for_each(|row| kept.extend_from_slice(row));
        }
    }
    Ok(kept)
}

impl Codebooks {
    /// Those of a layer that is given such rows.
    pub(super) fn new(layer: &Layer, sizes: CodebookSizes, rows: &[f32]) -> Result<Self> {
        let CodebookSizes { parts, codewords, width, columns } = sizes;
        let weights = layer.weights.as_slice::<f32>()?;
        let mut codebooks = Vec::with_capacity(parts * codewords * width);
        let mut tables = Vec::with_capacity(parts * codewords * columns);
        for part in 0..parts {
            let own = rows.chunks_exact(parts * width).map(|row| &row[part * width..][..width]).collect::<Vec<_>>();
            let words = cluster(&own, codewords, width);
            let weights = &weights[part * width * columns..][..width * columns];
            for word in words.chunks_exact(width) {
                let mut sums = vec![0.0_f64; columns];
                for (x, weights) in word.iter().zip(weights.chunks_exact(columns)) {
                    sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += f64::from(*x) * f64::from(*w));
                }
                tables.extend(sums.into_iter().map(|sum| sum as f32));
            }
            codebooks.extend(words);
        }
        let codebooks = Tensor::from_vec([parts, codewords, width], codebooks)?;
        Ok(Self { codebooks, tables: Tensor::from_vec([parts, codewords, columns], tables)? })
    }
}

/// Means of so many clusters of vectors (Lloyd, "Least squares quantization in PCM", 1982), begun with each time the vector
/// that lies farthest from those before it.
fn cluster(vectors: &[&[f32]], count: usize, width: usize) -> Vec<f32> {
    let apart = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum() };
    let Some(first) = vectors.first() else { return vec![0.0; count * width] };
    let mut words: Vec<Vec<f32>> = vec![first.to_vec()];
    let mut distances: Vec<f64> = vec![f64::INFINITY; vectors.len()];
    while words.len() < count {
        let Some(last) = words.last() else { break };
        let mut far = (0, -1.0);
        for (i, (vector, distance)) in vectors.iter().zip(&mut distances).enumerate() {
            *distance = distance.min(apart(vector, last));
            if *distance > far.1 {
                far = (i, *distance);
            }
        }
        words.push(vectors[far.0].to_vec());
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![(vec![0.0_f64; width], 0_u32); count];
        for vector in vectors {
            let nearest = (0..count).map(|i| (apart(vector, &words[i]), i));
            let nearest =
                nearest.reduce(|best, other| if other.0 < best.0 { other } else { best }).map_or(0, |(_, i)| i);
            let (sum, count) = &mut sums[nearest];
            sum.iter_mut().zip(*vector).for_each(|(sum, x)| *sum += f64::from(*x));
            *count += 1;
        }
        // A cluster that nothing is nearest to stays where it is.
        for (word, (sum, count)) in words.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0) {
            *word = sum.into_iter().map(|sum| (sum / f64::from(count)) as f32).collect();
        }
    }
    words.concat()
}

#[cfg(test)]
mod tests {
    use super::cluster;

    #[test]
    fn clusters_are_found() {
        let vectors: Vec<[f32; 2]> = (0..40).map(|i| [(i % 4) as f32 * 10.0 + (i / 4) as f32 * 0.1, 1.0]).collect();
        let mut words: Vec<f32> =
            cluster(&vectors.iter().map(|v| &v[..]).collect::<Vec<_>>(), 4, 2).into_iter().step_by(2).collect();
        words.sort_by(f32::total_cmp);
        for (word, mean) in words.iter().zip([0.45, 10.45, 20.45, 30.45]) {
            assert!((word - mean).abs() < 1e-3, "{words:?}");
        }
        assert_eq!(cluster(&[], 2, 3), [0.0; 6]);
        assert_eq!(cluster(&[&[1.0], &[1.0]], 3, 1), [1.0; 3]);
    }
}
