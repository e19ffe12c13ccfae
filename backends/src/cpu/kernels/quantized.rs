//! Fully connected layers in eight bits: blocks of rows go through all layers while their codes are near.

use super::{Io, Kernel, Request};
use crate::cpu::int8::{Body, COLUMNS, Dot, Packed, Scaling, Unit, encode, encode_columns, product};
use hologram_ops::{
    DType, Result, Tensor,
    family::quantize::{Coding, QuantizedLayers},
};
use std::sync::Arc;

/// Rows of a block.
const ROWS: usize = 48;

/// Layers with shapes fixed.
#[derive(Debug)]
struct Layers {
    unit: Unit,
    rows: usize,
    width: usize,
    coding: Coding,
    layers: Arc<Vec<Layer>>,
}

#[derive(Debug)]
struct Layer {
    weights: Packed,
    scaling: Scaling,
    /// What is made of the sums for the next layer.
    next: Option<Next>,
}

#[derive(Debug)]
struct Next {
    coding: Coding,
    /// For each code of a sum that of the next layer; none where they are the same.
    table: Option<Box<[u8; 256]>>,
}

/// The kernel for `QuantizedLayers` whose weights are constants.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let op = request.op::<QuantizedLayers>()?;
    let (width, outer) = request.shape(0)?.split_last()?;
    request.inputs.first()?.as_ref().filter(|l| l.dtype == DType::F32)?;
    let constant = |i: usize| request.constants.get(i).and_then(Option::as_ref);
    // A sum that is NaN between layers would have a code; with finite scales and addends there is none.
    let floats = |i: usize| constant(i)?.as_slice::<f32>().ok().filter(|own| own.iter().all(|x| x.is_finite()));
    let layers = request.keep((), || {
        let layers = op.codings.iter().enumerate().map(|(i, coding)| {
            let first = QuantizedLayers::input_of(i);
            let weights: &Tensor = constant(first)?;
            let (&[k, n], values) = (weights.shape(), weights.as_slice::<i8>().ok()?) else { return None };
            let weights = Packed::new(k, n, |l, column| values[l * n + column]);
            let next = match op.codings.get(i + 1) {
                None => None,
                Some(next) => {
                    let table: Box<[u8; 256]> = Box::new(constant(first + 3)?.as_slice::<u8>().ok()?.try_into().ok()?);
                    let changes = (0..=255).zip(table.iter()).any(|(code, entry): (u8, &u8)| code != *entry);
                    Some(Next { coding: next.numbers, table: changes.then_some(table) })
                }
            };
            let scaling = Scaling::new(&weights, coding.zero, floats(first + 1)?, floats(first + 2)?);
            Some(Layer { weights, scaling, next })
        });
        layers.collect::<Option<Vec<_>>>()
    })?;
    let (unit, rows, coding) = (Unit::best(), outer.iter().product(), op.codings.first()?.numbers);
    Some(Box::new(Layers { unit, rows, width: *width, coding, layers }))
}

impl Layers {
    /// Bytes of the codes of a block: of what a layer takes.
    fn codes_bytes(&self) -> usize {
        self.block() * self.layers.iter().map(|layer| layer.weights.stride()).max().unwrap_or(0)
    }

    /// Rows of a block here.
    fn block(&self) -> usize {
        ROWS.min(self.rows)
    }
}

impl Kernel for Layers {
    fn name(&self) -> &'static str {
        "int8-layers"
    }

    fn scratch_bytes(&self) -> usize {
        2 * self.codes_bytes()
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let out = out.as_slice_mut::<f32>()?;
        let columns = self.layers.last().map_or(0, |layer| layer.weights.columns());
        let (from, to) = scratch.split_at_mut(self.codes_bytes());
        for first in (0..self.rows).step_by(ROWS) {
            let rows = ROWS.min(self.rows - first);
            let x = &x[first * self.width..][..rows * self.width];
            let out = &mut out[first * columns..][..rows * columns];
            self.unit.run(Block { layers: self, rows, x, out, from: &mut *from, to: &mut *to });
        }
        Ok(())
    }
}

