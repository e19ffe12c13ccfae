//! The search for the layers that go back, so that the answers agree as much as is asked.

use super::{
    ROWS_BESIDE, Rows,
    agreement::{Agreement, Measure},
    rewrite::Candidates,
    runner::Runner,
};
use crate::Result;
use hologram_ops::{Tensor, graph::Graph};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// What is searched through.
pub(super) struct Search<'a> {
    pub(super) candidates: Candidates<'a>,
    /// How each output is held against the exact one.
    pub(super) measures: &'a [Measure],
    /// Rows, and the exact answers of each run.
    pub(super) rows: &'a Rows,
    pub(super) exact: &'a [Vec<Tensor>],
    /// The error of each layer's own answers.
    pub(super) errors: &'a [f64],
}

/// What was found.
pub(super) struct Found {
    /// How much the answers agree.
    pub(super) agreement: f64,
    /// The graph that gives them.
    pub(super) graph: Graph,
    /// Layers that are as they were.
    pub(super) back: Vec<usize>,
    /// What the answers lose by each layer alone, where layers had to be chosen.
    pub(super) losses: Option<Vec<f64>>,
}

impl Search<'_> {
    /// The graph with the fewest layers as they were whose answers agree by `asked`; else the layer that did best alone and
    /// how much its answers agree.
    ///
    /// All layers are tried first. If they lose too much, each is tried alone on a few rows, and those that lose most go
    /// back: as many as are needed, by bisection, as if fewer layers in eight bits never lost more.
    pub(super) fn run(&self, asked: f64, tell: &mut dyn FnMut()) -> Result<Result<Found, (usize, f64)>> {
        tell();
        let (agreement, graph) = self.agreement(usize::MAX, &|_| true)?;
        if agreement >= asked {
            return Ok(Ok(Found { agreement, graph, back: Vec::new(), losses: None }));
        }
        let count = self.candidates.layers.len();
        if count == 1 {
            return Ok(Err((0, agreement)));
        }
        tell();
        let losses = self.losses()?;
        let mut order: Vec<usize> = (0..count).collect();
        // Of layers that lose as much, such as no label, the one goes first whose own answers err more.
        let more = |by: &[f64], a: usize, b: usize| by[b].total_cmp(&by[a]);
        order.sort_by(|a, b| more(&losses, *a, *b).then(more(self.errors, *a, *b)));
        let mut attempt = |stepped_back: usize| {
            tell();
            self.agreement(usize::MAX, &|i| !order[..stepped_back].contains(&i))
        };
        let (mut low, mut high) = (1, count - 1);
        let mut best = attempt(high)?;
        if best.0 < asked {
            return Ok(Err((order[high], best.0)));
        }
        while low < high {
            let middle = usize::midpoint(low, high);
            let found = attempt(middle)?;
            if found.0 < asked {
                low = middle + 1;
            } else {
                (high, best) = (middle, found);
            }
        }
        let (agreement, graph) = best;
        Ok(Ok(Found { agreement, graph, back: order[..low].to_vec(), losses: Some(losses) }))
    }

    /// What the answers to a few rows lose by each layer alone, on all cores.
    fn losses(&self) -> Result<Vec<f64>> {
        let (count, few) = (self.candidates.layers.len(), self.runs_of(ROWS_BESIDE));
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<(usize, Result<f64>)>> = Mutex::default();
        let work = || {
            loop {
                let own = next.fetch_add(1, Ordering::Relaxed);
                if own >= count {
                    return;
                }
                let loss = self.agreement(few, &|i| i == own).map(|(agreement, _)| 1.0 - agreement);
                found.lock().unwrap_or_else(PoisonError::into_inner).push((own, loss));
            }
        };
        let helpers = std::thread::available_parallelism().map_or(1, usize::from).min(count) - 1;
        std::thread::scope(|scope| {
            (0..helpers).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(own, _)| *own);
        found.into_iter().map(|(_, loss)| loss).collect()
    }

    /// Runs that have so many rows together, at least one.
    fn runs_of(&self, rows: u64) -> usize {
        let mut count = 0;
        let enough = self.rows.runs.iter().position(|inputs| {
            count += super::rows_of(inputs);
            count >= rows
        });
        enough.map_or(self.rows.runs.len(), |last| last + 1)
    }

    /// How much the answers agree on the first runs, with the chosen layers quantized; and the graph that gives them.
    fn agreement(&self, runs: usize, is_chosen: &dyn Fn(usize) -> bool) -> Result<(f64, Graph)> {
        let graph = self.candidates.rewritten(is_chosen)?;
        let runner = Runner::new(&graph, self.candidates.registry)?;
        let mut agreements: Vec<Agreement> = self.measures.iter().map(|measure| Agreement::new(*measure)).collect();
        for (inputs, exact) in self.rows.runs.iter().zip(self.exact).take(runs) {
            for ((agreement, exact), other) in agreements.iter_mut().zip(exact).zip(runner.run(inputs)?) {
                agreement.note(exact, &other)?;
            }
        }
        Ok((agreements.iter().map(Agreement::value).fold(1.0, f64::min), graph))
    }
}
