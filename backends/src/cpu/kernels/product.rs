//! Matrix products in `f32`: MatMul and Gemm through the packed product.

use super::{Io, Kernel, Request};
use crate::cpu::{
    gemm::{self, Left, PackedB, StripSource},
    simd::{Isa, vectorized},
};
use hologram_ops::{
    DType, Result, Tensor,
    broadcast::{broadcast_shape, broadcast_strides, for_each_index},
    family::math::{Gemm, MatMul},
};
use std::sync::Arc;

/// A stack of products with shapes fixed.
#[derive(Debug)]
struct Product {
    isa: Isa,
    m: usize,
    k: usize,
    n: usize,
    /// First numbers of the operands of each product of the stack.
    stack: Vec<(usize, usize)>,
    /// The right operand, when it is one constant matrix.
    packed: Option<Arc<Vec<f32>>>,
}

/// The kernel for a `MatMul` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    request.op::<MatMul>().filter(|_| request.all(DType::F32))?;
    let (a, b) = (request.shape(0)?, request.shape(1)?);
    let (m, k) = match a {
        [] => return None,
        [k] => (1, *k),
        [.., m, k] => (*m, *k),
    };
    let (k2, n) = match b {
        [] => return None,
        [k] => (*k, 1),
        [.., k, n] => (*k, *n),
    };
    if k != k2 {
        return None;
    }
    let isa = Isa::best();
    let (sa, sb) = (&a[..a.len().saturating_sub(2)], &b[..b.len().saturating_sub(2)]);
    let one_matrix = sb.iter().product::<usize>() == 1;
    let constant = request.constants.get(1).and_then(Option::as_ref).filter(|_| one_matrix);
    let packed = constant.and_then(|tensor| request.keep((), || pack(isa, k, n, tensor)));
    // One matrix for the whole stack: the stack's rows are rows of one product.
    if one_matrix && a.len() >= 2 {
        let m = m * sa.iter().product::<usize>();
        return Some(Box::new(Product { isa, m, k, n, stack: vec![(0, 0)], packed }));
    }
    let shape = broadcast_shape(sa, sb).ok()?;
    let mut stack = Vec::new();
    for_each_index(&shape, &[broadcast_strides(sa, &shape), broadcast_strides(sb, &shape)], |[i, j]| {
        stack.push((i * m * k, j * k * n));
    });
    Some(Box::new(Product { isa, m, k, n, stack, packed }))
}

fn pack(isa: Isa, k: usize, n: usize, tensor: &Tensor) -> Option<Vec<f32>> {
    let values = tensor.as_slice::<f32>().ok()?;
    let mut memory = vec![0.0; PackedB::len(isa, k, n)];
    PackedB::pack(isa, k, n, StripSource::Rows { values, stride: n }, &mut memory);
    Some(memory)
}

impl Kernel for Product {
    fn name(&self) -> &'static str {
        "gemm"
    }

    fn scratch_bytes(&self) -> usize {
        let strips = if self.packed.is_some() { 0 } else { PackedB::len(self.isa, self.k, self.n) };
        4 * (strips + gemm::scratch_len(self.k))
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (a, b) = (io.input::<f32>(0)?, io.input::<f32>(1)?);
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let out = out.as_slice_mut::<f32>()?;
        let (scratch, strips) = bytemuck::cast_slice_mut::<u8, f32>(scratch).split_at_mut(gemm::scratch_len(self.k));
        let (m, k, n) = (self.m, self.k, self.n);
        for (i, (at_a, at_b)) in self.stack.iter().enumerate() {
            let right = match &self.packed {
                Some(packed) => PackedB::from_packed(self.isa, k, n, packed),
                None => {
                    PackedB::pack(self.isa, k, n, StripSource::Rows { values: &b[*at_b..][..k * n], stride: n }, strips)
                }
            };
            let c = &mut out[i * m * n..][..m * n];
            gemm::product(self.isa, m, Left::Rows(&a[*at_a..][..m * k]), &right, c, n.max(1), scratch);
        }
        Ok(())
    }
}

