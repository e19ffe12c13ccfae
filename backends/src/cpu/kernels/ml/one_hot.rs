//! OneHotEncoder over numbers: a column a category.

use crate::cpu::kernels::{Io, Kernel, Request};
use hologram_ops::{DType, Error, Result, family::ml::one_hot_encoder::OneHotEncoder};

/// Categories that lie so far apart are left to the operator.
const SPAN_MAX: i64 = 1 << 16;

/// The mark of an integer that is no category.
const NONE: u32 = u32::MAX;

/// The kernel for a `OneHotEncoder` whose categories are integers that lie together.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let encoder = request.op::<OneHotEncoder>().filter(|e| !e.texts)?;
    let input = request.inputs.first()?.as_ref()?.dtype;
    if !matches!(input, DType::F32 | DType::F64 | DType::I32 | DType::I64) {
        return None;
    }
    let keys: Vec<(i64, usize)> = encoder.positions.ints().collect();
    let least = keys.iter().map(|(key, _)| *key).min()?;
    let greatest = keys.iter().map(|(key, _)| *key).max()?;
    let span = greatest.checked_sub(least).filter(|span| *span < SPAN_MAX)?;
    let mut positions = vec![NONE; span as usize + 1];
    for (key, position) in keys {
        positions[(key - least) as usize] = u32::try_from(position).ok()?;
    }
    Some(Box::new(OneHot { input, least, positions, categories: encoder.categories, zeros: encoder.zeros }))
}

#[derive(Debug)]
struct OneHot {
    input: DType,
    least: i64,
    /// The position of each integer from `least` on.
    positions: Vec<u32>,
    categories: usize,
    /// Whether integers that are no category are allowed.
    zeros: bool,
}

impl Kernel for OneHot {
    fn name(&self) -> &'static str {
        "one-hot"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        // Truncation would make a category of NaN.
        match self.input {
            DType::F32 => self.each(io.input::<f32>(0)?, |v| v.is_finite().then_some(v as i64), io.output(0)?),
            DType::F64 => self.each(io.input::<f64>(0)?, |v| v.is_finite().then_some(v as i64), io.output(0)?),
            DType::I32 => self.each(io.input::<i32>(0)?, |v| Some(v.into()), io.output(0)?),
            _ => self.each(io.input::<i64>(0)?, Some, io.output(0)?),
        }
    }
}

impl OneHot {
    fn each<T: Copy>(&self, x: &[T], key: impl Fn(T) -> Option<i64>, out: &mut [f32]) -> Result<()> {
        out.fill(0.0);
        for (i, (out, x)) in out.chunks_exact_mut(self.categories).zip(x).enumerate() {
            let place = key(*x).and_then(|key| usize::try_from(key.checked_sub(self.least)?).ok());
            let position = place.and_then(|place| self.positions.get(place)).copied().unwrap_or(NONE);
            match out.get_mut(position as usize) {
                Some(out) => *out = 1.0,
                None if self.zeros => {}
                None => return Err(Error::invalid(format!("element {i} of input 0 is of an unknown category"))),
            }
        }
        Ok(())
    }
}
