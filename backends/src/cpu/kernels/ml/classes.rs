//! ClassScores, and what LinearClassifier does after its product: labels and scores from sums.

use super::finish::Link;
use crate::cpu::kernels::{Io, Kernel, Request, ViewMut};
use hologram_ops::{
    DType, Result,
    family::ml::{class_scores::ClassScores, table::Labels},
};

/// Classes whose labels are numbers.
#[derive(Debug)]
pub(super) struct Classes {
    /// Sums of a row.
    count: usize,
    link: Link,
    labels: Vec<i64>,
}

impl Classes {
    /// The classes of a classifier, where this is code for them.
    pub(super) fn of(scores: &ClassScores) -> Option<Self> {
        let Labels::Ints(labels) = &scores.labels else { return None };
        let link = Link::of(&scores.post, labels.len())?;
        Some(Self { count: scores.intercepts.len(), link, labels: labels.clone() })
    }

    /// Bytes for the scores of so many rows, where nobody asks for them.
    pub(super) fn scratch_bytes(&self, rows: usize) -> usize {
        4 * rows * self.labels.len()
    }

    /// Writes labels and scores of so many rows to the outputs; `sums` writes a row's sums to the first numbers of each so
    /// many numbers.
    pub(super) fn finish(
        &self,
        rows: usize,
        outputs: &mut [Option<ViewMut<'_>>],
        scratch: &mut [u8],
        sums: impl FnOnce(&mut [f32], usize),
    ) -> Result<()> {
        let width = self.labels.len();
        let (classes, scores) = outputs.split_at_mut(1);
        let asked = scores.first_mut().and_then(Option::as_mut).map(ViewMut::as_slice_mut::<f32>).transpose()?;
        let is_asked = asked.is_some();
        let scores = match asked {
            Some(scores) => scores,
            None => bytemuck::cast_slice_mut::<u8, f32>(&mut scratch[..4 * rows * width]),
        };
        // A lone score stands in the first of two columns until it is both.
        sums(scores, width);
        let classes = classes.first_mut().and_then(Option::as_mut).map(ViewMut::as_slice_mut::<i64>).transpose()?;
        match (self.count, self.labels.as_slice()) {
            (1, [no, yes]) => {
                let rows = scores.as_chunks_mut::<2>().0;
                for (class, [score, _]) in classes.into_iter().flatten().zip(&*rows) {
                    *class = if *score > 0.0 { *yes } else { *no };
                }
                if !is_asked {
                    return Ok(());
                }
                if self.link != Link::Logistic {
                    rows.iter_mut().for_each(|row| *row = [(1.0 - f64::from(row[0])) as f32, row[0]]);
                    return Ok(());
                }
                rows.iter_mut().for_each(|row| *row = [-row[0], row[0]]);
            }
            (2, [no, yes]) => {
                for (class, [first, second]) in classes.into_iter().flatten().zip(scores.as_chunks::<2>().0) {
                    *class = if second > first { *yes } else { *no };
                }
            }
            (count, labels) => {
                for (class, scores) in classes.into_iter().flatten().zip(scores.chunks_exact(width)) {
                    let best = (1..count).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
                    *class = labels[best];
                }
            }
        }
        if is_asked {
            self.link.apply(width, scores);
        }
        Ok(())
    }
}

/// The kernel for a `ClassScores` whose labels are numbers.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let scores = request.op::<ClassScores>()?;
    let input = request.inputs.first()?.as_ref().filter(|l| l.dtype == DType::F32)?;
    let &[rows, _] = input.shape.as_slice() else { return None };
    Some(Box::new(Finish { classes: Classes::of(scores)?, intercepts: scores.intercepts.clone(), rows }))
}

#[derive(Debug)]
struct Finish {
    classes: Classes,
    intercepts: Vec<f32>,
    rows: usize,
}

impl Kernel for Finish {
    fn name(&self) -> &'static str {
        "classes"
    }

    fn scratch_bytes(&self) -> usize {
        self.classes.scratch_bytes(self.rows)
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let Io { outputs, scratch, .. } = io;
        self.classes.finish(self.rows, outputs, scratch, |scores, stride| {
            // Two columns are most classifiers.
            let pairs = scores.as_chunks_mut::<2>().0.iter_mut();
            match (stride, self.intercepts.as_slice()) {
                (2, [one]) => return pairs.zip(x).for_each(|(row, x)| row[0] = x + one),
                (2, [a, b]) => return pairs.zip(x.as_chunks().0).for_each(|(row, [x, y])| *row = [x + a, y + b]),
                _ => {}
            }
            for (out, x) in scores.chunks_exact_mut(stride).zip(x.chunks_exact(self.intercepts.len())) {
                out.iter_mut().zip(x).zip(&self.intercepts).for_each(|((o, x), intercept)| *o = x + intercept);
            }
        })
    }
}
