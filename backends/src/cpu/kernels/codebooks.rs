//! Products by codebooks: the codewords of a part side by side, so that their nearness is found together.

use super::{Io, Kernel, Request};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::{
    DType, Result,
    family::quantize::{CodebookProduct, CodebookSizes, codeword_starts, first_greatest},
};
use std::sync::Arc;

/// A product with shapes fixed.
#[derive(Debug)]
struct Codebooks {
    sizes: CodebookSizes,
    /// For each part: where its codewords' nearness starts, then the first number of each, the second, and so on.
    words: Arc<Vec<f32>>,
}

/// The kernel for a `CodebookProduct` whose codebooks are constant.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    request.op::<CodebookProduct>().filter(|_| request.all(DType::F32))?;
    let shape = |i| request.shape(i);
    let sizes = CodebookSizes::new(shape(0)?, shape(1)?, shape(2)?, shape(3)?).ok()?;
    let CodebookSizes { parts, codewords, width, .. } = sizes;
    let codebooks = request.constants.get(1)?.as_ref()?.as_slice::<f32>().ok()?;
    let words = request.keep((), || {
        let starts = codeword_starts(codebooks, width);
        let mut words = Vec::with_capacity(parts * codewords * (width + 1));
        for part in 0..parts {
            words.extend(&starts[part * codewords..][..codewords]);
            let own = &codebooks[part * codewords * width..][..codewords * width];
            words.extend((0..width).flat_map(|i| own.iter().skip(i).step_by(width)));
        }
        Some(words)
    })?;
    Some(Box::new(Codebooks { sizes, words }))
}

impl Kernel for Codebooks {
    fn name(&self) -> &'static str {
        "codebooks"
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.sizes.codewords
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (x, tables, addends) = (io.input::<f32>(0)?, io.input::<f32>(2)?, io.input::<f32>(3)?);
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let (out, nearness) = (out.as_slice_mut::<f32>()?, bytemuck::cast_slice_mut::<u8, f32>(scratch));
        vectorized(
            Isa::best(),
            #[inline(always)]
            || self.multiply(x, tables, addends, out, nearness),
        );
        Ok(())
    }
}

impl Codebooks {
    #[inline(always)]
    fn multiply(&self, x: &[f32], tables: &[f32], addends: &[f32], out: &mut [f32], nearness: &mut [f32]) {
        let CodebookSizes { parts, codewords, width, columns } = self.sizes;
        let of_part = codewords * (width + 1);
        for (r, out) in out.chunks_exact_mut(columns.max(1)).enumerate() {
            let x = &x[r * parts * width..][..parts * width];
            out.copy_from_slice(addends);
            for (part, x) in x.chunks_exact(width).enumerate() {
                let words = &self.words[part * of_part..][..of_part];
                nearness.copy_from_slice(&words[..codewords]);
                for (x, numbers) in x.iter().zip(words[codewords..].chunks_exact(codewords)) {
                    nearness.iter_mut().zip(numbers).for_each(|(near, c)| *near = x.mul_add(*c, *near));
                }
                let word = first_greatest(nearness);
                let entry = &tables[(part * codewords + word) * columns..][..columns];
                out.iter_mut().zip(entry).for_each(|(sum, t)| *sum += t);
            }
            if x.iter().any(|x| x.is_nan()) {
                out.fill(f32::NAN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{case, compare, numbers};
    use hologram_ops::Tensor;

    #[test]
    fn codebooks_equal_the_reference() {
        for (seed, x) in (1..).zip([&[1, 8][..], &[7, 24], &[2, 3, 16], &[40, 64]]) {
            for (codewords, width, columns) in [(16, 8, 33), (16, 4, 1), (3, 2, 7), (1, 1, 16), (40, 8, 5)] {
                let parts = x.last().unwrap() / width;
                let shapes = [x, &[parts, codewords, width][..], &[parts, codewords, columns], &[columns]];
                let mut tensors: Vec<Tensor> = (seed..).zip(shapes).map(|(seed, shape)| numbers(shape, seed)).collect();
                let mut values = tensors[0].as_slice::<f32>().unwrap().to_vec();
                (values[1], values[x.iter().product::<usize>() / 2]) = (f32::INFINITY, f32::NAN);
                tensors[0] = Tensor::from_vec(x, values).unwrap();
                let inputs: Vec<(&[usize], bool)> = shapes.into_iter().zip([false, true, true, true]).collect();
                let case = case("CodebookProduct", "codebooks", &inputs, &[]).own();
                compare(&case, tensors, &format!("{x:?} by {codewords} codewords of {width}"));
            }
        }
    }
}
