//! How a case is measured: both engines in turn, fresh inputs every run, answers compared.

use crate::{
    DIFFERENCE_MAX,
    arguments::Arguments,
    cases::{Case, Door},
    engine::{Engine, table},
    inputs::Input,
    peer::Peer,
};
use anyhow::{Context as _, Result};
use hologram_ops::Value;
use serde::Serialize;
use std::collections::BTreeMap;

/// What one engine is given in a round, in nanoseconds; quick models run so often, within the bounds below.
const ROUND_NS: u64 = 20_000_000;

/// Runs in a round at most: each has inputs of its own.
const ROUND_RUNS_MAX: u64 = 64;

/// Elements of inputs that a round makes at most, so that making them does not take longer than running.
const ROUND_ELEMENTS_MAX: usize = 2_000_000;

/// Rounds that compare answers; the others only take time.
const COMPARED_MAX: u32 = 5;

/// The times of one engine in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    pub(crate) min_ms: f64,
    pub(crate) median_ms: f64,
    /// From a model file (the peer) or an archive (Hologram) to a session.
    pub(crate) open_ms: f64,
}

/// What was measured of one case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// What ran beside Hologram.
    pub(crate) peer_name: &'static str,
    /// Threads of each; Hologram spreads runs of many independent rows over them, and has one for others.
    pub(crate) threads: u32,
    /// Whether layers were computed in eight bits, so that numbers are not the same.
    pub(crate) quantized: bool,
    /// Timed runs of each engine.
    pub(crate) runs: usize,
    pub(crate) hologram: Times,
    pub(crate) peer: Times,
    /// Hologram computing each row, where it is given columns and may look rows up.
    pub(crate) computing: Option<Times>,
    /// The median, over pairs of runs on the same rows, of its time over that of computing each row.
    pub(crate) pairs_median: Option<f64>,
    /// The peer's least time over Hologram's: above 1, Hologram is quicker.
    pub(crate) speed_min: f64,
    /// The same of the medians.
    pub(crate) speed_median: f64,
    /// Greatest difference between numbers of the two answers.
    pub(crate) difference: f64,
    /// Integers and strings that are not equal.
    pub(crate) unequal: usize,
    /// Time to compile the model file into an archive.
    pub(crate) compile_ms: f64,
    pub(crate) archive_bytes: usize,
}

impl Row {
    /// Whether the two engines answered the same; in eight bits numbers are what the calibration made sure of.
    pub(crate) fn agrees(&self) -> bool {
        self.quantized || self.difference <= DIFFERENCE_MAX && self.unequal == 0
    }
}

/// One run's inputs for both engines; gives those for Hologram.
fn fresh(case: &Case, inputs: &[Input], seed: u64, peer: Option<(&mut Peer, usize)>) -> Result<Vec<Value>> {
    let (values, sums): (Vec<Value>, Vec<f64>) = inputs
        .iter()
        .zip(seed..)
        .map(|(input, seed)| input.make(seed))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    if let Some((peer, set)) = peer {
        peer.inputs(set, inputs, seed, &sums)?;
    }
    if case.door == Door::Tables {
        return values.iter().map(table).collect();
    }
    Ok(values)
}

/// Measures a case.
///
/// # Errors
/// A model that one of the engines cannot run, and inputs that came out differently.
pub(crate) fn measure(case: &Case, threads: u32, arguments: &Arguments, peer: &mut Peer) -> Result<Row> {
    let mut engine = Engine::open(case, threads)?;
    let inputs = engine.inputs(case)?;
    let open_seconds = peer.load(case, threads)?;
    let measured = rounds(&mut engine, (case, &inputs), arguments.runs, peer);
    peer.unload()?;
    let measured = measured?;
    let mut pairs: Vec<f64> = measured
        .ours
        .iter()
        .zip(&measured.computing)
        .map(|(ours, computing)| *ours as f64 / *computing as f64)
        .collect();
    pairs.sort_unstable_by(f64::total_cmp);
    let hologram = times(measured.ours, engine.open_seconds).context("no runs")?;
    let theirs = times(measured.theirs, open_seconds).context("no runs")?;
    Ok(Row {
        name: case.name.clone(),
        peer_name: case.peer,
        threads,
        quantized: case.quantized.is_some(),
        runs: measured.runs,
        speed_min: theirs.min_ms / hologram.min_ms,
        speed_median: theirs.median_ms / hologram.median_ms,
        hologram,
        peer: theirs,
        computing: times(measured.computing, engine.open_seconds),
        pairs_median: pairs.get(pairs.len() / 2).copied(),
        difference: measured.difference,
        unequal: measured.unequal,
        compile_ms: engine.compile_seconds * 1e3,
        archive_bytes: engine.archive_bytes,
    })
}

