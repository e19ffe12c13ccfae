//! Hologram's store beside caches, maps and durable stores: the same keys and traces, in turn, in one run.
//!
//! Start at [`rounds`] for how, at [`caches`] and [`logs`] for who, and at [`slots`], [`hot`], [`evict`], [`ratio`],
//! [`read`] and [`durable`] for what.

mod arguments;
mod caches;
mod durable;
mod evict;
mod hot;
mod keys;
mod logs;
#[path = "../../src/machine.rs"]
mod machine;
mod ratio;
mod read;
mod redis;
mod report;
mod rounds;
mod slots;
mod threads;
mod traces;

use anyhow::{Context as _, Result};
use arguments::Arguments;
use clap::Parser as _;
use report::Table;

/// What is printed, and of how many targets how many hold.
#[derive(Default)]
struct Score {
    is_markdown: bool,
    asked: usize,
    hold: usize,
}

impl Score {
    fn print(&mut self, text: &str, (asked, hold): (usize, usize)) {
        println!("{text}");
        self.asked += asked;
        self.hold += hold;
    }

    fn tables(&mut self, tables: Vec<Table>) {
        for table in tables {
            self.print(&table.print(self.is_markdown), table.score());
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cores = std::thread::available_parallelism()?;
    println!("{}, {cores} cores; load {} before", machine::processor(), machine::load());
    println!("Hologram {}; {} rounds, interleaved", machine::version(), arguments.rounds());
    println!("targets are of the best round; ratios are of the contestants' numbers in one round\n");
    let mut score = Score { is_markdown: arguments.markdown, ..Score::default() };
    if arguments.wants("slots") {
        score.tables(slots::measure(&arguments)?);
    }
    if arguments.wants("hot") {
        score.tables(hot::measure(&arguments)?);
    }
    if arguments.wants("evict") {
        score.tables(evict::measure(&arguments)?);
    }
    if arguments.wants("ratio") {
        let ratios = ratio::measure(&arguments)?;
        score.print(&ratios.text, ratios.score);
    }
    if arguments.wants("read") || arguments.wants("durable") {
        let folder = tempfile::tempdir_in(&arguments.folder)
            .with_context(|| format!("{}: give a folder by --folder", arguments.folder.display()))?;
        let (stores, notes) = logs::open(folder.path(), arguments.redis.as_deref())?;
        if arguments.wants("read") {
            score.tables(read::measure(&arguments, &stores, &notes)?);
        }
        if arguments.wants("durable") {
            score.tables(durable::measure(&arguments, folder.path(), &stores, &notes)?);
        }
    }
    println!("{} of {} targets hold; load {} after", score.hold, score.asked, machine::load());
    Ok(())
}
