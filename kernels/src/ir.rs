//! The typed form: names are numbered locals, every operation knows its type, every path returns.
//!
//! Only [`check`](crate::check) makes it, so an interpreter or a code generator need not doubt it.

use crate::{
    function::Function,
    schema::{At, BinaryOp, CompareOp, Domain, LogicOp},
};
use hologram_ops::DType;

/// A kernel ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    /// What it is launched over.
    pub(crate) domain: Domain,
    /// The types of the locals; the parameters are the first.
    pub(crate) locals: Vec<DType>,
    pub(crate) returns: DType,
    pub(crate) body: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Assign(usize, Expr),
    Return(Expr),
    If { branches: Vec<(Expr, Vec<Step>)>, otherwise: Vec<Step> },
}

/// One value, of one of the five types.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    F32(f32),
    F64(f64),
    I32(i32),
    I64(i64),
    Bool(bool),
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Constant(Scalar),
    Local(usize),
    Negate(Box<Expr>),
    Not(Box<Expr>),
    /// Both sides have one type.
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
        at: At,
    },
    /// An integer to a fixed power.
    IntegerPower {
        base: Box<Expr>,
        exponent: u32,
    },
    /// All operands have one type; each is worked out once, and none after the first comparison that fails.
    Compare {
        ops: Vec<CompareOp>,
        operands: Vec<Expr>,
    },
    Logic {
        op: LogicOp,
        operands: Vec<Expr>,
    },
    Choose {
        test: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Call {
        function: Function,
        arguments: Vec<Expr>,
    },
    Convert(DType, Box<Expr>),
}
