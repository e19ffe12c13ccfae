//! EncodedProduct: numbers by the packed product, codes by one row of coefficients each.
//!
//! The zeros of a code change no bit of a chain but that of a negative zero, which only products of numbers leave behind.
//! Where there are only codes and few targets, the sums of each target lie together until they are done, so that the
//! coefficients of many codes are found at once.

use crate::cpu::{
    gemm::{self, Left, PackedB, StripSource},
    kernels::{Io, Kernel, Request},
    listed::add_by,
    simd::{Isa, vectorized},
};
use hologram_ops::{
    Result,
    family::ml::encoded_product::{EncodedProduct, Part},
};

/// Codes and sums of so many rows are worked on together.
const BLOCK: usize = 256;

/// Most targets whose sums lie apart.
const APART_MAX: usize = 8;

/// Most categories whose coefficients are found so quickly that any such number of targets pays.
const SHORT: usize = 127;

/// The kernel for an `EncodedProduct`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let product = request.op::<EncodedProduct>()?;
    let rows = *request.outputs.first()?.as_ref()?.shape.first()?;
    let isa = Isa::best();
    let (targets, features) = (product.targets, product.features());
    let is_apart = targets <= APART_MAX
        && product.parts.iter().all(|part| match *part {
            Part::Numbers(_) => false,
            Part::Codes { categories, .. } => targets <= 2 || categories <= SHORT,
        });
    let mut first = 0;
    let mut has_numbers = false;
    let mut parts = Vec::with_capacity(product.parts.len());
    for part in &product.parts {
        let own = |t: usize| &product.coefficients[t * features + first..][..part.width()];
        parts.push(match *part {
            Part::Numbers(width) => {
                has_numbers = true;
                let values: Vec<f32> = (0..targets).flat_map(own).copied().collect();
                let mut packed = vec![0.0; PackedB::len(isa, width, targets)];
                let source = StripSource::Columns { values: &values, stride: width };
                PackedB::pack(isa, width, targets, source, &mut packed);
                Ready::Numbers { width, packed }
            }
            Part::Codes { columns, categories } => {
                let column = |c: usize| {
                    let column = Codes::new(targets, categories, has_numbers, |t, code| own(t)[c * categories + code]);
                    if is_apart { column.by_target(targets) } else { column }
                };
                Ready::Codes((0..columns).map(column).collect())
            }
        });
        first += part.width();
    }
    Some(Box::new(Encoded { isa, rows, targets, parts, is_apart }))
}

#[derive(Debug)]
struct Encoded {
    isa: Isa,
    rows: usize,
    targets: usize,
    parts: Vec<Ready>,
    /// Whether there are only codes, and coefficients lie target by target.
    is_apart: bool,
}

/// A part with its coefficients.
#[derive(Debug)]
enum Ready {
    Numbers {
        width: usize,
        packed: Vec<f32>,
    },
    /// For each column of codes.
    Codes(Vec<Codes>),
}

/// What a column of codes adds.
#[derive(Debug)]
struct Codes {
    categories: usize,
    /// A row of targets for each code, and zeros for none.
    added: Vec<f32>,
    /// The same shape: the sum of the zeros before and after the code, which turn a negative zero into zero unless all of
    /// them are negative; none where no chain can hold a negative zero.
    zeros: Option<(Vec<f32>, Vec<f32>)>,
}

impl Codes {
    fn new(targets: usize, categories: usize, after_numbers: bool, coefficient: impl Fn(usize, usize) -> f32) -> Self {
        let cell = |of: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..=categories)
                .flat_map(|code| (0..targets).map(move |t| (code, t)))
                .map(|(code, t)| of(code, t))
                .collect()
        };
        let added = cell(&|code, t| if code < categories { coefficient(t, code) } else { -0.0 });
        let sum = |t: usize, codes: std::ops::Range<usize>| {
            codes.fold(-0.0_f32, |sum, code| 0.0_f32.mul_add(coefficient(t, code), sum))
        };
        let zeros = after_numbers.then(|| {
            let after = |code: usize, t: usize| sum(t, (code + 1).min(categories)..categories);
            (cell(&|code, t| sum(t, 0..code)), cell(&after))
        });
        Self { categories, added, zeros }
    }

    /// The same with coefficients target by target.
    fn by_target(self, targets: usize) -> Self {
        let target = |t: usize| self.added.iter().skip(t).step_by(targets);
        Self { added: (0..targets).flat_map(target).copied().collect(), ..self }
    }

    /// Carries the chains of a row of targets on by its code, every `stride`-th number from `codes` on.
    #[inline(always)]
    fn add(&self, codes: &[i32], stride: usize, targets: usize, out: &mut [f32]) {
        let place = |code: i32| (code as u32 as usize).min(self.categories);
        let codes = codes.iter().step_by(stride);
        let Some((before, after)) = &self.zeros else {
            for (sums, code) in out.chunks_exact_mut(targets).zip(codes) {
                let added = &self.added[place(*code) * targets..][..targets];
                sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
            }
            return;
        };
        for (sums, code) in out.chunks_exact_mut(targets).zip(codes) {
            let at = place(*code) * targets..(place(*code) + 1) * targets;
            let own = before[at.clone()].iter().zip(&self.added[at.clone()]).zip(&after[at]);
            for (sum, ((before, added), after)) in sums.iter_mut().zip(own) {
                *sum = *sum + before + added + after;
            }
        }
    }

    /// The same for up to [`BLOCK`] rows whose sums lie target by target, a block apart.
    fn add_apart(&self, isa: Isa, codes: &[i32], stride: usize, rows: usize, sums: &mut [f32]) {
        let mut own = [0; BLOCK];
        let codes = if stride == 1 {
            codes
        } else {
            own.iter_mut().zip(codes.iter().step_by(stride)).for_each(|(own, code)| *own = *code);
            &own[..rows]
        };
        for (added, sums) in self.added.chunks_exact(self.categories + 1).zip(sums.chunks_exact_mut(BLOCK)) {
            add_by(isa, added, codes, |code| code as u32, &mut sums[..rows]);
        }
    }
}