/// A Gemm with shapes fixed.
#[derive(Debug)]
struct Affine {
    isa: Isa,
    m: usize,
    k: usize,
    n: usize,
    alpha: f32,
    beta: f32,
    transpose_b: bool,
    /// The right operand, when it is constant.
    packed: Option<Arc<Vec<f32>>>,
    /// The first numbers and the strides of the addend, when there is one.
    addend: Option<(usize, usize)>,
}

/// The kernel for a `Gemm` of `f32` whose left operand is not transposed.
pub(super) fn select_gemm(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let gemm = request.op::<Gemm>().filter(|g| request.all(DType::F32) && !g.transpose_a)?;
    let (&[m, k], &[rows, columns]) = (request.shape(0)?, request.shape(1)?) else { return None };
    let n = if gemm.transpose_b { rows } else { columns };
    let addend = match request.shape(2).filter(|_| gemm.beta != 0.0) {
        None => None,
        Some(c) => {
            let strides = broadcast_strides(c, &[m, n]);
            (c.len() <= 2).then_some(Some((strides[0], strides[1])))?
        }
    };
    let isa = Isa::best();
    let mut kernel = Affine {
        isa,
        m,
        k,
        n,
        alpha: gemm.alpha,
        beta: gemm.beta,
        transpose_b: gemm.transpose_b,
        packed: None,
        addend,
    };
    if let Some(tensor) = request.constants.get(1).and_then(Option::as_ref) {
        let values = tensor.as_slice::<f32>().ok()?;
        kernel.packed = request.keep((), || {
            let mut memory = vec![0.0; PackedB::len(isa, k, n)];
            PackedB::pack(isa, k, n, kernel.source(values), &mut memory);
            Some(memory)
        });
    }
    Some(Box::new(kernel))
}

impl Affine {
    fn source<'a>(&self, values: &'a [f32]) -> StripSource<'a> {
        if self.transpose_b {
            StripSource::Columns { values, stride: self.k }
        } else {
            StripSource::Rows { values, stride: self.n }
        }
    }
}

impl Kernel for Affine {
    fn name(&self) -> &'static str {
        "gemm"
    }

    fn scratch_bytes(&self) -> usize {
        let strips = if self.packed.is_some() { 0 } else { PackedB::len(self.isa, self.k, self.n) };
        4 * (strips + gemm::scratch_len(self.k))
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (a, b) = (io.input::<f32>(0)?, io.input::<f32>(1)?);
        let addend =
            self.addend.map(|strides| Ok::<_, hologram_ops::Error>((strides, io.input::<f32>(2)?))).transpose()?;
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let out = out.as_slice_mut::<f32>()?;
        let (scratch, strips) = bytemuck::cast_slice_mut::<u8, f32>(scratch).split_at_mut(gemm::scratch_len(self.k));
        let right = match &self.packed {
            Some(packed) => PackedB::from_packed(self.isa, self.k, self.n, packed),
            None => PackedB::pack(self.isa, self.k, self.n, self.source(b), strips),
        };
        gemm::product(self.isa, self.m, Left::Rows(a), &right, out, self.n.max(1), scratch);
        vectorized(
            self.isa,
            #[inline(always)]
            || {
                for (r, row) in out.chunks_exact_mut(self.n.max(1)).enumerate() {
                    if self.alpha != 1.0 {
                        row.iter_mut().for_each(|v| *v *= self.alpha);
                    }
                    match addend {
                        None => {}
                        Some(((down, 0), c)) => {
                            let c = c[r * down];
                            row.iter_mut().for_each(|v| *v = self.beta.mul_add(c, *v));
                        }
                        Some(((down, _), c)) => {
                            for (v, c) in row.iter_mut().zip(&c[r * down..]) {
                                *v = self.beta.mul_add(*c, *v);
                            }
                        }
                    }
                }
            },
        );
        Ok(())
    }
}