/// A block of rows on its way.
struct Block<'a> {
    layers: &'a Layers,
    rows: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    from: &'a mut [u8],
    to: &'a mut [u8],
}

impl Body for Block<'_> {
    #[inline(always)]
    unsafe fn run<D: Dot>(self) {
        let Self { layers, rows, x, out, mut from, mut to } = self;
        let mut has_nan = [false; ROWS];
        let mut stride = layers.layers.first().map_or(0, |layer| layer.weights.stride());
        for (r, has_nan) in has_nan.iter_mut().enumerate().take(rows) {
            let x = &x[r * layers.width..][..layers.width];
            *has_nan = encode(x, layers.coding, &mut from[r * stride..][..layers.width]);
        }
        for (i, layer) in layers.layers.iter().enumerate() {
            let columns = layer.weights.columns();
            let next_stride = layers.layers.get(i + 1).map_or(0, |next| next.weights.stride());
            let (codes, weights, scaling) = (&from[..rows * stride], &layer.weights, &layer.scaling);
            match &layer.next {
                None => {
                    let each = |row: usize, panel: usize, sums: &[i32; COLUMNS]| {
                        let out = &mut out[row * columns..][..columns][panel * COLUMNS..];
                        out.iter_mut().zip(scaling.of(panel, sums)).for_each(|(out, y)| *out = y);
                    };
                    // SAFETY: the caller has the instructions.
                    unsafe { product::<D>(rows, codes, weights, each) };
                }
                Some(next) => {
                    let coding = next.coding;
                    let place = |row: usize, panel: usize| row * next_stride + panel * COLUMNS;
                    match next.table.as_deref() {
                        None => {
                            let each = |row: usize, panel: usize, sums: &[i32; COLUMNS]| {
                                let codes = encode_columns(&scaling.of(panel, sums), coding);
                                to[place(row, panel)..][..COLUMNS].copy_from_slice(&codes);
                            };
                            // SAFETY: the caller has the instructions.
                            unsafe { product::<D>(rows, codes, weights, each) };
                        }
                        Some(table) => {
                            let each = |row: usize, panel: usize, sums: &[i32; COLUMNS]| {
                                let codes = encode_columns(&scaling.of(panel, sums), coding);
                                // SAFETY: the caller has the instructions.
                                let codes = unsafe { D::look_up(table, codes) };
                                to[place(row, panel)..][..COLUMNS].copy_from_slice(&codes);
                            };
                            // SAFETY: the caller has the instructions.
                            unsafe { product::<D>(rows, codes, weights, each) };
                        }
                    }
                }
            }
            std::mem::swap(&mut from, &mut to);
            stride = next_stride;
        }
        let columns = out.len() / rows.max(1);
        for (r, _) in has_nan[..rows].iter().enumerate().filter(|(_, nan)| **nan) {
            out[r * columns..][..columns].fill(f32::NAN);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{case, compare, numbers};
    use crate::cpu::int8::Unit;
    use hologram_ops::{Attribute, Tensor};

    /// Bytes with the ends among them.
    fn bytes(count: usize, seed: u64) -> impl Iterator<Item = u8> {
        let mut state = seed | 1;
        (0..count).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            [0, 128, (state >> 40) as u8, (state >> 48) as u8][(state >> 60) as usize % 4]
        })
    }

    pub(in super::super) fn weights(shape: &[usize], seed: u64) -> Tensor {
        let count = shape.iter().product();
        Tensor::from_vec(shape, bytes(count, seed).map(|byte| byte as i8).collect()).unwrap()
    }

    fn scaled(width: usize, factor: f32, seed: u64) -> Tensor {
        let numbers = numbers(&[width], seed);
        let scaled = numbers.as_slice::<f32>().unwrap().iter().map(|x| x * factor).collect();
        Tensor::from_vec([width], scaled).unwrap()
    }

    /// Layers of these widths over an input of this shape.
    fn layers(shape: &[usize], widths: &[usize], table: impl Fn(usize) -> u8, seed: u64) {
        let count = widths.len();
        let attributes = [
            ("factors", Attribute::Floats((0..count).map(|i| [40.0, 3.0, 0.7][i % 3]).collect())),
            ("codes", Attribute::Ints((0..count).map(|i| [128, 0, 77][i % 3]).collect())),
            ("zeros", Attribute::Ints((0..count).map(|i| [128, 5, 255][i % 3]).collect())),
        ];
        let mut values = numbers(shape, seed).as_slice::<f32>().unwrap().to_vec();
        for (at, value) in [(0, f32::NAN), (9, f32::INFINITY), (20, f32::NEG_INFINITY), (31, 1e-40)] {
            if let Some(x) = values.get_mut(at) {
                *x = value;
            }
        }
        let (mut tensors, mut inputs) = (vec![Tensor::from_vec(shape, values).unwrap()], vec![(shape.to_vec(), false)]);
        let mut width = *shape.last().unwrap();
        for (i, n) in widths.iter().enumerate() {
            let seed = seed + 10 * i as u64;
            let mut own = vec![weights(&[width, *n], seed), scaled(*n, 1e-3, seed + 1), scaled(*n, 9.0, seed + 2)];
            if i + 1 < count {
                own.push(Tensor::from_vec([256], (0..256).map(&table).collect()).unwrap());
            }
            inputs.extend(own.iter().map(|tensor| (tensor.shape().to_vec(), true)));
            tensors.extend(own);
            width = *n;
        }
        let inputs: Vec<(&[usize], bool)> = inputs.iter().map(|(shape, constant)| (&shape[..], *constant)).collect();
        let case = case("QuantizedLayers", "int8-layers", &inputs, &attributes).own();
        compare(&case, tensors, &format!("{shape:?} through {widths:?}"));
    }

    #[test]
    fn layers_equal_the_reference() {
        let (same, other) = (|i: usize| i as u8, |i: usize| (i * 7 % 251) as u8);
        for unit in Unit::available() {
            Unit::forced(unit, || {
                for (seed, shape) in (1..).zip([&[1, 9][..], &[2, 3, 16], &[50, 33], &[97, 5], &[12, 1], &[7], &[0, 4]])
                {
                    for widths in [&[1][..], &[17], &[40, 3], &[33, 16, 65], &[5, 130, 2, 9]] {
                        layers(shape, widths, same, seed);
                        layers(shape, widths, other, seed + 50);
                    }
                }
            });
        }
    }

    #[test]
    fn sums_that_may_be_nan_are_left_to_the_reference() {
        let attributes = [
            ("factors", Attribute::Floats(vec![40.0, 3.0])),
            ("codes", Attribute::Ints(vec![128, 100])),
            ("zeros", Attribute::Ints(vec![128, 5])),
        ];
        let table = Tensor::from_vec([256], (0..=255).rev().collect::<Vec<u8>>()).unwrap();
        for (scale, addend) in [(f32::INFINITY, 1.0), (1.0, f32::NAN)] {
            let one = |x: f32| Tensor::from_slice([1], &[x]).unwrap();
            let tensors = vec![
                Tensor::from_slice([1, 2], &[0.0_f32, 0.0]).unwrap(),
                weights(&[2, 1], 3),
                one(scale),
                one(addend),
                table.clone(),
                weights(&[1, 1], 4),
                one(0.5),
                one(2.0),
            ];
            let shapes: Vec<Vec<usize>> = tensors.iter().map(|tensor| tensor.shape().to_vec()).collect();
            let inputs: Vec<(&[usize], bool)> = shapes.iter().enumerate().map(|(i, s)| (&s[..], i > 0)).collect();
            let case = case("QuantizedLayers", "reference", &inputs, &attributes).own();
            compare(&case, tensors, &format!("{scale} and {addend}"));
        }
    }
}