impl Encoded {
    /// A run where there are only codes.
    fn run_apart(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let targets = self.targets;
        let mut sums = [0.0_f32; BLOCK * APART_MAX];
        for start in (0..self.rows).step_by(BLOCK) {
            let rows = BLOCK.min(self.rows - start);
            sums[..BLOCK * targets].fill(0.0);
            for (i, part) in self.parts.iter().enumerate() {
                let Ready::Codes(columns) = part else { continue };
                let stride = columns.len();
                let codes = &io.input::<i32>(i)?[start * stride..][..rows * stride];
                for (c, column) in columns.iter().enumerate() {
                    column.add_apart(self.isa, &codes[c..], stride, rows, &mut sums[..BLOCK * targets]);
                }
            }
            let out = &mut io.output::<f32>(0)?[start * targets..][..rows * targets];
            match targets {
                1 => out.copy_from_slice(&sums[..rows]),
                2 => {
                    let (no, yes) = sums.split_at(BLOCK);
                    let pairs = no.iter().zip(yes).map(|(no, yes)| [*no, *yes]);
                    out.as_chunks_mut::<2>().0.iter_mut().zip(pairs).for_each(|(out, pair)| *out = pair);
                }
                _ => {
                    for (row, out) in out.chunks_exact_mut(targets).enumerate() {
                        out.iter_mut().zip(sums.chunks_exact(BLOCK)).for_each(|(out, sums)| *out = sums[row]);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Kernel for Encoded {
    fn name(&self) -> &'static str {
        "encoded"
    }

    fn scratch_bytes(&self) -> usize {
        let widths = self.parts.iter().map(|part| match part {
            Ready::Numbers { width, .. } => gemm::scratch_len(*width),
            Ready::Codes(_) => 0,
        });
        4 * widths.max().unwrap_or(0)
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        if self.is_apart {
            return self.run_apart(io);
        }
        let targets = self.targets;
        for start in (0..self.rows).step_by(BLOCK) {
            let rows = BLOCK.min(self.rows - start);
            let mut is_new = true;
            for (i, part) in self.parts.iter().enumerate() {
                match part {
                    Ready::Numbers { width, packed } => {
                        let x = &io.input::<f32>(i)?[start * width..][..rows * width];
                        let Io { outputs, scratch, .. } = &mut *io;
                        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
                        let out = &mut out.as_slice_mut::<f32>()?[start * targets..][..rows * targets];
                        let scratch =
                            bytemuck::cast_slice_mut::<u8, f32>(&mut scratch[..4 * gemm::scratch_len(*width)]);
                        let right = PackedB::from_packed(self.isa, *width, targets, packed);
                        let product = if is_new { gemm::product } else { gemm::product_onto };
                        product(self.isa, rows, Left::Rows(x), &right, out, targets, scratch);
                    }
                    Ready::Codes(columns) => {
                        let stride = columns.len();
                        let codes = &io.input::<i32>(i)?[start * stride..][..rows * stride];
                        let out = &mut io.output::<f32>(0)?[start * targets..][..rows * targets];
                        vectorized(
                            self.isa,
                            #[inline(always)]
                            || {
                                if is_new {
                                    out.fill(0.0);
                                }
                                for (c, column) in columns.iter().enumerate() {
                                    column.add(&codes[c..], stride, targets, out);
                                }
                            },
                        );
                    }
                }
                is_new = false;
            }
        }
        Ok(())
    }
}
