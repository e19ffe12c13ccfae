//! Tables of what was measured, each with its targets and whether they hold.

use crate::rounds::{Line, median};

/// Which numbers are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

/// Something asked of ours.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) asked: String,
    pub(crate) found: f64,
    pub(crate) unit: &'static str,
    pub(crate) holds: bool,
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    unit: &'static str,
    better: Better,
    /// The first one is ours, which the others are compared with.
    lines: Vec<Line>,
    targets: Vec<Target>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, unit: &'static str, better: Better, lines: Vec<Line>) -> Self {
        Self { title: title.into(), unit, better, lines, targets: Vec::new(), notes: Vec::new() }
    }

    /// Says something below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The best of a contestant's rounds; not a number where it did not run.
    pub(crate) fn best(&self, name: &str) -> f64 {
        let line = self.lines.iter().find(|line| line.name == name);
        let samples = line.map_or(&[][..], |line| &line.samples);
        best(self.better, samples)
    }

    /// Asks for a number of ours to be no worse than a bound.
    pub(crate) fn ask(&mut self, name: &str, bound: f64) {
        let found = self.best(name);
        let (sign, holds) = match self.better {
            Better::Less => ("<=", found <= bound),
            Better::More => (">=", found >= bound),
        };
        let asked = format!("{name} {sign} {} {}", number(bound), self.unit);
        self.targets.push(Target { asked, found, unit: self.unit, holds });
    }

    /// Asks for a number of ours to be at most so many times, or at least such a part of, a peer's.
    pub(crate) fn ask_ratio(&mut self, name: &str, peer: &str, bound: f64) {
        let found = self.best(name) / self.best(peer);
        let (sign, holds) = match self.better {
            Better::Less => ("<=", found <= bound),
            Better::More => (">=", found >= bound),
        };
        let asked = format!("{name} {sign} {} of {peer}", number(bound));
        self.targets.push(Target { asked, found, unit: "", holds });
    }

    /// Says of something that was asked whether it holds.
    pub(crate) fn judge(&mut self, asked: impl Into<String>, found: f64, unit: &'static str, holds: bool) {
        self.targets.push(Target { asked: asked.into(), found, unit, holds });
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let (most, ratio) = (if self.better == Better::Less { "min" } else { "max" }, "of the first:");
        let unit = self.unit;
        let mut rows = vec![
            [self.title.clone(), format!("{most} {unit}"), format!("median {unit}")]
                .into_iter()
                .chain([format!("{ratio} min"), "median".into()])
                .collect::<Vec<_>>(),
        ];
        let ours = self.lines.first().map_or(&[][..], |line| &line.samples);
        for line in &self.lines {
            let ratios: Vec<f64> = line.samples.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            rows.push(vec![
                line.name.clone(),
                number(best(self.better, &line.samples)),
                number(median(&line.samples)),
                number(least),
                number(median(&ratios)),
            ]);
        }
        rows
    }

    /// The table as aligned text or as Markdown, then its targets and notes.
    pub(crate) fn print(&self, is_markdown: bool) -> String {
        let cells = self.cells();
        let mut lines = if is_markdown { markdown(&cells) } else { aligned(&cells) };
        let bullet = if is_markdown { "- " } else { "  " };
        if is_markdown {
            lines.push(String::new());
        }
        for Target { asked, found, unit, holds } in &self.targets {
            let verdict = if *holds { "holds" } else { "MISSED" };
            lines.push(format!("{bullet}{asked}: {} {unit}: {verdict}", number(*found)).replace(" :", ":"));
        }
        lines.extend(self.notes.iter().map(|note| format!("{bullet}{note}")));
        lines.join("\n") + "\n"
    }

    /// How many targets it has and how many of them hold.
    pub(crate) fn score(&self) -> (usize, usize) {
        (self.targets.len(), self.targets.iter().filter(|target| target.holds).count())
    }
}

/// Rows of cells of which the first is the heading, in columns.
pub(crate) fn aligned(cells: &[Vec<String>]) -> Vec<String> {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let pad = |(column, cell): (usize, &String)| match column {
        0 => format!("{cell:<0$}", widths[0]),
        _ => format!("{cell:>0$}", widths[column]),
    };
    cells.iter().map(|row| row.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ")).collect()
}

/// As [`aligned`], for Markdown.
pub(crate) fn markdown(cells: &[Vec<String>]) -> Vec<String> {
    let line = |row: &Vec<String>| format!("| {} |", row.join(" | "));
    let columns = cells.first().map_or(0, Vec::len);
    let rule: Vec<String> = (0..columns).map(|column| if column == 0 { "---" } else { "---:" }.into()).collect();
    let mut lines: Vec<String> = cells.iter().map(line).collect();
    lines.insert(1.min(lines.len()), line(&rule));
    lines
}

fn best(better: Better, samples: &[f64]) -> f64 {
    let best = match better {
        Better::Less => samples.iter().copied().reduce(f64::min),
        Better::More => samples.iter().copied().reduce(f64::max),
    };
    best.unwrap_or(f64::NAN)
}

/// Three figures or more.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.095 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_of_the_best_rounds() {
        let line = |name: &str, samples: &[f64]| Line { name: name.into(), samples: samples.to_vec() };
        let lines = vec![line("ours", &[2.0, 3.0, 4.0]), line("theirs", &[4.0, 4.0, 5.0])];
        let mut table = Table::new("t", "ns", Better::Less, lines.clone());
        table.ask("ours", 2.0);
        table.ask_ratio("ours", "theirs", 0.4);
        assert_eq!(table.score(), (2, 1));
        assert!(table.print(false).contains("ours <= 0.40 of theirs: 0.50: MISSED"), "{}", table.print(false));
        let mut table = Table::new("t", "M/s", Better::More, lines);
        table.ask("ours", 4.0);
        table.ask("absent", 1.0);
        assert_eq!(table.score(), (2, 1));
    }
}
