//! LinearRegressor and LinearClassifier: the matrix product that all rows' functions are, then what follows on scores.
//!
//! The operators declare the order of the product's own sums.

use super::{classes::Classes, finish::Link};
use crate::cpu::{
    gemm::{self, Left, PackedB, StripSource},
    kernels::{Io, Kernel, Request},
    simd::Isa,
};
use hologram_ops::{
    DType, Result,
    family::ml::{linear_classifier::LinearClassifier, linear_regressor::LinearRegressor},
    forest::PostTransform,
};

/// The functions of a row.
#[derive(Debug)]
struct Functions {
    isa: Isa,
    columns: usize,
    count: usize,
    packed: Vec<f32>,
    intercepts: Vec<f32>,
}

impl Functions {
    /// The functions of a table's rows, when input 0 is a table of `f32`.
    fn of(request: &Request<'_>, coefficients: &[f32], intercepts: &[f32]) -> Option<Self> {
        let input = request.inputs.first()?.as_ref().filter(|l| l.dtype == DType::F32)?;
        let &[_, columns] = input.shape.as_slice() else { return None };
        let count = intercepts.len();
        if coefficients.len() != columns * count {
            return None;
        }
        let isa = Isa::best();
        let mut packed = vec![0.0; PackedB::len(isa, columns, count)];
        let source = StripSource::Columns { values: coefficients, stride: columns };
        PackedB::pack(isa, columns, count, source, &mut packed);
        Some(Self { isa, columns, count, packed, intercepts: intercepts.to_vec() })
    }

    fn scratch_bytes(&self) -> usize {
        4 * gemm::scratch_len(self.columns)
    }

    /// Writes the functions of each row of `x` to the first numbers of each row of `out`, which has `stride` numbers.
    fn scores(&self, x: &[f32], out: &mut [f32], stride: usize, scratch: &mut [u8]) {
        let rows = x.len() / self.columns.max(1);
        let right = PackedB::from_packed(self.isa, self.columns, self.count, &self.packed);
        let scratch = bytemuck::cast_slice_mut::<u8, f32>(&mut scratch[..self.scratch_bytes()]);
        gemm::product(self.isa, rows, Left::Rows(x), &right, out, stride, scratch);
        for row in out.chunks_exact_mut(stride) {
            row.iter_mut().zip(&self.intercepts).for_each(|(o, intercept)| *o += intercept);
        }
    }
}

/// The kernel for a `LinearRegressor` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let regressor = request.op::<LinearRegressor>()?;
    // A lone target keeps its score whatever the link is, but for PROBIT.
    let post = if regressor.targets == 1 && regressor.post != PostTransform::Probit {
        &PostTransform::None
    } else {
        &regressor.post
    };
    let link = Link::of(post, regressor.targets)?;
    let functions = Functions::of(request, &regressor.coefficients, &regressor.intercepts)?;
    Some(Box::new(Regressor { functions, link }))
}

#[derive(Debug)]
struct Regressor {
    functions: Functions,
    link: Link,
}

impl Kernel for Regressor {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn scratch_bytes(&self) -> usize {
        self.functions.scratch_bytes()
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let count = self.functions.count;
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let out = out.as_slice_mut::<f32>()?;
        self.functions.scores(x, out, count, scratch);
        self.link.apply(count, out);
        Ok(())
    }
}

/// The kernel for a `LinearClassifier` of `f32` whose labels are numbers.
pub(super) fn select_classifier(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let classifier = request.op::<LinearClassifier>()?;
    let classes = Classes::of(&classifier.scores)?;
    let functions = Functions::of(request, &classifier.coefficients, &classifier.scores.intercepts)?;
    let rows = *request.shape(0)?.first()?;
    Some(Box::new(Classifier { functions, classes, rows }))
}

#[derive(Debug)]
struct Classifier {
    functions: Functions,
    classes: Classes,
    rows: usize,
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn scratch_bytes(&self) -> usize {
        self.functions.scratch_bytes() + self.classes.scratch_bytes(self.rows)
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let Io { outputs, scratch, .. } = io;
        let (scratch, own) = scratch.split_at_mut(self.functions.scratch_bytes());
        self.classes.finish(self.rows, outputs, own, |scores, stride| self.functions.scores(x, scores, stride, scratch))
    }
}
