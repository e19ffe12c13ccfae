//! The interpreter: one element after the other, in order.
//!
//! It is the meaning of the language; whatever runs kernels faster must give the same bits.

use crate::{
    function::{Function, power},
    ir::{Expr, Scalar, Step, Typed},
    schema::{BinaryOp, CompareOp, LogicOp, Param},
};
use hologram_ops::{
    DType, Tensor,
    numeric::{Element, Float},
};

type Result<T> = std::result::Result<T, String>;

/// Runs a kernel over its inputs.
pub(crate) fn evaluate(typed: &Typed, params: &[Param], inputs: &[Tensor]) -> Result<Tensor> {
    if inputs.len() != params.len() {
        return Err(format!("{} inputs are given, the kernel takes {}", inputs.len(), params.len()));
    }
    let mut shape: Option<(&str, &[usize])> = None;
    let mut columns = Vec::with_capacity(inputs.len());
    for (param, input) in params.iter().zip(inputs) {
        if input.dtype() != param.dtype {
            return Err(format!("input `{}` is {} where {} is expected", param.name, input.dtype(), param.dtype));
        }
        if input.rank() > 0 {
            match shape {
                Some((first, known)) if known != input.shape() => {
                    return Err(format!(
                        "input `{}` has shape {:?} and `{first}` {known:?}: inputs have one shape or are scalars",
                        param.name,
                        input.shape()
                    ));
                }
                _ => shape = Some((&param.name, input.shape())),
            }
        }
        columns.push(Column::new(input).map_err(|e| format!("input `{}`: {e}", param.name))?);
    }
    let shape = shape.map_or(Vec::new(), |(_, s)| s.to_vec());
    let rows = hologram_ops::tensor::element_count(&shape).map_err(|e| e.to_string())?;
    let launch = Launch { typed, columns, shape, rows };
    match typed.returns {
        DType::F32 => launch.collect(|s| if let Scalar::F32(v) = s { Some(canonical(v)) } else { None }),
        DType::F64 => launch.collect(|s| if let Scalar::F64(v) = s { Some(canonical(v)) } else { None }),
        DType::I32 => launch.collect(|s| if let Scalar::I32(v) = s { Some(v) } else { None }),
        DType::I64 => launch.collect(|s| if let Scalar::I64(v) = s { Some(v) } else { None }),
        _ => launch.collect(|s| if let Scalar::Bool(v) = s { Some(v) } else { None }),
    }
}

