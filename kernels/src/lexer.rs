//! From text to tokens: Python's lexical rules for the subset, indentation included.

use crate::{KernelError, schema::At};

/// The largest source that is read, in bytes.
pub(crate) const SOURCE_BYTES_MAX: usize = 1 << 20;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Number(String),
    Text(String),
    Symbol(&'static str),
    Newline,
    Indent,
    Dedent,
    End,
}

/// A token and the place where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: At,
}

/// The symbols of the language, longer ones before those that begin them.
const SYMBOLS: &[&str] = &[
    "**=", "//=", "->", "**", "//", "<=", ">=", "==", "!=", "+=", "-=", "*=", "/=", "%=", "+", "-", "*", "/", "%", "<",
    ">", "=", "(", ")", ",", ":",
];

/// The error for a place in a source.
pub(crate) fn error_at(file: &str, at: At, message: impl Into<String>) -> KernelError {
    KernelError::Source { file: file.to_owned(), line: at[0], column: at[1], message: message.into() }
}

/// The tokens of a source, with `End` last.
///
/// # Errors
/// Characters and indentation outside the subset, with their place.
pub(crate) fn tokens(file: &str, text: &str) -> Result<Vec<Placed>, KernelError> {
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("{} bytes of source, over {SOURCE_BYTES_MAX}: split the file", text.len());
        return Err(error_at(file, [1, 1], message));
    }
    let mut lexer = Lexer { file, rest: text, at: [1, 1], tokens: Vec::new(), indents: vec![0], parentheses: 0 };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    file: &'a str,
    rest: &'a str,
    at: At,
    tokens: Vec<Placed>,
    indents: Vec<usize>,
    parentheses: u32,
}

impl<'a> Lexer<'a> {
    fn fail<T>(&self, at: At, message: impl Into<String>) -> Result<T, KernelError> {
        Err(error_at(self.file, at, message))
    }

    fn push(&mut self, token: Token, at: At) {
        self.tokens.push(Placed { token, at });
    }

