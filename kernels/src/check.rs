//! From schemas to the typed form: names, types, paths.
//!
//! Both doors end here, source and JSON, so what comes as JSON is held to the same rules. Types are never changed
//! silently: both sides of an operator have one type, except that `/` of two integers is an `f64`. A literal takes the
//! type that its surroundings ask for, within its kind: `0.5` is an `f32` beside an `f32`; `1` is never a float.

use crate::{
    KernelError,
    function::{self, Function, Shape},
    ir::{Expr, Scalar, Step, Typed},
    lexer::{error_at, is_integer, is_name, is_number},
    parser::is_keyword,
    schema::{self, At, BinaryOp, CompareOp, LEVELS_MAX, Schema, Statement, UnaryOp},
};
use hologram_ops::DType;
use std::collections::HashMap;

/// The most names, parameters included, that one kernel may have.
const LOCALS_MAX: usize = 1_000;

/// Of which integers there are powers.
const INTEGER_POWER: &str =
    "an integer's power needs a literal exponent that is not negative, as x ** 2; or convert both to floats";

type Result<T> = std::result::Result<T, KernelError>;

/// An expression with its type.
type Found = (Expr, DType);

/// The typed form of a schema; messages name `file`.
pub(crate) fn check(file: &str, schema: &Schema) -> Result<Typed> {
    let mut checker = Checker { file, names: HashMap::new(), locals: Vec::new(), returns: schema.returns };
    if !is_name(&schema.name) || is_keyword(&schema.name) {
        return checker.fail(schema.at, format!("'{}' is no name for a kernel", schema.name));
    }
    for param in &schema.params {
        if checker.names.contains_key(&param.name) {
            return checker.fail(schema.at, format!("parameter `{}` is there twice", param.name));
        }
        checker.declare(&param.name, param.dtype, schema.at)?;
    }
    let mut assigned = vec![true; checker.locals.len()];
    let (body, ends) = checker.block(&schema.body, &mut assigned, 3)?;
    if !ends {
        return checker.fail(schema.at, format!("kernel `{}` has a path without `return`", schema.name));
    }
    Ok(Typed { domain: schema.domain, locals: checker.locals, returns: schema.returns, body })
}

struct Checker<'a> {
    file: &'a str,
    names: HashMap<String, usize>,
    locals: Vec<DType>,
    returns: DType,
}

