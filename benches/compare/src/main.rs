//! Hologram beside onnxruntime and libraries of trees: the same models, the same inputs, alternating in one run, answers compared.
//!
//! Start at [`cases`] for what is measured, at [`measure`] for how.

mod arguments;
mod cases;
mod engine;
mod inputs;
mod machine;
mod measure;
mod models;
mod peer;
mod report;

use anyhow::Result;
use arguments::Arguments;
use clap::Parser as _;
use measure::Row;
use peer::Peer;
use report::Report;
use std::process::ExitCode;

/// The largest difference between the two engines' answers that a run accepts.
const DIFFERENCE_MAX: f64 = 1e-3;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let chosen = cases::chosen(&arguments)?;
    if arguments.profile {
        for case in &chosen {
            measure::profile(case, &arguments)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut peer = Peer::start(&arguments.python)?;
    let mut report = Report::new(peer.about()?, arguments.runs);
    let mut models = models::Models::new(&arguments);
    for case in &chosen {
        if let Err(reason) = models.provide(case) {
            report.leave_out(&case.name, &reason, false);
            continue;
        }
        for threads in &arguments.threads {
            eprintln!("{} on {threads} thread(s)", case.name);
            match measure::measure(case, *threads, &arguments, &mut peer) {
                Ok(row) => report.add(row),
                Err(error) => {
                    let reason = format!("{error:#}");
                    // A library that is not there is no failure of what is.
                    let is_absent = reason.contains("ModuleNotFoundError");
                    report.leave_out(&case.name, &reason, !is_absent);
                }
            }
        }
    }
    report.finish();
    match (arguments.json, arguments.markdown) {
        (true, _) => println!("{}", serde_json::to_string_pretty(&report)?),
        (_, true) => print!("{}", report.markdown()),
        _ => print!("{}", report.text()),
    }
    let apart: Vec<&Row> = report.rows.iter().filter(|row| !row.agrees()).collect();
    for row in &apart {
        let (difference, unequal) = (row.difference, row.unequal);
        eprintln!("{}: the answers differ: {difference:e} at most, {unequal} labels", row.name);
    }
    Ok(if apart.is_empty() && !report.failed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