    /// Takes the first `bytes`, which end at a character, and moves the place on.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for c in taken.chars() {
            if c == '\n' {
                self.at = [self.at[0] + 1, 1];
            } else {
                self.at[1] += 1;
            }
        }
        taken
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let bytes = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        self.take(bytes)
    }

    fn run(&mut self) -> Result<(), KernelError> {
        let mut at_line_start = true;
        loop {
            if at_line_start && self.parentheses == 0 {
                self.indentation()?;
            }
            at_line_start = false;
            self.take_while(|c| c == ' ');
            if self.rest.starts_with('#') {
                self.take_while(|c| c != '\n');
            }
            let at = self.at;
            let Some(c) = self.rest.chars().next() else { break };
            if c == '\n' || self.rest.starts_with("\r\n") {
                self.take(if c == '\n' { 1 } else { 2 });
                if self.parentheses == 0 {
                    self.end_line(at);
                }
                at_line_start = true;
            } else if c.is_ascii_alphabetic() || c == '_' {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
                self.push(Token::Name(name), at);
            } else if c.is_ascii_digit() || c == '.' {
                let number = self.number(at)?;
                self.push(Token::Number(number), at);
            } else if c == '"' || c == '\'' {
                let text = self.text(at)?;
                self.push(Token::Text(text), at);
            } else {
                self.symbol(c, at)?;
            }
        }
        let end = self.at;
        if self.parentheses > 0 {
            return self.fail(end, "the file ends inside parentheses: close them");
        }
        self.end_line(end);
        for _ in 1..self.indents.len() {
            self.push(Token::Dedent, end);
        }
        self.push(Token::End, end);
        Ok(())
    }

    /// One `Newline` for a line with tokens, none for an empty one.
    fn end_line(&mut self, at: At) {
        let ends =
            self.tokens.last().is_some_and(|t| !matches!(t.token, Token::Newline | Token::Indent | Token::Dedent));
        if ends {
            self.push(Token::Newline, at);
        }
    }

    /// Compares the spaces at the start of a line with those of the blocks that are open.
    fn indentation(&mut self) -> Result<(), KernelError> {
        let width = self.take_while(|c| c == ' ').len();
        let at = self.at;
        match self.rest.chars().next() {
            Some('\t') => return self.fail(at, "a tab: indent with spaces"),
            None | Some('\n' | '#') => return Ok(()),
            Some('\r') if self.rest.starts_with("\r\n") => return Ok(()),
            Some(_) => {}
        }
        if width > self.indents.last().copied().unwrap_or(0) {
            self.indents.push(width);
            self.push(Token::Indent, at);
        }
        while width < self.indents.last().copied().unwrap_or(0) {
            self.indents.pop();
            self.push(Token::Dedent, at);
        }
        if width != self.indents.last().copied().unwrap_or(0) {
            return self.fail(at, format!("{width} spaces match no block around: indent each block alike"));
        }
        Ok(())
    }

    /// A decimal integer or float; underscores between digits are dropped.
    fn number(&mut self, at: At) -> Result<String, KernelError> {
        let mut text = self.take_while(|c| c.is_ascii_digit() || c == '_').to_owned();
        if self.rest.starts_with('.') {
            text.push_str(self.take(1));
            text.push_str(self.take_while(|c| c.is_ascii_digit() || c == '_'));
        }
        if self.rest.starts_with(['e', 'E']) {
            text.push_str(self.take(1));
            if self.rest.starts_with(['+', '-']) {
                text.push_str(self.take(1));
            }
            text.push_str(self.take_while(|c| c.is_ascii_digit() || c == '_'));
        }
        let wrong = self.rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        let text = separated(&text).filter(|t| !wrong && is_number(t));
        text.map_or_else(
            || self.fail(at, "no decimal number: write digits, with one point or exponent, as 12, 1_000, 0.5 or 1e-3"),
            Ok,
        )
    }

    /// A string; only documentation may be one.
    fn text(&mut self, at: At) -> Result<String, KernelError> {
        let fence = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|f| self.rest.starts_with(f)).unwrap_or("\"");
        self.take(fence.len());
        let Some(end) = self.rest.find(fence) else {
            return self.fail(at, format!("a string without its closing {fence}"));
        };
        let text = self.take(end);
        self.take(fence.len());
        if fence.len() == 1 && text.contains('\n') {
            return self.fail(at, "a string over several lines: use triple quotes");
        }
        if text.contains('\\') {
            return self.fail(at, "a backslash in a string: strings are documentation, without escapes");
        }
        Ok(text.to_owned())
    }

    fn symbol(&mut self, c: char, at: At) -> Result<(), KernelError> {
        let Some(symbol) = SYMBOLS.iter().find(|s| self.rest.starts_with(**s)) else {
            let hint = match c {
                '\t' => "a tab: separate with spaces",
                '\\' => "a continued line: put the expression between parentheses",
                '[' | ']' => "indexing and lists are outside the subset: a kernel sees one element of each parameter",
                '@' => "decorators and matrix products are outside the subset",
                '&' | '|' | '^' | '~' => "bit operations are outside the subset; booleans take and, or, not",
                ';' => "one statement a line",
                _ => "outside the subset",
            };
            return self.fail(at, format!("character {c:?}: {hint}"));
        };
        self.take(symbol.len());
        match *symbol {
            "(" => self.parentheses += 1,
            ")" if self.parentheses == 0 => return self.fail(at, "a `)` that closes nothing"),
            ")" => self.parentheses -= 1,
            _ => {}
        }
        self.push(Token::Symbol(symbol), at);
        Ok(())
    }
}

/// The text without underscores, each of which must stand between digits.
fn separated(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let right = |i: usize| bytes[i] != b'_' || is_digit(i.checked_sub(1)) && is_digit(i.checked_add(1));
    (0..bytes.len()).all(right).then(|| text.replace('_', ""))
}

/// Whether this is a decimal integer without leading zeros, or a float.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
        None => (text, None),
    };
    let mantissa_holds = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part) && whole.len() + part.len() > 0,
        None => {
            let is_zero = mantissa.bytes().all(|b| b == b'0');
            digits(mantissa) && !mantissa.is_empty() && (exponent.is_some() || is_zero || !mantissa.starts_with('0'))
        }
    };
    mantissa_holds && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}

/// Whether a number's text is an integer's.
pub(crate) fn is_integer(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this is a name as the language has them.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
