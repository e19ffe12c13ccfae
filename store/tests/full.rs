//! A disk without room: the writer gets an error, readers keep everything, and after a new start nothing that was
//! acknowledged is gone.
//!
//! The disk is a file system of 16 MiB in memory where this process may mount one; elsewhere the system's limit on the size
//! of files stands in for it. The test says which. It starts itself as the writer.

#![cfg(all(feature = "mmap", unix))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did"
)]

use arrow_array::{RecordBatch, UInt32Array, cast::AsArray, types::UInt32Type};
use hologram_store::{
    Batch, Coordinate, Error,
    tier::sd::{PutOptions, Sd, SdOptions},
};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

const FOLDER: &str = "HOLOGRAM_FULL_FOLDER";
const STEP: u64 = 97 << 10;
const DISK: u64 = 16 << 20;

fn options() -> SdOptions {
    SdOptions { segment_bytes: 1 << 20, ..SdOptions::default() }
}

fn batch(value: u32) -> Batch {
    let numbers = UInt32Array::from(vec![value; 18_000]);
    Batch::new(RecordBatch::try_from_iter([("number", Arc::new(numbers) as _)]).unwrap())
}

fn value(batch: &Batch) -> u32 {
    batch.records().column(0).as_primitive::<UInt32Type>().value(0)
}

/// Writes until the disk is full, then reads everything; prints what was acknowledged.
fn fill(folder: &Path) {
    let sd = match Sd::open(folder, options()) {
        Ok(sd) => sd,
        // Not even the first file fits.
        Err(Error::Exhausted(_) | Error::Unavailable { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let mut there = BTreeMap::new();
    let mut refused = 0;
    for round in 0..1_200_u32 {
        let key = round % 300;
        match sd.insert(&key.into(), &batch(round), PutOptions { durable: true, ..PutOptions::default() }) {
            Ok(_) => {
                there.insert(key, round);
                println!("put {key} {round}");
            }
            Err(Error::Exhausted(what)) => {
                assert!(what.contains("free some space"), "{what}");
                refused += 1;
            }
            // A limit on files, or a sync without room: the log takes nothing more until it is opened again.
            Err(Error::Unavailable { .. }) => refused += 1,
            Err(error) => panic!("round {round}: {error}"),
        }
        if refused > 20 {
            break;
        }
    }
    assert!(refused > 0, "the disk was never full");
    for (key, round) in &there {
        let found = sd.find(&(*key).into()).unwrap_or_else(|error| panic!("key {key} on a full disk: {error}"));
        assert_eq!(found.map(|(batch, _)| value(&batch)), Some(*round), "key {key} on a full disk");
    }
    println!("refused {refused}");
}

/// Runs the writer with this much room, and looks at what it left; how many puts it acknowledged.
fn round(folder: &Path, limit: Option<u64>) -> usize {
    let mut writer = Command::new("bash");
    // A file that may not grow is an error for the writer, not its end.
    let limit = limit.map_or(String::new(), |bytes| format!("trap '' XFSZ; ulimit -f {};", bytes / 1024));
    writer.args(["-c", &format!("{limit} exec \"$0\" --exact a_full_disk_loses_nothing --nocapture")]);
    writer.arg(std::env::current_exe().unwrap()).env(FOLDER, folder).stdout(Stdio::piped());
    let done = writer.output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{text}\n{}", String::from_utf8_lossy(&done.stderr));
    let mut acknowledged = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.split("put ").nth(1)) {
        let (key, value) = line.split_once(' ').unwrap();
        acknowledged.insert(key.parse::<u32>().unwrap(), value.parse::<u32>().unwrap());
    }
    // There is room again.
    fs::remove_file(folder.join("../ballast")).ok();
    let sd = Sd::open(folder, options()).unwrap();
    for (key, round) in &acknowledged {
        let found = sd.find(&(*key).into()).unwrap_or_else(|error| panic!("key {key}: {error}"));
        let found = found.map(|(batch, _)| value(&batch));
        assert!(found.is_some_and(|found| found >= *round), "key {key}: {found:?}, acknowledged {round}");
    }
    let at = Coordinate::from(1_000_u32);
    sd.insert(&at, &batch(7), PutOptions { durable: true, ..PutOptions::default() }).unwrap();
    assert!(sd.verify().is_empty() && sd.find(&at).unwrap().is_some(), "it takes batches again");
    acknowledged.len()
}

#[test]
fn a_full_disk_loses_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return fill(Path::new(&folder));
    }
    let rounds = std::env::var("HOLOGRAM_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6_u64);
    let base = tempfile::tempdir().unwrap();
    let mount = |what: &[&str]| Command::new(what[0]).args(&what[1..]).arg(base.path()).output();
    let size = format!("size={DISK}");
    let is_mounted = mount(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs"]).is_ok_and(|done| done.status.success());
    println!("{}", if is_mounted { "a file system of 16 MiB" } else { "a limit on the size of files" });
    let mut acknowledged = 0;
    for number in 0..rounds {
        let folder = base.path().join("kept");
        fs::create_dir(&folder).unwrap();
        // From no room at all to nearly everything, in steps that meet every kind of write.
        let room = (number * STEP) % (DISK - (1 << 20));
        let limit = if is_mounted {
            fs::write(base.path().join("ballast"), vec![1; (DISK - room) as usize]).ok();
            None
        } else {
            Some(room)
        };
        acknowledged += round(&folder, limit);
        fs::remove_dir_all(&folder).unwrap();
    }
    if is_mounted {
        let unmounted = mount(&["umount"]).unwrap();
        assert!(unmounted.status.success(), "{}", String::from_utf8_lossy(&unmounted.stderr));
    }
    println!("{rounds} full disks, {acknowledged} puts acknowledged, none lost");
    assert!(acknowledged > 0);
}
