//! What a run found, as text, Markdown and JSON.

use crate::{machine, measure::Row, peer::About};
use serde::Serialize;

/// A case without numbers.
#[derive(Debug, Serialize)]
pub(crate) struct LeftOut {
    name: String,
    reason: String,
    /// Whether an engine failed on it, rather than the model being absent.
    failed: bool,
}

/// The whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    processor: String,
    cores: usize,
    hologram: String,
    onnxruntime: String,
    python: String,
    numpy: String,
    rounds: u32,
    load_before: String,
    load_after: String,
    pub(crate) rows: Vec<Row>,
    left_out: Vec<LeftOut>,
}

/// The columns of the tables.
const HEADINGS: [&str; 13] = [
    "model",
    "Hologram min ms",
    "median",
    "beside",
    "min ms",
    "median",
    "threads",
    "speed by min",
    "by median",
    "each row computed: min ms, median, by pairs",
    "runs",
    "greatest difference",
    "open ms: Hologram, the other",
];

impl Report {
    pub(crate) fn new(about: About, rounds: u32) -> Self {
        Self {
            processor: machine::processor(),
            cores: about.cores,
            hologram: machine::version(),
            onnxruntime: about.onnxruntime,
            python: about.python,
            numpy: about.numpy,
            rounds,
            load_before: machine::load(),
            load_after: String::new(),
            rows: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Notes a case that has no numbers, and says so at once.
    pub(crate) fn leave_out(&mut self, name: &str, reason: &str, failed: bool) {
        eprintln!("{name}: not run, because {reason}");
        self.left_out.push(LeftOut { name: name.into(), reason: reason.into(), failed });
    }

    /// Notes the machine's load at the end.
    pub(crate) fn finish(&mut self) {
        self.load_after = machine::load();
    }

    /// Whether an engine failed on a case.
    pub(crate) fn failed(&self) -> bool {
        self.left_out.iter().any(|case| case.failed)
    }

    fn about(&self) -> Vec<String> {
        vec![
            format!(
                "{}, {} cores; load {} before, {} after",
                self.processor, self.cores, self.load_before, self.load_after
            ),
            format!(
                "Hologram {}, onnxruntime {} and libraries, threads as listed (Python {}, numpy {})",
                self.hologram, self.onnxruntime, self.python, self.numpy
            ),
            format!("{} rounds; speed is the other's time over Hologram's: above 1, Hologram is quicker", self.rounds),
        ]
    }

    fn cells(row: &Row) -> [String; 13] {
        let ms = |time: f64| format!("{time:.*}", if time < 1.0 { 4 } else { 2 });
        let unequal = if row.unequal == 0 { String::new() } else { format!(", {} labels", row.unequal) };
        [
            row.name.clone(),
            ms(row.hologram.min_ms),
            ms(row.hologram.median_ms),
            row.peer_name.to_owned(),
            ms(row.peer.min_ms),
            ms(row.peer.median_ms),
            row.threads.to_string(),
            format!("{:.2}", row.speed_min),
            format!("{:.2}", row.speed_median),
            match (&row.computing, row.pairs_median) {
                (Some(t), Some(pairs)) => format!("{}, {}, {:.2}", ms(t.min_ms), ms(t.median_ms), 1.0 / pairs),
                _ => String::new(),
            },
            row.runs.to_string(),
            format!("{:.1e}{unequal}", row.difference),
            format!("{}, {}", ms(row.hologram.open_ms), ms(row.peer.open_ms)),
        ]
    }

    fn left_out(&self) -> Vec<String> {
        self.left_out.iter().map(|case| format!("{}: not run, because {}", case.name, case.reason)).collect()
    }

    /// A table with aligned columns.
    pub(crate) fn text(&self) -> String {
        let table: Vec<[String; 13]> =
            std::iter::once(HEADINGS.map(str::to_owned)).chain(self.rows.iter().map(Self::cells)).collect();
        let width = |column: usize| table.iter().map(|cells| cells[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
        let mut lines = self.about();
        for cells in &table {
            let padded: Vec<String> =
                cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
            lines.push(padded.join("  "));
        }
        lines.extend(self.left_out());
        lines.join("\n") + "\n"
    }

    /// A Markdown table.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let rule: Vec<String> = (0..HEADINGS.len()).map(|i| if i == 0 { "---" } else { "---:" }.to_owned()).collect();
        let mut lines: Vec<String> = self.about().into_iter().map(|line| format!("- {line}")).collect();
        lines.push(String::new());
        lines.push(line(&HEADINGS.map(str::to_owned)));
        lines.push(line(&rule));
        lines.extend(self.rows.iter().map(|row| line(&Self::cells(row))));
        lines.push(String::new());
        lines.extend(self.left_out().into_iter().map(|line| format!("- {line}")));
        lines.join("\n") + "\n"
    }
}
