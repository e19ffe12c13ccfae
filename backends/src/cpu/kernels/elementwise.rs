//! Element-wise operators in `f32`: the operators' own scalar functions, vectorised.

use super::{Io, Kernel, Request};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::{
    DType, Result,
    broadcast::{broadcast_shape, broadcast_strides},
    family::{activation, math},
    numeric::{Number, transcendental},
};

/// The kernel for an element-wise operator of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    if !request.all(DType::F32) {
        return None;
    }
    match request.inputs {
        [Some(_)] => select_one(request),
        [Some(_), Some(_)] => select_two(request),
        _ => None,
    }
}

fn select_one(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    macro_rules! table {
        ($($op:ty => $name:literal $f:expr;)+) => {$(
            if request.op::<$op>().is_some() {
                return Some(Box::new(One { name: $name, f: $f }));
            }
        )+};
    }
    table! {
        activation::Relu => "relu" |x: f32| if x < 0.0 { 0.0 } else { x };
        activation::Sigmoid => "sigmoid" transcendental::sigmoid_f32;
        activation::Tanh => "tanh" transcendental::tanh_f32;
        activation::HardSwish => "hardswish" |x: f32| x * (x / 6.0 + 0.5).clamp(0.0, 1.0);
        math::Erf => "erf" transcendental::erf_f32;
        math::Exp => "exp" transcendental::exp_f32;
        math::Sqrt => "sqrt" |x: f32| x.sqrt();
        math::Neg => "neg" |x: f32| -x;
        math::Abs => "abs" |x: f32| x.abs();
        math::Reciprocal => "reciprocal" |x: f32| 1.0 / x;
    }
    None
}

fn select_two(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let (a, b) = (request.shape(0)?, request.shape(1)?);
    let shape = broadcast_shape(a, b).ok()?;
    let walk = Walk::new(&shape, a, b)?;
    macro_rules! table {
        ($($op:ty => $name:literal $f:expr;)+) => {$(
            if request.op::<$op>().is_some() {
                return Some(Box::new(Two { name: $name, walk, f: $f }));
            }
        )+};
    }
    table! {
        math::Add => "add" |x: f32, y: f32| Number::add(x, y);
        math::Sum => "add" |x: f32, y: f32| Number::add(x, y);
        math::Sub => "sub" |x: f32, y: f32| Number::sub(x, y);
        math::Mul => "mul" |x: f32, y: f32| Number::mul(x, y);
        math::Div => "div" |x: f32, y: f32| Number::div(x, y);
    }
    None
}

/// One input.
struct One<F> {
    name: &'static str,
    f: F,
}

impl<F> std::fmt::Debug for One<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl<F: Fn(f32) -> f32 + Send + Sync> Kernel for One<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<f32>(0)?;
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (o, v) in out.iter_mut().zip(x) {
                    *o = (self.f)(*v);
                }
            },
        );
        Ok(())
    }
}

/// How two operands are walked: runs of the output in which each operand moves by one or stands still.
#[derive(Debug, Clone)]
struct Walk {
    run: usize,
    /// Whether each operand moves within a run.
    moves: (bool, bool),
    outer: Vec<usize>,
    strides: [Vec<usize>; 2],
}

impl Walk {
    fn new(shape: &[usize], a: &[usize], b: &[usize]) -> Option<Self> {
        let strides = [broadcast_strides(a, shape), broadcast_strides(b, shape)];
        let moving =
            |axis: usize| (strides[0][axis] != 0 || shape[axis] == 1, strides[1][axis] != 0 || shape[axis] == 1);
        let mut axis = shape.len();
        let mut run = 1;
        let mut moves: Option<(bool, bool)> = None;
        // The longest suffix of axes along which each operand always moves or never does.
        while axis > 0 {
            if shape[axis - 1] != 1 {
                let here = moving(axis - 1);
                if moves.is_some_and(|m| m != here) {
                    break;
                }
                moves = Some(here);
            }
            axis -= 1;
            run *= shape[axis];
        }
        let [sa, sb] = strides;
        Some(Self {
            run,
            moves: moves.unwrap_or((true, true)),
            outer: shape[..axis].to_vec(),
            strides: [sa[..axis].to_vec(), sb[..axis].to_vec()],
        })
    }
}

/// Two inputs, broadcast.
struct Two<F> {
    name: &'static str,
    walk: Walk,
    f: F,
}

impl<F> std::fmt::Debug for Two<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl<F: Fn(f32, f32) -> f32 + Send + Sync> Kernel for Two<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (a, b) = (io.input::<f32>(0)?, io.input::<f32>(1)?);
        let out = io.output::<f32>(0)?;
        if out.is_empty() {
            return Ok(());
        }
        let Walk { run, moves, outer, strides } = &self.walk;
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                let chunks = out.chunks_exact_mut(*run);
                let mut index: smallvec::SmallVec<[usize; 8]> = smallvec::smallvec![0; outer.len()];
                let (mut i, mut j) = (0usize, 0usize);
                for out in chunks {
                    match moves {
                        (true, true) => {
                            for ((o, x), y) in out.iter_mut().zip(&a[i..]).zip(&b[j..]) {
                                *o = (self.f)(*x, *y);
                            }
                        }
                        (true, false) => {
                            let y = b[j];
                            for (o, x) in out.iter_mut().zip(&a[i..]) {
                                *o = (self.f)(*x, y);
                            }
                        }
                        (false, true) => {
                            let x = a[i];
                            for (o, y) in out.iter_mut().zip(&b[j..]) {
                                *o = (self.f)(x, *y);
                            }
                        }
                        (false, false) => out.fill((self.f)(a[i], b[j])),
                    }
                    for axis in (0..outer.len()).rev() {
                        index[axis] += 1;
                        i += strides[0][axis];
                        j += strides[1][axis];
                        if index[axis] < outer[axis] {
                            break;
                        }
                        i -= strides[0][axis] * outer[axis];
                        j -= strides[1][axis] * outer[axis];
                        index[axis] = 0;
                    }
                }
            },
        );
        Ok(())
    }
}
