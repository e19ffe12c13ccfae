//! From tokens to schemas: the grammar.
//!
//! Every node counts the levels of JSON that it takes, so that no tree is deeper than can be written and read again.

use crate::{
    KernelError,
    lexer::{Placed, Token, error_at, tokens},
    schema::{
        At, BinaryOp, CompareOp, Domain, Expr, LEVELS_MAX, LogicOp, Param, SCHEMA_VERSION, Schema, Statement, UnaryOp,
        type_named,
    },
};
use hologram_ops::DType;

const STATEMENTS: &str = "supported statements are assignments, `return`, and `if` with `elif` and `else`";

/// Words that are no names in Python.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Symbols of arithmetic: how tightly they bind, and what they mean.
const ARITHMETIC: &[(&str, u8, BinaryOp)] = &[
    ("+", 1, BinaryOp::Add),
    ("-", 1, BinaryOp::Subtract),
    ("*", 2, BinaryOp::Multiply),
    ("/", 2, BinaryOp::Divide),
    ("//", 2, BinaryOp::FloorDivide),
    ("%", 2, BinaryOp::Modulo),
];

const COMPARISONS: &[(&str, CompareOp)] = &[
    ("<", CompareOp::Less),
    ("<=", CompareOp::LessEqual),
    (">", CompareOp::Greater),
    (">=", CompareOp::GreaterEqual),
    ("==", CompareOp::Equal),
    ("!=", CompareOp::NotEqual),
];

const AUGMENTED: &[(&str, BinaryOp)] = &[
    ("+=", BinaryOp::Add),
    ("-=", BinaryOp::Subtract),
    ("*=", BinaryOp::Multiply),
    ("/=", BinaryOp::Divide),
    ("//=", BinaryOp::FloorDivide),
    ("%=", BinaryOp::Modulo),
    ("**=", BinaryOp::Power),
];

type Result<T> = std::result::Result<T, KernelError>;

/// The kernels of a source, in its order.
pub(crate) fn module(file: &str, text: &str) -> Result<Vec<Schema>> {
    let mut parser = Parser { file, tokens: tokens(file, text)?, next: 0, depth: 0 };
    let mut kernels = Vec::new();
    if matches!(parser.peek(), Token::Text(_)) {
        parser.advance();
        parser.line_end()?;
    }
    while *parser.peek() != Token::End {
        kernels.push(parser.function()?);
    }
    Ok(kernels)
}

/// An expression with the levels of JSON that it takes.
struct Leveled {
    expr: Expr,
    levels: u32,
}

struct Parser<'a> {
    file: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: u32,
}