/// The elements of one input; a scalar is every element.
enum Column<'a> {
    F32(&'a [f32], bool),
    F64(&'a [f64], bool),
    I32(&'a [i32], bool),
    I64(&'a [i64], bool),
    Bool(&'a [bool], bool),
}

impl<'a> Column<'a> {
    fn new(input: &'a Tensor) -> hologram_ops::Result<Self> {
        let is_scalar = input.rank() == 0;
        Ok(match input.dtype() {
            DType::F32 => Self::F32(input.as_slice()?, is_scalar),
            DType::F64 => Self::F64(input.as_slice()?, is_scalar),
            DType::I32 => Self::I32(input.as_slice()?, is_scalar),
            DType::I64 => Self::I64(input.as_slice()?, is_scalar),
            _ => Self::Bool(input.as_slice()?, is_scalar),
        })
    }

    fn get(&self, row: usize) -> Option<Scalar> {
        let at = |is_scalar: &bool| if *is_scalar { 0 } else { row };
        match self {
            Self::F32(v, s) => v.get(at(s)).copied().map(Scalar::F32),
            Self::F64(v, s) => v.get(at(s)).copied().map(Scalar::F64),
            Self::I32(v, s) => v.get(at(s)).copied().map(Scalar::I32),
            Self::I64(v, s) => v.get(at(s)).copied().map(Scalar::I64),
            Self::Bool(v, s) => v.get(at(s)).copied().map(Scalar::Bool),
        }
    }
}

struct Launch<'a> {
    typed: &'a Typed,
    columns: Vec<Column<'a>>,
    shape: Vec<usize>,
    rows: usize,
}

impl Launch<'_> {
    fn collect<T: Element>(self, take: impl Fn(Scalar) -> Option<T>) -> Result<Tensor> {
        let mut locals = vec![Scalar::Bool(false); self.typed.locals.len()];
        let mut answers = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            for (local, column) in locals.iter_mut().zip(&self.columns) {
                *local = column.get(row).ok_or_else(confused)?;
            }
            let answer = run(&self.typed.body, &mut locals).map_err(|e| format!("element {row}: {e}"))?;
            answers.push(answer.and_then(&take).ok_or_else(confused)?);
        }
        Tensor::from_vec(self.shape, answers).map_err(|e| e.to_string())
    }
}

/// What the checker rules out.
fn confused() -> String {
    "a value of another type than the checker found: this is a defect of the library".into()
}

fn canonical<T: Float>(value: T) -> T {
    if value.is_nan() { T::from_f64(f64::NAN) } else { value }
}

/// Runs a block; an answer when one of its statements returned.
fn run(block: &[Step], locals: &mut [Scalar]) -> Result<Option<Scalar>> {
    for step in block {
        match step {
            Step::Assign(local, value) => locals[*local] = value_of(value, locals)?,
            Step::Return(value) => return value_of(value, locals).map(Some),
            Step::If { branches, otherwise } => {
                let mut chosen = otherwise;
                for (test, body) in branches {
                    if truth(test, locals)? {
                        chosen = body;
                        break;
                    }
                }
                if let Some(answer) = run(chosen, locals)? {
                    return Ok(Some(answer));
                }
            }
        }
    }
    Ok(None)
}

fn truth(expr: &Expr, locals: &[Scalar]) -> Result<bool> {
    match value_of(expr, locals)? {
        Scalar::Bool(value) => Ok(value),
        _ => Err(confused()),
    }
}

fn value_of(expr: &Expr, locals: &[Scalar]) -> Result<Scalar> {
    let value = |e: &Expr| value_of(e, locals);
    Ok(match expr {
        Expr::Constant(scalar) => *scalar,
        Expr::Local(local) => locals[*local],
        Expr::Negate(operand) => match value(operand)? {
            Scalar::F32(v) => Scalar::F32(-v),
            Scalar::F64(v) => Scalar::F64(-v),
            Scalar::I32(v) => Scalar::I32(v.wrapping_neg()),
            Scalar::I64(v) => Scalar::I64(v.wrapping_neg()),
            Scalar::Bool(_) => return Err(confused()),
        },
        Expr::Not(operand) => Scalar::Bool(!truth(operand, locals)?),
        Expr::Binary { op, left, right, at } => match (value(left)?, value(right)?) {
            (Scalar::F32(a), Scalar::F32(b)) => Scalar::F32(floats(*op, a, b)),
            (Scalar::F64(a), Scalar::F64(b)) => Scalar::F64(floats(*op, a, b)),
            (Scalar::I32(a), Scalar::I32(b)) => {
                // Of sums and products only the low half is kept, which is what wrapping means.
                Scalar::I32(integers(*op, a.into(), b.into(), *at)? as i32)
            }
            (Scalar::I64(a), Scalar::I64(b)) => Scalar::I64(integers(*op, a, b, *at)?),
            _ => return Err(confused()),
        },
        Expr::IntegerPower { base, exponent } => match value(base)? {
            Scalar::I32(v) => Scalar::I32(v.wrapping_pow(*exponent)),
            Scalar::I64(v) => Scalar::I64(v.wrapping_pow(*exponent)),
            _ => return Err(confused()),
        },
        Expr::Compare { ops, operands } => Scalar::Bool(compare(ops, operands, locals)?),
        Expr::Logic { op, operands } => {
            // The first operand that settles it is the last that is looked at.
            let settles = *op == LogicOp::Or;
            for operand in operands {
                if truth(operand, locals)? == settles {
                    return Ok(Scalar::Bool(settles));
                }
            }
            Scalar::Bool(!settles)
        }
        Expr::Choose { test, then, otherwise } => value(if truth(test, locals)? { then } else { otherwise })?,
        Expr::Call { function, arguments } => call(*function, arguments, locals)?,
        Expr::Convert(to, operand) => convert(*to, value(operand)?),
    })
}

fn floats<T: Float>(op: BinaryOp, a: T, b: T) -> T {
    match op {
        BinaryOp::Add => a.add(b),
        BinaryOp::Subtract => a.sub(b),
        BinaryOp::Multiply => a.mul(b),
        BinaryOp::Divide => a.div(b),
        BinaryOp::FloorDivide => floor_divide(a, b),
        BinaryOp::Modulo => modulo(a, b),
        BinaryOp::Power => power(a, b),
    }
}

/// The remainder with the divisor's sign, as [Python](https://docs.python.org/3/reference/expressions.html#binary-arithmetic-operations)
/// has it; NaN for a divisor of 0.
fn modulo<T: Float>(a: T, b: T) -> T {
    let rest = a.rem(b);
    if rest == T::ZERO {
        return if b.to_f64().is_sign_negative() { T::ZERO.neg() } else { T::ZERO };
    }
    if (b < T::ZERO) == (rest < T::ZERO) { rest } else { rest.add(b) }
}

/// The quotient, rounded down so that `a == b * (a // b) + a % b` up to rounding; as `/` for a divisor of 0.
fn floor_divide<T: Float>(a: T, b: T) -> T {
    if b == T::ZERO {
        return a.div(b);
    }
    let rest = a.rem(b);
    let mut quotient = a.sub(rest).div(b);
    if rest != T::ZERO && (b < T::ZERO) != (rest < T::ZERO) {
        quotient = quotient.sub(T::ONE);
    }
    if quotient == T::ZERO {
        return if a.div(b).to_f64().is_sign_negative() { T::ZERO.neg() } else { T::ZERO };
    }
    let down = quotient.apply(f32::floor, f64::floor);
    if quotient.sub(down) > T::from_f64(0.5) { down.add(T::ONE) } else { down }
}

fn integers(op: BinaryOp, a: i64, b: i64, at: [u32; 2]) -> Result<i64> {
    let by_zero = || format!("integer division by zero (line {}, column {})", at[0], at[1]);
    if b == 0 && matches!(op, BinaryOp::FloorDivide | BinaryOp::Modulo) {
        return Err(by_zero());
    }
    Ok(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Subtract => a.wrapping_sub(b),
        BinaryOp::Multiply => a.wrapping_mul(b),
        BinaryOp::FloorDivide => {
            let (quotient, rest) = (a.wrapping_div(b), a.wrapping_rem(b));
            if rest != 0 && (rest < 0) != (b < 0) { quotient - 1 } else { quotient }
        }
        BinaryOp::Modulo => {
            let rest = a.wrapping_rem(b);
            if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
        }
        BinaryOp::Divide | BinaryOp::Power => return Err(confused()),
    })
}

