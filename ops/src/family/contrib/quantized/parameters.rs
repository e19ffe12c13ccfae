//! The one scale and one zero point of a tensor of bytes, and what operators between such tensors share.

use crate::{
    DType, Error, Fact, Inputs, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::quantize::{
        granularity::{bounds, integers, saturate, singles},
        matmul_integer::check_bytes,
    },
    rows,
};

/// How the codes of one tensor stand for numbers: `(code - zero) * scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    pub(super) scale: f32,
    pub(super) zero: i64,
    pub(super) dtype: DType,
    pub(super) limits: (i64, i64),
}

impl Parameters {
    /// The scale in input `scale` and the zero point in input `zero`, 0 where that is absent, of codes of `dtype`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is more than one of either or the zero point has another type.
    pub(super) fn read(inputs: Inputs<'_>, dtype: DType, scale: usize, zero: usize) -> Result<Self> {
        check_bytes(dtype)?;
        let zero = match inputs.optional_tensor(zero)? {
            None => 0,
            Some(z) if z.dtype() != dtype => return Err(wrong_type(zero, z.dtype(), dtype)),
            Some(z) => one(&z.to_i64_vec()?, "zero point", zero)?,
        };
        let scale = one(&singles(inputs.tensor(scale)?)?, "scale", scale)?;
        Ok(Self { scale, zero, dtype, limits: bounds(dtype)? })
    }

    /// The number of a code.
    pub(super) fn number(&self, code: i64) -> f32 {
        (code - self.zero) as f32 * self.scale
    }

    /// The code of a number: the quotient is rounded, then the zero point added.
    pub(super) fn code(&self, number: f32) -> i64 {
        saturate(f64::from(number / self.scale), self.zero, self.limits)
    }

    /// The code of a sum that has the zero point in it already: the zero point decides which of two halves is even.
    pub(super) fn rounded(&self, sum: f32) -> i64 {
        saturate(f64::from(sum), 0, self.limits)
    }
}

fn wrong_type(i: usize, found: DType, expected: DType) -> Error {
    Error::invalid(format!("input {i} is {found} where {expected} is expected"))
}

fn one<T: Copy>(values: &[T], what: &str, i: usize) -> Result<T> {
    match values {
        [one] => Ok(*one),
        many => Err(Error::invalid(format!("input {i} has {} elements where one {what} is expected", many.len()))),
    }
}

/// Checks what is known of a scale and a zero point for codes of `dtype`.
///
/// # Errors
/// [`Error::Invalid`] when the scale is absent or no `f32`, the zero point has another type, or either is not one.
pub(super) fn check(inputs: Facts<'_>, dtype: DType, scale: usize, zero: usize) -> Result<()> {
    check_bytes(dtype)?;
    inputs.dtype_where(scale, "f32", |t| t == DType::F32)?;
    if inputs.get(zero).is_some() && inputs.dtype(zero)? != dtype {
        return Err(wrong_type(zero, inputs.dtype(zero)?, dtype));
    }
    for i in [scale, zero] {
        if let Some(shape) = inputs.get(i).and_then(Fact::known_shape)
            && shape.iter().any(|d| *d != 1)
        {
            return Err(Error::unsupported(format!("input {i} of shape {shape:?}; one scale and zero point a tensor")));
        }
    }
    Ok(())
}

/// The codes of `to` for `f` of the numbers of `x`.
///
/// # Errors
/// [`Error::Invalid`] when `x` does not hold codes of `from`.
pub(super) fn recode(x: &Tensor, from: Parameters, to: Parameters, f: impl Fn(f32) -> f32) -> Result<Tensor> {
    check_codes(x, from)?;
    let codes = x.to_i64_vec()?;
    integers(to.dtype, x.shape(), codes.into_iter().map(|v| to.code(f(from.number(v)))))
}

fn check_codes(x: &Tensor, from: Parameters) -> Result<()> {
    if x.dtype() == from.dtype {
        return Ok(());
    }
    Err(Error::invalid(format!("a {} tensor where {} is expected", x.dtype(), from.dtype)))
}

/// The numbers of `x`.
///
/// # Errors
/// [`Error::Invalid`] when `x` does not hold codes of `from`.
pub(super) fn numbers(x: &Tensor, from: Parameters) -> Result<Tensor> {
    check_codes(x, from)?;
    Tensor::from_vec(x.shape(), x.to_i64_vec()?.into_iter().map(|v| from.number(v)).collect())
}

/// The rows of `like` applied to the inputs `tensors`, where all others are parameters.
pub(super) fn rows_like(
    like: &dyn Operator,
    tensors: &[usize],
    rows: &[Rows],
    inputs: Facts<'_>,
    outputs: &[Fact],
) -> Vec<Rows> {
    let varies = |i: usize| !tensors.contains(&i) && rows[i] != Rows::Free;
    if (0..rows.len()).any(varies) {
        return rows::opaque(rows, outputs.len());
    }
    let own: Vec<Rows> = tensors.iter().filter_map(|i| rows.get(*i).copied()).collect();
    let facts: Vec<Option<&Fact>> = tensors.iter().map(|i| inputs.get(*i)).collect();
    like.rows(&own, Facts(&facts), outputs)
}

/// The output of a function of one tensor: its scale and zero point are inputs 1 and 2, the output's 3 and 4.
///
/// # Errors
/// Those of [`check`].
pub(super) fn infer_unary(inputs: Facts<'_>) -> Result<Vec<Fact>> {
    let dtype = inputs.dtype(0)?;
    check(inputs, dtype, 1, 2)?;
    check(inputs, dtype, 3, 4)?;
    Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
}

/// The codes of `f` of each number of the tensor of [`infer_unary`].
///
/// # Errors
/// Those of [`Parameters::read`].
pub(super) fn recode_unary(inputs: Inputs<'_>, f: impl Fn(f32) -> f32) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    let read = |scale, zero| Parameters::read(inputs, x.dtype(), scale, zero);
    Ok(vec![recode(x, read(1, 2)?, read(3, 4)?, f)?.into()])
}
