//! Hit ratios on traces, at several sizes, with the same number of batches for everybody.

use crate::{
    arguments::Arguments,
    caches::{Cache, OURS, evicting, hot_tier},
    keys::batch,
    report::{aligned, markdown},
    traces,
};
use anyhow::Result;

/// Batches that a cache has room for.
const SIZES: [usize; 4] = [1_000, 5_000, 10_000, 20_000];

/// The column of ours that is told which gets belong to a scan.
const HINTED: &str = "with hints";

/// The most that ours may lie below the best peer on any trace, in points.
const POINTS_MAX: f64 = 3.0;

/// What was found: lines to print, and of how many targets how many hold.
pub(crate) struct Ratios {
    pub(crate) text: String,
    pub(crate) score: (usize, usize),
}

/// One trace at one size: hit ratios in percent, in the order of the columns.
struct Row {
    name: String,
    percents: Vec<f64>,
    optimum: f64,
}

/// Measures.
///
/// # Errors
/// None in practice.
pub(crate) fn measure(arguments: &Arguments) -> Result<Ratios> {
    let length = arguments.size(1_000_000, 20_000);
    let batch = batch(8, 0)?;
    let names: Vec<&str> =
        [OURS, HINTED].into_iter().chain(evicting(1_000, &batch).iter().skip(1).map(|(name, _)| *name)).collect();
    let mut rows = Vec::new();
    for trace in traces::all(length) {
        let percent = |hits: usize| hits as f64 * 100.0 / trace.accesses.len() as f64;
        for size in SIZES {
            let follow = |cache: &dyn Cache, hints| percent(cache.follow(&trace.accesses, &batch, hints));
            let mut percents: Vec<f64> =
                evicting(size, &batch).iter().map(|(_, cache)| follow(&**cache, false)).collect();
            percents.insert(1, follow(&hot_tier(size, &batch), true));
            let optimum = percent(traces::optimum(&trace.accesses, size));
            rows.push(Row { name: format!("{} {size}", trace.name), percents, optimum });
        }
    }
    let mut cells = vec![heading(&names)];
    cells.extend(rows.iter().map(|row| line(&row.name, &row.percents, row.optimum)));
    let mean = |values: &dyn Fn(&Row) -> f64| rows.iter().map(values).sum::<f64>() / rows.len() as f64;
    let means: Vec<f64> = (0..names.len()).map(|column| mean(&|row| row.percents[column])).collect();
    cells.push(line("mean", &means, mean(&|row| row.optimum)));
    let mut lines = if arguments.markdown { markdown(&cells) } else { aligned(&cells) };
    let bullet = if arguments.markdown { "- " } else { "  " };
    if arguments.markdown {
        lines.push(String::new());
    }

    // Peers are told nothing of scans, so ours without hints is what is compared.
    let peers = 2..names.len();
    let Some(best) = peers.clone().max_by(|a, b| means[*a].total_cmp(&means[*b])) else {
        return Ok(Ratios { text: String::new(), score: (0, 0) });
    };
    let behind = |row: &&Row| peers.clone().map(|peer| row.percents[peer]).fold(0.0, f64::max) - row.percents[0];
    let worst = rows.iter().max_by(|a, b| behind(a).total_cmp(&behind(b)));
    let (worst_name, worst_points) = worst.map_or(("", 0.0), |row| (row.name.as_str(), behind(&row)));
    let targets = [
        (
            format!("mean >= the best peer's ({}): {:.2} and {:.2}", names[best], means[0], means[best]),
            means[0] >= means[best],
        ),
        (
            format!("never more than {POINTS_MAX} points below the best: {worst_points:.2} at {worst_name}"),
            worst_points <= POINTS_MAX,
        ),
    ];
    for (asked, holds) in &targets {
        lines.push(format!("{bullet}{asked}: {}", if *holds { "holds" } else { "MISSED" }));
    }
    lines.push(format!("{bullet}{length} gets a trace; hints: what a scan misses is not kept; optimum: Belady's"));
    let score = (targets.len(), targets.iter().filter(|(_, holds)| *holds).count());
    Ok(Ratios { text: lines.join("\n") + "\n", score })
}

fn heading(names: &[&str]) -> Vec<String> {
    ["hits in percent"].into_iter().chain(names.iter().copied()).chain(["optimum"]).map(str::to_owned).collect()
}

fn line(name: &str, percents: &[f64], optimum: f64) -> Vec<String> {
    let numbers = percents.iter().chain([&optimum]).map(|percent| format!("{percent:.2}"));
    std::iter::once(name.to_owned()).chain(numbers).collect()
}
