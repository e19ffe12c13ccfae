//! Cutting a script into statements at its semicolons.

/// The statements of a script, without comments around them and without empty ones, and what is left after the last
/// semicolon. Semicolons in quotes and comments do not count.
pub(super) fn split(script: &str) -> (Vec<String>, String) {
    let mut statements = Vec::new();
    let mut current = String::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\'' | '"' => quoted(rest, c),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            ';' => {
                let statement = std::mem::take(&mut current);
                if !is_blank(&statement) {
                    statements.push(statement.trim().to_owned());
                }
                rest = &rest[1..];
                continue;
            }
            c => c.len_utf8(),
        };
        current.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    (statements, current)
}

/// The length of a quoted text with its quotes; a doubled quote is one within.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + 1;
            }
        }
    }
    text.len()
}

/// Whether nothing but white space and comments is here.
pub(super) fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after).trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after).trim_start();
        } else {
            return rest.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_end_a_statement() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("", &[], ""),
            ("SELECT 1", &[], "SELECT 1"),
            ("SELECT 1; SELECT 2;", &["SELECT 1", "SELECT 2"], ""),
            ("SELECT ';'; x", &["SELECT ';'"], " x"),
            ("SELECT 'it''s; '; ", &["SELECT 'it''s; '"], " "),
            ("SELECT \"a;b\";", &["SELECT \"a;b\""], ""),
            ("-- a; b\nSELECT 1;", &["-- a; b\nSELECT 1"], ""),
            ("/* ; */ SELECT 1;;;", &["/* ; */ SELECT 1"], ""),
            ("-- only; a comment\n;", &[], ""),
            ("SELECT 'open; ", &[], "SELECT 'open; "),
            ("SELECT '\u{e9};\u{e9}';\u{e9}", &["SELECT '\u{e9};\u{e9}'"], "\u{e9}"),
        ];
        for (script, statements, rest) in cases {
            let (found, left) = split(script);
            assert_eq!(
                (found.as_slice(), left.as_str()),
                (statements.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice(), *rest),
                "{script}"
            );
        }
        assert!(is_blank("  -- x\n /* y */ ") && !is_blank("-- x\ny"));
    }
}