impl Parser<'_> {
    fn fail<T>(&self, at: At, message: impl Into<String>) -> Result<T> {
        Err(error_at(self.file, at, message))
    }

    /// The next token; the last one is `End` and is never passed.
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |t| &t.token)
    }

    fn at(&self) -> At {
        self.tokens.get(self.next).or(self.tokens.last()).map_or([1, 1], |t| t.at)
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len().saturating_sub(1));
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(n) if n == word)
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn symbol(&mut self, symbol: &str, what: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        self.fail(self.at(), format!("{} where `{symbol}` is expected {what}", shown(self.peek())))
    }

    fn line_end(&mut self) -> Result<()> {
        if *self.peek() == Token::Newline {
            self.advance();
            return Ok(());
        }
        self.fail(self.at(), format!("{} where the line should end", shown(self.peek())))
    }

    /// A name that is no keyword.
    fn name(&mut self, what: &str) -> Result<String> {
        match self.peek() {
            Token::Name(name) if !is_keyword(name) => {
                let name = name.clone();
                self.advance();
                Ok(name)
            }
            other => self.fail(self.at(), format!("{} where {what} is expected", shown(other))),
        }
    }

    fn dtype(&mut self) -> Result<DType> {
        let at = self.at();
        let name = self.name("a type")?;
        type_named(&name).map_or_else(
            || self.fail(at, format!("type `{name}`: supported types are f32, f64, i32, i64 and bool")),
            Ok,
        )
    }

    fn function(&mut self) -> Result<Schema> {
        let at = self.at();
        if !self.take_word("def") {
            let found = shown(self.peek());
            return self.fail(at, format!("{found}: a module holds functions only, as `def name(a: f32) -> f32:`"));
        }
        let name = self.name("the kernel's name")?;
        self.symbol("(", "after the kernel's name")?;
        let mut params = Vec::new();
        while !self.is_symbol(")") {
            let at = self.at();
            let name = self.name("a parameter's name")?;
            if !self.take_symbol(":") {
                return self.fail(at, format!("parameter `{name}` has no type: write `{name}: f32`"));
            }
            params.push(Param { name, dtype: self.dtype()? });
            if self.is_symbol("=") {
                return self.fail(self.at(), "a default value: every parameter is given by the caller");
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol(")", "after the parameters")?;
        if !self.take_symbol("->") {
            return self.fail(self.at(), format!("kernel `{name}` has no result type: write `-> f32:`"));
        }
        let returns = self.dtype()?;
        self.symbol(":", "after the result type")?;
        let mut doc = String::new();
        // The schema, its body and the statement are three levels.
        let body = self.block(3, Some(&mut doc))?;
        Ok(Schema { version: SCHEMA_VERSION, name, doc, domain: Domain::Elements, params, returns, body, at })
    }

    /// What follows a colon: statements on the same line, or an indented block. `level` is that of its statements.
    fn block(&mut self, level: u32, doc: Option<&mut String>) -> Result<Vec<Statement>> {
        if *self.peek() != Token::Newline {
            return Ok(vec![self.simple(level)?]);
        }
        self.advance();
        if *self.peek() != Token::Indent {
            return self.fail(self.at(), "an indented block is expected after `:`");
        }
        self.advance();
        if let (Some(doc), Token::Text(text)) = (doc, self.peek()) {
            *doc = text.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned();
            self.advance();
            self.line_end()?;
        }
        let mut statements = Vec::new();
        while *self.peek() != Token::Dedent {
            if *self.peek() == Token::End {
                break;
            }
            statements.push(self.statement(level)?);
        }
        if *self.peek() == Token::Dedent {
            self.advance();
        }
        if statements.is_empty() {
            return self.fail(self.at(), format!("a block without a statement: {STATEMENTS}"));
        }
        Ok(statements)
    }

    fn statement(&mut self, level: u32) -> Result<Statement> {
        let at = self.at();
        if !self.take_word("if") {
            return self.simple(level);
        }
        self.check_level(at, level)?;
        let (mut tests, mut bodies, mut otherwise) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            tests.push(self.expression_at(level + 2)?);
            self.symbol(":", "after the condition")?;
            bodies.push(self.block(level + 3, None)?);
            if self.take_word("elif") {
                continue;
            }
            if self.take_word("else") {
                self.symbol(":", "after `else`")?;
                otherwise = self.block(level + 2, None)?;
            }
            return Ok(Statement::If { tests, bodies, otherwise, at });
        }
    }

    /// A statement on one line.
    fn simple(&mut self, level: u32) -> Result<Statement> {
        let at = self.at();
        self.check_level(at, level)?;
        if self.take_word("return") {
            if matches!(self.peek(), Token::Newline | Token::End) {
                return self.fail(at, "`return` without a value: a kernel answers every element");
            }
            let value = self.expression_at(level + 1)?;
            if self.is_symbol(",") {
                return self.fail(self.at(), "a second result: a kernel returns one value");
            }
            self.line_end()?;
            return Ok(Statement::Return { value, at });
        }
        let name = match self.peek() {
            Token::Name(name) if !is_keyword(name) => name.clone(),
            other => return self.fail(at, format!("{}: {STATEMENTS}", shown(other))),
        };
        self.advance();
        let dtype = if self.take_symbol(":") { Some(self.dtype()?) } else { None };
        let augmented = AUGMENTED.iter().find(|(symbol, _)| self.is_symbol(symbol));
        let value = if let (Some((_, op)), None) = (augmented, dtype) {
            self.advance();
            let left = Box::new(Expr::Name { name: name.clone(), at });
            let right = Box::new(self.expression_at(level + 2)?);
            Expr::Binary { op: *op, left, right, at }
        } else if self.take_symbol("=") {
            self.expression_at(level + 1)?
        } else {
            return self.fail(at, format!("`{name}` is no statement of the subset: {STATEMENTS}"));
        };
        if self.is_symbol("=") || self.is_symbol(",") {
            return self.fail(self.at(), "one name and one value an assignment");
        }
        self.line_end()?;
        Ok(Statement::Assign { name, dtype, value, at })
    }

    fn check_level(&self, at: At, level: u32) -> Result<()> {
        if level <= LEVELS_MAX {
            return Ok(());
        }
        self.fail(at, format!("nested over {LEVELS_MAX} levels: give parts of it names in assignments before"))
    }

    /// An expression that begins at this level.
    fn expression_at(&mut self, level: u32) -> Result<Expr> {
        let at = self.at();
        let Leveled { expr, levels } = self.expression()?;
        self.check_level(at, level + levels)?;
        Ok(expr)
    }

    /// Runs a recursive part of the grammar, so deep and no deeper.
    fn nested(&mut self, part: impl FnOnce(&mut Self) -> Result<Leveled>) -> Result<Leveled> {
        self.check_level(self.at(), self.depth + 1)?;
        self.depth += 1;
        let found = part(self);
        self.depth -= 1;
        found
    }

    /// A node over children of at most so many levels.
    fn node(&self, expr: Expr, levels: u32) -> Result<Leveled> {
        self.check_level(expr.at(), levels)?;
        Ok(Leveled { expr, levels })
    }

    fn expression(&mut self) -> Result<Leveled> {
        self.nested(|p| {
            if p.is_word("lambda") {
                return p.fail(p.at(), "`lambda`: functions are defined by `def` at the top of the file");
            }
            let then = p.logic(LogicOp::Or)?;
            let at = p.at();
            if !p.take_word("if") {
                return Ok(then);
            }
            let test = p.logic(LogicOp::Or)?;
            if !p.take_word("else") {
                return p.fail(p.at(), "a conditional expression without `else`: write `a if test else b`");
            }
            let otherwise = p.expression()?;
            let levels = 1 + then.levels.max(test.levels).max(otherwise.levels);
            let (test, then, otherwise) = (Box::new(test.expr), Box::new(then.expr), Box::new(otherwise.expr));
            p.node(Expr::Choose { test, then, otherwise, at }, levels)
        })
    }

    /// `or` over `and` over `not`.
    fn logic(&mut self, op: LogicOp) -> Result<Leveled> {
        let at = self.at();
        let word = if op == LogicOp::Or { "or" } else { "and" };
        let operand = |p: &mut Self| if op == LogicOp::Or { p.logic(LogicOp::And) } else { p.negation() };
        let first = operand(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut levels = first.levels;
        let mut operands = vec![first.expr];
        while self.take_word(word) {
            let next = operand(self)?;
            levels = levels.max(next.levels);
            operands.push(next.expr);
        }
        self.node(Expr::Logic { op, operands, at }, levels + 2)
    }

    fn negation(&mut self) -> Result<Leveled> {
        let at = self.at();
        if !self.take_word("not") {
            return self.comparison();
        }
        let operand = self.nested(Self::negation)?;
        let levels = operand.levels + 1;
        self.node(Expr::Unary { op: UnaryOp::Not, operand: Box::new(operand.expr), at }, levels)
    }

    fn comparison(&mut self) -> Result<Leveled> {
        let at = self.at();
        let first = self.arithmetic(1)?;
        let (mut levels, mut operands, mut ops) = (first.levels, vec![first.expr], Vec::new());
        loop {
            if self.is_word("in") || self.is_word("is") || self.is_word("not") {
                return self.fail(self.at(), "`in`, `is` and `not in`: comparisons are <, <=, >, >=, == and !=");
            }
            let Some((_, op)) = COMPARISONS.iter().find(|(symbol, _)| self.is_symbol(symbol)) else { break };
            self.advance();
            ops.push(*op);
            let next = self.arithmetic(1)?;
            levels = levels.max(next.levels);
            operands.push(next.expr);
        }
        match (ops.is_empty(), operands.pop()) {
            (true, Some(expr)) => Ok(Leveled { expr, levels }),
            (_, last) => {
                operands.extend(last);
                self.node(Expr::Compare { ops, operands, at }, levels + 2)
            }
        }
    }

    /// Sums and products: operators that bind at least so tightly, left to right.
    fn arithmetic(&mut self, tightness: u8) -> Result<Leveled> {
        let mut left = self.signed()?;
        loop {
            let found = ARITHMETIC.iter().find(|(symbol, t, _)| *t >= tightness && self.is_symbol(symbol));
            let Some((_, t, op)) = found else { return Ok(left) };
            let at = self.at();
            self.advance();
            let right = self.arithmetic(t + 1)?;
            let levels = 1 + left.levels.max(right.levels);
            let (l, r) = (Box::new(left.expr), Box::new(right.expr));
            left = self.node(Expr::Binary { op: *op, left: l, right: r, at }, levels)?;
        }
    }

    fn signed(&mut self) -> Result<Leveled> {
        let at = self.at();
        let op = match self.peek() {
            Token::Symbol("-") => UnaryOp::Minus,
            Token::Symbol("+") => UnaryOp::Plus,
            _ => return self.power(),
        };
        self.advance();
        let operand = self.nested(Self::signed)?;
        let levels = operand.levels + 1;
        self.node(Expr::Unary { op, operand: Box::new(operand.expr), at }, levels)
    }

    /// `a ** b`: binds tighter than a sign on its left, looser than one on its right, and groups to the right.
    fn power(&mut self) -> Result<Leveled> {
        let left = self.atom()?;
        let at = self.at();
        if !self.take_symbol("**") {
            return Ok(left);
        }
        let right = self.nested(Self::signed)?;
        let levels = 1 + left.levels.max(right.levels);
        let (left, right) = (Box::new(left.expr), Box::new(right.expr));
        self.node(Expr::Binary { op: BinaryOp::Power, left, right, at }, levels)
    }

    fn atom(&mut self) -> Result<Leveled> {
        let at = self.at();
        let leaf = |expr| Ok(Leveled { expr, levels: 1 });
        match self.peek().clone() {
            Token::Number(text) => {
                self.advance();
                leaf(Expr::Number { text, at })
            }
            Token::Name(word) if word == "True" || word == "False" => {
                self.advance();
                leaf(Expr::Bool { value: word == "True", at })
            }
            Token::Name(name) if !is_keyword(&name) => {
                self.advance();
                if self.is_symbol("(") { self.call(name, at) } else { leaf(Expr::Name { name, at }) }
            }
            Token::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                if self.is_symbol(",") {
                    return self.fail(self.at(), "a tuple: kernels compute with single values");
                }
                self.symbol(")", "after the expression")?;
                Ok(inner)
            }
            Token::Text(_) => self.fail(at, "a string: values are numbers and booleans, strings are documentation"),
            other => self.fail(at, format!("{} where a value is expected", shown(&other))),
        }
    }

    fn call(&mut self, function: String, at: At) -> Result<Leveled> {
        self.advance();
        let (mut arguments, mut levels) = (Vec::new(), 0);
        while !self.is_symbol(")") {
            let next = self.expression()?;
            levels = levels.max(next.levels);
            arguments.push(next.expr);
            if self.is_symbol("=") {
                return self.fail(self.at(), "a named argument: arguments are given by place");
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol(")", "after the arguments")?;
        self.node(Expr::Call { function, arguments, at }, levels + 2)
    }
}

/// A token as messages show it.
fn shown(token: &Token) -> String {
    match token {
        Token::Name(word) if is_keyword(word) => format!("`{word}`"),
        Token::Name(name) => format!("the name `{name}`"),
        Token::Number(text) => format!("the number `{text}`"),
        Token::Text(_) => "a string".into(),
        Token::Symbol(symbol) => format!("`{symbol}`"),
        Token::Newline => "the end of the line".into(),
        Token::Indent => "an indentation".into(),
        Token::Dedent => "the end of the block".into(),
        Token::End => "the end of the file".into(),
    }
}
