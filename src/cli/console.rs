//! The console: what is written for people and pipes, and the progress that only a terminal sees.

use super::{Context, Result};
use crate::settings::Color;
use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Set once the reader of stdout has gone. Then the command ends quietly, however deep the write that found out.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// Whether the reader of stdout has gone.
pub(super) fn reader_gone() -> bool {
    READER_GONE.load(Ordering::Relaxed)
}

/// Stdout, which notes when its reader has gone.
#[derive(Debug)]
pub(super) struct Stdout(io::Stdout);

impl Stdout {
    pub(super) fn new() -> Self {
        Self(io::stdout())
    }
}

fn noted<T>(result: io::Result<T>) -> io::Result<T> {
    result.inspect_err(|e| {
        if e.kind() == io::ErrorKind::BrokenPipe {
            READER_GONE.store(true, Ordering::Relaxed);
        }
    })
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        noted(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        noted(self.0.flush())
    }
}

/// Writes text to stdout; this is the one place where the command's own words leave it.
pub(super) fn say(text: impl std::fmt::Display) -> Result<()> {
    let text = text.to_string();
    let mut out = Stdout::new();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Writes a line to stderr. There is nobody to tell when that fails.
pub(super) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether a person reads stderr, where progress and timings go.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether a person reads stdout.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether to use colours on stderr.
pub(super) fn has_color(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_watched() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}

/// Starts a spinner on a terminal; nothing in a pipe. It goes away when it is dropped.
pub(super) fn progress(_context: &Context, what: String) -> Progress {
    spinner(what)
}

/// [`progress`] where no settings are at hand.
pub(super) fn spinner(what: String) -> Progress {
    let bar = is_watched().then(|| {
        let bar = indicatif::ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    });
    Progress(bar)
}

/// A progress display.
#[derive(Debug)]
pub(super) struct Progress(Option<indicatif::ProgressBar>);

impl Progress {
    pub(super) fn set(&self, text: impl FnOnce() -> String) {
        if let Some(bar) = &self.0 {
            bar.set_message(text());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A duration for people.
pub(super) fn duration_text(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s < 0.001 => format!("{:.0} us", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A number with a noun, in the plural unless it is one.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
pub(super) fn grouped(n: impl TryInto<u128>) -> String {
    let digits = n.try_into().unwrap_or_default().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows of cells as aligned columns, two spaces apart; a header row comes first.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    // Columns of numbers stand at the right.
    let is_number = |cell: &String| !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || ",.%-".contains(c));
    let right: Vec<bool> =
        (0..count).map(|c| rows.len() > 1 && rows.iter().skip(1).filter_map(|r| r.get(c)).all(is_number)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[c].saturating_sub(cell.chars().count()));
            let (before, after) = if right[c] { (gap.as_str(), "") } else { ("", gap.as_str()) };
            line.push_str(&format!("{}{before}{cell}{after}", if c == 0 { "" } else { "  " }));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_aligned() {
        for (n, text) in [(0u64, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
        let rows = [["name", "n"], ["a", "1"], ["bcdefg", "12"]].map(|r| r.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), "name     n\na        1\nbcdefg  12\n");
    }
}