impl Checker<'_> {
    fn fail<T>(&self, at: At, message: impl Into<String>) -> Result<T> {
        Err(error_at(self.file, at, message))
    }

    fn declare(&mut self, name: &str, dtype: DType, at: At) -> Result<usize> {
        if !is_name(name) || is_keyword(name) {
            return self.fail(at, format!("'{name}' is no name"));
        }
        if function::named(name).is_some() {
            return self.fail(at, format!("`{name}` is a function of the language: choose another name"));
        }
        if self.locals.len() >= LOCALS_MAX {
            return self.fail(at, format!("more than {LOCALS_MAX} names in one kernel"));
        }
        let local = self.locals.len();
        self.locals.push(dtype);
        self.names.insert(name.to_owned(), local);
        Ok(local)
    }

    fn enter(&self, at: At, level: u32) -> Result<()> {
        if level <= LEVELS_MAX {
            return Ok(());
        }
        self.fail(at, format!("nested over {LEVELS_MAX} levels"))
    }

    /// The steps of a block and whether each of its paths returns. `assigned` says which locals hold a value.
    fn block(&mut self, block: &[Statement], assigned: &mut Vec<bool>, level: u32) -> Result<(Vec<Step>, bool)> {
        let (mut steps, mut ends) = (Vec::with_capacity(block.len()), false);
        for statement in block {
            self.enter(statement.at(), level)?;
            if ends {
                return self.fail(statement.at(), "never reached: every path before it returns");
            }
            let step = match statement {
                Statement::Return { value, .. } => {
                    ends = true;
                    Step::Return(self.wanted(value, self.returns, assigned, level + 1, "the result")?)
                }
                Statement::Assign { name, dtype, value, at } => {
                    self.assign(name, *dtype, value, *at, assigned, level + 1)?
                }
                Statement::If { tests, bodies, otherwise, at } => {
                    let (step, returns) = self.branches(tests, bodies, otherwise, *at, assigned, level)?;
                    ends = returns;
                    step
                }
            };
            steps.push(step);
        }
        Ok((steps, ends))
    }

    fn assign(
        &mut self,
        name: &str,
        dtype: Option<DType>,
        value: &schema::Expr,
        at: At,
        assigned: &mut Vec<bool>,
        level: u32,
    ) -> Result<Step> {
        let known = self.names.get(name).copied();
        let held = known.map(|local| self.locals[local]);
        if let (Some(held), Some(dtype)) = (held, dtype)
            && held != dtype
        {
            return self.fail(at, format!("`{name}` is {held} already and cannot become {dtype}: use another name"));
        }
        let (value, found) = match dtype.or(held) {
            Some(dtype) => (self.wanted(value, dtype, assigned, level, &format!("`{name}`"))?, dtype),
            None => self.expr(value, None, assigned, level)?,
        };
        let local = match known {
            Some(local) => local,
            None => self.declare(name, found, at)?,
        };
        assigned.resize(self.locals.len(), false);
        assigned[local] = true;
        Ok(Step::Assign(local, value))
    }

    fn branches(
        &mut self,
        tests: &[schema::Expr],
        bodies: &[Vec<Statement>],
        otherwise: &[Statement],
        at: At,
        assigned: &mut Vec<bool>,
        level: u32,
    ) -> Result<(Step, bool)> {
        if tests.is_empty() || tests.len() != bodies.len() || bodies.iter().any(Vec::is_empty) {
            return self.fail(at, "an `if` has one body with a statement for each condition");
        }
        let mut branches = Vec::with_capacity(tests.len());
        // Locals that hold a value on every path that goes on.
        let mut after: Option<Vec<bool>> = None;
        for (test, body) in tests.iter().zip(bodies) {
            let test = self.wanted(test, DType::Bool, assigned, level + 2, "the condition")?;
            let mut inside = assigned.clone();
            let (steps, ends) = self.block(body, &mut inside, level + 3)?;
            if !ends {
                after = Some(both(after, inside));
            }
            branches.push((test, steps));
        }
        let mut inside = assigned.clone();
        let (otherwise, ends) = self.block(otherwise, &mut inside, level + 2)?;
        if !ends {
            after = Some(both(after, inside));
        }
        let returns = after.is_none();
        *assigned = after.unwrap_or_else(|| assigned.clone());
        assigned.resize(self.locals.len(), false);
        Ok((Step::If { branches, otherwise }, returns))
    }

    /// An expression that must have this type.
    fn wanted(&self, expr: &schema::Expr, want: DType, assigned: &[bool], level: u32, what: &str) -> Result<Expr> {
        let (found, dtype) = self.expr(expr, Some(want), assigned, level)?;
        if dtype == want {
            return Ok(found);
        }
        self.fail(expr.at(), format!("{what} is {want}, the expression is {dtype}{}", advice(want)))
    }

    fn expr(&self, expr: &schema::Expr, want: Option<DType>, assigned: &[bool], level: u32) -> Result<Found> {
        let at = expr.at();
        self.enter(at, level)?;
        match expr {
            schema::Expr::Number { text, .. } => self.number(text, "", want, at),
            schema::Expr::Bool { value, .. } => Ok((Expr::Constant(Scalar::Bool(*value)), DType::Bool)),
            schema::Expr::Name { name, .. } => self.name(name, assigned, at),
            schema::Expr::Unary { op, operand, .. } => self.unary(*op, operand, want, assigned, level + 1),
            schema::Expr::Binary { op, left, right, .. } => {
                self.binary(*op, [left, right], want, at, assigned, level + 1)
            }
            schema::Expr::Compare { ops, operands, .. } => self.compare(ops, operands, at, assigned, level + 2),
            schema::Expr::Logic { op, operands, .. } => {
                if operands.len() < 2 {
                    return self.fail(at, "`and` and `or` have two operands or more");
                }
                let bool_of = |o| self.wanted(o, DType::Bool, assigned, level + 2, "an operand of `and` and `or`");
                let operands = operands.iter().map(bool_of).collect::<Result<_>>()?;
                Ok((Expr::Logic { op: *op, operands }, DType::Bool))
            }
            schema::Expr::Choose { test, then, otherwise, .. } => {
                let test = self.wanted(test, DType::Bool, assigned, level + 1, "the condition")?;
                let (mut sides, dtype) = self.alike(&[then, otherwise], want, assigned, level + 1)?;
                let otherwise = sides.pop().ok_or_else(|| error_at(self.file, at, "a choice without sides"))?;
                let then = sides.pop().ok_or_else(|| error_at(self.file, at, "a choice without sides"))?;
                let (test, then, otherwise) = (Box::new(test), Box::new(then), Box::new(otherwise));
                Ok((Expr::Choose { test, then, otherwise }, dtype))
            }
            schema::Expr::Call { function, arguments, .. } => {
                self.call(function, arguments, want, at, assigned, level + 2)
            }
        }
    }

    fn name(&self, name: &str, assigned: &[bool], at: At) -> Result<Found> {
        match self.names.get(name) {
            Some(local) if assigned.get(*local) == Some(&true) => Ok((Expr::Local(*local), self.locals[*local])),
            Some(_) => self.fail(at, format!("`{name}` has no value on some path to here: assign it before")),
            None if function::named(name).is_some() => self.fail(at, format!("`{name}` is a function: call it")),
            None => {
                let mut known: Vec<&str> = self.names.keys().map(String::as_str).collect();
                known.sort_unstable();
                known.truncate(10);
                self.fail(at, format!("no value is named `{name}`; there are {}", known.join(", ")))
            }
        }
    }

    /// A literal with its sign, as the type that is wanted if that is of its kind.
    fn number(&self, text: &str, sign: &str, want: Option<DType>, at: At) -> Result<Found> {
        if !is_number(text) {
            return self.fail(at, format!("'{text}' is no decimal number"));
        }
        let signed = format!("{sign}{text}");
        let integer = is_integer(text);
        let dtype = match want {
            Some(t) if t.is_float() && integer => {
                return self.fail(at, format!("the integer {signed} where {t} is expected: write {signed}.0"));
            }
            Some(t) if t.is_integer() && !integer => {
                return self.fail(at, format!("{signed} where {t} is expected: convert it, as {t}({signed})"));
            }
            Some(t) if t != DType::Bool => t,
            _ if integer => DType::I64,
            _ => DType::F64,
        };
        let value = match dtype {
            DType::F32 => signed.parse().ok().filter(|v: &f32| v.is_finite()).map(Scalar::F32),
            DType::F64 => signed.parse().ok().filter(|v: &f64| v.is_finite()).map(Scalar::F64),
            DType::I32 => signed.parse().ok().map(Scalar::I32),
            _ => signed.parse().ok().map(Scalar::I64),
        };
        match value {
            Some(value) => Ok((Expr::Constant(value), dtype)),
            None => self.fail(at, format!("{signed} does not fit {dtype}")),
        }
    }

    fn unary(
        &self,
        op: UnaryOp,
        operand: &schema::Expr,
        want: Option<DType>,
        assigned: &[bool],
        level: u32,
    ) -> Result<Found> {
        let at = operand.at();
        self.enter(at, level)?;
        match (op, operand) {
            (UnaryOp::Not, _) => {
                let operand = self.wanted(operand, DType::Bool, assigned, level, "the operand of `not`")?;
                Ok((Expr::Not(Box::new(operand)), DType::Bool))
            }
            (UnaryOp::Minus, schema::Expr::Number { text, at }) => self.number(text, "-", want, *at),
            _ => {
                let (found, dtype) = self.expr(operand, want, assigned, level)?;
                self.numeric(dtype, at, "a sign")?;
                Ok((if op == UnaryOp::Minus { Expr::Negate(Box::new(found)) } else { found }, dtype))
            }
        }
    }

    fn numeric(&self, dtype: DType, at: At, what: &str) -> Result<()> {
        if dtype != DType::Bool {
            return Ok(());
        }
        self.fail(at, format!("{what} takes numbers, the operand is bool: convert it, as i32(...)"))
    }

    /// Operands that must have one type: literals take it from the others.
    fn alike(
        &self,
        operands: &[&schema::Expr],
        want: Option<DType>,
        assigned: &[bool],
        level: u32,
    ) -> Result<(Vec<Expr>, DType)> {
        let lead = operands.iter().position(|o| literal(o).is_none());
        // Among literals alone a float says that they are floats, so that an integer among them is named.
        let any_float = || operands.iter().position(|o| literal(o) == Some(Kind::Float)).unwrap_or(0);
        let lead = lead.unwrap_or_else(any_float);
        let mut found: Vec<Option<Expr>> = vec![None; operands.len()];
        let hint = match (literal(operands[lead]), want) {
            (Some(Kind::Float), Some(t)) if !t.is_float() => None,
            (Some(Kind::Integer), Some(t)) if !t.is_integer() => None,
            (_, want) => want,
        };
        let (first, dtype) = self.expr(operands[lead], hint, assigned, level)?;
        found[lead] = Some(first);
        for (place, operand) in found.iter_mut().zip(operands).filter(|(p, _)| p.is_none()) {
            let (value, other) = self.expr(operand, Some(dtype), assigned, level)?;
            if other != dtype {
                let advice = "convert one, as f32(...), f64(...), i32(...) or i64(...)";
                return self.fail(operand.at(), format!("{other} meets {dtype}, types are not mixed: {advice}"));
            }
            *place = Some(value);
        }
        Ok((found.into_iter().flatten().collect(), dtype))
    }

    fn binary(
        &self,
        op: BinaryOp,
        sides: [&schema::Expr; 2],
        want: Option<DType>,
        at: At,
        assigned: &[bool],
        level: u32,
    ) -> Result<Found> {
        if op == BinaryOp::Power {
            return self.power(sides, want, at, assigned, level);
        }
        // What a quotient of integers is wanted as says nothing of its sides.
        let integers = sides.iter().all(|s| literal(s) == Some(Kind::Integer));
        let hint = if op == BinaryOp::Divide && integers { None } else { want };
        let (found, dtype) = self.alike(&sides, hint, assigned, level)?;
        self.numeric(dtype, at, "arithmetic")?;
        let widens = op == BinaryOp::Divide && dtype.is_integer();
        let dtype = if widens { DType::F64 } else { dtype };
        let mut found =
            found.into_iter().map(|e| Box::new(if widens { Expr::Convert(DType::F64, Box::new(e)) } else { e }));
        match (found.next(), found.next()) {
            (Some(left), Some(right)) => Ok((Expr::Binary { op, left, right, at }, dtype)),
            _ => self.fail(at, "an operator without operands"),
        }
    }

    fn power(
        &self,
        [base, exponent]: [&schema::Expr; 2],
        want: Option<DType>,
        at: At,
        assigned: &[bool],
        level: u32,
    ) -> Result<Found> {
        if literal(base).is_some() && literal(exponent).is_none() {
            let (found, dtype) = self.alike(&[base, exponent], want, assigned, level)?;
            if let (true, [left, right]) = (dtype.is_float(), found.as_slice()) {
                let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
                return Ok((Expr::Binary { op: BinaryOp::Power, left, right, at }, dtype));
            }
            return self.fail(exponent.at(), INTEGER_POWER);
        }
        let (found, dtype) = self.expr(base, want, assigned, level)?;
        self.numeric(dtype, at, "`**`")?;
        if dtype.is_integer() {
            let fixed = match exponent {
                schema::Expr::Number { text, .. } if is_integer(text) => text.parse::<u32>().ok(),
                _ => None,
            };
            let Some(exponent) = fixed else {
                return self.fail(exponent.at(), INTEGER_POWER);
            };
            return Ok((Expr::IntegerPower { base: Box::new(found), exponent }, dtype));
        }
        let exponent = self.wanted(exponent, dtype, assigned, level, "the exponent")?;
        let (left, right) = (Box::new(found), Box::new(exponent));
        Ok((Expr::Binary { op: BinaryOp::Power, left, right, at }, dtype))
    }

    fn compare(
        &self,
        ops: &[CompareOp],
        operands: &[schema::Expr],
        at: At,
        assigned: &[bool],
        level: u32,
    ) -> Result<Found> {
        if ops.is_empty() || operands.len() != ops.len() + 1 {
            return self.fail(at, "a comparison has one operand more than operators");
        }
        let operands: Vec<&schema::Expr> = operands.iter().collect();
        let (operands, dtype) = self.alike(&operands, None, assigned, level)?;
        let is_order = |op: &CompareOp| !matches!(op, CompareOp::Equal | CompareOp::NotEqual);
        if dtype == DType::Bool && ops.iter().any(is_order) {
            return self.fail(at, "booleans have no order: compare them with == or !=");
        }
        Ok((Expr::Compare { ops: ops.to_vec(), operands }, DType::Bool))
    }

    fn call(
        &self,
        name: &str,
        arguments: &[schema::Expr],
        want: Option<DType>,
        at: At,
        assigned: &[bool],
        level: u32,
    ) -> Result<Found> {
        let Some((_, shape, function)) = function::named(name) else {
            return self.fail(at, format!("no function is named `{name}`; there are {}", function::names()));
        };
        let (least, most) = match shape {
            Shape::Numbers => (2, usize::MAX),
            Shape::Power => (2, 2),
            _ => (1, 1),
        };
        if !(least..=most).contains(&arguments.len()) {
            let takes = if most == least { least.to_string() } else { format!("{least} or more") };
            return self.fail(at, format!("`{name}` takes {takes} arguments, {} are given", arguments.len()));
        }
        let of = |f: &Option<Function>| f.ok_or_else(|| error_at(self.file, at, format!("`{name}` has no meaning")));
        match shape {
            Shape::Power => self.power([&arguments[0], &arguments[1]], want, at, assigned, level),
            Shape::Convert(to) => {
                // A literal in a conversion is its own kind; the conversion then rounds or truncates it.
                let hint = if literal(&arguments[0]) == Some(Kind::Float) && to.is_float() { Some(*to) } else { None };
                let (found, dtype) = self.expr(&arguments[0], hint, assigned, level)?;
                Ok((if dtype == *to { found } else { Expr::Convert(*to, Box::new(found)) }, *to))
            }
            Shape::Float | Shape::FloatToBool => {
                let hint = if *shape == Shape::Float { want } else { None }.filter(|t| t.is_float());
                let (found, dtype) = self.expr(&arguments[0], hint, assigned, level)?;
                if !dtype.is_float() {
                    return self.fail(
                        arguments[0].at(),
                        format!("`{name}` takes f32 or f64, the argument is {dtype}: convert it, as f64(...)"),
                    );
                }
                let gives = if *shape == Shape::Float { dtype } else { DType::Bool };
                Ok((Expr::Call { function: of(function)?, arguments: vec![found] }, gives))
            }
            Shape::Number | Shape::Numbers => {
                let arguments: Vec<&schema::Expr> = arguments.iter().collect();
                let (arguments, dtype) = self.alike(&arguments, want, assigned, level)?;
                self.numeric(dtype, at, &format!("`{name}`"))?;
                Ok((Expr::Call { function: of(function)?, arguments }, dtype))
            }
        }
    }
}

