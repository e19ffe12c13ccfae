//! A process is killed at any moment: the store opens, and everything that it had acknowledged is there.
//!
//! The test starts itself as the process that is killed. A plain run takes a few rounds; `HOLOGRAM_ROUNDS=1000 cargo test
//! -p hologram-store --test kill` as many as asked for.

#![cfg(feature = "mmap")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the process that is killed tells by its output what it acknowledged"
)]

use arrow_array::{Array, RecordBatch, UInt32Array, cast::AsArray, types::UInt32Type};
use hologram_store::{
    Batch, Coordinate,
    tier::sd::{PutOptions, Sd, SdOptions},
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

const FOLDER: &str = "HOLOGRAM_KILL_FOLDER";
const KEYS: u32 = 40;

fn options() -> SdOptions {
    // Small, so that segments end and are compacted all the time.
    SdOptions { budget_bytes: 1 << 24, segment_bytes: 1 << 16, salvage: false }
}

fn batch(step: u32) -> Batch {
    let column = Arc::new(UInt32Array::from(vec![step; 1 + step as usize % 300])) as Arc<dyn Array>;
    Batch::new(RecordBatch::try_from_iter([("step", column)]).unwrap())
}

/// The process that is killed: puts and removes, and says so when it is durable.
fn write_until_killed(folder: &Path) {
    let sd = Sd::open(folder, options()).unwrap();
    let durable = PutOptions { durable: true, ..PutOptions::default() };
    let first = sd.scan(..).map(|(_, version, _)| version as u32).max().unwrap_or(0);
    for step in first + 1.. {
        let key = step.wrapping_mul(2_654_435_761) % KEYS;
        println!("begin {key} {step}");
        std::io::stdout().flush().unwrap();
        if step % 11 == 0 {
            sd.delete(&Coordinate::from(key), durable).unwrap();
            println!("removed {key} {step}");
        } else {
            sd.insert(&Coordinate::from(key), &batch(step), durable).unwrap();
            println!("put {key} {step}");
        }
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return write_until_killed(folder.as_ref());
    }
    let rounds: u32 = std::env::var("HOLOGRAM_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(12);
    let folder = tempfile::tempdir().unwrap();
    // What was acknowledged for each key, and what was under way when the process was killed.
    let mut acknowledged: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    let mut steps = 0;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "nothing_acknowledged_is_lost", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let killer_after = Duration::from_millis(u64::from(round * 37 % 90) + 20);
        let stdout = child.stdout.take().unwrap();
        let reader =
            std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(killer_after);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut under_way = None;
        for line in reader.join().unwrap() {
            // The test runner's own line may stand before the first of ours.
            let words: Vec<&str> = line.split_whitespace().collect();
            let [.., what, key, step] = words[..] else { continue };
            let (Ok(key), Ok(step)) = (key.parse::<u32>(), step.parse::<u32>()) else { continue };
            match what {
                "begin" => under_way = Some((key, step)),
                "put" | "removed" => {
                    acknowledged.insert(key, (what == "put").then_some(step));
                    under_way = None;
                    steps += 1;
                }
                _ => {}
            }
        }
        let sd = Sd::open(folder.path(), options()).unwrap();
        for key in 0..KEYS {
            let found = sd.find(&Coordinate::from(key)).unwrap();
            let found = found.map(|(batch, _)| batch.records().column(0).as_primitive::<UInt32Type>().value(0));
            let expected = acknowledged.get(&key).copied().flatten();
            let may_be_newer = under_way.is_some_and(|(other, step)| {
                other == key && (found == Some(step) || step % 11 == 0 && found.is_none())
            });
            assert!(
                found == expected || may_be_newer,
                "round {round}, key {key}: {found:?}, {expected:?} was acknowledged"
            );
            acknowledged.insert(key, found);
        }
    }
    println!("{rounds} kills, {steps} acknowledged changes, none lost");
    assert!(steps > rounds, "{steps} changes in {rounds} rounds");
}