fn compare(ops: &[CompareOp], operands: &[Expr], locals: &[Scalar]) -> Result<bool> {
    let Some((first, rest)) = operands.split_first() else { return Err(confused()) };
    let mut left = value_of(first, locals)?;
    for (op, operand) in ops.iter().zip(rest) {
        let right = value_of(operand, locals)?;
        let holds = match (left, right) {
            (Scalar::F32(a), Scalar::F32(b)) => holds(*op, &a, &b),
            (Scalar::F64(a), Scalar::F64(b)) => holds(*op, &a, &b),
            (Scalar::I32(a), Scalar::I32(b)) => holds(*op, &a, &b),
            (Scalar::I64(a), Scalar::I64(b)) => holds(*op, &a, &b),
            (Scalar::Bool(a), Scalar::Bool(b)) => holds(*op, &a, &b),
            _ => return Err(confused()),
        };
        if !holds {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

fn holds<T: PartialOrd>(op: CompareOp, a: &T, b: &T) -> bool {
    match op {
        CompareOp::Less => a < b,
        CompareOp::LessEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterEqual => a >= b,
        CompareOp::Equal => a == b,
        CompareOp::NotEqual => a != b,
    }
}

fn call(function: Function, arguments: &[Expr], locals: &[Scalar]) -> Result<Scalar> {
    let Some((first, rest)) = arguments.split_first() else { return Err(confused()) };
    let first = value_of(first, locals)?;
    Ok(match (function, first) {
        (Function::Float((single, _)), Scalar::F32(v)) => Scalar::F32(single(v)),
        (Function::Float((_, double)), Scalar::F64(v)) => Scalar::F64(double(v)),
        (Function::IsNan, Scalar::F32(v)) => Scalar::Bool(v.is_nan()),
        (Function::IsNan, Scalar::F64(v)) => Scalar::Bool(v.is_nan()),
        (Function::Abs, Scalar::F32(v)) => Scalar::F32(v.abs()),
        (Function::Abs, Scalar::F64(v)) => Scalar::F64(v.abs()),
        (Function::Abs, Scalar::I32(v)) => Scalar::I32(v.wrapping_abs()),
        (Function::Abs, Scalar::I64(v)) => Scalar::I64(v.wrapping_abs()),
        (Function::Min | Function::Max, first) => {
            let op = if matches!(function, Function::Min) { CompareOp::Less } else { CompareOp::Greater };
            let mut best = first;
            for operand in rest {
                best = extreme(op, best, value_of(operand, locals)?)?;
            }
            best
        }
        _ => return Err(confused()),
    })
}

/// The lesser or greater of two; NaN when one of them is.
fn extreme(op: CompareOp, a: Scalar, b: Scalar) -> Result<Scalar> {
    let takes_b = match (a, b) {
        (Scalar::F32(a), Scalar::F32(b)) => !a.is_nan() && (b.is_nan() || holds(op, &b, &a)),
        (Scalar::F64(a), Scalar::F64(b)) => !a.is_nan() && (b.is_nan() || holds(op, &b, &a)),
        (Scalar::I32(a), Scalar::I32(b)) => holds(op, &b, &a),
        (Scalar::I64(a), Scalar::I64(b)) => holds(op, &b, &a),
        _ => return Err(confused()),
    };
    Ok(if takes_b { b } else { a })
}

/// Converts as Rust's `as` does: to the nearest float; to integers toward zero, held to their range, NaN to 0; whatever
/// is not 0 is true.
fn convert(to: DType, value: Scalar) -> Scalar {
    match to {
        DType::F32 => Scalar::F32(match value {
            Scalar::F32(v) => v,
            Scalar::F64(v) => v as f32,
            Scalar::I32(v) => v as f32,
            Scalar::I64(v) => v as f32,
            Scalar::Bool(v) => f32::from(u8::from(v)),
        }),
        DType::F64 => Scalar::F64(match value {
            Scalar::F32(v) => v.into(),
            Scalar::F64(v) => v,
            Scalar::I32(v) => v.into(),
            Scalar::I64(v) => v as f64,
            Scalar::Bool(v) => u8::from(v).into(),
        }),
        DType::I32 => Scalar::I32(match value {
            Scalar::F32(v) => v as i32,
            Scalar::F64(v) => v as i32,
            Scalar::I32(v) => v,
            Scalar::I64(v) => v.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            Scalar::Bool(v) => v.into(),
        }),
        DType::I64 => Scalar::I64(match value {
            Scalar::F32(v) => v as i64,
            Scalar::F64(v) => v as i64,
            Scalar::I32(v) => v.into(),
            Scalar::I64(v) => v,
            Scalar::Bool(v) => v.into(),
        }),
        _ => Scalar::Bool(match value {
            Scalar::F32(v) => v != 0.0,
            Scalar::F64(v) => v != 0.0,
            Scalar::I32(v) => v != 0,
            Scalar::I64(v) => v != 0,
            Scalar::Bool(v) => v,
        }),
    }
}
