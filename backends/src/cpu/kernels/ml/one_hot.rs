//! OneHotEncoder and CategoryCode over numbers: a column a category, or the number of that column.

use crate::cpu::kernels::{Io, Kernel, Request, View};
use hologram_ops::{
    DType, Error, Result,
    family::ml::{category_code::CategoryCode, one_hot_encoder::OneHotEncoder},
    numeric::Element,
};

/// Categories that lie so far apart are left to the operator.
const SPAN_MAX: i64 = 1 << 16;

/// The mark of an integer that is no category.
const NONE: u32 = u32::MAX;

/// Where integers that lie together are among categories.
#[derive(Debug)]
struct Places {
    input: DType,
    least: i64,
    /// The place of each integer from `least` on.
    places: Vec<u32>,
    /// Whether integers that are no category are allowed.
    zeros: bool,
}

impl Places {
    fn of(encoder: &OneHotEncoder, input: DType) -> Option<Self> {
        if encoder.texts || !matches!(input, DType::F32 | DType::F64 | DType::I32 | DType::I64) {
            return None;
        }
        let keys: Vec<(i64, usize)> = encoder.positions.ints().collect();
        let least = keys.iter().map(|(key, _)| *key).min()?;
        let greatest = keys.iter().map(|(key, _)| *key).max()?;
        let span = greatest.checked_sub(least).filter(|span| *span < SPAN_MAX)?;
        let mut places = vec![NONE; span as usize + 1];
        for (key, place) in keys {
            places[(key - least) as usize] = u32::try_from(place).ok()?;
        }
        Some(Self { input, least, places, zeros: encoder.zeros })
    }

    /// Calls with the place of each element, in order.
    fn each(&self, x: Option<View<'_>>, put: impl FnMut(u32)) -> Result<()> {
        let x = x.ok_or_else(|| Error::invalid("input 0 is missing"))?;
        // Truncation would make a category of NaN.
        match self.input {
            DType::F32 => self.find(x.as_slice::<f32>()?, |v| v.is_finite().then_some(v as i64), put),
            DType::F64 => self.find(x.as_slice::<f64>()?, |v| v.is_finite().then_some(v as i64), put),
            DType::I32 => self.find(x.as_slice::<i32>()?, |v| Some(v.into()), put),
            _ => self.find(x.as_slice::<i64>()?, Some, put),
        }
    }

    fn find<T: Element>(&self, x: &[T], key: impl Fn(T) -> Option<i64>, mut put: impl FnMut(u32)) -> Result<()> {
        for (i, x) in x.iter().enumerate() {
            let at = key(*x).and_then(|key| usize::try_from(key.checked_sub(self.least)?).ok());
            let place = at.and_then(|at| self.places.get(at)).copied().unwrap_or(NONE);
            if place == NONE && !self.zeros {
                return Err(Error::invalid(format!("element {i} of input 0 is of an unknown category")));
            }
            put(place);
        }
        Ok(())
    }
}

/// The kernel for a `OneHotEncoder` whose categories are integers that lie together.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let encoder = request.op::<OneHotEncoder>()?;
    let places = Places::of(encoder, request.inputs.first()?.as_ref()?.dtype)?;
    Some(Box::new(OneHot { places, categories: encoder.categories }))
}

#[derive(Debug)]
struct OneHot {
    places: Places,
    categories: usize,
}

impl Kernel for OneHot {
    fn name(&self) -> &'static str {
        "one-hot"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.inputs.first().copied().flatten();
        let out = io.output::<f32>(0)?;
        out.fill(0.0);
        let mut rows = out.chunks_exact_mut(self.categories);
        self.places.each(x, |place| {
            if let Some(out) = rows.next().and_then(|row| row.get_mut(place as usize)) {
                *out = 1.0;
            }
        })
    }
}

/// The kernel for a `CategoryCode` whose categories are integers that lie together.
pub(super) fn select_code(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let encoder = &request.op::<CategoryCode>()?.encoder;
    let places = Places::of(encoder, request.inputs.first()?.as_ref()?.dtype)?;
    Some(Box::new(Code { places }))
}

#[derive(Debug)]
struct Code {
    places: Places,
}

impl Kernel for Code {
    fn name(&self) -> &'static str {
        "category-code"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.inputs.first().copied().flatten();
        let mut out = io.output::<i32>(0)?.iter_mut();
        self.places.each(x, |place| {
            if let Some(out) = out.next() {
                // The mark of none is -1.
                *out = place as i32;
            }
        })
    }
}