/// Locals that hold a value on both of two paths; names that only one path knows hold none.
fn both(known: Option<Vec<bool>>, path: Vec<bool>) -> Vec<bool> {
    match known {
        Some(known) => known.into_iter().zip(path).map(|(a, b)| a && b).collect(),
        None => path,
    }
}

/// What to write to get one type from another.
fn advice(want: DType) -> String {
    if want == DType::Bool { ": compare it, as x != 0".into() } else { format!(": convert it, as {want}(...)") }
}

/// The kind of an expression of literals alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Float,
}

/// The kind of an expression that has no type of its own; none where a name, call or boolean gives it one.
fn literal(expr: &schema::Expr) -> Option<Kind> {
    match expr {
        schema::Expr::Number { text, .. } => Some(if is_integer(text) { Kind::Integer } else { Kind::Float }),
        schema::Expr::Unary { op: UnaryOp::Minus | UnaryOp::Plus, operand, .. } => literal(operand),
        schema::Expr::Binary { op, left, right, .. } => match (literal(left)?, literal(right)?) {
            // A quotient of integers is an f64 and nothing else.
            (Kind::Integer, Kind::Integer) if *op == BinaryOp::Divide => None,
            (left, right) => Some(if left == right { left } else { Kind::Float }),
        },
        _ => None,
    }
}