struct Measured {
    ours: Vec<u64>,
    theirs: Vec<u64>,
    computing: Vec<u64>,
    runs: usize,
    difference: f64,
    unequal: usize,
}

fn rounds(engine: &mut Engine, (case, inputs): (&Case, &[Input]), rounds: u32, peer: &mut Peer) -> Result<Measured> {
    let mut seeds = (0_u64..).step_by(inputs.len().max(1));
    let mut seed = move || seeds.next().unwrap_or(0);
    let first = fresh(case, inputs, seed(), Some((peer, 0)))?;
    engine.warm(&first)?;
    let slower = engine.time(&first)?.max(peer.time(2, 1)?.into_iter().min().unwrap_or(0)).max(1);
    let elements: usize = inputs.iter().map(|input| input.shape.iter().product::<usize>()).sum();
    let fitting = (ROUND_ELEMENTS_MAX / elements.max(1)) as u64;
    let runs = (ROUND_NS / slower).min(fitting).clamp(1, ROUND_RUNS_MAX) as usize;
    // A round begins with the caches full of the other engine's data, which matters where a run is short.
    let warm_up = runs.min(4) - 1;
    let (ours, theirs, computing) = (Vec::new(), Vec::new(), Vec::new());
    let mut measured = Measured { ours, theirs, computing, runs: 0, difference: 0.0, unequal: 0 };
    for round in 0..rounds {
        let sets: Vec<Vec<Value>> =
            (0..runs).map(|set| fresh(case, inputs, seed(), Some((&mut *peer, set)))).collect::<Result<_>>()?;
        // Another one goes first each round.
        for turn in 0..3 {
            match (turn + round) % 3 {
                0 => {
                    for values in sets.iter().take(warm_up) {
                        engine.time(values)?;
                    }
                    for values in &sets {
                        measured.ours.push(engine.time(values)?);
                    }
                }
                1 => measured.theirs.extend(peer.time(runs, warm_up)?),
                _ => {
                    for values in &sets {
                        measured.computing.extend(engine.time_computing(values)?);
                    }
                }
            }
        }
        measured.runs += runs;
        if round < COMPARED_MAX {
            let (difference, unequal) = engine.difference(&sets[0], &peer.outputs()?)?;
            if difference > measured.difference || difference.is_nan() {
                measured.difference = difference;
            }
            measured.unequal += unequal;
        }
    }
    Ok(measured)
}

fn times(mut nanoseconds: Vec<u64>, open_seconds: f64) -> Option<Times> {
    nanoseconds.sort_unstable();
    let least = *nanoseconds.first()?;
    let middle = nanoseconds.len() / 2;
    let median = match nanoseconds.len() % 2 {
        0 => (nanoseconds[middle - 1] + nanoseconds[middle]) as f64 / 2.0,
        _ => nanoseconds[middle] as f64,
    };
    Some(Times { min_ms: least as f64 / 1e6, median_ms: median / 1e6, open_ms: open_seconds * 1e3 })
}

/// Prints how Hologram runs each call of a case, then runs it alone `--runs` times.
///
/// # Errors
/// What compiling and running say.
pub(crate) fn profile(case: &Case, arguments: &Arguments) -> Result<()> {
    let mut engine = Engine::open(case, 1)?;
    let inputs = engine.inputs(case)?;
    let values = fresh(case, &inputs, 0, None)?;
    let first_seconds = engine.warm(&values)?;
    let description = engine.describe(&values)?;
    let mut calls: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for call in &description.calls {
        *calls.entry((&call.op, call.how)).or_default() += 1;
    }
    println!("{}: {} calls, arena of {} bytes", case.name, description.calls.len(), description.arena_bytes);
    for ((op, how), count) in calls {
        println!("  {count:5} {op} by {how}");
    }
    for call in description.calls.iter().filter(|call| call.how == "reference") {
        println!("  reference: node '{}' ({}) {}", call.node, call.op, call.outputs.join(", "));
    }
    let mut taken = Vec::new();
    for seed in 1..=u64::from(arguments.runs) {
        taken.push(engine.time(&fresh(case, &inputs, seed, None)?)?);
    }
    let times = times(taken, engine.open_seconds).context("no runs")?;
    println!(
        "  first run {:.3} ms, then min {:.3} ms, median {:.3} ms",
        first_seconds * 1e3,
        times.min_ms,
        times.median_ms
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (given, min, median) in [(vec![3, 1, 2], 1.0, 2.0), (vec![4, 1, 2, 3], 1.0, 2.5), (vec![7], 7.0, 7.0)] {
            let found = times(given.iter().map(|ms| ms * 1_000_000).collect(), 0.0).unwrap();
            assert_eq!((found.min_ms, found.median_ms), (min, median), "{given:?}");
        }
        assert!(times(Vec::new(), 0.0).is_none());
    }
}
